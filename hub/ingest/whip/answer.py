"""What the hub takes of an offer, and how it says so. Pure.

One audio and one video section at most, H.264 alone for video (in any profile and packetization mode, RFC 6184 §8.1),
Opus or G.711 for audio, all in one bundle, received only. The chosen codec's own fmtp is echoed: some senders
intersect it with theirs word by word.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hub.errors import InvalidRequest
from hub.ingest.whip.candidates import RemoteCandidate
from hub.ingest.whip.sdp import Offer, OfferedCodec, OfferedMedia, usable_fingerprints
from hub.model import Codec, ParameterSets, TrackInfo

TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

SCTP_PORT = 5000
MAX_MESSAGE_BYTES = 16_384
"""The longest message that the hub takes on a data channel: any implementation sends it (RFC 8831 §6.6)."""

_PROTOCOLS = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"})
_AUDIO = {
    ("OPUS", 48000, 2): Codec.OPUS,
    ("PCMA", 8000, 1): Codec.PCMA,
    ("PCMU", 8000, 1): Codec.PCMU,
}
_FEEDBACK = ("nack", "nack pli", "ccm fir", "transport-cc", "goog-remb")
"""What the hub sends, in the order of the answer; of the last two, one."""
START_KBIT_PER_S = "2000"
"""What libwebrtc begins with (it knows this parameter in the answer). On its own it begins with 300: measured with
Chromium, 320x180 for four seconds and 540p only after fourteen, instead of 540p at once and 720p after eight."""
_H264_ECHOED = {
    "level-asymmetry-allowed": re.compile("[01]"),
    "packetization-mode": re.compile("[012]"),
    "profile-level-id": re.compile("[0-9a-fA-F]{6}"),
}


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """Our end: ICE credentials, SHA-256 fingerprints and host candidates as (ip, port, priority, foundation)."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    candidates: tuple[tuple[str, int, int, str], ...]


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """The publisher's end of the bundle: what its first accepted section says (RFC 8843 §7.3)."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    dtls_server: bool
    """The hub is the DTLS server (``a=setup:passive`` in the answer)."""
    ice_lite: bool
    candidates: tuple[RemoteCandidate, ...]


@dataclass(frozen=True, slots=True)
class AcceptedTrack:
    """A section the hub receives. ``payload_types``: every one that carries the codec, also those not answered,
    since some senders use another than they were told."""

    info: TrackInfo
    section: int
    codec: OfferedCodec
    payload_types: frozenset[int]
    feedback: tuple[str, ...]
    transport_cc: int
    """Id of the transport-wide sequence number header extension; 0: not used."""
    reduced_size: bool
    """RTCP may come without a leading report (RFC 5506)."""


@dataclass(frozen=True, slots=True)
class AcceptedData:
    """The section of the data channels, beside the media and never without it. The publisher's SCTP port, and the
    longest message it takes (0: any)."""

    section: int
    sctp_port: int
    max_message_bytes: int


@dataclass(frozen=True, slots=True)
class Negotiated:
    """The outcome: at least one track. ``complaints`` are (code, message) of what was left out."""

    offer: Offer
    tracks: tuple[AcceptedTrack, ...]
    remote: RemoteTransport
    complaints: tuple[tuple[str, str], ...]
    data: AcceptedData | None = None

    @property
    def sections(self) -> list[int]:
        """The accepted sections, in the order of the offer."""
        return sorted([track.section for track in self.tracks] + ([self.data.section] if self.data else []))


def negotiate(offer: Offer) -> Negotiated:
    """Choose sections and codecs. Raises InvalidRequest with the codes ``no_media`` (nothing is sent), ``no_h264``
    (video, but none we record), ``no_audio_codec`` (sound alone, and none we record), ``too_many_tracks`` (two of a
    kind) and ``unsupported_sdp`` (no bundle, no RTCP multiplexing, no usable fingerprint or ICE credentials)."""
    sending = [(index, media) for index, media in enumerate(offer.media) if media.sends]
    sending = [(index, media) for index, media in sending if media.kind in ("audio", "video")]
    if not sending:
        raise InvalidRequest("expected an audio or video section that sends (sendonly or sendrecv)", code="no_media")
    for kind in ("audio", "video"):
        if sum(media.kind == kind for _, media in sending) > 1:
            raise InvalidRequest(f"expected one {kind} track in an offer, found several", code="too_many_tracks")
    tracks: list[AcceptedTrack] = []
    complaints: list[tuple[str, str]] = []
    for index, media in sending:
        track = _accept(len(tracks) + 1, index, media)
        if track is not None:
            tracks.append(track)
            continue
        names = ", ".join(sorted({codec.name for codec in media.codecs})) or "none"
        if media.kind == "video":
            raise InvalidRequest(f"expected H264 among the video codecs of the offer, found {names}", code="no_h264")
        complaints.append(("whip_audio_refused", f"expected OPUS, PCMA or PCMU, found {names}: sound is not recorded"))
    if not tracks:
        raise InvalidRequest(complaints[0][1], code="no_audio_codec")
    chosen = [offer.media[track.section] for track in tracks]
    _check_transport(offer, chosen)
    data = _data(offer)
    first = chosen[0] if data is None else offer.media[min(data.section, tracks[0].section)]
    return Negotiated(offer, tuple(tracks), _remote(offer, first), tuple(complaints), data)


def _data(offer: Offer) -> AcceptedData | None:
    """The first section of data channels that travels in the bundle; others are rejected in the answer, as one that
    could not carry the bundle: a broken channel costs no media."""
    for index, media in enumerate(offer.media):
        whole = media.ufrag and media.password and media.setup and usable_fingerprints(media)
        if media.takes_data and whole and media.mid and media.mid in offer.bundle:
            return AcceptedData(index, media.sctp_port, media.max_message_bytes)
    return None


def _check_transport(offer: Offer, chosen: list[OfferedMedia]) -> None:
    for media in chosen:
        if media.protocol not in _PROTOCOLS:
            raise InvalidRequest(f"expected UDP/TLS/RTP/SAVPF, found {media.protocol}", code="unsupported_sdp")
        if not media.rtcp_mux:
            raise InvalidRequest("expected a=rtcp-mux in every section (RFC 9725 §4.4)", code="unsupported_sdp")
        if len(chosen) > 1 and (not media.mid or media.mid not in offer.bundle):
            raise InvalidRequest("expected a=group:BUNDLE with every section (RFC 9725 §4.4.1)", code="unsupported_sdp")


def _remote(offer: Offer, first: OfferedMedia) -> RemoteTransport:
    fingerprints = usable_fingerprints(first)
    if not fingerprints:
        raise InvalidRequest(
            "expected a=fingerprint with sha-256, sha-384 or sha-512: media travels under DTLS-SRTP",
            code="unsupported_sdp",
        )
    if not first.ufrag or not first.password:
        raise InvalidRequest("expected a=ice-ufrag and a=ice-pwd", code="unsupported_sdp")
    if first.setup not in ("actpass", "active", "passive"):
        raise InvalidRequest(f"expected a=setup:actpass, found {first.setup!r}", code="unsupported_sdp")
    return RemoteTransport(
        first.ufrag,
        first.password,
        fingerprints,
        first.setup != "passive",
        offer.ice_lite,
        tuple(dict.fromkeys(first.candidates)),
    )


def _accept(track_id: int, section: int, media: OfferedMedia) -> AcceptedTrack | None:
    """The track of a section, by the publisher's own preference; None if it offers nothing that is recorded."""
    usable = [(codec, kind) for codec in media.codecs if (kind := _kind_of(codec, media.kind)) is not None]
    if not usable:
        return None
    # A picture of one NAL unit per packet (mode 0) cannot aggregate or split: second choice, whatever its place.
    usable.sort(key=lambda pair: pair[1] is Codec.H264 and pair[0].parameters.get("packetization-mode", "0") == "0")
    codec, kind = usable[0]
    info = TrackInfo(
        track_id,
        kind,
        codec.clock_rate_hz,
        channels=codec.channels,
        parameter_sets=_parameter_sets(codec.parameters) if kind is Codec.H264 else None,
    )
    extension = media.extensions.get(TRANSPORT_CC, 0)
    use_extension = "transport-cc" in codec.feedback and 0 < extension < 15
    unused = "goog-remb" if use_extension else "transport-cc"
    feedback = tuple(name for name in _FEEDBACK if name in codec.feedback and name != unused)
    return AcceptedTrack(
        info,
        section,
        codec,
        frozenset(other.payload_type for other, other_kind in usable if other_kind is kind),
        feedback,
        extension if use_extension else 0,
        media.rtcp_rsize,
    )


