"""An alarm: something that somebody must look at, and what was done about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sqlalchemy import Column, Engine, Index, RowMapping, Table, delete, select

from hub.clock import rfc3339
from hub.database import Int64, Text, metadata, upsert

LEVELS = (1, 2, 3, 4)
"""1 is the gravest."""


class AlarmState(StrEnum):
    """``cleared``: its cause ended before anybody did anything, and its level lets it end so."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    HANDLED = "handled"
    FALSE_ALARM = "false_alarm"
    CLEARED = "cleared"

    @property
    def settled(self) -> bool:
        return self not in (AlarmState.OPEN, AlarmState.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Times are hub UTC, µs. ``cause`` is what rang, as ``interruption:<id>``: of each there is one alarm.

    ``unit`` is where it happened (empty: the hub itself), ``step`` how many units up nobody has acknowledged it, since
    ``step_us``. ``over_us``: when the cause ended. ``joined``: the alarm of the incident that this one is a part of; it
    rings no more by itself. ``sent``: channel → [step, when it was last told of this alarm].
    """

    id: str
    cause: str
    kind: str
    level: int
    unit: str
    stream: str
    since_us: int
    raised_us: int
    step_us: int
    state: AlarmState = AlarmState.OPEN
    incident: str = ""
    picture: str = ""
    text: str = ""
    count: int = 1
    over_us: int | None = None
    joined: str = ""
    step: int = 0
    acknowledged_by: str = ""
    acknowledged_us: int | None = None
    settled_by: str = ""
    settled_us: int | None = None
    handed_to: str = ""
    note: str = ""
    sent: Mapping[str, tuple[int, int]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def waits(self) -> bool:
        """Nobody has said yet that they look after it."""
        return self.state is AlarmState.OPEN and not self.joined

    @property
    def subject(self) -> str:
        """What an entry names: the interruption's, incident's … own id."""
        return self.cause.partition(":")[2] or self.cause

    def with_sent(self, channel: str, at_us: int) -> Alarm:
        return replace(self, sent=MappingProxyType({**self.sent, channel: (self.step, at_us)}))


alarms = Table(
    "alarms",
    metadata,
    Column("id", Text, primary_key=True),
    Column("cause", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("raised_us", Int64, nullable=False),
    Column("body", Text, nullable=False),  # JSON of the fields
)
Index("alarms_cause", alarms.c.cause, alarms.c.raised_us)
Index("alarms_state", alarms.c.state)
Index("alarms_raised", alarms.c.raised_us)

_FIELDS = tuple(Alarm.__dataclass_fields__)


def _row(alarm: Alarm) -> dict[str, Any]:
    body: dict[str, Any] = {name: getattr(alarm, name) for name in _FIELDS}
    body["sent"] = dict(alarm.sent)
    return {
        "id": alarm.id,
        "cause": alarm.cause,
        "state": alarm.state.value,
        "unit": alarm.unit,
        "raised_us": alarm.raised_us,
        "body": json.dumps(body, ensure_ascii=False),
    }


def _alarm(row: RowMapping) -> Alarm:
    body = json.loads(row["body"])
    known = {name: body[name] for name in _FIELDS if name in body}  # a later hub may know more
    known["state"] = AlarmState(known["state"])
    known["sent"] = MappingProxyType({name: (step, at_us) for name, (step, at_us) in known["sent"].items()})
    return Alarm(**known)


class AlarmStore:
    """The table. All calls block: they are made in a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def unsettled(self) -> list[Alarm]:
        states = [state.value for state in AlarmState if not state.settled]
        with self._engine.connect() as connection:
            rows = connection.execute(select(alarms).where(alarms.c.state.in_(states)).order_by(alarms.c.raised_us))
            return [_alarm(row) for row in rows.mappings()]

    def newest_of(self, cause: str) -> Alarm | None:
        query = select(alarms).where(alarms.c.cause == cause).order_by(alarms.c.raised_us.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
            return None if row is None else _alarm(row)

    def get(self, ident: str) -> Alarm | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(alarms).where(alarms.c.id == ident)).mappings().first()
            return None if row is None else _alarm(row)

    def settled(self, before_us: int, limit: int) -> list[Alarm]:
        """Settled ones raised before, newest first."""
        states = [state.value for state in AlarmState if state.settled]
        query = select(alarms).where(alarms.c.state.in_(states), alarms.c.raised_us < before_us)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(alarms.c.raised_us.desc()).limit(limit))
            return [_alarm(row) for row in rows.mappings()]

    def keep(self, changed: list[Alarm]) -> None:
        with self._engine.begin() as connection:
            for alarm in changed:
                row = _row(alarm)
                connection.execute(upsert(alarms).values(row).on_conflict_do_update(index_elements=["id"], set_=row))

    def prune(self, before_us: int) -> None:
        """Settled alarms raised before that go; one that nobody settled stays, however old."""
        states = [state.value for state in AlarmState if state.settled]
        with self._engine.begin() as connection:
            connection.execute(delete(alarms).where(alarms.c.state.in_(states), alarms.c.raised_us < before_us))


def alarm_json(alarm: Alarm, rings_for: list[str] | None) -> dict[str, Any]:
    """As HTTP and the events show it. ``rings_for``: who should hear it; None: whoever may handle it."""

    def time(at_us: int | None) -> str | None:
        return None if at_us is None else rfc3339(at_us)

    return {
        "id": alarm.id,
        "level": alarm.level,
        "kind": alarm.kind,
        "cause": alarm.cause,
        "stream": alarm.stream,
        "unit": alarm.unit,
        "incident": alarm.incident,
        "joined": alarm.joined,
        "text": alarm.text,
        "count": alarm.count,
        "picture": alarm.picture,
        "state": alarm.state.value,
        "since": rfc3339(alarm.since_us),
        "raised_at": rfc3339(alarm.raised_us),
        "over_at": time(alarm.over_us),
        "acknowledged_by": alarm.acknowledged_by,
        "acknowledged_at": time(alarm.acknowledged_us),
        "settled_by": alarm.settled_by,
        "settled_at": time(alarm.settled_us),
        "handed_to": alarm.handed_to,
        "note": alarm.note,
        "escalated": alarm.step,
        "rings_for": rings_for,
    }
