"""RTP payloads: cut as the RFCs say, and put together again to the same bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.demo.encode import CodedLoop, CodedUnit, split_annexb, split_lengths
from hub.demo.payloads import payloads_of, prepare
from hub.model import Codec

nals_h264 = st.lists(
    st.tuples(st.sampled_from([0x67, 0x68, 0x65, 0x41, 0x06]), st.integers(1, 400)).map(
        lambda made: bytes([made[0]]) + bytes(range(1, 256)) * 2 if made[1] > 300 else bytes([made[0]]) + b"x" * made[1]
    ),
    min_size=1,
    max_size=8,
)
nals_h265 = nals_h264.map(lambda nals: [bytes([(n[0] & 0x1F) << 1, 1]) + n[1:] for n in nals])


def sample(nals: list[bytes]) -> bytes:
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)


def rejoin(payloads: list[bytes], *, h265: bool) -> list[bytes]:
    """RFC 6184 §5 and RFC 7798 §4, told a second time."""
    size, stap, fragment = (2, 48, 49) if h265 else (1, 24, 28)
    nals: list[bytes] = []
    for payload in payloads:
        kind = payload[0] >> 1 & 0x3F if h265 else payload[0] & 0x1F
        if kind == stap:
            position = size
            while position < len(payload):
                length = int.from_bytes(payload[position : position + 2], "big")
                nals.append(payload[position + 2 : position + 2 + length])
                position += 2 + length
        elif kind == fragment:
            mark = payload[size]
            if mark & 0x80:
                kind = mark & 0x3F
                header = (
                    bytes([payload[0] & 0x81 | kind << 1, payload[1]]) if h265 else bytes([payload[0] & 0xE0 | kind])
                )
                nals.append(header)
            nals[-1] += payload[size + 1 :]
        else:
            nals.append(payload)
    return nals


@settings(max_examples=40)
@given(nals_h264, st.integers(20, 600))
def test_h264_comes_together_again(nals: list[bytes], mtu: int) -> None:
    payloads = payloads_of(Codec.H264, sample(nals), mtu)
    assert all(len(payload) <= mtu for payload in payloads)
    assert rejoin(payloads, h265=False) == nals


@settings(max_examples=40)
@given(nals_h265, st.integers(20, 600))
def test_h265_comes_together_again(nals: list[bytes], mtu: int) -> None:
    payloads = payloads_of(Codec.H265, sample(nals), mtu)
    assert all(len(payload) <= mtu for payload in payloads)
    assert rejoin(payloads, h265=True) == nals


def test_small_neighbours_share_a_packet() -> None:
    payloads = payloads_of(Codec.H264, sample([b"\x67abc", b"\x68d", b"\x65" + b"e" * 3000]), 1400)
    assert payloads[0][0] == 0x78  # STAP-A with the highest NRI
    assert [payload[:2].hex() for payload in payloads[1:]] == ["7c85", "7c05", "7c45"]


def test_aac_has_one_au_header() -> None:
    assert payloads_of(Codec.AAC, b"a" * 300, 1400) == [b"\x00\x10" + (300 << 3).to_bytes(2, "big") + b"a" * 300]


@pytest.mark.parametrize(("codec", "kind", "marked"), [(Codec.PCMA, 8, 0), (Codec.OPUS, 97, 0), (Codec.AAC, 97, 0x80)])
def test_types_and_markers_of_sound(codec: Codec, kind: int, marked: int) -> None:
    loop = CodedLoop(codec, 8000, 160, 1, (CodedUnit(b"sound", 0, True, 0),))
    assert prepare(loop).units[0].packets[0][0] == kind | marked


def test_sets_can_be_taken_out_of_the_pictures() -> None:
    nals = [b"\x67abc", b"\x68d", b"\x65eee"]
    loop = CodedLoop(Codec.H264, 90_000, 3600, 0, (CodedUnit(sample(nals), 0, True, 0),), tuple(nals[:2]))
    assert prepare(loop, sets="sdp").units[0].packets == ((0xE0, b"\x65eee"),)
    assert len(prepare(loop, sets="both").units[0].packets[0][1]) > 8


@given(st.lists(st.binary(min_size=1, max_size=20).map(lambda b: b.replace(b"\0", b"\1") + b"\x80"), max_size=6))
def test_annexb_comes_apart(nals: list[bytes]) -> None:
    stream = b"".join(b"\0\0\0\1" + nal for nal in nals)
    assert split_annexb(stream) == nals
    assert split_lengths(sample(nals)) == nals
