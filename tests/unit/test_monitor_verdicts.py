"""The table of verdicts in docs/design/interruptions.md, row by row, and what each verdict is made of."""

from __future__ import annotations

import pytest

from hub.model import InterruptionKind, InterruptionState
from hub.monitor.rules import DetectorRules, StreamState
from tests.unit.monitor_script import OPUS, Script, edges, started

S = 1_000_000
MS = 1000


# ------------------------------------------------------------------------------- the table


def test_pause_without_a_gap_is_late_and_withdrawn() -> None:
    script = started()
    script.backlog(2.0)
    script.play(20)
    assert script.said == [("stall", "suspected"), ("stall", "withdrawn")]
    assert not any(change.rings for change in script.changes)
    assert script.detector.state is StreamState.LIVE


def test_a_pause_with_a_gap_about_as_long_is_a_stall() -> None:
    script = started()
    begun = script.now.utc_us + 40 * MS
    script.wait(3)
    script.play(20)
    assert script.said == [("stall", state) for state in ("suspected", "confirmed", "resumed", "closed")]
    assert edges(script) == (begun, begun + 3 * S)
    assert script.changes[-1].edge_error_us <= 40 * MS


def test_a_pause_with_packets_missing_is_a_stall_with_loss() -> None:
    script = started(gop=1)
    begun = script.now.utc_us + 40 * MS
    script.play(3, gone=True)
    script.play(20)
    assert [state for _, state in script.said] == ["suspected", "confirmed", "resumed", "closed"]
    closed = script.the(InterruptionState.CLOSED)
    assert closed.kind is InterruptionKind.STALL
    assert closed.evidence["packets_lost"] == 75
    assert edges(script) == (begun, begun + 3 * S)


def test_packets_missing_without_a_pause_are_a_loss_until_the_next_keyframe() -> None:
    script = started(seconds=4.2)  # 5 pictures into a group of 25
    begun = script.now.utc_us + 40 * MS
    script.frame(gone=True)
    script.play(20)
    assert script.said == [("loss", state) for state in ("confirmed", "resumed", "closed")]
    closed = script.the(InterruptionState.CLOSED)
    assert closed.started_us == begun
    assert closed.ended_us is not None
    # Everything up to the keyframe that was due 19 pictures later is spoilt.
    assert closed.ended_us - begun == pytest.approx(18 * 40 * MS, abs=40 * MS)
    assert closed.evidence["packets_lost"] == 1
    assert not closed.rings
    assert not closed.needs_explanation


def test_a_leap_of_the_media_clock_is_a_jump_and_nothing_is_missing() -> None:
    script = started()
    script.leap(3600 * S)
    script.play(20)
    assert script.said == [("jump", state) for state in ("confirmed", "resumed", "closed")]
    closed = script.changes[-1]
    assert closed.ended_us == closed.started_us
    assert closed.evidence == {"leap_us": 3600 * S}
    assert not closed.rings
    assert not closed.needs_explanation
    assert script.detector.current is None


@pytest.mark.parametrize("pause_s", [0.4, 0.8, 2.0, 4.0])
def test_opus_that_pauses_with_unbroken_sequence_numbers_is_silent_not_missing(pause_s: float) -> None:
    script = Script(tracks=(OPUS,))
    script.open()
    script.frame(OPUS)
    script.play(4, fps=50, track=OPUS)
    for _ in range(3):
        script.wait(pause_s)
        script.play(2, fps=50, track=OPUS)
    assert "confirmed" not in script.states


def test_opus_that_is_gone_for_longer_than_any_silence_is_a_stall() -> None:
    script = Script(tracks=(OPUS,))
    script.open()
    script.frame(OPUS)
    script.play(4, fps=50, track=OPUS)
    script.wait(8)
    script.play(20, fps=50, track=OPUS)
    assert script.said == [("stall", state) for state in ("suspected", "confirmed", "resumed", "closed")]


# --------------------------------------------------------------------------- speed


def test_suspected_within_a_second_of_the_first_missing_frame() -> None:
    script = started()
    due_us = script.now.utc_us + 40 * MS
    script.wait(3)
    assert 0 < script.changes[0].detected_us - due_us <= 1 * S


@pytest.mark.parametrize("fps", [5, 10, 15, 25, 60])
def test_suspected_within_a_second_at_every_rate(fps: int) -> None:
    script = Script()
    script.open()
    script.frame()
    script.play(8, fps=fps)
    due_us = script.now.utc_us + S // fps
    script.wait(3)
    assert script.states == ["suspected"]
    assert script.changes[0].detected_us - due_us <= 1 * S


def test_suspected_as_fast_when_the_last_frame_came_late() -> None:
    script = started()
    captured = script.clock.mono_us + 40 * MS
    script.wait(0.28)
    script.frame(captured_mono_us=captured)
    script.frame(captured_mono_us=captured + 40 * MS)
    due_us = captured + 80 * MS + script.clock.utc_us - script.clock.mono_us
    script.wait(3)
    assert script.changes[0].detected_us - due_us <= 1 * S


def test_one_hiccup_does_not_make_the_watch_slow() -> None:
    script = started()
    script.wait(0.8)
    script.play(3)
    due_us = script.now.utc_us + 40 * MS
    script.wait(3)
    assert script.states == ["suspected"]
    assert script.changes[0].detected_us - due_us <= 1 * S


def test_confirmed_five_seconds_after_the_last_frame() -> None:
    script = started()
    last_us = script.now.utc_us
    script.wait(4.8)
    assert script.states == ["suspected"]
    script.wait(0.3)
    assert script.states == ["suspected", "confirmed"]
    assert script.now.utc_us - last_us <= 5.1 * S
    assert script.detector.state is StreamState.INTERRUPTED
    assert not script.changes[-1].rings
    script.wait(10)
    assert script.changes[-1].rings
    assert script.now.utc_us - last_us <= 15.2 * S
    assert script.changes[-1].needs_explanation


