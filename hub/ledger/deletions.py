"""What became of footage by the word of its stream's chain: tombstoned, deleted, or neither. Pure.

A ``tombstone`` names whole reels with their size and one digest over the digests that their entries declared. Once it
is covered by a signed checkpoint, the hub deletes the reels' bytes, and a ``deleted`` entry says which it deleted
(``reels``), which it found gone after a crash (``absent``), and which it spared (``kept``): a hold came in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.ledger.entries import Entry, EntryType, is_footage
from hub.ledger.keeping import DAY_US, Keeping
from hub.ledger.verdict import Finding, Harm, Step

PATROL = "patrol"
_CHUNK = EntryType.CHUNK
PATROL_LEAST_DAYS = 366
"""「日常巡查的声像资料保存期限不少于一年」; a year may have 366 days."""


@dataclass(frozen=True, slots=True)
class TombstonedReel:
    """A reel as a tombstone speaks of it: bytes 0 to ``size``, ``sha256`` as :func:`digest_of` makes it."""

    reel: str
    size: int
    chunks: int
    sha256: str
    first_us: int
    end_us: int

    def body(self) -> dict[str, str | int]:
        return {
            "reel": self.reel,
            "size": self.size,
            "chunks": self.chunks,
            "sha256": self.sha256,
            "first_us": self.first_us,
            "end_us": self.end_us,
        }


@dataclass(frozen=True, slots=True)
class Tombstone:
    """``leaf`` is the entry's leaf hash in hex; ``class_name`` and ``kept_days`` are the rule's, ``approved_by`` is the
    rule's name or a person."""

    id: str
    stream_id: str
    origin: str
    leaf: str
    seq: int
    at_us: int
    rule: str
    class_name: str
    kept_days: int
    approved_by: str
    reels: tuple[TombstonedReel, ...]


@dataclass(frozen=True, slots=True)
class Deletion:
    """A ``deleted`` entry: the log of ``signed_size`` leaves, which was signed, held the tombstone."""

    place: str
    stream_id: str
    origin: str
    """Of the tombstone."""
    tombstone: str
    leaf: str
    signed_size: int


def digest_of(chunks: Iterable[str]) -> str:
    """SHA-256 over the digests of a reel's chunks as its entries declare them, in their order, each as 32 bytes."""
    digest = hashlib.sha256()
    for sha256 in chunks:
        digest.update(bytes.fromhex(sha256))
    return digest.hexdigest()


def tombstone_of(entry: Entry) -> Tombstone:
    """A ``tombstone`` entry, which :func:`hub.ledger.entries.check_body` has seen."""
    body = entry.body
    reels = tuple(
        TombstonedReel(one["reel"], one["size"], one["chunks"], one["sha256"], one["first_us"], one["end_us"])
        for one in body["reels"]
    )
    return Tombstone(
        body["id"], entry.stream_id, entry.origin, entry.leaf, entry.seq, entry.t_hub_us,
        body["rule"], body["class"], body["kept_days"], body["approved_by"], reels,
    )  # fmt: skip


@dataclass(slots=True)
class _Declared:
    """A reel as its footage entries declare it."""

    digest: Any = field(default_factory=hashlib.sha256)
    fresh: list[str] = field(default_factory=list)
    """Chunks' digests in hex that are not in ``digest`` yet: they go in together when another reel begins."""
    size: int = 0
    chunks: int = 0
    end_us: int = 0

    def fold(self) -> None:
        self.digest.update(bytes.fromhex("".join(self.fresh)))
        self.fresh.clear()


