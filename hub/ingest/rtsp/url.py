"""RTSP URLs: their parts, and their form without secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from hub.errors import SourceError

_PORTS = {"rtsp": 554, "rtsps": 322}
_SECRET = re.compile(
    r"(?i)((?:password|passwd|passwort|pwd|pass|token|secret|auth|key)=)"
    r".*?(?=_channel|_stream|_user|[&;/?#\s]|$)"
)
"""Secrets in path or query: ``?pwd=…``, or as some recorders have it
``/user=admin_password=…_channel=1_stream=0.sdp``."""
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class RtspUrl:
    """``request`` is the URL without user and password, as it goes over the wire."""

    request: str
    tls: bool
    host: str
    port: int
    username: str | None
    password: str


def parse_url(url: str) -> RtspUrl:
    """Takes ``rtsp://[user[:password]@]host[:port]/…`` apart; user and password may be percent-encoded.

    Raises SourceError (``protocol``) with a message free of secrets.
    """
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError as error:
        raise SourceError(f"not an RTSP URL: {redact_url(url)}", code="protocol") from error
    if scheme not in _PORTS or not host or any(character <= " " for character in url):
        raise SourceError(f"expected rtsp://HOST/… or rtsps://HOST/…, found {redact_url(url)}", code="protocol")
    user, _, host_and_port = parts.netloc.rpartition("@")
    username, colon, password = user.partition(":")
    return RtspUrl(
        request=parts._replace(netloc=host_and_port, fragment="").geturl(),
        tls=scheme == "rtsps",
        host=host,
        port=port or _PORTS[scheme],
        username=unquote(username) if user else None,
        password=unquote(password) if colon else "",
    )


def redact_url(url: str) -> str:
    """``url`` for logs and errors: the password, and anything that looks like one, is ``***``."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    # The last @ of all: an unescaped slash or @ within a password must not let the rest of it through.
    at = rest.rfind("@")
    if at >= 0:
        user = rest[:at].partition(":")
        rest = (f"{user[0]}:{_HIDDEN}" if user[1] else user[0]) + rest[at:]
    return scheme + separator + _SECRET.sub(rf"\g<1>{_HIDDEN}", rest)
