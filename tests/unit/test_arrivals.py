"""A stream that is on its way to this node: prepared, and then taken, or not."""

from __future__ import annotations

import asyncio

import pytest

from hub.app import arrivals as module
from hub.app.arrivals import Arrivals
from hub.clock import US_PER_S, Instant, SystemClock
from hub.errors import Conflict, NotFound, SourceError, Unavailable
from hub.ledger.standing import RecoveredStream
from hub.model import MediaSink, RtspSource, SessionInfo, Stream, StreamKind
from tests.unit.test_ingest_gate import TRACKS, Line, Recorded

CAMERA = Stream("cam", "c", StreamKind.WINDOW, RtspSource("rtsp://camera/1"), 0)


class Camera:
    """Shows ten seconds at once and goes on to stand still; ``fails``: it cannot be reached."""

    def __init__(self, fails: bool = False, pictures: bool = True) -> None:
        self.fails = fails
        self.pictures = pictures
        self.connections = 0

    async def run_once(self, sink: MediaSink) -> str:
        self.connections += 1
        try:
            if self.fails:
                raise SourceError("the camera answers 453: not enough bandwidth", code="protocol")
            sink.opened(SessionInfo("rtsp", "camera", "", TRACKS, Instant(0, 0)))
            for _, unit in Line((0,), 0).units(10, 25, 1 << 30, False) if self.pictures else ():
                sink.unit(unit)
            await asyncio.Event().wait()
            return ""
        finally:
            self.connections -= 1


def arrivals(camera: Camera, refusal: str = "", stream: Stream | None = CAMERA) -> Arrivals:
    async def take(_stream_id: str, _epoch: int) -> bool:
        return True

    return Arrivals(SystemClock(), lambda _: stream, lambda _: camera, lambda _: refusal, take)


def left(until_us: int | None) -> RecoveredStream:
    return RecoveredStream("cam", 1, True, until_us, None)


async def recorded(made: Arrivals, camera: Camera) -> Recorded:
    """What a pipeline that begins now is given."""
    sink = Recorded()
    assert isinstance(CAMERA.source, RtspSource)
    task = asyncio.create_task(made.movable(CAMERA, camera).run_once(sink))
    for _ in range(50):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return sink


async def test_an_owner_that_died_before_it_cut_is_followed_from_before_its_last_picture() -> None:
    camera = Camera()
    made = arrivals(camera)
    assert len(await made.prepare("cam", 3)) == 10
    was = made.arrived(CAMERA, left(6_300_000))
    assert was.recorded_until_us is None, "nothing is missing"
    sink = await recorded(made, camera)
    assert sink.numbers(1)[0] == 125, "the keyframe at five seconds"
    assert camera.connections == 0


async def test_what_was_recorded_too_long_ago_leaves_a_hole_that_is_told() -> None:
    camera = Camera()
    made = arrivals(camera)
    await made.prepare("cam", 1)
    was = made.arrived(CAMERA, left(-US_PER_S))
    assert was.recorded_until_us == -US_PER_S
    assert (await recorded(made, camera)).numbers(1)[0] == 0, "and what is held is recorded all the same"


@pytest.mark.parametrize(
    ("made", "refusal", "word"),
    [
        (arrivals(Camera(fails=True)), Conflict, "453"),
        (arrivals(Camera(), refusal="this node drains"), Conflict, "drains"),
        (arrivals(Camera(), stream=None), NotFound, "no such camera"),
    ],
)
async def test_what_cannot_be_prepared_is_refused(made: Arrivals, refusal: type[Exception], word: str) -> None:
    with pytest.raises(refusal, match=word):
        await made.prepare("cam", 1)
    assert made.arrived(CAMERA, left(5)).recorded_until_us == 5


async def test_a_camera_without_keyframes_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PREPARE_S", 0.05)
    camera = Camera(pictures=False)
    with pytest.raises(Conflict, match="no keyframe"):
        await arrivals(camera).prepare("cam", 1)
    assert camera.connections == 0


async def test_who_is_given_nothing_lets_go_and_no_more_than_some_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMING_S", 0.05)
    monkeypatch.setattr(module, "MAX_COMING", 1)
    camera = Camera()
    made = arrivals(camera)
    await made.prepare("cam", 1)
    with pytest.raises(Unavailable, match="already"):
        await made.prepare("cam-2", 1)
    async with asyncio.timeout(5):
        while camera.connections:  # noqa: ASYNC110  it is ended by time
            await asyncio.sleep(0.01)
    assert len(await made.prepare("cam-2", 1)) == 10
    await made.close()
    assert camera.connections == 0
