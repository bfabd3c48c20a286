"""An ordinary data folder out of what lies in the archive, and on this disk where there is one: for ``hub verify``, for
an outsider, for a hub that lost its disk. Blocking.

The log is taken as far as it is signed and as each of its entries is there: a prefix, which is whole. What came later
lies in files that are not closed yet; with the hub's own disk beside the archive it is there too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hub.archive.pending import BESIDE, PARTS, REEL_SUFFIX, begun_us, piece_of
from hub.archive.prefix import Prefix, prefix_of, trim
from hub.errors import InvalidRequest
from hub.ledger.entries import HUB_STREAM
from hub.ledger.files import CHECKPOINT_FILE, CHECKPOINTS_FILE, LEAVES_FILE, SUFFIX
from hub.shelf import Shelf, read_blocks

ORIGIN = "log/origin"
_GROWING = (LEAVES_FILE, CHECKPOINTS_FILE)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of which reels the bytes are taken: of these streams (None: all), of a time that touches ``from_us … to_us``
    (None: open). Chains and log are taken whole: a part of them proves nothing."""

    streams: frozenset[str] | None = None
    from_us: int | None = None
    to_us: int | None = None

    def holds(self, reel: str, end_us: int) -> bool:
        named = self.streams is None or reel.split("/")[1] in self.streams
        early = self.from_us is not None and end_us <= self.from_us
        return named and not early and (self.to_us is None or begun_us(reel) < self.to_us)


@dataclass
class Collected:
    """``absent``: reels that kept entries speak of, and that are nowhere (deleted, or lost: ``hub verify`` tells);
    ``left_out``: those that were not asked for; ``unreachable``: those that lie where nobody answers; ``leaves``: how
    far the newest log goes."""

    reels: int = 0
    bytes: int = 0
    entry_files: int = 0
    leaves: int = 0
    dropped_entries: int = 0
    absent: int = 0
    left_out: int = 0
    unreachable: int = 0


@dataclass
class _Place:
    """Where each file is taken from: the greater of two, the nearer of two that are alike."""

    shelves: tuple[Shelf, ...]
    files: dict[str, tuple[Shelf, int]] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)

    def look(self) -> None:
        for shelf in self.shelves:
            for top in ("log", HUB_STREAM, "reels", *BESIDE):
                for path, size in shelf.names(top):
                    whole, mark, _ = path.rpartition(f"{PARTS}/")
                    if mark:
                        self.parts.setdefault(whole, []).append(path)
                    elif path not in self.files or self.files[path][1] < size:
                        self.files[path] = (shelf, size)


def collect(shelves: Iterable[Shelf], out: Path, wanted: Wanted, say: Say = lambda _text: None) -> Collected:
    """``shelves``: this disk's first, where there is one, then the archive. Raises InvalidRequest for a folder that is
    not empty, or an archive in which there is no log; OSError."""
    if out.exists() and any(out.iterdir()):
        raise InvalidRequest(f"expected a new or empty folder at {out}, found files in it")
    place = _Place(tuple(shelves))
    place.look()
    if ORIGIN not in place.files:
        raise InvalidRequest("expected a hub's archive, found no log in it")
    done = Collected()
    say("log and entries")
    # The log first: what a running hub appends meanwhile are entries of later leaves.
    for path in sorted(place.files, key=lambda path: (not path.startswith("log/"), path)):
        if not path.endswith(REEL_SUFFIX) and path.rpartition("/")[2] not in (*_GROWING, CHECKPOINT_FILE):
            _copy(*place.files[path], path, out)
            done.entry_files += path.endswith(SUFFIX)
    for path in {*place.parts, *(one for one in place.files if one.rpartition("/")[2] in _GROWING)}:
        _join(place, path, out)
    prefix = prefix_of(out)
    done.dropped_entries = trim(out, prefix)
    done.leaves = prefix.leaves
    _reels(place, out, wanted, prefix, done, say)
    return done


def _copy(shelf: Shelf, size: int, path: str, out: Path) -> int:
    """The first ``size`` bytes; how many there were."""
    target = out / path
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("wb") as file:
        for block in read_blocks(shelf, path, 0, size):
            written += file.write(block)
    return written


def _join(place: _Place, path: str, out: Path) -> None:
    """A file that grows: its pieces in a row, or the file itself where that is longer."""
    pieces: list[tuple[int, int, str]] = []
    end = 0
    for name in sorted(set(place.parts.get(path, ())), key=piece_of):
        first, last = piece_of(name)
        if first <= end < last:  # pieces that overlap are of a book that was lost
            pieces.append((end - first, last - first, name))
            end = last
    own = place.files.get(path)
    if own is not None and own[1] >= end:
        _copy(*own, path, out)
        return
    target = out / path
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for skip, size, name in pieces:
            shelf = next(one for one in place.shelves if one.size(name) is not None)
            for block in read_blocks(shelf, name, skip, size - skip):
                file.write(block)


def _reels(place: _Place, out: Path, wanted: Wanted, prefix: Prefix, done: Collected, say: Say) -> None:
    for entries in sorted(out.glob(f"reels/*/*/*{REEL_SUFFIX}{SUFFIX}")):
        reel = entries.relative_to(out).as_posix().removesuffix(SUFFIX)
        end, end_us = _spoken_of(entries)
        if not end:
            continue
        if not wanted.holds(reel, end_us):
            done.left_out += 1
        elif reel not in place.files:
            done.absent += 1
        else:
            say(reel)
            cut = reel in prefix.trimmed  # a reel that is longer than its entries shall show it
            try:
                done.bytes += _reel(*place.files[reel], reel, out, end if cut else None)
                done.reels += 1
            except OSError as error:
                if error.errno is not None:  # of this disk, which is full, say
                    raise
                (out / reel).unlink(missing_ok=True)
                say(f"{reel}: {error}")
                done.unreachable += 1


def _reel(shelf: Shelf, size: int, reel: str, out: Path, end: int | None) -> int:
    """How many bytes there were."""
    size = size or shelf.size(reel) or 0  # 0: it lies where nobody answered when places were listed
    return _copy(shelf, size if end is None else min(size, end), reel, out)


def _spoken_of(entries: Path) -> tuple[int, int]:
    """Where the newest entry about a reel ends, in bytes and in time; (0, 0) without any."""
    lines = entries.read_bytes().splitlines()
    try:
        body = json.loads(lines[-1])["body"]
        return int(body["offset"]) + int(body["size"]), int(body["end_us"])
    except (IndexError, KeyError, ValueError, TypeError):
        return 0, 0
