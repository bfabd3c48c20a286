"""RTCP that a sender sends (RFC 3550 §6): reports and goodbyes, always as a compound packet."""

from __future__ import annotations

import struct

from hub.clock import US_PER_S

_NTP_EPOCH_S = 2_208_988_800  # seconds from 1900 to 1970
_SR, _RR, _SDES, _BYE = 200, 201, 202, 203


def sender_report(ssrc: int, device_us: int, rtp_ticks: int, packets: int, octets: int, cname: str) -> bytes:
    """SR and SDES. ``device_us`` is the device's clock, µs since 1970, at RTP time ``rtp_ticks``."""
    seconds, rest_us = divmod(device_us, US_PER_S)
    fraction = (rest_us << 32) // US_PER_S
    body = struct.pack(
        ">IIIIII",
        ssrc,
        (seconds + _NTP_EPOCH_S) & 0xFFFFFFFF,
        fraction,
        rtp_ticks & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )
    return _packet(_SR, 0, body) + _description(ssrc, cname)


def goodbye(ssrc: int, cname: str, reason: str) -> bytes:
    """An empty RR, SDES and BYE with its reason (§6.6)."""
    text = reason.encode()[:255]
    body = struct.pack(">IB", ssrc, len(text)) + text
    body += bytes(-len(body) % 4)
    return _packet(_RR, 0, struct.pack(">I", ssrc)) + _description(ssrc, cname) + _packet(_BYE, 1, body)


def _description(ssrc: int, cname: str) -> bytes:
    """SDES with the CNAME alone (§6.5.1), closed by at least one zero."""
    name = cname.encode()[:255]
    body = struct.pack(">IBB", ssrc, 1, len(name)) + name + b"\0"
    return _packet(_SDES, 1, body + bytes(-len(body) % 4))


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0x80 | count, kind, len(body) // 4) + body
