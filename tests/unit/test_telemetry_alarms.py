"""Thresholds: once for each crossing, with hysteresis; and which positions are kept."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import US_PER_S
from hub.errors import InvalidRequest
from hub.telemetry.alarms import NOTHING, AlarmKind, Level, judge, silent
from hub.telemetry.rules import DEFAULTS, read_rules
from hub.telemetry.track import STEP_M, STEP_US, STILL_US, Point, distance_m, is_kept

Told = list[tuple[str, str | None]]


def run(name: str, values: list[float], step_s: int = 1, **beside: float) -> Told:
    raised, told = NOTHING, []
    for number, value in enumerate(values):
        raised, alarms = judge(raised, {name: value, **beside}, DEFAULTS, number * step_s * US_PER_S)
        told += [(alarm.kind.value, alarm.level and alarm.level.value) for alarm in alarms]
    return told


def test_a_falling_battery_rings_twice_and_no_more() -> None:
    values = [float(value) for value in range(100, -1, -1)]
    assert run("battery_percent", values) == [("battery_low", "warning"), ("battery_low", "critical")]


def test_a_value_that_wavers_about_its_threshold_rings_once() -> None:
    assert run("battery_percent", [21, 20, 21, 20, 24, 19, 25, 20]) == [("battery_low", "warning")]
    assert run("battery_percent", [6, 5, 6, 5, 9, 10, 4]) == [
        ("battery_low", "warning"), ("battery_low", "critical"),
    ]  # fmt: skip


def test_it_is_over_only_well_above_and_then_rings_again() -> None:
    assert run("battery_percent", [20, 25, 26, 20]) == [
        ("battery_low", "warning"), ("battery_low", None), ("battery_low", "warning"),
    ]  # fmt: skip
    assert run("battery_percent", [3, 11, 4]) == [("battery_low", "critical"), ("battery_low", "critical")]
    assert run("battery_percent", [3, 90]) == [("battery_low", "critical"), ("battery_low", None)]


def test_storage_by_percent_where_the_whole_is_known_else_by_megabytes() -> None:
    assert run("storage_left_mb", [7000, 6400, 1920], storage_total_mb=64_000) == [
        ("storage_low", "warning"), ("storage_low", "critical"),
    ]  # fmt: skip
    assert run("storage_left_mb", [7000, 2048, 512]) == [("storage_low", "warning"), ("storage_low", "critical")]
    assert run("storage_left_mb", [2048, 2149, 2151], storage_total_mb=0) == [
        ("storage_low", "warning"), ("storage_low", None),
    ]  # fmt: skip


def test_a_weak_signal_rings_after_half_a_minute_of_it() -> None:
    weak = ("signal_weak", "warning")
    assert run("signal_percent", [10] * 30) == []
    assert run("signal_percent", [10] * 31) == [weak]
    assert run("signal_percent", [10] * 20 + [50] + [10] * 20) == []
    assert run("signal_percent", [10] * 40 + [25, 20, 24] * 20) == [weak]
    assert run("signal_percent", [10] * 31 + [26]) == [weak, ("signal_weak", None)]


def test_silence_while_live() -> None:
    raised, alarms = silent(NOTHING, 59, 60)
    assert alarms == []
    raised, alarms = silent(raised, 60, 60)
    assert [(alarm.kind, alarm.level) for alarm in alarms] == [(AlarmKind.SILENT, Level.WARNING)]
    assert silent(raised, 500, 60)[1] == []
    _, alarms = silent(raised, None, 60)
    assert [alarm.level for alarm in alarms] == [None]
    assert silent(NOTHING, 10_000, 0)[1] == [], "0: never"


@given(st.lists(st.floats(0, 100), max_size=60))
def test_alarms_of_a_gauge_alternate_and_levels_follow_the_value(values: list[float]) -> None:
    raised, open_level = NOTHING, None
    for number, value in enumerate(values):
        raised, alarms = judge(raised, {"battery_percent": value}, DEFAULTS, number)
        for alarm in alarms:
            assert alarm.level is not open_level or alarm.level is Level.CRITICAL
            open_level = alarm.level
        level = raised.levels.get(AlarmKind.BATTERY_LOW)
        assert (level is None) == (open_level is None)
        assert value > 5 or level is Level.CRITICAL
        assert value > 20 or level is not None
        assert value <= 25 or level is None


def test_rules_of_a_unit() -> None:
    assert read_rules(None) is DEFAULTS
    assert read_rules({"battery_warning_percent": 30}).battery_warning_percent == 30
    for wrong in ({"battery": 3}, {"battery_warning_percent": 101}, {"battery_critical_percent": 50}, [], "x"):
        with pytest.raises(InvalidRequest) as caught:
            read_rules(wrong)
        assert caught.value.code == "bad_rules"


# ----------------------------------------------------------------------------------------- positions


def north(metres: float, at_us: int) -> Point:
    return Point(at_us, round(30e7 + metres / 111_195 * 1e7), 104 * 10**7)


def test_distances_are_those_of_the_globe() -> None:
    assert distance_m(north(0, 0), north(1000, 0)) == pytest.approx(1000, rel=1e-3)
    beijing, shanghai = Point(0, 399_042_000, 1_164_074_000), Point(0, 312_304_000, 1_214_737_000)
    assert distance_m(beijing, shanghai) == pytest.approx(1_067_000, rel=5e-3)
    assert distance_m(Point(0, 0, 1_800_000_000 - 1), Point(0, 0, -1_800_000_000)) < 1


def test_a_walk_is_thinned_by_time_and_by_way() -> None:
    def kept(points: list[Point]) -> list[Point]:
        found: list[Point] = []
        for point in points:
            if is_kept(point, found[-1] if found else None):
                found.append(point)
        return found

    fast = kept([north(30 * second, second * US_PER_S) for second in range(61)])
    assert [one.at_us // US_PER_S for one in fast] == list(range(0, 61, 5))
    slow = kept([north(second * 1.0, second * US_PER_S) for second in range(61)])
    assert all(distance_m(a, b) >= STEP_M for a, b in itertools.pairwise(slow))
    assert 6 <= len(slow) <= 7
    still = kept([north(0, second * US_PER_S) for second in range(301)])
    assert [one.at_us for one in still] == [number * STILL_US for number in range(6)]
    assert kept([north(0, 10 * STEP_US), north(500, 0)]) == [north(0, 10 * STEP_US)], "what is older is not"
