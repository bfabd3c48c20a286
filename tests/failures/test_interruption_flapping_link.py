"""A link that goes and comes: one interruption with a count, not fifty."""

from __future__ import annotations

from hub.model import InterruptionKind, InterruptionState
from tests.unit.monitor_script import Script, started


def break_for(script: Script, seconds: float) -> None:
    script.close("connection reset")
    script.wait(seconds)
    script.open()
    script.frame()


def test_breaks_close_behind_each_other_are_one() -> None:
    script = started()
    for _ in range(8):
        break_for(script, 3)
        script.play(10)
    script.play(20)
    confirmed = {change.id for change in script.changes if change.state is InterruptionState.CONFIRMED}
    assert len(confirmed) == 1
    closed = script.the(InterruptionState.CLOSED)
    assert closed.count == 8
    assert closed.id in confirmed


def test_a_break_within_thirty_seconds_of_a_closed_one_opens_it_again() -> None:
    script = started()
    break_for(script, 3)
    script.play(25)
    assert script.states.count("closed") == 1
    break_for(script, 3)
    script.play(20)
    closed = [change for change in script.changes if change.state is InterruptionState.CLOSED]
    assert [change.count for change in closed] == [1, 2]
    assert len({change.id for change in closed}) == 1
    assert closed[1].started_us == closed[0].started_us


def test_the_suspicion_that_joined_says_where_it_went() -> None:
    script = started()
    break_for(script, 3)
    script.play(10)
    break_for(script, 3)
    first = script.the(InterruptionState.WITHDRAWN)
    assert first.evidence["merged_into"] == script.changes[0].id


def test_a_break_later_than_that_is_another_one() -> None:
    script = started()
    break_for(script, 3)
    script.play(35)
    break_for(script, 3)
    script.play(20)
    closed = [change for change in script.changes if change.state is InterruptionState.CLOSED]
    assert [change.count for change in closed] == [1, 1]
    assert len({change.id for change in closed}) == 2


def test_a_suspicion_after_a_break_that_was_only_late_leaves_the_break_alone() -> None:
    script = started()
    break_for(script, 3)
    script.play(3)
    script.backlog(2)
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    assert closed.count == 1
    withdrawn = script.the(InterruptionState.WITHDRAWN)
    assert withdrawn.id != closed.id
    assert "merged_into" not in withdrawn.evidence


def test_a_lossy_link_is_one_interruption_and_does_not_blink() -> None:
    script = started(gop=10)
    for _ in range(40):
        script.frame(gone=True, key=False)
        script.play(0.9)
    assert {change.kind for change in script.changes} == {InterruptionKind.LOSS}
    assert len({change.id for change in script.changes}) == 1
    assert script.states.count("resumed") <= 1
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    assert closed.evidence["packets_lost"] == 40


def test_the_evidence_of_a_link_that_flaps_all_day_stays_small() -> None:
    script = started()
    for _ in range(60):
        break_for(script, 2)
        script.play(2)
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    assert closed.count == 60
    assert len(str(closed.evidence["breaks"])) < 700
