"""Scenes for the checks of what pictures show, made by script: coded keyframes, and when something is wrong with them.

Each scene is a hall with furniture, a sensor's noise and people, coded by libx264 or libx265 under a rate control as
cameras have. The first part is as usual, so that a normal can be learnt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from hub.clock import US_PER_S, Instant
from hub.model import AccessUnit, Codec, InterruptionKind, ParameterSets, TrackInfo

Floats = NDArray[np.float32]
Truth = tuple[InterruptionKind, int, int]
"""Kind, from and to, µs from the scene's start."""
ORIGIN_US = 1_760_000_000 * US_PER_S
TRACK = 1
_NOISES = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """What is shown: ``look`` turns the hall's picture at second ``t`` into what reaches the encoder; ``frozen`` are
    spans (s) in which the source repeats its picture. ``gop_s`` is the distance of keyframes, ``kbit`` the rate at
    640 × 360."""

    label: str
    look: Callable[[Hall, float, Floats], Floats] = lambda _hall, _t, picture: picture
    wrong: tuple[tuple[InterruptionKind, float, float], ...] = ()
    frozen: tuple[tuple[float, float], ...] = ()
    noise: float = 2.0
    people: bool = True
    clock: bool = False
    fps: float = 2.0
    gop_s: float = 1.0
    codec: Codec = Codec.H264
    kbit: int = 400
    seconds: float = 90.0


@dataclass(frozen=True, slots=True)
class ContentScene:
    """``keyframes`` as an ingest delivers them, capture times from ``ORIGIN_US`` on."""

    label: str
    track: TrackInfo
    keyframes: tuple[AccessUnit, ...]
    truth: tuple[Truth, ...]
    end_us: int = field(default=0)


class Hall:
    """The scenery: drawn once for a seed and a size."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        self.width, self.height = width, height
        self._rng = np.random.default_rng(seed)
        self.lit = self._furnish()
        self.elsewhere = self._furnish()
        self._noises = [self._rng.normal(0, 1, (height, width)).astype(np.float32) for _ in range(_NOISES)]

    def _furnish(self) -> Floats:
        rng, width, height = self._rng, self.width, self.height
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        picture = 115 + 25 * np.sin(x / width * 4) + 15 * np.cos(y / height * 3)
        for _ in range(70):
            w, h = int(rng.integers(width // 40, width // 6)), int(rng.integers(height // 30, height // 5))
            left, top = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
            picture[top : top + h, left : left + w] = rng.integers(35, 215)
        picture[:, width // 3 : width // 2] += 12 * (x[:, width // 3 : width // 2] % 4 < 2)
        return np.asarray(picture, dtype=np.float32)

    def people(self, picture: Floats, t: float) -> Floats:
        """Two persons who walk through."""
        out = picture.copy()
        for n, speed in enumerate((0.03, 0.011)):
            left = int((0.2 + 0.5 * n + speed * t) % 0.9 * self.width)
            top = self.height // 3
            out[top : top + self.height // 2, left : left + self.width // 14] = 60 + 90 * n
            out[top + self.height // 8 : top + self.height // 6, left : left + self.width // 14] = 170 - 90 * n
        return out

    def noisy(self, picture: Floats, sigma: float) -> Floats:
        if sigma <= 0:
            return picture
        field_ = self._noises[int(self._rng.integers(_NOISES))]
        shift = (int(self._rng.integers(self.height)), int(self._rng.integers(self.width)))
        return np.asarray(picture + sigma * np.roll(field_, shift, (0, 1)), dtype=np.float32)

    def clock(self, picture: Floats, t: float) -> Floats:
        """A clock that is burnt in at the top, another text each second."""
        digits = np.random.default_rng(int(t)).integers(0, 2, (6, 32)) * 219 + 16
        size = max(self.height // 120, 1)
        text = digits.repeat(size, axis=0).repeat(size, axis=1).astype(np.float32)
        out = picture.copy()
        out[4 : 4 + text.shape[0], 4 : 4 + text.shape[1]] = text
        return out


def blurred(picture: Floats, radius: int) -> Floats:
    """Out of focus: three box filters are nearly a disc's."""
    for _ in range(2):
        for axis in (0, 1):
            padded = np.pad(picture, [(radius + 1, radius) if each == axis else (0, 0) for each in (0, 1)], mode="edge")
            sums = np.cumsum(padded, axis=axis, dtype=np.float64)
            ahead = np.take(sums, range(2 * radius + 1, sums.shape[axis]), axis=axis)
            behind = np.take(sums, range(sums.shape[axis] - 2 * radius - 1), axis=axis)
            picture = np.asarray((ahead - behind) / (2 * radius + 1), dtype=np.float32)
    return picture


def _dim(picture: Floats, share: float) -> Floats:
    return np.asarray(16 + (picture - 16) * share, dtype=np.float32)


def _between(
    first: float, last: float, then: Callable[[Hall, Floats], Floats]
) -> Callable[[Hall, float, Floats], Floats]:
    def look(hall: Hall, t: float, picture: Floats) -> Floats:
        return then(hall, picture) if first <= t < last else picture

    return look


