"""WS /api/events: what happens, as it happens (docs/design/parts.md, "The events socket")."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from hub.api import looks
from hub.api.auth import IDENTITY, Identity, may_see, standing_of
from hub.api.exports import may_see_export
from hub.api.labelled import may_see_now
from hub.api.routes import JSON, Access, Route, Scope
from hub.api.services import SERVICES, Services
from hub.api.sockets import OPEN_SOCKETS
from hub.clock import rfc3339
from hub.monitor.events import Event, Listener
from hub.people.rights import Right
from hub.people.standing import Standing

TICK_S = 1.0
EVERYBODYS = frozenset({"events", "hub"})
HEARD_BY = {
    "interruption": (Right.INTERRUPTIONS_VIEW, "stream"),
    "stream": (Right.STREAMS_VIEW, "id"),
    "telemetry": (Right.STREAMS_VIEW, "stream"),
    "activity": (Right.SESSIONS_VIEW, "stream"),
    "export": (Right.EXPORTS_VIEW, "stream"),
    "alarm": (Right.INTERRUPTIONS_VIEW, "stream"),
    "duty": (Right.INTERRUPTIONS_VIEW, "stream"),
    "inspection": (Right.INSPECTION_VIEW, "stream"),
    "wall": (Right.LIVE_VIEW, "stream"),
    "label": (Right.STREAMS_VIEW, "stream"),
}
"""The first word of an event's type: the right that it takes, and the field that names the stream."""


async def events(request: web.Request) -> web.WebSocketResponse:
    """GET /api/events. The browser sends nothing; what it sends is read and forgotten."""
    services = request.app[SERVICES]
    # subscribed first: nothing that happens after the upgrade is missed
    with services.events.subscribe() as listener:
        async with request.app[OPEN_SOCKETS].opened(request) as socket:
            sending = asyncio.create_task(_send(socket, listener, services, request[IDENTITY]))
            ticking = asyncio.create_task(_tick(socket, services))
            try:
                async for _ in socket:
                    pass
            finally:
                for task in (sending, ticking):
                    task.cancel()
                await asyncio.wait((sending, ticking))
        return socket


async def _send(socket: web.WebSocketResponse, listener: Listener, services: Services, identity: Identity) -> None:
    with contextlib.suppress(ConnectionError):
        async for event in listener:
            if may_hear(services, identity, event):
                await socket.send_json(event.json())
        await socket.close()


def may_hear(services: Services, identity: Identity, event: Event) -> bool:
    """Whether the event is of something that the caller may see at this moment.

    ``events.dropped`` is everybody's. An event of a kind that is not known here is for admins of the hub.
    """
    family = event.type.partition(".")[0]
    if family in EVERYBODYS:
        return True
    standing = standing_of(services, identity)
    if family == "look":  # of several streams, and a person's own
        return looks.may_hear(services, standing, event.data)
    known = HEARD_BY.get(family)
    if known is None:
        return standing.is_admin
    right, field = known
    if not event.data.get(field) and isinstance(event.data.get("unit"), str):  # of a unit, not of one stream
        return standing.may(right, event.data["unit"])
    stream_id = str(event.data.get(field, ""))
    return may_see(services, standing, right, stream_id) and _is_unlabelled(
        services, standing, family, event, stream_id
    )


def _is_unlabelled(services: Services, standing: Standing, family: str, event: Event, stream_id: str) -> bool:
    """Of an export its own range, whose notes name the party; of an activity this moment."""
    if family == "activity":
        return may_see_now(services, standing, stream_id)
    if family != "export":
        return True
    job = None if services.exports is None else services.exports.find(str(event.data.get("id", "")))
    return job is None or may_see_export(services, standing, job)


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
        right=Right.STREAMS_VIEW,
        scope=Scope.OWN,
    ),
)
