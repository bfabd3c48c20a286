"""OBUs of AV1 and its sequence header (AV1 Bitstream & Decoding Process Specification §5.3, §5.5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hub.bitstream.bits import BitReader
from hub.errors import MediaError

OBU_SEQUENCE_HEADER = 1
_SRGB = (1, 13, 0)


@dataclass(frozen=True, slots=True)
class Av1Config:
    """What decodes an AV1 track; ``level`` is seq_level_idx[0], ``subsampling`` is (x, y)."""

    width: int
    height: int
    profile: int
    level: int
    tier: int
    bit_depth: int
    mono: bool
    subsampling: tuple[int, int]
    sample_position: int


def obus(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and whole bytes of each OBU of a sample. Raises MediaError (``bitstream``)."""
    at = 0
    while at < len(data):
        begin, head = at, data[at]
        at += 2 if head & 4 else 1
        size = len(data) - at
        if head & 2:
            size, at = _leb128(data, at)
        if size < 0 or at + size > len(data):
            raise MediaError("expected OBUs that fill the sample", code="bitstream")
        at += size
        yield head >> 3 & 15, data[begin:at]


def sequence_header(data: bytes) -> bytes | None:
    """The sequence header OBU of a sample, None for one without. Raises MediaError (``bitstream``)."""
    return next((obu for kind, obu in obus(data) if kind == OBU_SEQUENCE_HEADER), None)


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 56, 7):
        if at >= len(data):
            break
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
    raise MediaError("expected the size of an OBU", code="bitstream")


def parse_sequence_header(obu: bytes) -> Av1Config:
    """Raises MediaError (``bitstream``)."""
    if not obu or obu[0] >> 3 & 15 != OBU_SEQUENCE_HEADER:
        raise MediaError("expected a sequence header OBU", code="bitstream")
    at = 2 if obu[0] & 4 else 1
    if obu[0] & 2:
        at = _leb128(obu, at)[1]
    bits = BitReader(obu[at : at + 512])
    profile = bits.u(3)
    bits.skip(1)
    reduced = bits.u(1)
    level, tier = (bits.u(5), 0) if reduced else _operating_point(bits)
    wide, high = bits.u(4) + 1, bits.u(4) + 1
    width, height = bits.u(wide) + 1, bits.u(high) + 1
    if width > 0xFFFF or height > 0xFFFF:
        raise MediaError(f"expected pictures of at most 65535 a side, found {width} x {height}", code="bitstream")
    if not reduced and bits.u(1):
        bits.skip(7)  # lengths of frame ids
    bits.skip(3)
    if not reduced:
        _tools(bits)
    bits.skip(3)
    depth, mono, sampling, position = _color(bits, profile)
    return Av1Config(width, height, profile, level, tier, depth, mono, sampling, position)


def _operating_point(bits: BitReader) -> tuple[int, int]:
    """Level and tier of the first; all are read over (§5.5.1)."""
    delay_bits = 0
    if bits.u(1):  # timing_info
        bits.skip(64)
        if bits.u(1):
            zeros = 0
            while not bits.u(1):
                zeros += 1
            bits.skip(zeros if zeros < 32 else 0)
        if bits.u(1):  # decoder_model_info
            delay_bits = bits.u(5) + 1
            bits.skip(42)
    delays = bits.u(1)
    found = []
    for _ in range(bits.u(5) + 1):
        bits.skip(12)
        level = bits.u(5)
        found.append((level, bits.u(1) if level > 7 else 0))
        if delay_bits and bits.u(1):
            bits.skip(2 * delay_bits + 1)
        if delays and bits.u(1):
            bits.skip(4)
    return found[0]


def _tools(bits: BitReader) -> None:
    bits.skip(4)
    order_hint = bits.u(1)
    bits.skip(2 * order_hint)
    screen_content = 2 if bits.u(1) else bits.u(1)
    if screen_content and not bits.u(1):
        bits.skip(1)
    bits.skip(3 * order_hint)


def _color(bits: BitReader, profile: int) -> tuple[int, bool, tuple[int, int], int]:
    """Bit depth, whether there is no colour, its subsampling, and where its samples lie (§5.5.2)."""
    high = bits.u(1)
    depth = 12 if profile == 2 and high and bits.u(1) else 10 if high else 8
    mono = profile != 1 and bool(bits.u(1))
    description = (bits.u(8), bits.u(8), bits.u(8)) if bits.u(1) else (2, 2, 2)
    if mono:
        return depth, True, (1, 1), 0
    if description == _SRGB:
        return depth, False, (0, 0), 0
    bits.skip(1)
    if profile == 0:
        sampling = (1, 1)
    elif profile == 1:
        sampling = (0, 0)
    elif depth == 12:
        x = bits.u(1)
        sampling = (x, bits.u(1) if x else 0)
    else:
        sampling = (1, 0)
    return depth, False, sampling, bits.u(2) if sampling == (1, 1) else 0
