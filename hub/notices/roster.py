"""Who is on duty, and who therefore hears an alarm (R08, 交接班)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from hub.clock import Clock
from hub.errors import Conflict, NotFound, Refused
from hub.notices.alarm import Alarm
from hub.notices.shifts import Shift, ShiftStore
from hub.people.people import People
from hub.people.rights import Right
from hub.people.standing import Standing

MAX_AT_A_UNIT = 50


class Roster:
    """Read from memory, changed in a thread."""

    def __init__(self, store: ShiftStore, clock: Clock, people: People) -> None:
        self._store = store
        self._clock = clock
        self._people = people
        self._present: list[Shift] = []

    async def load(self) -> None:
        self._present = await asyncio.to_thread(self._store.present)

    def present(self) -> list[Shift]:
        """Those on duty whose account may still handle alarms there; who left the service is on duty no more."""
        return [one for one in self._present if self._may(one.username, one.unit)]

    def of(self, unit: str, username: str) -> Shift:
        found = next((one for one in self._present if (one.unit, one.username) == (unit, username)), None)
        if found is None:
            raise Conflict(f"{username!r} is not on duty at {unit[:63]!r}", code="not_on_duty")
        return found

    def hearers(self, alarm: Alarm, path: Sequence[str]) -> list[str] | None:
        """Who should hear an alarm that waits: to whom it was handed; those on duty at the nearest unit of ``path``
        that has anybody; and at each unit that it was escalated to. None: nobody is on duty anywhere on the path."""
        present = self.present()
        if alarm.handed_to and not alarm.step and self._may(alarm.handed_to, alarm.unit):
            return [alarm.handed_to]
        names: list[str] = []
        for step, unit in enumerate(path):
            if names and step > alarm.step:
                break
            names += [one.username for one in present if one.unit == unit and one.username not in names]
        return names or None

    def prepare(self, unit: str, username: str, from_whom: str = "") -> Shift:
        """A shift that begins now. Raises NotFound, Refused, Conflict."""
        self._people.units.get(unit)
        self.check_may_handle(username, unit)
        if any((one.unit, one.username) == (unit, username) for one in self._present):
            raise Conflict(f"{username!r} is on duty at {unit!r} already", code="on_duty")
        if sum(one.unit == unit for one in self._present) >= MAX_AT_A_UNIT:
            raise Conflict(f"{MAX_AT_A_UNIT} are on duty at {unit!r} already", code="too_many_on_duty")
        return Shift(secrets.token_hex(8), unit, username, self._clock.now().utc_us, from_whom=from_whom)

    def check_may_handle(self, username: str, unit: str) -> None:
        """Raises NotFound, and Refused for who may not handle alarms of that unit."""
        if self._people.find(username) is None:
            raise NotFound(f"nobody is known as {username[:63]!r}", code="unknown_person")
        if not self._may(username, unit):
            raise Refused(f"{username!r} may not handle the alarms of this unit", code="may_not_handle")

    def _may(self, username: str, unit: str) -> bool:
        standing = Standing.of(self._people.find(username), self._people.units)
        return standing.may(Right.INTERRUPTIONS_HANDLE, unit)

    async def change(self, ended: list[Shift], begun: list[Shift]) -> None:
        await asyncio.to_thread(self._store.change, ended, begun)
        gone = {one.id for one in ended}
        self._present = [one for one in self._present if one.id not in gone] + begun
