"""RTCP feedback: the bytes as another implementation reads them, and the times at which it is sent."""

from __future__ import annotations

import struct

from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpRrPacket, RtcpRtpfbPacket, unpack_remb_fci
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.ingest.whip.congestion import ArrivalLog, transport_sequence
from hub.ingest.whip.feedback import (
    ASK_AGAIN_US,
    KEYFRAME_EVERY_US,
    KeyframeWatch,
    NackPlan,
    bit_rate_limit,
    empty_report,
    full_intra_request,
    generic_nack,
    picture_loss,
)

SENDER, MEDIA = 0x01020304, 0xF1F2F3F4
ROUND_TRIP_US = 50_000


def test_requests_as_another_implementation_reads_them() -> None:
    report, loss, intra, limit = RtcpPacket.parse(
        empty_report(SENDER)
        + picture_loss(SENDER, MEDIA)
        + full_intra_request(SENDER, MEDIA, 7)
        + bit_rate_limit(SENDER, 20_000_000, (MEDIA,))
    )
    assert isinstance(report, RtcpRrPacket)
    assert isinstance(loss, RtcpPsfbPacket)
    assert isinstance(intra, RtcpPsfbPacket)
    assert isinstance(limit, RtcpPsfbPacket)
    assert (loss.fmt, loss.ssrc, loss.media_ssrc, loss.fci) == (1, SENDER, MEDIA, b"")
    assert (intra.fmt, intra.fci) == (4, struct.pack("!IB3x", MEDIA, 7))
    bits_per_s, sources = unpack_remb_fci(limit.fci)
    assert abs(bits_per_s - 20_000_000) < 200
    assert sources == [MEDIA]


@given(st.integers(0, 0xFFFF), st.sets(st.integers(0, 300), min_size=1))
@settings(max_examples=60, deadline=None)
def test_a_nack_names_just_the_missing(first: int, steps: set[int]) -> None:
    missing = [(first + step) & 0xFFFF for step in sorted(steps)]
    (packet,) = RtcpPacket.parse(generic_nack(SENDER, MEDIA, missing))
    assert isinstance(packet, RtcpRtpfbPacket)
    assert (packet.fmt, packet.ssrc, packet.media_ssrc) == (1, SENDER, MEDIA)
    assert [number & 0xFFFF for number in packet.lost] == missing


def test_a_nack_of_a_huge_hole_is_bounded() -> None:
    assert len(generic_nack(SENDER, MEDIA, list(range(0, 60000, 17)))) < 1200


def test_missing_packets_are_asked_for_every_round_trip() -> None:
    plan = NackPlan()
    assert plan.due([5, 6], 0, ROUND_TRIP_US) == [5, 6]
    assert plan.due([5, 6], 20_000, ROUND_TRIP_US) == []
    assert plan.due([6, 9], 40_000, ROUND_TRIP_US) == [9]
    assert plan.due([6, 9], 50_000, ROUND_TRIP_US) == [6]
    assert plan.due([], 60_000, ROUND_TRIP_US) == []
    assert plan.due([6], 61_000, ROUND_TRIP_US) == [6]


def test_a_keyframe_is_asked_for_at_the_start_after_loss_and_after_two_seconds() -> None:
    watch = KeyframeWatch()
    assert watch.due(0, 0)
    assert not watch.due(ASK_AGAIN_US - 1, 0)
    assert watch.due(ASK_AGAIN_US, 0)
    watch.keyframe(1_000_000)
    assert not watch.due(1_000_000, 0)
    assert not watch.due(1_000_000 + KEYFRAME_EVERY_US - 1, 0)
    assert watch.due(1_000_000 + KEYFRAME_EVERY_US, 0)
    watch.keyframe(3_100_000)
    watch.lost()
    assert watch.due(3_120_000, 0)
    assert not watch.due(3_140_000, 0)


# --------------------------------------------------------------------- transport-wide feedback


