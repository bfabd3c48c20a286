"""``hub backup``: what goes into it, and in which order, so that it is one moment of a hub that goes on recording.

1. what is only replaced or appended to and may be older than the rest: the log's checkpoints and tokens;
2. the database, in one reading transaction;
3. leaves and entry files, each only as far as that database knows them;
4. other small files; reels and originals, as far as that database knows them, if they are asked for.

So everything in it is spoken of by the same entries, and `hub verify` finds nothing torn. A hub that does not run is
locked for 1 to 4 without the reels, and its files are taken whole: what a kill left over is put in step at the start.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from hub import __version__
from hub.backup.archive import Archive, give_to_owner, put_in_place, work_folder
from hub.backup.snapshot import Snapshot
from hub.clock import Clock
from hub.errors import LedgerError, StorageError
from hub.ledger.files import (
    CHECKPOINT_FILE,
    CHECKPOINTS_FILE,
    DATABASE_FILE,
    LEAVES_FILE,
    LOCK_FILE,
    SUFFIX,
    log_folder,
)
from hub.ledger.merkle import HASH_SIZE
from hub.ledger.startup import lock_folder

REEL_SUFFIX = ".mp4"
BULK = ("uploads", "apart", "quarantine")
"""Beside the reels: originals that devices brought, files that fitted nowhere, torn ends."""
DERIVED = ("exports", LOCK_FILE, DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm")
"""Never copied: made again, or copied otherwise."""
_TAIL_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that is whole. ``digest`` is its manifest's, and stands for all of it."""

    path: Path
    manifest: Mapping[str, Any]
    digest: str
    files: int
    bytes: int
    gone: int
    """Files that were listed and not there any more when their turn came."""


@dataclass
class _Copying:
    """One data folder into one archive. Blocking."""

    data: Path
    archive: Archive
    gone: int = 0
    left_out: list[dict[str, Any]] = field(default_factory=list)

    def add(self, path: Path, most: int | None = None) -> None:
        """A file, or its first ``most`` bytes."""
        try:
            with path.open("rb") as source:
                size = os.fstat(source.fileno()).st_size
                name = path.relative_to(self.data).as_posix()
                if path.name == CHECKPOINTS_FILE:
                    size = _whole_notes(source, size)
                self.archive.add(f"data/{name}", source, size if most is None else most)
        except FileNotFoundError:
            self.gone += 1


def back_up(
    data: Path, target: Path, clock: Clock, *, reels: bool = False, settings: Mapping[str, bytes] | None = None
) -> Taken:
    """Write a backup of a data folder to ``target``, which is there whole or not at all.

    ``settings`` are files for ``settings/``, by name. Raises StorageError, LedgerError, OSError."""
    data = data.resolve()
    with work_folder(target.absolute()) as work:
        part = work / "part"
        with _new_file(part) as file, Archive(file) as archive:
            copying = _Copying(data, archive)
            manifest = _copy(copying, work, reels) | {
                "made_us": clock.now().utc_us, "hub": __version__, "reels": reels,
                "gone": copying.gone, "left_out": copying.left_out,
            }  # fmt: skip
            for name, text in sorted((settings or {}).items()):
                archive.add_bytes(f"settings/{name}", text)
            digest = archive.finish(manifest)
            file.flush()
            os.fsync(file.fileno())
        put_in_place(part, target.absolute())
    return Taken(target, manifest, digest, archive.files, archive.bytes, copying.gone)


def _new_file(path: Path) -> IO[bytes]:
    """It holds cameras' passwords: for its owner alone."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _copy(copying: _Copying, work: Path, reels: bool) -> dict[str, Any]:
    data = copying.data
    with ExitStack() as stack:
        lock = _lock(data)
        unlocked = stack.enter_context(ExitStack())
        if lock is not None:
            unlocked.callback(os.close, lock)
        for path in _below(data / "log"):
            if path.name != LEAVES_FILE and not path.name.startswith("hashes."):
                copying.add(path)
        snapshot = Snapshot(data / DATABASE_FILE, work)
        stack.callback(snapshot.close)
        copying.archive.add(f"data/{DATABASE_FILE}", snapshot.file, snapshot.size)
        for origin, count in snapshot.leaves().items():
            copying.add(log_folder(data, origin) / LEAVES_FILE, count * HASH_SIZE if lock is None else None)
        _copy_small(copying, None if lock is not None else snapshot.entry_files())
        unlocked.close()  # a hub may start now: what follows grows at its end alone
        if reels:
            _copy_bulk(copying, snapshot.reels())
        head = snapshot.head()
        return {
            "running": lock is None,
            "orderly": snapshot.ended_orderly(),
            "head": head and {"origin": head.origin, "size": head.size, "root": head.root.hex()},
            "checkpoint": _text(log_folder(data, head.origin) / CHECKPOINT_FILE) if head else "",
        }


def _lock(data: Path) -> int | None:
    """None: a hub runs here."""
    if not data.is_dir():
        raise StorageError(f"expected a hub's data folder at {data}, found none")
    try:
        lock = lock_folder(data)
    except LedgerError as error:
        if error.code != "in_use":
            raise
        return None
    give_to_owner(data / LOCK_FILE, data)
    return lock


def _copy_small(copying: _Copying, known: Mapping[str, int] | None) -> None:
    """``known``: of entry files the part that is in the database; None: whole."""
    data = copying.data
    for top in sorted(os.scandir(data), key=lambda entry: entry.name):
        if top.name in (*DERIVED, "log") or top.name.startswith("."):
            continue
        if top.name in BULK:
            copying.left_out += [
                {"name": path.relative_to(data).as_posix(), "size": size} for path, size in _sizes(Path(top.path))
            ]
        elif top.is_file():
            copying.add(Path(top.path))
        elif top.is_dir():  # also a link to another disk
            for path in _below(Path(top.path)):
                _copy_one_small(copying, path, known)


def _copy_one_small(copying: _Copying, path: Path, known: Mapping[str, int] | None) -> None:
    name = path.relative_to(copying.data).as_posix()
    if name.startswith("reels/") and name.endswith(REEL_SUFFIX):
        return
    if known is None or not name.endswith(SUFFIX):
        copying.add(path)
    elif name in known:
        copying.add(path, known[name])


def _copy_bulk(copying: _Copying, reels: Mapping[str, int]) -> None:
    data = copying.data
    copying.left_out.clear()
    for name, size in sorted(reels.items()):
        if size:
            copying.add(data / name, size)
    for folder in BULK:
        for path in _below(data / folder):
            if path.suffix != ".part":  # still on its way
                copying.add(path)


def _below(folder: Path) -> Iterator[Path]:
    """Plain files, in order; names that begin with a dot are being written."""
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path))
        elif entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
            yield Path(entry.path)


def _sizes(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in _below(folder):
        with suppress(FileNotFoundError):
            yield path, path.stat().st_size


def _whole_notes(file: IO[bytes], size: int) -> int:
    """Where the last whole checkpoint of those read so far ends: one may be on its way into the file."""
    begin = max(0, size - _TAIL_BYTES)
    file.seek(begin)
    end = file.read(size - begin).rfind(b"\n\n")
    file.seek(0)
    return begin + end + 2 if end >= 0 else size


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def name_of(utc_us: int) -> str:
    """The file name of a backup that is made into a folder."""
    return f"recorder-hub-{datetime.fromtimestamp(utc_us / 1e6, UTC):%Y%m%dT%H%M%SZ}.tar"
