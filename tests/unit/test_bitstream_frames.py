"""Headers of VP8, VP9 and AV1: what FFmpeg's own encoders wrote is read; any other bytes are an answer or an error."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.bitstream import av1, vpx
from hub.bitstream.bits import BitWriter
from hub.errors import MediaError
from hub.model import Codec, ParameterSets, TrackInfo
from hub.segmenter.sample_entries import describe


def coded(encoder: str, width: int, height: int, pixels: str, count: int = 3) -> Iterator[bytes]:
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt = width, height, pixels  # type: ignore[attr-defined]
    context.time_base = Fraction(1, 10)
    realtime = {"deadline": "realtime", "lag-in-frames": "0", "cpu-used": "8"}
    context.options = realtime if "vpx" in encoder else {"preset": "12"}
    frame = av.VideoFrame(width, height, pixels)
    for number in range(count):
        frame.pts = number
        yield from map(bytes, context.encode(frame))  # type: ignore[attr-defined]
    yield from map(bytes, context.encode(None))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("pixels", "profile", "depth", "sampling"),
    [("yuv420p", 0, 8, (1, 1)), ("yuv444p", 1, 8, (0, 0))],
)
def test_vp9(pixels: str, profile: int, depth: int, sampling: tuple[int, int]) -> None:
    first, *others = coded("libvpx-vp9", 322, 178, pixels)
    config = vpx.parse_vp9(first)
    assert config is not None
    assert (config.width, config.height) == (322, 178)
    assert (config.profile, config.bit_depth, config.subsampling) == (profile, depth, sampling)
    assert [vpx.parse_vp9(other) for other in others] == [None, None]
    assert vpx.VpxConfig.unpack(config.pack()) == config
    entry = describe(TrackInfo(1, Codec.VP9, 90_000), ParameterSets((config.pack(),)))
    assert entry.mime == f'video/mp4; codecs="vp09.{profile:02d}.11.{depth:02d}"'
    assert entry.size == (322, 178)


def test_vp9_of_ten_and_twelve_bits() -> None:
    writer = BitWriter().put(0b1001_0010, 8).put(0x498342, 24).put(0, 1).put(5, 3).put(1, 1)
    config = vpx.parse_vp9(writer.put(1919, 16).put(1079, 16).put(0, 40).to_bytes())
    assert config == vpx.VpxConfig(1920, 1080, 2, 10, (1, 1), True, 5)
    assert config is not None
    assert describe(TrackInfo(1, Codec.VP9, 90_000), ParameterSets((config.pack(),))).mime.endswith('vp09.02.41.10"')
    writer = BitWriter().put(0b1011_0001, 8).put(0, 1).put(0x498342, 24).put(1, 1).put(1, 3).put(0, 1).put(2, 2)
    config = vpx.parse_vp9(writer.put(0, 1).put(63, 16).put(63, 16).put(0, 40).to_bytes())
    assert config == vpx.VpxConfig(64, 64, 3, 12, (1, 0), False, 1)


def test_vp8() -> None:
    first, *others = coded("libvpx", 320, 176, "yuv420p")
    config = vpx.parse_vp8(first)
    assert config == vpx.VpxConfig(320, 176)
    assert [vpx.parse_vp8(other) for other in others] == [None, None]
    entry = describe(TrackInfo(1, Codec.VP8, 90_000), ParameterSets((config.pack(),)))
    assert entry.mime == 'video/mp4; codecs="vp08.00.11.08"'


@pytest.mark.parametrize(("pixels", "depth"), [("yuv420p", 8), ("yuv420p10le", 10)])
def test_av1(pixels: str, depth: int) -> None:
    first = next(coded("libsvtav1", 320, 192, pixels))
    header = av1.sequence_header(first)
    assert header is not None
    config = av1.parse_sequence_header(header)
    assert (config.width, config.height, config.profile, config.bit_depth) == (320, 192, 0, depth)
    assert (config.mono, config.subsampling) == (False, (1, 1))
    entry = describe(TrackInfo(1, Codec.AV1, 90_000), ParameterSets((header,)))
    assert entry.mime == f'video/mp4; codecs="av01.0.{config.level:02d}M.{depth:02d}"'
    assert header in entry.data


@given(st.binary(max_size=60))
def test_any_bytes_are_a_header_none_or_a_media_error(data: bytes) -> None:
    for begin in (b"", b"\x82\x49\x83\x42", b"\x10\0\0\x9d\x01\x2a", b"\x0a", b"\x0a\x0b"):
        for read in (
            vpx.parse_vp8,
            vpx.parse_vp9,
            vpx.VpxConfig.unpack,
            av1.sequence_header,
            av1.parse_sequence_header,
        ):
            with contextlib.suppress(MediaError):
                read(begin + data)


@given(st.sampled_from([Codec.VP8, Codec.VP9, Codec.AV1]), st.binary(max_size=60))
def test_any_sets_are_a_sample_entry_or_a_media_error(codec: Codec, data: bytes) -> None:
    with contextlib.suppress(MediaError):
        describe(TrackInfo(1, codec, 90_000), ParameterSets((data,)))
