"""A reel is read several chunks at a time, in parts: what is found is what reading each chunk by itself finds."""

from __future__ import annotations

import hashlib
import re
import tempfile
import threading
from pathlib import Path
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from hub.ledger.verdict import Harm
from hub.ledger.verify import footage
from hub.ledger.verify.footage import Piece, ReelJob

REEL = "reels/cam-a/2026-01-01/080000.mp4"
BYTES = bytes(range(256)) * 4
SIZES = st.lists(st.tuples(st.integers(1, 90), st.sampled_from((0, 0, 0, 0, 5, -3)), st.booleans()), min_size=1)


def one_by_one(data: bytes, pieces: list[Piece]) -> list[tuple[Harm, int | None]]:
    """Each chunk by itself: where it does not follow, is cut off, or is another."""
    found, at = [], 0
    for piece in pieces:
        if piece.offset != at:
            found.append((Harm.UNDECLARED if piece.offset > at else Harm.ALTERED, piece.seq))
        chunk = data[piece.offset : piece.end]
        if len(chunk) < piece.size or hashlib.sha256(chunk).hexdigest() != piece.sha256:
            found.append((Harm.ALTERED, piece.seq))
        at = piece.end
    if len(data) > at:
        found.append((Harm.UNDECLARED, None))
    return found


@given(SIZES, st.integers(0, 1024))
def test_several_chunks_at_a_time_are_read_as_one_by_one(sizes: list[tuple[int, int, bool]], length: int) -> None:
    data, pieces, at = BYTES[:length], [], 0
    for number, (size, skipped, good) in enumerate(sizes):
        at = max(0, at + skipped)
        told = BYTES[at : at + size] if good else b"other"
        pieces.append(Piece(at, size, hashlib.sha256(told).hexdigest(), number, number))
        at += size
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.multiple(footage, BLOCK=64, PART=200, _own=threading.local()),
    ):
        path = Path(folder, REEL)
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        job = ReelJob(Path(folder), REEL, "cam-a", init_sha256=hashlib.sha256().hexdigest(), pieces=pieces)
        reads = [part(lambda _count: None) for part in job.parts()]
    found = [
        (finding.harm, int(seq[1]) if (seq := re.search(r"\(entry (\d+) of cam-a\)", finding.place)) else None)
        for read in reads
        for finding in read.findings
    ]
    assert found == one_by_one(data, pieces)
