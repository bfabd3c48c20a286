"""Who is told of what, when and how often: ``rules["notices"]`` of a unit, and what holds without it. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hub.clock import US_PER_S
from hub.errors import InvalidRequest
from hub.notices.alarm import Alarm
from hub.people.tree import Tree

RULE = "notices"
MINUTE_US = 60 * US_PER_S
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def _check_hours(text: str) -> str:
    match = _HOURS.fullmatch(text)
    if match is None or text[:5] == text[6:]:
        raise ValueError(f"expected HH:MM-HH:MM as in 22:00-07:00, found {text[:20]!r}")
    return text


Hours = Annotated[str, AfterValidator(_check_hours)]
"""Local time of the day, the end exclusive; 22:00-07:00 goes over midnight."""
Level = Annotated[int, Field(ge=1, le=4)]


class NoticeRule(BaseModel):
    """One line of a unit's rules. An alarm follows every line that it fits.

    ``hours``: the line holds then only. ``quiet_hours``: nothing is sent then, but for levels up to ``loud_level``.
    ``channels``: their names; None: all of the nearest unit that has any. 0 minutes: never.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    levels: tuple[Level, ...] = (1, 2, 3, 4)
    kinds: tuple[str, ...] | None = None
    hours: Hours | None = None
    channels: tuple[str, ...] | None = None
    repeat_every_min: int = Field(0, ge=0, le=10_080)
    quiet_hours: Hours | None = None
    loud_level: int = Field(2, ge=0, le=4)
    escalate_after_min: int = Field(0, ge=0, le=10_080)


DEFAULT: tuple[NoticeRule, ...] = (
    NoticeRule(levels=(1,), repeat_every_min=5, escalate_after_min=10),
    NoticeRule(levels=(2,), repeat_every_min=15, escalate_after_min=30),
    NoticeRule(levels=(3,), repeat_every_min=60, quiet_hours="22:00-07:00", escalate_after_min=240),
)
"""Level 4 is on the wall alone."""
_RULES: TypeAdapter[tuple[NoticeRule, ...]] = TypeAdapter(Annotated[tuple[NoticeRule, ...], Field(max_length=50)])


def read_rules(value: Any) -> tuple[NoticeRule, ...]:
    """The lines, of plain JSON. Raises InvalidRequest ``bad_rules``; None is the default."""
    if value is None:
        return DEFAULT
    try:
        return _RULES.validate_json(_json(value))
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise InvalidRequest(f"rules.notices: {'; '.join(lines)[:1000]}", code="bad_rules") from None


def _json(value: Any) -> str:
    return json.dumps(value, default=dict)


@lru_cache(maxsize=4096)
def _read_cached(text: str) -> tuple[NoticeRule, ...] | None:
    try:
        return read_rules(json.loads(text))
    except InvalidRequest:
        return None


def rules_for(tree: Tree, unit_id: str) -> tuple[NoticeRule, ...]:
    """What holds in the unit. Rules that cannot be understood never silence anybody: the default holds then."""
    value = tree.rule(unit_id, RULE)
    if value is None:
        return DEFAULT
    found = _read_cached(_json(value))
    return DEFAULT if found is None else found


def within(hours: str, at: datetime) -> bool:
    minute = at.hour * 60 + at.minute
    begin, end = (int(part[:2]) * 60 + int(part[3:]) for part in hours.split("-"))
    return begin <= minute < end if begin < end else minute >= begin or minute < end


@dataclass(frozen=True, slots=True)
class Send:
    """The alarm is due at this channel (None: all of the nearest unit that has any). ``repeat``: it was told before."""

    channels: tuple[str, ...] | None
    repeat_us: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What an alarm asks for at one moment, by the rules of the unit that it has reached."""

    sends: tuple[Send, ...]
    escalate_us: int | None
    """After this long at one step it goes a unit up; None: it does not."""


def plan(alarm: Alarm, rules: tuple[NoticeRule, ...], now_us: int, zone: tzinfo) -> Plan:
    at = datetime.fromtimestamp(now_us // US_PER_S, zone)
    sends: list[Send] = []
    after: list[int] = []
    for rule in rules:
        if alarm.level not in rule.levels or (rule.kinds is not None and alarm.kind not in rule.kinds):
            continue
        if rule.hours is not None and not within(rule.hours, at):
            continue
        if rule.quiet_hours is not None and alarm.level > rule.loud_level and within(rule.quiet_hours, at):
            continue
        sends.append(Send(rule.channels, rule.repeat_every_min * MINUTE_US))
        if rule.escalate_after_min:
            after.append(rule.escalate_after_min * MINUTE_US)
    return Plan(tuple(sends), min(after, default=None))


def step_unit(tree: Tree, alarm: Alarm) -> str:
    """The unit that is asked at the alarm's step: its own, then one up at a time, the root at last."""
    path = tree.path(alarm.unit)
    return path[min(alarm.step, len(path) - 1)]


def next_step(tree: Tree, alarm: Alarm) -> int | None:
    """None: nobody is above."""
    return alarm.step + 1 if alarm.step + 1 < len(tree.path(alarm.unit)) else None
