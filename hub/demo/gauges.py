"""What a simulated recorder says of itself: a battery that runs down, a walk round the block. Pure."""

from __future__ import annotations

import math
from typing import Any

from hub.clock import US_PER_S, Instant, rfc3339

EVERY_S = 2.0
_LAT, _LON = 30.6570, 104.0660
"""A square in Chengdu; each device walks beside it."""
_RADIUS_M = 120.0
_WALK_M_PER_S = 1.4
_BATTERY_S = 30.0
"""So long lasts a percent: a page that is watched for an hour shows a warning, and the battery changed."""
_FULL, _EMPTY = 100, 8
_CARD_MB = 32_000
_MB_PER_S = 0.11


class Gauges:
    """Of one device, from the moment that it was switched on. ``number`` tells devices apart."""

    def __init__(self, number: int, began: Instant) -> None:
        self._number = number
        self._began_us = began.mono_us

    def message(self, now: Instant) -> dict[str, Any]:
        """A message of telemetry (docs/design/telemetry.md)."""
        seconds = (now.mono_us - self._began_us) / US_PER_S + 97 * self._number
        lat, lon = self._place(seconds)
        return {
            "at": rfc3339(now.utc_us),
            "battery_percent": _FULL - int(seconds / _BATTERY_S) % (_FULL - _EMPTY),
            "storage_left_mb": round(_CARD_MB - seconds * _MB_PER_S % (_CARD_MB * 0.95)),
            "storage_total_mb": _CARD_MB,
            "signal_percent": round(65 + 25 * math.sin(seconds / 41)),
            "temperature_c": round(31 + 3 * math.sin(seconds / 600), 1),
            "recording_locally": True,
            "position": {"lat": lat, "lon": lon, "accuracy_m": 4.0 + self._number % 3},
        }

    def _place(self, seconds: float) -> tuple[float, float]:
        angle = seconds * _WALK_M_PER_S / _RADIUS_M
        north, east = _RADIUS_M * math.sin(angle), _RADIUS_M * math.cos(angle) + 300 * self._number
        metres_a_degree = 111_195
        lat = _LAT + north / metres_a_degree
        return round(lat, 7), round(_LON + east / (metres_a_degree * math.cos(math.radians(_LAT))), 7)
