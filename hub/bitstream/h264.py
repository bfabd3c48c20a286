"""H.264 parameter sets, slice headers and SEI, as far as decode times, random access and init segments need them.

Clauses are of ITU-T H.264 (08/2021).
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.bitstream.bits import BitReader
from hub.bitstream.picture import check_picture, crop_units
from hub.errors import MediaError

NAL_IDR, NAL_SEI, NAL_SPS, NAL_PPS, NAL_AUD = 5, 6, 7, 8, 9
_CHROMA_PROFILES = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
_NO_REORDER_WITH_SET3 = frozenset((44, 86, 100, 110, 122, 244))
"""Profiles whose constraint_set3_flag means intra only, hence no reordering (§E.2.1)."""
_BASELINE = 66
_SEI_RECOVERY_POINT = 6
_SLICE_HEAD_BYTES = 40
_MAX_REF_CYCLE = 255
_SQUARE = (1, 1)
# Table E-1: sample aspect ratios by index
_ASPECTS = (
    (1, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11),
    (80, 33), (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
)  # fmt: skip
_EXTENDED_ASPECT = 255


@dataclass(frozen=True, slots=True)
class Sps:
    """Of a sequence parameter set (§7.3.2.1.1): the form of its pictures, and what governs their order.

    ``width`` and ``height`` are pixels after cropping, ``aspect`` is width to height of one pixel.
    ``reorder`` is how many pictures may precede one in decoding and follow it in output
    (max_num_reorder_frames, §E.2.1); None where the set does not say.
    """

    id: int
    profile: int
    constraints: int
    level: int
    chroma_format: int
    luma_depth: int
    chroma_depth: int
    width: int
    height: int
    aspect: tuple[int, int]
    poc_type: int
    frame_num_bits: int
    poc_lsb_bits: int
    separate_planes: bool
    frames_only: bool
    reorder: int | None


def parse_sps(nal: bytes) -> Sps:
    """Reads an SPS NAL unit, header included. Raises MediaError (``bitstream``)."""
    if len(nal) < 4 or nal[0] & 0x1F != NAL_SPS:
        raise MediaError(f"expected an H.264 SPS (type 7), found {nal[:4].hex() or 'nothing'}", code="bitstream")
    profile, constraints, level = nal[1], nal[2], nal[3]
    bits = BitReader.of_nal(nal, 4)
    sps_id = _bounded(bits.ue(), 31, "seq_parameter_set_id")
    chroma, separate_planes, luma_depth, chroma_depth = 1, False, 8, 8
    if profile in _CHROMA_PROFILES:
        chroma, separate_planes, luma_depth, chroma_depth = _chroma(bits)
    frame_num_bits = _bounded(bits.ue(), 12, "log2_max_frame_num_minus4") + 4
    poc_type, poc_lsb_bits = _order_count(bits)
    references = bits.ue()
    bits.skip(1)
    columns, rows = bits.ue() + 1, bits.ue() + 1
    frames_only = bits.u(1) == 1
    if not frames_only:
        bits.skip(1)
    bits.skip(1)
    left, right, top, bottom = (bits.ue() for _ in range(4)) if bits.u(1) else (0, 0, 0, 0)
    unit_x, unit_y = crop_units(0 if separate_planes else chroma)
    lines = 1 if frames_only else 2
    width = columns * 16 - (left + right) * unit_x
    height = (rows * 16 - (top + bottom) * unit_y) * lines
    check_picture(width, height, chroma, luma_depth, chroma_depth)
    aspect, reorder = _vui(bits)
    if (
        poc_type == 2
        or profile == _BASELINE
        or references == 0
        or (profile in _NO_REORDER_WITH_SET3 and constraints & 0x10)
    ):
        reorder = 0
    return Sps(
        sps_id, profile, constraints, level, chroma, luma_depth, chroma_depth, width, height, aspect,
        poc_type, frame_num_bits, poc_lsb_bits, separate_planes, frames_only, reorder,
    )  # fmt: skip


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


def _chroma(bits: BitReader) -> tuple[int, bool, int, int]:
    """§7.3.2.1.1 from chroma_format_idc to the scaling lists: format, separate planes, depths of luma and chroma."""
    chroma = _bounded(bits.ue(), 3, "chroma_format_idc")
    separate = chroma == 3 and bits.u(1) == 1
    luma_depth, chroma_depth = bits.ue() + 8, bits.ue() + 8
    bits.skip(1)
    if bits.u(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.u(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma, separate, luma_depth, chroma_depth


def _order_count(bits: BitReader) -> tuple[int, int]:
    """pic_order_cnt_type, and the bits of pic_order_cnt_lsb (0 unless it is type 0)."""
    kind = _bounded(bits.ue(), 2, "pic_order_cnt_type")
    if kind == 0:
        return kind, _bounded(bits.ue(), 12, "log2_max_pic_order_cnt_lsb_minus4") + 4
    if kind == 1:
        bits.skip(1)
        bits.se()
        bits.se()
        for _ in range(_bounded(bits.ue(), _MAX_REF_CYCLE, "num_ref_frames_in_pic_order_cnt_cycle")):
            bits.se()
    return kind, 0


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last, following = 8, 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _vui(bits: BitReader) -> tuple[tuple[int, int], int | None]:
    """Pixel aspect and max_num_reorder_frames of the VUI (§E.1.1), as far as it can be read: cameras are known to
    write broken ones, and an SPS is of use without it."""
    aspect = _SQUARE
    try:
        if not bits.u(1):
            return aspect, None
        aspect = _aspect(bits)
        return aspect, _reorder(bits)
    except MediaError:
        return aspect, None


def _aspect(bits: BitReader) -> tuple[int, int]:
    """Square where it says nothing or nonsense."""
    if not bits.u(1):
        return _SQUARE
    index = bits.u(8)
    if index == _EXTENDED_ASPECT:
        wide, high = bits.u(16), bits.u(16)
        return (wide, high) if wide and high else _SQUARE
    return _ASPECTS[index] if index < len(_ASPECTS) else _SQUARE


def _reorder(bits: BitReader) -> int | None:
    """max_num_reorder_frames of a VUI that is read up to its aspect."""
    if bits.u(1):
        bits.skip(1)
    if bits.u(1):
        bits.skip(4)
        if bits.u(1):
            bits.skip(24)
    if bits.u(1):
        bits.ue()
        bits.ue()
    if bits.u(1):
        bits.skip(65)
    hrd = False
    for _ in range(2):
        if bits.u(1):
            hrd = True
            _skip_hrd(bits)
    if hrd:
        bits.skip(1)
    bits.skip(1)
    if not bits.u(1):
        return None
    bits.skip(1)
    for _ in range(4):
        bits.ue()
    return _bounded(bits.ue(), 16, "max_num_reorder_frames")


def _skip_hrd(bits: BitReader) -> None:
    count = _bounded(bits.ue(), 31, "cpb_cnt_minus1") + 1
    bits.skip(8)
    for _ in range(count):
        bits.ue()
        bits.ue()
        bits.skip(1)
    bits.skip(20)
