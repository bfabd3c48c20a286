"""What a hub has recorded, compared with what was sent to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from hub.database import Database
from hub.ledger.reader import Reader
from hub.model import Chunk

FAR_FUTURE_US = 1 << 52


def missing_packets(data: Path, streams: Iterable[str]) -> int:
    """RTP packets that no chunk accounts for, by sequence number, and streams without footage.

    Each source is one unbroken run of sequence numbers: every chunk must begin where the one before ended.
    """
    reader = Reader(Database.in_folder(data), data)
    try:
        return missing_in(reader, streams)
    finally:
        reader.close()


def missing_in(reader: Reader, streams: Iterable[str]) -> int:
    """The same of a log that is open."""
    missing = 0
    for stream in streams:
        chunks = reader.chunks(stream, 0, FAR_FUTURE_US, 100_000)
        missing += _holes(chunks) if chunks else 1
    return missing


def _holes(chunks: Sequence[Chunk]) -> int:
    holes = 0
    last: dict[tuple[int, int], int] = {}
    for chunk in chunks:
        for track in chunk.tracks:
            key = (chunk.run, track.track_id)
            if key in last:
                holes += max(0, track.first_seq - last[key] - 1)
            last[key] = track.last_seq
            holes += track.lost
    return holes
