"""The visible mark on a derived copy (派生文件): who got it, when, and which export it is of, burnt into every picture.

The text is set once for a picture's size, as a transparent picture; FFmpeg lays it over each picture, and x264 codes
the result. The footage itself is only read. One thread codes, at a lower priority than what records.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
import typst
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from hub.errors import MediaError, Unavailable
from hub.typesetting import printable, typeset_fonts

CRF = "27"
PRESET = "veryfast"
NICENESS = 5
"""Recording goes first. At 15 the coder starved on a busy machine: 48 s for 5 s of pictures, 5.4 s at 5."""
MAX_SIDE = 8192
_TEMPLATE = """#set page(width: {width}pt, height: {height}pt, margin: 0pt, fill: none)
#set text(font: "Noto Sans SC", lang: "zh")
#let faint = json("mark.json").faint
#let line = json("mark.json").line
#let shown(size, alpha, body) = {{
  place(dx: size * 0.06, dy: size * 0.06, text(size: size, fill: rgb(0, 0, 0, alpha), body))
  place(text(size: size, fill: rgb(255, 255, 255, alpha), body))
}}
#for row in range({rows}) {{
  for column in range({columns}) {{
    place(dx: {step_x}pt * column - {step_x}pt * 0.5 * calc.rem(row, 2), dy: {step_y}pt * row + {step_y}pt * 0.4,
      rotate(-24deg, origin: left + top, box(width: {wide}pt, height: {size}pt * 1.4, shown({size}pt, 64, faint))))
  }}
}}
#place(bottom + left, dx: {small}pt * 0.6, dy: -{small}pt * 0.4,
  box(fill: rgb(0, 0, 0, 150), inset: {small}pt * 0.3, text(size: {small}pt, fill: rgb(255, 255, 255, 235), line)))
"""
_T = TypeVar("_T")
_TICK = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class BurntMark:
    """``faint`` is repeated across the picture, ``line`` stands in its corner."""

    faint: str
    line: str


def mark_picture(mark: BurntMark, width: int, height: int) -> VideoFrame:
    """The mark on nothing, ``rgba``. Raises Unavailable without the fonts, MediaError for a size that is none."""
    if not (16 <= width <= MAX_SIDE and 16 <= height <= MAX_SIDE):
        raise MediaError(f"expected pictures of 16 to {MAX_SIDE} pixels a side, found {width}×{height}")
    size = max(10.0, min(width, height) / 24)
    wide = size * max(8, _width_em(mark.faint))
    step_x, step_y = wide * 0.9, size * 7
    small = _fitting(mark.line, width, max(9.0, min(width, height) / 36))
    template = _TEMPLATE.format(
        width=width, height=height, size=round(size, 2), small=round(small, 2), wide=round(wide + size, 2),
        step_x=round(step_x, 2), step_y=round(step_y, 2), rows=math.ceil(height / step_y) + 2,
        columns=math.ceil(width / step_x) + 2,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="hub-mark-") as folder:
        root = Path(folder)
        (root / "page.typ").write_text(template, encoding="utf-8")
        words: dict[str, Any] = {"faint": mark.faint, "line": mark.line}
        (root / "mark.json").write_text(json.dumps(printable(words), ensure_ascii=False), encoding="utf-8")
        compiler = typst.Compiler(root / "page.typ", root=root, font_paths=typeset_fonts(), ignore_system_fonts=True)
        try:
            png = compiler.compile(format="png", ppi=72.0)
        except typst.TypstError as error:
            raise Unavailable(f"expected the mark to be set, found: {error.message}") from error
    pages = png if isinstance(png, list) else [png]
    assert isinstance(pages[0], bytes)
    with av.open(io.BytesIO(pages[0]), "r") as picture:
        return next(picture.decode(video=0)).reformat(width=width, height=height, format="rgba")


def _width_em(text: str) -> float:
    return sum(1.0 if ord(each) > 0x2E80 else 0.58 for each in text)


def _fitting(text: str, width: int, size: float) -> float:
    return max(6.0, min(size, (width * 0.94) / max(1.0, _width_em(text))))


class Marker:
    """Lays the mark over pictures of one size. For one thread."""

    def __init__(self, mark: BurntMark, width: int, height: int) -> None:
        self.width, self.height = width // 2 * 2, height // 2 * 2
        picture = mark_picture(mark, self.width, self.height)
        self._graph = Graph()
        shape: dict[str, Any] = {"width": self.width, "height": self.height, "time_base": _TICK}
        self._below = self._graph.add_buffer(format=VideoFormat("yuv420p"), **shape)
        above = self._graph.add_buffer(format=VideoFormat("rgba"), **shape)
        overlay = self._graph.add("overlay", "0:0:format=yuv420:eof_action=repeat")
        self._out = self._graph.add("buffersink")
        self._below.link_to(overlay, 0, 0)
        above.link_to(overlay, 0, 1)
        overlay.link_to(self._out)
        self._graph.configure()
        picture.pts, picture.time_base = 0, _TICK
        above.push(picture)
        above.push(None)
        self._next = 0

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """A marked copy, ``yuv420p``; its times are none of the picture's, and the picture loses its own."""
        plain = frame.reformat(width=self.width, height=self.height, format="yuv420p", dst_color_range=ColorRange.MPEG)
        plain.pts, plain.time_base = self._next, _TICK
        self._next += 1
        self._below.push(plain)
        found = self._out.pull()
        assert isinstance(found, VideoFrame)
        return found


def in_the_background(work: Callable[[], _T]) -> _T:
    """The work, done by a thread of its own at low priority: recording never waits for it. Raises what it raises."""
    done: list[_T] = []
    failed: list[BaseException] = []

    def run() -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)  # Linux: of this thread alone
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="marked-copy")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]
