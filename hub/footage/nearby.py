"""What the ledger knows around a file's time: live footage to compare it with, and interruptions to fill. Blocking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.clock import US_PER_S
from hub.footage.placing import Interval, Seen, missing_in
from hub.footage.reading import FileIndex, Piece
from hub.footage.wire import BAD
from hub.ledger.reader import Reader
from hub.model import Chunk, Interruption, InterruptionState, MediaKind, TrackRange
from hub.shelf import Shelf

NEAR_US = 60 * US_PER_S
DAYS_US = 2 * 86_400 * US_PER_S
MOST_CHUNKS = 600
MOST_CUTS = 30
MOST_COVERING = 10_000
"""Chunks within one interruption: of a link that flapped for hours."""
LEAST_HOLE_US = 100_000
"""Shorter than any interruption: the seam of two measurements."""


@dataclass(frozen=True, slots=True)
class Live:
    """Live chunks of one reel in a row, as an input of the demultiplexer."""

    chunks: tuple[Chunk, ...]

    def pieces(self, shelf: Shelf, folder: Path) -> list[Piece]:
        """For the demultiplexer, which reads files: of a reel that lies elsewhere, these bytes are copied into
        ``folder``. Blocks; raises OSError."""
        first = self.chunks[0]
        wanted = [(0, first.init_size), *((chunk.offset, chunk.size) for chunk in self.chunks)]
        file = shelf.file(first.reel)
        if file is not None:
            return [(str(file), offset, size) for offset, size in wanted]
        copied = folder / f"{first.offset}-{first.reel.replace('/', '_')}"
        with copied.open("wb") as target:
            for offset, size in wanted:
                target.write(shelf.read(first.reel, offset, size))
        return [(str(copied), 0, copied.stat().st_size)]

    def seen(self, index: FileIndex) -> list[Seen]:
        """Its pictures (its sound, where there are none) on hub time."""
        main = index.header.main
        if main is None or not index.marks:
            return []
        starts = [(_main(chunk).first_ticks / _main(chunk).timescale, _first_us(chunk)) for chunk in self.chunks]
        # The first pictures of a connection may have been taken late; what came with the smallest delay says when all
        # of them were captured.
        base = min(first_us - first_s * US_PER_S for first_s, first_us in starts)
        marks = [mark for mark in index.marks if mark.track == main.id and not mark.flags & BAD]
        earliest = min((mark.pts - mark.dts for mark in marks), default=0)
        return [Seen(mark.digest, round(base + (mark.pts - earliest) * US_PER_S / main.timescale)) for mark in marks]


def live_near(reader: Reader, stream: str, moments: Iterable[int]) -> list[Live]:
    """Live footage within a minute of these moments, by reel; a bounded amount."""
    found: dict[tuple[str, int], Chunk] = {}
    for at_us in moments:
        begin, end = at_us - NEAR_US, at_us + NEAR_US
        brought = [(span.from_us, span.to_us) for span in reader.backfilled(stream, begin, end)]
        for chunk in reader.chunks(stream, begin, end, MOST_CHUNKS):
            if not any(low <= (chunk.first_us + chunk.end_us) // 2 < high for low, high in brought):
                found[(chunk.reel, chunk.offset)] = chunk
        if len(found) >= MOST_CHUNKS:
            break
    rows: list[list[Chunk]] = []
    for _, chunk in sorted(found.items())[:MOST_CHUNKS]:
        last = rows[-1][-1] if rows else None
        if last is not None and last.reel == chunk.reel and last.offset + last.size == chunk.offset:
            rows[-1].append(chunk)
        else:
            rows.append([chunk])
    return [Live(tuple(row)) for row in rows]


def cuts_near(reader: Reader, stream: str, from_us: int | None, to_us: int | None) -> list[Interruption]:
    """Interruptions that lost media, newest first."""
    listed = reader.interruptions(stream=stream, from_us=from_us, to_us=to_us, limit=1000)
    return [one for one in listed if one.kind.loses_media and one.state is not InterruptionState.WITHDRAWN]


def holes_in(reader: Reader, cut: Interruption, from_us: int, to_us: int) -> list[Interval]:
    """What of an interruption no footage covers, within a file's time: no pictures, where the stream has some. Live
    footage wins."""
    assert cut.ended_us is not None
    chunks = reader.chunks(cut.stream_id, cut.started_us, cut.ended_us, MOST_COVERING)
    pictures = has_pictures(reader, cut.stream_id, cut.started_us)
    covered = [(_first_us(chunk), chunk.end_us) for chunk in chunks if not pictures or _has_video(chunk)]
    holes = missing_in(cut.started_us, cut.ended_us, covered, LEAST_HOLE_US)
    clipped = [(max(begin, from_us), min(end, to_us)) for begin, end in holes]
    return [(begin, end) for begin, end in clipped if end - begin >= LEAST_HOLE_US]


def missing(reader: Reader, stream: str, from_us: int, limit: int) -> list[tuple[Interruption, list[Interval]]]:
    """Interruptions since then, newest first, with their holes; one that is not over has none yet."""
    found = []
    for cut in cuts_near(reader, stream, from_us, None)[:limit]:
        ended_us = cut.ended_us
        found.append((cut, [] if ended_us is None else holes_in(reader, cut, cut.started_us, ended_us)))
    return found


def unrecorded(reader: Reader, stream: str, from_us: int, to_us: int) -> list[Interval]:
    """Where there is no footage at all, live or brought; no pictures, where the stream has some."""
    chunks = reader.chunks(stream, from_us, to_us, MOST_COVERING)
    pictures = any(_has_video(chunk) for chunk in chunks)
    covered = [(_first_us(chunk), chunk.end_us) for chunk in chunks if not pictures or _has_video(chunk)]
    return missing_in(from_us, to_us, covered, LEAST_HOLE_US)


def _has_video(chunk: Chunk) -> bool:
    return any(track.kind is MediaKind.VIDEO for track in chunk.tracks)


def has_pictures(reader: Reader, stream: str, at_us: int) -> bool:
    """Whether the stream's newest footage before this moment, or what follows it, has pictures."""
    near = reader.chunks(stream, at_us - DAYS_US, at_us + DAYS_US, 50)
    return any(_has_video(chunk) for chunk in near)


def _main(chunk: Chunk) -> TrackRange:
    return next((each for each in chunk.tracks if each.kind is MediaKind.VIDEO), chunk.tracks[0])


def _first_us(chunk: Chunk) -> int:
    """When its main track begins; ``first_us`` is that of its earliest track."""
    main = _main(chunk)
    earliest_s = min(each.first_ticks / each.timescale for each in chunk.tracks)
    return chunk.first_us + round((main.first_ticks / main.timescale - earliest_s) * US_PER_S)


def device_pairs(rows: Sequence[Live]) -> list[tuple[int, int | None]]:
    return [(chunk.first_us, chunk.device_us) for row in rows for chunk in row.chunks]
