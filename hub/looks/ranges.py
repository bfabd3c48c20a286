"""Half-open ranges of integers (µs of hub UTC, or bytes of a file): what is covered by what. Pure."""

from __future__ import annotations

from collections.abc import Iterable

Range = tuple[int, int]


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The same integers as disjoint ranges in order; those that touch become one, empty ones vanish."""
    found: list[Range] = []
    for begin, end in sorted(ranges):
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return tuple(found)


def contains(outer: Iterable[Range], inner: Range) -> bool:
    """Whether all of ``inner`` lies in ``outer``, which :func:`merged` made. An empty range lies in nothing."""
    begin, end = inner
    return begin < end and any(low <= begin and end <= high for low, high in outer)


def overlaps(ranges: Iterable[Range], one: Range) -> bool:
    """Whether any of ``one`` lies in ``ranges``."""
    begin, end = one
    return any(low < end and begin < high for low, high in ranges)
