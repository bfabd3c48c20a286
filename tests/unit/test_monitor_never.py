"""What must never be an alarm."""

from __future__ import annotations

import random

import pytest

from hub.ingest.sockets import LONGEST_TURN_S
from hub.model import InterruptionKind, InterruptionState, StreamKind
from hub.monitor.rules import StreamState
from tests.unit.monitor_script import AUDIO, VIDEO, Script, started

S = 1_000_000
MS = 1000


def delayed(script: Script, delays_ms: list[int], *, fps: int = 25) -> None:
    """Pictures that are captured in rhythm and arrive in order, each as late as it is (or its elder)."""
    distance = S // fps
    begun = script.clock.mono_us
    for index, delay in enumerate(delays_ms):
        captured = begun + (index + 1) * distance
        ahead = captured + delay * MS - script.clock.mono_us
        if ahead > 0:
            script.wait(ahead / S)
        script.frame(captured_mono_us=captured, distance_us=distance)


def test_jitter() -> None:
    rng = random.Random(1)
    script = started()
    delayed(script, [rng.randrange(0, 400) for _ in range(3000)])
    assert script.changes == []


@pytest.mark.parametrize("fps", [12, 25, 30])
@pytest.mark.parametrize("turn_ms", [round(LONGEST_TURN_S * 1000), round(LONGEST_TURN_S * 1000) + 3])
def test_sockets_read_in_turns_alarm_nobody_and_a_break_is_suspected_within_a_second(turn_ms: int, fps: int) -> None:
    """Whatever comes has waited for the turn. The break is seen as soon as if the last picture had not."""
    for last in range(250, 265, 3):
        script = started()
        captured_ms = [(index + 1) * 1000 // fps for index in range(last)]
        delayed(script, [-at % turn_ms for at in captured_ms], fps=fps)
        due_us = script.clock.mono_us - (-captured_ms[-1] % turn_ms) * MS + S // fps
        assert script.changes == []
        while not script.changes:
            script.wait(0.02)
        assert script.clock.mono_us - due_us < S
        assert script.states[0] == InterruptionState.SUSPECTED


def test_bursts_of_a_mobile_network_up_to_three_seconds_are_no_alarm() -> None:
    rng = random.Random(2)
    script = started()
    delays = [0] * 3000
    for begin in range(100, 2900, 250):
        burst = rng.randrange(300, 3000)
        for index in range(burst // 40):
            delays[begin + index] = burst - 40 * index
    delayed(script, delays)
    assert set(script.states) <= {"suspected", "withdrawn"}
    assert script.states.count("suspected") == script.states.count("withdrawn")


def test_b_frames() -> None:
    """Decoding order IPBBPBB: pictures are shown up to 80 ms after they were due to be decoded."""
    script = Script()
    script.open()
    for index in range(1500):
        script.wait(0.04)
        script.frame(reorder_us=(120, 0, 0)[index % 3] * MS)
    assert script.changes == []


@pytest.mark.parametrize(("pictures", "good"), [(121, 121), (122, 121), (123, 122), (124, 124)])
def test_a_break_among_b_frames_starts_where_the_first_picture_is_missing(pictures: int, good: int) -> None:
    """Each third picture is shown after the two that follow it in decoding order."""
    script = Script()
    begun = script.clock.mono_us
    script.open()
    for index in range(pictures):
        script.wait(0.04)
        # Decoded I P B B P B B …, shown one picture later than decoded at the earliest.
        shown = index if index == 0 else (index + 2 if index % 3 == 1 else index - 1)
        script.frame(captured_mono_us=begun + index * 40 * MS, reorder_us=(shown + 1 - index) * 40 * MS)
    script.wait(2)
    offset = script.clock.utc_us - script.clock.mono_us
    assert script.changes[0].started_us == begun + (good + 1) * 40 * MS + offset


@pytest.mark.parametrize("fps", [1.0, 0.5, 2.0, 4.0])
def test_a_camera_with_few_pictures_a_second(fps: float) -> None:
    script = Script(gop=1)
    script.open()
    script.frame()
    script.play(120, fps=fps)
    assert script.changes == []


def test_a_camera_with_one_picture_a_second_and_jitter() -> None:
    rng = random.Random(3)
    script = Script(gop=1)
    script.open()
    script.frame()
    delayed(script, [rng.randrange(0, 900) for _ in range(120)], fps=1)
    assert script.changes == []


def test_a_variable_frame_rate() -> None:
    rng = random.Random(4)
    script = Script()
    script.open()
    script.frame()
    for _ in range(1500):
        script.wait(rng.choice((0.033, 0.04, 0.066, 0.1, 0.2, 0.4, 0.7)))
        script.frame()
    assert "confirmed" not in script.states


def test_few_pictures_and_now_and_then_fewer() -> None:
    script = Script(gop=1)
    script.open()
    script.frame()
    for index in range(200):
        script.wait(1.3 if index % 5 == 4 else 0.3)
        script.frame()
    assert script.changes == []


def test_a_rate_that_falls_from_25_to_one_and_rises_again() -> None:
    script = started(gop=1)
    for _ in range(3):
        script.play(30, fps=1)
        script.play(30, fps=25)
    confirmed = [change for change in script.changes if change.state is InterruptionState.CONFIRMED]
    assert all(change.kind is InterruptionKind.LOW_RATE for change in confirmed)


def test_a_rate_that_falls_below_one_is_learnt_at_the_second_picture() -> None:
    """The first long distance of a steady stream cannot be told from a stall. One interruption, no more."""
    script = started(gop=1)
    script.play(120, fps=1 / 3)
    assert len({change.id for change in script.changes if change.state == "confirmed"}) <= 1
    assert script.states[-1] in ("closed", "withdrawn")


def test_the_burst_of_a_cached_group_of_pictures() -> None:
    script = Script()
    captured = script.clock.mono_us - 4 * S
    script.open()
    script.run_mono_us = captured
    for index in range(100):
        script.frame(captured_mono_us=captured + index * 40 * MS)
    script.play(30)
    assert script.changes == []


def test_pictures_before_the_first_keyframe() -> None:
    script = Script()
    script.open()
    script.damaged[1] = True
    script.frames[1] = 1
    script.play(0.9)
    script.play(10)
    assert script.changes == []


@pytest.mark.parametrize("step_s", [-3600.0, -2.0, 1.5, 30.0, 3600.0])
def test_a_hub_clock_that_ntp_sets(step_s: float) -> None:
    script = started()
    script.report()
    script.play(3)
    script.clock.step_utc(step_s)
    script.play(30)
    assert script.changes == []
    script.report(device_ahead_us=-round(step_s * S))
    script.play(30)
    assert script.changes == []


def test_a_hub_clock_set_during_a_break_does_not_change_how_long_it_was() -> None:
    script = started()
    begun = script.now.utc_us + 40 * MS
    script.wait(3)
    script.clock.step_utc(-3600)
    script.wait(4)
    script.play(20)
    closed = script.changes[-1]
    assert (closed.started_us, closed.ended_us) == (begun, begun + 7 * S)
    assert closed.evidence["hub_clock_stepped_us"] == -3600 * S


def test_sequence_numbers_and_time_stamps_that_wrap_are_unknown_here() -> None:
    """The axis has no wraps; it may stand anywhere, also days after the start of the run."""
    script = Script()
    script.open()
    script.run_mono_us -= 20 * 24 * 3600 * S
    script.seq = (1 << 40) + 65535
    script.frame()
    script.play(20)
    assert script.changes == []


def test_realigned_tracks() -> None:
    script = Script(tracks=(VIDEO, AUDIO))
    script.open()
    script.play_both(10)
    assert script.changes == []


def test_ticks_that_come_rarely() -> None:
    script = started()
    for _ in range(200):
        for _ in range(50):
            script.clock.advance(0.04)
            script.frame()
        script.take(script.detector.tick(script.now))
    assert script.changes == []


def test_a_stopped_hub_says_nothing_more() -> None:
    script = started()
    script.take(script.detector.stopped(script.now))
    script.close("hub stopped")
    script.wait(60)
    assert script.changes == []


def elsewhere(stopped: Script, *, with_it_s: float, without_it_s: float = 0) -> Script:
    """The stream goes on at another node, which has been receiving it from ``with_it_s`` before it broke off here, or
    from ``without_it_s`` after that; what came there meanwhile goes through at once."""
    lasting = stopped.detector.current
    stopped.take(stopped.detector.stopped(stopped.now))
    assert lasting is not None
    taker = Script(kind=StreamKind.RECORDER, restored=lasting, clock=stopped.clock)
    taker.open()
    from_us = taker.clock.mono_us - (taker.now.utc_us - lasting.started_us) - round((with_it_s - without_it_s) * S)
    taker.run_mono_us = from_us
    for captured_us in range(from_us, taker.clock.mono_us, 40 * MS):
        taker.frame(captured_mono_us=captured_us)
    taker.play(20)
    return taker


@pytest.mark.parametrize("ends", [False, True])
def test_silence_at_one_node_while_another_hears_all_of_it(ends: bool) -> None:
    """A recorder's first session breaks off while its second one waits elsewhere: nothing is missing."""
    script = started(kind=StreamKind.RECORDER)
    if ends:
        script.close()
    script.wait(6)
    assert script.states[:2] == ["suspected", "confirmed"]
    taker = elsewhere(script, with_it_s=1.0)
    assert taker.states == ["withdrawn"]
    assert taker.detector.state is StreamState.LIVE


def test_silence_at_one_node_of_which_another_heard_only_the_end_is_a_break() -> None:
    script = started(kind=StreamKind.RECORDER)
    script.wait(6)
    taker = elsewhere(script, with_it_s=0, without_it_s=3)
    assert taker.states == ["resumed", "closed"]
    found = taker.the(InterruptionState.CLOSED)
    assert found.ended_us is not None
    assert abs(found.ended_us - found.started_us - 3 * S) <= 40 * MS


def test_an_idle_recorder_after_its_session() -> None:
    script = started(kind=StreamKind.RECORDER)
    script.goodbye()
    script.wait(10)
    script.open()
    script.frame()
    script.play(5)
    assert script.changes == []
    assert script.detector.state is StreamState.LIVE
