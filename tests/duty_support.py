"""Duty calendars over a real ledger in a temporary folder, on a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from hub.clock import ManualClock
from hub.database import Database, create_tables, open_engine
from hub.duty.duty import Around, Duty
from hub.duty.findings import Seen
from hub.duty.history import History
from hub.duty.hours import Hours
from hub.duty.parts import DutyParts
from hub.duty.years import shipped_years
from hub.ledger.ledger import Ledger
from hub.model import Interruption, Span, Stream, StreamKind, WhipSource
from hub.people.changes import HUB
from hub.people.tree import ROOT, UnitKind
from hub.people.units import Units
from tests.ledger_folder import Folder

S = 1_000_000
ZONE = "Asia/Shanghai"
WORKDAY = [["09:00", "12:00"], ["13:30", "17:30"]]
WEEK = {"weekly": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), WORKDAY)}
HALL = Hours.model_validate(WEEK)


def at(text: str, zone: str = ZONE) -> int:
    """µs of a wall clock, as ``2026-11-20 09:00``."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * S


def clock_of(us: int, zone: str = ZONE) -> str:
    return datetime.fromtimestamp(us / S, ZoneInfo(zone)).strftime("%m-%d %H:%M")


def stream(ident: str, unit: str = "hall", kind: StreamKind = StreamKind.WINDOW, created_us: int = 0) -> Stream:
    return Stream(ident, ident, kind, WhipSource(), created_us, unit=unit)


def history(
    hours: Mapping[str, Any] | None = None, *, from_us: int = 0, years: Sequence[int] = (2025, 2026), zone: str = ZONE
) -> History:
    """Of the window ``w`` in hall below root, and of the recorder ``r`` there; hours of the hall."""
    made = History()
    kinds = {"w": "window", "r": "recorder"}
    places = {ident: {"unit": "hall", "kind": kind, "retired": False} for ident, kind in kinds.items()}
    made.take(from_us, {"action": "places", "by": "hub", "streams": places, "units": {"hall": "root"}})
    for year in shipped_years():
        if year.year in years:
            made.take(from_us, {"action": "year", "by": "hub", **year.body()})
    if hours is not None:
        made.take(from_us, {"action": "hours", "by": "x", "unit": "hall", "hours": dict(hours), "zone": zone})
    return made


@dataclass
class FakeFootage:
    """The ledger's read side over plain lists, and how often it was asked."""

    recorded: list[Span] = field(default_factory=list)
    later: list[Span] = field(default_factory=list)
    cuts: list[Interruption] = field(default_factory=list)
    asked: int = 0

    def spans(self, stream_id: str, from_us: int, to_us: int) -> list[Span]:
        self.asked += 1
        return _clipped(self.recorded, from_us, to_us)

    def backfilled(self, stream_id: str, from_us: int, to_us: int) -> list[Span]:
        return _clipped(self.later, from_us, to_us)

    def interruptions(
        self, *, stream: str | None, from_us: int | None, to_us: int | None, limit: int, after: str | None
    ) -> list[Interruption]:
        found = sorted(self.cuts, key=lambda one: one.started_us, reverse=True)
        found = [one for one in found if one.started_us < (to_us or 0) and (one.ended_us or 2**60) > (from_us or 0)]
        if after is not None:
            found = found[[one.id for one in found].index(after) + 1 :]
        return found[:limit]


def _clipped(spans: list[Span], from_us: int, to_us: int) -> list[Span]:
    return [
        Span(max(a.from_us, from_us), min(a.to_us, to_us)) for a in spans if a.from_us < to_us and a.to_us > from_us
    ]


@dataclass
class Bench:
    """What a test holds in its hands."""

    folder: Folder
    clock: ManualClock
    ledger: Ledger
    engine: Engine
    units: Units
    parts: DutyParts
    streams: list[Stream]
    seen: list[Seen]
    events: list[tuple[str, Mapping[str, Any]]]
    activities: dict[str, list[tuple[int, int]]]

    @property
    def duty(self) -> Duty:
        return self.parts.duty

    def told(self, kind: str) -> list[Mapping[str, Any]]:
        return [data for what, data in self.events if what == kind]

    def entered(self) -> list[str]:
        """The actions of all calendar entries, oldest first."""
        return [body["action"] for _, _, body in self.ledger.reader.calendars()]


@asynccontextmanager
async def bench(path: Path, now: str = "2026-11-20 08:00", streams: Sequence[Stream] = ()) -> AsyncIterator[Bench]:
    """root > hall > desk, and root > other; who opens the same folder again finds what was there."""
    folder = Folder(path)
    clock = ManualClock(at(now), 0)
    ledger = await folder.open(clock)
    engine = open_engine(Database(folder.data / "hub.db"))
    create_tables(engine)
    units = await Units.open(engine, clock)
    if units.tree.get("hall") is None:
        for ident, parent in (("hall", ROOT), ("desk", "hall"), ("other", ROOT)):
            await units.add(ident, ident, parent, UnitKind.HALL, by=HUB)
    listed = list(streams) or [stream("w"), stream("r", kind=StreamKind.RECORDER)]
    seen: list[Seen] = []
    events: list[tuple[str, Mapping[str, Any]]] = []
    activities: dict[str, list[tuple[int, int]]] = {}
    around = Around(lambda: listed, units, lambda what, data: events.append((what, data)))
    parts = await DutyParts.open(
        folder.settings, clock, ledger, engine, around,
        seen=lambda: seen, activity_time=lambda ident, _from, _to: activities.get(ident, []),
    )  # fmt: skip
    try:
        yield Bench(folder, clock, ledger, engine, units, parts, listed, seen, events, activities)
    finally:
        await ledger.close()
        engine.dispose()
