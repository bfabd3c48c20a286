"""By when footage must be stored, and what is told about it when. Pure; times are hub UTC, µs.

A§24 and 002§23: within 24 h of the end; where that was impossible, within 24 h of the return. 004§34: 24 h, no
exemption. 003§11: at the end of each working day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hub.activities.model import Activity, Exemption
from hub.activities.rules import DeadlineRules
from hub.clock import US_PER_S

DAY_US = 86_400 * US_PER_S
MINUTE_US = 60 * US_PER_S
HOUR_US = 3600 * US_PER_S


def deadline_us(
    ended_us: int, rules: DeadlineRules, exemption: Exemption | None = None, *, work_ends_us: int | None = None
) -> int | None:
    """When footage of an activity that ended then is due; None: not before the return, which is not known yet.

    ``work_ends_us`` is the end of that working day by a calendar that knows better than ``day_end``.
    """
    if rules.storage == "end_of_day":
        day_end_us = _day_end_us(ended_us, rules) if work_ends_us is None else work_ends_us
        return max(day_end_us, ended_us) + rules.grace_minutes * MINUTE_US
    due_us = ended_us + DAY_US
    if exemption is None or not may_exempt(rules, exemption):
        return due_us
    return None if exemption.returned_us is None else max(due_us, exemption.returned_us + DAY_US)


def may_exempt(rules: DeadlineRules, exemption: Exemption) -> bool:
    return rules.storage == "24h" and exemption.type in rules.exemptions


def _day_end_us(ended_us: int, rules: DeadlineRules) -> int:
    offset_us = rules.utc_offset_minutes * MINUTE_US
    hours, minutes = rules.day_end.split(":")
    midnight_us = (ended_us + offset_us) // DAY_US * DAY_US
    return midnight_us + (int(hours) * 60 + int(minutes)) * MINUTE_US - offset_us


StorageState = Literal["recording", "stored", "due", "exempt", "overdue"]
"""``due`` is 待补传: some of it is not here yet."""


def storage_state(activity: Activity, *, complete: bool, due_us: int | None, now_us: int) -> StorageState:
    if activity.open:
        return "recording"
    if complete:
        return "stored"
    if due_us is None:
        return "exempt"
    return "overdue" if now_us >= due_us else "due"


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is told at ``at_us``: a warning so many minutes before, or a level of the organisation after."""

    at_us: int
    warn_minutes: int | None = None
    level: int | None = None


def steps(due_us: int, rules: DeadlineRules, levels: int) -> list[Step]:
    """All of them, in the order of time. ``levels``: of the organisation, the activity's own unit the first. Where
    the rules have fewer steps than there are levels, the rest hears nothing."""
    warnings = [Step(due_us - minutes * MINUTE_US, warn_minutes=minutes) for minutes in set(rules.warn_minutes)]
    hours = sorted(rules.escalate_hours)[:levels]
    after = [Step(due_us + each * HOUR_US, level=level) for level, each in enumerate(hours)]
    return sorted([*warnings, *after], key=lambda step: (step.at_us, step.level or 0))
