"""What is wrong, by unit and for a time: numbers, and the records behind each number, made by the same lines. Blocking.

Interruptions count where they began, in the unit that their stream is in now; activities by the unit that they were
begun in, and by what was last found of them; windows without sound by day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sqlalchemy import ColumnElement, Connection, Engine, exists, func, select

from hub.activities.findings import Finding as ActivityFinding
from hub.activities.store import row_range
from hub.activities.tables import activities
from hub.database import json_number, json_text, listed
from hub.duty.findings import NO_SOUND
from hub.duty.hours import day_of
from hub.duty.tables import findings as duty_findings
from hub.followup.judge import Outcome, State
from hub.ledger.tables import interruptions
from hub.model import Interruption, InterruptionState, Stream
from hub.people.tree import ROOT, Tree

Kind = Literal[
    "interruptions", "unexplained", "overdue", "activities", "full_unexplained", "no_notice", "no_certificate_shown",
    "no_officers", "only_assistants", "storage_overdue", "no_sound",
]  # fmt: skip
KINDS: tuple[Kind, ...] = (
    "interruptions", "unexplained", "overdue", "activities", "full_unexplained", "no_notice", "no_certificate_shown",
    "no_officers", "only_assistants", "storage_overdue", "no_sound",
)  # fmt: skip
OF_ACTIVITIES: Mapping[str, ActivityFinding] = {
    "full_unexplained": ActivityFinding.UNEXPLAINED,
    "no_notice": ActivityFinding.NO_NOTICE,
    "no_certificate_shown": ActivityFinding.NO_CERTIFICATE_SHOWN,
    "no_officers": ActivityFinding.NO_OFFICERS,
    "only_assistants": ActivityFinding.ONLY_ASSISTANTS,
    "storage_overdue": ActivityFinding.STORAGE_OVERDUE,
}
WANTING = frozenset({State.OPEN, State.REPORTED, State.AWAITING, State.PARTLY_BACKFILLED, State.OVERDUE})
"""Nobody has explained it, and not all of it was brought."""
MAX_JUDGED = 2000
"""Interruptions of which nobody has said yet how they stand (a hub that has just begun), judged for one answer, the
newest; beyond it the answer says so."""


class Cases(Protocol):
    """What becomes of interruptions (hub/followup)."""

    def outcomes(self, faults: Iterable[Interruption]) -> dict[str, Outcome]: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """``pending``: what still asks for something, newest first, and how it stands (None: not looked at yet);
    ``units``: which are wanted and may be seen."""

    from_us: int
    to_us: int
    streams: Mapping[str, Stream]
    pending: Sequence[tuple[Interruption, State | None]]
    units: Callable[[str], bool]
    tree: Tree
    zone: str
    concealed: Collection[str] = ()
    """Streams that are not there for the one who asks."""
    hidden: Sequence[tuple[str, int, int]] = ()
    """Stream and time of what is labelled and not to be seen: activities that touch it are not there."""

    def unit_of(self, stream_id: str) -> str:
        """Of a stream; one without a unit, or in an unknown one, belongs to the root."""
        stream = self.streams.get(stream_id)
        return self.known(stream.unit if stream is not None else "")

    def known(self, unit: str) -> str:
        return unit if self.tree.get(unit) is not None else ROOT

    def shows(self, stream_id: str) -> bool:
        """Whether the stream is there for the one who asks."""
        return stream_id not in self.concealed

    def within(self) -> frozenset[str]:
        """Streams of the units that are wanted."""
        return frozenset(one for one in self.streams if self.units(self.unit_of(one)))


@dataclass(frozen=True, slots=True)
class Row:
    """One unit: what is its own, and with all below it."""

    unit: str
    own: Mapping[Kind, int]
    all: Mapping[Kind, int]


@dataclass(frozen=True, slots=True)
class Overview:
    rows: tuple[Row, ...]
    left_out: int
    """Interruptions beyond :data:`MAX_JUDGED` that were not judged, and count as neither."""


@dataclass(frozen=True, slots=True)
class Record:
    """``of`` says what ``id`` names: an interruption, an activity, or nothing but a stream's day. µs, hub UTC."""

    of: Literal["interruption", "activity", "day"]
    id: str
    unit: str
    stream_id: str
    at_us: int
    to_us: int | None
    text: str


