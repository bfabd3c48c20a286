"""Planned maintenance (计划检修): a window of time in which what breaks off was meant to.

It is asked for by one person and approved by another, with a reason, before it begins. What breaks off inside is
recorded and listed as ever and carries the window's id; it rings nothing and demands no explanation.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import Column, Engine, Table, select

from hub.clock import US_PER_S, Clock, rfc3339
from hub.database import Text, metadata
from hub.errors import Conflict, InvalidRequest, NotFound, Refused

log = structlog.get_logger(__name__)

LONGEST_US = 7 * 24 * 3600 * US_PER_S
_AHEAD_US = 366 * 24 * 3600 * US_PER_S
_LATE_US = 60 * US_PER_S
"""From the moment that somebody chose "now" to the call."""
MOST_OPEN = 2000
MAX_TEXT = 500

table = Table("maintenance", metadata, Column("id", Text, primary_key=True), Column("window", Text, nullable=False))


class MaintenanceState(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    """Withdrawn before it began, or ended before its time: ``to_us`` says when."""


@dataclass(frozen=True, slots=True)
class Window:
    """Of a stream, or of a unit and what lies below it. Hub UTC, µs; ``to_us`` exclusive."""

    id: str
    stream: str
    unit: str
    from_us: int
    to_us: int
    reason: str
    requested_by: str
    requested_us: int
    state: MaintenanceState = MaintenanceState.REQUESTED
    decided_by: str = ""
    decided_us: int | None = None
    note: str = ""

    @property
    def in_force(self) -> bool:
        """It was approved and, if it was cut short, had begun by then."""
        return (
            self.decided_us is not None
            and self.from_us < self.to_us
            and self.state
            in (
                MaintenanceState.APPROVED,
                MaintenanceState.CANCELLED,
            )
        )

    def holds(self, at_us: int) -> bool:
        return self.in_force and self.from_us <= at_us < self.to_us

    def json(self) -> dict[str, Any]:
        """As HTTP and the events show it."""
        return {
            "id": self.id,
            "stream": self.stream or None,
            "unit": self.unit or None,
            "from": rfc3339(self.from_us),
            "to": rfc3339(self.to_us),
            "reason": self.reason,
            "state": str(self.state),
            "requested_by": self.requested_by,
            "requested_at": rfc3339(self.requested_us),
            "decided_by": self.decided_by,
            "decided_at": None if self.decided_us is None else rfc3339(self.decided_us),
            "note": self.note,
        }

    def body(self, action: str, by: str) -> dict[str, Any]:
        """The body of its entry in the ledger: a person's deed, or the clock's."""
        return {
            "id": self.id, "action": action, "by": by, "stream": self.stream, "unit": self.unit,
            "from_us": self.from_us, "to_us": self.to_us, "reason": self.reason, "note": self.note,
        }  # fmt: skip


Keep = Callable[[Window, str, str], None]
"""Window, action, by whom: makes the entry and tells whoever listens. Raises LedgerError where nothing can be kept."""


class Maintenance:
    """All windows. Reading is from memory; a change is an entry of the ledger before it is durable here."""

    def __init__(self, engine: Engine, clock: Clock, keep: Keep) -> None:
        self._engine = engine
        self._clock = clock
        self._keep = keep
        self._windows: dict[str, Window] = {}
        self._running: set[str] = set()
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, engine: Engine, clock: Clock, keep: Keep) -> Maintenance:
        """All windows, as they were kept. The tables must exist (``create_tables``)."""
        self = cls(engine, clock, keep)
        for window in await asyncio.to_thread(self._read_all):
            self._windows[window.id] = window
        now_us = clock.now().utc_us
        self._running = {window.id for window in self._windows.values() if window.holds(now_us)}
        return self

    # ------------------------------------------------------------------------------------ reading

    def all(self) -> Sequence[Window]:
        """The latest first."""
        return sorted(self._windows.values(), key=lambda window: (window.from_us, window.id), reverse=True)

    def get(self, ident: str) -> Window:
        """Raises NotFound."""
        window = self._windows.get(ident)
        if window is None:
            raise NotFound(f"no maintenance {ident[:63]!r} is known", code="unknown_maintenance")
        return window

    def at(self, stream: str, units: Sequence[str], at_us: int) -> str:
        """The window that holds for a stream in these units (its own and those above); empty: none. Asked once a
        second for each stream: looks at nothing but what runs or may begin."""
        for ident in self._running:
            window = self._windows[ident]
            if window.holds(at_us) and (window.stream == stream or (window.unit and window.unit in units)):
                return ident
        return ""

    # ----------------------------------------------------------------------------------- changing

    async def request(self, *, stream: str, unit: str, from_us: int, to_us: int, reason: str, by: str) -> Window:
        """Ask for one. Raises InvalidRequest, Conflict."""
        now_us = self._clock.now().utc_us
        if bool(stream) == bool(unit):
            raise InvalidRequest("stream: expected a stream or a unit, one of them", code="bad_maintenance")
        if not 1 <= len(reason.strip()) <= MAX_TEXT:
            raise InvalidRequest(f"reason: expected 1 to {MAX_TEXT} characters", code="bad_maintenance")
        if from_us < now_us - _LATE_US:
            raise InvalidRequest("from: maintenance is planned; it cannot be made for the past", code="in_the_past")
        if from_us > now_us + _AHEAD_US:
            raise InvalidRequest("from: expected a time within a year", code="bad_maintenance")
        from_us = max(from_us, now_us)
        if not from_us < to_us <= from_us + LONGEST_US:
            raise InvalidRequest("to: expected a time after from, a week after it at most", code="bad_maintenance")
        if sum(window.to_us > now_us for window in self._windows.values()) >= MOST_OPEN:
            raise Conflict(f"there are {MOST_OPEN} windows to come already", code="too_many")
        ident = f"maintenance-{secrets.token_hex(6)}"
        window = Window(ident, stream, unit, from_us, to_us, reason.strip(), by, now_us)
        async with self._writing:
            await self._store(window, "requested", by)
        return window

    async def decide(self, ident: str, *, approve: bool, by: str, note: str = "") -> Window:
        """By another person than who asked. What begins before it is approved holds from then on."""
        async with self._writing:
            window = self.get(ident)
            now_us = self._clock.now().utc_us
            if window.state is not MaintenanceState.REQUESTED:
                raise Conflict(f"this maintenance is {window.state} already", code="decided")
            if by == window.requested_by:
                raise Refused("who asks for a maintenance does not approve it; another person does", code="own_request")
            if now_us >= window.to_us:
                raise Conflict("its time is over; ask for another", code="in_the_past")
            state = MaintenanceState.APPROVED if approve else MaintenanceState.REFUSED
            from_us = max(window.from_us, now_us) if approve else window.from_us
            note = _note(note)
            window = replace(window, state=state, from_us=from_us, decided_by=by, decided_us=now_us, note=note)
            await self._store(window, str(state), by)
            self.tick()
        return window

    async def cancel(self, ident: str, *, by: str, note: str = "") -> Window:
        """Withdraw it, or end it now: the work is done."""
        async with self._writing:
            window = self.get(ident)
            now_us = self._clock.now().utc_us
            open_states = (MaintenanceState.REQUESTED, MaintenanceState.APPROVED)
            if window.state not in open_states or now_us >= window.to_us:
                raise Conflict("it is over already", code="decided")
            to_us = max(window.from_us, now_us)
            window = replace(window, state=MaintenanceState.CANCELLED, to_us=to_us, note=_note(note))
            await self._store(window, "cancelled", by)
            self.tick()
        return window

    def tick(self) -> Sequence[tuple[str, Window]]:
        """What began and what ended by the clock, once a second at least."""
        now_us = self._clock.now().utc_us
        told: list[tuple[str, Window]] = []
        for window in self._windows.values():
            if window.id in self._running:
                if not window.holds(now_us):
                    self._running.discard(window.id)
                    told.append(("ended", window))
            elif window.holds(now_us):
                self._running.add(window.id)
                told.append(("began", window))
        for word, window in told:
            self._told(window, word)
        return told

    def _told(self, window: Window, word: str) -> None:
        try:
            self._keep(window, word, "hub")
        except Exception:
            log.exception("could not be told", maintenance=window.id, word=word)

    async def _store(self, window: Window, action: str, by: str) -> None:
        self._keep(window, action, by)
        await asyncio.to_thread(self._write, window)
        self._windows[window.id] = window

    # -------------------------------------------------------------------------------- in a thread

    def _write(self, window: Window) -> None:
        row = {"id": window.id, "window": json.dumps(asdict(window), ensure_ascii=False)}
        with self._engine.begin() as connection:
            found = connection.execute(table.update().where(table.c.id == window.id).values(row))
            if not found.rowcount:
                connection.execute(table.insert().values(row))

    def _read_all(self) -> Sequence[Window]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(table.c.window)).scalars().all()
        return [_window(json.loads(row)) for row in rows]


def _window(values: Mapping[str, Any]) -> Window:
    return Window(**{**values, "state": MaintenanceState(values["state"])})


def _note(note: str) -> str:
    if len(note) > MAX_TEXT:
        raise InvalidRequest(f"note: expected at most {MAX_TEXT} characters", code="bad_maintenance")
    return note.strip()
