"""Live tiles of streams that are recorded elsewhere.

``FarFeeds`` are feeds as any other: a wall subscribes, and leaves. While anybody watches a stream here, one WebSocket
to the node that owns it brings its fragments, of all its streams at once; when the owner changes, the feed follows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import aiohttp
import structlog

from hub import metrics
from hub.clock import US_PER_S, Clock
from hub.cluster.live_wire import (
    MAX_CHANNELS,
    MAX_MESSAGE_BYTES,
    NOT_HERE,
    Ended,
    Gap,
    Init,
    Item,
    Leave,
    Want,
    decode,
)
from hub.cluster.talking import talking
from hub.errors import MediaError
from hub.model import Fragment, InitSegment
from hub.monitor.live import LiveFeed, LiveFeeds
from hub.monitor.viewer import Viewer

log = structlog.get_logger(__name__)

LINGER_US = 3 * US_PER_S
"""A wall that cycles comes back; so long a stream is brought on for nobody."""
LOOK_S = 0.25
"""How often owners are looked up anew, and who watches."""
RETRY_S = 0.5
HEARTBEAT_S = 4.0
CONNECT_S = 3.0
NO_NODE = "no_node"
"""Why a stream waits: no node records it at this moment, or it cannot be reached."""

Owner = Callable[[str], str | None]
"""The address (http://HOST:PORT) of the node that records a stream; None: nobody does. From memory."""


class FarFeed(LiveFeed):
    """One stream's watchers here; what it publishes came from another node."""

    def __init__(self, stream_id: str, wake: Callable[[], None], *, preview: bool = False) -> None:
        super().__init__(stream_id, preview=preview)
        self._wake = wake
        self.link: Link | None = None
        self.channel = 0
        self.seen_us = 0
        """When anybody watched it last (monotonic)."""

    def subscribe(self, viewer: Viewer, slot: int, *, sound: bool = False) -> None:
        super().subscribe(viewer, slot, sound=sound)
        self._wake()

    def take(self, item: Item) -> None:
        match item:
            case Init():
                self.init(InitSegment(b"", "", item.tracks))
            case Fragment():
                self.publish(item)
            case Gap():
                self.gap(item.fragments)
            case Ended():
                self.ended(item.reason)


class FarFeeds(LiveFeeds):
    """``session`` carries the cluster's secret. :meth:`run` brings what is watched, until it is cancelled."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock, owner: Owner) -> None:
        super().__init__()
        self._session = session
        self._clock = clock
        self._owner = owner
        self._far: dict[tuple[str, bool], FarFeed] = {}
        self._links: dict[str, Link] = {}
        self._ending: set[asyncio.Task[None]] = set()
        """Of links that nobody needs any more: each still says goodbye to its node."""
        self._news = asyncio.Event()

    def feed(self, stream_id: str) -> LiveFeed:
        return self._get(stream_id, preview=False)

    def preview(self, stream_id: str) -> LiveFeed:
        """Of its sub-stream, which the owner pulls while it is watched."""
        return self._get(stream_id, preview=True)

    def _get(self, stream_id: str, *, preview: bool) -> FarFeed:
        feed = self._far.get((stream_id, preview))
        if feed is None:
            feed = self._far[stream_id, preview] = FarFeed(stream_id, self._news.set, preview=preview)
        return feed

    def ended(self, stream_id: str) -> None:
        """A stream is retired: its owner says so to whoever watches."""

    async def run(self) -> None:
        try:
            while True:
                self.look()
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._news.wait()
        finally:
            for link in self._links.values():
                self._end(link)
            if self._ending:
                await asyncio.wait(self._ending)

    def look(self) -> None:
        """Who is watched is brought from whoever owns it now; who is not is left."""
        now_us = self._clock.now().mono_us
        for key, feed in list(self._far.items()):
            if feed.viewers:
                feed.seen_us = now_us
            elif now_us - feed.seen_us >= LINGER_US:
                self._move(feed, None)
                del self._far[key]
                continue
            url = self._owner(feed.stream_id)
            if url is None and feed.link is None and feed.reason != NO_NODE:
                feed.ended(NO_NODE)
            if feed.reason == NOT_HERE:  # it was asked for too early, or is gone from there
                self._move(feed, None)
            if url is not None:  # an owner that is gone may still send: it is left for another, not for none
                self._move(feed, url)
        for url, link in list(self._links.items()):
            if link.idle:
                del self._links[url]
                self._end(link)
        metrics.LIVE_LINKS.set(len(self._links))

    def _end(self, link: Link) -> None:
        link.task.cancel()
        self._ending.add(link.task)
        link.task.add_done_callback(self._ending.discard)

    def _move(self, feed: FarFeed, url: str | None) -> None:
        if feed.link is not None:
            if feed.link.url == url:
                return
            feed.link.leave(feed)
        if url is not None:
            link = self._links.get(url)
            if link is None:
                link = self._links[url] = Link(url, self._session)
            link.want(feed)


class Link:
    """The socket to one node, made anew while anybody wants anything of it."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session
        self._feeds: dict[int, FarFeed] = {}
        self._next = 0
        self._news = asyncio.Event()
        self.task = asyncio.create_task(self._run(), name=f"live from {url}")

    @property
    def idle(self) -> bool:
        return not self._feeds

    def want(self, feed: FarFeed) -> None:
        if len(self._feeds) >= MAX_CHANNELS // 2:
            feed.ended("too_many")
            return
        while self._next in self._feeds:
            self._next = (self._next + 1) % MAX_CHANNELS
        # a number comes again after all others: what is still on its way for the last one has come by then
        feed.link, feed.channel = self, self._next
        self._feeds[self._next] = feed
        self._next = (self._next + 1) % MAX_CHANNELS
        self._news.set()

    def leave(self, feed: FarFeed) -> None:
        del self._feeds[feed.channel]
        feed.link = None
        self._news.set()

    async def _run(self) -> None:
        told = False
        while True:
            try:
                await self._once()
                told = False
            except (aiohttp.ClientError, OSError, TimeoutError, MediaError) as error:
                if not told:
                    log.warning(
                        "live pictures of a node cannot be had; it is tried again", url=self.url, why=str(error)
                    )
                told = True
            for feed in self._feeds.values():
                feed.ended(NO_NODE)
            await asyncio.sleep(RETRY_S)

    async def _once(self) -> None:
        """One connection, until it ends. What it raises is why it could not be had, or went."""
        async with asyncio.timeout(CONNECT_S):
            socket = await self._session.ws_connect(
                f"{self.url}/node/live",
                heartbeat=HEARTBEAT_S,
                max_msg_size=MAX_MESSAGE_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
            )
        async with talking(socket, self._ask(socket)):
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.BINARY:
                    raise MediaError("expected binary messages of a node's live socket")
                channel, item = decode(message.data)
                feed = self._feeds.get(channel)
                if feed is not None:  # it may just have been left
                    feed.take(item)

    async def _ask(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """The only writer: says what is wanted and is not said yet, and what is wanted no more."""
        said: set[int] = set()
        with contextlib.suppress(ConnectionError):
            while True:
                self._news.clear()
                wanted = dict(self._feeds)
                for channel in said - wanted.keys():
                    await socket.send_str(Leave(channel=channel).model_dump_json())
                for channel in wanted.keys() - said:
                    feed = wanted[channel]
                    wish = Want(channel=channel, stream=feed.stream_id, preview=feed.preview)
                    await socket.send_str(wish.model_dump_json())
                said = set(wanted)
                await self._news.wait()
