"""What on this disk is finished and not in the archive yet, oldest first. Blocking.

A reel is finished when no recorder holds it open and its entries speak of every byte of it; its entries file is
finished with it. A day's file is finished an hour after the day. Of the files that grow for ever, the log's, what a
signed checkpoint covers never changes: it goes in pieces, each an object of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.archive.book import GONE, KEPT, Book, Noted
from hub.errors import LedgerError
from hub.ledger.entries import HUB_STREAM, is_stream_id
from hub.ledger.files import CHECKPOINT_FILE, CHECKPOINTS_FILE, LEAVES_FILE, SUFFIX, VKEY_FILE
from hub.ledger.merkle import HASH_SIZE
from hub.ledger.notes import parse_checkpoint, parse_note

REEL_SUFFIX = ".mp4"
PARTS = ".parts"
"""``<file>.parts/<first byte>-<bytes>``: a piece of a file that grows."""
BESIDE = ("photos", "pictures", "inspections", "statements")
"""Folders of files that entries speak of; each is written once. They are small, and stay on the disk too."""
LEDGER = HUB_STREAM
"""As the stream of an item: it is of the ledger, which is never deleted."""
_TAIL_BYTES = 1 << 16
"""The newest entry or note of a file lies within its last bytes."""
DAY_CLOSES_US = 3_600_000_000
RECENT_US = 2 * 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Ends = Callable[[str, int], int]


@dataclass(frozen=True, slots=True)
class Item:
    """A file to be uploaded: bytes ``offset … offset + size`` of ``source`` (below the data folder) as ``path``.

    ``order``: what is uploaded first sorts first. ``begun_us`` … ``end_us``: a reel's time, hub UTC; 0: it is no reel.
    ``stream``: whose retention it is under; ``_hub``: the ledger's own."""

    path: str
    source: str
    offset: int
    size: int
    order: str
    stream: str
    begun_us: int = 0
    end_us: int = 0


