"""The files that entries are appended to: the entry files, and the log's leaves. Blocking; one thread."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from hub.errors import LedgerError
from hub.ledger.entries import Entry
from hub.ledger.files import entry_file
from hub.ledger.merkle import HASH_SIZE

SETTLED_FILES = 8192
FLUSH_TOGETHER = 32
FLUSH_THREADS = 16
OPEN_FILES = 256
"""Entry files kept open: one a stream, and some to spare. Reopening costs 20 µs, not a failure."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry and where its line begins: a file below the data folder, and an offset."""

    entry: Entry
    path: str
    offset: int

    @property
    def end(self) -> int:
        """Where the next line begins."""
        return self.offset + len(self.entry.data) + 1


class EntryFiles:
    """Appends entries to the files that they belong to; remembers what is not yet flushed."""

    def __init__(self, data: Path, settle: Callable[[str], None] | None = None) -> None:
        """``settle`` puts a file right before this object first writes to it. Raises OSError."""
        self._data = data
        self._settle = settle
        self._settled: OrderedDict[str, None] = OrderedDict()
        self._open: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._dirty: set[str] = set()
        self._new: set[str] = set()

    def append(self, entries: Sequence[Entry]) -> tuple[list[Placed], list[Entry], OSError | None]:
        """What was written, what was not (in order, to be tried again), and why not.

        Where an entry could not be written, no later one of its stream is: the files never hold an
        entry whose predecessor is missing.
        """
        streams: dict[str, list[Entry]] = {}
        for entry in entries:
            streams.setdefault(entry.stream_id, []).append(entry)
        placed: dict[str, Placed] = {}
        problem: OSError | None = None
        for own in streams.values():
            for path, run in groupby(own, key=_file_of):
                group = list(run)
                try:
                    offset = self._write(path, b"".join([entry.data + b"\n" for entry in group]))
                except OSError as error:
                    problem = error
                    break
                for entry in group:
                    placed[entry.leaf] = Placed(entry, path, offset)
                    offset += len(entry.data) + 1
        written = [placed[entry.leaf] for entry in entries if entry.leaf in placed]
        return written, [entry for entry in entries if entry.leaf not in placed], problem

    def _write(self, path: str, lines: bytes) -> int:
        handle, size = self._handle(path)
        try:
            written = os.write(handle, lines)
            if written != len(lines):
                raise OSError(28, f"only {written} of {len(lines)} bytes were written")
        except OSError:
            self._forget(path)
            os.truncate(self._data / path, size)
            raise
        self._open[path] = (handle, size + written)
        self._dirty.add(path)
        return size

    def _handle(self, path: str) -> tuple[int, int]:
        found = self._open.get(path)
        if found is not None:
            self._open.move_to_end(path)
            return found
        full = self._data / path
        if self._settle is not None and path not in self._settled:
            self._settle(path)
            self._settled[path] = None
            if len(self._settled) > SETTLED_FILES:
                self._settled.popitem(last=False)
        if not full.exists():
            full.parent.mkdir(parents=True, exist_ok=True)
            self._new.add(path)
        handle = os.open(full, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        found = self._open[path] = (handle, os.fstat(handle).st_size)
        if len(self._open) > OPEN_FILES:
            _, (oldest, _) = self._open.popitem(last=False)
            os.close(oldest)
        return found

    def _forget(self, path: str) -> None:
        handle, _ = self._open.pop(path)
        os.close(handle)

    def take_dirty(self) -> tuple[set[str], set[str]]:
        """Files written to since the last call, and which of them are new. Hand them to :func:`flush`."""
        dirty, new = self._dirty, self._new
        self._dirty, self._new = set(), set()
        return dirty, new

    def give_back(self, dirty: Iterable[str], new: Iterable[str]) -> None:
        """They could not be flushed: try again later."""
        self._dirty |= set(dirty)
        self._new |= set(new)

    def close(self) -> None:
        for handle, _ in self._open.values():
            os.close(handle)
        self._open.clear()


def _file_of(entry: Entry) -> str:
    return entry_file(entry.stream_id, entry.type, entry.body, entry.t_hub_us)


def flush(data: Path, dirty: Iterable[str], new: Iterable[str]) -> None:
    """Make these files durable, and the names of those that are new. Any thread; raises OSError. Many at once are
    flushed side by side: a file system writes what waits together down together."""
    root = str(data)
    files = [f"{root}/{path}" for path in dirty]
    folders = {folder for path in new for folder in _folders(path)}
    work = [*files, *(f"{root}/{folder}" for folder in folders)]
    if len(work) < FLUSH_TOGETHER:
        for path in work:
            _sync(path)
        return
    with ThreadPoolExecutor(FLUSH_THREADS, "flush") as pool:
        for _ in pool.map(_sync, work):
            pass


def _folders(path: str) -> Iterator[str]:
    """Those above a path below the data folder, and the data folder itself."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class LeafFile:
    """``log/<origin>/leaves``: every leaf hash of the log, in its order."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        # A part of a hash at the end is a write that was cut off.
        self.size = os.fstat(self._handle).st_size // HASH_SIZE

    def append(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes; after an OSError the file counts as unchanged."""
        self._write_at(self.size, b"".join(leaves))
        self.size += len(leaves)

    def rewrite(self, start: int, leaves: Sequence[bytes]) -> None:
        """Put these leaf hashes at ``start``: the file ends after them."""
        self._write_at(start, b"".join(leaves))
        self.size = start + len(leaves)
        os.truncate(self.path, self.size * HASH_SIZE)

    def _write_at(self, index: int, data: bytes) -> None:
        written = os.pwrite(self._handle, data, index * HASH_SIZE)
        if written != len(data):
            raise OSError(28, f"only {written} of {len(data)} bytes of the log were written")

    def read(self, start: int, end: int) -> list[bytes]:
        """Leaf hashes start…end. Raises LedgerError if the file is shorter."""
        data = os.pread(self._handle, (end - start) * HASH_SIZE, start * HASH_SIZE)
        if len(data) != (end - start) * HASH_SIZE:
            raise LedgerError(f"expected {end} leaves in {self.path}, found {start + len(data) // HASH_SIZE}")
        return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]

    def blocks(self, start: int, end: int, step: int = 1 << 15) -> Iterator[list[bytes]]:
        """The same, in blocks of at most ``step`` leaves."""
        for low in range(start, end, step):
            yield self.read(low, min(low + step, end))

    def sync(self) -> None:
        os.fsync(self._handle)

    def close(self) -> None:
        os.close(self._handle)
