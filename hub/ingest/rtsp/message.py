"""RTSP messages (RFC 2326 §4–7): written, and read from a buffer with bounds on everything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.errors import SourceError

MAX_HEAD_BYTES = 1 << 14
MAX_BODY_BYTES = 1 << 16
"""A session description of a camera has some hundred bytes."""
MAX_HEADERS = 100
USER_AGENT = "recorder-hub"

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(r"RTSP/\d\.\d\s+(\d{3})\s*(.*)")
_REQUEST = re.compile(r"([A-Z_]{3,20}) (\S+) RTSP/\d\.\d")


@dataclass(frozen=True, slots=True)
class Message:
    """A response (``status`` > 0) or a request of the server (``method``). Header names are lower case;
    each has all its values, in order."""

    status: int = 0
    reason: str = ""
    method: str = ""
    headers: Mapping[str, list[str]] = field(default_factory=dict)
    body: bytes = b""

    def first(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        values = self.headers.get(name)
        return values[0] if values else ""

    @property
    def cseq(self) -> int:
        """−1 where there is none that can be read."""
        text = self.first("cseq")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def parse_message(buffer: bytes | bytearray, start: int, end: int) -> tuple[Message, int] | None:
    """The message at ``buffer[start:end]`` and where it ends; None while it is incomplete.

    Raises SourceError (``protocol``) for what is no message or larger than allowed.
    """
    head_limit = min(end, start + MAX_HEAD_BYTES)
    match = _HEAD_END.search(buffer, start, head_limit)
    if match is None:
        if head_limit - start >= MAX_HEAD_BYTES:
            raise SourceError(f"an RTSP header of more than {MAX_HEAD_BYTES} bytes", code="protocol")
        return None
    lines = bytes(buffer[start : match.start()]).decode("utf-8", "replace").splitlines()
    headers = _headers(lines[1:])
    length = _content_length(headers)
    finish = match.end() + length
    if finish > end:
        return None
    body = bytes(buffer[match.end() : finish])
    line = lines[0].strip() if lines else ""
    status = _STATUS.fullmatch(line)
    if status is not None:
        return Message(status=int(status[1]), reason=status[2], headers=headers, body=body), finish
    request = _REQUEST.fullmatch(line)
    if request is None:
        raise SourceError(f"expected an RTSP status line, found {line[:60]!r}", code="protocol")
    return Message(method=request[1], headers=headers, body=body), finish


def _headers(lines: list[str]) -> dict[str, list[str]]:
    if len(lines) > MAX_HEADERS:
        raise SourceError(f"an RTSP message with {len(lines)} header lines", code="protocol")
    headers: dict[str, list[str]] = {}
    values: list[str] | None = None
    for line in lines:
        if line[:1] in (" ", "\t") and values:
            values[-1] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        if colon:
            values = headers.setdefault(name.strip().lower(), [])
            values.append(value.strip())
    return headers


def _content_length(headers: Mapping[str, list[str]]) -> int:
    text = (headers.get("content-length") or ["0"])[0] or "0"
    if not (text.isascii() and text.isdigit()):
        raise SourceError(f"a Content-Length of {text[:20]!r}", code="protocol")
    if len(text) > 9 or int(text) > MAX_BODY_BYTES:
        raise SourceError(f"a Content-Length of {text[:20]}, at most {MAX_BODY_BYTES} is taken", code="protocol")
    return int(text)


def write_request(method: str, url: str, cseq: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {url} RTSP/1.0", f"CSeq: {cseq}", f"User-Agent: {USER_AGENT}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode()


def write_response(status: str, cseq: str) -> bytes:
    return f"RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n\r\n".encode()


def header_parameters(value: str) -> dict[str, str]:
    """``a;b=1;c="x"`` as {"a": "", "b": "1", "c": "x"}, names in lower case (Transport, Session)."""
    found: dict[str, str] = {}
    for part in value.split(";"):
        name, _, content = part.strip().partition("=")
        if name:
            found.setdefault(name.strip().lower(), content.strip().strip('"'))
    return found


def number_pair(text: str) -> tuple[int, int] | None:
    """``6970-6971`` or ``6970`` (the second is then one more); None for anything else."""
    first, dash, second = text.partition("-")
    if not (first.isascii() and first.isdigit() and len(first) < 6):
        return None
    if not dash:
        return int(first), int(first) + 1
    return (int(first), int(second)) if second.isascii() and second.isdigit() and len(second) < 6 else None
