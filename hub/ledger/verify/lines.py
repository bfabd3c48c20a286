"""Entries as they stand in their files: one line, or a stretch of chunks that are judged at once.

A reel's entry file holds hundreds of chunks, each numbered after the one before it and naming its leaf hash. Field by
field they cost half of what they cost one by one. A stretch says one thing only: that nothing is wrong within it. Where
anything might be, there is none, and its lines are looked at one by one, which finds what it is and says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hub.ledger import shapes
from hub.ledger.entries import MAX_ENTRY_BYTES, Entry, read_entry
from hub.ledger.files import SUFFIX
from hub.ledger.merkle import HASH_SIZE


@dataclass(frozen=True, slots=True)
class EntryFile:
    """An entry file as it was when the verification began: what is appended later is not looked at."""

    path: Path
    name: str
    size: int


class Line(NamedTuple):
    """A readable entry and where it stands. Made for each chunk that is in no stretch: a tuple costs a third."""

    entry: Entry
    file: EntryFile
    number: int
    last: bool = False
    """Of its file."""

    @property
    def first(self) -> Line:
        return self

    @property
    def final(self) -> Line:
        return self

    def __str__(self) -> str:
        """Its place, in words: only made where it is told."""
        return f"{self.file.name} line {self.number} (entry {self.entry.seq} of {self.entry.stream_id})"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive chunks of one reel, of one run and log, with one init segment, each with bytes of its own. They
    stand one after the other in the file that they belong in, and each after the first follows its predecessor in the
    chain. What differs from chunk to chunk is in columns."""

    first: Line
    final: Line
    leaves: bytes
    offsets: Sequence[int]
    sizes: Sequence[int]
    sha256s: Sequence[str]
    first_us: Sequence[int]
    end_us: Sequence[int]
    t_hub_us: Sequence[int]
    tracks: Sequence[str]
    """As they are written."""
    data: Sequence[bytes]
    """The entries themselves."""

    def __len__(self) -> int:
        return len(self.data)

    @property
    def furthest(self) -> int:
        """The byte of the reel that they reach."""
        return max(at + size for at, size in zip(self.offsets, self.sizes, strict=True))

    @property
    def last(self) -> bool:
        """Whether its file ends with it."""
        return self.final.last

    def lines(self) -> Iterator[Line]:
        """The same, one by one."""
        yield self.first
        for number, data in enumerate(self.data[1:-1], self.first.number + 1):
            yield Line(read_entry(data), self.first.file, number)
        yield self.final


LEAST = 3
"""Lines that are worth it: the first and the last are read by themselves in any case."""


def parts(data: bytes, lines: list[bytes], file: EntryFile, before: int, *, ends: bool) -> Iterator[Stretch | range]:
    """What these whole lines are, in their order: stretches, and which of them are to be looked at one by one. ``data``
    is the lines with their ends; ``before`` them the file has so many; it ends with them if ``ends``."""
    columns = shapes.chunks(data, len(lines)) if len(data) <= MAX_ENTRY_BYTES else None
    if columns is None:
        yield range(len(lines))
        return
    seqs = [*map(int, columns.seq)]
    # Where another file has what comes between: an interruption, say.
    cuts = [at for at, (one, next_one) in enumerate(pairwise(seqs), 1) if next_one != one + 1]
    for first, end in pairwise((0, *cuts, len(lines))):
        own = shapes.Columns(*(column[first:end] for column in columns))
        last = ends and end == len(lines)
        yield _stretch(own, lines[first:end], file, before + first + 1, last=last) or range(first, end)


def _stretch(
    columns: shapes.Columns, lines: list[bytes], file: EntryFile, number: int, *, last: bool
) -> Stretch | None:
    """All of these, the first of which is the ``number``-th of its file. None: something may be wrong with them."""
    sizes = tuple(map(int, columns.size))
    if len(lines) < LEAST or 0 in sizes or not _alike(columns) or columns.reel[0] + SUFFIX != file.name:
        return None
    leaves = b"".join([hashlib.sha256(b"\x00" + line).digest() for line in lines])
    if bytes.fromhex("".join(columns.prev[1:])) != leaves[:-HASH_SIZE]:
        return None
    return Stretch(
        Line(read_entry(lines[0]), file, number),
        Line(read_entry(lines[-1]), file, number + len(lines) - 1, last),
        leaves,
        tuple(map(int, columns.offset)),
        sizes,
        columns.sha256,
        tuple(map(int, columns.first_us)),
        tuple(map(int, columns.end_us)),
        tuple(map(int, columns.t_hub)),
        columns.tracks,
        lines,
    )


def _alike(columns: shapes.Columns) -> bool:
    """Whether they are of one reel, run, writer and log, and all say the same of an init segment."""
    count = len(columns.reel)
    same = (columns.reel, columns.run, columns.epoch, columns.hub, columns.init_sha256, columns.init_size)
    return columns.init_size[0] != "0" and all(column.count(column[0]) == count for column in same)
