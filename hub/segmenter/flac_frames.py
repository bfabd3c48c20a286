"""FLAC frames (RFC 9639 §9) as bytes: one of silence, and one of an encoder with another number. Pure."""

from __future__ import annotations

import struct
from functools import cache

from hub.errors import MediaError

_SYNC = b"\xff\xf8"
"""Of a stream whose frames are of one length (the last of a stretch excepted): they carry their number, not a time."""
_SIZE_BYTES = {6: 1, 7: 2}
"""Bytes of the uncommon block size behind the number, by its code."""
_RATE_BYTES = {12: 1, 13: 2, 14: 2}
"""The same of the sample rate."""
_CRC8, _CRC16 = (0x07, 8), (0x8005, 16)
_LONGEST_BITS = 16
"""What follows the header of a frame is below 2 ** this, in bytes: a frame has no more than 1600 samples here."""


def flac_silence(channels: int, samples: int) -> bytes:
    """A frame of constant zeros; rate and depth as in STREAMINFO."""
    head = _SYNC + bytes((0x70, channels - 1 << 4, 0)) + struct.pack(">H", samples - 1)
    head += bytes((_crc(head, _CRC8),))
    body = head + b"\0\0\0" * channels  # subframe CONSTANT, then 16 bits of nothing
    return body + struct.pack(">H", _crc(body, _CRC16))


def renumbered(frame: bytes, number: int) -> bytes:
    """The frame with this number; both its checksums follow, without a look at its samples.

    Raises MediaError for what does not begin as a frame with a number.
    """
    if frame[:2] != _SYNC or len(frame) < 10:
        raise MediaError(f"expected a FLAC frame with a number, found {frame[:4].hex() or 'nothing'}")
    after = 4 + _coded_bytes(frame[4])
    end = after + _SIZE_BYTES.get(frame[2] >> 4, 0) + _RATE_BYTES.get(frame[2] & 15, 0)
    head = frame[:4] + _coded(number) + frame[after:end]
    head += bytes((_crc(head, _CRC8),))
    # The checksum is linear: what the head's change makes of it is that change, moved on by the bytes behind the head.
    change = _crc(frame[: end + 1], _CRC16) ^ _crc(head, _CRC16)
    body = frame[end + 1 : -2]
    (crc,) = struct.unpack(">H", frame[-2:])
    return head + body + struct.pack(">H", crc ^ _moved(change, len(body)))


def _coded(number: int) -> bytes:
    """As UTF-8 codes a character, but up to 36 bits (§9.1.5)."""
    if number < 0x80:
        return bytes((number,))
    more = next(more for more in range(1, 7) if number < 1 << 6 * more + max(0, 6 - more))
    return bytes(
        (_LEADS[more] | number >> 6 * more, *(0x80 | number >> 6 * left & 0x3F for left in reversed(range(more))))
    )


def _coded_bytes(first: int) -> int:
    """How many bytes a coded number has, by its first."""
    return max(1, 8 - (first ^ 0xFF).bit_length())


_LEADS = (0x00, 0xC0, 0xE0, 0xF0, 0xF8, 0xFC, 0xFE)
"""First bits of a coded number, by how many bytes follow."""


@cache
def _table(kind: tuple[int, int]) -> tuple[int, ...]:
    polynomial, width = kind
    top, mask = 1 << width - 1, (1 << width) - 1
    made = []
    for byte in range(256):
        value = byte << width - 8
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & mask
        made.append(value)
    return tuple(made)


def _crc(data: bytes, kind: tuple[int, int]) -> int:
    table, width = _table(kind), kind[1]
    value, mask = 0, (1 << width) - 1
    for byte in data:
        value = value << 8 & mask ^ table[value >> width - 8 ^ byte]
    return value


Step = tuple[tuple[int, ...], tuple[int, ...]]
"""What becomes of the upper and of the lower byte of a checksum."""


def _apply(step: Step, value: int) -> int:
    return step[0][value >> 8] ^ step[1][value & 0xFF]


@cache
def _steps() -> tuple[Step, ...]:
    """What 1, 2, 4, … bytes of zero make of CRC-16."""
    one: Step = (_table(_CRC16), tuple(byte << 8 for byte in range(256)))
    made = [one]
    while len(made) < _LONGEST_BITS:
        step = made[-1]
        made.append((tuple(_apply(step, part) for part in step[0]), tuple(_apply(step, part) for part in step[1])))
    return tuple(made)


def _moved(value: int, count: int) -> int:
    """CRC-16 after ``count`` bytes of zero."""
    for step in _steps():
        if count & 1:
            value = _apply(step, value)
        count >>= 1
    return value
