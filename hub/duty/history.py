"""What calendars said at any time, from the entries ``calendar``: a change holds from its entry on, never before."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar

import structlog
from pydantic import ValidationError

from hub.duty.hours import DayHours, Hours, Minutes
from hub.duty.years import Year
from hub.model import StreamKind
from hub.people.tree import MAX_DEPTH, ROOT

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose calendar: a unit's, for what lies below it too, or a stream's own."""

    kind: str
    id: str

    @classmethod
    def unit(cls, ident: str) -> Subject:
        return cls("unit", ident or ROOT)

    @classmethod
    def stream(cls, ident: str) -> Subject:
        return cls("stream", ident)

    def body(self) -> dict[str, Any]:
        return {self.kind: self.id}


@dataclass(frozen=True, slots=True)
class Given:
    """Hours, in the zone that was set when they were given. ``hours`` None: those from above hold again."""

    hours: Hours | None
    zone: str
    by: str = ""
    from_us: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DayException:
    """From ``first`` to ``last``, both included, these hours hold (none: closed), with who says so and why."""

    id: str
    first: date
    last: date
    hours: tuple[Minutes, ...]
    reason: str
    by: str
    at_us: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream stands: its unit, what it is, and whether it is retired."""

    unit: str
    kind: StreamKind
    retired: bool = False

    def body(self) -> dict[str, Any]:
        return {"unit": self.unit, "kind": self.kind.value, "retired": self.retired}


@dataclass(frozen=True, slots=True)
class Book:
    """The years that are known, and the days of them that are not what their weekday says."""

    years: Mapping[int, Year] = field(default_factory=dict)
    holidays: Mapping[date, str] = field(default_factory=dict)
    workdays: frozenset[date] = frozenset()

    def with_year(self, year: Year) -> Book:
        years = dict(self.years) | {year.year: year}
        holidays: dict[date, str] = {}
        workdays: set[date] = set()
        for one in years.values():  # a day of another year, as 31 December, unless that year says otherwise
            holidays |= {day: name for day, name in one.holidays.items() if day.year != one.year}
            workdays |= {day for day in one.workdays if day.year != one.year}
        for one in years.values():
            own = {day: name for day, name in one.holidays.items() if day.year == one.year}
            holidays |= own
            workdays -= set(own)
            for day in one.workdays:
                if day.year == one.year:
                    workdays.add(day)
                    holidays.pop(day, None)
        return Book(years, holidays, frozenset(workdays))


@dataclass(frozen=True, slots=True)
class Calendar:
    """What judges a stream at a moment. ``owner`` is whose hours these are; exceptions: the nearest first."""

    hours: Hours
    zone: str
    owner: Subject
    exceptions: tuple[DayException, ...]
    book: Book


class Versions(Generic[T]):
    """A value and its changes, oldest first."""

    def __init__(self) -> None:
        self._from_us: list[int] = []
        self._values: list[T] = []

    def add(self, from_us: int, value: T) -> None:
        self._from_us.append(from_us)
        self._values.append(value)

    def at(self, at_us: int) -> T | None:
        place = bisect_right(self._from_us, at_us)
        return self._values[place - 1] if place else None

    def first(self) -> T | None:
        return self._values[0] if self._values else None

    @property
    def last(self) -> T | None:
        return self._values[-1] if self._values else None


class History:
    """All entries taken together. Not for several threads while entries are taken in; questions change nothing."""

    def __init__(self) -> None:
        self._hours: dict[Subject, Versions[Given]] = {}
        self._exceptions: dict[Subject, Versions[tuple[DayException, ...]]] = {}
        self._of_exception: dict[str, Subject] = {}
        self._books: Versions[Book] = Versions()
        self._parents: dict[str, Versions[str]] = {}
        self._places: dict[str, Versions[Place]] = {}
        self._changes_us: list[int] = []
        self.version = 0
        """Another number after every change."""

    # --------------------------------------------------------------------------------- taking in

    def take(self, t_hub_us: int, body: Mapping[str, Any]) -> bool:
        """One more entry. One that cannot be read, of a later hub, is said and changes nothing: False."""
        from_us = max(t_hub_us, self._changes_us[-1] if self._changes_us else 0)
        try:
            self._take(from_us, body)
        except (ValidationError, KeyError, TypeError, ValueError, AttributeError) as error:
            log.error(
                "an entry of a calendar could not be read", action=str(body.get("action")), error=str(error)[:200]
            )
            return False
        self._changes_us.append(from_us)
        self.version += 1
        return True

    def _take(self, from_us: int, body: Mapping[str, Any]) -> None:
        action = body["action"]
        if action == "hours":
            hours = None if body["hours"] is None else Hours.model_validate(body["hours"])
            given = Given(hours, str(body["zone"]), body["by"], from_us, str(body.get("reason", "")))
            self._hours.setdefault(_subject(body), Versions()).add(from_us, given)
        elif action == "exception":
            subject = _subject(body)
            one = DayException(
                str(body["id"]),
                date.fromisoformat(body["date"]),
                date.fromisoformat(body["until"]),
                DayHours.model_validate({"hours": body["hours"]}).hours,
                str(body["reason"]),
                body["by"],
                from_us,
            )
            known = self._exceptions.setdefault(subject, Versions())
            known.add(from_us, (one, *(known.last or ())))
            self._of_exception[one.id] = subject
        elif action == "exception_withdrawn":
            known = self._exceptions[self._of_exception[body["id"]]]
            known.add(from_us, tuple(one for one in known.last or () if one.id != body["id"]))
        elif action == "year":
            fields = {name: body[name] for name in Year.model_fields if name in body}
            self._books.add(from_us, (self._books.last or Book()).with_year(Year.model_validate(fields)))
        elif action == "places":
            self._take_places(from_us, body)
        else:
            raise ValueError(f"unknown action {action!r}")

    def _take_places(self, from_us: int, body: Mapping[str, Any]) -> None:
        streams = {
            ident: Place(str(place["unit"]), StreamKind(place["kind"]), bool(place["retired"]))
            for ident, place in body["streams"].items()
        }
        for ident, place in streams.items():
            self._places.setdefault(ident, Versions()).add(from_us, place)
        for unit, parent in body["units"].items():
            self._parents.setdefault(unit, Versions()).add(from_us, str(parent))

    # ----------------------------------------------------------------------------------- answers

    @property
    def in_use(self) -> bool:
        """Whether any hours were ever given: without them nothing is judged by a calendar."""
        return bool(self._hours)

    @property
    def book(self) -> Book:
        """The years that are known now."""
        return self._books.last or Book()

    def given(self, subject: Subject) -> Given | None:
        """The subject's own hours, as they are now; None: those from above hold."""
        known = self._hours.get(subject)
        given = known.last if known else None
        return given if given is not None and given.hours is not None else None

    def exceptions(self, subject: Subject) -> tuple[DayException, ...]:
        """The subject's own, as they are now, the newest first."""
        known = self._exceptions.get(subject)
        return (known.last or ()) if known else ()

    def exception(self, ident: str) -> tuple[Subject, DayException] | None:
        """One that stands, by its id."""
        subject = self._of_exception.get(ident)
        if subject is None:
            return None
        return next(((subject, one) for one in self.exceptions(subject) if one.id == ident), None)

    def place(self, stream_id: str) -> Place | None:
        known = self._places.get(stream_id)
        return known.last if known else None

    def parent(self, unit: str) -> str | None:
        known = self._parents.get(unit)
        return known.last if known else None

    def place_at(self, stream_id: str, at_us: int) -> Place | None:
        """Where it stood then; before that was written down, where it stood first."""
        known = self._places.get(stream_id)
        return (known.at(at_us) or known.first()) if known else None

    def subjects_at(self, stream_id: str, at_us: int) -> tuple[Subject, ...]:
        """Whose calendars could hold for a stream, the nearest first. A recorder or vehicle has its own alone."""
        own = Subject.stream(stream_id)
        place = self.place_at(stream_id, at_us)
        if place is None or not place.kind.always_expected:
            return (own,)
        return (own, *(Subject.unit(unit) for unit in self._path_at(place.unit, at_us)))

    def _path_at(self, unit: str, at_us: int) -> Iterator[str]:
        for _ in range(MAX_DEPTH + 1):
            if not unit or unit == ROOT:
                break
            yield unit
            known = self._parents.get(unit)
            unit = (known.at(at_us) or known.first() or "") if known else ""
        yield ROOT

    def calendar_at(self, stream_id: str, at_us: int) -> Calendar | None:
        """What judges the stream then; None: no hours were given for it.

        Exceptions hold from whose hours these are downwards: what has hours of its own is not closed from above.
        """
        return self._calendar(self.subjects_at(stream_id, at_us), at_us)

    def unit_calendar_at(self, unit: str, at_us: int) -> Calendar | None:
        """The calendar of a unit then: its own, or the nearest above it."""
        return self._calendar([Subject.unit(one) for one in self._path_at(unit, at_us)], at_us)

    def _calendar(self, subjects: Sequence[Subject], at_us: int) -> Calendar | None:
        exceptions: list[DayException] = []
        for subject in subjects:
            known = self._exceptions.get(subject)
            exceptions += (known.at(at_us) or ()) if known else ()
            hours = self._hours.get(subject)
            given = hours.at(at_us) if hours else None
            if given is not None and given.hours is not None:
                book = self._books.at(at_us) or Book()
                return Calendar(given.hours, given.zone, subject, tuple(exceptions), book)
        return None

    def retired_at(self, stream_id: str, at_us: int) -> bool:
        place = self.place_at(stream_id, at_us)
        return place is not None and place.retired

    def stretches(self, subject: Subject, from_us: int, to_us: int) -> list[tuple[int, int, Calendar | None, bool]]:
        """The range in pieces of one calendar each: begin, end, calendar, retired (a stream alone is)."""
        first, last = bisect_right(self._changes_us, from_us), bisect_right(self._changes_us, to_us - 1)
        out: list[tuple[int, int, Calendar | None, bool]] = []
        for begin in [from_us, *sorted(set(self._changes_us[first:last]))]:
            found = self._held(subject, begin)
            if out and _same(out[-1][2:], found):
                continue
            if out:
                out[-1] = (out[-1][0], begin, *out[-1][2:])
            out.append((begin, to_us, *found))
        return out if to_us > from_us else []

    def _held(self, subject: Subject, at_us: int) -> tuple[Calendar | None, bool]:
        if subject.kind == "unit":
            return self.unit_calendar_at(subject.id, at_us), False
        return self.calendar_at(subject.id, at_us), self.retired_at(subject.id, at_us)


def _same(one: tuple[Calendar | None, bool], other: tuple[Calendar | None, bool]) -> bool:
    """Without comparing what is inside of hours and years: that is what a version is."""
    before, after = one[0], other[0]
    if one[1] != other[1] or before is None or after is None:
        return one[1] == other[1] and before is after
    parts = (before.hours is after.hours, before.book is after.book, before.exceptions == after.exceptions)
    return all(parts) and before.zone == after.zone and before.owner == after.owner


def _subject(body: Mapping[str, Any]) -> Subject:
    return Subject.stream(str(body["stream"])) if "stream" in body else Subject.unit(str(body["unit"]))


def taken(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> History:
    """The history that these entries make: hub UTC (µs) and body of each, oldest first."""
    history = History()
    for t_hub_us, body in rows:
        history.take(t_hub_us, body)
    return history
