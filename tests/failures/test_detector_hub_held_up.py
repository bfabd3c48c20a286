"""The hub's own event loop is held up for seconds: ticks and packets come late together. No alarm."""

from __future__ import annotations

from tests.unit.monitor_script import started


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
