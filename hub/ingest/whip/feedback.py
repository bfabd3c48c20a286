"""What a receiver tells the sender so that pictures stay whole: RTCP feedback, and when to send it. Pure.

Bytes: RFC 4585 §6.2.1 (generic NACK), §6.3.1 (PLI), RFC 5104 §4.3.1 (FIR), RFC 3550 §6.4.2 (RR).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

MAX_NACK_ENTRIES = 256
"""Entries of one NACK: about 1 KiB. A hole that needs more is asked for in parts, round after round."""
KEYFRAME_EVERY_US = 2_000_000
"""A chunk ends at a keyframe, and a damaged picture heals at one: none for this long, and one is asked for."""
ASK_AGAIN_US = 500_000
"""A keyframe asked for is asked for again after this (and a round trip)."""

_HEADER = struct.Struct("!BBHII")
_ENTRY = struct.Struct("!HH")


def empty_report(sender: int) -> bytes:
    """A receiver report without blocks: what a compound packet must begin with where RFC 5506 was not agreed."""
    return struct.pack("!BBHI", 0x80, 201, 1, sender)


def picture_loss(sender: int, media: int) -> bytes:
    """PLI: the sender's next picture should be a keyframe."""
    return _HEADER.pack(0x81, 206, 2, sender, media)


def full_intra_request(sender: int, media: int, count: int) -> bytes:
    """FIR, for senders that offered no PLI. ``count`` goes up with every new request."""
    return _HEADER.pack(0x84, 206, 4, sender, 0) + struct.pack("!IB3x", media, count & 0xFF)


def generic_nack(sender: int, media: int, missing: Sequence[int]) -> bytes:
    """Ask for packets again. ``missing``: 16 bit sequence numbers in rising order (modulo 2**16), at least one."""
    entries: list[tuple[int, int]] = []
    first, mask = missing[0], 0
    for sequence in missing[1:]:
        distance = (sequence - first) & 0xFFFF
        if 0 < distance <= 16:
            mask |= 1 << (distance - 1)
        elif distance:
            entries.append((first, mask))
            first, mask = sequence, 0
    entries.append((first, mask))
    del entries[MAX_NACK_ENTRIES:]
    body = b"".join(_ENTRY.pack(*entry) for entry in entries)
    return _HEADER.pack(0x81, 205, 2 + len(entries), sender, media) + body


def bit_rate_limit(sender: int, bits_per_s: int, media: Sequence[int]) -> bytes:
    """REMB (draft-alvestrand-rmcat-remb-03 §2.2): the most that ``media`` (SSRCs) may send together."""
    exponent = max(0, bits_per_s.bit_length() - 18)
    value = len(media) << 24 | exponent << 18 | bits_per_s >> exponent
    body = b"REMB" + struct.pack(f"!I{len(media)}I", value, *media)
    return _HEADER.pack(0x8F, 206, 2 + len(body) // 4, sender, 0) + body


class NackPlan:
    """Which missing packets to ask for now: each at once, then again every round trip, as long as it is missed."""

    __slots__ = ("_asked_us",)

    def __init__(self) -> None:
        self._asked_us: dict[int, int] = {}

    def due(self, missing: Sequence[int], now_us: int, round_trip_us: int) -> list[int]:
        """The subset of ``missing`` (16 bit sequence numbers) to ask for at ``now_us``; empty: nothing to send."""
        asked = self._asked_us
        if not missing:
            if asked:
                asked.clear()
            return []
        before = now_us - round_trip_us
        due = [sequence for sequence in missing if asked.get(sequence, before) <= before]
        self._asked_us = {sequence: asked[sequence] for sequence in missing if sequence in asked}
        for sequence in due:
            self._asked_us[sequence] = now_us
        return due


class KeyframeWatch:
    """Whether to ask for a keyframe: at the start, after a loss, and when none came for two seconds."""

    __slots__ = ("_asked_us", "_last_us", "_wanted")

    def __init__(self) -> None:
        self._wanted = True
        self._last_us = 0
        self._asked_us: int | None = None

    def keyframe(self, now_us: int) -> None:
        """One has come, whole."""
        self._wanted = False
        self._last_us = now_us
        self._asked_us = None

    def lost(self) -> None:
        """Packets were given up: pictures are damaged until the next keyframe."""
        self._wanted = True

    def due(self, now_us: int, round_trip_us: int) -> bool:
        """True when a request is to be sent at ``now_us``; it counts as sent."""
        if not self._wanted and now_us - self._last_us < KEYFRAME_EVERY_US:
            return False
        if self._asked_us is not None and now_us - self._asked_us < ASK_AGAIN_US + round_trip_us:
            return False
        self._asked_us = now_us
        return True
