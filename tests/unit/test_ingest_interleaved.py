"""Packets interleaved in TCP are taken in runs: the same comes of them as packet by packet, whatever they are."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.axis import RunAxis
from hub.ingest.track import RtpTrack
from hub.model import Codec, TrackInfo
from tests.unit.ingest_rtp import SSRC, Sink, at, packet

MIDDLE = {Codec.H264: b"\x7c\x05", Codec.H265: b"\x62\x01\x13"}
"""The first octets of a fragment of an IDR slice: start and end bits are in the last of them."""
BESIDE = (b"", b"\x7c", b"\x7c\x45\x01", b"\x61\xe0\x01\x02", b"\x62\x01\x53\x09", b"\x3c\x05\x01\x02\x03")
"""Payloads that are nothing, broken, or of another NAL unit."""

Part = tuple[int, int, int, int, int]
parts = st.tuples(
    st.integers(1, 12),  # fragments
    st.sampled_from((20, 20, 20, 33)),  # octets of each
    st.sampled_from((0, 0, 0, 1, 2, 3, 4, 5, 6, 7)),  # what is odd about one of them
    st.integers(0, 11),  # which
    st.integers(0, len(BESIDE) - 1),
)


def packets(codec: Codec, pictures: list[Part], first: int) -> list[bytes]:
    """Pictures of one NAL unit each, one packet of some made odd."""
    out, seq, middle = [], first, MIDDLE[codec]
    for number, (count, size, odd, which, beside) in enumerate(pictures):
        for index in range(count):
            start, end = index == 0, index == count - 1
            head = middle[:-1] + bytes((middle[-1] | start << 7 | end << 6,))
            made = {"payload": head + bytes([0x88, index]) * size, "marker": end, "seq": seq}
            made |= {"timestamp": number * 3600}
            seq += 1
            if index == which % count:
                made |= (
                    {},
                    {"payload_type": 97},
                    {"ssrc": SSRC + 1},
                    {"marker": not end},
                    {"seq": seq + 3},
                    {"timestamp": number * 3600 + 1},
                    {"payload": BESIDE[beside]},
                    {"payload": b"\x7d" + head[1:] + bytes(2 * size)},
                )[odd]
            out.append(packet(**made))  # type: ignore[arg-type]
    return out


def track(codec: Codec, sink: Sink, payload_type: int | None) -> RtpTrack:
    info = TrackInfo(1, codec, 90_000)
    return RtpTrack(info, RunAxis(), sink, window=None, payload_type=payload_type)


@given(
    codec=st.sampled_from(sorted(MIDDLE)),
    pictures=st.lists(parts, min_size=1, max_size=5),
    first=st.sampled_from((0, 100, 65_520, 65_530)),
    cuts=st.lists(st.integers(0, 4000), max_size=4),
    payload_type=st.sampled_from((None, 96)),
)
def test_runs_bring_what_single_packets_bring(
    codec: Codec, pictures: list[Part], first: int, cuts: list[int], payload_type: int | None
) -> None:
    sent = packets(codec, pictures, first)
    one_by_one, in_runs = Sink(), Sink()
    single, many = track(codec, one_by_one, payload_type), track(codec, in_runs, payload_type)
    for one in sent:
        single.receive(one, at(0))
    buffer = bytearray(b"".join(struct.pack("!cBH", b"$", 0, len(one)) + one for one in sent))
    done = 0
    for fill in [*sorted(min(cut, len(buffer)) for cut in cuts), len(buffer)]:
        before = -1
        while done != before and done + 2 <= fill:
            before, done = done, many.receive_interleaved(buffer, memoryview(buffer), done, fill, at(0))
    assert done == len(buffer)
    single.end()
    many.end()
    assert in_runs.units == one_by_one.units
    assert in_runs.losses == one_by_one.losses
    assert in_runs.complaints == one_by_one.complaints
