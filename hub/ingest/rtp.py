"""The RTP header (RFC 3550 §5.1) and arithmetic on its wrapping counters.

The hot path (:meth:`hub.ingest.track.RtpTrack.receive`) unpacks the fixed header once with
:data:`unpack_header`; only packets that carry CSRCs, an extension or padding come here for more.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeAlias

from hub.errors import MediaError

Packet: TypeAlias = bytes | bytearray | memoryview
"""Bytes of one packet. A memoryview may be overwritten after the call it was given to."""

HEADER_BYTES = 12
PLAIN = 0x80
"""First octet of a packet without padding, extension and CSRC: nearly all of them."""

EXTENDED, EXTENDED_BYTES = 0x90, 16
"""The same with a header extension and no more: nearly all of a browser's. What its header has at least."""

_PADDING = 0x20
_EXTENSION = 0x10
_CSRC_COUNT = 0x0F
_TIMESTAMP_HALF = 1 << 31
_TIMESTAMP_MASK = (1 << 32) - 1
_SEQUENCE_HALF = 1 << 15
_SEQUENCE_MASK = (1 << 16) - 1

FRAME_HEADER_BYTES = 4
"""``$``, channel and length before each packet that is interleaved in TCP (RFC 2326 §10.12)."""

ALIKE_BYTES, IDENTITY_AT, _IDENTITY_BYTES = 6, 8, 8
"""Of an interleaved packet: from its ``$`` to the payload type; its time stamp and SSRC."""

unpack_frame = struct.Struct("!HHIII").unpack_from
"""An interleaved packet from its ``$`` on: (``$`` and channel, length, first four octets of its header, time stamp,
SSRC)."""


@lru_cache(maxsize=64)
def frames_in_a_row(size: int, prefix: int) -> Callable[[memoryview], Iterator[tuple[bytes, int, bytes, bytes]]]:
    """Interleaved frames of ``size`` bytes each, in a row: (``$``, channel, length and the packet's first two octets;
    its sequence number; time stamp, SSRC and ``prefix`` octets of the payload; the rest of it)."""
    rest = size - FRAME_HEADER_BYTES - HEADER_BYTES - prefix
    return struct.Struct(f"!6sH{_IDENTITY_BYTES + prefix}s{rest}s").iter_unpack


unpack_header = struct.Struct("!BBHII").unpack_from
"""(first octet, marker and payload type, sequence number, time stamp, SSRC)."""


def frame_end(buffer: bytearray, position: int, fill: int) -> int:
    """Where the interleaved frame at ``position`` ends; 0: it is not whole in ``buffer[:fill]``."""
    start = position + FRAME_HEADER_BYTES
    if start > fill:
        return 0
    end = start + (buffer[position + 2] << 8 | buffer[position + 3])
    return end if end <= fill else 0


def payload_bounds(packet: Packet) -> tuple[int, int]:
    """Where the payload of ``packet`` begins and ends, without CSRCs, extension and padding.

    Raises MediaError (``rtp_truncated``, ``rtp_version``, ``rtp_padding``).
    """
    size = len(packet)
    if size < HEADER_BYTES:
        raise MediaError(f"RTP packet of {size} bytes, expected at least {HEADER_BYTES}", code="rtp_truncated")
    first = packet[0]
    if first >> 6 != 2:
        raise MediaError(f"RTP version {first >> 6}, expected 2", code="rtp_version")
    start = HEADER_BYTES + 4 * (first & _CSRC_COUNT)
    if first & _EXTENSION:
        if size < start + 4:
            raise MediaError("RTP header extension is cut off", code="rtp_truncated")
        start += 4 + 4 * (packet[start + 2] << 8 | packet[start + 3])
    if start > size:
        raise MediaError(f"RTP header of {start} bytes in a packet of {size}", code="rtp_truncated")
    if not first & _PADDING:
        return start, size
    padding = packet[size - 1]
    if padding == 0 or start + padding > size:
        raise MediaError(f"RTP padding of {padding} bytes in a payload of {size - start}", code="rtp_padding")
    return start, size - padding


def timestamp_step(new: int, old: int) -> int:
    """How far ``new`` lies after ``old``, both 32-bit time stamps: −2³¹ … 2³¹−1."""
    return ((new - old + _TIMESTAMP_HALF) & _TIMESTAMP_MASK) - _TIMESTAMP_HALF


def sequence_step(new: int, old: int) -> int:
    """How far ``new`` lies after ``old``, both 16-bit sequence numbers: −2¹⁵ … 2¹⁵−1."""
    return ((new - old + _SEQUENCE_HALF) & _SEQUENCE_MASK) - _SEQUENCE_HALF
