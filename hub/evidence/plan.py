"""What goes into a package, and where it is cut into parts. Reads entries' places and sizes, no media. Blocking."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hub.errors import InvalidRequest
from hub.evidence.source import FootageRow, Source
from hub.ledger.entries import EntryType
from hub.ledger.package.format import AbsentRow, PartRow

PROOF_BYTES = 3000
"""Of one inclusion proof and its place in the zip and in the manifest, at most: 63 hashes never come."""
FILE_BYTES = 700
"""What one more file costs in the zip's headers, the manifest and SHA256SUMS."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmMgGtT]?)(i?)[bB]?")


@dataclass(frozen=True, slots=True)
class Part:
    """The entries ``first`` … ``last`` of the chain, and what they say of footage."""

    first: int
    last: int
    footage: tuple[FootageRow, ...]
    absent: tuple[AbsentRow, ...]
    asked: tuple[int, int]

    @property
    def span(self) -> tuple[int, int]:
        """The footage's range; that asked for where there is no footage."""
        if not self.footage:
            return self.asked
        return min(row.first_us for row in self.footage), max(row.end_us for row in self.footage)

    @property
    def row(self) -> PartRow:
        return PartRow(*self.span, self.first, self.last)

    @property
    def media_bytes(self) -> int:
        """Of what is there."""
        gone = {row.seq for row in self.absent}
        there = [row for row in self.footage if row.seq not in gone]
        inits = {row.reel: row.init_size for row in there}
        return sum(row.size for row in there) + sum(inits.values())

    @property
    def absent_reels(self) -> set[str]:
        gone = {row.seq for row in self.absent}
        return {row.reel for row in self.footage if row.seq in gone}


def parse_size(text: str) -> int:
    """Bytes of ``4.7G`` (as discs are labelled: powers of ten), ``700MB``, ``4GiB``. Raises InvalidRequest."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidRequest(f"expected a size as 4.7G or 700M, found {text[:40]!r}")
    number, unit, binary = match.groups()
    power = " kmgt".index(unit.lower()) if unit else 0
    return int(float(number) * (1024 if binary else 1000) ** power)


def whole(source: Source, stream: str, asked: tuple[int, int]) -> Part:
    """The range in one piece. Raises NotFound if there is nothing in it."""
    first, last = source.range_of(stream, *asked)
    footage = source.footage(stream, first, last)
    return Part(first, last, tuple(footage), tuple(_absent(source, stream, footage)), asked)


def _absent(source: Source, stream: str, footage: Sequence[FootageRow]) -> list[AbsentRow]:
    sizes: dict[str, int] = {}
    found = []
    for row in footage:
        if row.reel not in sizes:
            size = source.shelf.size(row.reel)
            sizes[row.reel] = -1 if size is None else size
        if row.size and row.offset + row.size > sizes[row.reel]:
            found.append(row)
    if not found:
        return []
    tombstones = [source.read(row).body["reels"] for row in source.special(stream, [EntryType.TOMBSTONE])]
    buried = {one["reel"] for reels in tombstones for one in reels}
    return [AbsentRow(row.seq, "deleted" if row.reel in buried else "missing") for row in found]


def split(part: Part, limit_bytes: int, overhead_bytes: int, *, movie: bool) -> list[Part]:
    """Cut at chunk edges, so that each part with ``overhead_bytes`` beside its footage stays below the limit. Raises
    InvalidRequest where one chunk does not fit."""
    room = limit_bytes - overhead_bytes
    gone = {row.seq for row in part.absent}
    cuts: list[int] = []  # the first footage entry of each part but the first
    used, reels, at = 0, set[str](), part.first
    for row in part.footage:
        media = (0 if row.seq in gone else row.size) * (2 if movie else 1)
        others = row.seq - at  # entries that are no footage and come before it
        cost = media + row.entry_size * 2 + others * PROOF_BYTES
        first_of_reel = row.init_size * (2 if movie else 1) + FILE_BYTES
        cost_here = cost + (0 if row.reel in reels else first_of_reel)
        if used and used + cost_here > room:
            cuts.append(row.seq)
            used, reels, cost_here = 0, set(), cost + first_of_reel
        if cost_here > room:
            raise InvalidRequest(
                f"expected a size limit above {cost_here + overhead_bytes} bytes, found {limit_bytes}: a part holds at "
                "least one chunk"
            )
        used += cost_here
        reels.add(row.reel)
        at = row.seq + 1
    return _cut(part, cuts)


def _cut(part: Part, cuts: Sequence[int]) -> list[Part]:
    starts = [part.first, *cuts]
    ends = [*(seq - 1 for seq in cuts), part.last]
    return [
        Part(
            first,
            last,
            tuple(row for row in part.footage if first <= row.seq <= last),
            tuple(row for row in part.absent if first <= row.seq <= last),
            part.asked,
        )
        for first, last in zip(starts, ends, strict=True)
    ]
