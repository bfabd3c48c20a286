"""ICE candidates as lines of SDP (RFC 8839 §5.1) and the fragments that trickle them (RFC 8840). Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from hub.errors import InvalidRequest

MAX_FRAGMENT_CHARS = 32 * 1024

_CANDIDATE = re.compile(
    r"(?:candidate:)?(?P<foundation>\S{1,64}) (?P<component>\d{1,3}) (?P<transport>\S{1,16}) (?P<priority>\d{1,10})"
    r" (?P<host>\S{1,64}) (?P<port>\d{1,5}) typ (?P<type>host|srflx|relay)(?: .*)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class RemoteCandidate:
    """A UDP address where the publisher may be reached. ``host`` is an IP address."""

    foundation: str
    priority: int
    host: str
    port: int
    type: str


@dataclass(frozen=True, slots=True)
class TrickleFragment:
    """What one PATCH says. Empty ``ufrag`` and ``password``: it does not name them."""

    ufrag: str
    password: str
    candidates: tuple[RemoteCandidate, ...]


def parse_candidate(value: str) -> RemoteCandidate | None:
    """A ``candidate`` attribute's value; None for one the hub has no use for.

    None means TCP, another component (RTCP is multiplexed), an mDNS name, or a line that breaks the grammar.
    None of these costs the connection: the publisher's own checks reveal where it really is (RFC 8445 §7.3.1.3).
    """
    match = _CANDIDATE.fullmatch(value.strip())
    if match is None or match["component"] != "1" or match["transport"].lower() != "udp":
        return None
    port, priority = int(match["port"]), int(match["priority"])
    if not 0 < port < 65536 or not 0 < priority < 1 << 32:
        return None
    try:
        host = ipaddress.ip_address(match["host"])
    except ValueError:
        return None
    if host.is_unspecified or host.is_multicast or getattr(host, "scope_id", None):
        return None
    return RemoteCandidate(match["foundation"], priority, str(host), port, match["type"])


def parse_fragment(text: str) -> TrickleFragment:
    """A body of ``application/trickle-ice-sdpfrag``. Raises InvalidRequest ``bad_sdp`` for what is none."""
    if len(text) > MAX_FRAGMENT_CHARS:
        raise InvalidRequest(f"expected a fragment of at most {MAX_FRAGMENT_CHARS} characters", code="bad_sdp")
    ufrag = password = ""
    candidates: list[RemoteCandidate] = []
    understood = False
    for raw in text.splitlines():
        line = raw.strip()
        if line and (len(line) < 2 or line[1] != "="):
            raise InvalidRequest(f"expected an SDP fragment (a=candidate:…), found {line[:60]!r}", code="bad_sdp")
        name, _, value = line[2:].partition(":")
        if not line.startswith("a="):
            continue
        if name == "ice-ufrag":
            ufrag, understood = value, True
        elif name == "ice-pwd":
            password, understood = value, True
        elif name == "candidate":
            understood = True
            candidate = parse_candidate(value)
            if candidate is not None:
                candidates.append(candidate)
        elif name == "end-of-candidates":
            understood = True
    if not understood:
        raise InvalidRequest("expected an SDP fragment with a=candidate or a=end-of-candidates lines", code="bad_sdp")
    return TrickleFragment(ufrag, password, tuple(candidates))
