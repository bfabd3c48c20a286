"""What both WebSockets share: how many may be open, and that none outlives its sign-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import WSCloseCode, web

from hub.api.auth import IDENTITY
from hub.api.services import SERVICES, Services
from hub.errors import Unavailable
from hub.people.accounts import Session

SIGNED_OUT = 4401
"""Close code (RFC 6455 §7.4.2, private use): sign in again rather than reconnect."""
HEARTBEAT_S = 10.0
PATIENT_S = 60.0
"""The same of sockets that another node passes on: one that stands still for a moment keeps its pages' events."""
PATIENT: web.RequestKey[bool] = web.RequestKey("patient", bool)
"""Of a call that another node passes on."""
MAX_SOCKETS = 500
MAX_MESSAGE_BYTES = 64 * 1024
_LOOK_S = 1.0


class OpenSockets:
    """Every open WebSocket with the session it was opened by (None: a program's token)."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open: dict[web.WebSocketResponse, Session | None] = {}

    @asynccontextmanager
    async def opened(self, request: web.Request) -> AsyncIterator[web.WebSocketResponse]:
        """The socket of this call, ready; closed when the block ends. Raises Unavailable when there are too many."""
        if len(self._open) >= MAX_SOCKETS:
            raise Unavailable(f"{MAX_SOCKETS} sockets are open; close some")
        # no compression: media does not shrink, and zlib would run on the event loop
        heartbeat_s = PATIENT_S if request.get(PATIENT) else HEARTBEAT_S
        socket = web.WebSocketResponse(heartbeat=heartbeat_s, compress=False, max_msg_size=MAX_MESSAGE_BYTES)
        await socket.prepare(request)
        self._open[socket] = request[IDENTITY].session
        try:
            yield socket
        finally:
            del self._open[socket]
            await socket.close()

    async def watch_sessions(self) -> None:
        """Until cancelled: closes, within a second, what was opened by a session that is over."""
        while True:
            await self._services.clock.sleep(_LOOK_S)
            over = [one for one, session in self._open.items() if session and self._services.accounts.is_over(session)]
            await self._close(over, SIGNED_OUT, b"signed out")

    async def close_all(self) -> None:
        """The hub stops: pages will try again."""
        await self._close(list(self._open), WSCloseCode.GOING_AWAY, b"the hub stops")

    async def _close(self, sockets: list[web.WebSocketResponse], code: int, message: bytes) -> None:
        await asyncio.gather(*(one.close(code=code, message=message) for one in sockets), return_exceptions=True)


OPEN_SOCKETS: web.AppKey[OpenSockets] = web.AppKey("open_sockets", OpenSockets)


async def sockets_context(app: web.Application) -> AsyncIterator[None]:
    """cleanup_ctx: the watch over sessions runs as long as the application."""
    watch = asyncio.create_task(app[OPEN_SOCKETS].watch_sessions())
    yield
    watch.cancel()
    await asyncio.wait([watch])


async def close_sockets(app: web.Application) -> None:
    """on_shutdown"""
    await app[OPEN_SOCKETS].close_all()


def install(app: web.Application) -> None:
    app[OPEN_SOCKETS] = OpenSockets(app[SERVICES])
    app.cleanup_ctx.append(sockets_context)
    app.on_shutdown.append(close_sockets)
