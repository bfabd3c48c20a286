"""H.264 parameter sets, slice headers and SEI, as far as decode times and random access need them.

Clauses are of ITU-T H.264 (08/2021).
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import MediaError
from hub.ingest.syntax.bits import BitReader

NAL_IDR, NAL_SEI, NAL_SPS, NAL_PPS, NAL_AUD = 5, 6, 7, 8, 9
_CHROMA_PROFILES = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
_NO_REORDER_WITH_SET3 = frozenset((44, 86, 100, 110, 122, 244))
"""Profiles whose constraint_set3_flag means intra only, hence no reordering (§E.2.1)."""
_BASELINE = 66
_SEI_RECOVERY_POINT = 6
_SLICE_HEAD_BYTES = 40
_MAX_REF_CYCLE = 255


@dataclass(frozen=True, slots=True)
class Sps:
    """Of a sequence parameter set (§7.3.2.1.1): what precedes and governs ``pic_order_cnt_lsb``.

    ``reorder`` is how many pictures may precede one in decoding and follow it in output
    (max_num_reorder_frames, §E.2.1); None where the set does not say. ``frame_s`` is the distance of
    frames in seconds that the VUI states, None without one.
    """

    id: int
    poc_type: int
    frame_num_bits: int
    poc_lsb_bits: int
    separate_planes: bool
    frames_only: bool
    reorder: int | None
    frame_s: float | None


def parse_sps(nal: bytes) -> Sps:
    """Reads an SPS NAL unit, header included. Raises MediaError (``bitstream``)."""
    if len(nal) < 4:
        raise MediaError(f"SPS of {len(nal)} bytes", code="bitstream")
    profile, constraints = nal[1], nal[2]
    bits = BitReader.of_nal(nal, 4)
    sps_id = _bounded(bits.ue(), 31, "seq_parameter_set_id")
    separate_planes = _skip_chroma(bits) if profile in _CHROMA_PROFILES else False
    frame_num_bits = _bounded(bits.ue(), 12, "log2_max_frame_num_minus4") + 4
    poc_type = _bounded(bits.ue(), 2, "pic_order_cnt_type")
    poc_lsb_bits = 0
    if poc_type == 0:
        poc_lsb_bits = _bounded(bits.ue(), 12, "log2_max_pic_order_cnt_lsb_minus4") + 4
    elif poc_type == 1:
        bits.skip(1)
        bits.se()
        bits.se()
        for _ in range(_bounded(bits.ue(), _MAX_REF_CYCLE, "num_ref_frames_in_pic_order_cnt_cycle")):
            bits.se()
    references = bits.ue()
    bits.skip(1)
    bits.ue()
    bits.ue()
    frames_only = bits.u(1) == 1
    if not frames_only:
        bits.skip(1)
    bits.skip(1)
    if bits.u(1):
        for _ in range(4):
            bits.ue()
    reorder, frame_s = _vui_or_nothing(bits)
    if (
        poc_type == 2
        or profile == _BASELINE
        or references == 0
        or (profile in _NO_REORDER_WITH_SET3 and constraints & 0x10)
    ):
        reorder = 0
    return Sps(sps_id, poc_type, frame_num_bits, poc_lsb_bits, separate_planes, frames_only, reorder, frame_s)


def parse_pps_ids(nal: bytes) -> tuple[int, int]:
    """(pic_parameter_set_id, seq_parameter_set_id) of a PPS (§7.3.2.2). Raises MediaError."""
    bits = BitReader.of_nal(nal[:16], 1)
    return _bounded(bits.ue(), 255, "pic_parameter_set_id"), _bounded(bits.ue(), 31, "seq_parameter_set_id")


@dataclass(frozen=True, slots=True)
class SliceHead:
    """The first fields of a slice header (§7.3.3), before pic_order_cnt_lsb."""

    first_mb: int
    slice_type: int
    pps_id: int

    @property
    def intra(self) -> bool:
        return self.slice_type % 5 in (2, 4)


def slice_reader(nal: bytes) -> tuple[SliceHead, BitReader]:
    """The first fields and a reader behind them. Raises MediaError."""
    bits = BitReader.of_nal(nal[:_SLICE_HEAD_BYTES], 1)
    return SliceHead(bits.ue(), bits.ue(), bits.ue()), bits


def poc_lsb(bits: BitReader, sps: Sps, idr: bool) -> int:
    """pic_order_cnt_lsb of the slice that ``bits`` stands in. Only for ``poc_type`` 0."""
    bits.skip((2 if sps.separate_planes else 0) + sps.frame_num_bits)
    if not sps.frames_only and bits.u(1):
        bits.skip(1)
    if idr:
        bits.ue()
    return bits.u(sps.poc_lsb_bits)


def is_recovery_point(nal: bytes) -> bool:
    """Whether an SEI NAL unit holds a recovery point at which decoding is exact at once (§D.2.8)."""
    data = nal[1:].replace(b"\0\0\3", b"\0\0")
    position = 0
    while position + 2 < len(data):
        kind, position = _sei_number(data, position)
        size, position = _sei_number(data, position)
        if kind == _SEI_RECOVERY_POINT and position + size <= len(data):
            return BitReader(data[position : position + size]).ue() == 0
        position += size
    return False


def _sei_number(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    while position < len(data) and data[position] == 0xFF:
        value += 255
        position += 1
    return (value + data[position], position + 1) if position < len(data) else (value, position)


def _bounded(value: int, largest: int, name: str) -> int:
    if value > largest:
        raise MediaError(f"{name} is {value}, expected at most {largest}", code="bitstream")
    return value


def _skip_chroma(bits: BitReader) -> bool:
    """§7.3.2.1.1 from chroma_format_idc to the scaling lists; returns separate_colour_plane_flag."""
    chroma = _bounded(bits.ue(), 3, "chroma_format_idc")
    separate = chroma == 3 and bits.u(1) == 1
    bits.ue()
    bits.ue()
    bits.skip(1)
    if bits.u(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.u(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return separate


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last, following = 8, 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _vui_or_nothing(bits: BitReader) -> tuple[int | None, float | None]:
    """The VUI, if there is one that can be read: cameras are known to write broken ones, and an SPS is
    of use without it."""
    try:
        return _vui(bits) if bits.u(1) else (None, None)
    except MediaError:
        return None, None


def _vui(bits: BitReader) -> tuple[int | None, float | None]:
    """(max_num_reorder_frames, frame distance in s) of the VUI (§E.1.1)."""
    if bits.u(1) and bits.u(8) == 255:
        bits.skip(32)
    if bits.u(1):
        bits.skip(1)
    if bits.u(1):
        bits.skip(4)
        if bits.u(1):
            bits.skip(24)
    if bits.u(1):
        bits.ue()
        bits.ue()
    frame_s: float | None = None
    if bits.u(1):
        tick, scale = bits.u(32), bits.u(32)
        bits.skip(1)
        frame_s = 2 * tick / scale if tick and scale else None
    hrd = False
    for _ in range(2):
        if bits.u(1):
            hrd = True
            _skip_hrd(bits)
    if hrd:
        bits.skip(1)
    bits.skip(1)
    if not bits.u(1):
        return None, frame_s
    bits.skip(1)
    for _ in range(4):
        bits.ue()
    return _bounded(bits.ue(), 16, "max_num_reorder_frames"), frame_s


def _skip_hrd(bits: BitReader) -> None:
    count = _bounded(bits.ue(), 31, "cpb_cnt_minus1") + 1
    bits.skip(8)
    for _ in range(count):
        bits.ue()
        bits.ue()
        bits.skip(1)
    bits.skip(20)
