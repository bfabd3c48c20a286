"""Completeness of streams by day, from the ledger's rows; finished days are kept until something changes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from sqlalchemy import Engine, delete, select

from hub.clock import US_PER_S, Clock
from hub.database import upsert
from hub.duty.amounts import MARGIN_US, Amounts, Facts, Sorted, measure, sort
from hub.duty.clock import DutyClock
from hub.duty.hours import day_of, day_range, days_between
from hub.duty.intervals import Interval, clip, union
from hub.duty.tables import days as table
from hub.ledger.entries import Entry, EntryType
from hub.model import Interruption, Span, Stream

HOUR_US = 3600 * US_PER_S
DAY_US = 24 * HOUR_US
LATE_US = HOUR_US // 2
"""Entries of longer ago than this change what may be kept already; a day is kept an hour after its end."""
ACTIVITY_REACH_US = 40 * DAY_US
_PAGE = 1000
_FOOTAGE = (EntryType.CHUNK, EntryType.RECOVERY)
_CUTS = (EntryType.INTERRUPTION_OPEN, EntryType.INTERRUPTION_CLOSE, EntryType.INTERRUPTION_WITHDRAWN)

ActivityTime = Callable[[str, int, int], Sequence[Interval]]
"""When a stream ought to record by activities (执法活动), open and ended. Blocks."""

_KEEP = upsert(table)
_KEEP = _KEEP.on_conflict_do_update(
    index_elements=["stream", "from_us"],
    set_={column.name: column for column in _KEEP.excluded if column.name not in ("stream", "from_us")},
)


class Footage(Protocol):
    """The read side of the ledger. Blocks."""

    def spans(self, stream_id: str, from_us: int, to_us: int) -> list[Span]: ...
    def backfilled(self, stream_id: str, from_us: int, to_us: int) -> list[Span]: ...
    def interruptions(
        self, *, stream: str | None, from_us: int | None, to_us: int | None, limit: int, after: str | None
    ) -> list[Interruption]: ...


@dataclass(frozen=True, slots=True)
class DayOf:
    """A stream's day, or the part of it within the range asked for. ``year_missing``: the weekday alone said what was
    due, because the year's holidays were not known."""

    day: date
    from_us: int
    to_us: int
    amounts: Amounts
    year_missing: bool = False


@dataclass(frozen=True, slots=True)
class Detail:
    """One stream's range as it is sorted, with the interruptions that it was sorted by."""

    sorted: Sorted
    interruptions: Sequence[Interruption]


