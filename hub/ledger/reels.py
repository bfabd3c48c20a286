"""Reels that were open when the hub ended: their whole fragments are declared, their torn ends kept apart."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from hub.errors import MediaError
from hub.ledger.bodies import track_body
from hub.ledger.entries import JsonValue, is_stream_id
from hub.ledger.recovery import Quarantined, files_since, flush_kept, quarantine
from hub.ledger.store import flush
from hub.model import Chunk, MediaKind, TrackRange

REEL_SUFFIX = ".mp4"
US_PER_S = 1_000_000


class Scanned(Protocol):
    """What a scan tells of the fragments that it passed. ``init_size`` is 0 if no init segment is whole."""

    @property
    def init_size(self) -> int: ...

    @property
    def tracks(self) -> tuple[TrackRange, ...]: ...


Scan = Callable[[Path, int], tuple[int, Scanned]]
"""``whole_fragments(path, from_offset)``: where the last whole fragment ends, and what there is up to it;
0 means from the init segment's end. Raises MediaError where it cannot make sense of the file."""


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
    kept: Quarantined | None


class Known(Protocol):
    """What entries say of reels."""

    def reel_sizes(self, folder: str, since: str) -> dict[str, int]: ...
    def last_footage(self, stream: str, reel: str) -> Chunk | None: ...


def open_reels(data: Path, known_of: Known, since_of: Callable[[str], str]) -> Iterator[OpenReel]:
    """Reels that are longer than the entries say; ``since_of``: from which day on those of a stream are looked at."""
    if not (data / "reels").is_dir():
        return
    for stream in sorted(entry.name for entry in os.scandir(data / "reels") if is_stream_id(entry.name)):
        since = since_of(stream)
        known = known_of.reel_sizes(f"reels/{stream}", since)
        for inner, file in files_since(data / "reels" / stream, since, REEL_SUFFIX):
            name = f"reels/{stream}/{inner}"
            if file.stat().st_size > known.get(name, 0):
                yield OpenReel(stream, name, known.get(name, 0))


def recover_reels(data: Path, index: Known, items: Sequence[OpenReel], scan: Scan) -> list[Recovered]:
    """Look at open reels, and put what is torn into quarantine. Raises OSError.

    What is about to be declared must be on the disk first: all of it is flushed together, when all is looked at."""
    found = [_recover_reel(data, index, item, scan) for item in items]
    flush_kept(data, [one.kept for one in found if one.kept])
    flush(data, [item.reel for item in items], [item.reel for item in items])
    return found


def _recover_reel(data: Path, index: Known, item: OpenReel, scan: Scan) -> Recovered:
    path = data / item.reel
    try:
        end, found = scan(path, item.known)
        tail = _Tail(max(end, item.known), found.init_size, found.tracks)
    except MediaError:
        tail = _Tail(item.known, 0, ())
    if not tail.tracks:
        # Not one whole fragment: of a new reel nothing stays, an older one ends where its entries end.
        tail = _Tail(item.known, tail.init_size, ())
    kept = quarantine(data, item.reel, tail.end) if path.stat().st_size > tail.end else None
    body = _body(data, index, item, tail, kept)
    return Recovered(item.stream_id, item.reel, body, tail.end if kept else None, kept)


@dataclass(frozen=True, slots=True)
class _Tail:
    """Whole fragments up to ``end``: none where ``tracks`` is empty."""

    end: int
    init_size: int
    tracks: tuple[TrackRange, ...]


def finish(data: Path, recovered: Iterable[Recovered]) -> None:
    """Cut off what is in quarantine, once the entries that say so are durable."""
    shorter = []
    for one in recovered:
        if one.cut_at:
            os.truncate(data / one.reel, one.cut_at)
            shorter.append(one.reel)
        elif one.cut_at is not None:
            (data / one.reel).unlink()
    flush(data, shorter, [])


def _body(data: Path, index: Known, item: OpenReel, tail: _Tail, kept: Quarantined | None) -> dict[str, JsonValue]:
    before = index.last_footage(item.stream_id, item.reel) if item.known else None
    start = (item.known or tail.init_size) if tail.tracks else tail.end
    size = tail.end - start
    first_us, end_us = _times(item, before, tail.tracks)
    return {
        "what": "reel",
        "reel": item.reel,
        "run": before.run if before else _run_of(item.reel),
        "offset": start,
        "size": size,
        "sha256": _digest(data / item.reel, start, size),
        "init_size": tail.init_size,
        "init_sha256": _digest(data / item.reel, 0, tail.init_size),
        "first_us": first_us,
        "end_us": end_us,
        "device_us": None,
        "tracks": [track_body(track) for track in tail.tracks],
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
