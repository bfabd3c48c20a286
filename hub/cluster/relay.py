"""``WS /node/live``: the fragments of this node's streams, for other nodes on which somebody watches.

A socket has one bounded queue for all of its channels. Where a channel's fragments do not fit any more it goes on at
its next keyframe, and the other node is told how many it missed: neither the recording nor another node ever waits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, WSMsgType, web

from hub import metrics
from hub.cluster.live_wire import MAX_CHANNELS, NOT_HERE, Ended, Gap, Init, Item, Leave, Want, encode, read_wish
from hub.errors import InvalidRequest
from hub.model import Fragment, InitTrack, MediaKind
from hub.monitor.live import LiveFeed

HEARTBEAT_S = 5.0
QUEUE_BYTES = 64 << 20
"""Of one other node: a second of three hundred streams in high definition."""

Find = Callable[[str, bool], LiveFeed | None]
"""The feed of a stream, or of its preview; None: it is not recorded here."""


class Channel:
    """One stream on its way to one other node: a tap of its feed."""

    def __init__(self, relay: Relay, number: int, feed: LiveFeed) -> None:
        self._relay = relay
        self._number = number
        self.feed = feed
        self._skipping = False
        self._dropped = 0

    def init(self, tracks: tuple[InitTrack, ...]) -> None:
        self._skipping = any(track.kind is MediaKind.VIDEO for track in tracks)
        self._relay.put(self._number, Init(tracks))

    def publish(self, fragment: Fragment) -> None:
        delta = fragment.kind is MediaKind.VIDEO and not fragment.keyframe
        if delta and self._skipping:
            self._dropped += bool(self._dropped)  # otherwise it has just begun, and nothing was lost to it
            return
        if not self._relay.has_room(len(fragment.data)):
            self._dropped += self._relay.purge(self._number)
            self._skipping = True
            if delta or not self._relay.has_room(len(fragment.data)):
                self._dropped += 1
                return
        if fragment.kind is MediaKind.VIDEO:
            self._skipping = False
        if self._dropped:
            metrics.VIEWER_DROPS.inc(self._dropped)
            self._relay.put(self._number, Gap(self._dropped))
            self._dropped = 0
        self._relay.put(self._number, fragment)

    def ended(self, reason: str) -> None:
        self._skipping = True
        self._relay.put(self._number, Ended(reason))


class Relay:
    """What waits for one other node. On the event loop; nothing of it blocks."""

    def __init__(self, find: Find, max_bytes: int = QUEUE_BYTES) -> None:
        self._find = find
        self._max_bytes = max_bytes
        self._queue: deque[tuple[int, Item]] = deque()
        self._bytes = 0
        self._channels: dict[int, Channel] = {}
        self._news = asyncio.Event()

    def wish(self, wish: Want | Leave) -> None:
        """Raises InvalidRequest for a channel that is taken."""
        if isinstance(wish, Leave):
            self._leave(wish.channel)
            return
        if wish.channel in self._channels:
            raise InvalidRequest(f"the channel {wish.channel} has a stream already")
        feed = self._find(wish.stream, wish.preview)
        if feed is None:
            self.put(wish.channel, Ended(NOT_HERE))
            return
        channel = self._channels[wish.channel] = Channel(self, wish.channel, feed)
        feed.tap(channel)

    def _leave(self, number: int) -> None:
        channel = self._channels.pop(number, None)
        if channel is not None:
            channel.feed.untap(channel)
            self._queue = deque(one for one in self._queue if one[0] != number)
            self._bytes = sum(_size(item) for _, item in self._queue)

    def close(self) -> None:
        for number in list(self._channels):
            self._leave(number)

    async def next(self) -> tuple[int, Item]:
        """Waits for what to send next: channel and item."""
        while not self._queue:
            self._news.clear()
            await self._news.wait()
        channel, item = self._queue.popleft()
        self._bytes -= _size(item)
        return channel, item

    # --------------------------------------------------------------------------- used by the channels

    def has_room(self, size: int) -> bool:
        return self._bytes + size <= self._max_bytes

    def put(self, channel: int, item: Item) -> None:
        self._queue.append((channel, item))
        self._bytes += _size(item)
        self._news.set()

    def purge(self, channel: int) -> int:
        """Forget the fragments that wait for a channel; returns how many."""
        kept = deque(one for one in self._queue if one[0] != channel or not isinstance(one[1], Fragment))
        gone = len(self._queue) - len(kept)
        self._queue = kept
        self._bytes = sum(_size(item) for _, item in kept)
        return gone


def _size(item: Item) -> int:
    return len(item.data) if isinstance(item, Fragment) else 0


def relay_handler(find: Find) -> Callable[[web.Request], Awaitable[web.WebSocketResponse]]:
    """The handler of ``GET /node/live``; the door has checked who asks."""

    async def live(request: web.Request) -> web.WebSocketResponse:
        # no compression: media does not shrink, and zlib would run on the event loop
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=False, max_msg_size=4096)
        await socket.prepare(request)
        relay = Relay(find)
        sending = asyncio.create_task(_send(socket, relay))
        try:
            await _listen(socket, relay)
        finally:
            relay.close()
            sending.cancel()
            await asyncio.wait([sending])
        return socket

    return live


async def _send(socket: web.WebSocketResponse, relay: Relay) -> None:
    """The only writer. A slow reader stops it here, and its channels drop to the next keyframe."""
    with contextlib.suppress(ConnectionError):
        while True:
            await socket.send_bytes(encode(*await relay.next()))


async def _listen(socket: web.WebSocketResponse, relay: Relay) -> None:
    async for message in socket:
        try:
            if message.type is not WSMsgType.TEXT:
                raise InvalidRequest("only text is expected")
            relay.wish(read_wish(message.data))
        except InvalidRequest as error:
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=str(error).encode()[:120])
            return


assert MAX_CHANNELS <= 1 << 16, "a channel is two bytes"
