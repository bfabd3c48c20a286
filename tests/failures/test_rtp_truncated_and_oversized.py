"""RTP packets that are cut off, lie about their padding, or carry an endless picture."""

from __future__ import annotations

import pytest

from tests.unit.ingest_rtp import at, idr, length_prefixed, make, packet, slice_nal

GOOD = packet(slice_nal(), 1, 3600, marker=True)


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (b"", "rtp_truncated"),
        (GOOD[:11], "rtp_truncated"),
        (b"\x8f" + GOOD[1:20], "rtp_truncated"),  # 15 CSRCs announced
        (b"\x90" + GOOD[1:14], "rtp_truncated"),  # an extension announced
        (b"\x90" + GOOD[1:12] + b"\xbe\xde\xff\xff" + GOOD[12:], "rtp_truncated"),
        (b"\xa0" + GOOD[1:-1] + b"\xff", "rtp_padding"),
        (b"\xa0" + GOOD[1:-1] + b"\x00", "rtp_padding"),
        (b"\x00" + GOOD[1:], "rtp_version"),
    ],
)
def test_told_and_skipped(broken: bytes, code: str) -> None:
    track, sink = make()
    track.receive(packet(idr(), 0, 0, marker=True), at(0))
    track.receive(broken, at(40))
    track.receive(packet(idr(), 2, 7200, marker=True), at(80))
    assert code in sink.codes
    assert [unit.data for unit in sink.units] == [length_prefixed(idr())] * 2
    assert not any(unit.damaged for unit in sink.units)


def test_padding_extension_and_sources_are_no_payload() -> None:
    nal = idr()
    body = packet(nal, 0, 0, marker=True)
    full = b"\xb2" + body[1:12] + b"\1\2\3\4\5\6\7\x08" + b"\xbe\xde\0\1abcd" + nal + b"\0\0\3"
    track, sink = make()
    track.receive(full, at(0))
    assert sink.units[0].data == length_prefixed(nal)
    assert sink.complaints == []


def test_a_picture_without_end_is_bounded() -> None:
    track, sink = make()
    first, middle = b"\x7c\x85" + bytes(60_000), b"\x7c\x05" + bytes(60_000)
    for seq in range(1000):
        track.receive(packet(first if seq == 0 else middle, seq, 0), at(seq))
        assert len(track._depacketizer._buffer) < 9 << 20  # type: ignore[attr-defined]
    assert sink.codes == {"unit_too_large"}
    assert sink.units == []
