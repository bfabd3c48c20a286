"""RTSP as a camera speaks it: requests apart, answers together, SDP, digests. Pure (RFC 2326, RFC 8866)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hub.demo.feed import TrackMedia
from hub.demo.payloads import PreparedLoop
from hub.errors import MediaError
from hub.model import Codec

Challenge = Literal["none", "basic", "digest-md5", "digest-sha256"]
REALM = "simulator"
_MAX_HEAD = 16_384
_MAX_BODY = 65_536
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
}


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""


def take_request(buffer: bytearray) -> Request | bytes | None:
    """Take the first message off ``buffer``: a request, or an interleaved packet's payload (bytes).

    None: not whole yet. Raises MediaError for what is neither, or is too large.
    """
    if buffer[:1] == b"$":
        if len(buffer) < 4 or len(buffer) < 4 + (size := int.from_bytes(buffer[2:4], "big")):
            return None
        payload = bytes(buffer[4 : 4 + size])
        del buffer[: 4 + size]
        return payload
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > _MAX_HEAD:
            raise MediaError(f"expected the end of a request's head within {_MAX_HEAD} bytes")
        return None
    request = _parse(bytes(buffer[:end]))
    length = request.headers.get("content-length", "0")
    if not re.fullmatch(r"[0-9]{1,5}", length) or int(length) > _MAX_BODY:
        raise MediaError(f"expected a Content-Length up to {_MAX_BODY}, found {length!r}")
    if len(buffer) < end + 4 + int(length):
        return None
    del buffer[: end + 4 + int(length)]
    return request


def _parse(head: bytes) -> Request:
    lines = head.decode("utf-8", "replace").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or words[2] != "RTSP/1.0":
        raise MediaError(f"expected METHOD URL RTSP/1.0, found {lines[0][:80]!r}")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise MediaError(f"expected NAME: VALUE, found {line[:80]!r}")
        headers[name.strip().lower()] = value.strip()
    return Request(words[0], words[1], headers)


def answer(request: Request, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """The bytes of an answer."""
    lines = [f"RTSP/1.0 {status} {_REASONS[status]}", f"CSeq: {request.headers.get('cseq', '0')}"]
    lines += ["Server: Recorder hub simulator"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def challenge(kind: Challenge, nonce: str) -> str:
    """The WWW-Authenticate header."""
    if kind == "basic":
        return f'Basic realm="{REALM}"'
    algorithm = "SHA-256" if kind == "digest-sha256" else "MD5"
    return f'Digest realm="{REALM}", nonce="{nonce}", algorithm={algorithm}'


def authorized(kind: Challenge, request: Request, nonce: str, user: str, password: str) -> bool:
    """Whether the request's Authorization answers our challenge (RFC 7617; RFC 7616 §3.4 without qop)."""
    given = request.headers.get("authorization", "")
    if kind == "none":
        return True
    if kind == "basic":
        return given == "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    if not given.startswith("Digest "):
        return False
    fields = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', given)}
    if (fields.get("username"), fields.get("nonce"), fields.get("realm")) != (user, nonce, REALM):
        return False

    def digest(text: str) -> str:
        algorithm = "sha256" if kind == "digest-sha256" else "md5"
        return hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()

    secret = digest(f"{user}:{REALM}:{password}")
    target = digest(f"{request.method}:{fields.get('uri', '')}")
    expected = digest(f"{secret}:{nonce}:{target}")
    return fields.get("response") == expected


def describe(name: str, tracks: tuple[TrackMedia, ...]) -> bytes:
    """The SDP of a device."""
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        f"s={name}",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=0-",
    ]
    for number, track in enumerate(tracks, start=1):
        prepared = track.normal
        lines += [f"m={prepared.kind} 0 RTP/AVP {prepared.payload_type}", *_attributes(prepared)]
        lines.append(f"a=control:trackID={number}")
    return "\r\n".join([*lines, ""]).encode()


def _attributes(prepared: PreparedLoop) -> list[str]:
    loop, kind = prepared.loop, prepared.payload_type
    channels = "/2" if loop.codec is Codec.OPUS else f"/{loop.channels}" if loop.codec is Codec.AAC else ""
    encoding = "mpeg4-generic" if loop.codec is Codec.AAC else loop.codec.upper()
    lines = [f"a=rtpmap:{kind} {encoding}/{loop.timescale}{channels}"]
    if parameters := _format_parameters(prepared):
        lines.append(f"a=fmtp:{kind} {parameters}")
    return lines


def _format_parameters(prepared: PreparedLoop) -> str:
    """fmtp by RFC 6184 §8.1, RFC 7798 §7.1, RFC 3640 §4.1, RFC 7587 §6.1."""
    loop = prepared.loop
    sets = [base64.b64encode(unit).decode() for unit in loop.sets] if prepared.sets != "inband" else []
    match loop.codec:
        case Codec.H264:
            profile = f"packetization-mode=1;profile-level-id={loop.sets[0][1:4].hex()}"
            return profile + (f";sprop-parameter-sets={','.join(sets)}" if sets else "")
        case Codec.H265:
            return f"sprop-vps={sets[0]};sprop-sps={sets[1]};sprop-pps={sets[2]}" if sets else ""
        case Codec.AAC:
            mode = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
            return f"{mode};config={loop.config.hex()}"
        case Codec.OPUS:
            return f"sprop-stereo={loop.channels - 1}"
        case _:
            return ""
