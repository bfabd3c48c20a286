"""``WS /node/live``: the fragments of this node's streams, for other nodes on which somebody watches.

A socket has one bounded queue for all of its channels. Where a channel's fragments do not fit any more it goes on at
its next keyframe, and where they have waited for too long all of them do; the other node is told how many it missed.
Neither the recording nor another node ever waits, and what is shown is never old.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, WSMsgType, web

from hub import metrics
from hub.clock import US_PER_S, Clock
from hub.cluster.live_wire import MAX_CHANNELS, NOT_HERE, Ended, Gap, Init, Item, Leave, Want, encode, read_wish
from hub.errors import InvalidRequest
from hub.model import Fragment, InitTrack, MediaKind
from hub.monitor.live import LiveFeed

HEARTBEAT_S = 60.0
"""A node that reads slowly, or stands still, answers behind all that it has not read yet. It costs little meanwhile."""
QUEUE_BYTES = 64 << 20
"""Of one other node: a second of three hundred streams in high definition."""
LATE_US = 2 * US_PER_S
"""So long a fragment may wait: a picture that is older is of no use on a wall."""
UNSENT_BYTES = 128 << 10
"""What the kernel may hold beyond what is on its way; it would take megabytes, and they would be old."""

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
        if self._relay.is_late():
            self._relay.forget_all()
        if delta and self._skipping:
            self._dropped += bool(self._dropped)  # otherwise it has just begun, and nothing was lost to it
            return
        if not self._relay.has_room(len(fragment.data)):
            self.forget()
            if delta or not self._relay.has_room(len(fragment.data)):
                self._dropped += 1
                self._skipping = True
                return
        if fragment.kind is MediaKind.VIDEO:
            self._skipping = False
        if self._dropped:
            metrics.VIEWER_DROPS.inc(self._dropped)
            self._relay.put(self._number, Gap(self._dropped))
            self._dropped = 0
        self._relay.put(self._number, fragment)

    def forget(self) -> None:
        """What waits; it goes on at the next keyframe, unless nothing did."""
        gone = self._relay.purge(self._number)
        self._dropped += gone
        self._skipping |= gone > 0

    def ended(self, reason: str) -> None:
        self._skipping = True
        self._relay.put(self._number, Ended(reason))


class Relay:
    """What waits for one other node. On the event loop; nothing of it blocks."""

    def __init__(self, find: Find, clock: Clock, max_bytes: int = QUEUE_BYTES) -> None:
        self._find = find
        self._clock = clock
        self._max_bytes = max_bytes
        self._queue: deque[tuple[int, Item, int]] = deque()
        """Channel, what, and since when it waits (monotonic µs)."""
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
            self._keep(deque(one for one in self._queue if one[0] != number))

    def close(self) -> None:
        for number in list(self._channels):
            self._leave(number)

    async def next(self) -> tuple[int, Item]:
        """Waits for what to send next: channel and item."""
        while not self._queue:
            self._news.clear()
            await self._news.wait()
        channel, item, _ = self._queue.popleft()
        self._weigh(-_size(item))
        return channel, item

    # --------------------------------------------------------------------------- used by the channels

    def is_late(self) -> bool:
        """Whether any fragment has waited for too long. Texts that wait before it take no time."""
        since_us = next((at_us for _, item, at_us in self._queue if isinstance(item, Fragment)), None)
        return since_us is not None and self._clock.now().mono_us - since_us > LATE_US

    def forget_all(self) -> None:
        for channel in self._channels.values():
            channel.forget()

    def has_room(self, size: int) -> bool:
        return self._bytes + size <= self._max_bytes

    def put(self, channel: int, item: Item) -> None:
        self._queue.append((channel, item, self._clock.now().mono_us))
        self._weigh(_size(item))
        self._news.set()

    def purge(self, channel: int) -> int:
        """Forget the fragments that wait for a channel; returns how many."""
        kept = deque(one for one in self._queue if one[0] != channel or not isinstance(one[1], Fragment))
        gone = len(self._queue) - len(kept)
        self._keep(kept)
        return gone

    def _keep(self, kept: deque[tuple[int, Item, int]]) -> None:
        self._queue = kept
        self._weigh(sum(_size(item) for _, item, _ in kept) - self._bytes)

    def _weigh(self, more: int) -> None:
        self._bytes += more
        metrics.LIVE_WAITING.inc(more)


def _size(item: Item) -> int:
    return len(item.data) if isinstance(item, Fragment) else 0


def relay_handler(find: Find, clock: Clock) -> Callable[[web.Request], Awaitable[web.WebSocketResponse]]:
    """The handler of ``GET /node/live``; the door has checked who asks."""

    async def live(request: web.Request) -> web.WebSocketResponse:
        # no compression: media does not shrink, and zlib would run on the event loop
        answer = web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=False, max_msg_size=4096)
        await answer.prepare(request)
        _hold_little(request)
        relay = Relay(find, clock)
        sending = asyncio.create_task(_send(answer, relay))
        try:
            await _listen(answer, relay)
        finally:
            relay.close()
            sending.cancel()
            await asyncio.wait([sending])
        return answer

    return live


def _hold_little(request: web.Request) -> None:
    """What a slow reader does not take waits in the relay, which forgets what is old, and not in the kernel."""
    ours = None if request.transport is None else request.transport.get_extra_info("socket")
    if ours is not None:
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


async def _send(answer: web.WebSocketResponse, relay: Relay) -> None:
    """The only writer. A slow reader stops it here, and its channels drop to the next keyframe."""
    with contextlib.suppress(ConnectionError):
        while True:
            await answer.send_bytes(encode(*await relay.next()))


async def _listen(answer: web.WebSocketResponse, relay: Relay) -> None:
    async for message in answer:
        try:
            if message.type is not WSMsgType.TEXT:
                raise InvalidRequest("only text is expected")
            relay.wish(read_wish(message.data))
        except InvalidRequest as error:
            await answer.close(code=WSCloseCode.POLICY_VIOLATION, message=str(error).encode()[:120])
            return


assert MAX_CHANNELS <= 1 << 16, "a channel is two bytes"
