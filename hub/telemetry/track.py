"""Positions, and which of them are worth keeping. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hub.clock import US_PER_S
from hub.telemetry.message import PositionIn

EARTH_M = 6_371_009.0
"""Mean radius: on the ellipsoid a distance differs by 0.6 % at most."""
STEP_US = 5 * US_PER_S
STEP_M = 10.0
STILL_US = 60 * US_PER_S
"""Who stands still leaves a point a minute: a track with a hole would not tell it from a device that was off."""
AHEAD_US = 60 * US_PER_S
BEHIND_US = 86_400 * US_PER_S
"""How far from the hub's clock a device's time may lie: it may send again what it could not send for a day."""


@dataclass(frozen=True, slots=True)
class Point:
    """WGS-84 in 1e-7 degrees (1.1 cm), accuracy in decimetres (None: not said), hub UTC in µs."""

    at_us: int
    lat_e7: int
    lon_e7: int
    accuracy_dm: int | None = None


def point_of(position: PositionIn, said_us: int | None, now_us: int) -> Point:
    """The position at the time that the device claims for it, where that can be."""
    claimed = position.at if position.at is not None else said_us
    at_us = claimed if claimed is not None and now_us - BEHIND_US <= claimed <= now_us + AHEAD_US else now_us
    accuracy = None if position.accuracy_m is None else round(position.accuracy_m * 10)
    return Point(at_us, round(position.lat * 1e7), round(position.lon * 1e7), accuracy)


def distance_m(one: Point, other: Point) -> float:
    """Along the great circle (haversine: true for small distances too)."""
    lat, other_lat = math.radians(one.lat_e7 / 1e7), math.radians(other.lat_e7 / 1e7)
    lon = math.radians((other.lon_e7 - one.lon_e7) / 1e7)
    half = math.sin((other_lat - lat) / 2) ** 2 + math.cos(lat) * math.cos(other_lat) * math.sin(lon / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(min(1.0, half)))


def is_kept(point: Point, last: Point | None) -> bool:
    """At most one each 5 s, and one that moved 10 m or comes a minute later. What is older than the last is not."""
    if last is None:
        return True
    passed_us = point.at_us - last.at_us
    return passed_us >= STILL_US or (passed_us >= STEP_US and distance_m(last, point) >= STEP_M)
