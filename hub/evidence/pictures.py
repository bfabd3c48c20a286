"""The playable copy and the still picture of a package: what part is handed to whom. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hub.clock import rfc3339
from hub.evidence.facts import Still
from hub.evidence.movie import derived_marks, movie
from hub.evidence.segments import segments
from hub.evidence.still import still
from hub.ledger.package.format import Manifest
from hub.model import Chunk

STILL_CHUNKS = 8
"""One keyframe of each is looked at."""


def make_movie(data: Path, chunks: Sequence[Chunk], out: Path, manifest: Manifest, leaf: str) -> list[Path]:
    """One MP4, or several where the coding changes. Raises MediaError, StorageError."""
    marks = derived_marks(
        digest=leaf,
        export_id=manifest.export_id,
        recipient=manifest.recipient,
        created=rfc3339(manifest.made_us),
    )
    return [file.path for file in movie(segments(data, chunks), out, marks).files]


def make_still(data: Path, chunks: Sequence[Chunk]) -> Still:
    """The best of a few pictures, spread over the footage."""
    step = max(1, len(chunks) // STILL_CHUNKS)
    return still(segments(data, chunks[::step][:STILL_CHUNKS]))
