"""WS /api/live of an API node: the office decides what is shown, slot by slot, and goes on deciding each second; the
pictures come from the nodes that record, through this one alone.

While nobody leads the office, what was last decided is shown on for a moment: walls go on while the next one begins.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import Field, TypeAdapter, ValidationError

from hub.api.live import MAX_SLOTS, Watch, listen, put, send
from hub.api.schema import Input
from hub.api.sockets import HEARTBEAT_S, MAX_MESSAGE_BYTES
from hub.app.node_door import WALL
from hub.app.passing import CLOSE_S, Passing, closing
from hub.clock import US_PER_S, Clock
from hub.cluster.live import FarFeeds
from hub.cluster.talking import talking
from hub.monitor.live import LiveFeed
from hub.monitor.viewer import Viewer

GRACE_US = 15 * US_PER_S
"""So long pictures go on without an office: another leads within seconds."""
RETRY_S = 0.5


class _Decided(Input):
    type: Literal["wall"]
    streams: tuple[str, ...] = Field(max_length=MAX_SLOTS)
    found: tuple[str, ...] = Field(max_length=MAX_SLOTS)


_DECIDED: TypeAdapter[_Decided] = TypeAdapter(_Decided)
_TO_BE_CLOSED = frozenset({WSCloseCode.OK, 4401, WSCloseCode.INVALID_TEXT, WSCloseCode.UNSUPPORTED_DATA})
"""Codes with which the office closes a wall for good; anything else, and it may only be gone for a moment."""


@dataclass
class FarWalls:
    """All walls of an API node."""

    passing: Passing
    feeds: FarFeeds
    clock: Clock
    queue_bytes: int
    open: set[web.WebSocketResponse] = field(default_factory=set)

    async def live(self, request: web.Request) -> web.StreamResponse:
        """GET /api/live"""
        control = await self.passing.open_socket(request, {WALL: "1"})
        if isinstance(control, web.StreamResponse):
            return control
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=False, max_msg_size=MAX_MESSAGE_BYTES)
        viewer = Viewer(self.queue_bytes)
        wall = _Wall(self, request, viewer)
        try:
            await socket.prepare(request)
        except BaseException:
            await control.close()
            raise
        self.open.add(socket)
        tasks = [asyncio.create_task(send(socket, viewer)), asyncio.create_task(wall.follow(socket, control))]
        try:
            await listen(socket, viewer, wall.watch)
        finally:
            self.open.discard(socket)
            viewer.close()
            if wall.closing:
                await asyncio.wait(tasks[1:], timeout=CLOSE_S)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await control.close()  # whoever hangs up at once leaves nobody who would have followed it
        return socket

    async def close(self) -> None:
        """This node stops: pages will try again, elsewhere."""
        closing = (one.close(code=WSCloseCode.GOING_AWAY, message=b"the hub stops") for one in list(self.open))
        await asyncio.gather(*closing, return_exceptions=True)


class _Wall:
    """One wall: its wishes go to the office, its decisions come from there."""

    def __init__(self, walls: FarWalls, request: web.Request, viewer: Viewer) -> None:
        self._walls = walls
        self._request = request
        self._viewer = viewer
        self._wish: Watch | None = None
        self._control: aiohttp.ClientWebSocketResponse | None = None
        self._news = asyncio.Event()
        self.closing = False
        """The office has ended it, and the page is being told."""

    def watch(self, wish: Watch) -> None:
        """The newest wish alone counts."""
        self._wish = wish
        self._news.set()

    async def follow(self, socket: web.WebSocketResponse, control: aiohttp.ClientWebSocketResponse | None) -> None:
        """Until cancelled, or until the office says that it is over: then the page is told the same."""
        clock = self._walls.clock
        heard_us = clock.now().mono_us
        while True:
            if control is not None:
                code, reason = await self._decide(control)
                heard_us = clock.now().mono_us
                if code in _TO_BE_CLOSED:
                    self.closing = True
                    await socket.close(code=code, message=reason)
                    return
            if clock.now().mono_us - heard_us > GRACE_US:
                self.closing = True
                await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"no office")
                return
            await clock.sleep(RETRY_S)
            control = await self._again()

    async def _again(self) -> aiohttp.ClientWebSocketResponse | None:
        passing = self._walls.passing
        url = passing.url(self._request)
        if url is None:
            return None
        try:
            async with asyncio.timeout(3.0):
                return await passing.session.ws_connect(
                    url, headers=passing.headers(self._request, {WALL: "1"}), heartbeat=HEARTBEAT_S
                )
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    async def _decide(self, control: aiohttp.ClientWebSocketResponse) -> tuple[int, bytes]:
        """As long as the office holds the socket; with which code it was closed, and what was said."""
        self._news.set()
        async with talking(control, self._ask(control)):
            while (message := await control.receive()).type is WSMsgType.TEXT:
                try:
                    self._show(_DECIDED.validate_json(message.data))
                except ValidationError:
                    return WSCloseCode.INTERNAL_ERROR, b""
        return closing(message)

    async def _ask(self, control: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._news.wait()
                self._news.clear()
                if self._wish is not None:
                    await control.send_str(self._wish.model_dump_json())

    def _show(self, decided: _Decided) -> None:
        feeds: Sequence[LiveFeed | str] = [
            self._walls.feeds.feed(stream) if word == "main" else self._walls.feeds.preview(stream)
            if word == "preview" else word
            for stream, word in zip(decided.streams, decided.found, strict=True)
        ]  # fmt: skip
        put(self._viewer, decided.streams, feeds)
