"""Which fragments of a reel are whole: reads boxes, trusts nothing, needs no media library.

For recovery after a crash, and for filling playback with silence.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub.errors import MediaError
from hub.model import MediaKind, TrackRange

_MAX_MOOV = 1 << 20
_MAX_MOOF = 16 << 20
_MAX_MDAT = 1 << 30
_NON_SYNC = 0x00010000
# Flags of trun (ISO/IEC 14496-12 §8.8.8.1)
_DATA_OFFSET, _FIRST_FLAGS, DURATION, SIZE, _FLAGS, COMPOSED = 0x1, 0x4, 0x100, 0x200, 0x400, 0x800


@dataclass(frozen=True, slots=True)
class TrackHeader:
    """A ``trak`` of an init segment; ``codec`` is the sample entry's type (``avc1``, ``mp4a``)."""

    id: int
    kind: MediaKind
    timescale: int
    codec: str
    box: bytes


@dataclass(frozen=True, slots=True)
class FragmentHeader:
    """A ``moof`` with its ``mdat``, the one beginning at ``offset``, both together ``size`` bytes."""

    offset: int
    size: int
    track_id: int
    tfdt_ticks: int
    duration_ticks: int
    frames: int
    keyframe: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """What the whole fragments of a scan hold. Sequence numbers are not in the file and 0 here;
    ``keyframes`` counts fragments of pictures that begin with one."""

    init_size: int
    fragments: int
    tracks: tuple[TrackRange, ...]
    torn_bytes: int
    """Bytes of the file behind the last whole fragment."""


