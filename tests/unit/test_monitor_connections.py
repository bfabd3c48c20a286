"""Verdicts over a connection that goes, comes back, says goodbye, or never came."""

from __future__ import annotations

from hub.model import InterruptionKind, InterruptionState, StreamKind
from hub.monitor.rules import StreamState
from tests.unit.monitor_script import Script, started

S = 1_000_000
MS = 1000


def test_a_connection_that_is_gone_is_no_signal() -> None:
    script = started(seconds=4)
    begun = script.now.utc_us + 40 * MS
    script.close("connection reset")
    assert script.said == [("no_signal", "suspected")]
    script.wait(1.2)
    assert script.said[-1] == ("no_signal", "confirmed")
    script.wait(8.8)
    script.open()
    script.frame()
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    assert closed.evidence["reason"] == "connection reset"
    assert closed.started_us == begun
    assert closed.ended_us is not None
    assert abs(closed.ended_us - (begun + 10 * S - 40 * MS)) <= closed.edge_error_us <= 500 * MS


def test_a_stall_becomes_no_signal_when_the_connection_goes() -> None:
    script = started()
    script.wait(9)
    script.close("no media for 9 s")
    assert script.said == [("stall", "suspected"), ("stall", "confirmed"), ("no_signal", "confirmed")]
    assert len({change.id for change in script.changes}) == 1


def test_a_takeover_that_loses_nothing_is_withdrawn() -> None:
    script = started()
    script.close("taken over")
    script.wait(0.04)
    script.open()
    script.frame()
    script.play(20)
    assert script.said == [("no_signal", "suspected"), ("no_signal", "withdrawn")]


def test_sender_reports_make_the_edge_across_connections_exact() -> None:
    """The new camera session bursts what it had cached: by arrival, the first picture seems 1.6 s younger."""
    script = started(device_known=True)
    begun = script.now.utc_us + 40 * MS
    script.close()
    script.wait(6)
    script.device_known = False
    burst = script.clock.mono_us
    captured = burst - 1600 * MS
    script.open()
    script.run_mono_us = captured
    script.frame(captured_mono_us=captured, seems_later_us=1600 * MS)
    for index in range(1, 41):
        script.frame(captured_mono_us=captured + index * 40 * MS)
    script.play(1)
    script.report()
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    assert closed.edge_error_us <= 40 * MS
    assert closed.started_us == begun
    assert closed.ended_us is not None
    assert abs(closed.ended_us - (begun - 40 * MS + 4400 * MS)) <= 40 * MS


def test_without_sender_reports_the_smallest_delay_since_corrects_the_edge() -> None:
    script = started()
    begun = script.now.utc_us
    script.close()
    script.wait(6)
    captured = script.clock.mono_us - 1600 * MS
    script.open()
    script.run_mono_us = captured
    script.frame(captured_mono_us=captured, seems_later_us=1600 * MS)
    for index in range(1, 41):
        script.frame(captured_mono_us=captured + index * 40 * MS)
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    assert closed.ended_us is not None
    assert abs(closed.ended_us - (begun + 4400 * MS)) <= 40 * MS


def test_the_close_waits_for_a_sender_report_but_not_for_ever() -> None:
    script = started()
    script.close()
    script.wait(6)
    script.open()
    script.frame()
    resumed = script.now.mono_us
    script.play(14.8)
    assert "closed" not in script.states
    script.play(0.4)
    assert "closed" in script.states
    assert script.now.mono_us - resumed <= 15.3 * S


def test_a_goodbye_is_a_normal_end_for_a_recorder() -> None:
    script = started(kind=StreamKind.RECORDER)
    script.goodbye()
    script.wait(600)
    assert script.changes == []
    assert script.detector.state is StreamState.IDLE


def test_a_goodbye_is_an_interruption_at_a_window() -> None:
    script = started(kind=StreamKind.WINDOW)
    script.goodbye()
    script.wait(30)
    assert script.said[0] == ("stopped", "suspected")
    assert script.said[1] == ("stopped", "confirmed")
    script.open()
    script.frame()
    script.play(20)
    assert script.the(InterruptionState.CLOSED).kind is InterruptionKind.STOPPED


def test_a_recorder_that_vanishes_without_a_goodbye_is_interrupted() -> None:
    script = started(kind=StreamKind.RECORDER)
    script.close("peer is silent")
    script.wait(60)
    assert ("no_signal", "confirmed") in script.said
    assert script.detector.state is StreamState.INTERRUPTED


def test_a_recorder_that_ends_while_it_is_interrupted_closes_what_was_open() -> None:
    script = started(kind=StreamKind.RECORDER)
    script.wait(20)
    script.goodbye()
    closed = script.the(InterruptionState.CLOSED)
    assert closed.ended_us == script.now.utc_us
    assert closed.evidence["reason"] == "BYE"


def test_a_window_that_never_delivers_has_not_started() -> None:
    script = Script()
    begun = script.now.utc_us
    assert script.detector.state is StreamState.WAITING
    script.wait(5)
    assert script.changes == []
    script.wait(0.3)
    assert script.said == [("not_started", "confirmed")]
    script.wait(60)
    script.open()
    script.frame()
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    assert abs(closed.started_us - begun) <= 200 * MS
    assert closed.tracks == (1,)


def test_a_window_that_connects_again_and_again_in_vain_has_not_started() -> None:
    script = Script()
    for _ in range(4):
        script.open()
        script.wait(2)
        script.close()
        script.wait(1)
    assert script.said == [("not_started", "confirmed")]


def test_a_recorder_that_has_not_called_yet_is_idle() -> None:
    script = Script(kind=StreamKind.RECORDER)
    script.wait(3600)
    assert script.changes == []
    assert script.detector.state is StreamState.IDLE
