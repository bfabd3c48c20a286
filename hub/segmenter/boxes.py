"""The few boxes of ISO/IEC 14496-12 that a fragmented file needs, as bytes. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import chain

_HEADER = struct.Struct(">I4s")
_FULL = struct.Struct(">I4sI")
_UNITY_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_MOVIE_TIMESCALE = 1000

SYNC_SAMPLE = 0x02000000
"""Sample flags (§8.8.3.1) of a picture that depends on no other, and of every audio frame."""
DELTA_SAMPLE = 0x01010000
"""Sample flags of a picture that depends on others and is no sync sample."""


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box (§4.2): 32-bit size, type, payload."""
    payload = b"".join(parts)
    return _HEADER.pack(8 + len(payload), kind) + payload


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A full box (§4.2): a box whose payload begins with version and flags."""
    payload = b"".join(parts)
    return _FULL.pack(12 + len(payload), kind, version << 24 | flags) + payload


# ------------------------------------------------------------------------------- init segment


def ftyp(single_track: bool) -> bytes:
    """§4.3. A single track is a CMAF header (ISO/IEC 23000-19 §7.2); a whole reel is plain ISO BMFF."""
    brands = b"iso6cmfccmf2" if single_track else b"iso6iso5mp41"
    return box(b"ftyp", b"iso6", bytes(4), brands)


def moov(traks: Sequence[bytes], track_ids: Sequence[int]) -> bytes:
    """§8.2.1 for a file of which every sample lies in fragments (``mvex``, §8.8.1)."""
    mvhd = full_box(
        b"mvhd",
        0,
        0,
        struct.pack(">IIIIIH10x", 0, 0, _MOVIE_TIMESCALE, 0, 0x10000, 0x100),
        _UNITY_MATRIX,
        bytes(24),
        struct.pack(">I", max(track_ids, default=0) + 1),
    )
    trex = [full_box(b"trex", 0, 0, struct.pack(">5I", track_id, 1, 0, 0, 0)) for track_id in track_ids]
    return box(b"moov", mvhd, *traks, box(b"mvex", *trex))


def trak(track_id: int, timescale: int, sample_entry: bytes, size: tuple[int, int] | None) -> bytes:
    """§8.3.1. ``size`` is width and height in pixels as shown, None for sound."""
    width, height = size or (0, 0)
    tkhd = full_box(
        b"tkhd",
        0,
        3,
        struct.pack(">IIIII8xHHHH", 0, 0, track_id, 0, 0, 0, 0, 0 if size else 0x100, 0),
        _UNITY_MATRIX,
        struct.pack(">II", width << 16, height << 16),
    )
    mdhd = full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, timescale, 0, 0x55C4, 0))  # language "und"
    handler, name = (b"vide", b"Video\0") if size else (b"soun", b"Sound\0")
    hdlr = full_box(b"hdlr", 0, 0, bytes(4), handler, bytes(12), name)
    header = full_box(b"vmhd", 0, 1, bytes(8)) if size else full_box(b"smhd", 0, 0, bytes(4))
    here = full_box(b"url ", 0, 1)
    dinf = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), here))
    stbl = box(
        b"stbl",
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), sample_entry),
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, box(b"minf", header, dinf, stbl)))


# ----------------------------------------------------------------------------------- fragment

# moof ( mfhd traf ( tfhd tfdt trun-without-entries ) ), all sizes but four known beforehand
_MOOF = struct.Struct(">I4s I4sII I4s I4sIII I4sIQ I4sIIiI")
_MDAT = struct.Struct(">I4s")
_TFHD_FLAGS = 0x020020  # default-base-is-moof, default-sample-flags-present
_TFDT_64_BIT = 0x01000000
_TRUN_PLAIN = 0x000305  # data offset, first sample flags, durations, sizes
_TRUN_COMPOSED = _TRUN_PLAIN | 0x000800  # and composition offsets
_TRUN_SIGNED = 0x01000000
_U32 = 0xFFFFFFFF


def fragment(
    sequence: int,
    track_id: int,
    tfdt_ticks: int,
    durations: Sequence[int],
    offsets: Sequence[int] | None,
    samples: Sequence[bytes],
    *,
    sync_first: bool,
    sync_rest: bool,
) -> bytes:
    """One ``moof mdat`` of one track (§8.8.4 to §8.8.8, §8.8.12).

    ``durations`` in ticks, one a sample; ``offsets`` are composition offsets in ticks (signed), None
    when every sample is shown when it is decoded.
    """
    count = len(samples)
    sizes = [*map(len, samples)]
    entries: Iterable[int]
    if offsets is None:
        trun_flags, words = _TRUN_PLAIN, 2 * count
        entries = chain.from_iterable(zip(durations, sizes, strict=True))
    else:
        trun_flags, words = _TRUN_COMPOSED, 3 * count
        if min(offsets) < 0:
            trun_flags |= _TRUN_SIGNED
            offsets = [offset & _U32 for offset in offsets]
        entries = chain.from_iterable(zip(durations, sizes, offsets, strict=True))
    table = struct.pack(f">{words}I", *entries)
    trun = 24 + len(table)
    moof = _MOOF.size + len(table)
    head = _MOOF.pack(
        moof, b"moof", 16, b"mfhd", 0, sequence & _U32,
        moof - 24, b"traf",
        20, b"tfhd", _TFHD_FLAGS, track_id, SYNC_SAMPLE if sync_rest else DELTA_SAMPLE,
        20, b"tfdt", _TFDT_64_BIT, tfdt_ticks,
        trun, b"trun", trun_flags, count, moof + 8, SYNC_SAMPLE if sync_first else DELTA_SAMPLE,
    )  # fmt: skip
    return b"".join((head, table, _MDAT.pack(8 + sum(sizes), b"mdat"), *samples))
