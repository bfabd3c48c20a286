"""Streams without packets: pictures in any rhythm, played to the real detector. Days of them in seconds.

What the demo's devices cannot do: 1 to 30 pictures a second, rates that vary or fall, 4G that holds everything up for
3 s and loses nothing, a window that is not switched on at its opening hour, a device clock that is wrong.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from hub.clock import US_PER_S, Instant
from hub.model import (
    AccessUnit,
    Codec,
    Expected,
    HubClock,
    Interruption,
    InterruptionKind,
    InterruptionState,
    RtspSource,
    SenderReport,
    SessionInfo,
    Stream,
    StreamKind,
    TrackInfo,
)
from hub.monitor.detector import InterruptionDetector
from hub.monitor.rules import DetectorRules

_EPOCH_US = 1_767_225_600 * US_PER_S
_TICK_US = 100_000
_ASK_US = US_PER_S
_TRACK = TrackInfo(1, Codec.H264, 90_000)
_BURST_EVERY_S = 45.0
_MATCH_S = 12.0
"""A low rate must have lasted for 10 s, and is seen over 2 s."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong from when to when, in seconds since the beginning."""

    kind: InterruptionKind
    at_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Rhythm:
    """``rates``: from a second on so many pictures a second; a range: it varies within. ``due_s``: when the calendar
    opens, None: always. ``on_s``: when it connects. ``ahead_s``: from a second on its clock is so far ahead."""

    label: str
    seconds: float
    rates: tuple[tuple[float, float, float], ...]
    seed: int
    bursts_s: float = 0.0
    jitter_s: float = 0.03
    due_s: float | None = None
    on_s: float = 0.0
    ahead: tuple[tuple[float, float], ...] = ()
    wrong: tuple[Wrong, ...] = ()


@dataclass(slots=True)
class Verdict:
    """Of one stream: which wrongs were found (with the delay of the alarm and the error of the edge, s), what was
    confirmed and is no fault, how many suspicions were withdrawn."""

    found: list[tuple[Wrong, float, float]]
    missed: list[Wrong]
    false: list[Interruption]
    withdrawn: int
    units: int


def steady(hours: float, seed: int) -> Iterator[Rhythm]:
    """Clean streams of 1 to 30 pictures a second on 4G that holds everything up for up to 3 s and loses nothing."""
    rates = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30)
    for index, fps in enumerate(rates):
        yield Rhythm(f"{fps} fps, bursts", hours * 3600 / 16, ((0, fps, fps),), seed + index, 3.0, 0.25)
    for index, (low, high) in enumerate(((2, 15), (5, 25), (8, 30))):
        seconds = hours * 3600 / 16
        yield Rhythm(f"{low}-{high} fps, varying", seconds, ((0, low, high),), seed + 50 + index, 2.0, 0.1)


def faulty(seed: int) -> Iterator[Rhythm]:
    """Rates that fall, windows that do not start, clocks that are wrong."""
    rng = random.Random(seed)  # noqa: S311 - simulated weather
    rates: tuple[tuple[float, float, float], ...]
    wrong: tuple[Wrong, ...]
    low, drift, late = InterruptionKind.LOW_RATE, InterruptionKind.DRIFT, InterruptionKind.NOT_STARTED
    for index in range(20):
        fps = rng.choice((10, 12, 15, 20, 25, 30))
        at_s, for_s = 60 + 30 * rng.random(), 20 + 60 * rng.random()
        fallen = fps * rng.uniform(0.12, 0.42)
        rates = ((0.0, fps, fps), (at_s, fallen, fallen), (at_s + for_s, fps, fps))
        wrong = (Wrong(low, at_s, at_s + for_s),)
        yield Rhythm(f"{fps} fps falls to {fallen:.1f}", at_s + for_s + 90, rates, seed + index, wrong=wrong)
    for index in range(10):
        due_s, on_s = 40 + rng.random(), 90 + 60 * rng.random()
        rates = ((0.0, 25.0, 25.0),)
        wrong = (Wrong(late, due_s, on_s),)
        yield Rhythm("not switched on", 300, rates, seed + 20 + index, due_s=due_s, on_s=on_s, wrong=wrong)
    for index in range(10):
        at_s, ahead_s = 60 + 30 * rng.random(), rng.choice((-30.0, -4.0, 3.0, 600.0))
        rates = ((0.0, 15.0, 15.0),)
        wrong = (Wrong(InterruptionKind.STEP, at_s, at_s), Wrong(drift, at_s, 400))
        ahead = ((at_s, ahead_s),)
        yield Rhythm("a wrong clock", 400, rates, seed + 30 + index, ahead=ahead, wrong=wrong)


