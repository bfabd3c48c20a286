"""RTCP: sender reports and goodbyes in, receiver reports out (RFC 3550 §6)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hub.clock import US_PER_S
from hub.errors import MediaError
from hub.ingest.rtp import Packet

_SR, _RR, _SDES, _BYE = 200, 201, 202, 203
_NTP_TO_UNIX_S = 2_208_988_800
_NTP_ERA_S = 1 << 32
_NTP_ERA_1_BEFORE_S = 1 << 31
"""NTP seconds below this belong to the era that begins in 2036 (RFC 4330 §3)."""
_CNAME = 1
_SENDER_INFO_BYTES = 28


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """What a sender report says: at ``device_us`` (µs since 1970; None when the NTP field is 0: the
    device has no clock) the media clock read ``timestamp``. ``lsr`` is the middle of the NTP field."""

    ssrc: int
    device_us: int | None
    timestamp: int
    lsr: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """BYE of the sources in ``ssrcs``, with the reason given, if any."""

    ssrcs: tuple[int, ...]
    reason: str


def parse_compound(packet: Packet) -> list[SenderInfo | Goodbye]:
    """The sender reports and goodbyes of one compound packet, in order; other types are passed over.

    Raises MediaError (``rtcp``) where lengths do not fit; reduced-size RTCP (RFC 5506) is accepted.
    """
    data = bytes(packet)
    found: list[SenderInfo | Goodbye] = []
    position = 0
    while position < len(data):
        if len(data) - position < 4 or data[position] >> 6 != 2:
            raise MediaError("RTCP packet is cut off or not version 2", code="rtcp")
        kind = data[position + 1]
        end = position + 4 + 4 * int.from_bytes(data[position + 2 : position + 4], "big")
        if end > len(data):
            raise MediaError(f"RTCP packet says {end - position} bytes, {len(data) - position} came", code="rtcp")
        body = data[position:end]
        if kind == _SR:
            found.append(_sender_info(body))
        elif kind == _BYE:
            found.append(_goodbye(body))
        position = end
    return found


def _sender_info(body: bytes) -> SenderInfo:
    if len(body) < _SENDER_INFO_BYTES:
        raise MediaError(f"sender report of {len(body)} bytes, expected {_SENDER_INFO_BYTES} at least", code="rtcp")
    ssrc, seconds, fraction, timestamp = struct.unpack_from("!IIII", body, 4)
    device_us: int | None = None
    if seconds:
        era = _NTP_ERA_S if seconds < _NTP_ERA_1_BEFORE_S else 0
        device_us = (seconds + era - _NTP_TO_UNIX_S) * US_PER_S + (fraction * US_PER_S >> 32)
    return SenderInfo(ssrc, device_us, timestamp, (seconds & 0xFFFF) << 16 | fraction >> 16)


def _goodbye(body: bytes) -> Goodbye:
    count = body[0] & 0x1F
    reason_at = 4 + 4 * count
    if reason_at > len(body):
        raise MediaError("RTCP BYE names more sources than it holds", code="rtcp")
    ssrcs = struct.unpack_from(f"!{count}I", body, 4)
    reason = ""
    if reason_at < len(body):
        reason = body[reason_at + 1 : reason_at + 1 + body[reason_at]].decode("utf-8", "replace")
    return Goodbye(ssrcs, reason)


@dataclass(frozen=True, slots=True)
class Reception:
    """What a receiver report states of one source (RFC 3550 §6.4.1), already in its units."""

    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_seq: int
    jitter_ticks: int
    lsr: int
    delay_since_sr: int


def receiver_report(own_ssrc: int, reception: Reception | None, cname: str) -> bytes:
    """RR and SDES CNAME as one compound packet; without a reception the RR is empty."""
    blocks = b""
    if reception is not None:
        lost = max(-0x800000, min(0x7FFFFF, reception.cumulative_lost)) & 0xFFFFFF
        blocks = struct.pack(
            "!IIIIII",
            reception.ssrc,
            (min(reception.fraction_lost, 255) << 24) | lost,
            reception.highest_seq & 0xFFFFFFFF,
            reception.jitter_ticks & 0xFFFFFFFF,
            reception.lsr,
            reception.delay_since_sr & 0xFFFFFFFF,
        )
    report = struct.pack("!BBHI", 0x80 | bool(blocks), _RR, 1 + len(blocks) // 4, own_ssrc) + blocks
    name = cname.encode()[:255]
    items = struct.pack("!IBB", own_ssrc, _CNAME, len(name)) + name + b"\0"
    items += bytes(-len(items) % 4)
    return report + struct.pack("!BBH", 0x81, _SDES, len(items) // 4) + items
