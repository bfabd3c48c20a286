"""WS /api/live: many live tiles over one socket (docs/design/parts.md, "The live socket, in full")."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Annotated, Literal

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import Field, TypeAdapter, ValidationError

from hub.api.routes import JSON, Access, Route
from hub.api.schema import Input, LiveQuery, explain, read_query
from hub.api.services import SERVICES, Services
from hub.api.sockets import OPEN_SOCKETS
from hub.errors import InvalidRequest
from hub.monitor.live import LiveKind, Viewer

MAX_SLOTS = 64
"""Four walls of 16."""


class Sound(Input):
    type: Literal["sound"]
    slot: int = Field(ge=0, le=0xFFFF)
    on: bool


class Watch(Input):
    type: Literal["watch"]
    streams: tuple[Annotated[str, Field(max_length=63)], ...] = Field(max_length=MAX_SLOTS)


_MESSAGE: TypeAdapter[Sound | Watch] = TypeAdapter(Annotated[Sound | Watch, Field(discriminator="type")])


async def live(request: web.Request) -> web.WebSocketResponse:
    """GET /api/live?streams=a,b"""
    services = request.app[SERVICES]
    wanted = [one for one in read_query(request, LiveQuery).streams.split(",") if one]
    if len(wanted) > MAX_SLOTS:
        raise InvalidRequest(f"streams: at most {MAX_SLOTS} on one socket, found {len(wanted)}")
    async with request.app[OPEN_SOCKETS].opened(request) as socket:
        viewer = Viewer(round(services.settings.viewer_queue_mb * 1024 * 1024))
        writer = asyncio.create_task(_send(socket, viewer))
        try:
            watch(services, viewer, wanted)
            await _listen(socket, services, viewer)
        finally:
            viewer.close()
            writer.cancel()
            await asyncio.wait([writer])
        return socket


def watch(services: Services, viewer: Viewer, wanted: Sequence[str]) -> None:
    """Put the streams into the slots 0, 1, …; a slot whose stream is not there says why."""
    viewer.clear()
    known = {stream.id: stream for stream in services.registry.list(retired=True)}
    for slot, stream_id in enumerate(wanted):
        stream = known.get(stream_id)
        if stream is not None and not stream.retired:
            services.live.feed(stream_id).subscribe(viewer, slot)
            continue
        state = {
            "slot": slot,
            "stream": stream_id,
            "state": "unsupported",
            "reason": "unknown" if stream is None else "retired",
            "origin_us": None,
            "tracks": [],
        }
        viewer.tell(slot, {"type": "slots", "slots": [state]})


async def _send(socket: web.WebSocketResponse, viewer: Viewer) -> None:
    """The only writer of media. A slow reader stops it here, and its queue drops to the next keyframe."""
    with contextlib.suppress(ConnectionError, StopAsyncIteration):
        while True:
            item = await viewer.next()
            if item.kind is LiveKind.TEXT:
                await socket.send_str(json.dumps(item.text, ensure_ascii=False))
            else:
                await socket.send_bytes(item.message())


async def _listen(socket: web.WebSocketResponse, services: Services, viewer: Viewer) -> None:
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            await socket.close(code=WSCloseCode.UNSUPPORTED_DATA, message=b"only text is expected")
            return
        try:
            wish = _MESSAGE.validate_json(message.data)
        except ValidationError as error:
            # a control frame holds 125 bytes (RFC 6455 §5.5) of whole characters
            reason = explain(error).encode()[:120].decode(errors="ignore").encode()
            await socket.close(code=WSCloseCode.INVALID_TEXT, message=reason)
            return
        if isinstance(wish, Sound):
            viewer.set_sound(wish.slot, wish.on)
        else:
            watch(services, viewer, wish.streams)


ROUTES = (
    Route(
        "GET",
        "/api/live",
        live,
        Access.USER,
        "WebSocket: live tiles, multiplexed.",
        query=LiveQuery,
        answer=JSON,
        socket=True,
        refusals=(403, 503),
    ),
)
