"""H.265 parameter sets, as far as decode times need them. Clauses are of ITU-T H.265 (08/2021)."""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import MediaError
from hub.ingest.syntax.bits import BitReader

NAL_RASL_N, NAL_RASL_R = 8, 9
NAL_IRAP_FIRST, NAL_IRAP_LAST = 16, 23
NAL_IDR_W_RADL, NAL_IDR_N_LP = 19, 20
NAL_VCL_LAST = 31
NAL_VPS, NAL_SPS, NAL_PPS, NAL_AUD, NAL_PREFIX_SEI = 32, 33, 34, 35, 39
_PROFILE_BITS = 88
_LEVEL_BITS = 8


@dataclass(frozen=True, slots=True)
class Sps:
    """``reorder``: pictures that may precede one in decoding and follow it in output
    (sps_max_num_reorder_pics of the highest sub-layer, §7.4.3.2.1)."""

    id: int
    reorder: int


def vps_id(nal: bytes) -> int:
    """vps_video_parameter_set_id (§7.3.2.1). Raises MediaError."""
    return BitReader(nal[2:4]).u(4)


def parse_sps(nal: bytes) -> Sps:
    """Reads an SPS NAL unit, header included, up to its reordering (§7.3.2.2.1). Raises MediaError."""
    bits = BitReader.of_nal(nal, 2)
    bits.skip(4)
    sub_layers = bits.u(3)
    bits.skip(1)
    _skip_profile_tier_level(bits, sub_layers)
    sps_id = bits.ue()
    if sps_id > 15:
        raise MediaError(f"sps_seq_parameter_set_id is {sps_id}, expected at most 15", code="bitstream")
    if bits.ue() == 3:
        bits.skip(1)
    bits.ue()
    bits.ue()
    if bits.u(1):
        for _ in range(4):
            bits.ue()
    for _ in range(3):
        bits.ue()
    every_layer = bits.u(1) == 1
    reorder = 0
    for _ in range(sub_layers + 1 if every_layer else 1):
        bits.ue()
        reorder = bits.ue()
        bits.ue()
    if reorder > 16:
        raise MediaError(f"sps_max_num_reorder_pics is {reorder}, expected at most 16", code="bitstream")
    return Sps(sps_id, reorder)


def parse_pps_id(nal: bytes) -> int:
    """pps_pic_parameter_set_id (§7.3.2.3). Raises MediaError."""
    value = BitReader.of_nal(nal[:16], 2).ue()
    if value > 63:
        raise MediaError(f"pps_pic_parameter_set_id is {value}, expected at most 63", code="bitstream")
    return value


def _skip_profile_tier_level(bits: BitReader, sub_layers: int) -> None:
    """§7.3.3 with profilePresentFlag 1."""
    bits.skip(_PROFILE_BITS + _LEVEL_BITS)
    if not sub_layers:
        return
    present = [(bits.u(1), bits.u(1)) for _ in range(sub_layers)]
    bits.skip(2 * (8 - sub_layers))
    for profile, level in present:
        bits.skip((_PROFILE_BITS if profile else 0) + (_LEVEL_BITS if level else 0))
