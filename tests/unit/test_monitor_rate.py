"""``low_rate``: far fewer pictures than usual, and what is none."""

from __future__ import annotations

import random

import pytest

from hub.clock import US_PER_S
from hub.model import InterruptionKind, InterruptionState
from hub.monitor.rules import DetectorRules, StreamState
from tests.unit.monitor_script import AUDIO, VIDEO, Script, started


def low(script: Script) -> list[tuple[str, str]]:
    return [said for said in script.said if said[0] == "low_rate"]


def test_a_third_of_the_pictures_for_ten_seconds_is_a_low_rate_until_it_is_back() -> None:
    script = started(30)
    fell_us = script.now.utc_us
    script.play(9, fps=8)
    assert script.changes == []
    script.play(5, fps=8)
    found = script.the(InterruptionState.CONFIRMED)
    assert found.kind is InterruptionKind.LOW_RATE
    assert abs(found.started_us - fell_us) <= found.edge_error_us == 2 * US_PER_S
    assert abs(int(found.evidence["rate_millihertz"]) - 8000) < 200
    assert abs(int(found.evidence["usual_millihertz"]) - 25000) < 200
    assert not found.rings
    assert not found.needs_explanation
    assert script.detector.state is StreamState.LIVE
    back_us = script.now.utc_us
    script.play(60)
    closed = script.the(InterruptionState.CLOSED)
    assert abs((closed.ended_us or 0) - back_us) <= 3 * US_PER_S
    assert low(script) == [("low_rate", "confirmed"), ("low_rate", "resumed"), ("low_rate", "closed")]


def test_a_rate_that_flaps_is_one_with_a_count() -> None:
    script = started(30)
    for _ in range(2):
        script.play(14, fps=8)
        script.play(15)
    script.play(40)
    assert script.the(InterruptionState.CLOSED).count == 2


@pytest.mark.parametrize("fps", [1, 2, 5, 10])
def test_a_camera_that_is_slow_is_as_it_is_meant_to_be(fps: int) -> None:
    script = Script(gop=fps)
    script.open()
    script.play(300, fps=fps)
    assert low(script) == []


def test_half_of_the_pictures_is_not_far_fewer() -> None:
    script = started(30)
    script.play(120, fps=13)
    assert script.changes == []


@pytest.mark.parametrize("seed", range(3))
def test_a_variable_rate_varies(seed: int) -> None:
    rng = random.Random(seed)
    script = Script(gop=10)
    script.open()
    for _ in range(1500):
        script.play(1 / 3, fps=rng.choice((3, 6, 9, 15, 24)))
    assert low(script) == []


def test_the_nights_rate_is_learnt_from_the_first_night() -> None:
    """By day 25, by night 8: told once, and closed when it had been kept for ten minutes; never again."""
    script = started(60)
    script.play(700, fps=8)
    assert low(script) == [("low_rate", "confirmed"), ("low_rate", "resumed"), ("low_rate", "closed")]
    assert script.the(InterruptionState.CLOSED).evidence["learnt"] == 1
    script.play(60)
    script.play(60, fps=8)
    script.play(60)
    assert len(script.changes) == 3
    script.play(20, fps=3)  # but what is lower still was never kept
    assert low(script)[3:] == [("low_rate", "confirmed")]


def test_what_falls_in_small_steps_is_found_too() -> None:
    script = started(60)
    for fps in (18, 13, 10, 8):
        script.play(40, fps=fps)
    assert ("low_rate", "confirmed") in low(script)


def test_it_ends_with_the_connection_and_what_is_usual_is_remembered() -> None:
    script = started(30)
    script.play(14, fps=8)
    script.close()
    assert [said[1] for said in low(script)] == ["confirmed", "resumed", "closed"]
    script.wait(3)
    script.open()
    script.play(20, fps=8)
    assert [said[1] for said in low(script)] == ["confirmed", "resumed", "closed", "confirmed"]


def test_lost_packets_are_another_fault() -> None:
    script = started(30)
    for _ in range(60):
        script.play(0.2)
        script.play(0.3, gone=True)
    assert low(script) == []


def test_sound_has_no_rate_to_fall() -> None:
    script = Script(tracks=(VIDEO, AUDIO))
    script.open()
    script.play_both(30)
    script.play_both(30)
    assert script.changes == []


def test_it_rings_and_asks_where_an_organisation_says_so() -> None:
    from dataclasses import replace

    rules = DetectorRules()
    rule = replace(rules.of(InterruptionKind.LOW_RATE), ring_from_us=20 * US_PER_S, explain_from_us=30 * US_PER_S)
    rules = replace(rules, kinds={**rules.kinds, InterruptionKind.LOW_RATE: rule})
    script = started(30, rules=rules)
    script.play(15, fps=8)
    assert not script.changes[-1].rings
    script.play(10, fps=8)
    assert script.changes[-1].rings
    script.play(10, fps=8)
    assert script.changes[-1].needs_explanation


def test_of_steps_that_vary_the_longest_is_usual_too() -> None:
    """Nine pictures close together and a pause, again and again: five a second, evenly, are not far fewer than that."""
    script = Script(gop=10)
    script.open()
    for _ in range(80):
        script.play(9 / 25)
        script.play(0.4, fps=2.5)
    script.play(30, fps=5)
    assert low(script) == []