@dataclass(slots=True)
class Deletions:
    """One stream's tombstones and what followed, fed with every entry of its chain in order."""

    stream: str
    keeping: Keeping = field(default_factory=Keeping)
    deletions: list[Deletion] = field(default_factory=list)
    _declared: dict[str, _Declared] = field(default_factory=dict)
    _newest: _Declared | None = None
    _tombstones: dict[str, Tombstone] = field(default_factory=dict)
    """By leaf."""
    _of_reel: dict[str, Tombstone] = field(default_factory=dict)
    _deleted: set[str] = field(default_factory=set)
    _findings: list[Finding] = field(default_factory=list)

    def entry(self, entry: Entry, place: object) -> None:
        """The next entry; ``str(place)`` says where it stands."""
        if entry.type is _CHUNK or is_footage(entry.type, entry.body):
            body = entry.body
            self.chunks(body["reel"], (body["sha256"],), body["offset"] + body["size"], body["end_us"])
        elif entry.type is EntryType.HOLD:
            self.keeping.entry(entry)
        elif entry.type is EntryType.TOMBSTONE:
            self._tombstone(entry, str(place))
        elif entry.type is EntryType.DELETED:
            self._deletion(entry, str(place))

    def chunks(self, reel: str, sha256s: Sequence[str], size: int, end_us: int) -> None:
        """Footage entries of one reel that follow each other; ``size`` and ``end_us`` are the furthest of theirs."""
        known = self._declared.get(reel)
        if known is None:
            known = self._declared[reel] = _Declared()
        if known is not self._newest:
            if self._newest is not None:
                self._newest.fold()
            self._newest = known
        known.fresh.extend(sha256s)
        if size > known.size:
            known.size = size
        if end_us > known.end_us:
            known.end_us = end_us
        known.chunks += len(sha256s)

    def tombstoned(self, reel: str, offset: int, size: int) -> Tombstone | None:
        """The tombstone that covers these bytes of a reel, unless they were kept after all."""
        found = self._of_reel.get(reel)
        covered = found is not None and any(
            one.reel == reel and offset >= 0 and offset + size <= one.size for one in found.reels
        )
        return found if covered else None

    def deleted(self, reel: str) -> bool:
        """Whether a ``deleted`` entry says that the reel is gone."""
        return reel in self._deleted

    @property
    def all_deleted(self) -> frozenset[str]:
        """Reels of which a ``deleted`` entry says that they are gone."""
        return frozenset(self._deleted)

    def finish(self) -> None:
        """The chain is at its end: forget what only entries to come would need."""
        open_yet = self._of_reel.keys() - self._deleted
        self._declared = {reel: one for reel, one in self._declared.items() if reel in open_yet}

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the deletions themselves, by the chain alone."""
        yield from self._findings

    def unlawful(self, reel: str, tombstone: Tombstone, deleted_us: int | None = None) -> str:
        """Why this reel should not have been deleted by what the chain says up to here; empty: it was lawful.

        A case that came after the tombstone may have ended before the deletion; if it is not known when the reel was
        deleted, then it was at the tombstone's time.
        """
        one = next(one for one in tombstone.reels if one.reel == reel)
        held = self.keeping.held(one.first_us, one.end_us)
        if held:
            return f"under the hold {held[0].id}"
        for kept in self.keeping.classified(one.first_us, one.end_us):
            if kept.kept_until_us > (tombstone.at_us if deleted_us is None else deleted_us):
                return f"evidence in the case {kept.case}, whose term has not ended"
        least_days = max(tombstone.kept_days, PATROL_LEAST_DAYS if tombstone.class_name == PATROL else 0)
        declared = self._declared.get(reel)
        end_us = max(one.end_us, declared.end_us if declared else one.end_us)
        if end_us + least_days * DAY_US > tombstone.at_us:
            return f"not yet {least_days} days old, the least of the class {tombstone.class_name}"
        return ""

    # ------------------------------------------------------------------------------------------

    def _tombstone(self, entry: Entry, place: str) -> None:
        found = tombstone_of(entry)
        self._tombstones[found.leaf] = found
        for one in found.reels:
            declared = self._declared.get(one.reel)
            if declared is None:
                self._find(Harm.ALTERED, place, f"entries that speak of {one.reel}", "none before its tombstone")
                continue
            declared.fold()
            said = (one.size, one.chunks, one.sha256)
            known = (declared.size, declared.chunks, declared.digest.hexdigest())
            if said != known:
                expected = f"{one.reel} with {known[0]} bytes in {known[1]} chunks ({known[2]}), as its entries say"
                self._find(Harm.ALTERED, place, expected, f"{said[0]} bytes in {said[1]} chunks ({said[2]})")
                continue
            self._of_reel[one.reel] = found

    def _deletion(self, entry: Entry, place: str) -> None:
        body = entry.body
        found = self._tombstones.get(body["tombstone"])
        if found is None:
            self._find(Harm.ALTERED, place, f"the tombstone {body['tombstone'][:64]} before it", "no such entry")
            return
        signed_size = body["signed_size"]
        self.deletions.append(Deletion(place, self.stream, found.origin, found.leaf, entry.leaf, signed_size))
        named = {one.reel for one in found.reels}
        for reel in body["kept"]:
            if self._of_reel.get(reel) is found:
                del self._of_reel[reel]
        for reel in (*body["reels"], *body["absent"]):
            if reel not in named:
                self._find(Harm.ALTERED, place, f"reels of the tombstone {found.id}", reel)
                continue
            self._deleted.add(reel)
            why = self.unlawful(reel, found, entry.t_hub_us)
            if why:
                self._find(Harm.UNLAWFUL, place, f"{reel} to be kept: {why}", "its deletion")

    def _find(self, harm: Harm, place: str, expected: str, found: str) -> None:
        self._findings.append(Finding(Step.FOOTAGE, harm, self.stream, place, expected, found))
