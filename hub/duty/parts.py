"""The parts of this room, built together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine

from hub.clock import Clock
from hub.duty.completeness import ActivityTime, Completeness
from hub.duty.duty import Around, Duty
from hub.duty.findings import Findings, Seen
from hub.ledger.ledger import Ledger
from hub.settings import Settings


@dataclass(frozen=True, slots=True)
class DutyParts:
    duty: Duty
    completeness: Completeness
    findings: Findings

    @classmethod
    async def open(
        cls,
        settings: Settings,
        clock: Clock,
        ledger: Ledger,
        engine: Engine,
        around: Around,
        *,
        seen: Callable[[], Iterable[Seen]],
        activity_time: ActivityTime,
    ) -> Self:
        """``seen``: what delivers at this moment. The tables must exist."""
        zone = settings.time_zone
        duty = await Duty.open(settings, clock, ledger, around)
        completeness = Completeness(engine, ledger.reader, duty.clock, clock, zone, activity_time)
        await asyncio.to_thread(completeness.forget)
        ledger.on_commit(completeness.heard)
        return cls(duty, completeness, Findings(engine, clock, duty.clock, zone, seen, around.tell))

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as works:
            works.create_task(self.duty.run())
            works.create_task(self.findings.run())
