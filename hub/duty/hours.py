"""Working hours as a calendar states them: a week, make-up days, holidays, exceptions. Checked here, pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

MINUTES_A_DAY = 1440
MAX_PIECES = 12
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

Minutes = tuple[int, int]
"""Begin and end within a day, in minutes of the wall clock."""


def _minute(text: object) -> int:
    if isinstance(text, str) and len(text) == 5 and text[2] == ":" and text.isascii():
        hour, minute = text[:2], text[3:]
        if hour.isdigit() and minute.isdigit() and int(minute) < 60 and int(hour) * 60 + int(minute) <= MINUTES_A_DAY:
            return int(hour) * 60 + int(minute)
    raise ValueError("expected a time of day as 09:00, at most 24:00")


def _pieces(value: object) -> tuple[Minutes, ...]:
    if not isinstance(value, list | tuple) or len(value) > MAX_PIECES:
        raise ValueError(f'expected at most {MAX_PIECES} pieces as ["09:00", "12:00"]')
    pieces: list[Minutes] = []
    for one in value:
        if not isinstance(one, list | tuple) or len(one) != 2:
            raise ValueError('expected pieces of begin and end, as ["09:00", "12:00"]')
        begin, end = _minute(one[0]), _minute(one[1])
        if end <= begin:
            raise ValueError("expected each piece to end after it begins; split one that crosses midnight at 24:00")
        pieces.append((begin, end))
    return tuple(pieces)


def _in_order(pieces: tuple[Minutes, ...]) -> tuple[Minutes, ...]:
    if any(after[0] < before[1] for before, after in pairwise(pieces)):
        raise ValueError("expected the pieces of a day in order and apart")
    return pieces


def _text(pieces: Sequence[Minutes]) -> list[list[str]]:
    return [[f"{one // 60:02}:{one % 60:02}" for one in piece] for piece in pieces]


Pieces = Annotated[
    tuple[Minutes, ...],
    BeforeValidator(_pieces, json_schema_input_type=list[tuple[str, str]]),
    AfterValidator(_in_order),
    PlainSerializer(_text, return_type=list[list[str]]),
]
"""A day's working hours; what lies between two pieces is a break."""


class Hours(BaseModel):
    """The calendar of a unit or a stream. A day that ``weekly`` does not name is closed.

    ``makeup`` are the hours of make-up working days (调休上班): they may be left out only where Monday to Friday are
    alike. ``holidays``: observed, as the State Council's notice of the year says, with the hours ``holiday`` (none:
    closed); or ignored, for what is open all year.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weekly: dict[Day, Pieces]
    makeup: Pieces | None = None
    holiday: Pieces = ()
    holidays: Literal["observed", "ignored"] = "observed"

    @model_validator(mode="after")
    def _makeup_is_known(self) -> Hours:
        workdays = {self.weekly.get(day, ()) for day in DAYS[:5]}  # type: ignore[call-overload]
        if self.holidays == "observed" and self.makeup is None and len(workdays) > 1:
            raise ValueError("makeup: expected the hours of make-up working days, as Monday to Friday differ")
        return self

    def of_weekday(self, day: date) -> tuple[Minutes, ...]:
        return self.weekly.get(DAYS[day.weekday()], ())  # type: ignore[call-overload, no-any-return]

    @property
    def of_makeup(self) -> tuple[Minutes, ...]:
        return self.weekly.get("mon", ()) if self.makeup is None else self.makeup

    def body(self) -> dict[str, Any]:
        """As an entry of the ledger carries it, and the API shows it."""
        return self.model_dump(mode="json", exclude_none=True)


class DayHours(BaseModel):
    """What an exception says of its days: its working hours; none: closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: Pieces = Field((), description="Begin and end of each piece as 09:00; empty: closed.")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


@lru_cache(maxsize=8)
def zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=20_000)
def minute_us(zone: str, day: date, minute: int) -> int:
    """Hub UTC (µs) of a minute of the wall clock. Of an hour that comes twice the first; one that is skipped lies
    after the skip."""
    wall = datetime(day.year, day.month, day.day, tzinfo=zone_of(zone)) + timedelta(minutes=minute)
    return (wall.astimezone(UTC) - _EPOCH) // _US


def day_of(zone: str, at_us: int) -> date:
    """The calendar day of a moment."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone_of(zone)).date()


def day_range(zone: str, day: date) -> tuple[int, int]:
    """A calendar day from midnight to midnight, hub UTC (µs)."""
    return minute_us(zone, day, 0), minute_us(zone, day + timedelta(days=1), 0)


def days_between(zone: str, from_us: int, to_us: int) -> list[date]:
    """The calendar days that a range touches, in order."""
    if to_us <= from_us:
        return []
    day, last = day_of(zone, from_us), day_of(zone, to_us - 1)
    out = []
    while day <= last:
        out.append(day)
        day += timedelta(days=1)
    return out
