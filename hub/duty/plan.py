"""From a calendar to time: which pieces of a range are due, and what each was judged by. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from hub.duty.history import Calendar, History, Subject
from hub.duty.hours import MINUTES_A_DAY, Minutes, day_of, day_range, days_between, minute_us
from hub.duty.intervals import Interval, union


class Judged(StrEnum):
    """What a piece of time was judged by."""

    HOURS = "hours"
    BREAK = "break"
    CLOSED = "closed"
    HOLIDAY = "holiday"
    MAKEUP = "makeup"
    EXCEPTION = "exception"
    NO_CALENDAR = "no_calendar"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Piece:
    """``due`` None: no hours were given. ``detail``: the holiday's name, an exception's reason. ``year_missing``: the
    day's year is not known, its weekday alone has judged it."""

    from_us: int
    to_us: int
    due: bool | None
    judged: Judged
    detail: str = ""
    year_missing: bool = False

    @property
    def interval(self) -> Interval:
        return self.from_us, self.to_us


def pieces(history: History, subject: Subject, from_us: int, to_us: int) -> list[Piece]:
    """The whole range, in order, without holes or overlaps; neighbours differ."""
    out: list[Piece] = []
    for begin, end, calendar, retired in history.stretches(subject, from_us, to_us):
        if retired:
            _append(out, Piece(begin, end, False, Judged.RETIRED))
        elif calendar is None:
            _append(out, Piece(begin, end, None, Judged.NO_CALENDAR))
        else:
            for piece in _judged(calendar, begin, end):
                _append(out, piece)
    return out


def _append(out: list[Piece], piece: Piece) -> None:
    last = out[-1] if out else None
    if last is not None and _word(last) == _word(piece) and last.to_us == piece.from_us:
        out[-1] = Piece(last.from_us, piece.to_us, *_word(piece))
    else:
        out.append(piece)


def work_end_us(history: History, unit: str, at_us: int) -> int | None:
    """When a unit's working hours of that day end, by what was in force then; None: no hours, or a day off."""
    calendar = history.unit_calendar_at(unit, at_us)
    if calendar is None:
        return None
    day = day_of(calendar.zone, at_us)
    hours = _day(calendar, day)[0]
    return _at(calendar.zone, day, hours[-1][1]) if hours else None


def _word(piece: Piece) -> tuple[bool | None, Judged, str, bool]:
    return piece.due, piece.judged, piece.detail, piece.year_missing


def _judged(calendar: Calendar, from_us: int, to_us: int) -> list[Piece]:
    out: list[Piece] = []
    for day in days_between(calendar.zone, from_us, to_us):
        first_us, last_us = day_range(calendar.zone, day)
        hours, judged, detail, missing = _day(calendar, day)
        place = first_us
        for index, (begin, end) in enumerate(hours):
            begin_us, end_us = (max(first_us, min(last_us, _at(calendar.zone, day, one))) for one in (begin, end))
            between = Judged.BREAK if index else _off(judged)
            out += _piece(place, begin_us, False, between, detail, missing, from_us, to_us)
            out += _piece(max(place, begin_us), end_us, True, judged, detail, missing, from_us, to_us)
            place = max(place, end_us)
        out += _piece(place, last_us, False, _off(judged), detail, missing, from_us, to_us)
    return out


def _at(zone: str, day: date, minute: int) -> int:
    return day_range(zone, day)[1] if minute == MINUTES_A_DAY else minute_us(zone, day, minute)


def _piece(
    begin_us: int, end_us: int, due: bool, judged: Judged, detail: str, missing: bool, from_us: int, to_us: int
) -> list[Piece]:
    begin_us, end_us = max(begin_us, from_us), min(end_us, to_us)
    return [Piece(begin_us, end_us, due, judged, detail, missing)] if begin_us < end_us else []


def _off(judged: Judged) -> Judged:
    """Outside of the hours of a day that was judged so."""
    return judged if judged in (Judged.HOLIDAY, Judged.EXCEPTION) else Judged.CLOSED


def _day(calendar: Calendar, day: date) -> tuple[Sequence[Minutes], Judged, str, bool]:
    """The hours of a day, what they come from, and whether its year is missing."""
    hours, book = calendar.hours, calendar.book
    for one in calendar.exceptions:
        if one.first <= day <= one.last:
            return one.hours, Judged.EXCEPTION, one.reason, False
    if hours.holidays == "ignored":
        return hours.of_weekday(day), Judged.HOURS, "", False
    name = book.holidays.get(day)
    if name is not None:
        return hours.holiday, Judged.HOLIDAY, name, False
    if day in book.workdays:
        return hours.of_makeup, Judged.MAKEUP, "", False
    return hours.of_weekday(day), Judged.HOURS, "", day.year not in book.years


def due_time(found: Sequence[Piece]) -> list[Interval]:
    """What is due by a calendar."""
    return union(piece.interval for piece in found if piece.due)


def off_duty_time(found: Sequence[Piece]) -> list[Interval]:
    """What a calendar says is not due."""
    return union(piece.interval for piece in found if piece.due is False)
