"""Recording in this process: the disk, the recorders' door, the fleet, the sub-streams, who looks at pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from hub.app.meanwhile import Work
from hub.app.recording import Asked, StreamNow
from hub.clock import Clock
from hub.fleet import Camera, Fleet
from hub.ingest.sockets import SocketGroup
from hub.ingest.whip.endpoint import WhipEndpoint
from hub.ledger.entries import EntryType
from hub.ledger.left_open import left_open
from hub.ledger.reader import Reader
from hub.model import Stream
from hub.monitor.content.stills import Stills
from hub.monitor.content.store import NormalStore
from hub.monitor.live import LiveFeed, LiveFeeds
from hub.monitor.vitals import Flow
from hub.operations.operations import AnyMeasured, Measured
from hub.pipeline import Rooms, StreamLedger
from hub.preview import Previews
from hub.segmenter.disk import Disk
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.monitor.content.checks import ContentChecks


class Here:
    """``engine`` keeps what content checks have learnt of each picture. ``reader``: what a killed hub left open beside
    the break of a recording is closed at the start."""

    fleet: Fleet
    previews: Previews
    content: ContentChecks | None = None

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        ledger: StreamLedger,
        engine: Engine,
        disk: Disk,
        reader: Reader | None = None,
    ) -> None:
        self._reader = reader
        self._settings = settings
        self._clock = clock
        self._ledger = ledger
        self._engine = engine
        self._disk = disk
        self.feeds = LiveFeeds()
        self.flow = Flow()
        self._sockets = SocketGroup(clock)
        self.whip = WhipEndpoint(settings, clock)
        self.pictures = Stills(self.feeds)

    async def open(self, stack: AsyncExitStack) -> None:
        stack.push_async_callback(self.whip.close)

    async def begin(self, stack: AsyncExitStack, asked: Asked, streams: Sequence[Stream]) -> None:
        settings = self._settings
        if self._reader is not None:
            for stream_id, body in await asyncio.to_thread(left_open, self._reader):
                self._ledger.append(stream_id, EntryType.INTERRUPTION_CLOSE, body)
        rooms = Rooms(
            settings, self._clock, self._ledger, self._disk, asked.events, asked.incident, self.flow, self._sockets
        )
        self.fleet = Fleet(
            rooms,
            self.feeds,
            self.whip,
            asked.recovered,
            expected=asked.expected,
            unit_rules=asked.unit_rules,
            maintenance=asked.maintenance,
            content=await self._watch_content(stack),
            rules_of=asked.rules_of,
        )
        stack.push_async_callback(self.fleet.stop)
        for stream in streams:
            self.fleet.begin(stream)
        self.previews = Previews(
            lambda address: Camera(address, rooms), self._clock,
            fragment_ms=min(settings.fragment_ms, settings.live_fragment_ms), most=settings.max_previews,
        )  # fmt: skip
        stack.push_async_callback(self.previews.close)

    async def _watch_content(self, stack: AsyncExitStack) -> ContentChecks | None:
        settings = self._settings
        if not settings.content_checks:
            return None
        # only here, and beside the event loop: FFmpeg and numpy take a third of a second
        await asyncio.to_thread(import_module, "hub.monitor.content.checks")
        from hub.monitor.content.checks import ContentChecks

        every_s, budget = settings.content_every_s, settings.content_budget
        store = NormalStore(self._engine)
        self.content = ContentChecks(self._clock, settings.data, store, budget=budget, interval_s=every_s)
        await self.content.start()
        stack.push_async_callback(self.content.close)
        return self.content

    def works(self) -> Sequence[Work]:
        return (self.fleet.tick_for_ever, self.previews.run)

    def changed(self, before: Stream | None, after: Stream) -> None:
        self.fleet.changed(before, after)
        self.previews.changed(before, after)

    def rules_changed(self) -> None:
        self.fleet.rules_changed()

    def now(self, stream_id: str) -> StreamNow | None:
        return self.fleet.pipeline(stream_id)

    def all(self) -> Sequence[StreamNow]:
        return self.fleet.pipelines()

    def measured(self) -> Iterable[AnyMeasured]:
        return (Measured(one.vitals, one.bitrate_bps) for one in self.fleet.pipelines())

    def together(self) -> Mapping[str, float]:
        return {}

    @property
    def nodes(self) -> None:
        return None

    async def brought(self, path: str) -> bytes | None:  # noqa: ARG002
        return None

    def preview(self, stream: Stream) -> LiveFeed | None:
        return self.previews.feed(stream)
