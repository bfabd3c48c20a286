"""The hub's own event loop is held up for seconds: ticks and packets come late together. No alarm, and where that is
around the end of a break, what is stated of its edges is true all the same."""

from __future__ import annotations

import pytest

from hub.clock import US_PER_S as S
from hub.model import Interruption, InterruptionState
from tests.unit.monitor_script import AUDIO, MS, VIDEO, Script, started


def test_a_loop_that_stands_still_for_seven_seconds() -> None:
    script = started()
    begun = script.clock.mono_us
    script.clock.advance(7)
    script.ticked_us = script.clock.mono_us
    # The timer is served first, the sockets after it.
    script.take(script.detector.tick(script.now))
    for index in range(175):
        script.frame(captured_mono_us=begun + (index + 1) * 40_000)
    script.play(20)
    assert script.states == ["suspected", "withdrawn"]


def cut(script: Script, seconds: float = 6.0) -> None:
    script.close()
    script.wait(seconds)
    script.open()


def burst(script: Script, captured_us: int, until_us: int) -> None:
    """Pictures that waited in the socket since then."""
    script.run_mono_us = captured_us
    script.frame(captured_mono_us=captured_us, seems_later_us=until_us - captured_us)
    for at_us in range(captured_us + 40 * MS, until_us, 40 * MS):
        script.frame(captured_mono_us=at_us)


def ended_late_by_us(closed: Interruption, script: Script, captured_mono_us: int) -> int:
    assert closed.ended_us is not None
    return closed.ended_us - captured_mono_us - (script.now.utc_us - script.now.mono_us)


def test_the_first_report_after_a_break_is_taken_late_and_there_was_none_before() -> None:
    script = started()
    cut(script)
    captured_us = script.clock.mono_us
    script.frame()
    script.play(5)
    script.report(delay_us=900 * MS)
    script.device_known = True
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    assert closed.edge_error_us == 500 * MS
    assert abs(ended_late_by_us(closed, script, captured_us)) <= 40 * MS


@pytest.mark.parametrize("reported", [False, True])
def test_pictures_of_seven_seconds_are_taken_at_once(reported: bool) -> None:
    """More than is believed without a second witness: then it is in the error that is stated."""
    script = started(device_known=reported)
    cut(script, 2)
    captured_us = script.clock.mono_us
    script.clock.advance(7)
    script.ticked_us = script.clock.mono_us
    script.device_known = False
    burst(script, captured_us, script.clock.mono_us)
    script.play(1)
    if reported:
        script.report()
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    off_us = abs(ended_late_by_us(closed, script, captured_us))
    assert off_us <= closed.edge_error_us + 40 * MS
    assert closed.edge_error_us <= 40 * MS if reported else off_us >= 5 * S


LATER_US = 880 * MS


def taken_at_once(script: Script, seconds: float) -> int:
    """The hub is held up for a second. Sound that began then, and pictures that began later, lie at one place of the
    axis, and go on for so long; by the sound's delay the pictures seem older than they are. When the sound began."""
    begun_us = script.clock.mono_us
    script.clock.advance(1)
    script.ticked_us = script.clock.mono_us

    def both(at_us: int) -> None:
        script.run_mono_us = begun_us
        script.frame(AUDIO, captured_mono_us=at_us)
        if at_us >= begun_us + LATER_US:
            script.run_mono_us = begun_us + LATER_US
            script.frame(VIDEO, captured_mono_us=at_us, seems_later_us=-LATER_US)

    for at_us in range(begun_us, script.clock.mono_us, 40 * MS):
        both(at_us)
    for _ in range(round(seconds * 25)):
        script.wait(0.04)
        both(script.clock.mono_us)
    return begun_us


def test_sound_and_pictures_that_came_back_one_after_the_other_are_taken_at_once() -> None:
    script = Script(tracks=(VIDEO, AUDIO))
    script.open()
    script.play_both(5)
    cut(script)
    begun_us = taken_at_once(script, 20)
    closed = script.the(InterruptionState.CLOSED)
    assert abs(ended_late_by_us(closed, script, begun_us + LATER_US)) <= 40 * MS


@pytest.mark.parametrize("reported", [False, True])
def test_tracks_are_aligned_by_delays_before_the_first_report_comes(reported: bool) -> None:
    script = Script(tracks=(VIDEO, AUDIO), device_known=reported)
    script.open()
    script.play_both(5)
    cut(script)
    script.device_known = False
    begun_us = taken_at_once(script, 6)
    script.wait(0.04)
    script.run_mono_us = begun_us
    script.frame(VIDEO, key=True, realigned=True)
    script.play_both(3)
    script.report(VIDEO)
    script.report(AUDIO)
    script.device_known = True
    script.play_both(20)
    closed = script.the(InterruptionState.CLOSED)
    assert abs(ended_late_by_us(closed, script, begun_us + LATER_US)) <= min(closed.edge_error_us + 40 * MS, 100 * MS)


def test_a_connection_breaks_that_began_so_a_moment_before() -> None:
    script = Script(tracks=(VIDEO, AUDIO))
    script.open()
    taken_at_once(script, 2)
    until_us = script.now.utc_us + 40 * MS
    cut(script)
    script.play_both(20)
    assert abs(script.the(InterruptionState.CLOSED).started_us - until_us) <= 40 * MS


def test_a_report_that_is_taken_four_seconds_late_sets_no_clock() -> None:
    script = started()
    script.report()
    cut(script)
    script.frame()
    script.play(1)
    script.report(delay_us=4 * S)
    for _ in range(4):
        script.play(5)
        script.report()
    assert "step" not in {kind for kind, _ in script.said}


def test_a_clock_that_was_set_back_during_a_break_is_told_all_the_same() -> None:
    script = started()
    script.report()
    cut(script)
    script.frame()
    for _ in range(3):
        script.play(5)
        script.report(device_ahead_us=-30 * S)
    assert script.said.count(("step", "confirmed")) == 1


def test_tracks_that_are_aligned_anew_after_a_late_beginning_set_no_clock() -> None:
    script = started()
    script.report()
    script.play(5)
    script.run_mono_us -= 1500 * MS
    script.wait(0.04)
    script.frame(key=True, realigned=True)
    script.play(5)
    script.report()
    assert script.said == []
