"""The recorders' door of an office whose streams are recorded on other nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from hub.app.calls import Calls
from hub.app.recording import Told
from hub.errors import HubError, NotFound, Unavailable

log = structlog.get_logger(__name__)

MARK = "~"
"""Between a session's own id and the name of its node: a recorder's next call may come to another office."""
MAX_SAYING = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """A node that records. ``streams``: how many it has."""

    name: str
    url: str
    streams: int = 0


class Places(Protocol):
    """Where streams are recorded, from memory."""

    def owner(self, stream_id: str) -> Place | None: ...

    def open(self) -> Sequence[Place]:
        """Nodes that take streams now."""
        ...

    def find(self, name: str) -> Place | None: ...


@dataclass(frozen=True, slots=True)
class Answered:
    session_id: str
    sdp: str


class FarWhip:
    """An offer goes to the node that owns the stream, or else to the one with the least to do, which takes it over."""

    def __init__(self, calls: Calls, places: Places, connected: Callable[[str], bool]) -> None:
        self._calls = calls
        self._places = places
        self._connected = connected
        self._listeners: dict[str, Told] = {}
        self._saying: set[asyncio.Task[None]] = set()

    async def offer(self, stream_id: str, sdp: str, *, device: str = "") -> Answered:
        """Raises what the node's own endpoint raises, and Unavailable while no node takes streams."""
        body = {"sdp": sdp, "device": device}
        refusal: HubError = Unavailable("no node takes streams at this moment; try again", code="no_node")
        for place in self._candidates(stream_id):
            try:
                said = await self._calls.json("POST", f"{place.url}/node/whip/{stream_id}", body)
                return Answered(f"{said['session']}{MARK}{place.name}", said["sdp"])
            except Unavailable as error:
                refusal = error
        raise refusal

    def _candidates(self, stream_id: str) -> Sequence[Place]:
        owner, free = self._places.owner(stream_id), self._places.open()
        others = sorted((one for one in free if one != owner), key=lambda one: (one.streams, one.name))
        mine = [one for one in free if owner is not None and one.name == owner.name]
        return (*mine, *(one for one in others if not mine or one.name != mine[0].name))[:3]

    async def trickle(self, stream_id: str, session_id: str, fragment: str) -> None:
        await self._calls.json("PATCH", self._url(stream_id, session_id), {"fragment": fragment})

    async def end(self, stream_id: str, session_id: str) -> None:
        await self._calls.json("DELETE", self._url(stream_id, session_id))

    def _url(self, stream_id: str, session_id: str) -> str:
        ident, _, node = session_id.rpartition(MARK)
        place = self._places.find(node) if ident else None
        if place is None:
            raise NotFound(f"no WHIP session {session_id[:80]!r} of stream {stream_id!r}: it has ended or never was")
        return f"{place.url}/node/whip/{stream_id}/{ident}"

    # -------------------------------------------------------------------------------- data channels

    def on_message(self, label: str, listener: Told) -> None:
        self._listeners[label] = listener

    def heard(self, stream_id: str, label: str, data: str | bytes) -> None:
        """What a node heard of a recorder."""
        listener = self._listeners.get(label)
        if listener is not None:
            listener(stream_id, data, lambda text: self.say(stream_id, label, text))

    def say(self, stream_id: str, label: str, text: str) -> bool:
        """On its way to the recorder; False: it is not connected. What gets lost is asked for again by its sender."""
        owner = self._places.owner(stream_id)
        if owner is None or not self._connected(stream_id) or len(self._saying) >= MAX_SAYING:
            return False
        task = asyncio.create_task(self._say(owner, stream_id, label, text))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)
        return True

    async def _say(self, owner: Place, stream_id: str, label: str, text: str) -> None:
        try:
            await self._calls.json("POST", f"{owner.url}/node/say/{stream_id}", {"label": label, "text": text})
        except HubError as error:
            log.warning("a word to a recorder was lost", stream=stream_id, code=error.code)

    async def close(self) -> None:
        for task in self._saying:
            task.cancel()
        if self._saying:
            await asyncio.wait(self._saying)
