"""What the parameter sets of H.264 and H.265 have in common."""

from __future__ import annotations

from hub.errors import MediaError

_MAX_SIDE = 16_384
_MAX_DEPTH = 16


def crop_units(chroma_format: int) -> tuple[int, int]:
    """Pixels of luma, across and down, for one unit of cropping (H.264 Table 6-1, H.265 Table 6-1)."""
    return (2 if chroma_format in (1, 2) else 1), (2 if chroma_format == 1 else 1)


def check_picture(width: int, height: int, chroma_format: int, luma_depth: int, chroma_depth: int) -> None:
    """Raises MediaError (``bitstream``) for what no picture can be."""
    if chroma_format > 3 or luma_depth > _MAX_DEPTH or chroma_depth > _MAX_DEPTH:
        raise MediaError(
            f"expected a picture format, found chroma {chroma_format}, depth {luma_depth}/{chroma_depth}",
            code="bitstream",
        )
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise MediaError(
            f"expected a picture of 1 to {_MAX_SIDE} pixels a side, found {width} x {height}", code="bitstream"
        )
