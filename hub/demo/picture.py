"""What the simulated devices see: a street or a counter with people passing, a clock and a name.

All motion is a whole number of turns per loop, so the last picture flows into the first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.demo.frame_code import STRIP_PARTS, frame_number, write_frame_number
from hub.demo.strokes import text

Plane = NDArray[np.uint8]
_Box = tuple[int, int, int, int]  # top, bottom, left, right, in pixels
_NOISE_PX = 512
_NOISE_LEVEL = 5  # ± of luma: a sensor's grain, which also makes a loop cost the bits it claims
_INK, _PLATE = 228, 34
_SKIN, _SKIN_CB, _SKIN_CR = 172, 112, 146


@dataclass(frozen=True, slots=True)
class _Walker:
    turns: int  # crossings in one loop; below 0 from right to left
    phase: float
    size: float  # height, in parts of the picture's
    depth: float  # where the feet stand, 0 at the top and 1 at the foot of the picture
    luma: int
    tint: tuple[int, int]


class Scene:
    """The pictures of one device's loop. ``frames`` is the loop's length, ``device`` its look."""

    def __init__(self, width: int, height: int, frames: int, fps: int, device: int = 0, title: str = "") -> None:
        if width % 2 or height % 2:
            raise ValueError(f"expected an even width and height (4:2:0), found {width}x{height}")
        self.width, self.height, self.frames, self.fps, self.device = width, height, frames, fps, device
        random = np.random.default_rng(1000 + device)
        self._noise = random.integers(0, 2 * _NOISE_LEVEL + 1, (_NOISE_PX * 2, _NOISE_PX * 4), dtype=np.uint8)
        self._luma = self._background()
        hue = 2 * math.pi * (device * 0.381966 % 1.0)
        self._cb, self._cr = round(128 + 9 * math.cos(hue)), round(128 + 9 * math.sin(hue))
        self._name = title or f"CAM {device:02d}"
        self._plates = [self._blend(self._luma, self._name, 0.03, 0.04, 0.085)]
        self._walkers = [
            _Walker(
                turns=max(round(frames / fps / random.uniform(11, 22)), 1) * (1 if random.random() < 0.5 else -1),
                phase=float(random.random()),
                size=0.26 + 0.2 * lane,
                depth=0.62 + 0.28 * lane,
                luma=int(random.integers(50, 190)),
                tint=(int(random.integers(85, 172)), int(random.integers(85, 172))),
            )
            for lane in (0.1, 0.4, 0.65, 0.95)
        ]

    def picture(self, index: int) -> Plane:
        """Picture ``index`` of the loop as yuv420p, shape (height · 3/2, width)."""
        height, width = self.height, self.width
        quarter = height // 2 * (width // 2)
        canvas = np.empty((height * 3 // 2, width), dtype=np.uint8)
        luma = canvas[:height]
        luma[:] = self._luma
        chroma = canvas[height:].reshape(-1)
        cb, cr = (chroma[n * quarter : (n + 1) * quarter].reshape(height // 2, width // 2) for n in (0, 1))
        cb[:], cr[:] = self._cb, self._cr
        turn = (index % self.frames) / self.frames
        for walker in self._walkers:
            self._draw_walker(luma, cb, cr, walker, turn)
        self._add_noise(luma, index)
        grey = [*self._plates, self._draw_clock(luma, index), self._draw_second_bar(luma, index)]
        write_frame_number(luma, frame_number(self.device, index))
        grey.append((height - height // STRIP_PARTS, height, 0, width))
        for top, bottom, left, right in grey:
            for plane in (cb, cr):
                plane[top // 2 : bottom // 2, left // 2 : right // 2] = 128
        return canvas

    def _background(self) -> Plane:
        """A wall that fades, a counter or a pavement, and window panes."""
        height, width = self.height, self.width
        rows = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
        columns = np.linspace(0.0, 1.0, width, dtype=np.float32)[None, :]
        lean = 0.3 + 0.1 * (self.device % 5)
        luma = 150 - 60 * rows + 30 * np.sin(3 * (columns + lean * rows) + self.device)
        floor = int(height * 0.6)
        luma[floor:] = 90 + 40 * rows[floor:] + 8 * np.sign(np.sin(40 * columns / (0.4 + rows[floor:])))
        panes = 3 + self.device % 3
        for pane in range(panes):
            left = int(width * (0.08 + pane * 0.86 / panes))
            right = left + int(width * 0.62 / panes)
            luma[int(height * 0.2) : int(height * 0.5), left:right] += 28
            luma[int(height * 0.345) : int(height * 0.355), left:right] -= 50
        wall: Plane = np.clip(luma, 30, 210).astype(np.uint8)
        return wall

    def _blend(self, luma: Plane, characters: str, x: float, y: float, size: float) -> _Box:
        """Light text on a dark plate; place and size in parts of the picture. Returns the plate."""
        # An upright picture is narrow: its text follows the width.
        mask = text(characters, max(int(min(self.height, self.width * 9 / 16) * size), 10))
        top, left = int(self.height * y), int(self.width * x)
        target = luma[top : top + mask.shape[0], left : left + mask.shape[1]]
        mask = mask[: target.shape[0], : target.shape[1]]
        target[:] = (_PLATE + mask * (_INK - _PLATE)).astype(np.uint8)
        return top, top + target.shape[0], left, left + target.shape[1]

    def _draw_clock(self, luma: Plane, index: int) -> _Box:
        total_ms = (index % self.frames) * 1000 // self.fps
        minutes, milliseconds = divmod(total_ms, 60_000)
        hours, minutes = divmod(minutes, 60)
        clock = f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"
        return self._blend(luma, clock, 0.03, 0.76, 0.15)

    def _draw_second_bar(self, luma: Plane, index: int) -> _Box:
        """A bar that fills once a second: the eye sees a stall at once."""
        top, bottom = int(self.height * 0.915), int(self.height * 0.935)
        left, right = int(self.width * 0.03), int(self.width * 0.97)
        luma[top:bottom, left:right] = _PLATE
        luma[top:bottom, left : left + (right - left) * (index % self.fps + 1) // self.fps] = _INK
        return top, bottom, left, right

    def _add_noise(self, luma: Plane, index: int) -> None:
        random = np.random.default_rng((self.device << 20) + index % self.frames)
        for top in range(0, self.height, _NOISE_PX):
            band = luma[top : top + _NOISE_PX]
            for left in range(0, self.width, _NOISE_PX * 2):
                part = band[:, left : left + _NOISE_PX * 2]
                dy, dx = int(random.integers(0, _NOISE_PX)), int(random.integers(0, _NOISE_PX * 2))
                part += self._noise[dy : dy + part.shape[0], dx : dx + part.shape[1]]

    def _draw_walker(self, luma: Plane, cb: Plane, cr: Plane, walker: _Walker, turn: float) -> None:
        span = 1.3
        place = ((turn * walker.turns + walker.phase) % 1.0) * span - 0.15
        size = self.height * walker.size
        bob = 0.015 * size * math.sin(2 * math.pi * turn * self.frames / self.fps)
        x, foot = self.width * place, self.height * walker.depth + bob
        self._ellipse(luma, x, foot - size * 0.42, size * 0.17, size * 0.36, walker.luma)
        self._ellipse(cb, x / 2, (foot - size * 0.42) / 2, size * 0.085, size * 0.18, walker.tint[0])
        self._ellipse(cr, x / 2, (foot - size * 0.42) / 2, size * 0.085, size * 0.18, walker.tint[1])
        self._ellipse(luma, x, foot - size * 0.87, size * 0.1, size * 0.12, _SKIN)
        self._ellipse(cb, x / 2, (foot - size * 0.87) / 2, size * 0.05, size * 0.06, _SKIN_CB)
        self._ellipse(cr, x / 2, (foot - size * 0.87) / 2, size * 0.05, size * 0.06, _SKIN_CR)

    @staticmethod
    def _ellipse(plane: Plane, x: float, y: float, half_width: float, half_height: float, value: int) -> None:
        top, bottom = max(int(y - half_height), 0), min(int(y + half_height) + 1, plane.shape[0])
        left, right = max(int(x - half_width), 0), min(int(x + half_width) + 1, plane.shape[1])
        if top >= bottom or left >= right:
            return
        rows = ((np.arange(top, bottom, dtype=np.float32) - y) / half_height)[:, None]
        columns = ((np.arange(left, right, dtype=np.float32) - x) / half_width)[None, :]
        inside = rows * rows + columns * columns <= 1.0
        plane[top:bottom, left:right][inside] = value


def black(width: int, height: int) -> Plane:
    """A black picture without any label, yuv420p, shape (height · 3/2, width): the lens cap."""
    canvas = np.full((height * 3 // 2, width), 128, dtype=np.uint8)
    canvas[:height] = 16
    return canvas