class Records:
    def __init__(self, engine: Engine, cases: Cases) -> None:
        self._engine = engine
        self._cases = cases

    # ------------------------------------------------------------------------------------ numbers

    def overview(self, asked: Asked) -> Overview:
        own: dict[str, Counter[Kind]] = {}

        def count(unit: str, kind: Kind, number: int) -> None:
            if number and asked.units(unit):
                own.setdefault(unit, Counter())[kind] += number

        with self._engine.connect() as connection:
            for stream, number in self._interruptions_by_stream(connection, asked):
                count(asked.unit_of(stream), "interruptions", number if asked.shows(stream) else 0)
            for unit, found, number in self._activities_by_unit(connection, asked):
                count(asked.known(unit), "activities", number)
                for kind, finding in OF_ACTIVITIES.items():
                    count(asked.known(unit), kind, number if finding in found else 0)  # type: ignore[arg-type]
            for stream, _, _ in self._silent(connection, asked):
                count(asked.unit_of(stream), "no_sound", int(asked.shows(stream)))
        pending, left_out = self._wanting(asked)
        for fault, state in pending:
            count(asked.unit_of(fault.stream_id), "unexplained", 1)
            count(asked.unit_of(fault.stream_id), "overdue", int(state is State.OVERDUE))
        return Overview(_summed(own, asked), left_out)

    def _interruptions_by_stream(self, connection: Connection, asked: Asked) -> Iterator[tuple[str, int]]:
        row = interruptions.c
        query = select(row.stream, func.count()).where(*_in_time(asked)).group_by(row.stream)
        yield from ((one[0], one[1]) for one in connection.execute(query))

    def _activities_by_unit(self, connection: Connection, asked: Asked) -> Iterator[tuple[str, list[str], int]]:
        row = activities.c
        unit = json_text(row.state, "unit")
        query = select(unit, row.findings, func.count()).where(*_began(asked)).group_by(unit, row.findings)
        yield from ((one[0] or "", one[1].split(), one[2]) for one in connection.execute(query))

    def _silent(self, connection: Connection, asked: Asked) -> Iterator[tuple[str, str, int]]:
        row = duty_findings.c
        first, last = str(day_of(asked.zone, asked.from_us)), str(day_of(asked.zone, asked.to_us - 1))
        query = select(row.stream, row.day, row.at_us).where(row.kind == NO_SOUND, row.day >= first, row.day <= last)
        yield from ((one[0], one[1], one[2]) for one in connection.execute(query.order_by(row.at_us.desc())))

    def _wanting(self, asked: Asked) -> tuple[list[tuple[Interruption, State]], int]:
        """Interruptions of that time that are neither explained nor filled, newest first; and how many were not
        judged."""
        within = asked.within()
        due = [
            (one, state)
            for one, state in asked.pending
            if asked.from_us <= one.started_us < asked.to_us and one.stream_id in within
        ]
        unknown = [one for one, state in due if state is None]
        outcomes = self._cases.outcomes(unknown[:MAX_JUDGED])
        judged = {ident: outcome.state for ident, outcome in outcomes.items()}
        states = [(one, state or judged.get(one.id)) for one, state in due]
        wanting = [(one, state) for one, state in states if state in WANTING]
        return [(one, state) for one, state in wanting if state is not None], max(0, len(unknown) - MAX_JUDGED)

    # ------------------------------------------------------------------------------------ records

    def records(self, asked: Asked, kind: Kind, limit: int) -> list[Record]:
        """What one number counts, the newest first."""
        if kind in ("unexplained", "overdue"):
            found = [one for one, state in self._wanting(asked)[0] if kind == "unexplained" or state is State.OVERDUE]
            return [_of_fault(one, asked) for one in found[:limit]]
        with self._engine.connect() as connection:
            if kind == "interruptions":
                return self._faults(connection, asked, limit)
            if kind == "no_sound":
                listed = [
                    one
                    for one in self._silent(connection, asked)
                    if asked.units(asked.unit_of(one[0])) and asked.shows(one[0])
                ]
                return [
                    Record("day", day, asked.unit_of(stream), stream, at_us, None, day)
                    for stream, day, at_us in listed[:limit]
                ]
            return [_of_activity(one) for one in _activities(connection, asked, OF_ACTIVITIES.get(kind), limit)]

    def _faults(self, connection: Connection, asked: Asked, limit: int) -> list[Record]:
        row, names = interruptions.c, listed(sorted(asked.within()))
        query = select(row.id, row.stream, row.kind, row.started_us, row.ended_us).where(
            *_in_time(asked), row.stream.in_(select(names))
        )
        found = connection.execute(query.order_by(row.started_us.desc(), row.id.desc()).limit(limit))
        return [
            Record(
                "interruption", one.id, asked.unit_of(one.stream), one.stream, one.started_us, one.ended_us, one.kind
            )
            for one in found
        ]


