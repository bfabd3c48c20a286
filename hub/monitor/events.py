"""What happens, told to whoever listens. A slow listener loses the oldest events, and is told so."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from hub.clock import Instant, rfc3339
from hub.model import Interruption

DROPPED = "events.dropped"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened ``at`` (hub UTC, µs). ``data`` can be written as JSON as it is."""

    type: str
    at_us: int
    data: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """``{"type", "at", "data"}``, the form of ``WS /api/events``."""
        return {"type": self.type, "at": rfc3339(self.at_us), "data": dict(self.data)}


class Listener:
    """One listener's queue. Ends (``StopAsyncIteration``) when it was closed and is empty."""

    def __init__(self, bus: EventBus, size: int) -> None:
        self._bus = bus
        self._size = size
        self._waiting: deque[Event] = deque()
        self._dropped = 0
        self._news = asyncio.Event()
        self._closed = False

    def put(self, event: Event) -> None:
        """Never blocks: where there is no room, the oldest event goes."""
        if self._closed:
            return
        if len(self._waiting) >= self._size:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(event)
        self._news.set()

    async def next(self) -> Event:
        """The oldest event that waits; before it ``events.dropped`` with ``count``, if any were lost."""
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        if self._dropped:
            count, self._dropped = self._dropped, 0
            return Event(DROPPED, self._waiting[0].at_us, {"count": count})
        return self._waiting.popleft()

    def close(self) -> None:
        """No more events; what waits can still be read."""
        self._closed = True
        self._bus.forget(self)
        self._news.set()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        return await self.next()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class EventBus:
    """Of the whole hub. ``size`` events may wait for one listener."""

    def __init__(self, size: int = 1000) -> None:
        self._size = size
        self._listeners: set[Listener] = set()

    def publish(self, type: str, data: Mapping[str, Any], at: Instant) -> None:  # noqa: A002 - the name in the JSON
        """Tell everybody. Costs next to nothing when nobody listens."""
        if not self._listeners:
            return
        event = Event(type, at.utc_us, data)
        for listener in self._listeners:
            listener.put(event)

    def subscribe(self) -> Listener:
        """A queue of what is published from now on. Close it, or use it in a ``with`` statement."""
        listener = Listener(self, self._size)
        self._listeners.add(listener)
        return listener

    def forget(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def close(self) -> None:
        """The hub stops: every listener ends after what waits for it."""
        for listener in list(self._listeners):
            listener.close()


def interruption_json(interruption: Interruption, incident: str | None = None) -> dict[str, Any]:
    """An interruption as HTTP and the events show it. Times are RFC 3339, ``edge_error_us`` is µs. ``incident`` is the
    one it belongs to, as far as is known by then."""
    ended_us = interruption.ended_us
    return {
        "id": interruption.id,
        "stream": interruption.stream_id,
        "kind": str(interruption.kind),
        "class": str(interruption.kind.interruption_class),
        "state": str(interruption.state),
        "started_at": rfc3339(interruption.started_us),
        "detected_at": rfc3339(interruption.detected_us),
        "ended_at": None if ended_us is None else rfc3339(ended_us),
        "edge_error_us": interruption.edge_error_us,
        "tracks": list(interruption.tracks),
        "count": interruption.count,
        "needs_explanation": interruption.needs_explanation,
        "rings": interruption.rings,
        "evidence": dict(interruption.evidence),
        "incident": incident,
        "maintenance": interruption.evidence.get("maintenance"),
    }
