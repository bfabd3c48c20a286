"""Headers of VP8 (RFC 6386 §9.1) and VP9 (VP9 bitstream specification §6.2) keyframes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hub.bitstream.bits import BitReader
from hub.errors import MediaError

_RECORD = struct.Struct(">HHBBBBB")
_VP9_SYNC = 0x498342
_VP9_RGB = 7


@dataclass(frozen=True, slots=True)
class VpxConfig:
    """What decodes a VP8 or VP9 track. ``subsampling`` is (x, y), 1 where colour has half the samples;
    ``color_space`` as in VP9 §7.2.2 (0: not said)."""

    width: int
    height: int
    profile: int = 0
    bit_depth: int = 8
    subsampling: tuple[int, int] = (1, 1)
    full_range: bool = False
    color_space: int = 0

    def pack(self) -> bytes:
        """A record for ``ParameterSets.sps``: the codec has no sets of its own."""
        x, y = self.subsampling
        flags = x << 2 | y << 1 | self.full_range
        return _RECORD.pack(self.width, self.height, self.profile, self.bit_depth, flags, self.color_space, 0)

    @classmethod
    def unpack(cls, record: bytes) -> VpxConfig:
        """Raises MediaError (``bitstream``)."""
        if len(record) != _RECORD.size:
            raise MediaError(f"expected a record of {_RECORD.size} bytes, found {len(record)}", code="bitstream")
        width, height, profile, depth, flags, space, _ = _RECORD.unpack(record)
        if not width or not height or profile > 3 or depth not in (8, 10, 12) or flags > 7 or space > _VP9_RGB:
            raise MediaError(f"expected a record of VP8 or VP9, found {record.hex()}", code="bitstream")
        return cls(width, height, profile, depth, (flags >> 2 & 1, flags >> 1 & 1), bool(flags & 1), space)


def parse_vp8(frame: bytes) -> VpxConfig | None:
    """Of a keyframe; None for a frame that needs others. Raises MediaError (``bitstream``)."""
    if not frame:
        raise MediaError("expected a VP8 frame, found nothing", code="bitstream")
    if frame[0] & 1:
        return None
    if len(frame) < 10 or frame[3:6] != b"\x9d\x01\x2a":
        raise MediaError("expected a VP8 keyframe with its start code", code="bitstream")
    width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", frame, 6))
    if not width or not height:
        raise MediaError("expected a VP8 keyframe with a size", code="bitstream")
    return VpxConfig(width, height, min(frame[0] >> 1 & 7, 3))


def parse_vp9(frame: bytes) -> VpxConfig | None:
    """Of a keyframe (of the first frame in a superframe); None for a frame that needs others. Raises MediaError
    (``bitstream``)."""
    bits = BitReader(frame[:24])
    if bits.u(2) != 2:
        raise MediaError("expected a VP9 frame", code="bitstream")
    profile = bits.u(1) | bits.u(1) << 1
    if profile == 3:
        bits.skip(1)
    if bits.u(1) or bits.u(1):
        return None  # one that is shown again, or no keyframe
    bits.skip(2)
    if bits.u(24) != _VP9_SYNC:
        raise MediaError("expected a VP9 keyframe with its sync code", code="bitstream")
    depth = (10, 12)[bits.u(1)] if profile >= 2 else 8
    space = bits.u(3)
    odd = profile & 1
    if space == _VP9_RGB:
        full_range, sampling = True, (0, 0)
        bits.skip(odd)
    else:
        full_range = bool(bits.u(1))
        sampling = (bits.u(1), bits.u(1)) if odd else (1, 1)
        bits.skip(odd)
    width, height = bits.u(16) + 1, bits.u(16) + 1
    if width > 0xFFFF or height > 0xFFFF:
        raise MediaError(f"expected pictures of at most 65535 a side, found {width} x {height}", code="bitstream")
    return VpxConfig(width, height, profile, depth, sampling, full_range, space)
