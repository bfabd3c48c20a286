"""Duty calendars as they are changed and kept: each change is an entry, and holds from that entry on."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import structlog

from hub.clock import Clock
from hub.duty.clock import DutyClock
from hub.duty.history import DayException, Given, History, Place, Subject, taken
from hub.duty.hours import DayHours, Hours, day_of
from hub.duty.incoming import Incoming
from hub.duty.years import Year, shipped_years
from hub.errors import Conflict, HubError, InvalidRequest, NotFound
from hub.ledger.entries import HUB_STREAM, EntryType, JsonValue
from hub.ledger.seam import OpenLedger
from hub.model import Stream
from hub.people.units import Units
from hub.settings import Settings

log = structlog.get_logger(__name__)

HUB = "hub"
LOOK_S = 20.0
"""How often files, places and missing years are looked for."""
ALARM_MONTH = 12
"""From 1 December on the next year's calendar is missed: its notice comes in November, and its first day off may lie
in December."""
MAX_EXCEPTION_DAYS = 366
MAX_EXCEPTIONS = 500
MAX_REASON = 200
PLACES_AN_ENTRY = 2000

Tell = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Around:
    """What the calendars need of the hub: every stream, retired ones too, and who listens."""

    streams: Callable[[], Sequence[Stream]]
    units: Units
    tell: Tell


class Duty:
    """Questions are answered from memory (``clock``); a change is durable before it returns."""

    def __init__(self, settings: Settings, clock: Clock, ledger: OpenLedger, around: Around, history: History) -> None:
        self._settings = settings
        self._clock = clock
        self._ledger = ledger
        self._around = around
        self._writing = asyncio.Lock()
        self._alarmed: dict[int, date] = {}
        self._incoming = Incoming(settings.data)
        self.history = history
        self.clock = DutyClock(history)

    @classmethod
    async def open(cls, settings: Settings, clock: Clock, ledger: OpenLedger, around: Around) -> Duty:
        """The calendars that the ledger's entries make, with the years that this hub brings."""
        rows = await asyncio.to_thread(ledger.reader.calendars)
        self = cls(settings, clock, ledger, around, taken((t_hub_us, body) for _, t_hub_us, body in rows))
        if self.history.in_use:
            await self._enter(self._years_to_enter())
        self.keep_places()
        return self

    @property
    def zone(self) -> str:
        return self._settings.time_zone

    def today(self) -> date:
        return day_of(self.zone, self._clock.now().utc_us)

    # ------------------------------------------------------------------------------------ changes

    async def give_hours(self, subject: Subject, hours: Hours | None, *, by: str, reason: str = "") -> Given | None:
        """From now on these hours hold for the subject and what lies below it; None: those from above again.

        The first hours of all bring the years that come with the hub into the ledger, and where every stream stands.
        """
        body = subject.body() | {"action": "hours", "by": by, "reason": _reason(reason, needed=False)}
        body |= {"hours": None if hours is None else hours.body(), "zone": self.zone}
        async with self._writing:
            if hours is None and self.history.given(subject) is None:
                raise NotFound(f"the {subject.kind} {subject.id!r} has no hours of its own", code="no_hours")
            first = [] if self.history.in_use else [*self._years_to_enter(), *self._places(everything=True)]
            await self._enter([*first, body])
        self._around.tell("duty.hours", subject.body() | {"by": by})
        return self.history.given(subject)

    async def except_days(
        self, subject: Subject, first: date, last: date, hours: DayHours, *, by: str, reason: str
    ) -> DayException:
        """On these days other hours hold (none: closed). What is past already stays as it was judged."""
        if not first <= last <= first + timedelta(days=MAX_EXCEPTION_DAYS - 1):
            raise InvalidRequest(f"until: expected at most {MAX_EXCEPTION_DAYS} days from date on", code="bad_range")
        if last < self.today():
            raise InvalidRequest("date: expected today or later; what is past is not judged again", code="past")
        ident = f"x-{secrets.token_hex(6)}"
        body = subject.body() | {"action": "exception", "id": ident, "by": by, "reason": _reason(reason, needed=True)}
        body |= {"date": first.isoformat(), "until": last.isoformat(), "hours": hours.model_dump(mode="json")["hours"]}
        async with self._writing:
            if len(self.standing(subject)) >= MAX_EXCEPTIONS:
                raise Conflict(f"{MAX_EXCEPTIONS} exceptions stand already", code="too_many_exceptions")
            await self._enter([body])
        found = self.history.exception(ident)
        assert found is not None
        self._around.tell("duty.exception", subject.body() | {"id": ident, "by": by})
        return found[1]

    async def withdraw(self, ident: str, *, by: str, reason: str) -> None:
        """The exception holds no longer; for the time until now it has held."""
        async with self._writing:
            found = self.history.exception(ident)
            if found is None:
                raise NotFound(f"no exception {ident[:40]!r} stands", code="unknown_exception")
            body = {"action": "exception_withdrawn", "id": ident, "by": by, "reason": _reason(reason, needed=True)}
            await self._enter([body])
        self._around.tell("duty.exception_withdrawn", found[0].body() | {"id": ident, "by": by})

    async def enter_year(self, year: Year, *, by: str) -> bool:
        """From now on the year is known so. False: it is already."""
        async with self._writing:
            if self.history.book.years.get(year.year) == year:
                return False
            await self._enter([{"action": "year", "by": by} | year.body()])
        self._around.tell("duty.year", {"year": year.year, "number": year.notice.number, "by": by})
        self._alarm_of_years()
        return True

    def keep_places(self) -> None:
        """Where streams stand is written down, so that a move does not change what was. Heard of at once: a new
        window is judged from its first second on. Durable soon; what a kill takes away is written at the next start.
        """
        try:
            if self.history.in_use:
                self._append(self._places())
        except HubError as error:
            log.error("where streams stand could not be kept in the ledger", error=str(error))

    async def _enter(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        if bodies:
            self._append(bodies)
            await self._ledger.committed()

    def _append(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """It holds at once, in the order of the entries: so it is read again after a restart."""
        for body in bodies:
            entry = self._ledger.append(HUB_STREAM, EntryType.CALENDAR, body)
            self.history.take(entry.t_hub_us, entry.body)

    def _years_to_enter(self) -> list[dict[str, JsonValue]]:
        known = self.history.book.years
        return [{"action": "year", "by": HUB} | one.body() for one in shipped_years() if one.year not in known]

    def _places(self, *, everything: bool = False) -> list[dict[str, JsonValue]]:
        """Entries of what stands elsewhere than was written down last."""
        streams: list[tuple[str, str, JsonValue]] = []
        for one in self._around.streams():
            place = Place(one.unit, one.kind, one.retired)
            if everything or self.history.place(one.id) != place:
                streams.append(("streams", one.id, place.body()))
        streams += [
            ("units", unit.id, unit.parent)
            for unit in self._around.units.list()
            if unit.parent and (everything or self.history.parent(unit.id) != unit.parent)
        ]
        bodies: list[dict[str, JsonValue]] = []
        for at in range(0, len(streams), PLACES_AN_ENTRY):
            parts: dict[str, dict[str, JsonValue]] = {"streams": {}, "units": {}}
            for kind, ident, value in streams[at : at + PLACES_AN_ENTRY]:
                parts[kind][ident] = value
            bodies.append({"action": "places", "by": HUB, **parts})
        return bodies

    # ------------------------------------------------------------------------------------ answers

    def standing(self, subject: Subject) -> list[DayException]:
        """The subject's own exceptions of today and later, in the order of their days."""
        today = self.today()
        found = [one for one in self.history.exceptions(subject) if one.last >= today]
        return sorted(found, key=lambda one: (one.first, one.at_us))

    def inherited(self, subject: Subject, unit: str) -> tuple[Subject, Given] | None:
        """Whose hours hold for the subject now; ``unit``: where it stands."""
        path = [Subject.unit(one) for one in self._around.units.tree.path(unit)]
        for one in dict.fromkeys((subject, *path)):
            given = self.history.given(one)
            if given is not None:
                return one, given
        return None

    def missing_years(self) -> list[int]:
        """This year, and from December on the next, where nobody has entered it and anything is judged by it."""
        if not self.history.in_use:
            return []
        today = self.today()
        wanted = [today.year, today.year + 1] if today.month >= ALARM_MONTH else [today.year]
        return [year for year in wanted if year not in self.history.book.years]

    @property
    def readiness(self) -> str:
        """``ok``, or what is missing though recording goes on."""
        missing = self.missing_years()
        return "ok" if not missing else f"ok, but {_missing_text(missing[0])}"

    # --------------------------------------------------------------------------------------- time

    async def run(self) -> None:
        """Until cancelled. Raises SQLAlchemyError; it may begin again."""
        while True:
            try:
                await self.look()
            except HubError as error:
                log.error("duty calendars could not be looked after", error=str(error))
            await self._clock.sleep(LOOK_S)

    async def look(self) -> None:
        """Take in files that were left, write moves down, tell of missing years once a day."""
        for year, by in await asyncio.to_thread(self._incoming.read):
            if await self.enter_year(year, by=by):
                log.info("the holidays of a year were entered", year=year.year, number=year.notice.number, by=by)
            await asyncio.to_thread(self._incoming.done, year)
        self.keep_places()
        self._alarm_of_years()

    def _alarm_of_years(self) -> None:
        missing, today = self.missing_years(), self.today()
        for year in missing:
            if self._alarmed.get(year) != today:
                self._alarmed[year] = today
                text = _missing_text(year)
                log.error("a year's calendar is missing", year=year)
                data = {"kind": "missing_year", "year": year, "key": str(year), "text": text, "unit": "root"}
                self._around.tell("duty.missing_year", data)
        for year in [one for one in self._alarmed if one not in missing]:
            del self._alarmed[year]
            self._around.tell("duty.cleared", {"kind": "missing_year", "year": year, "key": str(year), "unit": "root"})


def _missing_text(year: int) -> str:
    return f"{year} 年放假调休通知未导入 (the holidays of {year} are not known: hub duty import FILE)"


def _reason(text: str, *, needed: bool) -> str:
    text = text.strip()
    if (needed and not text) or len(text) > MAX_REASON or not (text.isprintable() or not text):
        raise InvalidRequest(f"reason: expected 1 to {MAX_REASON} printable characters", code="bad_reason")
    return text
