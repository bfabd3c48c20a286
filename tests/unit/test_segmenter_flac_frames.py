"""FLAC frames with other numbers, and an encoder that all streams share."""

from __future__ import annotations

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import MediaError
from hub.model import Codec, TrackInfo
from hub.segmenter.flac_frames import flac_silence, renumbered
from hub.segmenter.g711 import FlacEncoder, _Encoder, samples_of

A_LAW = TrackInfo(1, Codec.PCMA, 8000, 1)
PCM = TrackInfo(1, Codec.PCM, 16000, 2)


def slow_crc(data: bytes, polynomial: int, width: int) -> int:
    """Bit by bit, as RFC 9639 §9.1.8 and §9.3 say it."""
    value = 0
    for byte in data:
        for bit in range(7, -1, -1):
            top = value >> width - 1 & 1
            value = value << 1 & (1 << width) - 1
            if top ^ (byte >> bit & 1):
                value ^= polynomial
    return value


def parts(frame: bytes) -> tuple[int, bytes]:
    """Number and coded samples of a frame whose checksums are right."""
    assert slow_crc(frame[:-2], 0x8005, 16) == int.from_bytes(frame[-2:])
    length = max(1, 8 - (frame[4] ^ 0xFF).bit_length())
    number = frame[4] & (0x7F if length == 1 else (1 << max(7 - length, 0)) - 1)
    for byte in frame[5 : 4 + length]:
        assert byte >> 6 == 0b10
        number = number << 6 | byte & 0x3F
    at = 4 + length + {6: 1, 7: 2}.get(frame[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(frame[2] & 15, 0)
    assert slow_crc(frame[:at], 0x07, 8) == frame[at]
    return number, frame[at + 1 : -2]


@given(st.integers(0, (1 << 36) - 1), st.integers(1, 2), st.integers(1, 1600))
def test_any_number_with_right_checksums(number: int, channels: int, samples: int) -> None:
    silence = flac_silence(channels, samples)
    found, body = parts(renumbered(silence, number))
    assert found == number
    assert body == parts(silence)[1]


def test_there_and_back() -> None:
    silence = flac_silence(2, 576)
    assert renumbered(renumbered(silence, 123_456), 0) == silence


@given(st.binary(max_size=40))
def test_what_is_no_frame_is_refused_or_made_one(data: bytes) -> None:
    try:
        renumbered(data, 7)
    except MediaError:
        assert data[:2] != b"\xff\xf8" or len(data) < 10


@pytest.mark.parametrize("track", [A_LAW, PCM])
def test_streams_that_share_an_encoder_get_the_frames_of_their_own(track: TrackInfo) -> None:
    streams = [FlacEncoder(track), FlacEncoder(track)]
    alone = [_Encoder(track.timescale, track.channels) for _ in streams]
    for turn in range(200):  # numbers of one and of two bytes
        for which, stream in enumerate(streams):
            if which == 1 and turn % 3:
                continue
            words = bytes((turn * 7 + which * 31 + at * at) & 0xFF for at in range(stream.block_bytes))
            assert stream.encode(words) == alone[which].encode(stream._samples(words)), (turn, which)


def test_a_decoder_finds_every_sample_and_no_fault() -> None:
    stream = FlacEncoder(A_LAW)
    other = FlacEncoder(A_LAW)
    decoder = av.CodecContext.create("flac", "r")
    decoder.options = {"err_detect": "crccheck+explode"}
    decoder.extradata = (1600).to_bytes(2) * 2 + bytes(6) + (8000 << 44 | 15 << 36).to_bytes(8) + bytes(16)
    for turn in range(3):
        words = bytes((turn + at) & 0xFF for at in range(stream.block_bytes))
        other.encode(words[::-1])
        sizes = len(words) if turn < 2 else 333
        frame = stream.encode(words) if turn < 2 else stream.finish(words[:sizes])
        (decoded,) = decoder.decode(av.Packet(frame))  # type: ignore[attr-defined]
        assert decoded.to_ndarray().reshape(-1).tolist() == samples_of(Codec.PCMA)[list(words[:sizes])].tolist()
