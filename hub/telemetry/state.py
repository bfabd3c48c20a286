"""What is known of one device at this moment, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.clock import US_PER_S, Instant, rfc3339
from hub.telemetry.alarms import NOTHING, AlarmKind, Level, Raised
from hub.telemetry.faults import Fault
from hub.telemetry.message import GAUGES, TelemetryIn
from hub.telemetry.track import Point


@dataclass(slots=True)
class Rate:
    """So many messages a second, and some at once."""

    per_s: int
    burst: int
    _left: float = field(init=False)
    _at_us: int | None = None

    def __post_init__(self) -> None:
        self._left = self.burst

    def admits(self, now_us: int) -> bool:
        if self._at_us is not None:
            self._left = min(self.burst, self._left + (now_us - self._at_us) * self.per_s / US_PER_S)
        self._at_us = now_us
        if self._left < 1:
            return False
        self._left -= 1
        return True


class State:
    """Of one stream. ``…_us`` without ``at_us`` are monotonic."""

    def __init__(self, *, rate_per_s: int = 5, burst: int = 30) -> None:
        self.rate = Rate(rate_per_s, burst)
        self.at_us = 0
        """Hub UTC of the newest message."""
        self.device_us: int | None = None
        self.gauges: dict[str, float | bool] = {}
        self.point: Point | None = None
        self.kept_point: Point | None = None
        self.sos: Mapping[str, str] | None = None
        self.raised: Raised = NOTHING
        self.heard_us = 0
        self.live_us: int | None = None
        self.told_us: int | None = None
        self.untold = self.unkept = False

    def take(self, message: TelemetryIn, now: Instant) -> None:
        self.at_us, self.heard_us, self.device_us = now.utc_us, now.mono_us, message.at
        for name in GAUGES:
            value = getattr(message, name)
            if value is not None:
                self.gauges[name] = value

    def numbers(self) -> dict[str, float]:
        return {name: float(value) for name, value in self.gauges.items()}

    def json(self) -> dict[str, Any]:
        """As HTTP, the events and the database have it."""
        return {
            "at": rfc3339(self.at_us),
            "at_us": self.at_us,
            **{name: self.gauges.get(name) for name in GAUGES},
            "position": point_json(self.point),
            "alarms": {kind.value: level.value for kind, level in self.raised.levels.items()},
            "sos": None if self.sos is None else dict(self.sos),
        }

    @classmethod
    def read(cls, raw: Mapping[str, Any], now: Instant) -> State:
        """What :meth:`json` wrote in an earlier life of the hub. Raises KeyError, TypeError, ValueError."""
        state = cls()
        state.at_us, state.heard_us = int(raw["at_us"]), now.mono_us
        state.gauges = {name: raw[name] for name in GAUGES if raw.get(name) is not None}
        state.sos = raw.get("sos")
        state.raised = Raised({AlarmKind(kind): Level(level) for kind, level in raw["alarms"].items()})
        found = raw.get("position")
        if found is not None:
            accuracy = found["accuracy_m"]
            point = Point(
                found["at_us"],
                round(found["lat"] * 1e7),
                round(found["lon"] * 1e7),
                None if accuracy is None else round(accuracy * 10),
            )
            state.point = state.kept_point = point
        return state


def point_json(point: Point | None) -> dict[str, Any] | None:
    if point is None:
        return None
    return {
        "lat": point.lat_e7 / 1e7,
        "lon": point.lon_e7 / 1e7,
        "accuracy_m": None if point.accuracy_dm is None else point.accuracy_dm / 10,
        "at": rfc3339(point.at_us),
        "at_us": point.at_us,
    }


def fault_json(fault: Fault) -> dict[str, Any]:
    return {
        "id": fault.id,
        "stream": fault.stream_id,
        "began_at": rfc3339(fault.began_us),
        "reported_by": fault.reported_by,
        "reason": fault.reason,
        "text": fault.text,
        "position": point_json(fault.point),
        "ended_at": None if fault.ended_us is None else rfc3339(fault.ended_us),
        "repaired_by": fault.repaired_by,
        "service": fault.service,
        "work": fault.work,
    }
