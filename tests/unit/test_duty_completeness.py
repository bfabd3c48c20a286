"""Completeness and usable rate: what counts, what is kept, and that the days add up to the whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.clock import ManualClock
from hub.database import Database, create_tables, open_engine
from hub.duty.amounts import Amounts, Facts, measure
from hub.duty.clock import DutyClock
from hub.duty.completeness import Completeness, DayOf, by_period, total
from hub.duty.intervals import clip, common, length, union
from hub.ledger.entries import Entry, EntryType
from hub.model import Interruption, InterruptionKind, InterruptionState, Span, StreamKind
from hub.monitor.timeline import timeline
from tests.duty_support import WEEK, ZONE, FakeFootage, S, at, history, stream

FRIDAY = at("2026-11-20 00:00")
HOUR = 3600 * S
DAY = 24 * HOUR
DUE = 25_200  # seconds of a working day


def cut(
    first: int, last: int | None, kind: InterruptionKind = InterruptionKind.STALL, ident: str = "i"
) -> Interruption:
    state = InterruptionState.CONFIRMED if last is None else InterruptionState.CLOSED
    return Interruption(ident, "w", kind, state, first, first, last)


def day_amounts(facts: Facts, now_us: int = FRIDAY + 10 * DAY) -> Amounts:
    hours = [(at("2026-11-20 09:00"), at("2026-11-20 12:00")), (at("2026-11-20 13:30"), at("2026-11-20 17:30"))]
    (found,) = measure(hours, facts, [(FRIDAY, FRIDAY + DAY)], now_us=now_us)
    return found


def spans(*pairs: tuple[str, str]) -> list[Span]:
    return [Span(at(f"2026-11-20 {first}"), at(f"2026-11-20 {last}")) for first, last in pairs]


def test_what_was_recorded_within_duty_counts_and_nothing_else_makes_up_for_it() -> None:
    found = day_amounts(Facts(spans(("08:00", "11:00"), ("12:10", "13:00"), ("13:30", "20:00")), (), ()))
    assert (found.due_us, found.had_us, found.missing_us) == (DUE * S, (DUE - 3600) * S, HOUR)
    assert found.completeness == found.usable_rate == 0.857142


def test_what_was_brought_later_counts_and_what_was_explained_does_not() -> None:
    gap = cut(at("2026-11-20 10:00"), at("2026-11-20 11:00"))
    live = spans(("09:00", "10:00"), ("11:00", "12:00"), ("13:30", "17:30"))
    assert day_amounts(Facts(live, (), (gap,))).missing_us == HOUR
    filled = day_amounts(Facts(live, spans(("10:00", "10:30")), (gap,)))
    assert (filled.missing_us, filled.backfilled_us) == (HOUR // 2, HOUR // 2)


def test_damaged_pictures_are_missing_and_black_ones_are_of_no_use() -> None:
    live = spans(("09:00", "12:00"), ("13:30", "17:30"))
    loss = cut(at("2026-11-20 10:00"), at("2026-11-20 10:01"), InterruptionKind.LOSS)
    black = cut(at("2026-11-20 11:30"), at("2026-11-20 13:40"), InterruptionKind.BLACK, "b")
    blurred = cut(at("2026-11-20 14:00"), at("2026-11-20 15:00"), InterruptionKind.BLURRED, "c")
    found = day_amounts(Facts(live, (), (loss, black, blurred)))
    assert (found.missing_us, found.had_us - found.usable_us) == (60 * S, 40 * 60 * S)
    suspected = replace(black, state=InterruptionState.WITHDRAWN)
    assert day_amounts(Facts(live, (), (suspected,))).usable_us == DUE * S


def test_the_newest_seconds_are_not_missing_yet() -> None:
    now = at("2026-11-20 10:00")
    found = day_amounts(Facts(spans(("09:00", "09:59")), (), ()), now)
    assert (found.due_us, found.missing_us) == (HOUR - 15 * S, 45 * S)


def test_where_nothing_is_due_there_is_no_rate() -> None:
    (found,) = measure([], Facts((), (), ()), [(FRIDAY, FRIDAY + DAY)], now_us=FRIDAY + DAY)
    assert (found.completeness, found.usable_rate) == (None, None)
    assert measure([], Facts((), (), ()), [], now_us=0) == []


def test_a_seam_at_midnight_is_a_seam_however_the_days_are_asked_for() -> None:
    hole = (FRIDAY + DAY - 50_000, FRIDAY + DAY + 50_000)
    facts = Facts([Span(FRIDAY, hole[0]), Span(hole[1], FRIDAY + 2 * DAY)], (), ())
    parts = [(FRIDAY, FRIDAY + DAY), (FRIDAY + DAY, FRIDAY + 2 * DAY)]
    for part in (parts, parts[:1], parts[1:]):
        assert all(one.missing_us == 0 for one in measure(parts, facts, part, now_us=FRIDAY + 9 * DAY))


SECOND = st.integers(0, 5 * 86_400)
PAIRS = st.lists(st.tuples(SECOND, SECOND), max_size=6).map(
    lambda pairs: union((FRIDAY + a * S, FRIDAY + b * S) for a, b in pairs)
)
KINDS = st.sampled_from(
    [InterruptionKind.STALL, InterruptionKind.BLACK, InterruptionKind.LOSS, InterruptionKind.SILENT]
)


@settings(max_examples=120, deadline=None)
@given(PAIRS, PAIRS, PAIRS, st.lists(st.tuples(SECOND, st.integers(1, 90_000), KINDS), max_size=5), SECOND)
def test_the_days_add_up_to_the_whole(
    due: list[tuple[int, int]],
    live: list[tuple[int, int]],
    later: list[tuple[int, int]],
    cuts: list[tuple[int, int, InterruptionKind]],
    now_s: int,
) -> None:
    faults = [cut(FRIDAY + a * S, FRIDAY + (a + b) * S, kind, f"i{n}") for n, (a, b, kind) in enumerate(cuts)]
    facts = Facts([Span(*one) for one in live], [Span(*one) for one in later], faults)
    edges = [FRIDAY + n * DAY for n in range(6)]
    parts = list(pairwise(edges))
    now_us = FRIDAY + now_s * S
    (whole,) = measure(due, facts, [(edges[0], edges[-1])], now_us=now_us)
    together = measure(due, facts, parts, now_us=now_us)
    alone = [measure(due, facts, [part], now_us=now_us)[0] for part in parts]
    assert together == alone
    assert sum(alone, Amounts()) == whole
    line = timeline(facts.recorded, faults, edges[0] - S, edges[-1] + S, now_us=now_us, backfilled=facts.backfilled)
    there = union((one.from_us, one.to_us) for one in line.spans if one.state in ("recorded", "backfilled"))
    assert whole.had_us == length(common(there, clip(due, edges[0], now_us - 15 * S))), "as the time line shows it"
    for one in (*alone, whole):
        assert 0 <= one.backfilled_us <= one.had_us <= one.due_us
        assert 0 <= one.usable_us <= one.had_us


# --------------------------------------------------------------------------------- kept by day


class Bench:
    def __init__(self, made: Completeness, footage: FakeFootage, clock: ManualClock) -> None:
        self.completeness = made
        self.footage = footage
        self.clock = clock
        self.activities: dict[str, list[tuple[int, int]]] = {}

    async def days(self, first: str, last: str, kind: StreamKind = StreamKind.WINDOW, created: int = 0) -> list[DayOf]:
        one = stream("w" if kind is StreamKind.WINDOW else "r", kind=kind, created_us=created)
        return (await self.completeness.of([one], at(first), at(last)))[one.id]

    def commit(self, kind: EntryType, **body: object) -> None:
        entry = Entry("w", 1, kind, 0, "", self.clock.utc_us, 0, body, "hub", b"", "")
        self.completeness.heard([entry])


@asynccontextmanager
async def bench(path: Path, hours: object = WEEK) -> AsyncIterator[Bench]:
    engine = open_engine(Database(path / "hub.db"))
    create_tables(engine)
    clock = ManualClock(at("2026-12-10 10:00"))
    footage = FakeFootage()
    duty = DutyClock(history(hours))  # type: ignore[arg-type]
    holder: list[Bench] = []
    made = Completeness(
        engine, footage, duty, clock, ZONE, lambda ident, _from, _to: holder[0].activities.get(ident, [])
    )
    holder.append(Bench(made, footage, clock))
    made.forget()
    yield holder[0]
    engine.dispose()


async def test_a_month_is_measured_once_and_a_day_again_when_footage_is_brought(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.footage.recorded = [Span(at("2026-11-01 00:00"), at("2026-11-20 10:00"))]
        first = await b.days("2026-11-01 00:00", "2026-12-01 00:00")
        assert (len(first), b.completeness.measured_days) == (30, 30)
        assert total(first)[0].due_us == 21 * DUE * S
        assert await b.days("2026-11-01 00:00", "2026-12-01 00:00") == first
        assert b.completeness.measured_days == 30
        b.footage.later = [Span(at("2026-11-20 10:00"), at("2026-11-20 11:00"))]
        assert await b.days("2026-11-20 00:00", "2026-11-21 00:00") == first[19:20], "nobody said so yet"
        b.commit(EntryType.BACKFILL, from_us=at("2026-11-20 10:00"), to_us=at("2026-11-20 11:00"))
        (after,) = await b.days("2026-11-20 00:00", "2026-11-21 00:00")
        assert after.amounts.had_us == first[19].amounts.had_us + HOUR
        assert b.completeness.measured_days == 31


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (EntryType.INTERRUPTION_WITHDRAWN, {"started_us": at("2026-11-20 10:00")}),
        (EntryType.CHUNK, {"first_us": at("2026-11-20 10:00"), "end_us": at("2026-11-20 10:01")}),
        (EntryType.ACTIVITY, {"id": "a", "action": "end"}),
    ],
)
async def test_what_else_changes_the_past_is_heard(tmp_path: Path, kind: EntryType, body: dict[str, int]) -> None:
    async with bench(tmp_path) as b:
        await b.days("2026-11-20 00:00", "2026-11-21 00:00")
        b.commit(EntryType.CHUNK, first_us=b.clock.utc_us - 3 * S, end_us=b.clock.utc_us)
        await b.days("2026-11-20 00:00", "2026-11-21 00:00")
        assert b.completeness.measured_days == 1, "what comes now changes nothing of it"
        b.commit(kind, **body)
        await b.days("2026-11-20 00:00", "2026-11-21 00:00")
        assert b.completeness.measured_days == 2


async def test_a_day_that_lasts_and_a_part_of_a_day_are_not_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.days("2026-12-10 00:00", "2026-12-11 00:00")
        (today,) = await b.days("2026-12-10 00:00", "2026-12-11 00:00")
        assert (b.completeness.measured_days, today.amounts.due_us) == (2, HOUR - 15 * S)
        (part,) = await b.days("2026-11-20 09:00", "2026-11-20 10:00")
        (whole,) = await b.days("2026-11-20 00:00", "2026-11-21 00:00")
        assert (part.amounts.due_us, whole.amounts.due_us) == (HOUR, DUE * S)
        b.clock.utc_us = at("2026-12-11 00:59")
        await b.days("2026-12-10 00:00", "2026-12-11 00:00")
        b.clock.utc_us = at("2026-12-11 01:00")
        await b.days("2026-12-10 00:00", "2026-12-11 00:00")
        before = b.completeness.measured_days
        await b.days("2026-12-10 00:00", "2026-12-11 00:00")
        assert b.completeness.measured_days == before
        future = await b.days("2026-12-11 00:00", "2026-12-14 00:00")
        assert [one.amounts.due_us for one in future] == [0, 0, 0]


async def test_without_a_calendar_a_window_is_due_since_it_is_there_and_a_recorder_within_activities(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, None) as b:
        days = await b.days("2026-11-20 00:00", "2026-11-22 00:00", created=FRIDAY + HOUR)
        assert [one.amounts.due_us for one in days] == [23 * HOUR, 24 * HOUR]
        (none,) = await b.days("2026-11-20 00:00", "2026-11-21 00:00", StreamKind.RECORDER)
        assert none.amounts.completeness is None
        b.activities["r"] = [(FRIDAY + 9 * HOUR, FRIDAY + 11 * HOUR)]
        b.footage.recorded = [Span(FRIDAY + 9 * HOUR, FRIDAY + 10 * HOUR)]
        b.completeness.forget()
        (half,) = await b.days("2026-11-20 00:00", "2026-11-21 00:00", StreamKind.RECORDER)
        assert half.amounts.completeness == 0.5


def test_days_are_summed_into_months() -> None:
    days = [
        DayOf(day, 0, 0, Amounts(10, n, 0, 0), n == 3)
        for n, day in enumerate(map(_day, ("11-29", "11-30", "12-01", "12-02")))
    ]
    assert {key: (one.had_us, missing) for key, (one, missing) in by_period(days, "month").items()} == {
        "2026-11": (1, 0),
        "2026-12": (5, 1),
    }
    assert list(by_period(days, "day")) == ["2026-11-29", "2026-11-30", "2026-12-01", "2026-12-02"]


def _day(text: str) -> object:
    from datetime import date

    return date.fromisoformat(f"2026-{text}")
