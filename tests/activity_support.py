"""Activities over a real ledger in a temporary folder, with a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from hub.activities.activities import Activities
from hub.activities.drafts import Draft
from hub.activities.model import Officer
from hub.activities.watch import Around, Watch
from hub.clock import ManualClock
from hub.database import Database, create_tables, open_engine
from hub.ledger.ledger import Ledger
from hub.model import Interruption, InterruptionKind, InterruptionState, Span, Stream, StreamKind, WhipSource
from hub.people.changes import HUB
from hub.people.people import People
from hub.people.tree import ROOT, UnitKind
from hub.people.units import Units
from tests.ledger_folder import Folder

START_US = 1_767_225_600_000_000
HOUR_S = 3600
S = 1_000_000
ZHANG = Officer("张三", "冀A0101")
LI = Officer("李四", "冀A0102")
HELPER = Officer("王五", "冀X9", assistant=True)
FULL = Draft(
    officers=(ZHANG, LI), recorder="冀A0101", party="赵六", party_present=True, cause="超限运输",
    case_number="（2026）冀交执罚字第01234号", place="某路口", matter="路面检查",
)  # fmt: skip


def recorder(
    ident: str = "rec-1", unit: str = "", kind: StreamKind = StreamKind.RECORDER, number: str = "D-7"
) -> Stream:
    return Stream(ident, ident, kind, WhipSource(), 0, unit=unit, device_number=number)


def cut(ident: str, from_us: int, to_us: int | None, kind: InterruptionKind = InterruptionKind.STALL) -> Interruption:
    state = InterruptionState.CONFIRMED if to_us is None else InterruptionState.CLOSED
    return Interruption(ident, "rec-1", kind, state, from_us, from_us, to_us, needs_explanation=True)


@dataclass
class FakeFootage:
    """The ledger's read side over plain lists."""

    recorded: list[Span] = field(default_factory=list)
    cuts: list[Interruption] = field(default_factory=list)
    later: list[Span] = field(default_factory=list)
    followups: dict[str, str] = field(default_factory=dict)

    def spans(self, stream_id: str, from_us: int, to_us: int) -> list[Span]:
        return [one for one in self.recorded if one.from_us < to_us and one.to_us > from_us]

    def backfilled(self, stream_id: str, from_us: int, to_us: int) -> list[Span]:
        return [one for one in self.later if one.from_us < to_us and one.to_us > from_us]

    def interruptions(
        self, *, stream: str | None, from_us: int | None, to_us: int | None, limit: int
    ) -> list[Interruption]:
        return [one for one in self.cuts if one.started_us < (to_us or 0) and (one.ended_us or 2**60) > (from_us or 0)]

    def became(self, cuts: Sequence[Interruption]) -> Mapping[str, str]:
        return {one.id: self.followups[one.id] for one in cuts if one.id in self.followups}


@dataclass
class Bench:
    """What a test holds in its hands."""

    folder: Folder
    clock: ManualClock
    ledger: Ledger
    engine: Engine
    units: Units
    people: People
    activities: Activities
    watch: Watch
    footage: FakeFootage
    events: list[tuple[str, Mapping[str, Any]]]
    streams: list[Stream]
    live: dict[str, tuple[str, int]]

    def told(self, kind: str) -> Sequence[Mapping[str, Any]]:
        return [data for what, data in self.events if what == kind]


@asynccontextmanager
async def bench(tmp_path: Path, footage: FakeFootage | None = None, at_us: int = START_US) -> AsyncIterator[Bench]:
    """root > north > north-1; who opens the same folder again finds what was there."""
    folder = Folder(tmp_path)
    clock = ManualClock(at_us, 0)
    ledger = await folder.open(clock)
    engine = open_engine(Database(folder.data / "hub.db"))
    create_tables(engine)
    units = await Units.open(engine, clock)
    if units.tree.get("north") is None:
        await units.add("north", "北区大队", ROOT, UnitKind.BRIGADE, by=HUB)
        await units.add("north-1", "北区一中队", "north", UnitKind.OFFICE, by=HUB)
    people = await People.open(engine, clock, units)
    events: list[tuple[str, Mapping[str, Any]]] = []
    activities = await Activities.open(
        engine, folder.data, clock, ledger, people, lambda what, data: events.append((what, data))
    )
    footage = footage or FakeFootage()
    streams: list[Stream] = []
    live: dict[str, tuple[str, int]] = {}
    around = Around(
        footage,
        streams=lambda: streams,
        live=lambda stream: live.get(stream.id, ("idle", None)),
        followups=footage.became,
        backfilled=footage.backfilled,
    )
    watch = Watch(activities, around)
    try:
        yield Bench(folder, clock, ledger, engine, units, people, activities, watch, footage, events, streams, live)
    finally:
        await ledger.close()
        engine.dispose()