def judge(rhythm: Rhythm) -> Verdict:
    """Play it, and hold the detector to what is wrong."""
    changes, units = play(rhythm)
    by_id: dict[str, list[Interruption]] = {}
    for change in changes:
        by_id.setdefault(change.id, []).append(change)
    confirmed = [g for g in by_id.values() if any(c.state is InterruptionState.CONFIRMED for c in g)]
    verdict = Verdict([], [], [], len(by_id) - len(confirmed), units)
    for wrong in rhythm.wrong:
        mine = next((group for group in confirmed if _is(group, wrong)), None)
        if mine is None:
            verdict.missed.append(wrong)
            continue
        confirmed.remove(mine)
        delay_s = (mine[0].detected_us - _EPOCH_US) / US_PER_S - wrong.at_s
        verdict.found.append((wrong, delay_s, abs((mine[0].started_us - _EPOCH_US) / US_PER_S - wrong.at_s)))
    verdict.false = [group[-1] for group in confirmed]
    return verdict


def _is(group: list[Interruption], wrong: Wrong) -> bool:
    at_s = (group[0].started_us - _EPOCH_US) / US_PER_S
    wait_s = 80.0 if wrong.kind is InterruptionKind.DRIFT else _MATCH_S
    return group[-1].kind is wrong.kind and -2 <= at_s - wrong.at_s <= wait_s


def play(rhythm: Rhythm) -> tuple[list[Interruption], int]:
    """Every change, and how many pictures there were."""
    stream = Stream(rhythm.label, rhythm.label, StreamKind.WINDOW, RtspSource("rtsp://simulated/1"), _EPOCH_US)
    detector = InterruptionDetector(stream, DetectorRules())
    detector.hub_clock(HubClock("synchronised", 0, 5_000))
    out: list[Interruption] = []
    if rhythm.due_s is None:
        out += detector.opened(_session(0))
    tick_us, ask_us, report_us, units = 0, 0, round(rhythm.on_s * US_PER_S) + US_PER_S, 0
    end_us = round(rhythm.seconds * US_PER_S)
    pictures = _pictures(rhythm)
    arrival_us, captured_us, distance_us = next(pictures)
    while min(tick_us, arrival_us) < end_us:
        if arrival_us <= tick_us:
            if rhythm.due_s is not None and units == 0:
                out += detector.opened(_session(arrival_us))
            out += detector.unit(_unit(captured_us, arrival_us, distance_us))
            units += 1
            arrival_us, captured_us, distance_us = next(pictures)
            continue
        now = Instant(_EPOCH_US + tick_us, tick_us)
        if rhythm.due_s is not None and tick_us >= ask_us:
            ask_us += _ASK_US
            due = tick_us >= rhythm.due_s * US_PER_S
            out += detector.due(Expected(due, _EPOCH_US + round(rhythm.due_s * US_PER_S) if due else None), now)
        if units and tick_us >= report_us:
            report_us += 5 * US_PER_S
            out += detector.sender_report(_report(rhythm, tick_us))
        out += detector.tick(now)
        tick_us += _TICK_US
    return out, units


def _session(at_us: int) -> SessionInfo:
    return SessionInfo("rtsp", "", "", (_TRACK,), Instant(_EPOCH_US + at_us, at_us))


def _report(rhythm: Rhythm, at_us: int) -> SenderReport:
    ahead_s = sum(by_s for from_s, by_s in rhythm.ahead if at_us >= from_s * US_PER_S)
    device_us = _EPOCH_US + at_us + round(ahead_s * US_PER_S)
    now = Instant(_EPOCH_US + at_us, at_us)
    return SenderReport(1, device_us, at_us * 9 // 100, now.utc_us - device_us, now)


def _unit(captured_us: int, arrival_us: int, distance_us: int) -> AccessUnit:
    ticks = captured_us * 9 // 100
    arrival = Instant(_EPOCH_US + arrival_us, arrival_us)
    capture_us = _EPOCH_US + captured_us
    return AccessUnit(
        1, b"", ticks, ticks, distance_us * 9 // 100, True, False, capture_us, None, arrival, ticks, ticks
    )


def _pictures(rhythm: Rhythm) -> Iterator[tuple[int, int, int]]:
    """Arrival, capture and distance of each, in order; without end."""
    rng = random.Random(rhythm.seed)  # noqa: S311 - simulated weather
    captured_s, newest_s = rhythm.on_s, 0.0
    held_s, hold_s = 0.0, rng.expovariate(1 / _BURST_EVERY_S)
    while True:
        low, high = next((low, high) for at_s, low, high in reversed(rhythm.rates) if captured_s >= at_s)
        distance_s = 1 / rng.uniform(low, high)
        captured_s += distance_s
        arrival_s = captured_s + 0.005 + rng.random() ** 3 * rhythm.jitter_s
        if rhythm.bursts_s and captured_s >= hold_s:
            held_s = captured_s + rng.uniform(0, rhythm.bursts_s)
            hold_s = held_s + rng.expovariate(1 / _BURST_EVERY_S)
        if captured_s < held_s:
            arrival_s = max(arrival_s, held_s)
        newest_s = arrival_s = max(arrival_s, newest_s)
        yield round(arrival_s * US_PER_S), round(captured_s * US_PER_S), round(distance_s * US_PER_S)
