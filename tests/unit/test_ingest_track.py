"""RtpTrack: order, loss, senders, wraps, damage."""

from __future__ import annotations

import pytest

from hub.ingest.reorder import ReorderWindow
from tests.unit.ingest_rtp import (
    SSRC,
    at,
    fu_a,
    idr,
    length_prefixed,
    make,
    opus,
    packet,
    slice_nal,
)

FRAME = 3600  # ticks of 40 ms at 90 kHz


def test_a_fragmented_picture_comes_out_whole() -> None:
    track, sink = make()
    nal = idr(5000)
    parts = fu_a(nal, 4)
    for index, part in enumerate(parts):
        track.receive(memoryview(packet(part, 65534 + index, 1000, marker=index == 3)), at(index))
    (unit,) = sink.units
    assert unit.data == length_prefixed(nal)
    assert (unit.first_seq, unit.last_seq) == (65534, 65537)
    assert unit.keyframe
    assert not unit.damaged
    assert unit.parameter_sets is not None
    assert unit.dts_ticks == unit.pts_ticks == 0
    assert unit.capture_us == unit.arrival.utc_us == at(3).utc_us
    assert sink.complaints == []


def test_sequence_and_time_stamp_wrap() -> None:
    track, sink = make()
    start = (1 << 32) - 5 * FRAME
    for index in range(20):
        payload = idr() if index == 0 else slice_nal()
        track.receive(packet(payload, 65530 + index, start + index * FRAME, marker=True), at(40 * index))
    assert [unit.pts_ticks for unit in sink.units] == [index * FRAME for index in range(20)]
    assert [unit.last_seq for unit in sink.units] == list(range(65530, 65550))
    assert sink.leaps == []
    assert sink.losses == []


def test_loss_without_a_window_is_told_at_once_and_damages_until_the_next_keyframe() -> None:
    track, sink = make()
    for seq in (0, 1, 4, 5, 6, 7):
        payload = idr() if seq in (0, 6) else slice_nal()
        track.receive(packet(payload, seq, seq * FRAME, marker=True), at(40 * seq))
    assert [(loss.first_seq, loss.count) for loss in sink.losses] == [(2, 2)]
    assert [unit.damaged for unit in sink.units] == [False, False, True, True, False, False]
    assert [unit.lost for unit in sink.units] == [0, 0, 2, 0, 0, 0]
    assert sink.units[2].pts_ticks == 4 * FRAME


def test_the_window_restores_order() -> None:
    track, sink = make(window=ReorderWindow())
    for seq in (0, 2, 3, 1, 5, 4, 6):
        payload = idr() if seq == 0 else slice_nal(fill=seq)
        track.receive(packet(payload, seq, seq * FRAME, marker=True), at(5 * seq))
    assert [unit.first_seq for unit in sink.units] == list(range(7))
    assert sink.losses == []
    assert not any(unit.damaged for unit in sink.units)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0), (0, 1, 2)])
@pytest.mark.parametrize("first", [100, 0xFFFF])
@pytest.mark.parametrize("ended", [False, True])
def test_the_very_first_packets_may_have_changed_places_too(order: tuple[int, ...], first: int, ended: bool) -> None:
    track, sink = make(window=ReorderWindow(settle_us=50_000))
    for number, place in enumerate(order):
        payload = idr() if place == 0 else slice_nal(fill=place)
        track.receive(packet(payload, first + place, place * FRAME, marker=True), at(number))
    track.tick(at(49))
    assert sink.units == []
    if ended:
        track.end()
    else:
        track.tick(at(50))
    assert [unit.first_seq & 0xFFFF for unit in sink.units] == [first + place & 0xFFFF for place in range(3)]
    assert sink.units[0].keyframe
    assert not any(unit.damaged for unit in sink.units)
    track.receive(packet(slice_nal(), first - 1, 0, marker=True), at(60))
    track.receive(packet(slice_nal(), first + 3, 3 * FRAME, marker=True), at(61))
    track.end()
    assert len(sink.units) == 4
    assert sink.losses == []