def test_the_time_to_confirm_is_a_setting() -> None:
    script = started(rules=DetectorRules(confirm_after_us=2 * S))
    script.wait(2.2)
    assert script.states == ["suspected", "confirmed"]


def test_withdrawn_after_it_was_confirmed_when_all_of_it_came() -> None:
    script = started()
    script.backlog(7)
    script.play(20)
    assert script.states == ["suspected", "confirmed", "withdrawn"]


def test_the_detection_time_is_that_of_the_suspicion() -> None:
    script = started()
    script.wait(7)
    script.play(20)
    assert len({change.detected_us for change in script.changes}) == 1


# --------------------------------------------------------------- skips with unbroken numbers


@pytest.mark.parametrize(("missing_s", "found"), [(0.5, False), (0.95, False), (1.0, True), (1.5, True), (2.5, True)])
def test_a_sender_of_steady_rate_that_skips_a_second_or_more_has_stalled(missing_s: float, found: bool) -> None:
    script = started()
    script.wait(missing_s)
    script.play(20)
    assert ("closed" in script.states) is found
    if found:
        start, end = edges(script)
        assert end - start == round(missing_s * S)


def test_part_of_a_backlog_that_is_left_out_is_missing() -> None:
    """Six seconds of silence; the first two come late, then the sender skips to the present."""
    script = started()
    begun = script.clock.mono_us
    script.wait(6)
    for index in range(50):
        script.frame(captured_mono_us=begun + (index + 1) * 40 * MS)
    script.play(20)
    assert script.states == ["suspected", "confirmed", "resumed", "closed"]
    start, end = edges(script)
    assert start == begun + 51 * 40 * MS + script.clock.utc_us - script.clock.mono_us
    assert end - start == pytest.approx(4 * S, abs=40 * MS)


# ---------------------------------------------------------------------------- thresholds


@pytest.mark.parametrize(("lost_s", "rings", "explain"), [(0.4, False, False), (2.4, True, True)])
def test_loss_rings_and_demands_an_explanation_from_two_seconds_on(lost_s: float, rings: bool, explain: bool) -> None:
    script = started(gop=100_000)
    script.frame(gone=True)
    script.play(lost_s)
    script.frame(key=True)
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    assert (closed.rings, closed.needs_explanation) == (rings, explain)


def test_damage_is_added_up_over_a_minute() -> None:
    """Nine groups of pictures, each spoilt by one packet: 0.5 s at most, but more than 2 s together."""
    script = started(gop=13)
    for _ in range(9):
        script.frame(gone=True, key=False)
        script.play(3)
    script.play(20)
    assert len({change.id for change in script.changes}) == 1
    closed = script.the(InterruptionState.CLOSED)
    assert closed.count == 9
    assert closed.needs_explanation


def test_damage_older_than_a_minute_is_not_added_up() -> None:
    """Seventy groups of three pictures spoilt over three and a half minutes: 2.8 s together, 0.8 s a minute."""
    script = started(gop=3)
    for _ in range(70):
        script.frame(gone=True, key=False)
        script.play(3)
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    assert closed.count == 70
    assert not closed.needs_explanation
    assert not closed.rings


def test_a_suspicion_never_rings() -> None:
    script = started()
    script.wait(3)
    assert [change.rings for change in script.changes] == [False]


# ------------------------------------------------------------------------------- clocks


def test_a_clock_that_is_set_is_a_step() -> None:
    script = started()
    script.report()
    script.play(5)
    script.report(device_ahead_us=-30 * S)
    script.play(20)
    assert script.said == [("step", state) for state in ("confirmed", "resumed", "closed")]
    assert script.changes[0].evidence["step_us"] == -30 * S


def test_a_clock_that_is_wrong_for_a_minute_drifts_until_it_is_right() -> None:
    script = started()
    for _ in range(8):
        script.report(device_ahead_us=8 * 3600 * S)
        script.play(5)
    assert script.changes == []
    for _ in range(6):
        script.report(device_ahead_us=8 * 3600 * S)
        script.play(5)
    assert script.said == [("drift", "confirmed")]
    assert script.detector.state is StreamState.LIVE
    script.wait(0)
    script.report()
    assert ("drift", "closed") in script.said


def test_a_hub_clock_that_was_set_starts_the_minute_anew() -> None:
    script = started()
    for _ in range(11):
        script.report(device_ahead_us=8 * 3600 * S)
        script.play(5)
    script.clock.step_utc(1.0)
    for _ in range(11):
        script.report(device_ahead_us=8 * 3600 * S - 1 * S)
        script.play(5)
    assert script.changes == []
    script.play(10)
    script.report(device_ahead_us=8 * 3600 * S - 1 * S)
    assert script.said == [("drift", "confirmed")]


# ----------------------------------------------------------------------------- storage


def test_a_disk_that_refuses_is_an_interruption_until_it_takes_again() -> None:
    script = started()
    begun = script.now.utc_us
    script.take(script.detector.storage(False, script.now))
    assert script.said == [("storage", "confirmed")]
    script.take(script.detector.storage(False, script.now))
    script.play(4)
    script.take(script.detector.storage(True, script.now))
    script.play(20)
    closed = script.the(InterruptionState.CLOSED)
    assert closed.kind is InterruptionKind.STORAGE
    assert (closed.started_us, closed.ended_us) == (begun, begun + 4 * S)
    assert closed.needs_explanation
