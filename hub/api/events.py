"""WS /api/events: what happens, as it happens (docs/design/parts.md, "The events socket")."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from hub.api.routes import JSON, Access, Route
from hub.api.services import SERVICES, Services
from hub.api.sockets import OPEN_SOCKETS
from hub.clock import rfc3339
from hub.monitor.events import Listener

TICK_S = 1.0


async def events(request: web.Request) -> web.WebSocketResponse:
    """GET /api/events. The browser sends nothing; what it sends is read and forgotten."""
    services = request.app[SERVICES]
    # subscribed first: nothing that happens after the upgrade is missed
    with services.events.subscribe() as listener:
        async with request.app[OPEN_SOCKETS].opened(request) as socket:
            sending = asyncio.create_task(_send(socket, listener))
            ticking = asyncio.create_task(_tick(socket, services))
            try:
                async for _ in socket:
                    pass
            finally:
                for task in (sending, ticking):
                    task.cancel()
                await asyncio.wait((sending, ticking))
        return socket


async def _send(socket: web.WebSocketResponse, listener: Listener) -> None:
    with contextlib.suppress(ConnectionError):
        async for event in listener:
            await socket.send_json(event.json())
        await socket.close()


async def _tick(socket: web.WebSocketResponse, services: Services) -> None:
    """The page's proof that the hub is there, and its hub clock."""
    with contextlib.suppress(ConnectionError):
        while True:
            at = rfc3339(services.clock.now().utc_us)
            await socket.send_json({"type": "hub.tick", "at": at, "data": {}})
            await services.clock.sleep(TICK_S)


ROUTES = (
    Route(
        "GET",
        "/api/events",
        events,
        Access.USER,
        'WebSocket: {"type", "at", "data"} for all that happens, and hub.tick every second.',
        answer=JSON,
        socket=True,
        refusals=(403, 503),
    ),
)
