"""Shifts (交接班): somebody takes the watch, hands it over with what is open, or ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from hub.clock import Clock
from hub.errors import Conflict, InvalidRequest
from hub.ledger.entries import HUB_STREAM, EntryType, JsonValue
from hub.monitor.events import EventBus
from hub.notices.alarm import Alarm
from hub.notices.desk import Desk
from hub.notices.roster import Roster
from hub.notices.shifts import Shift
from hub.people.units import Units

Append = Callable[[str, EntryType, Mapping[str, JsonValue]], object]


class Handovers:
    """``kept`` writes what changed of the alarms."""

    def __init__(
        self,
        clock: Clock,
        bus: EventBus,
        units: Units,
        roster: Roster,
        desk: Desk,
        append: Append,
        kept: Callable[[], Awaitable[None]],
    ) -> None:
        self._clock = clock
        self._bus = bus
        self._units = units
        self.roster = roster
        self._desk = desk
        self._append = append
        self._kept = kept
        self._acting = asyncio.Lock()

    async def begin(self, unit: str, username: str) -> Shift:
        """Somebody takes the watch where they are not on it yet. Raises Conflict, Refused."""
        async with self._acting:
            made = self.roster.prepare(unit, username)
            self._say(unit, "shift", username, "", {"to": username, "from": "", "open": []})
            await self.roster.change([], [made])
        self._tell(unit)
        return made

    async def end(self, unit: str, username: str) -> Shift:
        """Raises Conflict where this would leave open alarms to nobody: hand over then."""
        async with self._acting:
            present = self.roster.of(unit, username)
            others = [one for one in self.roster.present() if one.unit == unit and one.username != username]
            if self.open_in(unit) and not others:
                raise Conflict("alarms are open and nobody else is on duty here: hand over", code="hand_over")
            ended = replace(present, ended_us=self._clock.now().utc_us)
            self._say(unit, "shift", username, "", {"from": username, "to": "", "open": []})
            await self.roster.change([ended], [])
        self._tell(unit)
        return ended

    async def hand_over(self, unit: str, by: str, to: str, accepted: Iterable[str], note: str) -> Shift:
        """``to`` has said who they are, and takes the watch with exactly the alarms that are open: ``accepted``.

        Raises InvalidRequest for the same person, Conflict ``open_list`` where the list is another by now.
        """
        if by == to:
            raise InvalidRequest("to: expected another person than the one who hands over", code="same_person")
        async with self._acting:
            ending = self.roster.of(unit, by)
            waiting = self.open_in(unit)
            if {one.id for one in waiting} != set(accepted):
                raise Conflict(f"expected the {len(waiting)} alarms that are open now; look again", code="open_list")
            now_us = self._clock.now().utc_us
            made = self.roster.prepare(unit, to, from_whom=by)
            facts: dict[str, JsonValue] = {"from": by, "to": to, "open": [one.id for one in waiting]}
            self._say(unit, "shift", by, note, facts)
            await self.roster.change([replace(ending, ended_us=now_us)], [made])
            for alarm in waiting:
                if not alarm.joined and self._desk.find(alarm.id) is not None:
                    with suppress(Conflict):  # somebody settled it within this very call
                        self._desk.hand_over(alarm.id, by, to, "", now_us, said=True)
            await self._kept()
        self._tell(unit)
        return made

    def open_in(self, unit: str) -> list[Alarm]:
        """What who is on duty there looks after: the unit's, and of what lies below."""
        return [one for one in self._desk.unsettled() if self._units.covers(unit, one.unit)]

    def _say(self, unit: str, action: str, by: str, note: str, facts: Mapping[str, JsonValue]) -> None:
        body: dict[str, JsonValue] = {"of": f"shift:{unit}", "action": action, "by": by, "note": note[:500]}
        self._append(HUB_STREAM, EntryType.HANDLING, body | {"unit": unit} | dict(facts))

    def _tell(self, unit: str) -> None:
        present = [one.json() for one in self.roster.present() if one.unit == unit]
        data = {"stream": "", "unit": unit, "present": present}
        self._bus.publish("alarm.shift", data, self._clock.now())
