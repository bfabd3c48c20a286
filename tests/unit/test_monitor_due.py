"""What a duty calendar or an open activity changes: when silence is a fault, and when a goodbye is."""

from __future__ import annotations

import pytest

from hub.clock import US_PER_S
from hub.model import Expected, Interruption, InterruptionKind, InterruptionState, StreamKind
from hub.monitor.rules import StreamState
from tests.unit.monitor_script import Script, started

S = US_PER_S


def told(script: Script, *, due: bool, ago_s: float = 0.0) -> int:
    """The calendar says so, since a while; returns that moment."""
    from_us = script.now.utc_us - round(ago_s * S)
    script.take(script.detector.due(Expected(due, from_us), script.now))
    return from_us


def off_duty(**options: object) -> Script:
    script = Script(**options)  # type: ignore[arg-type]
    told(script, due=False, ago_s=3600)
    return script


def test_a_window_off_duty_is_grey_and_raises_nothing() -> None:
    script = off_duty()
    script.wait(60)
    assert script.detector.state is StreamState.OFF_DUTY
    script.open()
    script.play(5)
    script.wait(20)  # a stall
    script.play(1)
    script.play(1, gone=True)  # a loss
    script.play(2)
    script.close()
    script.wait(20)
    script.open()
    script.play(3)
    script.goodbye()
    script.wait(20)
    assert script.changes == []
    assert script.detector.state is StreamState.OFF_DUTY


def test_a_window_that_delivers_nothing_at_opening_has_not_started() -> None:
    script = off_duty()
    script.wait(30)
    opening_us = told(script, due=True, ago_s=0.6)
    script.wait(29)
    assert script.changes == []
    script.wait(1)
    found = script.the(InterruptionState.CONFIRMED)
    assert (found.kind, found.started_us) == (InterruptionKind.NOT_STARTED, opening_us)


def test_connections_in_vain_do_not_put_it_off() -> None:
    script = off_duty()
    opening_us = told(script, due=True)
    for _ in range(20):
        script.open()
        script.wait(2)
        script.close()
    assert script.the(InterruptionState.CONFIRMED).started_us == opening_us


def test_a_window_that_was_silent_before_opening_did_not_break_off() -> None:
    """The connection stands since the night and delivers nothing: not started, and not a stall of the night."""
    script = off_duty()
    script.open()
    script.play(5)
    script.wait(600)
    opening_us = told(script, due=True)
    script.wait(31)
    found = script.the(InterruptionState.CONFIRMED)
    assert (found.kind, found.started_us) == (InterruptionKind.NOT_STARTED, opening_us)
    script.play(8)
    assert script.the(InterruptionState.RESUMED)
    assert len({change.id for change in script.changes}) == 1


def test_a_window_that_runs_through_the_opening_says_nothing_and_is_watched() -> None:
    script = off_duty()
    script.open()
    script.play(10)
    told(script, due=True)
    script.play(40)
    assert script.changes == []
    assert script.detector.state is StreamState.LIVE
    script.wait(6)
    assert script.said == [("stall", "suspected"), ("stall", "confirmed")]


def test_what_lasts_ends_with_duty() -> None:
    script = started()
    told(script, due=True)
    script.wait(20)
    closing_us = told(script, due=False, ago_s=0.8)
    closed = script.the(InterruptionState.CLOSED)
    assert (closed.kind, closed.ended_us) == (InterruptionKind.STALL, closing_us)
    told_of = len(script.changes)
    script.wait(600)
    assert len(script.changes) == told_of
    assert script.detector.current is None


def test_a_suspicion_is_withdrawn_when_duty_ends() -> None:
    script = started()
    told(script, due=True)
    script.wait(1.5)
    told(script, due=False)
    assert script.states == ["suspected", "withdrawn"]


def test_a_changed_calendar_does_not_rewrite_what_was() -> None:
    script = off_duty()
    script.wait(30)
    told(script, due=True, ago_s=1800)  # somebody entered longer hours, half an hour too late
    now_us = script.now.utc_us
    script.wait(31)
    assert script.the(InterruptionState.CONFIRMED).started_us == now_us


def test_a_recorder_in_an_activity_may_not_say_goodbye() -> None:
    script = started(kind=StreamKind.RECORDER)
    told(script, due=True)
    script.goodbye()
    script.wait(1.5)
    assert script.the(InterruptionState.CONFIRMED).kind is InterruptionKind.STOPPED
    ended_us = told(script, due=False)
    assert script.the(InterruptionState.CLOSED).ended_us == ended_us
    assert script.detector.state is StreamState.IDLE


def no_more(script: Script) -> None:
    """The activity ended, and no calendar knows of the recorder: what the hub's activities answer then."""
    script.take(script.detector.due(None, script.now))