class Completeness:
    """One question at a time; a day that is over is measured once."""

    def __init__(
        self, engine: Engine, footage: Footage, duty: DutyClock, clock: Clock, zone: str, activity_time: ActivityTime
    ) -> None:
        self._engine = engine
        self._footage = footage
        self._duty = duty
        self._clock = clock
        self._zone = zone
        self._activity_time = activity_time
        self._asking = asyncio.Lock()
        self._changed: dict[str, Interval] = {}
        self.measured_days = 0
        """How many were not kept and had to be measured."""

    def forget(self) -> None:
        """At the start: what changed just before a kill may not have reached the rows. Blocks."""
        with self._engine.begin() as connection:
            connection.execute(delete(table))

    def heard(self, entries: Sequence[Entry]) -> None:
        """After a commit, on the event loop: remembers what of the past it changes."""
        for entry in entries:
            found = _changes(entry)
            if found is not None:
                known = self._changed.get(entry.stream_id, found)
                self._changed[entry.stream_id] = (min(known[0], found[0]), max(known[1], found[1]))

    async def of(self, streams: Sequence[Stream], from_us: int, to_us: int) -> dict[str, list[DayOf]]:
        """Each stream's days within the range, oldest first. Raises nothing; the caller bounds the range."""
        async with self._asking:
            changed, self._changed = self._changed, {}
            return await asyncio.to_thread(self._of, streams, from_us, to_us, changed, self._clock.now().utc_us)

    async def detail(self, streams: Sequence[Stream], from_us: int, to_us: int) -> dict[str, Detail]:
        """The same time as :meth:`of`, as intervals: measured anew, for a report that says where the time went."""
        async with self._asking:
            return await asyncio.to_thread(self._detail, streams, from_us, to_us, self._clock.now().utc_us)

    # ------------------------------------------------------------------------------- in a thread

    def _detail(self, streams: Sequence[Stream], from_us: int, to_us: int, now_us: int) -> dict[str, Detail]:
        out: dict[str, Detail] = {}
        for stream in streams:
            due, _ = self._due(stream, from_us, min(to_us, now_us))
            facts = self._facts(stream, from_us, to_us)
            found = sort(due, facts, from_us, to_us, now_us=now_us)
            out[stream.id] = Detail(found, [one for one in facts.interruptions if one.started_us < to_us])
        return out

    def _of(
        self, streams: Sequence[Stream], from_us: int, to_us: int, changed: dict[str, Interval], now_us: int
    ) -> dict[str, list[DayOf]]:
        self._drop(changed)
        if to_us <= from_us:
            return {one.id: [] for one in streams}
        whole = {
            begin: day
            for day in days_between(self._zone, from_us, to_us)
            for begin, end in (day_range(self._zone, day),)
            if from_us <= begin and end <= to_us
        }
        kept = self._kept({one.id for one in streams}, from_us, to_us)
        fresh: list[dict[str, object]] = []
        out: dict[str, list[DayOf]] = {}
        for stream in streams:
            known = {one.from_us: one for one in kept.get(stream.id, ()) if one.from_us in whole}
            found = known | {one.from_us: one for one in self._measure(stream, from_us, to_us, known, now_us)}
            out[stream.id] = [found[begin] for begin in sorted(found)]
            fresh += [
                _row(stream.id, one)
                for begin, one in found.items()
                if begin not in known and begin in whole and one.to_us + HOUR_US <= now_us
            ]
        if fresh:
            with self._engine.begin() as connection:
                connection.execute(_KEEP, fresh)
        return out

    def _measure(self, stream: Stream, from_us: int, to_us: int, known: dict[int, DayOf], now_us: int) -> list[DayOf]:
        """What is not known yet, in runs of days that follow each other."""
        out: list[DayOf] = []
        run: list[tuple[date, int, int]] = []
        for day in [*days_between(self._zone, from_us, to_us), None]:
            if day is not None:
                begin, end = day_range(self._zone, day)
                begin, end = max(begin, from_us), min(end, to_us)
                if begin not in known and begin < now_us:
                    run.append((day, begin, end))
                    continue
                if begin not in known:
                    out.append(DayOf(day, begin, end, Amounts()))
            if run:
                out += self._measure_run(stream, run, now_us)
                run = []
        return out

    def _measure_run(self, stream: Stream, run: Sequence[tuple[date, int, int]], now_us: int) -> list[DayOf]:
        self.measured_days += len(run)
        from_us, to_us = run[0][1], run[-1][2]
        due, unknown = self._due(stream, from_us, to_us)
        facts = self._facts(stream, from_us, to_us) if due else Facts((), (), ())
        found = measure(due, facts, [(begin, end) for _, begin, end in run], now_us=now_us)
        return [
            DayOf(day, begin, end, amounts, any(one[0] < end and one[1] > begin for one in unknown))
            for (day, begin, end), amounts in zip(run, found, strict=True)
        ]

    def _facts(self, stream: Stream, from_us: int, to_us: int) -> Facts:
        first_us, last_us = from_us - MARGIN_US, to_us + MARGIN_US
        return Facts(
            self._footage.spans(stream.id, first_us, last_us),
            self._footage.backfilled(stream.id, first_us, last_us),
            self._cuts(stream.id, first_us, last_us),
        )

    def _due(self, stream: Stream, from_us: int, to_us: int) -> tuple[list[Interval], list[Interval]]:
        """What was due of the range, and where a year was missing.

        By the calendar that was in force; without one a window or room is due since it was registered. An activity
        is due at any hour. A recorder without either is due never: there is nothing to be complete against.
        """
        due: list[Interval] = []
        unknown: list[Interval] = []
        for piece in self._duty.pieces(stream.id, from_us, to_us):
            always = piece.due is None and stream.kind.always_expected and not stream.retired
            if piece.due or always:
                due += clip([piece.interval], stream.created_us, to_us)
            if piece.year_missing:
                unknown.append(piece.interval)
        due += clip(self._activity_time(stream.id, from_us, to_us), from_us, to_us)
        return union(due), unknown

    def _cuts(self, stream_id: str, from_us: int, to_us: int) -> list[Interruption]:
        found: list[Interruption] = []
        after: str | None = None
        while True:
            page = self._footage.interruptions(stream=stream_id, from_us=from_us, to_us=to_us, limit=_PAGE, after=after)
            found += page
            if len(page) < _PAGE:
                return found
            after = page[-1].id

    def _kept(self, streams: set[str], from_us: int, to_us: int) -> dict[str, list[DayOf]]:
        row = table.c
        query = select(table).where(row.from_us >= from_us, row.to_us <= to_us)
        if len(streams) == 1:
            query = query.where(row.stream == next(iter(streams)))
        out: dict[str, list[DayOf]] = {}
        days: dict[int, date] = {}
        with self._engine.connect() as connection:
            for stream, begin, end, *amounts, missing in connection.execute(query):
                if stream in streams:
                    day = days.get(begin) or days.setdefault(begin, day_of(self._zone, begin))
                    out.setdefault(stream, []).append(DayOf(day, begin, end, Amounts(*amounts), missing))
        return out

    def _drop(self, changed: dict[str, Interval]) -> None:
        if changed:
            row = table.c
            with self._engine.begin() as connection:
                for stream, (from_us, to_us) in changed.items():
                    connection.execute(
                        delete(table).where(row.stream == stream, row.from_us < to_us, row.to_us > from_us)
                    )


