"""What rings: from an event of the hub to the cause of an alarm. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hub.clock import parse_rfc3339
from hub.model import InterruptionKind, InterruptionState
from hub.monitor.events import Event

MAX_TEXT = 500
HUB_LEVEL: Final = 1

LEVEL_OF: Final[Mapping[str, int]] = {
    "sos": 1, "ledger": 1, "disk": 1, InterruptionKind.STORAGE: 1,
    InterruptionKind.NO_SIGNAL: 2, InterruptionKind.STALL: 2, InterruptionKind.STOPPED: 2,
    InterruptionKind.NOT_STARTED: 2, InterruptionKind.COVERED: 2, InterruptionKind.BLACK: 2,
    InterruptionKind.FROZEN: 2, InterruptionKind.HUB: 2, "incident": 2, "storage_low": 2, "fault": 2,
    "interruption_overdue": 2, "activity_overdue": 2,
    InterruptionKind.LOSS: 3, InterruptionKind.SILENT: 3, InterruptionKind.LOW_RATE: 3,
    "duty": 3, "anchoring": 3,
    InterruptionKind.BLURRED: 4, InterruptionKind.DRIFT: 4, InterruptionKind.STEP: 4, InterruptionKind.JUMP: 4,
}  # fmt: skip
OTHER_LEVEL = 3

_OVER_WORDS = frozenset({"closed", "ended", "resumed", "withdrawn", "cleared", "ok", "over", "settled", "resolved"})
_FAULT_WORDS = frozenset(state.value for state in InterruptionState)
"""Events of the fault itself; the others tell what became of it afterwards, and mean other things by their state."""
_LATE_OVER = frozenset({"explained", "backfilled", "closed_for_good", "stored", "deadline_moved"})
MANY_STREAMS = 10
"""An incident of so many is of the first level."""


@dataclass(frozen=True, slots=True)
class Rung:
    """Something rings, or rings still. ``recurs``: after it was settled, the same cause may make a new alarm; of an
    interruption there is one alarm for ever. ``parts``: causes of other alarms that are a part of this one."""

    cause: str
    kind: str
    level: int
    stream: str = ""
    unit: str = ""
    since_us: int = 0
    incident: str = ""
    picture: str = ""
    text: str = ""
    count: int = 1
    recurs: bool = False
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Over:
    """The cause has ended. ``withdrawn``: there was none; it is not waited for a person then."""

    cause: str
    at_us: int
    withdrawn: bool = False


def cause_of(event: Event) -> Rung | Over | None:
    """What an event means for the alarms; None: nothing. Never raises, whatever the event carries."""
    family, _, word = event.type.partition(".")
    data = event.data
    if family == "interruption":
        if word in _FAULT_WORDS:
            return _interruption(event, word)
        return _late(event, "interruption", word)
    if family == "incident":
        return _incident(event, word)
    if family == "telemetry":
        return _telemetry(event, word)
    if family == "storage":
        if word == "low":
            return Rung("hub:retention", "storage_low", LEVEL_OF["storage_low"], since_us=event.at_us, recurs=True)
        return Over("hub:retention", event.at_us) if word == "ok" else None
    if family == "activity":
        return _late(event, "activity", word)
    if family == "duty":
        return _duty(event, word, data)
    return None


def _interruption(event: Event, word: str) -> Rung | Over | None:
    data = event.data
    ident, state = _text(data, "id"), _text(data, "state")
    if not ident or not state:
        return None
    cause = f"interruption:{ident}"
    if state == "withdrawn" or word == "withdrawn":
        return Over(cause, event.at_us, withdrawn=True)
    if state in ("resumed", "closed"):
        return Over(cause, _time(data, "ended_at", event.at_us))
    if state != "confirmed" or data.get("rings") is not True:
        return None
    evidence = data.get("evidence")
    found: Mapping[str, Any] = evidence if isinstance(evidence, Mapping) else {}
    kind = _text(data, "kind")
    return Rung(
        cause,
        kind,
        LEVEL_OF.get(kind, OTHER_LEVEL),
        stream=_text(data, "stream"),
        since_us=_time(data, "started_at", event.at_us),
        incident=_text(data, "incident"),
        picture=_text(found, "picture"),
        count=_count(data, "count"),
    )


def _incident(event: Event, word: str) -> Rung | Over | None:
    data = event.data
    ident = _text(data, "id")
    if not ident:
        return None
    cause = f"incident:{ident}"
    if word in _OVER_WORDS or _text(data, "state") in _OVER_WORDS:
        merged = bool(_text(data, "merged_into"))  # what was seen as two was one
        return Over(cause, _time(data, "ended_at", event.at_us), withdrawn=merged)
    if data.get("rings") is False:
        return None
    parts = tuple(f"interruption:{one}" for one in _texts(data, "interruptions"))
    streams = _texts(data, "streams")
    return Rung(
        cause,
        "incident",
        1 if len(streams) >= MANY_STREAMS or _text(data, "scope") == "hub" else LEVEL_OF["incident"],
        unit=_text(data, "unit"),
        since_us=_time(data, "started_at", event.at_us),
        incident=ident,
        text=_text(data, "subject"),
        count=max(len(streams), len(parts), 1),
        parts=parts,
    )


def _telemetry(event: Event, word: str) -> Rung | Over | None:
    """``telemetry.alarm {"stream", "kind", "over"?, "id"?}``; ``telemetry.sos`` says the same of its kind."""
    data = event.data
    stream, kind = _text(data, "stream"), _text(data, "kind") or word
    if word not in ("alarm", "sos", "cleared", "alarm_over") or not stream:
        return None
    # of a call for help each is one; the others are a condition that lasts
    ident = _text(data, "id") if kind == "sos" else ""
    cause = f"telemetry:{stream}:{kind}" + (f":{ident}" if ident else "")
    if word in ("cleared", "alarm_over") or data.get("over") is True or _text(data, "state") in _OVER_WORDS:
        return Over(cause, event.at_us)
    if kind not in ("sos", "fault"):
        kind = f"device_{kind}"
    level = _level(data, LEVEL_OF.get(kind, OTHER_LEVEL))
    return Rung(cause, kind, level, stream=stream, since_us=event.at_us, text=_text(data, "text"), recurs=True)


def _late(event: Event, what: str, word: str) -> Rung | Over | None:
    """A deadline that was missed (its ``level``: so many units above its own are told of it), and its end."""
    data = event.data
    ident = _text(data, "id") or _text(data, "interruption") or _text(data, "activity")
    kind = f"{what}_overdue"
    if not ident:
        return None
    if word != "overdue":
        met = word in _LATE_OVER and _text(data, "state") != "partly_backfilled"
        met = met or (word == "reported" and _text(data, "state") != "overdue")  # it was the report that was missed
        return Over(f"{kind}:{ident}", event.at_us) if met else None
    return Rung(
        f"{kind}:{ident}",
        kind,
        LEVEL_OF[kind] if data.get("level") in (0, None) else 1,
        stream=_text(data, "stream"),
        unit=_text(data, "unit"),
        since_us=event.at_us,
        text=_text(data, "text"),
    )


def _duty(event: Event, word: str, data: Mapping[str, Any]) -> Rung | Over | None:
    """``duty.alarm|missing_year|…`` ring unless they say ``rings`` false; ``duty.ok|cleared`` end them."""
    key = _text(data, "key") or _text(data, "year") or _text(data, "unit") or _text(data, "stream")
    what = _text(data, "kind") or word
    cause = f"duty:{what}:{key}"
    if word in _OVER_WORDS:
        return Over(cause, event.at_us)
    if data.get("rings") is not True and not (word in ("alarm", "missing_year", "finding") and "rings" not in data):
        return None
    return Rung(
        cause,
        "duty",
        _level(data, LEVEL_OF["duty"]),
        stream=_text(data, "stream"),
        unit=_text(data, "unit"),
        since_us=event.at_us,
        text=_text(data, "text") or what,
        recurs=True,
    )


def of_readiness(check: str, problem: str, now_us: int) -> Rung | Over:
    """One check of the hub's own readiness."""
    cause = f"hub:{check}"
    if problem == "ok":
        return Over(cause, now_us)
    kind = "storage_low" if check == "retention" else check
    return Rung(cause, kind, LEVEL_OF.get(kind, HUB_LEVEL), since_us=now_us, text=problem[:MAX_TEXT], recurs=True)


# ----------------------------------------------------------------------------------- what events carry


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value[:MAX_TEXT] if isinstance(value, str) else str(value) if type(value) is int else ""


def _texts(data: Mapping[str, Any], name: str) -> list[str]:
    value = data.get(name)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []


def _count(data: Mapping[str, Any], name: str) -> int:
    value = data.get(name)
    return value if type(value) is int and value > 0 else 1


def _level(data: Mapping[str, Any], default: int) -> int:
    value = data.get("level")
    return value if type(value) is int and 1 <= value <= 4 else default


def _time(data: Mapping[str, Any], name: str, default_us: int) -> int:
    value = data.get(name)
    try:
        return parse_rfc3339(value) if isinstance(value, str) else default_us
    except (ValueError, OverflowError):
        return default_us