def test_an_activity_that_ends_ends_what_lasts_of_its_recorder() -> None:
    """Else its footage would wait for a close that only the next connection brings, on another day or never."""
    for leave in (Script.goodbye, Script.close):
        script = started(kind=StreamKind.RECORDER)
        told(script, due=True)
        leave(script)
        script.wait(8)
        assert script.detector.state is StreamState.INTERRUPTED
        ended_us = script.now.utc_us
        no_more(script)
        assert script.the(InterruptionState.CLOSED).ended_us == ended_us
        assert script.detector.state is StreamState.IDLE


def test_a_break_that_was_joined_by_the_goodbye_ends_with_its_activity() -> None:
    """Ten seconds after the resume the officer ends it, and the goodbye came in before the word of the end."""
    script = started(kind=StreamKind.RECORDER)
    told(script, due=True)
    script.close()
    script.wait(12)
    script.open()
    script.play(10)
    script.goodbye()
    script.wait(1)
    no_more(script)
    last = [change for change in script.changes if change.state is InterruptionState.CLOSED][-1]
    assert (last.count, last.kind) == (2, InterruptionKind.STOPPED)
    assert script.detector.current is None


def test_an_activity_that_ends_before_its_recorder_came_tells_nothing_later() -> None:
    script = Script(kind=StreamKind.RECORDER)
    no_more(script)
    told(script, due=True)
    script.wait(10)
    no_more(script)
    script.wait(60)
    assert script.changes == []


def test_what_a_window_lacks_lasts_beyond_an_activity() -> None:
    script = started()
    told(script, due=True)
    script.close()
    script.wait(8)
    no_more(script)
    script.wait(8)
    assert script.detector.state is StreamState.INTERRUPTED


@pytest.mark.parametrize("due", [None, False])
def test_a_recorder_outside_of_one_may_and_its_breaks_are_found_all_the_same(due: bool | None) -> None:
    script = Script(kind=StreamKind.RECORDER)
    if due is not None:
        told(script, due=due)
    script.open()
    script.play(4)
    script.wait(7)
    assert script.said == [("stall", "suspected"), ("stall", "confirmed")]
    script.play(10)
    script.goodbye()
    script.wait(60)
    assert all(change.kind is InterruptionKind.STALL for change in script.changes)
    assert script.detector.state is StreamState.IDLE


def test_a_recorder_that_does_not_come_to_its_activity_has_not_started() -> None:
    script = Script(kind=StreamKind.RECORDER)
    told(script, due=False)
    script.wait(60)
    begun_us = told(script, due=True)
    script.wait(31)
    found = script.the(InterruptionState.CONFIRMED)
    assert (found.kind, found.started_us) == (InterruptionKind.NOT_STARTED, begun_us)


def test_the_hubs_own_absence_ends_with_duty() -> None:
    script = Script()
    until_us = script.now.utc_us - 4 * 3600 * S
    script = Script(recorded_until_us=until_us)
    closing_us = told(script, due=False, ago_s=3 * 3600)
    closed = script.the(InterruptionState.CLOSED)
    assert (closed.kind, closed.started_us, closed.ended_us) == (InterruptionKind.HUB, until_us, closing_us)


def test_the_hub_may_be_away_while_nothing_is_due() -> None:
    now_us = Script().now.utc_us
    script = Script(recorded_until_us=now_us - 3600 * S)
    told(script, due=False, ago_s=2 * 3600)
    script.wait(30)
    assert script.changes == []


def test_what_was_open_when_the_hub_ended_ends_with_duty() -> None:
    now_us = Script().now.utc_us
    kind, state = InterruptionKind.NO_SIGNAL, InterruptionState.CONFIRMED
    last = Interruption("window-01-1", "window-01", kind, state, now_us - 7200 * S, now_us - 7199 * S)
    script = Script(restored=last)
    closing_us = told(script, due=False, ago_s=3600)
    assert script.the(InterruptionState.CLOSED).ended_us == closing_us


def test_a_disk_that_refuses_is_told_off_duty_too() -> None:
    script = off_duty()
    script.open()
    script.play(2)
    script.take(script.detector.storage(False, script.now))
    assert script.said == [("storage", "confirmed")]


def test_not_started_begins_at_the_second_of_the_opening() -> None:
    """Two clocks never agree to the microsecond; the calendar's second is the edge, and no grey time is claimed."""
    script = off_duty()
    script.wait(30)
    opening_us = told(script, due=True, ago_s=0.6)
    script.wait(20)
    script.clock.step_utc(-0.0004)
    script.wait(11)
    assert script.the(InterruptionState.CONFIRMED).started_us == opening_us
    script = off_duty()
    opening_us = told(script, due=True)
    script.clock.step_utc(3600)  # the hub's clock was set: how long it was waited for counts
    script.wait(31)
    assert script.the(InterruptionState.CONFIRMED).started_us == opening_us + 3600 * S