def _kind_of(codec: OfferedCodec, kind: str) -> Codec | None:
    if kind == "video":
        return Codec.H264 if codec.name == "H264" and codec.clock_rate_hz == 90000 else None
    return _AUDIO.get((codec.name, codec.clock_rate_hz, codec.channels))


def _parameter_sets(parameters: Mapping[str, str]) -> ParameterSets | None:
    """``sprop-parameter-sets`` (RFC 6184 §8.2.1), as far as it can be read."""
    sps: list[bytes] = []
    pps: list[bytes] = []
    for text in parameters.get("sprop-parameter-sets", "").split(","):
        try:
            unit = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(unit) >= 2:
            kind = unit[0] & 0x1F
            if kind == 7:
                sps.append(unit)
            elif kind == 8:
                pps.append(unit)
    return ParameterSets(tuple(sps), tuple(pps)) if sps and pps else None


# ---------------------------------------------------------------------------------- the answer


def write_answer(agreed: Negotiated, local: LocalTransport, session_number: int) -> str:
    """The SDP answer, every line ended by CRLF. ``session_number`` is the ``o=`` id, below 2**62."""
    by_section = {track.section: track for track in agreed.tracks}
    taken = agreed.sections
    bundle = [agreed.offer.media[index].mid for index in taken if agreed.offer.media[index].mid]
    setup = "passive" if agreed.remote.dtls_server else "active"
    lines = ["v=0", f"o=- {session_number} 0 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if agreed.offer.bundle and bundle:
        lines.append(f"a=group:BUNDLE {' '.join(bundle)}")
    for index, media in enumerate(agreed.offer.media):
        track = by_section.get(index)
        if index not in taken:
            lines.append(f"m={media.kind} 0 {media.protocol} {media.formats[0]}")
            lines.append("c=IN IP4 0.0.0.0")
            lines.append("a=inactive")
            if media.mid:
                lines.append(f"a=mid:{media.mid}")
            continue
        lines.extend(_data_section(media, local) if track is None else _section(media, track, local))
        lines.extend(_transport(local, setup))
        if index == taken[0]:
            lines.extend(_candidates(local))
    return "\r\n".join(lines) + "\r\n"


def _head(media: OfferedMedia, form: str, local: LocalTransport) -> Iterator[str]:
    host, port, _, _ = local.candidates[0]
    yield f"m={media.kind} {port} {media.protocol} {form}"
    yield f"c=IN IP{6 if ':' in host else 4} {host}"
    if media.mid:
        yield f"a=mid:{media.mid}"


def _data_section(media: OfferedMedia, local: LocalTransport) -> Iterator[str]:
    yield from _head(media, media.formats[0], local)
    yield f"a=sctp-port:{SCTP_PORT}"
    yield f"a=max-message-size:{MAX_MESSAGE_BYTES}"


def _section(media: OfferedMedia, track: AcceptedTrack, local: LocalTransport) -> Iterator[str]:
    number = track.codec.payload_type
    yield from _head(media, str(number), local)
    yield "a=recvonly"
    yield "a=rtcp-mux"
    if track.reduced_size:
        yield "a=rtcp-rsize"
    if track.transport_cc:
        yield f"a=extmap:{track.transport_cc} {TRANSPORT_CC}"
    clock = f"{track.codec.clock_rate_hz}/2" if track.info.codec is Codec.OPUS else str(track.codec.clock_rate_hz)
    name = "opus" if track.info.codec is Codec.OPUS else track.codec.name
    yield f"a=rtpmap:{number} {name}/{clock}"
    for value in track.feedback:
        yield f"a=rtcp-fb:{number} {value}"
    parameters = _answered_parameters(track)
    if parameters:
        yield f"a=fmtp:{number} {parameters}"


def _transport(local: LocalTransport, setup: str) -> Iterator[str]:
    yield f"a=ice-ufrag:{local.ufrag}"
    yield f"a=ice-pwd:{local.password}"
    yield "a=ice-options:trickle"
    for algorithm, digest in local.fingerprints:
        yield f"a=fingerprint:{algorithm} {digest}"
    yield f"a=setup:{setup}"


def _candidates(local: LocalTransport) -> Iterator[str]:
    for host, port, priority, foundation in local.candidates:
        yield f"a=candidate:{foundation} 1 udp {priority} {host} {port} typ host"
    yield "a=end-of-candidates"


def _answered_parameters(track: AcceptedTrack) -> str:
    offered = track.codec.parameters
    if track.info.codec is Codec.H264:
        kept = {name: offered[name] for name, form in _H264_ECHOED.items() if form.fullmatch(offered.get(name, ""))}
        if track.transport_cc:
            kept["x-google-start-bitrate"] = START_KBIT_PER_S
        return ";".join(f"{name}={value}" for name, value in kept.items())
    if track.info.codec is Codec.OPUS:
        # usedtx=0: a pause in sound shall mean a fault, not a quiet room. stereo: what the sender has, it may send.
        stereo = "1" if offered.get("sprop-stereo", offered.get("stereo", "0")) == "1" else "0"
        return f"minptime=10;useinbandfec=1;stereo={stereo};usedtx=0"
    return ""
