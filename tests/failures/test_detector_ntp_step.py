"""NTP sets the hub's clock by an hour in the middle of everything: durations do not notice."""

from __future__ import annotations

import pytest

from hub.model import InterruptionState
from tests.unit.monitor_script import started

S = 1_000_000


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0])
@pytest.mark.parametrize("at_s", [0.5, 2.0, 6.0])
def test_the_states_come_when_they_would_have_come(step_s: float, at_s: float) -> None:
    script = started()
    script.wait(at_s)
    script.clock.step_utc(step_s)
    script.wait(7 - at_s)
    assert script.states == ["suspected", "confirmed"]
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    assert closed.ended_us is not None
    assert closed.ended_us - closed.started_us == 7 * S


def test_a_step_after_the_resume_does_not_move_the_edge() -> None:
    script = started()
    script.close()
    script.wait(6)
    script.open()
    script.frame()
    script.play(3)
    resumed = next(change for change in script.changes if change.state is InterruptionState.RESUMED)
    script.clock.step_utc(2.0)
    script.play(20)
    assert script.the(InterruptionState.CLOSED).ended_us == resumed.ended_us
