"""The axis of a run: alignment, capture times, sender reports, leaps, pauses, decode times."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.clock import Instant
from hub.ingest.axis import RunAxis
from hub.ingest.decode_time import DecodeClock
from hub.ingest.track import RtpTrack
from hub.model import TrackInfo
from tests.unit.ingest_rtp import Sink, at, idr, make, opus, packet, sender_report, slice_nal, video

FRAME = 3600
DEVICE = 1_767_000_000_250_000


def pair() -> tuple[RtpTrack, RtpTrack, Sink]:
    sink, axis = Sink(), RunAxis()
    return RtpTrack(video(), axis, sink, window=None), RtpTrack(opus(), axis, sink, window=None), sink


def picture(index: int, timestamp: int | None = None, *, key: bool = False) -> bytes:
    return packet(idr() if key else slice_nal(), index, index * FRAME if timestamp is None else timestamp, marker=True)


def test_tracks_begin_where_they_arrive() -> None:
    pictures, sound, sink = pair()
    pictures.receive(picture(0, 12_345, key=True), at(0))
    sound.receive(packet(b"\x78x", 9, 99_999), at(70))
    assert sink.units[0].pts_ticks == 0
    assert sink.units[1].pts_ticks == 70 * 48


def test_reports_correct_the_alignment_once_at_a_keyframe() -> None:
    """A cached second of pictures came in one burst; the sound is live."""
    pictures, sound, sink = pair()
    for index in range(26):
        pictures.receive(picture(index, key=index % 10 == 0), at(0))
    for index in range(3):
        sound.receive(packet(b"\x78x", index, index * 960), at(index * 20))
    pictures.receive_rtcp(sender_report(DEVICE, 0), at(60))
    assert not any(unit.realigned for unit in sink.units)
    sound.receive_rtcp(sender_report(DEVICE + 1_000_000, 0), at(60))
    before = len(sink.units)
    sound.receive(packet(b"\x78x", 3, 3 * 960), at(60))
    assert sink.units[-1].pts_ticks == 3 * 960
    for index in range(26, 32):
        pictures.receive(picture(index, key=index % 10 == 0), at(60 + 40 * (index - 26)))
    sound.receive(packet(b"\x78x", 4, 4 * 960), at(300))
    assert [unit.realigned for unit in sink.units[before:]] == [False, False, False, False, False, True, False, False]
    assert sink.units[-1].pts_ticks == pytest.approx(4 * 960 + 48_000, abs=2)
    assert sink.units[-2].pts_ticks == 31 * FRAME
    assert sink.leaps == []
    sound.receive_rtcp(sender_report(DEVICE + 3_000_000, 0), at(320))
    pictures.receive(picture(32, key=True), at(340))
    assert sum(unit.realigned for unit in sink.units) == 1


@pytest.mark.parametrize("late_ms", [880, 120])
def test_without_reports_the_smallest_delays_correct_what_a_busy_hub_misplaced(late_ms: int) -> None:
    """The hub is held up for a second: sound that began then, and pictures that began later, come at once."""
    pictures, sound, sink = pair()
    for at_ms in range(0, 7500, 20):
        come = at(max(1000, at_ms))
        sound.receive(packet(b"\x78x", at_ms // 20, at_ms * 48), come)
        if at_ms >= late_ms and (at_ms - late_ms) % 40 == 0:
            index = (at_ms - late_ms) // 40
            pictures.receive(picture(index, key=index % 25 == 0), come)
    shown = [unit for unit in sink.units if unit.track_id == video().id]
    assert sum(unit.realigned for unit in shown) == (late_ms > 200)
    begun_us = at(0).utc_us
    assert abs(sink.units[0].capture_us - at(1000).utc_us) <= 1  # nobody knows yet
    truth_us = begun_us + (late_ms + 40 * (len(shown) - 1)) * 1000
    assert abs(shown[-1].capture_us - truth_us) <= (200_000 if late_ms < 200 else 25_000)
    assert sink.leaps == []
    sound.receive_rtcp(sender_report(DEVICE, 0), at(7500))
    pictures.receive_rtcp(sender_report(DEVICE + late_ms * 1000, 0), at(7500))
    for index in range(len(shown), len(shown) + 30):
        pictures.receive(picture(index, key=index % 25 == 0), at(late_ms + 40 * index))
    exact_us = begun_us + (late_ms + 40 * (len(shown) + 29)) * 1000
    assert abs(sink.units[-1].capture_us - exact_us) <= 25_000, "reports have the last word"


def test_small_disagreement_is_left_alone() -> None:
    pictures, sound, sink = pair()
    pictures.receive(picture(0, key=True), at(0))
    sound.receive(packet(b"\x78x", 0, 0), at(0))
    pictures.receive_rtcp(sender_report(DEVICE, 0), at(1))
    sound.receive_rtcp(sender_report(DEVICE + 49_000, 0), at(1))
    pictures.receive(picture(1, key=True), at(40))
    assert not sink.units[-1].realigned


def test_a_device_clock_that_was_set_misaligns_nothing() -> None:
    """Set between the report of the pictures and that of the sound: the two are not of one clock."""
    pictures, sound, sink = pair()
    pictures.receive(picture(0, key=True), at(0))
    sound.receive(packet(b"\x78x", 0, 0), at(0))
    sound.receive_rtcp(sender_report(DEVICE, 0), at(1))
    hour = 3600 * 1_000_000
    pictures.receive_rtcp(sender_report(DEVICE, 0), at(1))
    pictures.receive_rtcp(sender_report(DEVICE + hour + 40_000, FRAME), at(40))
    pictures.receive(picture(1, key=True), at(40))
    sound.receive(packet(b"\x78x", 2, 2 * 960), at(40))
    sound.receive_rtcp(sender_report(DEVICE + hour + 40_000, 2 * 960), at(41))
    pictures.receive(picture(2, key=True), at(80))
    sound.receive(packet(b"\x78x", 4, 4 * 960), at(80))
    assert not any(unit.realigned for unit in sink.units)
    assert sink.units[-1].pts_ticks == 4 * 960


def test_device_time_follows_the_report() -> None:
    track, sink = make()
    track.receive_rtcp(sender_report(DEVICE, 5 * FRAME), at(0))
    for index in range(3):
        track.receive(picture(index, key=index == 0), at(40 * index))
    (report,) = sink.reports
    assert report.media_ticks == 5 * FRAME
    assert report.offset_us == at(0).utc_us - DEVICE
    assert sink.units[0].device_us == pytest.approx(DEVICE - 200_000, abs=2)
    assert sink.units[1].device_us == pytest.approx(DEVICE - 160_000, abs=2)
    assert sink.units[2].device_us == pytest.approx(DEVICE - 120_000, abs=2)


@pytest.mark.parametrize("report", [sender_report(None, 0), sender_report(DEVICE, 1 << 31), b"\x80\xc8\0\0", b"\x80"])
def test_reports_that_say_nothing_true_change_nothing(report: bytes) -> None:
    track, sink = make()
    track.receive(picture(0, key=True), at(0))
    track.receive_rtcp(report, at(10))
    track.receive(picture(1), at(40))
    assert sink.units[1].device_us is None
    assert sink.reports == []


def test_capture_is_the_place_plus_the_smallest_arrival_offset() -> None:
    track, sink = make()
    delays = [30, 5, 80, 20, 5, 60]
    for index, delay in enumerate(delays):
        track.receive(picture(index, key=index == 0), at(40 * index + delay))
    captured = [unit.capture_us for unit in sink.units]
    assert captured[0] == at(30).utc_us
    # Within the rise that drift is allowed: 40 µs in 200 ms.
    assert captured[1:] == pytest.approx([at(40 * index + 5).utc_us for index in range(1, 6)], rel=0, abs=40)


def test_a_step_of_the_hubs_calendar_moves_capture_with_it_and_is_no_leap() -> None:
    track, sink = make()
    for index in range(4):
        step_us = 3_600_000_000 if index >= 2 else 0
        now = at(40 * index)
        track.receive(picture(index, key=index == 0), Instant(now.utc_us + step_us, now.mono_us))
    assert sink.leaps == []
    assert sink.units[3].capture_us - sink.units[1].capture_us == 3_600_000_000 + 80_000


@pytest.mark.parametrize("leap", [90_000 * 3600, 90_000 * 2, -90_000 * 2, -90_000 * 3600])
def test_a_leap_is_told_and_the_axis_goes_on(leap: int) -> None:
    track, sink = make()
    for index in range(20):
        stamp = index * FRAME + 500_000_000 + (leap if index >= 10 else 0)
        track.receive(picture(index, stamp, key=index == 0), at(40 * index))
    assert [unit.pts_ticks for unit in sink.units] == [index * FRAME for index in range(20)]
    (told,) = sink.leaps
    assert told.leap_us == pytest.approx(leap * 100 / 9, abs=50)
    assert not any(unit.damaged for unit in sink.units)


def test_a_pause_keeps_its_length() -> None:
    track, sink = make()
    for index in range(20):
        pause = 7000 if index >= 10 else 0
        track.receive(picture(index, index * FRAME + pause * 90, key=index == 0), at(40 * index + pause))
    assert sink.units[10].pts_ticks == 10 * FRAME + 7000 * 90
    assert sink.units[10].duration_ticks == FRAME
    assert sink.leaps == []


def test_what_was_held_up_and_then_skipped_by_the_sender_is_no_leap() -> None:
    """5 s of silence, 1 s of buffered pictures in a burst, then live again with 4 s missing."""
    track, sink = make()
    for index in range(25):
        track.receive(picture(index, key=index == 0), at(40 * index))
    for index in range(25, 50):
        track.receive(picture(index), at(6000))
    for index in range(50, 60):
        stamp = (index + 100) * FRAME
        track.receive(picture(index, stamp), at(40 * (index + 100)))
    assert sink.leaps == []
    assert sink.units[50].pts_ticks == 150 * FRAME


def test_a_slow_camera_with_a_burst_is_no_leap() -> None:
    track, sink = make()
    for index in range(6):
        track.receive(picture(index, index * 90_000, key=index == 0), at(0))
    for index in range(6, 12):
        track.receive(picture(index, index * 90_000), at(1000 * (index - 5)))
    assert sink.leaps == []
    assert [unit.pts_ticks for unit in sink.units] == [index * 90_000 for index in range(12)]


def test_a_leap_across_a_pause_keeps_the_pause() -> None:
    track, sink = make()
    for index in range(10):
        after = index >= 5
        stamp = index * FRAME + (1_000_000_000 if after else 0)
        track.receive(picture(index, stamp, key=index == 0), at(40 * index + (3000 if after else 0)))
    assert len(sink.leaps) == 1
    assert sink.units[5].pts_ticks - sink.units[4].pts_ticks == 3040 * 90


def test_goodbye_comes_when_all_tracks_have_said_it() -> None:
    pictures, sound, sink = pair()
    pictures.receive(picture(0, key=True), at(0))
    sound.receive(packet(b"\x78x", 0, 0), at(0))
    bye = b"\x81\xcb\x00\x01\x12\x34\xab\xcd"
    pictures.receive_rtcp(bye, at(1))
    assert sink.goodbyes == []
    sound.receive_rtcp(bye, at(2))
    sound.receive_rtcp(bye, at(3))
    assert sink.goodbyes == ["RTCP BYE"]


# -------------------------------------------------------------------------------- decode times


def display_order(depth: int, groups: int) -> list[int]:
    """Display indices in decode order: I P B b …, with the reordering depth asked for."""
    order = [0]
    for group in range(groups):
        base = 4 * group
        order += {
            0: [base + 1, base + 2, base + 3, base + 4],
            1: [base + 4, base + 1, base + 2, base + 3],
            2: [base + 4, base + 2, base + 1, base + 3],
        }[depth]
    return order


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_decode_times_with_a_known_depth(depth: int) -> None:
    clock = DecodeClock(FRAME, 80_000)
    order = display_order(depth, 5)
    times = [clock.next(index * FRAME, depth, None, index == 0, steady=True) for index in order]
    assert times == [(position - depth) * FRAME for position in range(len(order))]


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("with_poc", [False, True])
def test_decode_times_with_a_depth_that_is_learnt(depth: int, with_poc: bool) -> None:
    clock = DecodeClock(FRAME, 80_000)
    order = display_order(depth, 12)
    times = [
        clock.next(index * FRAME, None, 2 * index if with_poc else None, index == 0, steady=True) for index in order
    ]
    assert clock.depth == depth
    assert all(later > earlier for earlier, later in itertools.pairwise(times))
    settled = len(order) - 5
    assert times[settled:] == [(position - depth) * FRAME for position in range(settled, len(order))]
    if depth == 0:
        assert times == [index * FRAME for index in order]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-90_000, 900_000), min_size=1, max_size=60), st.one_of(st.none(), st.integers(0, 16)))
def test_decode_times_always_rise(times: list[int], depth: int | None) -> None:
    clock = DecodeClock(FRAME, 80_000)
    decoded = [clock.next(pts, depth, None, False, steady=True) for pts in times]
    assert all(later > earlier for earlier, later in itertools.pairwise(decoded))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, (1 << 32) - 1), st.integers(0, 5000)), min_size=1, max_size=30))
def test_any_time_stamps_leave_the_axis_rising(steps: list[tuple[int, int]]) -> None:
    track, sink = make(TrackInfo(1, video().codec, 90_000, parameter_sets=video().parameter_sets))
    now = 0
    for index, (stamp, pause) in enumerate(steps):
        now += pause
        track.receive(picture(index, stamp, key=True), at(now))
    decoded = [unit.dts_ticks for unit in sink.units]
    assert all(later > earlier for earlier, later in itertools.pairwise(decoded))
    # Nothing runs far ahead of the hub's clock: 10 s at the first step, 4 s a step after it.
    assert decoded[-1] <= (now + 10_000 + 4_000 * len(steps)) * 90
    assert sink.units[0].parameter_sets is not None
