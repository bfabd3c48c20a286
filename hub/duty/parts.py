"""The parts of this room, built together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from hub.clock import Clock
from hub.duty.clock import DAY_US
from hub.duty.completeness import ActivityTime, Completeness
from hub.duty.duty import Around, Duty
from hub.duty.findings import Findings, Seen
from hub.duty.hours import day_range
from hub.ledger.seam import OpenLedger
from hub.model import Stream
from hub.settings import Settings

PAUSE_S = 0.5
AHEAD_EVERY_S = 3600.0
AHEAD_US = 32 * DAY_US


@dataclass(frozen=True, slots=True)
class DutyParts:
    duty: Duty
    completeness: Completeness
    findings: Findings
    around: Around
    time: Clock

    @classmethod
    async def open(
        cls,
        settings: Settings,
        clock: Clock,
        ledger: OpenLedger,
        engine: Engine,
        around: Around,
        *,
        seen: Callable[[], Iterable[Seen]],
        activity_time: ActivityTime,
    ) -> Self:
        """``seen``: what delivers at this moment. The tables must exist."""
        zone = settings.time_zone
        duty = await Duty.open(settings, clock, ledger, around)
        around.units.on_change(lambda _: duty.keep_places())
        completeness = Completeness(engine, ledger.reader, duty.clock, clock, zone, activity_time)
        await asyncio.to_thread(completeness.forget)
        ledger.on_commit(completeness.heard)
        return cls(duty, completeness, Findings(engine, clock, duty.clock, zone, seen, around.tell), around, clock)

    def works(self) -> tuple[Callable[[], Coroutine[object, object, None]], ...]:
        """What goes on in the background, each until it is cancelled."""
        return self.duty.run, self.findings.run, self._measure_ahead

    async def _measure_ahead(self) -> None:
        """The last month's finished days are measured before anybody asks, one stream at a time."""
        while True:
            for stream in self.around.streams():
                await self.time.sleep(PAUSE_S)
                try:
                    await self.measure_ahead(stream)
                except SQLAlchemyError:
                    break  # it is away, and whoever asks for these days measures them
            await self.time.sleep(AHEAD_EVERY_S)

    async def measure_ahead(self, stream: Stream) -> None:
        today_us, _ = day_range(self.duty.zone, self.duty.today())
        await self.completeness.of([stream], today_us - AHEAD_US, today_us)
