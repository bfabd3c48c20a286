"""The session description (RFC 4566/8866) of an RTSP server: which tracks there are and where to ask for them.

Lenient towards what cameras write (bare line feeds, missing ``rtpmap`` of static types, relative and
absolute control URLs), strict about what is used: a track the hub cannot record says why.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field, replace

from hub.bitstream.audio import parse_aac_config
from hub.errors import MediaError
from hub.model import Codec, ParameterSets, TrackInfo

MAX_SDP_BYTES = 1 << 16
MAX_MEDIA = 32
_STATIC: dict[int, tuple[str, int, int]] = {0: ("PCMU", 8000, 1), 8: ("PCMA", 8000, 1)}
"""Payload types whose meaning RFC 3551 §6 fixes."""
_CODECS = {
    "H264": Codec.H264,
    "H265": Codec.H265,
    "HEVC": Codec.H265,
    "MPEG4-GENERIC": Codec.AAC,
    "OPUS": Codec.OPUS,
    "PCMA": Codec.PCMA,
    "PCMU": Codec.PCMU,
}
_MAX_RATE = 1_000_000
_AUTHORITY_END = re.compile(r"[/?#]")


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One ``m=`` section. ``info`` is None where the hub cannot record it, and ``why_not`` says why.

    ``name`` is what the session calls the codec; ``control`` the absolute URL for SETUP.
    """

    kind: str
    payload_type: int
    name: str
    control: str
    info: TrackInfo | None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """``control`` is the aggregate URL for PLAY, TEARDOWN and keepalives."""

    control: str
    media: tuple[MediaDescription, ...]


@dataclass(slots=True)
class _Section:
    """The lines of one ``m=`` section, or of the session in front of the first."""

    media: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def first(self, name: str) -> str | None:
        return next((value for key, value in self.attributes if key == name), None)

    def by_payload(self, name: str) -> dict[int, str]:
        """``a=name:<payload type> <rest>`` of all payload types."""
        found: dict[int, str] = {}
        for key, value in self.attributes:
            number, _, rest = value.partition(" ")
            if key == name and number.isascii() and number.isdigit():
                found.setdefault(int(number), rest.strip())
        return found


def parse_session(sdp: str, base_url: str) -> tuple[MediaDescription, ...]:
    """The media of ``sdp``, in its order. Raises MediaError (``sdp``)."""
    return parse_description(sdp, base_url).media


def parse_description(sdp: str, base_url: str) -> SessionDescription:
    """Session and media. ``base_url``: Content-Base, Content-Location or the request's URL, in that
    order (RFC 2326 §C.1.1). Raises MediaError (``sdp``) for what is no SDP or too large."""
    if len(sdp) > MAX_SDP_BYTES:
        raise MediaError(f"session description of {len(sdp)} characters, at most {MAX_SDP_BYTES}", code="sdp")
    session, sections = _split(sdp)
    if len(sections) > MAX_MEDIA:
        raise MediaError(f"session description with {len(sections)} media, at most {MAX_MEDIA}", code="sdp")
    aggregate = control_url(base_url, session.first("control"))
    # Tracks are relative to the aggregate URL when the session names one that is absolute.
    base = aggregate if "://" in (session.first("control") or "") else base_url
    media = []
    next_id = 1
    for section in sections:
        description = _describe(section, base)
        if description.info is not None:
            description = replace(description, info=replace(description.info, id=next_id))
            next_id += 1
        media.append(description)
    return SessionDescription(aggregate, tuple(media))


def control_url(base: str, control: str | None) -> str:
    """The URL that ``a=control`` names. ``*`` and nothing are the base itself.

    A relative one is appended, not resolved: RFC 2326 §C.1.1 has it resolved, yet servers that put a
    query into the base or leave its trailing slash out mean the former (ffmpeg and live555 append too).
    """
    control = (control or "").strip()
    if control in ("", "*"):
        return base
    if "://" in control:
        return control
    scheme, _, rest = base.partition("://")
    if control.startswith("//"):
        return f"{scheme}:{control}"
    if control.startswith("/"):
        # Some name the whole path again.
        return f"{scheme}://{_AUTHORITY_END.split(rest, maxsplit=1)[0]}{control}"
    if control.startswith("?"):
        return base.rstrip("/") + control
    return base + control if base.endswith("/") else f"{base}/{control}"


def _split(sdp: str) -> tuple[_Section, list[_Section]]:
    session = _Section()
    sections: list[_Section] = []
    lines = [line.strip() for line in re.split(r"[\r\n]+", sdp.strip("\ufeff\0 \r\n\t"))]
    if not lines or not lines[0].startswith("v="):
        raise MediaError("expected a session description that begins with v=0", code="sdp")
    for line in lines:
        kind, equals, value = line.partition("=")
        if not equals or len(kind) != 1:
            continue
        if kind == "m":
            sections.append(_Section(media=value.split()))
        elif kind == "a":
            name, _, rest = value.partition(":")
            (sections[-1] if sections else session).attributes.append((name.strip().lower(), rest.strip()))
    return session, sections


