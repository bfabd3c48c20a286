"""Counts by the minute, jitter, the device's clock, and the account of frames: what went out lies in a chunk, or is
said not to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import Instant
from hub.model import (
    AccessUnit,
    Chunk,
    Codec,
    Fragment,
    MediaKind,
    SenderReport,
    SessionInfo,
    TrackInfo,
    TrackRange,
)
from hub.monitor.vitals import MINUTE_US, DeviceClock, Flow, FrameAccount, Jitter, MinuteCounts, Vitals, pictures

STEP = 1000


def at(minutes: float) -> Instant:
    mono_us = round(minutes * MINUTE_US)
    return Instant(1_800_000_000_000_000 + mono_us, mono_us)


def fragment(number: int, frames: int = 5, track: int = 1) -> Fragment:
    kind = MediaKind.VIDEO if track == 1 else MediaKind.AUDIO
    return Fragment(track, kind, b"", False, number * STEP, STEP, 90_000, frames, 0, 0, 0, number, None, 0, 0, 0)


def chunk(*ranges: tuple[int, int, int]) -> Chunk:
    """(track, number of the fragment that it ends before, frames)"""
    tracks = tuple(
        TrackRange(track, MediaKind.VIDEO, 90_000, 0, end * STEP, frames, 0, 0, 0, 0, 0)
        for track, end, frames in ranges
    )
    return Chunk("cam", 1, "reels/cam/x", 0, 100, "", 0, "", 0, 77, None, tracks, "keyframe")


def test_counts_of_the_last_minutes() -> None:
    counts = MinuteCounts()
    for minute in range(3000):
        counts.add(at(minute))
    now = at(2999)
    assert counts.total == 3000
    assert counts.within(now, 60) == 60
    assert counts.within(now, 1440) == 1440
    assert counts.within(at(3005), 5) == 0
    assert len(counts._minutes) == 1440


def test_pictures_read_together_say_nothing_of_when_they_came() -> None:
    jitter = Jitter()
    for number in range(200):
        jitter.arrival(number // 2 * 80_000, number * 40_000)
    assert jitter.us == 0
    for number in range(200, 400):
        jitter.arrival(number // 2 * 80_000 + number // 2 % 2 * 10_000, number * 40_000)
    assert jitter.us == pytest.approx(10_000, rel=0.01)


def test_jitter_is_that_of_the_arrivals() -> None:
    even, uneven = Jitter(), Jitter()
    for number in range(500):
        even.arrival(number * 40_000 + 123, number * 40_000)
        uneven.arrival(number * 40_000 + (number % 2) * 8_000, number * 40_000)
    assert even.us == 0
    assert 7_000 < uneven.us <= 8_000


def report(minutes: float, offset_us: int) -> SenderReport:
    return SenderReport(1, 0, 0, offset_us, at(minutes))


def test_how_fast_the_device_s_clock_runs() -> None:
    clock = DeviceClock()
    assert clock.offset_us is None
    for tenth in range(200):
        # 50 ppm too slow: 3 ms a minute; delay of the network comes on top, now and then none
        clock.report(report(tenth / 10, tenth * 300 + (tenth % 10) * 20_000))
    assert clock.ppm is not None
    assert 49 <= clock.ppm <= 51
    clock.report(report(21, 5_000_000))  # it was set
    assert clock.offset_us == 5_000_000
    assert clock.ppm is None


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3), st.booleans()), max_size=40))
def test_every_frame_is_waiting_recorded_or_said_not_to_be(script: list[tuple[int, int, bool]]) -> None:
    """Each step: fragments of two tracks, of which a chunk holds all but the first ``missing``, or no chunk comes."""
    flow = Flow()
    account = FrameAccount(flow)
    number, made, recorded = 0, 0, 0
    for fragments, missing, seals in script:
        for _ in range(fragments):
            account.made(fragment(number, 5))
            account.made(fragment(number, 10, track=2))
            number += 1
            made += 15
        if seals:
            held = max(0, fragments - missing)
            recorded += 15 * held
            account.sealed(chunk((1, number, 5 * held), (2, number, 10 * held)))
            assert account.waiting == 0
        assert flow.frames == made
        assert flow.waiting == account.waiting
        assert flow.recorded == recorded
        assert flow.unrecorded == account.unrecorded == made - recorded - flow.waiting
    account.ended()
    assert flow.waiting == 0
    assert flow.unrecorded == made - recorded


def test_a_track_moved_back_settles_in_the_end() -> None:
    """After a correction of the tracks' alignment, times of a new reel may lie before those of the old one."""
    flow = Flow()
    account = FrameAccount(flow)
    for number in (5, 6, 7, 6, 7, 8):
        account.made(fragment(number))
    account.sealed(chunk((1, 8, 15)))
    account.sealed(chunk((1, 9, 15)))
    account.ended()
    assert (flow.frames, flow.recorded, flow.unrecorded, flow.waiting) == (30, 30, 0, 0)


def test_an_entry_counts_once_and_others_not_at_all() -> None:
    flow = Flow(chunks=2, owed={"a": 1, "b": 2})
    flow.entered(["a", "of a backfill", "a"])
    assert (flow.chunk_entries, flow.owed) == (1, {"b": 2})


def test_pictures_are_counted_while_the_connection_lasts_and_after() -> None:
    flow = Flow()
    vitals = Vitals(flow, "cam")
    session = SessionInfo("rtsp", "", "", (TrackInfo(1, Codec.H264, 90_000), TrackInfo(2, Codec.AAC, 48_000)), at(0))
    vitals.opened(session, at(0))
    for number in range(10):
        arrival = Instant(at(0).utc_us, number * 40_000)
        vitals.unit(AccessUnit(1, b"", number * 3600, number * 3600, 3600, False, False, 0, None, arrival, 0, 0))
        vitals.unit(AccessUnit(2, b"", number * 1024, number * 1024, 1024, True, False, 0, None, arrival, 0, 0))
    vitals.made(fragment(1, 8))
    assert pictures(flow, [vitals]) == (10, 8)
    assert vitals.jitter.us == 0
    vitals.ended()
    assert (flow.pictures_in, flow.pictures_out, flow.pictures_given_up) == (10, 8, 2)
    assert pictures(flow, [vitals]) == (10, 8)
    assert vitals.not_recorded == 8
