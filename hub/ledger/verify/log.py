"""Step 4 of a verification: the log against the entries."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hub.ledger.files import CHECKPOINT_FILE, CHECKPOINTS_FILE, LEAVES_FILE, VKEY_FILE
from hub.ledger.merkle import HASH_SIZE, CompactRange
from hub.ledger.verdict import Finding, Harm, Step
from hub.ledger.verify.walk import StreamResult

Report = Callable[[Finding], None]


@dataclass
class LogSnapshot:
    """A log's files as they were when the verification began: the notes are read first, so that every
    leaf they speak of is there."""

    origin: str
    folder: Path
    newest: str
    history: str
    vkey: str
    size: int
    odd_bytes: int

    @classmethod
    def take(cls, folder: Path, origin: str = "") -> LogSnapshot:
        """``origin`` is filled in when an entry names it."""
        newest, history = _text(folder / CHECKPOINT_FILE), _text(folder / CHECKPOINTS_FILE)
        path = folder / LEAVES_FILE
        size = path.stat().st_size if path.exists() else 0
        return cls(origin, folder, newest, history, _text(folder / VKEY_FILE), size // HASH_SIZE, size % HASH_SIZE)

    def leaves(self) -> Iterator[bytes]:
        left = self.size
        if not left:
            return
        with (self.folder / LEAVES_FILE).open("rb") as file:
            while left and (block := file.read(min(left, 1 << 15) * HASH_SIZE)):
                left -= len(block) // HASH_SIZE
                for at in range(0, len(block), HASH_SIZE):
                    yield block[at : at + HASH_SIZE]

    def root_now(self, size: int) -> bytes | None:
        """The root over the first ``size`` leaves as they are at this moment, which may be more than at the snapshot;
        None if there are fewer."""
        tree = CompactRange()
        for leaf in replace(self, size=size).leaves():
            if len(leaf) == HASH_SIZE:
                tree.append(leaf)
        return tree.root() if tree.size == size else None

    def contains(self, leaf: bytes) -> bool:
        """Slow: asked only where two entries contradict each other."""
        return self.position(leaf) is not None

    def position(self, leaf: bytes) -> int | None:
        """Which leaf it is. Slow: asked for entries about keys too, which are few."""
        if not self.size:
            return None
        with (
            (self.folder / LEAVES_FILE).open("rb") as file,
            mmap.mmap(file.fileno(), self.size * HASH_SIZE, access=mmap.ACCESS_READ) as memory,
        ):
            at = memory.find(leaf)
            while at >= 0 and at % HASH_SIZE:
                at = memory.find(leaf, at + 1)
            return at // HASH_SIZE if at >= 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


# ------------------------------------------------------------------------- step 4: log and entries


@dataclass(slots=True)
class _Pointer:
    """Where a stream's chain stands while the log is walked."""

    result: StreamResult
    coming: Iterator[bytes]
    number: int = 0
    """How many leaves it has passed, this one among them."""
    leaf: bytes = b""

    def advance(self) -> bool:
        self.leaf = next(self.coming, b"")
        self.number += 1
        return bool(self.leaf)

    def names(self, origin: int) -> bool:
        """Whether there is a leaf, of an entry that names this log."""
        return bool(self.leaf) and self.result.leaves.origin(self.number - 1) == origin


@dataclass
class LogMatch:
    """Pairs the leaves of one log after another with the entries of all streams."""

    results: Mapping[str, StreamResult]
    live: bool
    report: Report
    pending: int = 0
    _next: dict[bytes, _Pointer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for result in self.results.values():
            pointer = _Pointer(result, iter(result.leaves))
            if pointer.advance():
                self._next[pointer.leaf] = pointer

    def match(self, log: LogSnapshot, origin: int, sizes: set[int]) -> dict[int, bytes]:
        """Walk this log; the roots of the tree at those ``sizes``."""
        tree = CompactRange()
        roots = {0: tree.root()}
        unmatched: dict[bytes, int] = {}
        for leaf in log.leaves():
            if not self._take(leaf):
                unmatched[leaf] = tree.size
            tree.append(leaf)
            if tree.size in sizes:
                roots[tree.size] = tree.root()
        roots[tree.size] = tree.root()
        self._leftover(log, origin, unmatched)
        return roots

    def _take(self, leaf: bytes) -> bool:
        pointer = self._next.pop(leaf, None)
        if pointer is None:
            return False
        if pointer.advance():
            self._next[pointer.leaf] = pointer
        return True

    def _leftover(self, log: LogSnapshot, origin: int, unmatched: dict[bytes, int]) -> None:
        """Entries of this log that the walk did not meet: skip each, say so, and match what follows it."""
        for pointer in list(self._next.values()):
            stream = pointer.result.stream
            missed: list[int] = []
            skipped: list[int] = []
            moved: int | None = None
            while pointer.names(origin):
                self._next.pop(pointer.leaf, None)
                at = unmatched.pop(pointer.leaf, None)
                if at is None:
                    skipped.append(pointer.number - 1)
                else:
                    moved = at if moved is None else moved
                    missed, skipped = missed + skipped, []
                pointer.advance()
            if pointer.leaf:
                self._next[pointer.leaf] = pointer
            if missed:
                self._foreign(log, stream, missed)
            elif moved is not None:
                place, found = f"{_name(log)} leaf {moved}", f"an entry of {stream} before its predecessor"
                self.report(
                    Finding(Step.LOG, Harm.ALTERED, stream, place, "entries in the order of their chain", found)
                )
            self._tail(log, stream, skipped)
        for leaf, at in list(unmatched.items())[:20]:
            expected = f"the entry with leaf hash {leaf.hex()}"
            self.report(Finding(Step.LOG, Harm.MISSING, "", f"{_name(log)} leaf {at}", expected, "no such entry"))

    def _tail(self, log: LogSnapshot, stream: str, skipped: list[int]) -> None:
        """A stream's newest entries that are in no log: not yet, on live data; else they are foreign to it."""
        if skipped and self.live:
            self.pending += len(skipped)
        elif skipped:
            self._foreign(log, stream, skipped)

    def _foreign(self, log: LogSnapshot, stream: str, numbers: list[int]) -> None:
        place = f"{_name(log)} (entry {numbers[0]} of {stream})"
        found = f"{len(numbers)} entries of {stream} that are not in the log"
        self.report(Finding(Step.LOG, Harm.ALTERED, stream, place, "only entries that are in the log", found))


def _name(log: LogSnapshot) -> str:
    return f"log/{log.folder.name}/{LEAVES_FILE}"


def find_logs(data: Path) -> dict[str, LogSnapshot]:
    """The logs of a data folder, by the names of their folders."""
    folder = data / "log"
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir()) if folder.is_dir() else []
    return {name: LogSnapshot.take(folder / name) for name in names}
