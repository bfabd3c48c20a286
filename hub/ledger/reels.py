"""Reels that were open when the hub ended: their whole fragments are declared, their torn ends kept apart."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hub.ledger.bodies import track_body
from hub.ledger.entries import JsonValue, is_stream_id
from hub.ledger.index import Index
from hub.ledger.recovery import Quarantined, cut, files_since, quarantine, since_day
from hub.ledger.store import flush
from hub.model import Chunk, MediaKind, ReelTail, TrackRange

REEL_SUFFIX = ".mp4"
US_PER_S = 1_000_000

Scan = Callable[[Path, int], ReelTail]
"""``whole_fragments(path, offset)``: the whole fragments from ``offset`` (0: from the init segment's end)."""


@dataclass(frozen=True, slots=True)
class OpenReel:
    """A reel with bytes that no entry speaks of, from ``known`` on."""

    stream_id: str
    reel: str
    known: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """What is to be said of an open reel; the torn rest is in quarantine, and not yet cut off."""

    stream_id: str
    reel: str
    body: dict[str, JsonValue]
    cut_at: int | None


def open_reels(data: Path, index: Index) -> Iterator[OpenReel]:
    """Reels that are longer than the entries say."""
    if not (data / "reels").is_dir():
        return
    for stream in sorted(entry.name for entry in os.scandir(data / "reels") if is_stream_id(entry.name)):
        since = since_day(index, stream)
        known = index.reel_sizes(f"reels/{stream}", since)
        for path in files_since(data / "reels" / stream, since, REEL_SUFFIX):
            name = path.relative_to(data).as_posix()
            if path.stat().st_size > known.get(name, 0):
                yield OpenReel(stream, name, known.get(name, 0))


def recover_reel(data: Path, index: Index, item: OpenReel, scan: Scan) -> Recovered:
    """Look at an open reel, and put what is torn into quarantine. Raises OSError."""
    path = data / item.reel
    tail = scan(path, item.known)
    start = item.known or tail.init_size
    end = max(tail.end, start)
    kept: Quarantined | None = None
    if not tail.tracks:
        # Not one whole fragment: of a new reel nothing stays, an older one ends where its entries end.
        end = item.known
    if path.stat().st_size > end:
        kept = quarantine(data, item.reel, end)
    # What is about to be declared must be on the disk first.
    flush(data, [item.reel], [item.reel])
    return Recovered(item.stream_id, item.reel, _body(data, index, item, tail, start, end, kept), end if kept else None)


def finish(data: Path, recovered: Recovered) -> None:
    """Cut off what is in quarantine, once the entry that says so is durable."""
    if recovered.cut_at is None:
        return
    if recovered.cut_at:
        cut(data, recovered.reel, recovered.cut_at)
    else:
        (data / recovered.reel).unlink()


def _body(
    data: Path, index: Index, item: OpenReel, tail: ReelTail, start: int, end: int, kept: Quarantined | None
) -> dict[str, JsonValue]:
    size = max(0, end - start)
    before = index.last_footage(item.stream_id, item.reel)
    tracks = tail.tracks if size else ()
    first_us, end_us = _times(item, before, tracks)
    return {
        "what": "reel",
        "reel": item.reel,
        "run": before.run if before else _run_of(item.reel),
        "offset": start if size else end,
        "size": size,
        "sha256": _digest(data / item.reel, start, size),
        "init_size": tail.init_size,
        "init_sha256": tail.init_sha256,
        "first_us": first_us,
        "end_us": end_us,
        "device_us": None,
        "tracks": [track_body(track) for track in tracks],
        "reason": "recovered",
        "quarantined": kept.body() if kept else None,
    }


def _times(item: OpenReel, before: Chunk | None, tracks: tuple[TrackRange, ...]) -> tuple[int, int]:
    """Capture times of the recovered footage: carried on from the reel's footage before it, else from the
    time in the reel's name. Less sure than a chunk's own, which a recovery entry implies."""
    first_us = before.end_us if before else _start_of(item.reel)
    if not tracks:
        return first_us, first_us
    track = min(tracks, key=lambda track: track.kind is not MediaKind.VIDEO)
    origin = track.first_ticks
    if before:
        origin = next((old.end_ticks for old in before.tracks if old.track_id == track.track_id), origin)
    return first_us, first_us + max(0, track.end_ticks - origin) * US_PER_S // track.timescale


def _start_of(reel: str) -> int:
    """``…/<YYYY-MM-DD>/<HHMMSS.mmm>Z-<run>.mp4``"""
    day, name = reel.split("/")[-2:]
    try:
        moment = datetime.strptime(f"{day} {name.split('Z')[0]}", "%Y-%m-%d %H%M%S.%f").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return round(moment.timestamp() * US_PER_S)


def _run_of(reel: str) -> int:
    digits = reel.removesuffix(REEL_SUFFIX).partition("Z-")[2].partition("-")[0].partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _digest(path: Path, start: int, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(start)
        while size and (block := file.read(min(size, 1 << 20))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()