def _hand(_hall: Hall, picture: Floats) -> Floats:
    """Skin close before the lens: a soft slope of grey."""
    height, width = picture.shape
    slope = (
        np.linspace(40, 75, width, dtype=np.float32)[None, :] + np.linspace(0, 12, height, dtype=np.float32)[:, None]
    )
    return np.asarray(slope, dtype=np.float32)


def _half_hand(hall: Hall, picture: Floats) -> Floats:
    out = picture.copy()
    out[:, : int(picture.shape[1] * 0.8)] = _hand(hall, picture)[:, : int(picture.shape[1] * 0.8)]
    return out


def _night_lamp(hall: Hall, picture: Floats) -> Floats:
    dark = _dim(picture, 0.05)
    dark[hall.height // 3 : hall.height // 2, hall.width // 2 : hall.width // 2 + hall.width // 8] = 150
    return dark


def _dusk(_hall: Hall, t: float, picture: Floats) -> Floats:
    return _dim(picture, max(1.0 - t / 160, 0.12))


K = InterruptionKind
F, T = 60.0, 80.0
"""When the fault begins and ends, where there is one."""


def clean_plans() -> list[Plan]:
    """Nothing is wrong with these."""
    return [
        Plan("clean"),
        Plan("still hall", people=False, noise=1.0),
        Plan("still hall, weak noise, clock", people=False, noise=0.6, clock=True),
        Plan("strong noise", noise=7.0),
        Plan("slow scene", people=False, look=lambda _hall, t, p: np.roll(p, int(t * 0.5), axis=1)),
        Plan("one picture a second", fps=1, gop_s=2),
        Plan("30 pictures a second", fps=30, gop_s=2, seconds=40),
        Plan("keyframe every 4 s", gop_s=4, fps=1),
        Plan("night window", look=lambda hall, _t, p: _night_lamp(hall, p), noise=4.0),
        Plan("night, weak detail", look=lambda _h, _t, p: _dim(p, 0.12), noise=5.0),
        Plan("lights switched off", look=_between(F, 999, lambda _h, p: _dim(p, 0.15)), noise=3.0),
        Plan("lights off, lamp left", look=_between(F, 999, _night_lamp), noise=3.0),
        Plan("lights switched on", look=_between(0, F, lambda _h, p: _dim(p, 0.15)), noise=3.0),
        Plan("dusk", look=_dusk, seconds=150),
        Plan("camera moved", look=_between(F, 999, lambda hall, _p: hall.elsewhere)),
        Plan("crowd before the lens", look=_between(F, T, _crowd)),
        Plan("hand for a second", look=_between(F, F + 1.2, _hand)),
        Plan("clean H.265", codec=Codec.H265),
        Plan("drawn screen with a moving part", noise=0.0),
    ]


def _crowd(hall: Hall, picture: Floats) -> Floats:
    """People stand close and hide half of the hall; they have edges themselves."""
    out = picture.copy()
    half = hall.width // 2
    out[:, :half] = hall.elsewhere[:, hall.width - half :]
    return out


def faulty_plans() -> list[Plan]:
    """Something is wrong, for the given span."""
    return [
        Plan("black", look=_between(F, T, lambda _h, p: np.full_like(p, 16)), wrong=((K.BLACK, F, T),)),
        Plan("black with name and clock", look=_between(F, T, lambda _h, p: np.full_like(p, 16)),
             wrong=((K.BLACK, F, T),), clock=True),
        Plan("lens cap with noise", look=_between(F, T, lambda _h, p: np.full_like(p, 22)), noise=4.0,
             wrong=((K.BLACK, F, T),)),
        Plan("black for 5 s", look=_between(F, F + 5, lambda _h, p: np.full_like(p, 16)), wrong=((K.BLACK, F, F + 5),)),
        Plan("frozen", frozen=((F, T),), wrong=((K.FROZEN, F, T),)),
        Plan("frozen, clock runs", frozen=((F, T),), wrong=((K.FROZEN, F, T),), clock=True),
        Plan("frozen for 5 s", frozen=((F, F + 5),), wrong=((K.FROZEN, F, F + 5),)),
        Plan("frozen at night", frozen=((F, T),), wrong=((K.FROZEN, F, T),), noise=5.0,
             look=lambda hall, _t, p: _night_lamp(hall, p)),
        Plan("frozen H.265", frozen=((F, T),), wrong=((K.FROZEN, F, T),), codec=Codec.H265),
        Plan("hand over the lens", look=_between(F, T, _hand), wrong=((K.COVERED, F, T),)),
        Plan("hand for 5 s", look=_between(F, F + 5, _hand), wrong=((K.COVERED, F, F + 5),)),
        Plan("hand over most of the lens", look=_between(F, T, _half_hand), wrong=((K.COVERED, F, T),), noise=3.0),
        Plan("paper before the lens", look=_between(F, T, lambda _h, p: np.full_like(p, 190)),
             wrong=((K.COVERED, F, T),)),
        Plan("spray on the lens", look=_between(F, T, lambda _h, p: blurred(p, 24) * 0.5 + 40),
             wrong=((K.COVERED, F, T),)),
        Plan("out of focus", look=_between(F, 999, lambda _h, p: blurred(p, 4)), wrong=((K.BLURRED, F, 150),),
             seconds=150),
    ]  # fmt: skip


def content_scenes(
    width: int = 640, height: int = 360, *, plans: list[Plan] | None = None, seed: int = 1, shift_s: float = 0.0
) -> Iterator[ContentScene]:
    """The corpus, scene by scene. ``shift_s`` moves what is wrong against the keyframes. Costs about a second each."""
    for plan in clean_plans() + faulty_plans() if plans is None else plans:
        yield encode_scene(plan, width, height, seed, shift_s)


def encode_scene(plan: Plan, width: int, height: int, seed: int = 1, shift_s: float = 0.0) -> ContentScene:
    hall = Hall(width, height, seed)
    context = _encoder(plan, width, height)
    units: list[AccessUnit] = []
    before: ParameterSets | None = None
    for packet in _packets(plan, hall, context, shift_s):
        if not packet.is_keyframe:
            continue
        sets, data = _split(bytes(packet), plan.codec)
        before = sets if before is None or sets != before else before
        at_us = round(float(packet.pts or 0) / plan.fps * US_PER_S)
        units.append(_unit(data, before, at_us))
    truth = tuple(
        (kind, round((first + shift_s) * US_PER_S), round((last + shift_s) * US_PER_S))
        for kind, first, last in plan.wrong
    )
    track = TrackInfo(TRACK, plan.codec, 90_000)
    return ContentScene(plan.label, track, tuple(units), truth, round(plan.seconds * US_PER_S))


def _packets(plan: Plan, hall: Hall, context: VideoCodecContext, shift_s: float) -> Iterator[Any]:
    last: Floats | None = None
    for index in range(round(plan.seconds * plan.fps)):
        t = index / plan.fps
        stuck = any(first <= t - shift_s < end for first, end in plan.frozen)
        if not stuck or last is None:
            scenery = hall.people(hall.lit, t) if plan.people else hall.lit
            last = hall.noisy(plan.look(hall, t - shift_s, scenery), plan.noise)
        shown = hall.clock(last, t) if plan.clock else last
        pixels = np.full((hall.height * 3 // 2, hall.width), 128, np.uint8)
        pixels[: hall.height] = np.clip(np.rint(shown), 0, 255)
        frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1) / Fraction(plan.fps)
        yield from context.encode(frame)
    yield from context.encode(None)


def _encoder(plan: Plan, width: int, height: int) -> VideoCodecContext:
    h264 = plan.codec is Codec.H264
    context = VideoCodecContext.create("libx264" if h264 else "libx265", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    rate = Fraction(plan.fps)
    kbit = max(plan.kbit * width * height // (640 * 360), 50)
    context.time_base, context.framerate = 1 / rate, rate
    gop = max(round(plan.gop_s * plan.fps), 1)
    context.bit_rate, context.gop_size, context.max_b_frames, context.thread_count = kbit * 1000, gop, 0, 1
    common = f"keyint={gop}:min-keyint={gop}:scenecut=0:repeat-headers=1:vbv-maxrate={kbit}:vbv-bufsize={kbit}"
    if h264:
        context.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": common, "forced-idr": "1"}
    else:
        quiet = f"{common}:open-gop=0:pools=none:frame-threads=1:log-level=none"
        context.options = {"preset": "ultrafast", "tune": "zerolatency", "x265-params": quiet}
    return context


def _split(data: bytes, codec: Codec) -> tuple[ParameterSets, bytes]:
    """Parameter sets, and the picture as NAL units behind their lengths (ISO/IEC 14496-15 §5.3.4.2)."""
    sets: dict[str, list[bytes]] = {"vps": [], "sps": [], "pps": []}
    names = {7: "sps", 8: "pps"} if codec is Codec.H264 else {32: "vps", 33: "sps", 34: "pps"}
    picture = b""
    for nal in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]:
        number = nal[0] & 0x1F if codec is Codec.H264 else nal[0] >> 1 & 0x3F
        if number in names:
            sets[names[number]].append(nal)
        picture += len(nal).to_bytes(4, "big") + nal
    return ParameterSets(tuple(sets["sps"]), tuple(sets["pps"]), tuple(sets["vps"])), picture


def _unit(data: bytes, sets: ParameterSets, at_us: int) -> AccessUnit:
    ticks = at_us * 9 // 100
    arrival = Instant(ORIGIN_US + at_us, at_us + US_PER_S)
    return AccessUnit(TRACK, data, ticks, ticks, 3600, True, False, ORIGIN_US + at_us, None, arrival, 0, 0, 0, sets)


def later(unit: AccessUnit, by_us: int) -> AccessUnit:
    """The same picture at a later time."""
    arrival = Instant(unit.arrival.utc_us + by_us, unit.arrival.mono_us + by_us)
    return replace(unit, capture_us=unit.capture_us + by_us, arrival=arrival)
