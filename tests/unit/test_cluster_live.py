"""A wall on one node, its streams on others: the same bytes, from the last keyframe on, at each one's own pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from hub.clock import ManualClock, SystemClock
from hub.cluster import live as far
from hub.cluster.live import NO_NODE, FarFeeds
from hub.cluster.live_wire import Ended, Gap, Init, Want
from hub.cluster.relay import Relay, relay_handler
from hub.errors import InvalidRequest
from hub.model import Fragment
from hub.monitor.live import LiveFeed, LiveFeeds
from hub.monitor.viewer import LiveItem, LiveKind, Viewer
from tests.unit.test_monitor_live import INIT, VIDEO, fragment


class Node:
    """What records: its feeds, and the socket that they are asked for at."""

    def __init__(self) -> None:
        self.feeds = LiveFeeds()
        self.previews: dict[str, LiveFeed] = {}
        self.url = ""
        self._runner: web.AppRunner | None = None

    def find(self, stream_id: str, preview: bool) -> LiveFeed | None:
        return self.previews.get(stream_id) if preview else self.feeds.feed(stream_id)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/node/live", relay_handler(self.find, SystemClock()))
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def begin(self, *indexes: int, stream: str = "a") -> list[Fragment]:
        """A keyframe at each index that five divides."""
        feed = self.feeds.feed(stream)
        if not feed.tracks:
            feed.init(INIT)
        made = [fragment(one, key=one % 5 == 0) for one in indexes]
        for one in made:
            feed.publish(one)
        return made


@asynccontextmanager
async def nodes(count: int) -> AsyncIterator[list[Node]]:
    made = [Node() for _ in range(count)]
    for one in made:
        await one.start()
    try:
        yield made
    finally:
        for one in made:
            await one.stop()


@asynccontextmanager
async def watching(owner: Callable[[str], str | None]) -> AsyncIterator[FarFeeds]:
    async with aiohttp.ClientSession() as session:
        feeds = FarFeeds(session, SystemClock(), owner)
        task = asyncio.create_task(feeds.run())
        try:
            yield feeds
        finally:
            task.cancel()
            await asyncio.wait([task])


async def media(viewer: Viewer, count: int) -> list[LiveItem]:
    """The next fragments and inits; texts are passed over."""
    found: list[LiveItem] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            item = await viewer.next()
            if item.kind is not LiveKind.TEXT:
                found.append(item)
    return found


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  what is waited for happens on another node
            await asyncio.sleep(0.01)


async def test_the_same_bytes_from_the_last_keyframe_on() -> None:
    async with nodes(1) as [node], watching(lambda _: node.url) as feeds:
        sent = node.begin(*range(8))
        viewer = feeds.viewer(["a"], 1 << 20)
        found = await media(viewer, 4)
        assert (found[0].kind, found[0].data) == (LiveKind.INIT, VIDEO.init)
        assert [one.data for one in found[1:]] == [one.data for one in sent[5:]]
        later = node.begin(8, 9)
        assert [one.data for one in await media(viewer, 2)] == [one.data for one in later]
        origin_us = node.feeds.feed("a").origin_us
        assert feeds.feed("a").origin_us == origin_us is not None


async def test_only_while_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far, "LINGER_US", 0)
    async with nodes(1) as [node], watching(lambda _: node.url) as feeds:
        node.begin(0)
        feeds.feed("a")
        await asyncio.sleep(0.05)
        assert node.feeds.feed("a").viewers == 0
        one, other = feeds.viewer(["a", "b"], 1 << 20), feeds.viewer(["a"], 1 << 20)
        await until(lambda: node.feeds.feed("a").viewers == node.feeds.feed("b").viewers == 1)
        one.close()
        await until(lambda: node.feeds.feed("b").viewers == 0)
        assert node.feeds.feed("a").viewers == 1, "the other one still watches"
        other.close()
        await until(lambda: node.feeds.feed("a").viewers == 0)


async def test_a_feed_follows_its_owner() -> None:
    async with nodes(2) as [old, new]:
        owner = old.url
        async with watching(lambda _: owner) as feeds:
            old.begin(0, 1)
            viewer = feeds.viewer(["a"], 1 << 20)
            await media(viewer, 3)
            sent = new.begin(5, 6)
            owner = new.url
            assert [one.data for one in await media(viewer, 2)] == [one.data for one in sent], (
                "no new init: same tracks"
            )
            await until(lambda: old.feeds.feed("a").viewers == 0)


async def test_a_node_that_is_gone_is_told_and_its_streams_come_back_with_it() -> None:
    async with nodes(1) as [node], watching(lambda _: node.url) as feeds:
        node.begin(0)
        viewer = feeds.viewer(["a"], 1 << 20)
        await media(viewer, 2)
        await node.stop()
        await until(lambda: feeds.feed("a").reason == NO_NODE)
        await node.start()
        found = await media(viewer, 2)
        assert [one.kind for one in found] == [LiveKind.INIT, LiveKind.KEY]


async def test_previews_are_asked_for_apart_and_again_while_they_are_not_there() -> None:
    async with nodes(1) as [node], watching(lambda _: node.url) as feeds:
        viewer = Viewer(1 << 20)
        feeds.preview("a").subscribe(viewer, 0)
        await until(lambda: feeds.preview("a").reason == "not_here")
        made = node.previews["a"] = LiveFeed("a", preview=True)
        made.init(INIT)
        made.publish(fragment(0, key=True))
        await media(viewer, 2)
        assert node.feeds.feed("a").viewers == 0


async def test_a_slow_node_loses_pictures_to_the_next_keyframe_and_is_told_so() -> None:
    node = Node()
    relay = Relay(node.find, ManualClock(), max_bytes=350)
    relay.wish(Want(channel=7, stream="a"))
    node.begin(0, 1, 2, 3, 4, 5, 6)

    async def waits() -> list[object]:
        return [await relay.next() for _ in range(len(relay._queue))]

    items = [item for _, item in await waits()]
    assert [type(one) for one in items] == [Ended, Init, Gap, Fragment, Fragment]
    assert items[2] == Gap(5), "three that waited, and two that came after"
    assert [one.data[3] for one in items if isinstance(one, Fragment)] == [5, 6]
    with pytest.raises(InvalidRequest):
        relay.wish(Want(channel=7, stream="b"))
    relay.close()
    assert node.feeds.feed("a").viewers == 0


async def test_a_gap_makes_tiles_wait_for_a_keyframe() -> None:
    feeds = LiveFeeds()
    feed, viewer = feeds.feed("a"), feeds.viewer(["a"], 1 << 20)
    feed.init(INIT)
    feed.publish(fragment(0, key=True))
    feed.gap(3)
    feed.publish(fragment(4))
    feed.publish(fragment(5, key=True))
    texts, numbers = [], []
    for item in iter(viewer.ready, None):
        if item.text is not None:
            texts.append(item.text)
        elif item.kind is not LiveKind.INIT:
            numbers.append(item.data[3])
    assert numbers == [0, 5]
    assert {"type": "dropped", "slot": 0, "fragments": 4} in texts


async def test_what_is_no_message_ends_the_socket_and_it_is_made_anew() -> None:
    asked = 0

    async def liar(request: web.Request) -> web.WebSocketResponse:
        nonlocal asked
        asked += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_bytes(b"\x09nonsense")
        async for _ in socket:
            pass
        return socket

    await _with_server(liar, lambda: asked >= 2)


async def test_a_link_that_ends_while_it_hangs_up_leaves_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    asks, ends = asyncio.Event(), asyncio.Event()
    found: list[aiohttp.ClientWebSocketResponse] = []

    async def liar(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await asks.wait()
        await socket.send_bytes(b"\x09nonsense")
        async for _ in socket:
            pass
        return socket

    async def ask(_link: far.Link, socket: aiohttp.ClientWebSocketResponse) -> None:
        found.append(socket)
        asks.set()
        try:
            await asyncio.sleep(60)
        finally:
            ends.set()
            await asyncio.sleep(0.1)

    monkeypatch.setattr(far.Link, "_ask", ask)
    await _with_server(liar, ends.is_set)
    assert [one.closed for one in found] == [True]


async def _with_server(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], done: Callable[[], bool]
) -> None:
    app = web.Application()
    app.router.add_get("/node/live", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with watching(lambda _: url) as feeds:
            feeds.viewer(["a"], 1 << 20)
            await until(done)
    finally:
        await runner.cleanup()


async def test_what_waited_for_long_is_forgotten_for_all_streams_at_once() -> None:
    node, clock = Node(), ManualClock()
    relay = Relay(node.find, clock)
    for channel, stream in enumerate("abc"):
        relay.wish(Want(channel=channel, stream=stream))
        node.begin(0, stream=stream)

    async def taken() -> list[tuple[int, object]]:
        return [await relay.next() for _ in range(len(relay._queue))]

    await taken()
    node.begin(1, 2, stream="a")
    node.begin(1, stream="b")
    clock.advance(1.9)
    node.begin(3, stream="a")
    clock.advance(0.2)
    node.begin(1, 2, stream="c")  # nothing of it waited, and nothing of it is lost
    node.begin(4, 5, stream="a")
    node.begin(2, 5, stream="b")
    items = [(channel, one if isinstance(one, Gap) else one.data[3]) for channel, one in await taken()]  # type: ignore[attr-defined]
    assert items == [(2, 1), (2, 2), (0, Gap(4)), (0, 5), (1, Gap(2)), (1, 5)]
    assert relay._bytes == 0
