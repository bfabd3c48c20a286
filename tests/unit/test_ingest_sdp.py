"""Session descriptions as cameras write them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import MediaError
from hub.ingest.sdp import control_url, parse_description, parse_session
from hub.model import Codec, ParameterSets
from tests.unit.ingest_rtp import PPS, SPS_BASELINE

BASE = "rtsp://cam:554/live/ch1/"
HEAD = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=Media\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
SETS = ",".join(base64.b64encode(nal).decode() for nal in (SPS_BASELINE, PPS))


def test_a_camera_with_picture_sound_and_metadata() -> None:
    description = parse_description(
        HEAD
        + "a=control:*\r\nm=video 0 RTP/AVP 96\r\nb=AS:5000\r\na=control:trackID=1\r\na=rtpmap:96 H264/90000\r\n"
        + f"a=fmtp:96 profile-level-id=42c01e; packetization-mode=1; sprop-parameter-sets={SETS}\r\n"
        + "m=application 0 RTP/AVP 107\r\na=control:trackID=9\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n"
        + "m=audio 0 RTP/AVP 97\r\na=control:trackID=2\r\na=rtpmap:97 mpeg4-generic/16000/1\r\n"
        + "a=fmtp:97 streamtype=5;mode=AAC-hbr;config=1408;SizeLength=13;IndexLength=3;IndexDeltaLength=3\r\n",
        BASE,
    )
    video, metadata, sound = description.media
    assert description.control == BASE
    assert video.info is not None
    assert (video.info.id, video.info.codec, video.info.timescale) == (1, Codec.H264, 90_000)
    assert video.info.parameter_sets == ParameterSets((SPS_BASELINE,), (PPS,))
    assert metadata.info is None
    assert "not recorded" in metadata.why_not
    assert sound.info is not None
    assert (sound.info.id, sound.info.codec, sound.info.config) == (2, Codec.AAC, b"\x14\x08")
    assert (sound.info.timescale, sound.info.channels, sound.payload_type) == (16_000, 1, 97)
    assert sound.control == "rtsp://cam:554/live/ch1/trackID=2"


@pytest.mark.parametrize(
    ("lines", "codec", "channels", "rate"),
    [
        ("m=audio 0 RTP/AVP 0", Codec.PCMU, 1, 8000),
        ("m=audio 0 RTP/AVP 8\na=rtpmap:8 PCMA/8000", Codec.PCMA, 1, 8000),
        (
            "m=audio 0 RTP/AVP 101 98\na=rtpmap:101 telephone-event/8000\na=rtpmap:98 pcma/16000/2",
            Codec.PCMA,
            2,
            16_000,
        ),
        ("m=audio 0 RTP/AVP 111\na=rtpmap:111 opus/48000/2", Codec.OPUS, 2, 48_000),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000\na=fmtp:96 sprop-vps=QAE=", Codec.H265, 0, 90_000),
    ],
)
def test_codecs(lines: str, codec: Codec, channels: int, rate: int) -> None:
    (media,) = parse_session(f"v=0\n{lines}\n", BASE)
    assert media.info is not None
    assert (media.info.codec, media.info.channels, media.info.timescale) == (codec, channels, rate)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=2", "interleaved"),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000\na=fmtp:96 sprop-max-don-diff=2", "DONL"),
        ("m=audio 0 RTP/AVP 96\na=rtpmap:96 mpeg4-generic/48000\na=fmtp:96 mode=AAC-lbr", "AAC-hbr"),
        ("m=audio 0 RTP/AVP 96\na=rtpmap:96 H264/90000", "not among"),
        ("m=audio 0 RTP/AVP 0\na=sendonly", "back channel"),
        ("m=video 0 RTP/SAVP 96\na=rtpmap:96 H264/90000", "encrypted"),
        ("m=video 0 UDP 33", "expected RTP"),
    ],
)
def test_what_cannot_be_recorded_says_why(lines: str, words: str) -> None:
    (media,) = parse_session(f"v=0\n{lines}\n", BASE)
    assert media.info is None
    assert words in media.why_not


@pytest.mark.parametrize(
    ("base", "control", "expected"),
    [
        ("rtsp://c/a/", "trackID=1", "rtsp://c/a/trackID=1"),
        ("rtsp://c/a", "trackID=1", "rtsp://c/a/trackID=1"),
        ("rtsp://c/a", "*", "rtsp://c/a"),
        ("rtsp://c/a", None, "rtsp://c/a"),
        ("rtsp://c/a", "rtsp://d/b/track1", "rtsp://d/b/track1"),
        (
            "rtsp://c/cam/realmonitor?channel=1&subtype=0",
            "trackID=0",
            "rtsp://c/cam/realmonitor?channel=1&subtype=0/trackID=0",
        ),
        ("rtsp://c/a", "/a/track1", "rtsp://c/a/track1"),
        ("rtsp://c/a/", "?ctype=video", "rtsp://c/a?ctype=video"),
    ],
)
def test_control_urls(base: str, control: str | None, expected: str) -> None:
    assert control_url(base, control) == expected


def test_an_absolute_session_control_is_the_base_of_its_tracks() -> None:
    description = parse_description(
        "v=0\na=control:rtsp://inner/x/\nm=audio 0 RTP/AVP 0\na=control:track2\n", "rtsp://outer/x"
    )
    assert description.control == "rtsp://inner/x/"
    assert description.media[0].control == "rtsp://inner/x/track2"


def test_sets_that_are_no_base64_are_left_out() -> None:
    lines = f"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 sprop-parameter-sets=!!,{SETS}"
    (media,) = parse_session(f"v=0\n{lines}\n", BASE)
    assert media.info is not None
    assert media.info.parameter_sets == ParameterSets((SPS_BASELINE,), (PPS,))


LINES = st.sampled_from(
    [
        "m=video 0 RTP/AVP 96", "m=audio 0 RTP/AVP 97 0", "m=", "m=video", "a=rtpmap:96 H264/90000", "a=rtpmap:96",
        "a=rtpmap:97 mpeg4-generic/0/x", "a=rtpmap:97 opus/48000/2", "a=fmtp:96 sprop-parameter-sets=,,=;;=",
        "a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=zz", "a=control://",
        "a=control:[",
        "a=control:rtsp://[", "=", "a", "a=rtpmap:٣ H264/90000", "a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;"
        "indexdeltalength=3;config=",
    ]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(LINES, st.text(max_size=30)), max_size=12), st.booleans())
def test_any_text_is_a_description_or_a_media_error(lines: list[str], headed: bool) -> None:
    try:
        parse_session(("v=0\n" if headed else "") + "\n".join(lines), BASE)
    except MediaError:
        return


def test_limits() -> None:
    with pytest.raises(MediaError, match="media"):
        parse_session("v=0\n" + "m=audio 0 RTP/AVP 0\n" * 33, BASE)
    with pytest.raises(MediaError, match="characters"):
        parse_session("v=0\n" + "a=x\n" * 20_000, BASE)
