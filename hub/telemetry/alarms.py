"""When a gauge becomes an alarm, once for each crossing, and when it is over. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from hub.clock import US_PER_S
from hub.telemetry.rules import TelemetryRules


class Level(StrEnum):
    """How bad it is, in rising order."""

    WARNING = "warning"
    CRITICAL = "critical"
    EMERGENCY = "emergency"


SEVERITY = {Level.EMERGENCY: 1, Level.CRITICAL: 2, Level.WARNING: 3}
"""The same as a number, as all alarms have it: 1 is the worst, 4 the least."""


class AlarmKind(StrEnum):
    BATTERY_LOW = "battery_low"
    STORAGE_LOW = "storage_low"
    SIGNAL_WEAK = "signal_weak"
    SILENT = "silent"
    SOS = "sos"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A crossing. ``level`` None: it is over. ``value`` and ``threshold`` are in the unit that the kind has."""

    kind: AlarmKind
    level: Level | None
    value: int
    threshold: int


@dataclass(frozen=True, slots=True)
class Raised:
    """What is raised of one stream at the moment. ``weak_since_us`` is monotonic: since when the signal is weak."""

    levels: Mapping[AlarmKind, Level]
    weak_since_us: int | None = None


NOTHING = Raised({})
Values = Mapping[str, float]


def judge(raised: Raised, values: Values, rules: TelemetryRules, now_us: int) -> tuple[Raised, list[Alarm]]:
    """What the newest gauges change. ``now_us`` is monotonic. A gauge that was never said raises nothing."""
    alarms: list[Alarm] = []
    levels = dict(raised.levels)
    if "battery_percent" in values:
        steps = (rules.battery_warning_percent, rules.battery_critical_percent, rules.clear_by_percent)
        _step(levels, alarms, AlarmKind.BATTERY_LOW, values["battery_percent"], *steps)
    if "storage_left_mb" in values:
        _storage(levels, alarms, values, rules)
    weak_since_us = raised.weak_since_us
    if "signal_percent" in values:
        weak_since_us = _signal(levels, alarms, values["signal_percent"], weak_since_us, rules, now_us)
    return Raised(levels, weak_since_us), alarms


def heard(raised: Raised) -> tuple[Raised, list[Alarm]]:
    """The device said something: it is silent no more."""
    return silent(raised, None, 0)


def silent(raised: Raised, silent_s: int | None, threshold_s: int) -> tuple[Raised, list[Alarm]]:
    """For how long a live device has said nothing; None: it is heard, or not live."""
    levels = dict(raised.levels)
    due = silent_s is not None and threshold_s > 0 and silent_s >= threshold_s
    if due == (AlarmKind.SILENT in levels):
        return raised, []
    if due:
        levels[AlarmKind.SILENT] = Level.WARNING
        return replace(raised, levels=levels), [Alarm(AlarmKind.SILENT, Level.WARNING, silent_s or 0, threshold_s)]
    del levels[AlarmKind.SILENT]
    return replace(raised, levels=levels), [Alarm(AlarmKind.SILENT, None, silent_s or 0, threshold_s)]


def _storage(levels: dict[AlarmKind, Level], alarms: list[Alarm], values: Values, rules: TelemetryRules) -> None:
    left, total = values["storage_left_mb"], values.get("storage_total_mb", 0)
    if total > 0:
        steps = (rules.storage_warning_percent, rules.storage_critical_percent, rules.clear_by_percent)
        _step(levels, alarms, AlarmKind.STORAGE_LOW, min(100.0, left * 100 / total), *steps)
        return
    clear_by_mb = rules.storage_warning_mb * rules.clear_by_percent // 100
    _step(levels, alarms, AlarmKind.STORAGE_LOW, left, rules.storage_warning_mb, rules.storage_critical_mb, clear_by_mb)


def _step(
    levels: dict[AlarmKind, Level],
    alarms: list[Alarm],
    kind: AlarmKind,
    value: float,
    warning: int,
    critical: int,
    clear_by: int,
) -> None:
    before = levels.get(kind)
    held = clear_by if before is Level.CRITICAL else 0
    if value <= critical + held:
        after: Level | None = Level.CRITICAL
    elif value <= warning + (clear_by if before is not None else 0):
        after = Level.WARNING
    else:
        after = None
    if after is before:
        return
    if after is None:
        del levels[kind]
        alarms.append(Alarm(kind, None, int(value), warning))
        return
    levels[kind] = after
    if before is not Level.CRITICAL:  # from critical back to a warning is no news for those who were rung
        alarms.append(Alarm(kind, after, int(value), critical if after is Level.CRITICAL else warning))


def _signal(
    levels: dict[AlarmKind, Level],
    alarms: list[Alarm],
    value: float,
    weak_since_us: int | None,
    rules: TelemetryRules,
    now_us: int,
) -> int | None:
    threshold, kind = rules.signal_weak_percent, AlarmKind.SIGNAL_WEAK
    if value <= threshold:
        weak_since_us = now_us if weak_since_us is None else weak_since_us
        if kind not in levels and now_us - weak_since_us >= rules.signal_weak_s * US_PER_S:
            levels[kind] = Level.WARNING
            alarms.append(Alarm(kind, Level.WARNING, int(value), threshold))
        return weak_since_us
    if kind in levels:
        if value <= threshold + rules.clear_by_percent:
            return weak_since_us
        del levels[kind]
        alarms.append(Alarm(kind, None, int(value), threshold))
    return None
