"""H.265 parameter sets, as far as decode times and init segments need them. Clauses are of ITU-T H.265 (08/2021)."""

from __future__ import annotations

from dataclasses import dataclass

from hub.bitstream.bits import BitReader
from hub.bitstream.picture import check_picture, crop_units
from hub.errors import MediaError

NAL_RASL_N, NAL_RASL_R = 8, 9
NAL_IRAP_FIRST, NAL_IRAP_LAST = 16, 23
NAL_IDR_W_RADL, NAL_IDR_N_LP = 19, 20
NAL_VCL_LAST = 31
NAL_VPS, NAL_SPS, NAL_PPS, NAL_AUD, NAL_PREFIX_SEI = 32, 33, 34, 35, 39
_GENERAL_BITS, _PROFILE_BITS, _LEVEL_BITS = 96, 88, 8


@dataclass(frozen=True, slots=True)
class Sps:
    """``profile_tier_level``: the 12 general bytes of §7.3.3 as they are. ``width`` and ``height`` are pixels after
    cropping. ``reorder``: pictures that may precede one in decoding and follow it in output
    (sps_max_num_reorder_pics of the highest sub-layer, §7.4.3.2.1)."""

    id: int
    profile_tier_level: bytes
    sub_layers: int
    nested: bool
    chroma_format: int
    luma_depth: int
    chroma_depth: int
    width: int
    height: int
    reorder: int


def vps_id(nal: bytes) -> int:
    """vps_video_parameter_set_id (§7.3.2.1). Raises MediaError."""
    return BitReader(nal[2:4]).u(4)


def parse_sps(nal: bytes) -> Sps:
    """Reads an SPS NAL unit, header included, up to its reordering (§7.3.2.2.1). Raises MediaError."""
    if not nal or nal[0] >> 1 & 0x3F != NAL_SPS:
        raise MediaError(f"expected an H.265 SPS (type 33), found {nal[:2].hex() or 'nothing'}", code="bitstream")
    bits = BitReader.of_nal(nal, 2)
    bits.skip(4)
    sub_layers = bits.u(3)
    nested = bits.u(1) == 1
    general = bits.u(_GENERAL_BITS).to_bytes(_GENERAL_BITS // 8, "big")
    _skip_sub_layers(bits, sub_layers)
    sps_id = _bounded(bits.ue(), 15, "sps_seq_parameter_set_id")
    chroma = bits.ue()
    separate = chroma == 3 and bits.u(1) == 1
    width, height = bits.ue(), bits.ue()
    if bits.u(1):
        left, right, top, bottom = (bits.ue() for _ in range(4))
        unit_x, unit_y = crop_units(0 if separate else chroma)
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    luma_depth, chroma_depth = bits.ue() + 8, bits.ue() + 8
    check_picture(width, height, chroma, luma_depth, chroma_depth)
    bits.ue()
    every_layer = bits.u(1) == 1
    reorder = 0
    for _ in range(sub_layers + 1 if every_layer else 1):
        bits.ue()
        reorder = _bounded(bits.ue(), 16, "sps_max_num_reorder_pics")
        bits.ue()
    return Sps(sps_id, general, sub_layers + 1, nested, chroma, luma_depth, chroma_depth, width, height, reorder)


def parse_pps_id(nal: bytes) -> int:
    """pps_pic_parameter_set_id (§7.3.2.3). Raises MediaError."""
    return _bounded(BitReader.of_nal(nal[:16], 2).ue(), 63, "pps_pic_parameter_set_id")


def _bounded(value: int, largest: int, name: str) -> int:
    if value > largest:
        raise MediaError(f"{name} is {value}, expected at most {largest}", code="bitstream")
    return value


def _skip_sub_layers(bits: BitReader, sub_layers: int) -> None:
    """§7.3.3 with profilePresentFlag 1, behind its general part."""
    if not sub_layers:
        return
    present = [(bits.u(1), bits.u(1)) for _ in range(sub_layers)]
    bits.skip(2 * (8 - sub_layers))
    for profile, level in present:
        bits.skip((_PROFILE_BITS if profile else 0) + (_LEVEL_BITS if level else 0))
