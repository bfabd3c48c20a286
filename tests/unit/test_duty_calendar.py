"""What is due: hours, breaks, holidays, make-up days, exceptions; edges of days, zones and changes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.duty.clock import DutyClock, either
from hub.duty.history import History, Subject
from hub.duty.hours import DAYS, Hours, day_range, days_between
from hub.duty.intervals import clip, common, length, minus, union
from hub.duty.plan import Judged, due_time, off_duty_time, pieces, work_end_us
from hub.model import Expected
from tests.duty_support import WEEK, WORKDAY, ZONE, S, at, clock_of, history

DAY = 86_400 * S


def due(made: History, first: str, last: str, ident: str = "w", zone: str = ZONE) -> list[tuple[str, str]]:
    found = due_time(pieces(made, Subject.stream(ident), at(first, zone), at(last, zone)))
    return [(clock_of(begin, zone), clock_of(end, zone)) for begin, end in found]


def test_a_day_has_its_noon_break_and_ends() -> None:
    made = history(WEEK)
    assert due(made, "2026-11-20 00:00", "2026-11-21 00:00") == [
        ("11-20 09:00", "11-20 12:00"),
        ("11-20 13:30", "11-20 17:30"),
    ]
    found = pieces(made, Subject.stream("w"), at("2026-11-20 00:00"), at("2026-11-21 00:00"))
    assert [one.judged for one in found] == [
        Judged.CLOSED, Judged.HOURS, Judged.BREAK, Judged.HOURS, Judged.CLOSED,
    ]  # fmt: skip
    assert due(made, "2026-11-21 00:00", "2026-11-23 00:00") == []


def test_holidays_are_closed_and_make_up_days_are_worked() -> None:
    made = history(WEEK)
    assert due(made, "2026-09-25 00:00", "2026-09-26 00:00") == []  # Friday, 中秋节
    assert len(due(made, "2026-09-20 00:00", "2026-09-21 00:00")) == 2  # Sunday, made up
    found = pieces(made, Subject.stream("w"), at("2026-10-01 00:00"), at("2026-10-02 00:00"))
    assert [(one.judged, one.detail) for one in found] == [(Judged.HOLIDAY, "国庆节")]
    some = history(WEEK | {"holiday": [["09:00", "11:00"]], "makeup": [["10:00", "15:00"]]})
    assert due(some, "2026-10-01 00:00", "2026-10-02 00:00") == [("10-01 09:00", "10-01 11:00")]
    assert due(some, "2026-10-10 00:00", "2026-10-11 00:00") == [("10-10 10:00", "10-10 15:00")]


def test_what_ignores_holidays_is_due_on_them_and_needs_no_year() -> None:
    room = history({"weekly": {day: [["00:00", "24:00"]] for day in DAYS}, "holidays": "ignored"}, years=())
    found = pieces(room, Subject.stream("w"), at("2026-09-30 00:00"), at("2027-01-03 00:00"))
    assert [(one.due, one.year_missing) for one in found] == [(True, False)]


def test_a_year_that_is_missing_is_judged_by_the_weekday_and_says_so() -> None:
    found = pieces(history(WEEK), Subject.stream("w"), at("2026-12-31 00:00"), at("2027-01-02 00:00"))
    assert [one.year_missing for one in found] == [False] * 5 + [True] * 5
    assert [one.due for one in found][5:] == [False, True, False, True, False]


def test_a_day_of_another_year_is_in_the_notice_of_the_next() -> None:
    made = history(WEEK)
    year = {"year": 2027, "notice": {"title": "t", "number": "n", "issued": "2026-11-05"}}
    body = {"action": "year", "by": "x", "holidays": {"2026-12-31": "元旦", "2027-01-01": "元旦"}, "workdays": []}
    made.take(at("2026-11-10 00:00"), body | year)
    assert due(made, "2026-12-31 00:00", "2027-01-02 00:00") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"weekly": {"mon": [["12:00", "09:00"]]}},
        {"weekly": {"mon": [["22:00", "06:00"]]}},
        {"weekly": {"mon": [["09:00", "12:00"], ["11:00", "13:00"]]}},
        {"weekly": {"mon": [["9:00", "12:00"]]}},
        {"weekly": {"mon": [["09:00", "24:01"]]}},
        {"weekly": {"mon": [["09:00"]]}},
        {"weekly": {"mon": "all day"}},
        {"weekly": {"someday": []}},
        {"weekly": {"mon": WORKDAY}},  # make-up days: as Monday, or as Tuesday?
        WEEK | {"hollidays": "ignored"},
    ],
)
def test_hours_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Hours.model_validate(wrong)


def test_an_exception_closes_or_opens_its_days_and_the_newest_holds() -> None:
    made = history(WEEK)
    now = at("2026-11-16 08:00")
    body = {"action": "exception", "by": "li", "reason": "停电", "unit": "hall"}
    made.take(now, body | {"id": "x-1", "date": "2026-11-20", "until": "2026-11-21", "hours": []})
    assert due(made, "2026-11-20 00:00", "2026-11-22 00:00") == []
    made.take(now + S, body | {"id": "x-2", "date": "2026-11-21", "until": "2026-11-21", "hours": [["09:00", "10:00"]]})
    assert due(made, "2026-11-20 00:00", "2026-11-22 00:00") == [("11-21 09:00", "11-21 10:00")]
    made.take(now + 2 * S, {"action": "exception_withdrawn", "id": "x-1", "by": "li", "reason": "来电"})
    assert len(due(made, "2026-11-20 00:00", "2026-11-22 00:00")) == 3
    (piece,) = [
        one for one in pieces(made, Subject.stream("w"), at("2026-11-21 00:00"), at("2026-11-22 00:00")) if one.due
    ]
    assert (piece.judged, piece.detail) == (Judged.EXCEPTION, "停电")


def test_what_has_hours_of_its_own_is_not_closed_from_above() -> None:
    made = history(WEEK)
    made.take(1, {"action": "hours", "by": "x", "stream": "w", "hours": WEEK, "zone": ZONE})
    body = {
        "action": "exception",
        "by": "li",
        "id": "x-1",
        "reason": "停电",
        "date": "2026-11-20",
        "until": "2026-11-20",
    }
    made.take(2, body | {"unit": "hall", "hours": []})
    assert len(due(made, "2026-11-20 00:00", "2026-11-21 00:00")) == 2
    made.take(3, body | {"id": "x-2", "stream": "w", "hours": []})
    assert due(made, "2026-11-20 00:00", "2026-11-21 00:00") == []


def test_a_change_holds_from_its_entry_on_and_never_before() -> None:
    made = history(WEEK)
    noon = at("2026-11-20 10:00")
    before = due(made, "2026-11-19 00:00", "2026-11-20 10:00")
    early = {"weekly": {day: [["07:00", "11:00"]] for day in DAYS[:5]}}
    made.take(noon, {"action": "hours", "by": "x", "unit": "hall", "hours": early, "zone": ZONE})
    assert due(made, "2026-11-19 00:00", "2026-11-20 10:00") == before
    assert due(made, "2026-11-20 00:00", "2026-11-21 00:00") == [("11-20 09:00", "11-20 11:00")]
    made.take(noon + S, {"action": "hours", "by": "x", "unit": "hall", "hours": None, "zone": ZONE})
    (last,) = pieces(made, Subject.stream("w"), noon + S, noon + DAY)
    assert (last.due, last.judged) == (None, Judged.NO_CALENDAR)


def test_a_move_changes_nothing_of_what_was() -> None:
    made = history(WEEK)
    moved = at("2026-11-20 10:00")
    place = {"w": {"unit": "other", "kind": "window", "retired": False}}
    made.take(moved, {"action": "places", "by": "hub", "streams": place, "units": {"other": "root"}})
    found = pieces(made, Subject.stream("w"), at("2026-11-20 09:00"), at("2026-11-20 12:00"))
    assert [(one.due, clock_of(one.to_us)) for one in found] == [(True, "11-20 10:00"), (None, "11-20 12:00")]
    retired = {"w": place["w"] | {"retired": True}}
    made.take(moved + S, {"action": "places", "by": "hub", "streams": retired, "units": {}})
    assert pieces(made, Subject.stream("w"), moved + S, moved + DAY)[0].judged is Judged.RETIRED


def test_a_recorder_does_not_inherit_the_hours_of_a_hall() -> None:
    made = history(WEEK)
    (one,) = pieces(made, Subject.stream("r"), at("2026-11-20 00:00"), at("2026-11-21 00:00"))
    assert one.due is None
    made.take(1, {"action": "hours", "by": "x", "stream": "r", "hours": WEEK, "zone": ZONE})
    assert len(due(made, "2026-11-20 00:00", "2026-11-21 00:00", "r")) == 2


def test_an_entry_of_a_later_hub_changes_nothing() -> None:
    made = history(WEEK)
    before = made.version
    for body in ({"action": "moon", "by": "x"}, {"action": "hours", "by": "x", "unit": "hall", "hours": {"a": 1}}):
        assert not made.take(1, body)
    assert made.version == before


# -------------------------------------------------------------------------------- what is expected


def test_the_clock_says_until_when_over_holidays() -> None:
    clock = DutyClock(history(WEEK))
    answer = clock.expected("w", at("2026-09-30 18:00"))
    assert answer is not None
    assert (answer.due, answer.from_us, answer.to_us) == (False, at("2026-09-30 17:30"), at("2026-10-08 09:00"))
    answer = clock.expected("w", at("2026-11-20 12:00"))
    assert answer is not None
    assert (answer.due, answer.reason) == (False, "break")
    assert answer.to_us == at("2026-11-20 13:30")


def test_without_any_hours_nobody_says_anything() -> None:
    clock = DutyClock(history())
    assert clock.expected("w", at("2026-11-20 10:00")) is None
    assert clock.off_duty("w", 0, DAY) == []


def test_a_change_is_heard_at_once() -> None:
    made = history(WEEK)
    clock = DutyClock(made)
    now = at("2026-11-20 10:00")
    assert clock.expected("w", now).due  # type: ignore[union-attr]
    body = {
        "action": "exception",
        "by": "li",
        "id": "x-1",
        "reason": "停电",
        "date": "2026-11-20",
        "until": "2026-11-20",
    }
    made.take(now, body | {"unit": "hall", "hours": []})
    answer = clock.expected("w", now + S)
    assert answer is not None
    assert (answer.due, answer.from_us) == (False, now)


def test_an_event_in_a_room_is_due_after_closing_time() -> None:
    closed, event = Expected(False, 1, 9, "closed"), Expected(True, 5, None, "activity")
    assert either(lambda *_: closed, lambda *_: event)("w", 6) is event
    assert either(lambda *_: closed, lambda *_: None)("w", 6) is closed
    assert either(lambda *_: None, lambda *_: None)("w", 6) is None


# -------------------------------------------------------------------------------------- properties

ZONES = st.sampled_from([ZONE, "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "UTC", "Australia/Lord_Howe"])
FIVE = st.integers(0, 288)  # five minutes of a day


@st.composite
def weeks(draw: st.DrawFn) -> dict[str, object]:
    def day() -> list[list[str]]:
        edges = sorted(draw(st.sets(FIVE, min_size=0, max_size=6)))
        return [[_text(a), _text(b)] for a, b in zip(edges[::2], edges[1::2], strict=False)]

    weekly = {name: day() for name in DAYS}
    return {"weekly": weekly, "makeup": day(), "holiday": day()}


def _text(fives: int) -> str:
    return f"{fives // 12:02}:{fives % 12 * 5:02}"


@st.composite
def histories(draw: st.DrawFn) -> tuple[History, str]:
    zone = draw(ZONES)
    made = history(draw(weeks()), zone=zone, years=draw(st.sampled_from([(), (2026,), (2025, 2026)])))
    start = at("2026-03-01 00:00", "UTC")
    for index in range(draw(st.integers(0, 4))):
        us = start + draw(st.integers(0, 20 * 86_400)) * S
        day = date(2026, 3, 1) + timedelta(days=draw(st.integers(0, 25)))
        if draw(st.booleans()):
            made.take(us, {"action": "hours", "by": "x", "unit": "hall", "hours": draw(weeks()), "zone": zone})
        else:
            body = {"action": "exception", "by": "x", "id": f"x-{index}", "reason": "r", "unit": "hall", "hours": []}
            made.take(us, body | {"date": day.isoformat(), "until": day.isoformat()})
    return made, zone


MOMENT = st.integers(at("2026-03-01 00:00", "UTC") // S, at("2026-04-10 00:00", "UTC") // S).map(lambda s: s * S)


@settings(max_examples=60, deadline=None)
@given(histories(), MOMENT, MOMENT, MOMENT)
def test_pieces_cover_the_range_once_and_do_not_depend_on_how_it_is_cut(
    made: tuple[History, str], one: int, two: int, three: int
) -> None:
    found, zone = made
    first, middle, last = sorted((one, two, three))
    whole = pieces(found, Subject.stream("w"), first, last)
    place = first
    for piece in whole:
        assert piece.from_us == place < piece.to_us
        place = piece.to_us
    assert place == last or first == last
    for half in (due_time, off_duty_time):
        cut = union(
            [
                *half(pieces(found, Subject.stream("w"), first, middle)),
                *half(pieces(found, Subject.stream("w"), middle, last)),
            ]
        )
        assert cut == half(whole)
    days = days_between(zone, first, last)
    by_day = [clip(due_time(pieces(found, Subject.stream("w"), *day_range(zone, day))), first, last) for day in days]
    assert sum(map(length, by_day)) == length(due_time(whole))


@settings(max_examples=60, deadline=None)
@given(histories(), st.lists(MOMENT, min_size=1, max_size=6))
def test_the_clock_says_of_every_moment_what_the_pieces_say(made: tuple[History, str], moments: list[int]) -> None:
    clock = DutyClock(made[0])
    for moment in moments:
        answer = clock.expected("w", moment)
        (piece,) = pieces(made[0], Subject.stream("w"), moment, moment + 1)
        assert (None if answer is None else answer.due) is piece.due
        if answer is not None and answer.from_us is not None and answer.to_us is not None:
            assert answer.from_us <= moment < answer.to_us
            inside = pieces(made[0], Subject.stream("w"), answer.from_us, answer.to_us)
            assert {one.due for one in inside} == {answer.due}


@settings(max_examples=30, deadline=None)
@given(ZONES, st.dates(date(2025, 12, 1), date(2027, 1, 31)))
def test_days_follow_each_other_without_a_hole(zone: str, day: date) -> None:
    begin, end = day_range(zone, day)
    assert day_range(zone, day + timedelta(days=1))[0] == end
    assert days_between(zone, begin, end) == [day]
    assert days_between(zone, begin, end + 1) == [day, day + timedelta(days=1)]
    assert days_between(zone, begin - 1, begin) == [day - timedelta(days=1)]


SETS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8).map(union)


@given(SETS, SETS)
def test_sets_of_time_are_sets(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    def points(found: list[tuple[int, int]]) -> set[int]:
        return {point for begin, end in found for point in range(begin, end)}

    assert points(common(one, other)) == points(one) & points(other)
    assert points(minus(one, other)) == points(one) - points(other)
    assert points(union([*one, *other])) == points(one) | points(other)
    assert length(one) == len(points(one))


def test_the_end_of_a_units_working_day() -> None:
    made = history(WEEK | {"makeup": [["10:00", "15:00"]]})
    assert work_end_us(made, "hall", at("2026-11-20 10:00")) == at("2026-11-20 17:30")
    assert work_end_us(made, "hall", at("2026-11-20 23:59")) == at("2026-11-20 17:30"), "of the same day"
    assert work_end_us(made, "hall", at("2026-10-10 11:00")) == at("2026-10-10 15:00"), "a make-up day"
    assert work_end_us(made, "hall", at("2026-11-21 10:00")) is None, "Saturday"
    assert work_end_us(made, "hall", at("2026-10-01 10:00")) is None, "a holiday"
    assert work_end_us(made, "root", at("2026-11-20 10:00")) is None, "no hours above the hall"
    made.take(at("2026-11-18 00:00"), {"action": "hours", "by": "x", "unit": "hall", "zone": ZONE, "hours": None})
    assert work_end_us(made, "hall", at("2026-11-20 10:00")) is None, "taken back"
    assert work_end_us(made, "hall", at("2026-11-17 10:00")) == at("2026-11-17 17:30"), "as it held then"
