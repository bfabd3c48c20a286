"""Where a file belongs in time: its pictures are looked for among those that came live (``placing`` judges them)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from hub.errors import MediaError
from hub.footage import nearby
from hub.footage.placing import Placement, Seen, clock_offset, match, place
from hub.footage.reading import FileIndex, index_files
from hub.footage.store import Brought
from hub.ledger.reader import Reader
from hub.shelf import Shelf

log = structlog.get_logger(__name__)


async def locate(reader: Reader, shelf: Shelf, one: Brought, index: FileIndex, seen: Sequence[Seen]) -> Placement:
    """Of a file with these units. Raises Conflict with codes ``contradicted`` and ``no_time``."""
    first_us = min(at for _, at in seen)
    assigned = one.result.get("assigned_from_us")
    if assigned is not None:
        return Placement(int(assigned) - first_us, 1_000_000, "assigned")
    overruled = "assigned_by" in one.result
    claimed = None if overruled else one.claimed_us
    device_us = claimed if claimed is not None else index.header.created_us
    length_us = max(at for _, at in seen) - first_us
    guess = device_us + (one.clock_us or 0) if device_us is not None else None
    found, offset = None, (one.clock_us or 0, one.clock_us is not None)
    for wide in (False, True):
        moments = await asyncio.to_thread(_moments, reader, one.stream, guess, length_us, wide)
        rows = await asyncio.to_thread(nearby.live_near, reader, one.stream, moments)
        if not rows:
            continue
        if one.clock_us is None and not wide:
            offset = clock_offset(nearby.device_pairs(rows))
        live = await _live(shelf, rows)
        near = None if guess is None else guess - first_us
        found = await asyncio.to_thread(match, seen, live, near)
        if found is not None:
            break
    return place(
        found,
        first_us=first_us,
        claimed_us=claimed,
        container_us=index.header.created_us,
        clock_offset_us=offset[0],
        clock_known=offset[1],
        clock_error_us=one.result.get("clock_error_us") if one.clock_us is not None else None,
    )


async def _live(shelf: Shelf, rows: Sequence[nearby.Live]) -> list[list[Seen]]:
    try:
        with TemporaryDirectory(prefix="hub-live-") as folder:
            pieces = await asyncio.to_thread(lambda: [row.pieces(shelf, Path(folder)) for row in rows])
            indexes = await index_files(pieces)
    except (MediaError, OSError) as error:
        log.warning("live footage could not be compared", error=str(error))
        return []
    return [row.seen(index) for row, index in zip(rows, indexes, strict=True)]


def _moments(reader: Reader, stream: str, guess: int | None, length_us: int, wide: bool) -> list[int]:
    """Where to look for the file's pictures among those that came live: its own edges and those of interruptions
    within its time; then of all lately, in case that what is said of its time is wrong."""
    moments = [] if guess is None or wide else [guess, guess + length_us]
    bounds = (None, None) if guess is None or wide else (guess - nearby.NEAR_US, guess + length_us + nearby.NEAR_US)
    for one in nearby.cuts_near(reader, stream, *bounds)[: nearby.MOST_CUTS]:
        moments += [one.started_us, *([one.ended_us] if one.ended_us is not None else [])]
    return moments