def whole_fragments(path: Path, from_offset: int) -> tuple[int, Summary]:
    """Where the last whole fragment at or after ``from_offset`` ends, and what there is up to it.

    ``from_offset`` is where a fragment begins (the end of the last chunk), or 0 for the reel's start: then the init
    segment is passed over first, and the end is 0 when not even that is whole. The end is ``from_offset``
    when no whole fragment follows. Raises MediaError, and nothing else, when there is no such
    file, it cannot be read, it ends before ``from_offset``, or its init segment is broken though not cut short.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not 0 <= from_offset <= size:
                raise MediaError(f"expected at least {from_offset} bytes in {path.name}, found {size}")
            init = _read_init(file.fileno(), size)
            if init is None:
                if from_offset:
                    raise MediaError(f"expected an init segment before byte {from_offset} of {path.name}, found none")
                return 0, Summary(0, 0, (), size)
            headers = read_init(init)
            start = max(from_offset, len(init))
            found = list(_fragments(file.fileno(), start, size))
    except OSError as error:
        raise MediaError(f"expected a readable reel {path.name}, found: {error.strerror or error}") from error
    end = found[-1].offset + found[-1].size if found else start
    return end, Summary(len(init), len(found), _ranges(headers, found), size - end)


def read_init(data: bytes) -> tuple[TrackHeader, ...]:
    """The tracks of ``ftyp moov``. Raises MediaError when they cannot be read."""
    try:
        moov = child_of(data, b"moov")
        return tuple(_track(whole) for kind, whole in boxes_of(moov) if kind == b"trak")
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise MediaError(f"expected a whole init segment, found a broken one: {error}") from error


def read_fragments(data: bytes) -> list[FragmentHeader]:
    """The fragments of a chunk, offsets within it. Raises MediaError unless whole fragments fill it."""
    found: list[FragmentHeader] = []
    at = 0
    while at < len(data):
        moof = _box_size(data[at : at + 8], b"moof", _MAX_MOOF)
        mdat = moof and _box_size(data[at + moof : at + moof + 8], b"mdat", _MAX_MDAT)
        if not moof or not mdat or at + moof + mdat > len(data):
            raise MediaError(f"expected a whole fragment at byte {at} of {len(data)}, found none")
        header = _fragment(data[at : at + moof], at, moof + mdat)
        if header is None:
            raise MediaError(f"expected a fragment header at byte {at}, found a broken one")
        found.append(header)
        at += moof + mdat
    return found


# ------------------------------------------------------------------------------- reading files


def _read_init(fd: int, size: int) -> bytes | None:
    """``ftyp moov``; None when the file was cut off within them."""
    at = 0
    for kind in (b"ftyp", b"moov"):
        header = os.pread(fd, 8, at)
        if len(header) < 8:
            return None
        length = _box_size(header, kind, _MAX_MOOV)
        if not length:
            raise MediaError(f"expected {kind.decode()} at byte {at}, found {header.hex()}")
        at += length
        if at > size:
            return None
    return os.pread(fd, at, 0)


def _fragments(fd: int, start: int, size: int) -> Iterator[FragmentHeader]:
    """The whole fragments from ``start`` on, up to the first that is torn or broken."""
    at = start
    while True:
        moof = _box_size(os.pread(fd, 8, at), b"moof", _MAX_MOOF)
        if not moof or at + moof + 8 > size:
            return
        head = os.pread(fd, moof + 8, at)
        mdat = _box_size(head[moof:], b"mdat", _MAX_MDAT)
        if not mdat or at + moof + mdat > size:
            return
        header = _fragment(head[:moof], at, moof + mdat)
        if header is None:
            return
        yield header
        at += moof + mdat


def _box_size(header: bytes, kind: bytes, limit: int) -> int:
    """Size of the box that begins here; 0 when it is none of this kind, or absurd."""
    if len(header) < 8 or header[4:8] != kind:
        return 0
    size = int.from_bytes(header[:4], "big")
    return size if 8 <= size <= limit else 0


# --------------------------------------------------------------------------------- reading boxes


def boxes_of(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and whole bytes of each box inside a container of which the header is left out."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size > len(data):
            raise MediaError(f"expected a box of 8 to {len(data) - at} bytes, found {size}")
        yield data[at + 4 : at + 8], data[at : at + size]
        at += size


def child_of(data: bytes, *path: bytes) -> bytes:
    """The payload of the first box at ``path``."""
    for name in path:
        for kind, whole in boxes_of(data):
            if kind == name:
                data = whole[8:]
                break
        else:
            raise MediaError(f"expected a box {name.decode()}, found none")
    return data


def _track(trak: bytes) -> TrackHeader:
    payload = trak[8:]
    track_id = struct.unpack_from(">I", child_of(payload, b"tkhd"), 12)[0]
    timescale = struct.unpack_from(">I", child_of(payload, b"mdia", b"mdhd"), 12)[0]
    handler = child_of(payload, b"mdia", b"hdlr")[8:12]
    codec = child_of(payload, b"mdia", b"minf", b"stbl", b"stsd")[12:16]
    if not timescale:
        raise MediaError(f"expected a timescale for track {track_id}, found 0")
    kind = MediaKind.VIDEO if handler == b"vide" else MediaKind.AUDIO
    return TrackHeader(track_id, kind, timescale, codec.decode("ascii"), trak)


def _fragment(moof: bytes, offset: int, size: int) -> FragmentHeader | None:
    """None for what is not a fragment of one track."""
    try:
        traf = child_of(moof, b"moof", b"traf")
        tfhd = child_of(traf, b"tfhd")
        tfdt = child_of(traf, b"tfdt")
        trun = child_of(traf, b"trun")
        track_id = struct.unpack_from(">I", tfhd, 4)[0]
        start = struct.unpack_from(">Q" if tfdt[0] else ">I", tfdt, 4)[0]
        flags, frames = struct.unpack_from(">II", trun)
        flags &= 0xFFFFFF
        at = first_trun_entry(flags)
        first_flags = struct.unpack_from(">I", trun, at - 4)[0] if flags & _FIRST_FLAGS else 0
        stride = sum(bool(flags & flag) for flag in (DURATION, SIZE, _FLAGS, COMPOSED))
        if not flags & DURATION or not frames or len(trun) != at + 4 * stride * frames:
            return None
        durations = struct.unpack_from(f">{stride * frames}I", trun, at)[::stride]
    except (MediaError, struct.error, IndexError):
        return None
    return FragmentHeader(offset, size, track_id, start, sum(durations), frames, not first_flags & _NON_SYNC)


def first_trun_entry(flags: int) -> int:
    """Where the first unit stands in a ``trun`` with these flags, the box's own header left out."""
    return 8 + 4 * bool(flags & _DATA_OFFSET) + 4 * bool(flags & _FIRST_FLAGS)


def _ranges(headers: tuple[TrackHeader, ...], found: list[FragmentHeader]) -> tuple[TrackRange, ...]:
    ranges = []
    for track in headers:
        own = [fragment for fragment in found if fragment.track_id == track.id]
        if own:
            ranges.append(
                TrackRange(
                    track_id=track.id,
                    kind=track.kind,
                    timescale=track.timescale,
                    first_ticks=own[0].tfdt_ticks,
                    end_ticks=max(fragment.tfdt_ticks + fragment.duration_ticks for fragment in own),
                    frames=sum(fragment.frames for fragment in own),
                    keyframes=sum(fragment.keyframe for fragment in own) if track.kind is MediaKind.VIDEO else 0,
                    damaged=0,
                    first_seq=0,
                    last_seq=0,
                    lost=0,
                )
            )
    return tuple(ranges)