def _row(stream: str, one: DayOf) -> dict[str, object]:
    amounts = one.amounts
    return {
        "stream": stream, "from_us": one.from_us, "to_us": one.to_us, "due_us": amounts.due_us,
        "had_us": amounts.had_us, "backfilled_us": amounts.backfilled_us, "usable_us": amounts.usable_us,
        "year_missing": one.year_missing,
    }  # fmt: skip


def _changes(entry: Entry) -> Interval | None:
    """What an entry changes of the time of which days may be kept."""
    kind, body, at_us = entry.type, entry.body, entry.t_hub_us
    if kind in _FOOTAGE:
        end_us = body.get("end_us")
        return (body["first_us"], end_us) if end_us is not None and end_us < at_us - LATE_US else None
    if kind in _CUTS:
        began_us = body["started_us"]
        return (began_us, max(at_us, began_us + 1)) if began_us < at_us - LATE_US else None
    if kind is EntryType.BACKFILL:
        return body["from_us"], body["to_us"]
    if kind is EntryType.ACTIVITY:
        return at_us - ACTIVITY_REACH_US, at_us
    return None


def by_period(found: Iterable[DayOf], by: str) -> dict[str, tuple[Amounts, int]]:
    """Amounts by ``day`` or ``month``, with how many days had no known year; in order."""
    out: dict[str, tuple[Amounts, int]] = {}
    for one in sorted(found, key=lambda day: day.from_us):
        key = one.day.isoformat() if by == "day" else one.day.isoformat()[:7]
        amounts, missing = out.get(key, (Amounts(), 0))
        out[key] = (amounts + one.amounts, missing + one.year_missing)
    return out


def total(found: Iterable[DayOf]) -> tuple[Amounts, int]:
    """All of them together, and how many days had no known year."""
    amounts, missing = Amounts(), 0
    for one in found:
        amounts, missing = amounts + one.amounts, missing + one.year_missing
    return amounts, missing
