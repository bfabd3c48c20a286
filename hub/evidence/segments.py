"""Footage as it is handed to what decodes or re-wraps it: one chunk at a time, with its init segment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from hub.errors import MediaError
from hub.model import Chunk
from hub.segmenter.once import shown_once
from hub.segmenter.trim import trimmed
from hub.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Segment:
    """A chunk's bytes behind its init segment's. ``first_us``/``end_us`` are hub UTC of the capture; within one
    ``run`` the tracks' ticks go on. ``damaged`` counts pictures that the ledger says are damaged."""

    init: bytes
    data: bytes
    first_us: int
    end_us: int
    run: int = 0
    damaged: int = 0


def segments(shelf: Shelf, chunks: Iterable[Chunk]) -> Iterator[Segment]:
    """Reads chunks of one stream, by ``first_us``, from their reels, one at a time. What two nodes recorded is given
    once. Blocks.

    What cannot be read (deleted, or gone) is a segment without bytes: who reads it counts it as missing.
    """
    reel, init = "", b""
    for shown in shown_once(chunks):
        chunk, body = shown.chunk, b""
        try:
            if chunk.reel != reel or len(init) != chunk.init_size:
                reel, init = chunk.reel, shelf.read(chunk.reel, 0, chunk.init_size)
            body = shelf.read(chunk.reel, chunk.offset, chunk.size)
            if shown.until_us is not None:
                with suppress(MediaError):  # who reads it finds what is broken in it, and counts it
                    body = trimmed(body, init, shown.until_us)
        except OSError:
            reel, init, body = "", b"", b""
        damaged = sum(track.damaged for track in chunk.tracks)
        yield Segment(init, body, chunk.first_us, chunk.end_us, chunk.run, damaged)
