"""The hub was down: that is an interruption too, and what was open before is taken up again."""

from __future__ import annotations

import pytest

from hub.clock import ManualClock
from hub.model import Interruption, InterruptionKind, InterruptionState, StreamKind
from tests.unit.monitor_script import Script, started

S = 1_000_000


def after(script: Script, seconds: float, *, restored: Interruption | None, until_us: int | None) -> Script:
    """The same stream after a restart: monotonic time began anew."""
    clock = ManualClock(utc_us=script.clock.utc_us + round(seconds * S), mono_us=5 * S)
    return Script(kind=script.kind, clock=clock, restored=restored, recorded_until_us=until_us)


@pytest.mark.parametrize("kind", [StreamKind.WINDOW, StreamKind.RECORDER])
def test_downtime_is_an_interruption_of_kind_hub(kind: StreamKind) -> None:
    old = started(kind=kind)
    until_us = old.now.utc_us
    new = after(old, 90, restored=None, until_us=until_us)
    new.wait(0.1)
    assert new.said == [("hub", "confirmed")]
    assert new.changes[0].started_us == until_us
    assert new.changes[0].needs_explanation
    new.wait(2)
    new.open()
    new.frame()
    ended_us = new.now.utc_us
    new.play(20)
    closed = new.the(InterruptionState.CLOSED)
    assert closed.kind is InterruptionKind.HUB
    assert closed.tracks == (1,)
    assert (closed.started_us, closed.ended_us) == (until_us, ended_us)
    assert closed.edge_error_us <= 500_000


def test_a_break_that_was_open_goes_on() -> None:
    old = started()
    old.close("connection reset")
    old.wait(20)
    old.take(old.detector.stopped(old.now))
    last = old.detector.current
    assert last is not None
    new = after(old, 60, restored=last, until_us=last.started_us)
    new.wait(10)
    assert new.changes == []
    assert new.detector.current is not None
    new.open()
    new.frame()
    new.play(20)
    closed = new.the(InterruptionState.CLOSED)
    assert closed.id == last.id
    assert closed.kind is InterruptionKind.NO_SIGNAL
    assert closed.started_us == last.started_us
    assert closed.needs_explanation


def test_a_break_that_waited_for_its_edge_is_closed_and_the_downtime_told_apart() -> None:
    old = started()
    old.close("connection reset")
    old.wait(20)
    old.open()
    old.frame()
    old.play(2)
    last = old.detector.current
    assert last is not None
    assert last.state is InterruptionState.RESUMED
    new = after(old, 60, restored=last, until_us=old.now.utc_us)
    new.wait(0.2)
    assert (new.changes[-1].id, new.changes[-1].state) == (last.id, InterruptionState.CLOSED)
    assert new.changes[-1].ended_us == last.ended_us
    assert ("hub", "confirmed") in new.said


def test_an_orderly_stop_closes_what_it_can_and_withdraws_what_it_cannot_follow() -> None:
    suspected = started()
    suspected.wait(2)
    suspected.take(suspected.detector.stopped(suspected.now))
    assert suspected.states == ["suspected", "withdrawn"]
    resumed = started()
    resumed.close()
    resumed.wait(9)
    resumed.open()
    resumed.frame()
    resumed.play(2)
    resumed.take(resumed.detector.stopped(resumed.now))
    assert resumed.states[-1] == "closed"


def test_a_count_survives_the_restart() -> None:
    old = started()
    for _ in range(3):
        old.close()
        old.wait(3)
        old.open()
        old.frame()
        old.play(10)
    old.close()
    old.wait(10)
    last = old.detector.current
    assert last is not None
    assert last.count == 4
    new = after(old, 60, restored=last, until_us=last.started_us)
    new.wait(1)
    new.open()
    new.frame()
    new.play(20)
    closed = new.the(InterruptionState.CLOSED)
    assert closed.count == 4
    assert closed.started_us == last.started_us
    assert str(closed.evidence["breaks"]).count(" ") == 3
