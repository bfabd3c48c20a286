"""Whose clock is wrong: the device's, where the hub's own is known to be right."""

from __future__ import annotations

import pytest

from hub.clock import US_PER_S
from hub.model import HubClock, InterruptionKind, InterruptionState
from tests.unit.monitor_script import Script, started

S = US_PER_S


def apart(clock: HubClock, ahead_s: float, seconds: int = 70) -> Script:
    script = started()
    script.detector.hub_clock(clock)
    for _ in range(seconds // 5):
        script.report(device_ahead_us=round(ahead_s * S))
        script.play(5)
    return script


def test_with_a_synchronised_hub_the_device_is_to_blame() -> None:
    script = apart(HubClock("synchronised", 150, 9_000), 5)
    found = script.the(InterruptionState.CONFIRMED)
    assert found.kind is InterruptionKind.DRIFT
    assert found.evidence == {
        "offset_us": -5 * S,
        "blame": "device",
        "hub_clock": "synchronised",
        "hub_clock_offset_us": 150,
        "hub_clock_error_us": 9_000,
    }


@pytest.mark.parametrize(
    "clock",
    [HubClock(), HubClock("free", 0, 16_000_000), HubClock("synchronised", 0, 4 * S), HubClock("synchronised", 4 * S)],
)
def test_with_a_hub_that_may_be_wrong_itself_the_blame_is_open(clock: HubClock) -> None:
    found = apart(clock, 5).the(InterruptionState.CONFIRMED)
    assert found.evidence["blame"] == "open"
    assert found.evidence["hub_clock"] == clock.source


def test_the_blame_is_said_as_soon_as_it_is_known() -> None:
    script = apart(HubClock("free", 0, 16_000_000), 5)
    script.detector.hub_clock(HubClock("synchronised", 0, 10_000))
    script.report(device_ahead_us=5 * S)
    script.report(device_ahead_us=5 * S)
    assert script.said == [("drift", "confirmed")] * 2
    assert script.changes[-1].evidence["blame"] == "device"
    script.report(device_ahead_us=0)
    assert [change.state for change in script.changes if change.kind is InterruptionKind.DRIFT][2:] == [
        InterruptionState.RESUMED,
        InterruptionState.CLOSED,
    ]


def test_it_began_when_the_clock_was_first_seen_wrong_not_when_it_was_believed() -> None:
    script = started()
    first_us = script.now.utc_us
    for _ in range(14):
        script.report(device_ahead_us=5 * S)
        script.play(5)
    found = script.the(InterruptionState.CONFIRMED)
    assert (found.started_us, found.detected_us) == (first_us, first_us + 60 * S)


def test_a_step_carries_how_the_hubs_clock_was_kept() -> None:
    script = started()
    script.detector.hub_clock(HubClock("synchronised", 1, 2))
    script.report()
    script.play(5)
    script.report(device_ahead_us=-30 * S)
    assert script.changes[0].evidence == {
        "step_us": -30 * S,
        "hub_clock": "synchronised",
        "hub_clock_offset_us": 1,
        "hub_clock_error_us": 2,
    }