def _describe(section: _Section, base: str) -> MediaDescription:
    control = control_url(base, section.first("control"))
    kind = section.media[0].lower() if section.media else ""
    formats = [int(text) for text in section.media[3:] if text.isascii() and text.isdigit() and len(text) <= 3]
    nothing = MediaDescription(kind, formats[0] if formats else -1, kind, control, None)
    if kind not in ("video", "audio"):
        return replace(nothing, why_not=f"{kind or 'nameless'} media are not recorded")
    if section.first("sendonly") is not None:
        return replace(nothing, why_not="a back channel for sound to the camera")
    if not formats or "RTP/" not in section.media[2].upper():
        return replace(nothing, why_not=f"expected RTP, found m={' '.join(section.media)[:80]}")
    if "SAVP" in section.media[2].upper():
        return replace(nothing, why_not="the media are encrypted (SRTP), which is not supported over RTSP")
    rtpmaps, parameters = section.by_payload("rtpmap"), section.by_payload("fmtp")
    first: MediaDescription | None = None
    for payload_type in formats:
        found = _format(nothing, payload_type, rtpmaps.get(payload_type), parameters.get(payload_type, ""))
        if found.info is not None:
            return found
        first = first or found
    return first or nothing


def _format(nothing: MediaDescription, payload_type: int, rtpmap: str | None, fmtp: str) -> MediaDescription:
    """One payload type of a section."""
    parsed = _rtpmap(rtpmap) if rtpmap else _STATIC.get(payload_type)
    if parsed is None:
        return replace(nothing, payload_type=payload_type, why_not=f"payload type {payload_type} is not described")
    name, rate, channels = parsed
    found = replace(nothing, payload_type=payload_type, name=name)
    codec = _CODECS.get(name.upper())
    if codec is None or codec.kind != nothing.kind:
        taken = ", ".join(sorted(set(_CODECS.values())))
        return replace(found, why_not=f"codec {name} is not among {taken}")
    try:
        return replace(found, info=_track(codec, rate, channels, _parameters(fmtp)))
    except MediaError as error:
        return replace(found, why_not=str(error))


def _rtpmap(value: str) -> tuple[str, int, int] | None:
    """``H264/90000``, ``opus/48000/2``: name, clock rate, channels."""
    name, _, rest = value.split()[0].partition("/") if value.split() else ("", "", "")
    rate, _, channels = rest.partition("/")
    if not name or not rate.isascii() or not rate.isdigit() or not 0 < int(rate[:9]) <= _MAX_RATE:
        return None
    return name, int(rate), int(channels[:3]) if channels.isascii() and channels.isdigit() else 1


def _parameters(fmtp: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in fmtp.split(";"):
        key, _, value = part.strip().partition("=")
        if key:
            found.setdefault(key.lower(), value.strip())
    return found


def _track(codec: Codec, rate: int, channels: int, fmtp: dict[str, str]) -> TrackInfo:
    """Raises MediaError where the hub cannot take this variant of the codec."""
    match codec:
        case Codec.H264:
            if fmtp.get("packetization-mode") == "2":
                raise MediaError("H.264 in interleaved mode (packetization-mode=2) is not supported", code="sdp")
            return TrackInfo(0, codec, rate, parameter_sets=_h264_sets(fmtp))
        case Codec.H265:
            if fmtp.get("sprop-max-don-diff", "0") != "0" or fmtp.get("tx-mode", "SRST").upper() != "SRST":
                raise MediaError("H.265 in another than decoding order (DONL fields) is not supported", code="sdp")
            return TrackInfo(0, codec, rate, parameter_sets=_h265_sets(fmtp))
        case Codec.AAC:
            return _aac(rate, channels, fmtp)
        case Codec.OPUS:
            stereo = channels >= 2 and fmtp.get("sprop-stereo", "1") != "0"
            return TrackInfo(0, codec, rate, channels=2 if stereo else 1)
        case _:
            return TrackInfo(0, codec, rate, channels=channels or 1)


def _aac(rate: int, channels: int, fmtp: dict[str, str]) -> TrackInfo:
    """RFC 3640 §4.1, mode AAC-hbr alone."""
    shape = tuple(fmtp.get(key, "0") for key in ("sizelength", "indexlength", "indexdeltalength"))
    if fmtp.get("mode", "").lower() != "aac-hbr" or shape != ("13", "3", "3"):
        raise MediaError(f"AAC in mode {fmtp.get('mode', 'unnamed')!r}, expected AAC-hbr with 13, 3, 3", code="sdp")
    try:
        config = bytes.fromhex(fmtp.get("config", ""))
    except ValueError as error:
        raise MediaError("the AAC config is no hexadecimal number", code="sdp") from error
    parsed = parse_aac_config(config)
    return TrackInfo(0, Codec.AAC, rate, channels=parsed.channels or channels, config=config)


def _h264_sets(fmtp: dict[str, str]) -> ParameterSets | None:
    """``sprop-parameter-sets`` (RFC 6184 §8.1); what is no base64 is left out: sets come in band too."""
    nals = _decode_all(fmtp.get("sprop-parameter-sets", ""))
    sps = tuple(nal for nal in nals if nal[0] & 0x1F == 7)
    pps = tuple(nal for nal in nals if nal[0] & 0x1F == 8)
    return ParameterSets(sps, pps) if sps or pps else None


def _h265_sets(fmtp: dict[str, str]) -> ParameterSets | None:
    """``sprop-vps``, ``-sps``, ``-pps`` (RFC 7798 §7.1)."""
    vps, sps, pps = (tuple(_decode_all(fmtp.get(f"sprop-{kind}", ""))) for kind in ("vps", "sps", "pps"))
    return ParameterSets(sps, pps, vps) if vps or sps or pps else None


def _decode_all(text: str) -> list[bytes]:
    nals = []
    for part in text.split(","):
        try:
            nal = base64.b64decode(part.strip() + "=" * (-len(part.strip()) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        # Some encoders leave the start code in front.
        nal = nal.removeprefix(b"\0").removeprefix(b"\0\0\1")
        if nal:
            nals.append(nal)
    return nals
