"""What an init segment must say of a picture, read out of its sequence parameter set. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import MediaError
from hub.segmenter.bits import BitReader, unescape

_MAX_SIDE = 16_384
_H264_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
# Table E-1: sample aspect ratios by index
_ASPECTS = (
    (1, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11),
    (80, 33), (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
)  # fmt: skip
_EXTENDED_ASPECT = 255


@dataclass(frozen=True, slots=True)
class H264Sps:
    """ISO/IEC 14496-10 §7.3.2.1.1. Sides in pixels after cropping; ``aspect`` is width to height of one."""

    profile: int
    constraints: int
    level: int
    chroma_format: int
    luma_depth: int
    chroma_depth: int
    width: int
    height: int
    aspect: tuple[int, int]


@dataclass(frozen=True, slots=True)
class H265Sps:
    """ISO/IEC 23008-2 §7.3.2.2. ``profile_tier_level``: the 12 general bytes of §7.3.3 as they are."""

    profile_tier_level: bytes
    sub_layers: int
    nested: bool
    chroma_format: int
    luma_depth: int
    chroma_depth: int
    width: int
    height: int


def read_h264_sps(nal: bytes) -> H264Sps:
    """Raises MediaError for what is not a whole H.264 SPS."""
    if len(nal) < 5 or nal[0] & 0x1F != 7:
        raise MediaError(f"expected an H.264 sequence parameter set (type 7), found {nal[:1].hex() or 'nothing'}")
    reader = BitReader(unescape(nal[1:]))
    profile, constraints, level = reader.bits(8), reader.bits(8), reader.bits(8)
    reader.unsigned()  # seq_parameter_set_id
    chroma_format, luma_depth, chroma_depth, separate = 1, 8, 8, False
    if profile in _H264_WITH_CHROMA:
        chroma_format = reader.unsigned()
        separate = chroma_format == 3 and reader.flag()
        luma_depth, chroma_depth = reader.unsigned() + 8, reader.unsigned() + 8
        reader.flag()  # qpprime_y_zero_transform_bypass
        if reader.flag():
            for index in range(8 if chroma_format != 3 else 12):
                if reader.flag():
                    _skip_scaling_list(reader, 16 if index < 6 else 64)
    _skip_order_count(reader)
    reader.unsigned()  # max_num_ref_frames
    reader.flag()  # gaps allowed
    columns, rows = reader.unsigned() + 1, reader.unsigned() + 1
    frame_only = reader.flag()
    if not frame_only:
        reader.flag()
    reader.flag()  # direct_8x8_inference
    left = right = top = bottom = 0
    if reader.flag():
        left, right, top, bottom = (reader.unsigned() for _ in range(4))
    lines = 1 if frame_only else 2
    unit_x, unit_y = _crop_units(0 if separate else chroma_format)
    width = columns * 16 - (left + right) * unit_x
    height = rows * 16 * lines - (top + bottom) * unit_y * lines
    _check(chroma_format, luma_depth, chroma_depth, width, height)
    aspect = _aspect(reader) if reader.flag() else (1, 1)
    return H264Sps(profile, constraints, level, chroma_format, luma_depth, chroma_depth, width, height, aspect)


def read_h265_sps(nal: bytes) -> H265Sps:
    """Raises MediaError for what is not a whole H.265 SPS."""
    if len(nal) < 16 or nal[0] >> 1 & 0x3F != 33:
        raise MediaError(f"expected an H.265 sequence parameter set (type 33), found {nal[:1].hex() or 'nothing'}")
    reader = BitReader(unescape(nal[2:]))
    reader.bits(4)  # vps id
    sub_layers = reader.bits(3)
    nested = reader.flag()
    general = reader.bits(96).to_bytes(12, "big")
    present = [(reader.flag(), reader.flag()) for _ in range(sub_layers)]
    if sub_layers:
        reader.bits(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        reader.bits(88 * has_profile + 8 * has_level)
    reader.unsigned()  # sps id
    chroma_format = reader.unsigned()
    separate = chroma_format == 3 and reader.flag()
    width, height = reader.unsigned(), reader.unsigned()
    if reader.flag():
        left, right, top, bottom = (reader.unsigned() for _ in range(4))
        unit_x, unit_y = _crop_units(0 if separate else chroma_format)
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    luma_depth, chroma_depth = reader.unsigned() + 8, reader.unsigned() + 8
    _check(chroma_format, luma_depth, chroma_depth, width, height)
    return H265Sps(general, sub_layers + 1, nested, chroma_format, luma_depth, chroma_depth, width, height)


def _check(chroma_format: int, luma_depth: int, chroma_depth: int, width: int, height: int) -> None:
    if chroma_format > 3 or luma_depth > 16 or chroma_depth > 16:
        raise MediaError(f"expected a picture format, found chroma {chroma_format}, depth {luma_depth}/{chroma_depth}")
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise MediaError(f"expected a picture of 1 to {_MAX_SIDE} pixels a side, found {width} x {height}")


def _crop_units(chroma_format: int) -> tuple[int, int]:
    """Pixels of luma for one unit of cropping, by chroma format (Table 6-1)."""
    return (2 if chroma_format in (1, 2) else 1), (2 if chroma_format == 1 else 1)


def _skip_scaling_list(reader: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + reader.signed()) % 256
        last = following or last


def _skip_order_count(reader: BitReader) -> None:
    reader.unsigned()  # log2_max_frame_num
    kind = reader.unsigned()
    if kind == 0:
        reader.unsigned()
    elif kind == 1:
        reader.flag()
        reader.signed()
        reader.signed()
        count = reader.unsigned()
        if count > 255:
            raise MediaError(f"expected at most 255 reference offsets, found {count}")
        for _ in range(count):
            reader.signed()


def _aspect(reader: BitReader) -> tuple[int, int]:
    """The sample aspect ratio of the VUI (§E.1.1); square where it says nothing or nonsense."""
    if not reader.flag():
        return 1, 1
    index = reader.bits(8)
    if index == _EXTENDED_ASPECT:
        wide, high = reader.bits(16), reader.bits(16)
        return (wide, high) if wide and high else (1, 1)
    return _ASPECTS[index] if index < len(_ASPECTS) else (1, 1)
