"""The offer a publisher posts, as far as the hub needs it, and the answer to it. Pure text in, text out.

RFC 8866 (SDP), RFC 9429 (JSEP), RFC 8843 (BUNDLE), RFC 8839 (ICE), RFC 8122 (fingerprints), RFC 6184 (H.264),
RFC 7587 (Opus), RFC 9725 §4.4 (what WHIP leaves of them). Every parser here raises InvalidRequest and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from hub.errors import InvalidRequest
from hub.ingest.whip.candidates import RemoteCandidate, parse_candidate

MAX_SDP_CHARS = 128 * 1024
"""Chromium's largest offers stay below 10 KiB; whatever is larger is not worth reading."""
MAX_SECTIONS = 32
MAX_CANDIDATES = 64
"""A phone offers about ten. Each may cost the hub a connectivity check to an address the offer chose."""

DEFAULT_MESSAGE_BYTES = 65_536
"""What a peer takes in one data channel message unless it says otherwise (RFC 8841 §6)."""

_FINGERPRINT_HASHES = frozenset({"sha-256", "sha-384", "sha-512"})
_DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
_FLAGS = {"bundle-only": "bundle_only", "rtcp-mux": "rtcp_mux", "rtcp-rsize": "rtcp_rsize"}
_NUMBERS = {"sctp-port": "sctp_port", "max-message-size": "max_message_bytes"}
_NUMBER = re.compile(r"\d{1,10}", re.ASCII)
_TOKENS = {"ice-ufrag": "ufrag", "ice-pwd": "password", "mid": "mid"}
_EXTENSION = re.compile(r"(\d{1,5})(?:/[a-z]+)? (\S{1,200})(?: .*)?", re.ASCII)
_M_LINE = re.compile(r"([a-z]+) (\d{1,5})(?:/\d+)? ([A-Za-z0-9/]+)((?: \S+)+)", re.ASCII)
_TOKEN = re.compile(r"[!-~]{1,256}")
_STATIC = {0: ("PCMU", 8000, 1), 8: ("PCMA", 8000, 1)}
"""RFC 3551 §6: payload types that need no rtpmap."""


@dataclass(frozen=True, slots=True)
class OfferedCodec:
    """One payload type of a section. ``name`` is upper case; ``channels`` is 0 for video."""

    payload_type: int
    name: str
    clock_rate_hz: int
    channels: int
    parameters: Mapping[str, str]
    feedback: frozenset[str]
    """``rtcp-fb`` values that hold for it: ``nack``, ``nack pli``, ``ccm fir``, ``transport-cc`` …"""