def test_the_window_gives_up_after_its_time() -> None:
    track, sink = make(window=ReorderWindow(hold_us=100_000))
    for seq in (0, 1, 3, 5):
        track.receive(packet(idr() if seq == 0 else slice_nal(), seq, seq * FRAME, marker=True), at(seq))
    assert track.missing() == [2, 4]
    track.tick(at(102))
    assert sink.losses == []
    track.tick(at(103))
    assert [(loss.first_seq, loss.count) for loss in sink.losses] == [(2, 1)]
    track.tick(at(105))
    assert [loss.first_seq for loss in sink.losses] == [2, 4]
    assert track.missing() == []
    assert [unit.first_seq for unit in sink.units] == [0, 1, 3, 5]


@pytest.mark.parametrize("window", [None, ReorderWindow()])
def test_duplicates_are_dropped(window: ReorderWindow | None) -> None:
    track, sink = make(window=window)
    for seq in (0, 1, 1, 0, 2, 2, 3):
        track.receive(packet(idr() if seq == 0 else slice_nal(), seq, seq * FRAME, marker=True), at(40 * seq))
    assert [unit.first_seq for unit in sink.units] == [0, 1, 2, 3]
    assert sink.losses == []


def test_a_foreign_ssrc_is_ignored() -> None:
    track, sink = make()
    for seq in range(25):
        track.receive(packet(idr() if seq == 0 else slice_nal(), seq, seq * FRAME, marker=True), at(40 * seq))
        for copy in range(3):
            track.receive(packet(idr(fill=99), 3 * seq + copy, 77, marker=True, ssrc=99), at(40 * seq + 20))
    assert len(sink.units) == 25
    assert all(b"\x63" * 4 not in unit.data for unit in sink.units)
    assert [code for code, _ in sink.complaints] == ["foreign_ssrc"]


def test_a_restarted_sender_is_accepted_and_loses_nothing() -> None:
    track, sink = make()
    for seq in range(10):
        track.receive(packet(idr() if seq == 0 else slice_nal(), seq, seq * FRAME, marker=True), at(40 * seq))
    for seq in range(20):
        payload = idr(fill=9) if seq == 0 else slice_nal(fill=9)
        track.receive(packet(payload, 30_000 + seq, 9_000_000 + seq * FRAME, marker=True, ssrc=7), at(400 + 40 * seq))
    assert track.ssrc == 7
    assert len(sink.units) == 30
    assert not any(unit.damaged for unit in sink.units)
    assert sink.leaps == []
    assert [unit.pts_ticks for unit in sink.units] == [index * FRAME for index in range(30)]
    sequence = [unit.first_seq for unit in sink.units]
    assert sequence == sorted(set(sequence))


def test_a_sender_that_counts_anew_under_its_ssrc_is_followed() -> None:
    track, sink = make()
    for seq in range(30_000, 30_010):
        track.receive(packet(idr(), seq, seq * FRAME, marker=True), at(40 * (seq - 30_000)))
    for seq in range(10):
        track.receive(packet(idr(), seq, seq * FRAME, marker=True), at(400 + 40 * seq))
    assert "seq_restart" in sink.codes
    assert len(sink.units) == 20
    assert sink.losses == []


def test_opus_silence_is_a_gap_not_a_leap() -> None:
    track, sink = make(opus())
    times = [0, 20, 40, 440, 460, 1460, 1480]
    for seq, ms in enumerate(times):
        track.receive(packet(b"\x78abc", seq, ms * 48), at(ms))
    assert [unit.pts_ticks for unit in sink.units] == [ms * 48 for ms in times]
    assert [unit.duration_ticks for unit in sink.units] == [960] * len(times)
    assert sink.leaps == []


def test_receiver_report_counts_loss() -> None:
    track, _ = make()
    for seq in (0, 1, 2, 4):
        track.receive(packet(idr(), seq, seq * FRAME, marker=True), at(40 * seq))
    report = track.receiver_report(at(500))
    assert report[1] == 201
    assert int.from_bytes(report[8:12], "big") == SSRC
    assert report[12] == 256 // 5
    assert int.from_bytes(report[13:16], "big") == 1
    assert int.from_bytes(report[16:20], "big") == 4
