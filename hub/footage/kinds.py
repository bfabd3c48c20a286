"""What a file is, by its first bytes; and when a photograph was taken, by its EXIF. Pure; trusts nothing."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

_PHOTOS = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"))
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif")
_DATE_TAGS = (0x9003, 0x9004, 0x0132)
"""DateTimeOriginal, DateTimeDigitized, DateTime (Exif 2.32 §4.6)."""
_EXIF_IFD = 0x8769
_MAX_FIELDS = 500


def photo_type(head: bytes) -> str:
    """``jpeg``, ``png`` or ``heif``; empty for what is no photograph."""
    for magic, name in _PHOTOS:
        if head.startswith(magic):
            return name
    return "heif" if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS else ""


def taken_us(head: bytes) -> int | None:
    """When it was taken, by the device's clock read as UTC where it names no zone; None where it does not say."""
    at = head.find(b"Exif\0\0")
    start = at + 6 if at >= 0 else head.find(b"eXIf") + 4
    if start < 6 and head.find(b"eXIf") < 0:
        return None
    try:
        return _date(head[start : start + (1 << 18)])
    except (struct.error, ValueError, IndexError, OverflowError):
        return None


def _date(tiff: bytes) -> int | None:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    (first,) = struct.unpack_from(f"{order}I", tiff, 4)
    found = _fields(tiff, order, first)
    if _EXIF_IFD in found:
        found |= _fields(tiff, order, struct.unpack(f"{order}I", found[_EXIF_IFD][1])[0])
    for tag in _DATE_TAGS:
        if tag in found and found[tag][0] >= 19:
            (where,) = struct.unpack(f"{order}I", found[tag][1])
            text = tiff[where : where + 19].decode("ascii", "replace")
            moment = datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
            return round(moment.timestamp()) * 1_000_000
    return None


def _fields(tiff: bytes, order: str, at: int) -> dict[int, tuple[int, bytes]]:
    """The fields of an IFD (TIFF 6.0 §2): by tag, how many values, and the value or where it lies."""
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    found = {}
    for number in range(min(count, _MAX_FIELDS)):
        tag, _kind, values, value = struct.unpack_from(f"{order}HHI4s", tiff, at + 2 + 12 * number)
        found[tag] = (values, value)
    return found