def rtp(number: int, *, extension_id: int = 3, before: bytes = b"") -> bytes:
    """A packet with the transport-wide sequence number, behind ``before`` in its header extension."""
    elements = before + bytes((extension_id << 4 | 1,)) + struct.pack("!H", number)
    elements += bytes(-len(elements) % 4)
    header = struct.pack("!BBHII", 0x90, 96, 1, 2, MEDIA) + struct.pack("!HH", 0xBEDE, len(elements) // 4)
    return header + elements + b"payload"


def read_report(data: bytes) -> dict[int, int | None]:
    """Sequence number → arrival in ticks of 250 µs (None: not received), as the draft's §3.1 says."""
    first, kind, words, _, _ = struct.unpack_from("!BBHII", data)
    assert (first, kind) == (0x8F, 205)
    assert len(data) == 4 * (words + 1)
    base, count, reference = struct.unpack_from("!HHI", data, 12)
    position, symbols = 20, list[int]()
    while len(symbols) < count:
        (chunk,) = struct.unpack_from("!H", data, position)
        position += 2
        if not chunk & 0x8000:
            symbols += [chunk >> 13 & 3] * (chunk & 0x1FFF)
        elif chunk & 0x4000:
            symbols += [chunk >> 12 - 2 * index & 3 for index in range(7)]
        else:
            symbols += [chunk >> 13 - index & 1 for index in range(14)]
    found: dict[int, int | None] = {}
    now = (reference >> 8) * 256
    for index, symbol in enumerate(symbols[:count]):
        number = base + index & 0xFFFF
        if symbol == 0:
            found[number] = None
            continue
        size, form = (1, "!B") if symbol == 1 else (2, "!h")
        now += struct.unpack_from(form, data, position)[0]
        position += size
        found[number] = now
    return found


def test_the_number_is_found_wherever_it_stands() -> None:
    assert transport_sequence(rtp(513), 3) == 513
    assert transport_sequence(rtp(513, before=b"\x12abc\x00\x00"), 3) == 513
    assert transport_sequence(rtp(513, extension_id=5), 3) is None
    assert transport_sequence(struct.pack("!BBHII", 0x80, 96, 1, 2, 3), 3) is None


@given(st.binary(min_size=12, max_size=60).map(lambda data: b"\x90" + data[1:]))
@settings(max_examples=150, deadline=None)
def test_no_packet_makes_the_log_raise(data: bytes) -> None:
    log = ArrivalLog(3)
    log.packet(data, 1)
    transport_sequence(data[:14] + b"\xbe\xde"[: len(data) % 3] + data[14:], 3)
    log.report(SENDER, MEDIA, 10**9)


@given(
    st.integers(0, 0xFFFF),
    st.lists(st.tuples(st.booleans(), st.integers(0, 90_000)), min_size=1, max_size=80),
)
@settings(max_examples=80, deadline=None)
def test_a_report_says_what_came_when(first: int, came: list[tuple[bool, int]]) -> None:
    log = ArrivalLog(3)
    now_us, expected = 50_000_000, dict[int, int | None]()
    for index, (received, wait_us) in enumerate(came):
        now_us += wait_us
        number = first + index & 0xFFFF
        expected[number] = now_us // 250 if received else None
        if received:
            log.packet(rtp(number), now_us)
    numbers = [number for number, at in expected.items() if at is not None]
    report = log.report(SENDER, MEDIA, now_us)
    if not numbers:
        assert report == b""
        return
    order = list(expected)
    heard = order[order.index(numbers[0]) : order.index(numbers[-1]) + 1]
    assert read_report(report) == {number: expected[number] for number in heard}


def test_losses_between_two_reports_are_reported_and_late_packets_too() -> None:
    log = ArrivalLog(3)
    log.packet(rtp(0xFFFE), 1_000_000)
    assert list(read_report(log.report(SENDER, MEDIA, 1_000_000))) == [0xFFFE]
    log.packet(rtp(1), 1_050_000)
    assert log.report(SENDER, MEDIA, 1_050_000) == b""
    assert read_report(log.report(SENDER, MEDIA, 1_100_000)) == {0xFFFF: None, 0: None, 1: 4200}
    log.packet(rtp(0), 1_150_000)
    log.packet(rtp(2), 1_160_000)
    assert read_report(log.report(SENDER, MEDIA, 1_200_000)) == {0: 4600, 1: None, 2: 4640}
