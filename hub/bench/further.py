"""The kinds that neither packets, rhythms nor scenes bring: a microphone that is dead, a disk that refuses, a hub that
is away. Played to the real detector and the real watch over what a stream holds, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from hub.bench.content import InlineChecks
from hub.clock import US_PER_S, Instant
from hub.model import (
    AccessUnit,
    Codec,
    Interruption,
    InterruptionKind,
    InterruptionState,
    RtspSource,
    SessionInfo,
    Stream,
    StreamKind,
    TrackInfo,
)
from hub.monitor.content.watch import ContentWatch
from hub.monitor.detector import InterruptionDetector
from hub.monitor.rules import DetectorRules

_EPOCH_US = 1_767_225_600 * US_PER_S
_PICTURES = TrackInfo(1, Codec.H264, 90_000)
_SOUND = TrackInfo(1, Codec.PCMA, 8000, 1)
_SOUND_FRAME_US = 200_000
_PICTURE_US = 40_000
_TICK_US = 100_000
_ZERO = b"\xd5" * 160
_QUIET = (0xD5, 0x55, 0xD4)
"""Code words of G.711 A-law next to zero: what the noise of a microphone in an empty hall comes to."""
_SEEN_US = 2 * US_PER_S
"""Sound is listened to this often."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Of one stream: the truth (µs since its beginning; to None: nothing was wrong) and what was said of it."""

    kind: InterruptionKind
    from_us: int
    to_us: int | None
    seconds: float
    changes: Sequence[Interruption]

    @property
    def closed(self) -> list[Interruption]:
        return [change for change in self.changes if change.state is InterruptionState.CLOSED]

    @property
    def mine(self) -> Interruption | None:
        """What was said of the fault: of its kind, with edges not further off than sound is looked at."""
        if self.to_us is None:
            return None
        for one in self.closed:
            if one.kind is self.kind and max(self.edge_errors_us(one)) <= one.edge_error_us + _SEEN_US:
                return one
        return None

    def edge_errors_us(self, one: Interruption) -> tuple[int, int]:
        ended_us = one.ended_us or 0
        return abs(one.started_us - _EPOCH_US - self.from_us), abs(ended_us - _EPOCH_US - (self.to_us or 0))

    def delay_s(self, one: Interruption) -> float:
        return (one.detected_us - _EPOCH_US - self.from_us) / US_PER_S


def played(seed: int, *, hours: float = 2.0, each: int = 20) -> list[Heard]:
    """``each`` faults of every kind, each on a stream of its own, and so many hours of a quiet hall."""
    rng = random.Random(seed)  # noqa: S311 - simulated trouble
    out = [_quiet(rng, hours * 3600 / 4, None) for _ in range(4)]
    for _ in range(each):
        at_s = 60 + 30 * rng.random()
        until_s = at_s + 8 + 60 * rng.random()
        out.append(_quiet(rng, until_s + 30, (at_s, until_s)))
        out.append(_refused(at_s, at_s + 0.5 + 20 * rng.random()))
        out.append(_away(at_s, 1.5 + 120 * rng.random()))
    return out


def _now(at_us: int) -> Instant:
    return Instant(_EPOCH_US + at_us, at_us)


def _unit(track: TrackInfo, at_us: int, distance_us: int, data: bytes = b"") -> AccessUnit:
    ticks, number = at_us * track.timescale // US_PER_S, at_us // distance_us
    length, now = distance_us * track.timescale // US_PER_S, _now(at_us)
    return AccessUnit(track.id, data, ticks, ticks, length, True, False, now.utc_us, None, now, number, number)


def _quiet(rng: random.Random, seconds: float, dead_s: tuple[float, float] | None) -> Heard:
    """An empty hall at night; the microphone gives digital zero from one second to another."""
    changes: list[Interruption] = []
    watch = ContentWatch("further", DetectorRules(), InlineChecks(), changes.extend)
    watch.opened(SessionInfo("rtsp", "", "", (_SOUND,), _now(0)))
    dead_us = (0, 0) if dead_s is None else (round(dead_s[0] * US_PER_S), round(dead_s[1] * US_PER_S))
    for at_us in range(0, round(seconds * US_PER_S), _SOUND_FRAME_US):
        dead = dead_us[0] <= at_us < dead_us[1]
        watch.keyframe(_unit(_SOUND, at_us, _SOUND_FRAME_US, _ZERO if dead else bytes(rng.choices(_QUIET, k=160))))
        watch.tick(_now(at_us))
    watch.ended("over")
    return Heard(InterruptionKind.SILENT, dead_us[0], dead_us[1] or None, seconds, changes)


def _stream() -> Stream:
    return Stream("further", "further", StreamKind.WINDOW, RtspSource("rtsp://simulated/1"), _EPOCH_US)


def _run(detector: InterruptionDetector, from_us: int, to_us: int) -> list[Interruption]:
    out: list[Interruption] = []
    tick_us = from_us
    for at_us in range(from_us, to_us, _PICTURE_US):
        out += detector.unit(_unit(_PICTURES, at_us, _PICTURE_US))
        if at_us >= tick_us:
            tick_us += _TICK_US
            out += detector.tick(_now(at_us))
    return out


def _session(at_us: int) -> SessionInfo:
    return SessionInfo("rtsp", "", "", (_PICTURES,), _now(at_us))


def _refused(at_s: float, until_s: float) -> Heard:
    """The disk takes nothing for a while."""
    at_us, until_us, end_us = (round(s * US_PER_S) for s in (at_s, until_s, until_s + 40))
    detector = InterruptionDetector(_stream(), DetectorRules())
    changes = detector.opened(_session(0)) + _run(detector, 0, at_us)
    changes += detector.storage(False, _now(at_us)) + _run(detector, at_us, until_us)
    changes += detector.storage(True, _now(until_us)) + _run(detector, until_us, end_us)
    return Heard(InterruptionKind.STORAGE, at_us, until_us, end_us / US_PER_S, changes)


def _away(at_s: float, for_s: float) -> Heard:
    """The hub is killed, and another one takes the stream up: on monotonic time that begins anew."""
    at_us, until_us = round(at_s * US_PER_S), round((at_s + for_s) * US_PER_S)
    before = InterruptionDetector(_stream(), DetectorRules())
    changes = before.opened(_session(0)) + _run(before, 0, at_us)
    after = InterruptionDetector(_stream(), DetectorRules(), recorded_until_us=_EPOCH_US + at_us)
    changes += after.tick(_now(until_us - US_PER_S)) + after.opened(_session(until_us))
    changes += _run(after, until_us, until_us + 40 * US_PER_S)
    return Heard(InterruptionKind.HUB, at_us, until_us, until_us / US_PER_S + 40, changes)
