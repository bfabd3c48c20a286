"""When a camera is tried again: for ever, eagerly at first, never a whole site at once, at least every 5 s."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest

from hub.clock import US_PER_S, ManualClock
from hub.errors import SourceError
from hub.ingest.retry import Retry
from hub.model import Expected, MediaSink, RtspSource, Stream, StreamKind
from hub.monitor.detector import InterruptionDetector
from hub.monitor.rules import DetectorRules
from hub.monitor.vitals import Flow
from hub.pipeline import Pipeline, Rooms
from tests.unit.ingest_rtp import idr, make, packet
from tests.unit.monitor_script import Script, stream

HOUR_S = 3600.0


def waits(retry: Retry, clock: ManualClock, until_s: float, attempt_s: float = 0.01) -> list[tuple[float, float]]:
    """(when, how long) of each wait of a camera that is away for so long. Each attempt fails after ``attempt_s``."""
    found = []
    began_us = clock.mono_us
    while (at_us := clock.mono_us - began_us) < until_s * US_PER_S:
        delay_s = retry.delay_s(clock.advance(attempt_s))
        found.append((at_us / US_PER_S, delay_s))
        clock.advance(delay_s)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_every_half_second_for_half_a_minute_then_up_to_five_seconds_for_ever(seed: int) -> None:
    found = waits(Retry(random.Random(seed)), ManualClock(), HOUR_S)
    eager = [delay for at, delay in found if at < 30]
    assert 50 <= len(eager) <= 75
    assert all(0.4 <= delay <= 0.6 for delay in eager)
    late = [delay for at, delay in found if at > 120]
    assert all(3.9 <= delay <= 5.0 for delay in late)
    assert len(late) > 600, "it never gives up"
    between = [delay for at, delay in found if 30 < at < 60]
    assert between[0] < 1.0, "it slows down by and by"
    assert min(between[-3:]) > 2.0


def test_cameras_that_fail_together_do_not_come_back_together() -> None:
    delays = [waits(Retry(random.Random(seed)), ManualClock(), HOUR_S)[40:60] for seed in range(20)]
    for attempts in zip(*delays, strict=True):
        assert len({round(at, 2) for at, _ in attempts}) > 10


def test_a_camera_that_hangs_for_ten_seconds_each_time_is_asked_as_often_as_it_can_be() -> None:
    found = waits(Retry(random.Random(1)), ManualClock(), 28.0, attempt_s=10.0)
    assert all(delay <= 0.6 for _, delay in found)


def test_media_makes_the_next_failure_a_first_one() -> None:
    clock = ManualClock()
    retry = Retry(random.Random(1))
    waits(retry, clock, 600)
    retry.succeeded()
    assert all(delay <= 0.6 for _, delay in waits(retry, clock, 29))


class Moving(ManualClock):
    """Sleeping moves it; what was slept is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


class Camera:
    """Refuses, but for one attempt that delivers a picture before it breaks; stops the test at the end."""

    def __init__(self, works_at: int, ends_at: int) -> None:
        self.attempt = 0
        self._works_at = works_at
        self._ends_at = ends_at

    async def run_once(self, sink: MediaSink) -> str:
        self.attempt += 1
        if self.attempt == self._ends_at:
            raise asyncio.CancelledError
        if self.attempt == self._works_at:
            track, picture = make()
            track.receive(packet(idr(), 0, 0, marker=True), ManualClock().now())
            sink.unit(picture.units[0])
        raise SourceError("cannot connect", code="unreachable")


async def test_the_pipeline_tries_again_whatever_happens() -> None:
    clock = Moving()
    camera = Camera(works_at=200, ends_at=230)
    stream = Stream("cam", "cam", StreamKind.WINDOW, RtspSource("rtsp://x/"), 0)
    rooms = cast(Any, SimpleNamespace(clock=clock, flow=Flow()))
    pipeline = Pipeline(
        stream,
        camera,
        InterruptionDetector(stream, DetectorRules()),
        cast(Any, None),
        cast(Rooms, rooms),
        Retry(random.Random(3)),
    )
    with pytest.raises(asyncio.CancelledError):
        await pipeline.run()
    assert len(clock.slept) == 229
    assert max(clock.slept[:50]) <= 0.6
    assert min(clock.slept[150:198]) >= 3.9
    assert max(clock.slept[199:]) <= 0.6, "media came: eager again"
    assert pipeline.condition.attempts == 230
    assert pipeline.condition.complaint is not None
    assert pipeline.condition.complaint[:2] == ("unreachable", "cannot connect")


def test_a_goodbye_is_judged_by_what_is_due_at_that_moment() -> None:
    """An activity ended since the last question of the second, and its recorder says goodbye: that is no break."""
    script = Script(kind=StreamKind.RECORDER)
    answers: list[Expected | None] = [Expected(True)]
    room = cast(Any, Mock())
    rooms = cast(
        Rooms, SimpleNamespace(clock=script.clock, ledger=room, disk=room, settings=room, events=room, flow=Flow())
    )
    pipeline = Pipeline(
        stream(StreamKind.RECORDER), room, script.detector, room, rooms, None, lambda _stream, _at: answers[-1]
    )
    script.open()
    script.play(4)
    pipeline.ask()
    answers.append(None)
    pipeline.goodbye("the device ended the session")
    script.wait(60)
    assert script.changes == []
