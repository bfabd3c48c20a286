"""Offers and answers of WHIP: what is accepted, what is said, what is refused and how."""

from __future__ import annotations

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import InvalidRequest
from hub.ingest.whip.answer import LocalTransport, Negotiated, negotiate, write_answer
from hub.ingest.whip.candidates import parse_candidate, parse_fragment
from hub.ingest.whip.sdp import MAX_SDP_CHARS, parse_offer
from hub.model import Codec
from tests.unit import whip_offers as offers

LOCAL = LocalTransport("abcd", "x" * 22, (("sha-256", "AA:BB"),), (("127.0.0.1", 40000, 2130706431, "f0"),))


def accept(text: str) -> tuple[Negotiated, str]:
    agreed = negotiate(parse_offer(text))
    return agreed, write_answer(agreed, LOCAL, 42)


def refused(text: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        negotiate(parse_offer(text))
    return caught.value


def test_chromium_gets_h264_though_it_prefers_vp8() -> None:
    agreed, answer = accept(offers.CHROMIUM)
    audio, video = agreed.tracks
    assert (audio.info.id, audio.info.codec, audio.info.timescale, audio.info.channels) == (1, Codec.OPUS, 48000, 2)
    assert (video.info.id, video.info.codec, video.info.timescale) == (2, Codec.H264, 90000)
    assert video.codec.payload_type == 102
    assert video.payload_types == {102, 104, 108, 114, 116, 39}
    for name in ("VP8", "VP9", "AV1", "rtx", "red"):
        assert name not in answer
    assert "a=group:BUNDLE 0 1\r\n" in answer
    assert answer.count("a=recvonly\r\n") == 2
    assert "usedtx=0" in answer
    assert "a=setup:passive\r\n" in answer


def test_answer_is_sdp_that_another_reader_understands() -> None:
    _, answer = accept(offers.CHROMIUM)
    parsed = SessionDescription.parse(answer)
    assert [(media.kind, media.port, media.rtp.muxId) for media in parsed.media] == [
        ("audio", 40000, "0"),
        ("video", 40000, "1"),
    ]
    assert [codec.mimeType for codec in parsed.media[1].rtp.codecs] == ["video/H264"]
    assert parsed.media[0].ice_candidates[0].port == 40000
    assert parsed.media[0].ice_candidates_complete


@pytest.mark.parametrize("parameters", [offers.MAIN, offers.HIGH, offers.SINGLE_NAL, "profile-level-id=42001e", "x=1"])
def test_every_profile_and_packetization_mode_is_accepted(parameters: str) -> None:
    agreed, answer = accept(offers.offer(offers.video(parameters)))
    assert agreed.tracks[0].info.codec is Codec.H264
    for part in parameters.split(";"):
        echoed = part.startswith(("level-", "packetization-", "profile-"))
        assert (part in answer) == echoed


def test_packetization_mode_1_is_chosen_over_an_earlier_mode_0() -> None:
    section = offers.video(offers.SINGLE_NAL, number=96).replace("SAVPF 96", "SAVPF 96 97")
    section += "a=rtpmap:97 H264/90000\na=fmtp:97 packetization-mode=1;profile-level-id=42c01f\n"
    agreed, _ = accept(offers.offer(section))
    assert agreed.tracks[0].codec.payload_type == 97


def test_parameter_sets_of_the_offer_are_kept() -> None:
    agreed, _ = accept(offers.offer(offers.video(offers.HIGH)))
    sets = agreed.tracks[0].info.parameter_sets
    assert sets is not None
    assert (sets.sps[0][0] & 31, sets.pps[0][0] & 31) == (7, 8)


@pytest.mark.parametrize(
    ("line", "codec"),
    [("opus/48000/2", Codec.OPUS), ("PCMA/8000", Codec.PCMA), ("PCMU/8000/1", Codec.PCMU)],
)
def test_sound_alone_is_accepted(line: str, codec: Codec) -> None:
    agreed, answer = accept(offers.offer(offers.audio(line)))
    assert [track.info.codec for track in agreed.tracks] == [codec]
    assert "m=video" not in answer


def test_static_payload_types_need_no_rtpmap() -> None:
    section = offers.audio("x", number=8).replace("a=rtpmap:8 x\n", "")
    agreed, answer = accept(offers.offer(section))
    assert agreed.tracks[0].info.codec is Codec.PCMA
    assert "a=rtpmap:8 PCMA/8000\r\n" in answer


def test_sound_in_another_codec_is_left_out_and_said() -> None:
    agreed, answer = accept(offers.offer(offers.video(offers.MAIN), offers.audio("G722/8000", number=9)))
    assert [track.info.codec for track in agreed.tracks] == [Codec.H264]
    assert agreed.complaints[0][0] == "whip_audio_refused"
    assert "G722" in agreed.complaints[0][1]
    assert "m=audio 0 UDP/TLS/RTP/SAVPF 9\r\n" in answer
    assert "a=group:BUNDLE 0\r\n" in answer


def test_receiving_sections_are_turned_down() -> None:
    receiving = offers.video(offers.MAIN, mid="2").replace("sendonly", "recvonly")
    agreed, answer = accept(offers.offer(offers.video(offers.MAIN), receiving))
    assert len(agreed.tracks) == 1
    assert "a=mid:2\r\n" in answer.partition("a=inactive")[2]


DATA = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=mid:1\na=sctp-port:5000\n"


def with_data(section: str = DATA, *, first: bool = False) -> str:
    """A video section and one of data channels; the BUNDLE group names the mids 0 and 1."""
    video = offers.video(offers.MAIN, mid="0")
    whole = offers.offer(*((DATA, video) if first else (video, DATA))).replace("BUNDLE 1 0", "BUNDLE 0 1")
    return whole.replace(DATA.replace("\n", "\r\n"), section.replace("\n", "\r\n"))


def test_data_channels_are_accepted_beside_media() -> None:
    agreed, answer = accept(with_data(DATA + "a=max-message-size:262144\n"))
    assert agreed.data is not None
    assert (agreed.data.section, agreed.data.sctp_port, agreed.data.max_message_bytes) == (1, 5000, 262144)
    section = answer.partition("m=application ")[2]
    assert section.startswith("40000 UDP/DTLS/SCTP webrtc-datachannel\r\n")
    for line in ("a=mid:1", "a=sctp-port:5000", "a=max-message-size:16384", "a=setup:passive"):
        assert f"{line}\r\n" in section
    assert "a=ice-pwd" in section
    assert "a=fingerprint" in section
    assert "a=candidate" not in section, "those of the bundle stand in its first section"
    assert "a=group:BUNDLE 0 1\r\n" in answer


def test_data_channels_may_come_first_and_then_carry_the_bundle() -> None:
    agreed, answer = accept(with_data(first=True))
    assert agreed.sections == [0, 1]
    assert "a=candidate" in answer.partition("m=application ")[2].partition("m=video")[0]
    assert answer.count("a=candidate") == 1


@pytest.mark.parametrize(
    "section",
    [
        DATA.replace("a=sctp-port:5000\n", ""),
        DATA.replace("5000", "0"),
        DATA.replace("5000", "70000"),
        DATA.replace("5000", "abc"),
        DATA.replace("webrtc-datachannel", "5000"),
        DATA.replace("UDP/DTLS/SCTP", "TCP/DTLS/SCTP"),
        DATA.replace("m=application 9", "m=application 0"),
        DATA.replace("a=mid:1", "a=mid:7"),
        DATA.replace("a=mid:1\n", ""),
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_data_channels_that_cannot_be_are_turned_down_and_cost_no_media(section: str, first: bool) -> None:
    agreed, answer = accept(with_data(section, first=first))
    assert agreed.data is None
    assert len(agreed.tracks) == 1
    assert "m=application 0 " in answer


def test_data_without_credentials_does_not_carry_the_bundle() -> None:
    whole = with_data(first=True)
    session, _, rest = whole.partition("a=ice-ufrag")
    credentials, _, sections = rest.partition("m=")
    agreed, _ = accept(f"{session}m={sections}a=ice-ufrag{credentials}")
    assert agreed.data is None
    assert len(agreed.tracks) == 1


def test_data_channels_alone_are_no_media() -> None:
    assert refused(with_data().replace("a=sendonly", "a=recvonly")).code == "no_media"


def test_dtls_role_follows_the_offer() -> None:
    base = offers.offer(offers.video(offers.MAIN))
    assert "a=setup:active\r\n" in accept(base.replace("actpass", "passive"))[1]
    assert "a=setup:passive\r\n" in accept(base.replace("actpass", "active"))[1]


def test_video_without_h264_is_refused_with_the_names() -> None:
    error = refused(offers.offer(offers.video("", codec="VP8"), offers.audio()))
    assert error.code == "no_h264"
    assert "VP8" in str(error)


@pytest.mark.parametrize("text", ["", "hello", '{"sdp": "v=0"}', "v=0\r\nnonsense\r\n", "v=0\r\nm=video\r\n"])
def test_a_body_that_is_no_sdp(text: str) -> None:
    assert refused(text).code == "bad_sdp"


def test_an_sdp_too_long() -> None:
    assert refused("v=0\r\n" + "a=x\r\n" * MAX_SDP_CHARS).code == "bad_sdp"


def test_offers_that_cannot_be_served() -> None:
    good = offers.offer(offers.video(offers.MAIN), offers.audio())
    assert refused("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n").code == "no_media"
    assert refused(good.replace("a=sendonly", "a=recvonly")).code == "no_media"
    assert refused(offers.offer(offers.audio("G729/8000", number=18))).code == "no_audio_codec"
    assert refused(good.replace("a=rtcp-mux\r\n", "")).code == "unsupported_sdp"
    assert refused(good.replace("a=group:BUNDLE 0 1\r\n", "")).code == "unsupported_sdp"
    assert refused(good.replace("fingerprint:sha-256", "fingerprint:sha-1")).code == "unsupported_sdp"
    assert refused(good.replace("a=ice-pwd", "a=x-ice-pwd")).code == "unsupported_sdp"
    assert refused(good.replace("a=setup:actpass", "a=setup:holdconn")).code == "unsupported_sdp"
    assert refused(good.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")).code == "unsupported_sdp"
    two = offers.offer(offers.video(offers.MAIN), offers.video(offers.MAIN, mid="1"))
    assert refused(two).code == "too_many_tracks"


def test_candidates_with_no_use_are_passed_over() -> None:
    good = "1 1 udp 2122260223 192.0.2.7 50000 typ host generation 0"
    found = parse_candidate("candidate:" + good)
    assert found is not None
    assert (found.host, found.port, found.type) == ("192.0.2.7", 50000, "host")
    assert parse_candidate(good.replace("udp", "tcp")) is None
    assert parse_candidate(good.replace("1 1 udp", "1 2 udp")) is None
    assert parse_candidate(good.replace("192.0.2.7", "7f0e.local")) is None
    assert parse_candidate(good.replace("50000", "70000")) is None
    assert parse_candidate(good.replace("192.0.2.7", "0.0.0.0")) is None


def test_a_trickled_fragment() -> None:
    fragment = parse_fragment(
        "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
        "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n"
    )
    assert (fragment.ufrag, len(fragment.candidates)) == ("EsAw", 1)


@pytest.mark.parametrize("text", ["", "hello", "m=audio 9 x 0\r\n"])
def test_a_fragment_that_is_none(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_fragment(text)
    assert caught.value.code == "bad_sdp"


LINES = offers.CHROMIUM.splitlines() + DATA.splitlines() + ["a=max-message-size:262144"]


@st.composite
def broken_offers(draw: st.DrawFn) -> str:
    """Chromium's offer with lines dropped, doubled, cut and overwritten."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 8))):
        index = draw(st.integers(0, len(lines) - 1))
        action = draw(st.sampled_from(["drop", "double", "cut", "junk", "splice"]))
        if action == "drop" and len(lines) > 1:
            del lines[index]
        elif action == "double":
            lines.insert(index, draw(st.sampled_from(LINES)))
        elif action == "cut":
            lines[index] = lines[index][: draw(st.integers(0, 12))]
        elif action == "junk":
            lines[index] = lines[index].partition(":")[0] + ":" + draw(st.text(max_size=30))
        else:
            lines[index] = lines[index].replace("1", draw(st.text(max_size=4)))
    return "\r\n".join(lines)


CODES = {"bad_sdp", "no_media", "no_h264", "no_audio_codec", "too_many_tracks", "unsupported_sdp"}


def outcome(text: str) -> str:
    """The code of the refusal, or the answer."""
    try:
        agreed = negotiate(parse_offer(text))
    except InvalidRequest as error:
        return error.code
    return write_answer(agreed, LOCAL, 1)


@settings(max_examples=150, deadline=None)
@given(broken_offers() | st.text(max_size=200).map(lambda text: "v=0\r\n" + text))
def test_no_offer_raises_anything_but_its_error(text: str) -> None:
    found = outcome(text)
    if found not in CODES:
        assert all(len(line) >= 3 and line[1] == "=" for line in found.split("\r\n")[:-1])
        assert "\n" not in found.replace("\r\n", "")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300) | st.lists(st.sampled_from(LINES) | st.text(max_size=60)).map("\r\n".join))
def test_no_fragment_raises_anything_but_its_error(text: str) -> None:
    try:
        parse_fragment(text)
    except InvalidRequest as error:
        if error.code != "bad_sdp":
            raise


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_no_candidate_line_raises(text: str) -> None:
    parse_candidate(text)
    parse_candidate(f"1 1 udp 1 {text} 5 typ host")
