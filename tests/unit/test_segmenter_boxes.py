"""Sample entries and what they are read from."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hub.bitstream import h264, h265
from hub.errors import MediaError
from hub.model import Codec, MediaKind, ParameterSets, TrackInfo
from hub.segmenter.init_segment import build_init
from hub.segmenter.sample_entries import describe
from hub.segmenter.scan import read_init
from tests.segmenter_media import AAC_INFO, OPUS_INFO, SETS_320, SETS_640, SETS_H265, VIDEO_INFO

H265_INFO = TrackInfo(1, Codec.H265, 90_000)
# Made with x264: 1920x1080 cropped from 1088 lines; an older window camera, interlaced 704x576 with SAR 12:11;
# 720x576 with the written-out SAR 64:45; ten bits
SPS_1080 = bytes.fromhex("67640028acd940780227e584000003000400000300c83c60c658")
SPS_PAL = bytes.fromhex("674d401eeca058126c0840000003004000000c87c50a6580")
SPS_WIDE = bytes.fromhex("674d401eeca05a0937fe0080005a20000003002000000641e2c5b2c0")
SPS_TEN = bytes.fromhex("676e001ea6cd940a02ff961000000300100000030320f162d960")


def test_h264_sps() -> None:
    sps = h264.parse_sps(SETS_320.sps[0])
    assert (sps.profile, sps.constraints, sps.level) == (66, 0xC0, 13)
    assert (sps.width, sps.height, sps.aspect) == (320, 240, (1, 1))
    assert (h264.parse_sps(SETS_640.sps[0]).width, h264.parse_sps(SETS_640.sps[0]).height) == (640, 360)


@pytest.mark.parametrize(
    ("nal", "size", "aspect", "shown"),
    [
        (SPS_1080, (1920, 1080), (1, 1), (1920, 1080)),
        (SPS_PAL, (704, 576), (12, 11), (768, 576)),
        (SPS_WIDE, (720, 576), (64, 45), (1024, 576)),
        (SPS_TEN, (640, 360), (1, 1), (640, 360)),
    ],
)
def test_sizes_as_coded_and_as_shown(
    nal: bytes, size: tuple[int, int], aspect: tuple[int, int], shown: tuple[int, int]
) -> None:
    sps = h264.parse_sps(nal)
    assert ((sps.width, sps.height), sps.aspect) == (size, aspect)
    entry = describe(VIDEO_INFO, ParameterSets((nal,), SETS_320.pps))
    assert entry.size == shown
    assert (b"pasp" in entry.data) == (aspect != (1, 1))


def test_h265_sps() -> None:
    sps = h265.parse_sps(SETS_H265.sps[0])
    assert (sps.width, sps.height, sps.chroma_format, sps.luma_depth) == (320, 240, 1, 8)
    assert sps.profile_tier_level == bytes.fromhex("016000000090000000000000" + "00")[:11] + b"\x3c"


@pytest.mark.parametrize(
    ("info", "sets", "mime"),
    [
        (VIDEO_INFO, SETS_320, 'video/mp4; codecs="avc1.42c00d"'),
        (VIDEO_INFO, SETS_640, 'video/mp4; codecs="avc1.4d401e"'),
        (H265_INFO, SETS_H265, 'video/mp4; codecs="hvc1.1.6.L60.90"'),
        (AAC_INFO, None, 'audio/mp4; codecs="mp4a.40.2"'),
        (replace(AAC_INFO, config=bytes.fromhex("2b118800")), None, 'audio/mp4; codecs="mp4a.40.5"'),
        (replace(AAC_INFO, config=b""), None, 'audio/mp4; codecs="mp4a.40.2"'),
        (OPUS_INFO, None, 'audio/mp4; codecs="opus"'),
        (TrackInfo(2, Codec.PCMA, 8000, 1), None, 'audio/mp4; codecs="flac"'),
    ],
)
def test_mime(info: TrackInfo, sets: ParameterSets | None, mime: str) -> None:
    assert describe(info, sets).mime == mime


def test_a_high_profile_carries_its_picture_format() -> None:
    for nal, depth in ((SPS_1080, 8), (SPS_TEN, 10)):
        entry = describe(VIDEO_INFO, ParameterSets((nal,), SETS_320.pps)).data
        record = entry[entry.index(b"avcC") + 4 :]
        assert record[:6] == b"\x01" + nal[1:4] + b"\xff\xe1"
        assert record.endswith(bytes((0xFD, 0xF8 | depth - 8, 0xF8 | depth - 8, 0)))


def test_an_init_segment_lists_its_tracks() -> None:
    init = build_init([(VIDEO_INFO, SETS_640), (AAC_INFO, None)])
    headers = read_init(init.data)
    assert [(h.id, h.kind, h.timescale, h.codec) for h in headers] == [
        (1, MediaKind.VIDEO, 90_000, "avc1"),
        (2, MediaKind.AUDIO, 48_000, "mp4a"),
    ]
    assert [[h.id for h in read_init(track.init)] for track in init.tracks] == [[1], [2]]


@pytest.mark.parametrize("sets", [None, ParameterSets(), ParameterSets(SETS_320.sps), ParameterSets((b"",), (b"h",))])
def test_incomplete_sets_are_refused(sets: ParameterSets | None) -> None:
    with pytest.raises(MediaError):
        describe(VIDEO_INFO, sets)


@examples(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 20), st.sampled_from(["h264", "h265", "any"]))
def test_any_parameter_set_raises_only_media_error(noise: bytes, keep: int, kind: str) -> None:
    info, base = (VIDEO_INFO, SETS_640.sps[0]) if kind != "h265" else (H265_INFO, SETS_H265.sps[0])
    sps = noise if kind == "any" else base[:keep] + noise
    try:
        entry = describe(info, ParameterSets((sps,), (b"h",), (b"v",)))
    except MediaError:
        return
    assert entry.size is not None
    read_init(build_init([(info, ParameterSets((sps,), (b"h",), (b"v",)))]).data)


@examples(max_examples=100, deadline=None)
@given(st.binary(max_size=8))
def test_any_audio_config_raises_only_media_error(config: bytes) -> None:
    with contextlib.suppress(MediaError):
        describe(replace(AAC_INFO, config=config), None)
