"""What the steps of one verification hand on to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from hub.ledger.anchors.check import Trust
from hub.ledger.deletions import Deletions
from hub.ledger.entries import Entry
from hub.ledger.verdict import Finding, Harm, Step, Verdict
from hub.ledger.verify.beside import Beside
from hub.ledger.verify.lines import EntryFile
from hub.ledger.verify.log import LogSnapshot
from hub.ledger.verify.walk import StreamResult
from hub.shelf import Shelf

if TYPE_CHECKING:
    from hub.ledger.verify.reading import Reels

Progress = Callable[[int, int], None]
"""``progress(done, total)`` in bytes; called from several threads, one at a time."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Of which footage the bytes are read: of these streams (None: all), as far as it touches ``from_us … to_us`` (hub
    UTC; None: open). Chains, log and signatures are always judged whole, as is whether each reel is there."""

    streams: frozenset[str] | None = None
    from_us: int | None = None
    to_us: int | None = None

    def holds(self, stream: str, first_us: int, end_us: int) -> bool:
        named = self.streams is None or stream in self.streams
        early = self.from_us is not None and end_us <= self.from_us
        return named and not early and not (self.to_us is not None and first_us >= self.to_us)


@dataclass(frozen=True, slots=True)
class Options:
    """How to verify. ``key`` is a verifier key as text; ``keys_dir`` the hub's own folder of keys;
    ``checkpoints`` are notes that were kept elsewhere, each with what to call it."""

    key: str | None = None
    keys_dir: Path | None = None
    progress: Progress | None = None
    threads: int = 2
    checkpoints: tuple[tuple[str, str], ...] = ()
    trust: Trust = field(default_factory=Trust)
    """Whom to believe about time."""
    scope: Scope | None = None
    """None: all footage is read."""
    archive: Shelf | None = None
    """Where reels are that the folder does not hold; None: nowhere."""


@dataclass(frozen=True, slots=True)
class Absent:
    """Footage that entries speak of and that is not there: bytes 0 to ``size`` of a reel."""

    reel: str
    stream: str
    size: int
    chunks: int
    place: str
    """Of the first entry that speaks of it."""


@dataclass
class Context:
    """One verification. Each step reads what those before it left here."""

    data: Path
    verdict: Verdict
    options: Options
    live: bool = False
    logs: dict[str, LogSnapshot] = field(default_factory=dict)
    """By the names of their folders."""
    files: dict[str, list[EntryFile]] = field(default_factory=dict)
    """Entry files by stream."""
    reel_files: dict[str, int] = field(default_factory=dict)
    """Sizes of the reels that are there."""
    origins: dict[str, int] = field(default_factory=dict)
    """The logs that entries name, numbered in the order in which they were met."""
    results: dict[str, StreamResult] = field(default_factory=dict)
    newest_reels: dict[str, str] = field(default_factory=dict)
    declared_reels: set[str] = field(default_factory=set)
    absent: list[Absent] = field(default_factory=list)
    deletions: dict[str, Deletions] = field(default_factory=dict)
    """What each stream's chain says of deleted footage."""
    signed_sizes: dict[str, set[int]] = field(default_factory=dict)
    """Of the logs that have checkpoints, by origin."""
    keys: list[Entry] = field(default_factory=list)
    """``key_rotate`` and ``key_revoke`` of the hub's own stream, in its order."""
    anchors: list[Entry] = field(default_factory=list)
    """``anchor`` of the hub's own stream, in its order."""
    roots: dict[str, dict[int, bytes]] = field(default_factory=dict)
    """By origin: the log's own roots at the sizes of its checkpoints and anchors."""
    skipped: set[Step] = field(default_factory=set)
    """Steps that could not be taken: never shown as fine."""
    archived: dict[str, int] = field(default_factory=dict)
    """Sizes of the reels that are in the archive, or on other nodes' disks, whether or not the folder has them too."""
    newest_archived: dict[str, str] = field(default_factory=dict)
    """Of these, the newest of each stream."""
    unreachable: dict[str, int] = field(default_factory=dict)
    """How many reels could not be read because the place that has them does not answer, by why."""
    glanced: int = 0
    """Reels outside of the scope: that they are there was looked at, not what is in them."""
    interruptions: int = 0
    unfilled: int = 0
    """Interruptions that lost footage of which not all was brought later."""
    uploading: dict[str, set[int]] = field(default_factory=dict)
    """Runs by stream in which footage is brought at this moment."""
    beside: dict[str, Beside] = field(default_factory=dict)
    """Photographs and alarm pictures that entries speak of, by their names."""
    beside_gone: set[str] = field(default_factory=set)
    """Of these, what was lawfully deleted."""
    done_bytes: int = 0
    total_bytes: int = 0
    reels: Reels | None = None
    """Those that the walk over the entries handed over to be read."""
    _lock: Lock = field(default_factory=Lock)

    def add(self, step: Step, harm: Harm, stream: str, place: str, expected: str, found: str) -> None:
        """Something is wrong."""
        self.verdict.add(Finding(step, harm, stream, place, expected, found))

    def unchecked(self, text: str) -> None:
        """Something could not be looked at."""
        self.verdict.unchecked.append(text)

    def advance(self, count: int) -> None:
        """``count`` more bytes were read. Any thread."""
        with self._lock:
            self.done_bytes += count
            if self.options.progress is not None:
                self.options.progress(min(self.done_bytes, self.total_bytes), self.total_bytes)

    def in_log(self, leaf: str) -> bool:
        return any(log.contains(bytes.fromhex(leaf)) for log in self.logs.values())

    def origin_number(self, origin: str) -> int:
        return self.origins.setdefault(origin, len(self.origins))

    def close(self) -> None:
        if self.reels is not None:
            self.reels.close()
        for result in self.results.values():
            result.leaves.close()
