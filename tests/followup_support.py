"""A ledger, units and people with the following-up of interruptions over them, in simulated time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hub.clock import US_PER_S, ManualClock
from hub.database import Database, create_tables, open_engine
from hub.followup.explaining import Explaining
from hub.followup.followup import Followup
from hub.ledger.bodies import interruption_body
from hub.ledger.entries import EntryType
from hub.ledger.files import DATABASE_FILE
from hub.ledger.ledger import Ledger
from hub.ledger.told import ToldReader
from hub.model import Interruption, InterruptionKind, InterruptionState, Stream, StreamKind, WhipSource
from hub.people.changes import HUB
from hub.people.people import People, Person
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from hub.people.units import Units
from tests.ledger_folder import START_US, Folder

HOUR = 3600
REC, WINDOW = "rec-1", "window-1"
STREAMS = {
    REC: Stream(REC, "执法记录仪1", StreamKind.RECORDER, WhipSource(), 0, unit="team"),
    WINDOW: Stream(WINDOW, "窗口1", StreamKind.WINDOW, WhipSource(), 0, unit="team"),
}


@dataclass
class Desk:
    """The parts under test, and what they told."""

    folder: Folder
    clock: ManualClock
    ledger: Ledger
    followup: Followup
    explaining: Explaining
    people: People
    units: Units
    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    noted: list[tuple[str, str]] = field(default_factory=list)
    """What was written, and by whom."""
    cues: list[str] = field(default_factory=list)
    present: list[Interruption] = field(default_factory=list)

    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def tell(self, name: str, data: Mapping[str, Any]) -> None:
        """That an entry was written is told of every one, beside what it changes."""
        if name == "interruption.noted":
            self.noted.append((data["what"], data["by"]))
        else:
            self.events.append((name, data))

    async def fault(self, stream: str = REC, ident: str = "i-1", **values: Any) -> Interruption:
        """A confirmed fault that begins now."""
        now_us = self.clock.now().utc_us
        given: dict[str, Any] = {"needs_explanation": True, "started_us": now_us, "detected_us": now_us + 900_000}
        fault = Interruption(ident, stream, InterruptionKind.STALL, InterruptionState.CONFIRMED, **(given | values))
        self.ledger.append(stream, EntryType.INTERRUPTION_OPEN, interruption_body(fault))
        await self.passes()
        return fault

    async def back(self, fault: Interruption, after_s: float = 60) -> Interruption:
        """The stream is back, and the edge is written."""
        self.clock.advance(after_s)
        ended = replace(fault, state=InterruptionState.CLOSED, ended_us=self.clock.now().utc_us)
        self.ledger.append(fault.stream_id, EntryType.INTERRUPTION_CLOSE, interruption_body(ended))
        await self.passes()
        return ended

    async def backfill(self, fault: Interruption, from_us: int, to_us: int, *, whole: bool = False) -> None:
        self.ledger.append(fault.stream_id, EntryType.BACKFILL, backfill_body(fault.id, from_us, to_us, whole=whole))
        await self.passes()

    async def passes(self, count: int = 3) -> None:
        for _ in range(count):
            await self.ledger.committed()
            await self.followup.one_pass()

    async def hours(self, hours: float) -> None:
        self.clock.advance(hours * HOUR)
        await self.passes()

    async def state(self, ident: str = "i-1") -> str:
        return (await self.followup.case(ident)).outcome.state.value

    def person(self, name: str) -> Person:
        return self.people.by_username(name)


@asynccontextmanager
async def desk(root: Path, *, at_us: int = START_US, present: list[Interruption] | None = None) -> AsyncIterator[Desk]:
    """Units root > county > team. Officers zhang, li, wang; zhao assists; chen runs the hall. A second call on the same
    folder is the hub's next start."""
    folder, clock = Folder(root), ManualClock(at_us)
    ledger = await folder.open(clock)
    engine = open_engine(Database(folder.data / DATABASE_FILE))
    create_tables(engine)
    units = await Units.open(engine, clock)
    people = await People.open(engine, clock, units)
    if people.find("zhang") is None:
        await units.add("county", "县局", ROOT, UnitKind.BUREAU, by=HUB)
        await units.add("team", "一大队", "county", UnitKind.BRIGADE, by=HUB)
        for name, number, assistant, role in (
            ("zhang", "A001", False, Role.OFFICER),
            ("li", "A002", False, Role.OFFICER),
            ("wang", "A003", False, Role.OFFICER),
            ("zhao", "F001", True, Role.OFFICER),
            ("liu", "", False, Role.OFFICER),
            ("chen", "", False, Role.HALL_ADMIN),
        ):
            await people.add(
                name, name.title(), "x", by=HUB, unit="team", certificate=number, assistant=assistant, roles={role}
            )
    told = ToldReader(Database.in_folder(folder.data))
    here: list[Interruption] = [] if present is None else present
    made: Desk
    followup = Followup(
        clock, ledger, told, ledger.reader, units, STREAMS.get, lambda: here,
        tell=lambda name, data: made.tell(name, data), cue=lambda stream, _: made.cues.append(stream),
    )  # fmt: skip
    made = Desk(folder, clock, ledger, followup, Explaining(followup, people, folder.data), people, units, present=here)
    await followup.start()
    try:
        yield made
    finally:
        told.close()
        engine.dispose()
        await ledger.close()


def seconds(number: float) -> int:
    return round(number * US_PER_S)


def backfill_body(ident: str, from_us: int, to_us: int, *, whole: bool) -> dict[str, Any]:
    told = {"fills": "0" * 64, "interruption": ident, "from_us": from_us, "to_us": to_us, "whole": whole}
    file = {"file_sha256": "1" * 64, "size": 1, "by": "device:rec-1", "run": 9, "method": "claimed"}
    return told | file | {"claimed_from_us": from_us, "offset_us": 0, "edge_error_us": 0}
