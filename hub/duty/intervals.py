"""Sets of time: half-open intervals in µs, in order and disjoint. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Interval = tuple[int, int]


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """In order, joined where they touch or overlap; empty ones are dropped."""
    return joined(intervals, 0)


def joined(intervals: Iterable[Interval], hole_us: int) -> list[Interval]:
    """The same, joined where they are no further apart than this."""
    out: list[Interval] = []
    for begin, end in sorted(intervals):
        if end <= begin:
            continue
        if out and begin - out[-1][1] <= hole_us:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((begin, end))
    return out


def common(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    """What lies in both."""
    out: list[Interval] = []
    i = j = 0
    while i < len(one) and j < len(other):
        begin, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if begin < end:
            out.append((begin, end))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return out


def minus(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    """What lies in ``one`` and not in ``other``."""
    out: list[Interval] = []
    j = 0
    for begin, end in one:
        while j < len(other) and other[j][1] <= begin:
            j += 1
        place = j
        while place < len(other) and other[place][0] < end:
            if other[place][0] > begin:
                out.append((begin, other[place][0]))
            begin = max(begin, other[place][1])
            place += 1
        if begin < end:
            out.append((begin, end))
    return out


def clip(intervals: Iterable[Interval], from_us: int, to_us: int) -> list[Interval]:
    """The part of each within the range."""
    cut = ((max(begin, from_us), min(end, to_us)) for begin, end in intervals)
    return [(begin, end) for begin, end in cut if begin < end]


def length(intervals: Iterable[Interval]) -> int:
    """How long they are together; they must be disjoint."""
    return sum(end - begin for begin, end in intervals)
