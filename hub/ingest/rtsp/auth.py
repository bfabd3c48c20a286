"""Basic and Digest authentication (RFC 7617, RFC 7616, and RFC 2617 as most cameras have it)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

_CHALLENGE = re.compile(r"(?:^|,)\s*(Basic|Digest)(?=\s|,|$)", re.IGNORECASE)
_PARAMETER = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}
_STRENGTH = {"": 1, "MD5": 1, "SHA-256": 2}


@dataclass(frozen=True, slots=True)
class Challenge:
    """``scheme`` is ``basic`` or ``digest``; ``algorithm`` in upper case, without ``-sess``."""

    scheme: str
    realm: str
    nonce: str = ""
    algorithm: str = "MD5"
    session: bool = False
    qop: bool = False
    opaque: str | None = None
    stale: bool = False
    named_algorithm: str = ""


def parse_challenges(headers: Sequence[str]) -> list[Challenge]:
    """The challenges of all WWW-Authenticate headers that can be answered, the strongest first."""
    found: list[Challenge] = []
    for header in headers:
        starts = list(_CHALLENGE.finditer(header[:4096]))
        for index, match in enumerate(starts):
            end = starts[index + 1].start() if index + 1 < len(starts) else len(header)
            challenge = _challenge(match[1].lower(), header[match.end() : end])
            if challenge is not None:
                found.append(challenge)
    found.sort(key=lambda challenge: _STRENGTH.get(challenge.algorithm, 0) if challenge.scheme == "digest" else 0)
    found.reverse()
    return found


def _challenge(scheme: str, text: str) -> Challenge | None:
    values: dict[str, str] = {}
    for match in _PARAMETER.finditer(text):
        quoted = match[2]
        values.setdefault(match[1].lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match[3])
    realm = values.get("realm", "")
    if scheme == "basic":
        return Challenge(scheme, realm, algorithm="")
    named = values.get("algorithm", "")
    algorithm = named.upper() or "MD5"
    session = algorithm.endswith("-SESS")
    algorithm = algorithm.removesuffix("-SESS")
    qops = {option.strip().lower() for option in values.get("qop", "").split(",") if option.strip()}
    if algorithm not in _HASHES or (qops and "auth" not in qops) or "nonce" not in values:
        return None
    return Challenge(
        scheme,
        realm,
        values["nonce"],
        algorithm,
        session,
        bool(qops),
        values.get("opaque"),
        values.get("stale", "").lower() == "true",
        named,
    )


class Authenticator:
    """Answers one challenge, request after request, with a counter as ``qop=auth`` demands."""

    def __init__(self, challenge: Challenge, username: str, password: str) -> None:
        self.challenge = challenge
        self._username = username
        self._password = password
        self.uses = 0
        """How many requests were answered with it: the ``nc`` of the last one."""
        self._cnonce = secrets.token_hex(8)

    def header(self, method: str, url: str) -> str:
        """The value of Authorization for a request."""
        challenge = self.challenge
        self.uses += 1
        if challenge.scheme == "basic":
            pair = f"{self._username}:{self._password}".encode()
            return "Basic " + base64.b64encode(pair).decode()
        count = f"{self.uses:08x}"
        secret = self._hash(f"{self._username}:{challenge.realm}:{self._password}")
        if challenge.session:
            secret = self._hash(f"{secret}:{challenge.nonce}:{self._cnonce}")
        request = self._hash(f"{method}:{url}")
        middle = f"{challenge.nonce}:{count}:{self._cnonce}:auth" if challenge.qop else challenge.nonce
        fields = [
            f'username="{_quoted(self._username)}"',
            f'realm="{_quoted(challenge.realm)}"',
            f'nonce="{_quoted(challenge.nonce)}"',
            f'uri="{url}"',
            f'response="{self._hash(f"{secret}:{middle}:{request}")}"',
        ]
        if challenge.named_algorithm:
            fields.append(f"algorithm={challenge.named_algorithm}")
        if challenge.opaque is not None:
            fields.append(f'opaque="{_quoted(challenge.opaque)}"')
        if challenge.qop:
            fields += ["qop=auth", f"nc={count}"]
        if challenge.qop or challenge.session:
            fields.append(f'cnonce="{self._cnonce}"')
        return "Digest " + ", ".join(fields)

    def _hash(self, text: str) -> str:
        # MD5 is what the standard asks for here; it protects nothing else.
        return hashlib.new(_HASHES[self.challenge.algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