@dataclass(slots=True)
class OfferedMedia:
    """One ``m=`` section, in the order of the offer."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    mid: str = ""
    direction: str = "sendrecv"
    bundle_only: bool = False
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    ufrag: str = ""
    password: str = ""
    setup: str = ""
    fingerprints: list[tuple[str, str]] = field(default_factory=list)
    candidates: list[RemoteCandidate] = field(default_factory=list)
    extensions: dict[str, int] = field(default_factory=dict)
    codecs: tuple[OfferedCodec, ...] = ()
    sctp_port: int = 0
    """Of ``m=application`` (RFC 8841 §5.1); 0: not said."""
    max_message_bytes: int = DEFAULT_MESSAGE_BYTES

    @property
    def takes_data(self) -> bool:
        """The section offers data channels (RFC 8841, RFC 8832)."""
        return (
            self.kind == "application"
            and self.protocol == "UDP/DTLS/SCTP"
            and self.formats == ("webrtc-datachannel",)
            and 0 < self.sctp_port < 65536
            and (self.port != 0 or self.bundle_only)
        )

    @property
    def sends(self) -> bool:
        """The publisher means to send on it."""
        return (self.port != 0 or self.bundle_only) and self.direction in ("sendrecv", "sendonly")


@dataclass(slots=True)
class Offer:
    """A parsed offer. ``bundle`` holds the mids of its BUNDLE group, in order."""

    media: list[OfferedMedia]
    bundle: tuple[str, ...]
    ice_lite: bool
    tool: str
    """What the sender says of its software (``a=tool``, else ``s=``); may be empty."""


def parse_offer(text: str) -> Offer:
    """An SDP offer. Raises InvalidRequest: ``bad_sdp`` for what is no SDP."""
    if len(text) > MAX_SDP_CHARS:
        raise InvalidRequest(
            f"expected an SDP of at most {MAX_SDP_CHARS} characters, found {len(text)}", code="bad_sdp"
        )
    lines = text.splitlines()
    if not lines or lines[0].strip() != "v=0":
        raise InvalidRequest("expected an SDP offer (application/sdp) that begins with v=0", code="bad_sdp")
    session, sections = _split(lines)
    defaults = OfferedMedia("", 0, "", ())
    bundle: tuple[str, ...] = ()
    ice_lite, tool = False, ""
    for kind, value in session:
        if kind == "s" and value not in ("", "-", " "):
            tool = tool or value
        if kind != "a":
            continue
        name, _, rest = value.partition(":")
        if name == "group" and rest.startswith("BUNDLE"):
            bundle = bundle or tuple(rest.split()[1:])
        elif name == "ice-lite":
            ice_lite = True
        elif name == "tool":
            tool = rest
        else:
            _apply_attribute(defaults, name, rest)
    return Offer([_parse_section(lines, defaults) for lines in sections], bundle, ice_lite, tool.strip()[:200])


def _split(lines: Iterable[str]) -> tuple[list[tuple[str, str]], list[list[tuple[str, str]]]]:
    """The session part and the media sections as (letter, value)."""
    session: list[tuple[str, str]] = []
    sections: list[list[tuple[str, str]]] = []
    current = session
    for raw in lines:
        line = raw.strip()
        if not line:
            continue
        if len(line) < 2 or line[1] != "=":
            raise InvalidRequest(f"expected an SDP line as a=value, found {line[:60]!r}", code="bad_sdp")
        if line[0] == "m":
            if len(sections) >= MAX_SECTIONS:
                raise InvalidRequest(f"expected at most {MAX_SECTIONS} m= sections", code="bad_sdp")
            current = []
            sections.append(current)
        current.append((line[0], line[2:]))
    return session, sections


def _parse_section(lines: list[tuple[str, str]], defaults: OfferedMedia) -> OfferedMedia:
    match = _M_LINE.fullmatch(lines[0][1])
    if match is None:
        raise InvalidRequest(f"expected m=<media> <port> <proto> <fmt> …, found m={lines[0][1][:60]!r}", code="bad_sdp")
    media = OfferedMedia(
        match[1],
        int(match[2]),
        match[3],
        tuple(match[4].split()),
        direction=defaults.direction,
        ufrag=defaults.ufrag,
        password=defaults.password,
        setup=defaults.setup,
        extensions=dict(defaults.extensions),
    )
    maps: dict[str, str] = {}
    formats: dict[str, str] = {}
    feedback: list[tuple[str, str]] = []
    for kind, value in lines[1:]:
        if kind != "a":
            continue
        name, _, rest = value.partition(":")
        target, _, detail = rest.partition(" ")
        if name == "rtpmap":
            maps[target] = detail
        elif name == "fmtp":
            formats[target] = detail
        elif name == "rtcp-fb":
            feedback.append((target, detail.strip().lower()))
        else:
            _apply_attribute(media, name, rest)
    if not media.fingerprints:
        media.fingerprints = list(defaults.fingerprints)
    media.codecs = tuple(_codecs(media, maps, formats, feedback))
    return media


def _apply_attribute(media: OfferedMedia, name: str, value: str) -> None:
    """One attribute that may stand in the session part or in a section."""
    if name in _DIRECTIONS:
        media.direction = name
    elif name in _FLAGS:
        setattr(media, _FLAGS[name], True)
    elif name in _TOKENS:
        if not _TOKEN.fullmatch(value):
            raise InvalidRequest(f"expected 1-256 printable characters in a={name}", code="bad_sdp")
        setattr(media, _TOKENS[name], value)
    elif name in _NUMBERS and _NUMBER.fullmatch(value):
        setattr(media, _NUMBERS[name], int(value))
    elif name == "setup":
        media.setup = value
    elif name == "fingerprint":
        algorithm, _, digest = value.partition(" ")
        media.fingerprints.append((algorithm.lower(), digest.strip().upper()))
    elif name == "candidate" and len(media.candidates) < MAX_CANDIDATES:
        candidate = parse_candidate(value)
        if candidate is not None:
            media.candidates.append(candidate)
    elif name == "extmap":
        match = _EXTENSION.fullmatch(value)
        if match is not None:
            media.extensions[match[2]] = int(match[1])


def _codecs(
    media: OfferedMedia, maps: dict[str, str], formats: dict[str, str], feedback: list[tuple[str, str]]
) -> Iterator[OfferedCodec]:
    if media.kind not in ("audio", "video"):
        return
    for text in media.formats:
        if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) < 128):
            continue
        payload_type = int(text)
        parts = maps[text].strip().split("/") if text in maps else [str(x) for x in _STATIC.get(payload_type, ())]
        if len(parts) < 2 or not (parts[1].isascii() and parts[1].isdigit() and len(parts[1]) <= 9):
            continue
        channels = int(parts[2]) if len(parts) > 2 and re.fullmatch(r"\d{1,2}", parts[2], re.ASCII) else 1
        yield OfferedCodec(
            payload_type,
            parts[0].upper(),
            int(parts[1]),
            channels if media.kind == "audio" else 0,
            format_parameters(formats.get(text, "")),
            frozenset(value for target, value in feedback if target in (text, "*")),
        )


def format_parameters(text: str) -> dict[str, str]:
    """``a=1;b`` of an fmtp line, names in lower case."""
    parameters: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.strip().partition("=")
        if name:
            parameters[name.strip().lower()] = value.strip()
    return parameters


def usable_fingerprints(media: OfferedMedia) -> tuple[tuple[str, str], ...]:
    """The fingerprints whose hash the hub can check."""
    return tuple(found for found in media.fingerprints if found[0] in _FINGERPRINT_HASHES)
