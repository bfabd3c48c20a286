"""What is missing of one track, and which tracks an interruption names."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hub.model import InterruptionKind, InterruptionState
from hub.monitor.breaks import parse_breaks
from hub.monitor.rules import StreamState
from tests.unit.monitor_script import AUDIO, VIDEO, Script

S = 1_000_000
MS = 1000


def both(**options: object) -> Script:
    script = Script(tracks=(VIDEO, AUDIO), **options)  # type: ignore[arg-type]
    script.open()
    script.play_both(4)
    assert script.changes == []
    return script


def test_sound_that_is_missing_alone_is_a_fault_of_the_sound_track() -> None:
    script = both()
    script.play_both(7, audio=False)
    assert script.states == ["suspected", "confirmed"]
    script.play_both(20)
    assert script.the(InterruptionState.CLOSED).tracks == (2,)


def test_pictures_that_are_missing_alone_are_a_fault_of_the_picture_track() -> None:
    script = both()
    script.play_both(7, video=False)
    script.play_both(20)
    assert script.the(InterruptionState.CLOSED).tracks == (1,)


def test_overlapping_faults_are_one_interruption_that_names_its_tracks() -> None:
    script = both()
    begun = script.now.utc_us + 40 * MS
    script.play_both(3, video=False)
    script.wait(4)
    script.play_both(3, video=False)
    script.play_both(20)
    closed = script.the(InterruptionState.CLOSED)
    assert closed.tracks == (1, 2)
    assert len({change.id for change in script.changes}) == 1
    assert (closed.started_us, closed.ended_us) == (begun, begun + 10 * S)


@pytest.mark.parametrize("lost_s", [0.2, 0.6])
def test_a_picture_that_is_missed_after_the_sound_has_come_back_belongs_to_the_same_break(lost_s: float) -> None:
    """Pictures are further apart than frames of sound, and where they are reordered the first one missing lies
    before the first sound that is: one break, from there on, and nothing of it counted twice."""
    script = both()
    begun = script.now.utc_us + 40 * MS
    script.wait(0.04)
    script.frame(VIDEO, gone=True)
    script.frame(AUDIO)
    for _ in range(round(lost_s * 25)):
        script.wait(0.04)
        script.frame(VIDEO, gone=True)
        script.frame(AUDIO, gone=True)
    for _ in range(5):
        script.wait(0.04)
        script.frame(VIDEO, gone=True)
        script.frame(AUDIO)
    script.play_both(20)
    closed = script.the(InterruptionState.CLOSED)
    assert closed.tracks == (1, 2)
    assert (closed.started_us, closed.count) == (begun, 1)
    assert "breaks" not in closed.evidence
    assert "earlier_us" not in closed.evidence


def test_short_breaks_of_sound_within_a_longer_one_of_pictures_are_one_break() -> None:
    script = both()
    for gone in (2, 7):  # two breaks of sound, whole pictures in between
        for index in range(10):
            script.wait(0.04)
            script.frame(VIDEO)
            script.frame(AUDIO, gone=index == gone)
    begun = script.now.utc_us + 40 * MS
    for index in range(12):
        script.wait(0.04)
        script.frame(VIDEO, gone=True)
        script.frame(AUDIO, gone=index in (2, 5, 8))
    script.play_both(20)
    closed = script.the(InterruptionState.CLOSED)
    breaks = parse_breaks(closed.evidence["breaks"])
    assert (closed.count, len(breaks)) == (3, 3)
    assert breaks[-1] == (begun, closed.ended_us)
    assert all(earlier[1] is not None and earlier[1] <= later[0] for earlier, later in pairwise(breaks))
    assert closed.evidence["earlier_us"] == sum((end or 0) - begin for begin, end in breaks[:-1])


def test_the_error_of_the_first_edge_stays_when_another_track_breaks_off_later() -> None:
    """Pictures ten times a second, frames of sound every 40 ms: the start is known to a picture, not to the sound."""
    script = Script(tracks=(VIDEO, AUDIO))
    script.open()
    for index in range(200):
        script.wait(0.04)
        script.frame(AUDIO, gone=index in (161, 163, 165, 167, 169, 171))
        if index % 5 == 0:
            script.frame(VIDEO, distance_us=200 * MS, gone=index == 160, key=True)
    script.play_both(20, video=False)
    found = [change for change in script.changes if change.kind is InterruptionKind.LOSS]
    assert found[0].tracks == (2,)
    assert found[-1].tracks == (1, 2)
    assert found[-1].started_us < found[0].started_us
    assert found[-1].edge_error_us >= 200 * MS


def test_a_late_track_beside_a_missing_one_is_not_named() -> None:
    script = both()
    begun = script.clock.mono_us
    script.wait(3)
    for index in range(75):
        script.frame(AUDIO, captured_mono_us=begun + (index + 1) * 40 * MS)
    script.play_both(20)
    assert script.the(InterruptionState.CLOSED).tracks == (1,)


def test_a_sound_track_that_was_announced_and_never_came_is_told_apart() -> None:
    script = Script(tracks=(VIDEO, AUDIO))
    script.open()
    script.play(30)
    assert script.changes == []
    assert script.detector.absent_tracks == (2,)


def test_a_sound_track_that_does_not_come_back_is_missing() -> None:
    script = both()
    script.close()
    script.wait(3)
    script.open()
    script.play_both(60, audio=False)
    assert script.detector.state is StreamState.INTERRUPTED
    script.play_both(20)
    assert script.the(InterruptionState.CLOSED).tracks == (1, 2)


def test_pictures_that_were_announced_and_never_came_have_not_started() -> None:
    script = Script(tracks=(VIDEO, AUDIO))
    script.open()
    script.play_both(7, video=False)
    assert script.said == [("not_started", "confirmed")]
    assert script.changes[0].tracks == (1,)