def _in_time(asked: Asked) -> tuple[ColumnElement[bool], ...]:
    row = interruptions.c
    late = row.state != InterruptionState.WITHDRAWN.value
    return row.started_us >= asked.from_us, row.started_us < asked.to_us, late


def _began(asked: Asked) -> tuple[ColumnElement[bool], ...]:
    """Rows are to the second, times are not."""
    row = activities.c
    first, last = row_range(asked.from_us, asked.to_us)
    own = (row.row.between(first, last), row.began_us >= asked.from_us, row.began_us < asked.to_us)
    if not asked.hidden:
        return own
    each = listed([list(one) for one in asked.hidden])
    hiding = exists().where(
        json_text(each, 0) == row.stream,
        json_number(each, 1) < func.coalesce(row.ended_us, 1 << 62),
        json_number(each, 2) > row.began_us,
    )
    return (*own, ~hiding)


def _activities(
    connection: Connection, asked: Asked, finding: ActivityFinding | None, limit: int
) -> list[tuple[str, str, str, int, int | None, str]]:
    """Id, unit, stream, begin, end and what it is about."""
    row = activities.c
    state = [json_text(row.state, name) for name in ("unit", "case_number", "cause", "matter")]
    query = select(row.id, row.stream, row.began_us, row.ended_us, *state).where(*_began(asked))
    if finding is not None:  # words are separated by blanks
        query = query.where((" " + row.findings + " ").contains(f" {finding.value} ", autoescape=True))
    found = []
    for one in connection.execution_options(stream_results=True).execute(query.order_by(row.row.desc())):
        unit = asked.known(one[4] or "")
        if asked.units(unit):
            text = " · ".join(part for part in one[5:8] if part)
            found.append((one[0], unit, one[1], one[2], one[3], text))
            if len(found) >= limit:
                break
    return found


def activities_in(engine: Engine, asked: Asked, finding: ActivityFinding | None, limit: int) -> list[Record]:
    """Activities of these units and that time, the newest first."""
    with engine.connect() as connection:
        return [_of_activity(one) for one in _activities(connection, asked, finding, limit)]


def _of_activity(one: tuple[str, str, str, int, int | None, str]) -> Record:
    ident, unit, stream, began_us, ended_us, text = one
    return Record("activity", ident, unit, stream, began_us, ended_us, text)


def _of_fault(one: Interruption, asked: Asked) -> Record:
    unit = asked.unit_of(one.stream_id)
    return Record("interruption", one.id, unit, one.stream_id, one.started_us, one.ended_us, one.kind.value)


def _summed(own: Mapping[str, Counter[Kind]], asked: Asked) -> tuple[Row, ...]:
    """A row for each unit that is wanted, with the sums of what lies below it."""
    total: dict[str, Counter[Kind]] = {}
    for unit, counts in own.items():
        for above in asked.tree.path(unit):
            if asked.units(above):
                total.setdefault(above, Counter()).update(counts)
    wanted = [unit.id for unit in asked.tree if asked.units(unit.id)]
    return tuple(Row(one, own.get(one, Counter()), total.get(one, Counter())) for one in wanted)
