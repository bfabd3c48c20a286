"""The alarms as they stand: what rings comes in, what people do about it goes on. In memory; no clock, no disk.

``say`` makes the entry of an action and may refuse (the ledger takes nothing): then nothing has changed. ``tell`` hears
of each alarm that changed, with one word for it.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from hub.errors import Conflict, InvalidRequest, NotFound
from hub.notices.alarm import Alarm, AlarmState
from hub.notices.causes import Over, Rung

MAX_SETTLED = 2000
"""Settled alarms that are remembered, so that what still rings of them is not looked up each time."""
MAX_NOTE = 2000
MAX_PARTS = 20_000
HUB = "hub"

Say = Callable[[Alarm, str, str, str], None]
"""Alarm, action, by whom, note."""
Tell = Callable[[str, Alarm], None]


class Desk:
    def __init__(self, say: Say, tell: Tell, *, clear_level: int) -> None:
        self._say = say
        self._tell = tell
        self._clear_level = clear_level
        self._alarms: dict[str, Alarm] = {}
        self._by_cause: dict[str, str] = {}
        self._incidents: OrderedDict[str, str] = OrderedDict()
        """Which incident's alarm a cause belongs to, also where the cause has not rung yet."""
        self.dirty: dict[str, Alarm] = {}
        """What the table does not have yet."""

    # ------------------------------------------------------------------------------------ reading

    def load(self, known: Iterable[Alarm]) -> None:
        for alarm in known:
            self._alarms[alarm.id] = alarm
            self._by_cause[alarm.cause] = alarm.id

    def unsettled(self) -> list[Alarm]:
        """The queue: gravest first, then oldest."""
        waiting = [one for one in self._alarms.values() if not one.state.settled]
        return sorted(waiting, key=lambda one: (one.level, one.since_us, one.id))

    def find(self, ident: str) -> Alarm | None:
        return self._alarms.get(ident)

    def of_cause(self, cause: str) -> Alarm | None:
        return self._alarms.get(self._by_cause.get(cause, ""))

    # ----------------------------------------------------------------------------------- what rings

    def rung(self, rung: Rung, unit: str, now_us: int) -> Alarm:
        """The alarm of this cause: the one that is there, or a new one."""
        known = self.of_cause(rung.cause)
        if known is not None and not (rung.recurs and known.state.settled and known.over_us is not None):
            return self._again(known, rung)
        joined = self._incident_of(rung)
        alarm = Alarm(
            secrets.token_hex(8),
            rung.cause,
            rung.kind,
            rung.level,
            unit,
            rung.stream,
            rung.since_us or now_us,
            now_us,
            now_us,
            incident=rung.incident,
            picture=rung.picture,
            text=rung.text,
            count=rung.count,
            joined=joined,
        )
        self._set(alarm, "raised")
        self._join(rung.parts, alarm)
        return alarm

    def _again(self, known: Alarm, rung: Rung) -> Alarm:
        """It rings still, or again: the same alarm."""
        level = min(known.level, rung.level)
        after = replace(
            known,
            kind=rung.kind,
            level=level,
            count=max(known.count, rung.count),
            over_us=None,
            incident=rung.incident or known.incident,
            joined=known.joined or self._incident_of(rung),
            picture=known.picture or rung.picture,
            text=rung.text or known.text,
        )
        if after != known:
            self._set(after, "changed")
        self._join(rung.parts, after)
        return after

    def _incident_of(self, rung: Rung) -> str:
        found = self.of_cause(f"incident:{rung.incident}") if rung.incident else None
        if found is None:
            found = self._alarms.get(self._incidents.get(rung.cause, ""))
        return found.id if found is not None and found.cause != rung.cause else ""

    def _join(self, causes: Sequence[str], incident: Alarm) -> None:
        for cause in causes:
            self._incidents[cause] = incident.id
            self._incidents.move_to_end(cause)
            part = self.of_cause(cause)
            if part is not None and part.joined != incident.id and not part.state.settled:
                self._set(replace(part, joined=incident.id, incident=incident.subject), "joined")
        while len(self._incidents) > MAX_PARTS:
            self._incidents.popitem(last=False)

    def over(self, over: Over) -> Alarm | None:
        """The cause ended. The alarm stays until somebody handled it, but for low levels and for what was none."""
        known = self.of_cause(over.cause)
        if known is None or (known.over_us is not None and not over.withdrawn):
            return None
        after = replace(known, over_us=max(over.at_us, known.since_us))
        clears = known.state is AlarmState.OPEN and (over.withdrawn or known.level >= self._clear_level)
        if clears and not known.state.settled:
            after = replace(after, state=AlarmState.CLEARED, settled_by=HUB, settled_us=over.at_us)
        if after == known:
            return None
        self._set(after, "cleared" if clears else "over")
        return after

    def escalate(self, alarm: Alarm, step: int, to_unit: str, now_us: int) -> Alarm:
        self._say(alarm, "escalate", HUB, to_unit)
        after = replace(alarm, step=step, step_us=now_us, handed_to="")
        self._set(after, "escalated")
        return after

    def sent(self, ident: str, channel: str, now_us: int) -> None:
        alarm = self._alarms.get(ident)
        if alarm is not None:
            self._keep(alarm.with_sent(channel, now_us))

    # ------------------------------------------------------------------------------ what people do

    def acknowledge(self, ident: str, by: str, note: str, now_us: int) -> Alarm:
        """Raises NotFound; Conflict that names who was first."""
        alarm = self._waiting(ident)
        if alarm.state is AlarmState.ACKNOWLEDGED:
            raise Conflict(f"{alarm.acknowledged_by} acknowledged this alarm before", code="acknowledged")
        changes = {"state": AlarmState.ACKNOWLEDGED, "acknowledged_by": by, "acknowledged_us": now_us}
        return self._act(alarm, "acknowledge", by, note, **changes)

    def settle(self, ident: str, state: AlarmState, by: str, note: str, now_us: int) -> Alarm:
        """Handled, or a false alarm. Raises NotFound, Conflict, and InvalidRequest without words."""
        alarm = self._waiting(ident)
        if not note.strip():
            raise InvalidRequest("note: expected words that say what was found or done", code="note_missing")
        action = "handle" if state is AlarmState.HANDLED else "false_alarm"
        return self._act(alarm, action, by, note, state=state, settled_by=by, settled_us=now_us)

    def note(self, ident: str, by: str, note: str) -> Alarm:
        alarm = self._get(ident)
        if not note.strip():
            raise InvalidRequest("note: expected words", code="note_missing")
        return self._act(alarm, "note", by, note)

    def hand_over(self, ident: str, by: str, to: str, note: str, now_us: int, *, said: bool = False) -> Alarm:
        """Another person looks after it, from now on. ``said``: one entry tells it of all."""
        alarm = self._waiting(ident)
        back = {"state": AlarmState.OPEN, "acknowledged_by": "", "acknowledged_us": None}
        changes = {"handed_to": to, "step_us": now_us, **back}
        if said:
            after = replace(alarm, **changes)  # type: ignore[arg-type]
            self._set(after, "handed_over")
            return after
        return self._act(alarm, "hand_over", by, f"→ {to}" + (f" {note}" if note else ""), **changes)

    def _act(self, alarm: Alarm, action: str, by: str, note: str, **changes: object) -> Alarm:
        note = note.strip()[:MAX_NOTE]
        parts = [one for one in self.unsettled() if one.joined == alarm.id]
        for one in (alarm, *parts):
            self._say(one, action, by, note)
        words = {"acknowledge": "acknowledged", "handle": "handled", "note": "noted", "hand_over": "handed_over"}
        after = replace(alarm, note=note or alarm.note, **changes)  # type: ignore[arg-type]
        self._set(after, words.get(action, action))
        for part in parts:
            self._set(replace(part, **changes), words.get(action, action))  # type: ignore[arg-type]
        return after

    def _get(self, ident: str) -> Alarm:
        found = self._alarms.get(ident)
        if found is None:
            raise NotFound(f"no alarm has the id {ident[:80]!r}")
        return found

    def _waiting(self, ident: str) -> Alarm:
        alarm = self._get(ident)
        if alarm.state.settled:
            raise Conflict(f"{alarm.settled_by} settled this alarm before ({alarm.state})", code="settled")
        return alarm

    # ------------------------------------------------------------------------------------- keeping

    def _set(self, alarm: Alarm, word: str) -> None:
        self._keep(alarm)
        self._tell(word, alarm)

    def _keep(self, alarm: Alarm) -> None:
        self._alarms[alarm.id] = alarm
        self._by_cause[alarm.cause] = alarm.id
        self.dirty[alarm.id] = alarm

    def forget_settled(self) -> None:
        """The oldest settled ones, once they are kept elsewhere."""
        settled = [one for one in self._alarms.values() if one.state.settled and one.id not in self.dirty]
        settled.sort(key=lambda one: one.settled_us or 0)
        for one in settled[: max(0, len(settled) - MAX_SETTLED)]:
            del self._alarms[one.id]
            if self._by_cause.get(one.cause) == one.id:
                del self._by_cause[one.cause]
