"""What the steps of a package's verification hand on to each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.ledger.entries import MAX_ENTRY_BYTES, BadEntry, Entry, EntryType, is_footage, read_entry
from hub.ledger.package.container import READ_ERRORS, Container
from hub.ledger.package.format import BadPackage, Manifest
from hub.ledger.verdict import Finding, Harm, Step, Verdict
from hub.ledger.verify.context import Options
from hub.ledger.verify.gaps import Gaps

if TYPE_CHECKING:
    from hub.ledger.package.binding import Head

BLOCK = 1 << 20
MAX_SMALL_BYTES = 16 << 20
"""Of a file that is read as a whole: a key list, a checkpoint, a proof, a token."""


@dataclass(frozen=True, slots=True)
class Footage:
    """What a footage entry says of its bytes."""

    seq: int
    reel: str
    offset: int
    size: int
    sha256: str
    init_size: int
    init_sha256: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry that needs an inclusion proof, or was given one."""

    stream: str
    seq: int
    origin: str
    leaf: str
    place: str


@dataclass
class PackageRun:
    """One verification of a package."""

    box: Container
    verdict: Verdict
    options: Options
    manifest: Manifest
    digests: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file that was read."""
    reels: dict[str, list[Footage]] = field(default_factory=dict)
    needed: list[Leaf] = field(default_factory=list)
    """Entries that an inclusion proof is asked for, in the order of the chain; then those of the context."""
    key_entries: list[Entry] = field(default_factory=list)
    """``key_rotate`` and ``key_revoke`` of the context, by number."""
    retention: list[Entry] = field(default_factory=list)
    statements: dict[str, str] = field(default_factory=dict)
    """Files of written statements that entries speak of, and their SHA-256."""
    proven: dict[tuple[str, int], int] = field(default_factory=dict)
    """Entries whose inclusion proof holds, by stream and number: their place in their log."""
    indexes: list[tuple[Leaf, int]] = field(default_factory=list)
    newest: Head | None = None
    """The head of the range's newest log."""
    origins: list[str] = field(default_factory=list)
    """The logs of the range, in its order."""
    gaps: Gaps = field(default_factory=lambda: Gaps(""))
    bounds_us: tuple[int, int] | None = None
    """First capture and last end of the range's footage."""
    count: int = 0
    tombstoned: set[str] = field(default_factory=set)
    """Reels of which bytes are absent, and lawfully so."""
    done_bytes: int = 0

    def add(self, step: Step, harm: Harm, place: str, expected: str, found: str) -> None:
        self.verdict.add(Finding(step, harm, self.manifest.stream, place, expected, found))

    def advance(self, count: int) -> None:
        self.done_bytes += count
        if self.options.progress is not None:
            total = sum(self.box.sizes.values())
            self.options.progress(min(self.done_bytes, total), total)

    def small(self, name: str) -> bytes | None:
        """A whole file of moderate size; None if it is not there (which the inventory has said)."""
        size = self.box.sizes.get(name)
        if size is None:
            return None
        if size > MAX_SMALL_BYTES:
            raise BadPackage(f"expected at most {MAX_SMALL_BYTES} bytes in {name}, found {size}")
        return b"".join(self.blocks(name))

    def blocks(self, name: str) -> Iterator[bytes]:
        """A file's bytes, and its digest kept. Raises BadPackage."""
        digest = hashlib.sha256()
        try:
            with self.box.open(name) as file:
                while block := file.read(BLOCK):
                    digest.update(block)
                    self.advance(len(block))
                    yield block
        except READ_ERRORS as error:
            raise BadPackage(f"cannot read {name}: {error}") from error
        self.digests[name] = digest.hexdigest()

    def lines(self, name: str) -> Iterator[tuple[Entry, str]]:
        """The entries of a file, with their places. What is no entry is reported."""
        digest = hashlib.sha256()
        number = 0
        try:
            with self.box.open(name) as file:
                while data := file.readline(MAX_ENTRY_BYTES + 2):
                    digest.update(data)
                    self.advance(len(data))
                    number += 1
                    place = f"{name} line {number}"
                    if not data.endswith(b"\n"):
                        self.add(Step.ENTRIES, Harm.ALTERED, place, "a whole line", "one that is cut off or too long")
                        continue
                    try:
                        entry = read_entry(data[:-1])
                    except BadEntry as error:
                        self.add(Step.ENTRIES, Harm.ALTERED, place, "a canonical entry", str(error))
                        continue
                    yield entry, f"{place} (entry {entry.seq} of {entry.stream_id})"
        except READ_ERRORS as error:
            raise BadPackage(f"cannot read {name}: {error}") from error
        self.digests[name] = digest.hexdigest()


def footage_of(entry: Entry) -> Footage | None:
    """What the entry declares of a reel's bytes, None if it declares none."""
    body: Any = entry.body
    if entry.type not in (EntryType.CHUNK, EntryType.RECOVERY) or not is_footage(entry.type, body) or not body["size"]:
        return None
    return Footage(
        entry.seq, body["reel"], body["offset"], body["size"], body["sha256"], body["init_size"], body["init_sha256"]
    )
