"""A source whose stream may move between nodes: a connection has a gate, and may begin before its pipeline."""

from __future__ import annotations

import asyncio

from hub.clock import Clock
from hub.ingest.gate import Gate
from hub.model import MediaSink
from hub.pipeline import Source


class Begun:
    """A connection that is under way, behind a shut gate."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self.gate = Gate(clock)
        self.task = asyncio.create_task(source.run_once(self.gate), name="a source's connection")

    @property
    def ended(self) -> bool:
        return self.task.done()

    async def end(self) -> None:
        """Its goodbye is said before this returns."""
        self.task.cancel()
        await asyncio.wait([self.task])
        if not self.task.cancelled():
            self.task.exception()  # heard

    async def deliver(self, sink: MediaSink) -> str:
        """What waits and what comes, until it ends; returns why. Raises SourceError."""
        try:
            await self.gate.flow(sink)
            await asyncio.wait([self.task])
            await self.gate.passed()  # whether the stream moves is decided first
            return self.task.result()
        finally:
            await self.end()


class Movable:
    """A source. ``begun``: its first connection, if another node recorded the stream until now."""

    def __init__(self, source: Source, clock: Clock, begun: Begun | None = None) -> None:
        self._source = source
        self._clock = clock
        self._first = begun
        self.begun: Begun | None = begun
        """The connection that lasts; None: none does."""

    async def run_once(self, sink: MediaSink) -> str:
        self.begun, self._first = self._first or Begun(self._source, self._clock), None
        try:
            return await self.begun.deliver(sink)
        finally:
            self.begun = None
