"""Sub-streams are pulled while somebody watches, end ten seconds later, and never say more than their tiles hear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from hub.clock import Instant, ManualClock
from hub.errors import SourceError
from hub.model import MediaSink, RtspSource, SessionInfo, Stream, StreamKind
from hub.monitor.live import LiveFeed
from hub.monitor.viewer import LiveKind, Viewer
from hub.preview import LINGER_US, REFUSED_US, Previews
from tests.segmenter_media import VIDEO_INFO, pictures

SUB = RtspSource("rtsp://10.0.0.9/102")
CAM = Stream("cam", "c", StreamKind.WINDOW, RtspSource("rtsp://10.0.0.9/101"), 0, preview=SUB)


class Peer:
    """A camera's sub-stream: hands out its sink, and ends or fails when told."""

    def __init__(self, address: RtspSource) -> None:
        self.address = address
        self.sink: MediaSink | None = None
        self.cancelled = False
        self._end: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run_once(self, sink: MediaSink) -> str:
        self.sink = sink
        try:
            return await self._end
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    def fail(self, code: str) -> None:
        self._end.set_exception(SourceError("no", code=code))

    def deliver(self) -> None:
        assert self.sink is not None
        self.sink.opened(SessionInfo("rtsp", "10.0.0.9:554", "camera", (VIDEO_INFO,), Instant(0, 0)))
        for unit in pictures(60):
            self.sink.unit(unit)


class Room:
    def __init__(self, most: int = 2) -> None:
        self.clock = ManualClock()
        self.peers: list[Peer] = []
        self.previews = Previews(self.dial, self.clock, fragment_ms=100, most=most)

    def dial(self, address: RtspSource) -> Peer:
        self.peers.append(Peer(address))
        return self.peers[-1]

    async def tick(self, seconds: float = 0.0) -> None:
        self.previews.tick(self.clock.advance(seconds))
        for _ in range(4):
            await asyncio.sleep(0)

    def watch(self, stream: Stream = CAM) -> Viewer:
        viewer = Viewer(1 << 20)
        self.feed(stream).subscribe(viewer, 0)
        return viewer

    def feed(self, stream: Stream = CAM) -> LiveFeed:
        feed = self.previews.feed(stream)
        assert feed is not None
        return feed


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    yield room
    await room.previews.close()


def told(viewer: Viewer) -> list[Any]:
    """The slot as last said, and the kinds of what was sent."""
    items = list(iter(viewer.ready, None))
    return [one.text["slots"][0] if one.text is not None else one.kind for one in items]


async def test_it_is_pulled_for_watchers_alone_and_ends_ten_seconds_after_the_last(room: Room) -> None:
    room.feed()
    await room.tick(60)
    assert room.peers == []
    first, second = room.watch(), room.watch()
    await room.tick()
    assert [one.address for one in room.peers] == [SUB], "one connection for all"
    first.close()
    await room.tick(60)
    second.close()
    await room.tick(LINGER_US / 1e6 - 0.2)
    assert not room.peers[0].cancelled
    third = room.watch()
    await room.tick(30)
    third.close()
    await room.tick(LINGER_US / 1e6)
    assert room.peers[0].cancelled
    assert len(room.peers) == 1


async def test_its_pictures_say_that_they_are_a_preview(room: Room) -> None:
    viewer = room.watch()
    await room.tick()
    room.peers[0].deliver()
    slot, *rest = told(viewer)
    assert slot["preview"] is True
    assert slot["stream"] == "cam"
    assert LiveKind.INIT in rest
    assert LiveKind.KEY in rest


async def test_a_failure_is_said_on_the_tile_and_tried_again(room: Room) -> None:
    viewer = room.watch()
    await room.tick()
    room.peers[0].fail("unreachable")
    await room.tick()
    assert told(viewer)[-1]["reason"] == "unreachable"
    await room.tick(5)
    assert len(room.peers) == 2
    room.peers[1].deliver()
    assert [one["reason"] for one in told(viewer) if isinstance(one, dict)][-1] == ""


async def test_a_wrong_password_is_not_repeated_until_the_camera_locks_the_hub_out(room: Room) -> None:
    viewer = room.watch()
    await room.tick()
    room.peers[0].fail("unauthorized")
    for _ in range(10):  # also not by whoever closes the tile and opens it again
        await room.tick(5)
        viewer.close()
        viewer = room.watch()
    assert len(room.peers) == 1
    await room.tick(REFUSED_US / 1e6)
    assert len(room.peers) == 2


async def test_no_more_than_so_many_at_once(room: Room) -> None:
    streams = [replace(CAM, id=f"cam-{number}") for number in range(3)]
    viewers = [room.watch(stream) for stream in streams]
    await room.tick()
    assert len(room.peers) == 2
    assert told(viewers[2])[-1]["reason"] == "too_many_previews"
    viewers[0].close()
    await room.tick(LINGER_US / 1e6)
    await room.tick(1)
    assert len(room.peers) == 3


async def test_another_address_is_pulled_and_what_the_old_one_still_says_is_passed_over(room: Room) -> None:
    viewer = room.watch()
    await room.tick()
    moved = replace(CAM, preview=RtspSource("rtsp://10.0.0.9/103"))
    room.previews.changed(CAM, replace(CAM, name="d"))
    assert not room.peers[0].cancelled
    room.previews.changed(CAM, moved)
    await room.tick()
    assert room.peers[0].cancelled
    assert room.peers[1].address == moved.preview
    told(viewer)
    room.peers[0].deliver()
    assert told(viewer) == []


@pytest.mark.parametrize("after", [replace(CAM, retired=True), replace(CAM, preview=None)])
async def test_without_an_address_there_is_none(room: Room, after: Stream) -> None:
    room.watch()
    await room.tick()
    room.previews.changed(CAM, after)
    await room.tick()
    assert room.peers[0].cancelled
    assert room.previews.feed(after) is None
    await room.tick(5)
    assert len(room.peers) == 1