class Pending:
    """Remembers which folders have not changed since they were looked at, so that a year of days costs a ``stat`` a day
    and stream. ``open_reels`` names the reels that recorders hold open. ``ends`` says until when a reel was recorded,
    of so many bytes, if entries speak of all of them (else 0), where entries do not lie beside the reels.
    ``reels_alone``: the log and what lies beside footage are somebody else's."""

    def __init__(
        self,
        data: Path,
        book: Book,
        open_reels: Callable[[], Collection[str]],
        ends: Ends | None = None,
        *,
        reels_alone: bool = False,
    ) -> None:
        self._data = data
        self._reels_alone = reels_alone
        self._ends = ends or self._end_us
        self._book = book
        self._open_reels = open_reels
        self._seen: dict[str, int] = {}
        self._now_us = 0

    def look(self, now_us: int, *, whole: bool) -> list[Item]:
        """All of it at this moment; without ``whole`` only reels of the last days, and of folders in which something
        waited. Raises OSError."""
        found: list[Item] = []
        self._now_us = now_us
        last_day = (_EPOCH + (now_us - DAY_CLOSES_US) * _MICROSECOND).date().isoformat()
        recent = (_EPOCH + (now_us - RECENT_US) * _MICROSECOND).date().isoformat()
        for stream in self._streams():
            folder = f"reels/{stream}"
            for day in self._folders(folder):
                if whole or day >= recent or f"{folder}/{day}" not in self._seen:
                    found += self._changed(f"{folder}/{day}", self._reels)
            if whole and not self._reels_alone:
                found += self._days(folder, last_day)
        if whole and not self._reels_alone:
            found += self._days(HUB_STREAM, last_day)
            found += self._log(last_day)
            for top in BESIDE:
                found += self._tree(top)
        return sorted(found, key=lambda one: (one.order, one.path))

    def reel(self, path: str, ends: Ends) -> Item | None:
        """One reel that is finished; None: it is in the archive, is not here, or is not finished."""
        try:
            size = (self._data / path).stat().st_size
        except FileNotFoundError:
            return None
        end_us = 0 if path in self._open_reels() or _is_done(self._book.get(path), size) else ends(path, size)
        _, stream, order = path.split("/", 2)
        return Item(path, path, 0, size, order, stream, begun_us(path), end_us) if end_us else None

    def _streams(self) -> list[str]:
        return [name for name in self._folders("reels") if is_stream_id(name)]

    def _folders(self, folder: str) -> list[str]:
        with suppress(FileNotFoundError), os.scandir(self._data / folder) as entries:
            return sorted(one.name for one in entries if one.is_dir(follow_symlinks=False))
        return []

    def _files(self, folder: str) -> dict[str, int]:
        """Sizes by path."""
        with suppress(FileNotFoundError), os.scandir(self._data / folder) as entries:
            return {
                f"{folder}/{one.name}": one.stat(follow_symlinks=False).st_size
                for one in entries
                if one.is_file(follow_symlinks=False) and not one.name.startswith(".")
            }
        return {}

    def _changed(self, folder: str, look: Callable[[str], tuple[list[Item], bool]]) -> list[Item]:
        """What ``look`` finds in a folder, unless nothing was found when it was last as it is now."""
        try:
            changed_ns = (self._data / folder).stat().st_mtime_ns
        except FileNotFoundError:
            return []
        if self._seen.get(folder) == changed_ns:
            return []
        found, all_done = look(folder)
        if all_done:
            self._seen[folder] = changed_ns
        return found

    # ------------------------------------------------------------------------------- reels and days

    def _reels(self, folder: str) -> tuple[list[Item], bool]:
        files, known = self._files(folder), self._book.below(folder)
        open_reels = self._open_reels()  # after the files: one that was there and is not open is finished
        found: list[Item] = []
        waits = False
        stream = folder.split("/")[1]
        newest = max(files, default="")
        for path, size in files.items():
            reel = path.removesuffix(SUFFIX)
            if (
                not reel.endswith(REEL_SUFFIX)
                or _is_done(known.get(path), size)
                or (self._reels_alone and path != reel)
            ):
                continue
            end_us = self._ends(reel, files[reel]) if reel in files and reel not in open_reels else 0
            if not size or (reel in files and not end_us) or (reel not in files and self._may_grow(path, newest)):
                waits = True
                continue
            order = reel.split("/", 2)[2]
            if path == reel:
                found.append(Item(path, path, 0, size, order, stream, begun_us(reel), end_us))
            else:
                found.append(Item(path, path, 0, size, order, LEDGER))
        return found, not found and not waits

    def _may_grow(self, path: str, newest: str) -> bool:
        """Entries of a reel that another node may be writing: the newest of its day, for an hour. Each time that they
        have grown they would be uploaded anew, and a store that keeps versions keeps them all."""
        return path == newest and self._now_us - begun_us(path) < DAY_CLOSES_US

    def _end_us(self, reel: str, size: int) -> int:
        """Until when a reel was recorded, if the last entry about it ends where it does; else 0."""
        try:
            with (self._data / f"{reel}{SUFFIX}").open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(0, end - _TAIL_BYTES))
                lines = file.read().split(b"\n")
            if lines[-1] or len(lines) < 2:
                return 0
            body = json.loads(lines[-2])["body"]
            return max(1, int(body["end_us"])) if int(body["offset"]) + int(body["size"]) == size else 0
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return 0

    def _days(self, folder: str, last_day: str) -> Iterator[Item]:
        """Entry files of days that are over."""
        files = {path: size for path, size in self._files(folder).items() if path.endswith(SUFFIX)}
        known: Mapping[str, Noted] | None = None
        for path, size in files.items():
            day = path.rpartition("/")[2].removesuffix(SUFFIX)
            if day >= last_day or self._seen.get(path) == size:
                continue
            known = self._book.below(folder) if known is None else known
            if _is_done(known.get(path), size):
                self._seen[path] = size
            else:
                yield Item(path, path, 0, size, f"{day}/~", LEDGER)

    def _tree(self, folder: str) -> Iterator[Item]:
        def look(folder: str) -> tuple[list[Item], bool]:
            known = self._book.below(folder)
            stream = folder.split("/")[1] if folder.startswith("pictures/") else LEDGER
            found = [
                Item(path, path, 0, size, "~", stream)
                for path, size in self._files(folder).items()
                if size and not _is_done(known.get(path), size)
            ]
            return found, not found

        yield from self._changed(folder, look)
        for inner in self._folders(folder):
            yield from self._tree(f"{folder}/{inner}")

    # ------------------------------------------------------------------------------------- the log

    def _log(self, last_day: str) -> Iterator[Item]:
        known = self._book.below("log")
        small = {path: size for path, size in self._files("log").items() if path == "log/origin"}
        for slug in self._folders("log"):
            folder = f"log/{slug}"
            size = self._signed(folder)
            yield from self._piece(f"{folder}/{LEAVES_FILE}", size * HASH_SIZE, known)
            yield from self._piece(f"{folder}/{CHECKPOINTS_FILE}", self._whole_notes(folder), known)
            small |= {path: size for path, size in self._files(folder).items() if path == f"{folder}/{VKEY_FILE}"}
            for day in self._folders(f"{folder}/anchors"):
                if day < last_day:
                    small |= self._files(f"{folder}/anchors/{day}")
        for path, size in small.items():
            if size and not _is_done(known.get(path), size):
                yield Item(path, path, 0, size, "~", LEDGER)

    def _piece(self, path: str, end: int, known: Mapping[str, Noted]) -> Iterator[Item]:
        at = 0
        for name, noted in known.items():
            if name.startswith(f"{path}{PARTS}/") and noted.state == KEPT:
                at = max(at, piece_of(name)[1])
        if end > at:
            yield Item(f"{path}{PARTS}/{at:015d}-{end - at}", path, at, end - at, "~", LEDGER)

    def _signed(self, folder: str) -> int:
        """How many leaves the newest checkpoint covers: those never change."""
        try:
            note = parse_note((self._data / folder / CHECKPOINT_FILE).read_text(encoding="utf-8"))
            there = self._files(folder).get(f"{folder}/{LEAVES_FILE}", 0) // HASH_SIZE
            return min(parse_checkpoint(note.text).size, there)
        except (FileNotFoundError, UnicodeDecodeError, LedgerError):
            return 0

    def _whole_notes(self, folder: str) -> int:
        """Where the last whole note of ``checkpoints`` ends."""
        try:
            with (self._data / folder / CHECKPOINTS_FILE).open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                start = max(0, end - _TAIL_BYTES)
                file.seek(start)
                cut = file.read().rfind(b"\n\n")
        except FileNotFoundError:
            return 0
        return 0 if cut < 0 else start + cut + 2


def piece_of(name: str) -> tuple[int, int]:
    """First byte of a piece of a growing file, and the one behind it. Raises ValueError."""
    first, dash, size = name.rpartition("/")[2].partition("-")
    if not (dash and first.isascii() and first.isdigit() and size.isascii() and size.isdigit() and int(size)):
        raise ValueError(f"expected <first byte>-<bytes>, found {name[-80:]!r}")
    return int(first), int(first) + int(size)


def begun_us(reel: str) -> int:
    """When a reel begins by its name, ``…/<YYYY-MM-DD>/<HHMMSS.mmm>Z-<run>.mp4``, hub UTC; 1 where it does not say."""
    day, name = reel.split("/")[-2:]
    try:
        moment = datetime.strptime(f"{day} {name.partition('Z')[0]}", "%Y-%m-%d %H%M%S.%f").replace(tzinfo=UTC)
    except ValueError:
        return 1
    return max(1, (moment - _EPOCH) // _MICROSECOND)


def _is_done(noted: Noted | None, size: int) -> bool:
    return noted is not None and (noted.state == GONE or (noted.state == KEPT and noted.size == size))
