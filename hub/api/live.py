"""WS /api/live: many live tiles over one socket (docs/design/parts.md, "The live socket, in full")."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import Field, TypeAdapter, ValidationError

from hub.api.auth import IDENTITY, may_see, standing_of
from hub.api.labelled import may_see_now
from hub.api.routes import JSON, Access, Route, Scope
from hub.api.schema import Input, LiveQuery, explain, read_query
from hub.api.services import SERVICES, Services
from hub.api.sockets import OPEN_SOCKETS
from hub.errors import InvalidRequest
from hub.monitor.live import LiveFeed
from hub.monitor.viewer import LiveKind, Viewer
from hub.people.rights import Right

MAX_SLOTS = 64
"""Four walls of 16."""
_LOOK_S = 1.0
DECIDES: web.RequestKey[bool] = web.RequestKey("decides", bool)
"""Of a call of another node, which shows the pictures itself: only what may be shown is answered."""
Show = Callable[[Sequence[str], "Sequence[LiveFeed | str]"], None]
"""Streams in the order of their slots, and of each its feed, or why it has none."""


class Sound(Input):
    type: Literal["sound"]
    slot: int = Field(ge=0, le=0xFFFF)
    on: bool


class Pictures(Input):
    """What a tile's machine can decode: all pictures, or keyframes alone."""

    type: Literal["pictures"]
    slot: int = Field(ge=0, le=0xFFFF)
    only: Literal["all", "keys"]


class Watch(Input):
    type: Literal["watch"]
    streams: tuple[Annotated[str, Field(max_length=63)], ...] = Field(max_length=MAX_SLOTS)
    previews: frozenset[Annotated[str, Field(max_length=63)]] = Field(frozenset(), max_length=MAX_SLOTS)


_MESSAGE: TypeAdapter[Sound | Pictures | Watch] = TypeAdapter(
    Annotated[Sound | Pictures | Watch, Field(discriminator="type")]
)


async def live(request: web.Request) -> web.WebSocketResponse:
    """GET /api/live?streams=a,b&previews=b"""
    services = request.app[SERVICES]
    query = read_query(request, LiveQuery)
    wanted = [one for one in query.streams.split(",") if one]
    if len(wanted) > MAX_SLOTS:
        raise InvalidRequest(f"streams: at most {MAX_SLOTS} on one socket, found {len(wanted)}")
    identity = request[IDENTITY]

    def visible(stream_id: str) -> bool:
        return may_see(services, standing_of(services, identity), Right.LIVE_VIEW, stream_id)

    def labelled(stream_id: str) -> bool:
        return not may_see_now(services, standing_of(services, identity), stream_id)

    def noted(stream_id: str) -> bool:
        return services.live_notes is not None and services.live_notes.seen(identity.name, stream_id)

    async with request.app[OPEN_SOCKETS].opened(request) as socket:
        viewer = Viewer(round(services.settings.viewer_queue_mb * 1024 * 1024))
        decides = Decisions() if request.get(DECIDES) else None
        show = partial(put, viewer) if decides is None else decides.put
        wall = Wall(services, show, visible, noted, labelled)
        sending = send(socket, viewer) if decides is None else decides.send(socket)
        tasks = [asyncio.create_task(sending), asyncio.create_task(wall.look_again())]
        try:
            wall.watch(wanted, frozenset(query.previews.split(",")))
            await listen(socket, viewer, lambda wish: wall.watch(wish.streams, wish.previews))
        finally:
            viewer.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        return socket


class Wall:
    """What one viewer watches, as far as they may see it, and as far as it can be noted that they do."""

    def __init__(
        self,
        services: Services,
        show: Show,
        visible: Callable[[str], bool],
        noted: Callable[[str], bool],
        labelled: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._show = show
        self._services = services
        self._visible = visible
        self._noted = noted
        self._labelled = labelled
        self._wanted: Sequence[str] = ()
        self._previews: frozenset[str] = frozenset()
        self._shown: list[LiveFeed | str] = []

    def watch(self, wanted: Sequence[str], previews: frozenset[str]) -> None:
        self._found()  # what was shown until now was watched until now
        self._wanted, self._previews = wanted, previews
        self._shown = self._found()
        self._show(wanted, self._shown)

    async def look_again(self) -> None:
        """Until cancelled: a stream or a unit that was moved leaves the wall, or comes to it, within a second;
        and so does all of it while the ledger takes no entry of who watches."""
        while True:
            await self._services.clock.sleep(_LOOK_S)
            if self._shown != self._found():
                self.watch(self._wanted, self._previews)

    def _found(self) -> list[LiveFeed | str]:
        """Each one's feed, or why it has none. A stream that is not visible is not there."""
        return [self._feed(one) for one in self._wanted]

    def _feed(self, stream_id: str) -> LiveFeed | str:
        stream = self._services.registry.find(stream_id) if self._visible(stream_id) else None
        if stream is None:
            return "unknown"
        if stream.retired:
            return "retired"
        if self._labelled(stream_id):
            return "labelled"
        if not self._noted(stream_id):
            return "not_noted"
        preview = self._services.preview(stream) if stream_id in self._previews else None
        return preview or self._services.live.feed(stream_id)


def put(viewer: Viewer, wanted: Sequence[str], found: Sequence[LiveFeed | str]) -> None:
    """Put the streams into the slots 0, 1, …; a slot whose stream is not there says why."""
    viewer.clear()
    for slot, (stream_id, feed) in enumerate(zip(wanted, found, strict=True)):
        if isinstance(feed, LiveFeed):
            feed.subscribe(viewer, slot)
            continue
        state = {
            "slot": slot,
            "stream": stream_id,
            "state": "unsupported",
            "reason": feed,
            "preview": False,
            "origin_us": None,
            "tracks": [],
        }
        viewer.tell(slot, {"type": "slots", "slots": [state]})


async def send(socket: web.WebSocketResponse, viewer: Viewer) -> None:
    """The only writer of media. A slow reader stops it here, and what comes meanwhile waits, or is lost and told."""
    with contextlib.suppress(ConnectionError, StopAsyncIteration):
        while True:
            item = await viewer.next()
            if item.kind is LiveKind.TEXT:
                await socket.send_str(json.dumps(item.text, ensure_ascii=False))
            else:
                await socket.send_bytes(item.message())


class Decisions:
    """What a wall may show that is put together elsewhere: of each slot ``main`` or ``preview``, or why nothing is."""

    def __init__(self) -> None:
        self._newest: str | None = None
        self._news = asyncio.Event()

    def put(self, wanted: Sequence[str], found: Sequence[LiveFeed | str]) -> None:
        words = [one if isinstance(one, str) else "preview" if one.preview else "main" for one in found]
        self._newest = json.dumps({"type": "wall", "streams": list(wanted), "found": words})
        self._news.set()

    async def send(self, socket: web.WebSocketResponse) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._news.wait()
                self._news.clear()
                if self._newest is not None:
                    await socket.send_str(self._newest)


async def listen(socket: web.WebSocketResponse, viewer: Viewer, watch: Callable[[Watch], None]) -> None:
    """What the page wishes, until it closes the socket, or says what nobody understands."""
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
        elif isinstance(wish, Pictures):
            viewer.set_keys_only(wish.slot, wish.only == "keys")
        else:
            watch(wish)


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
        right=Right.LIVE_VIEW,
        scope=Scope.OWN,
    ),
)
