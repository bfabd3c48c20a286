"""Where a file belongs in time. Pure.

Three witnesses, the strongest first: the coded pictures themselves, where the same encoder's pictures came live too
(equal slices are equal pictures); the time that the device or a person claims; the container's own word. A claim that
the pictures contradict is refused: either it lies, or it is of another file.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from hub.clock import US_PER_S
from hub.errors import Conflict

CLAIM_ERROR_US = 1_000_000
"""How far a claimed time may be off, where the pictures do not say."""
CONTAINER_ERROR_US = 2_000_000
"""A container's time has whole seconds, and some devices write when they ended the file."""
CONTRADICTION_US = 5 * US_PER_S
"""A claim further off than this is no imprecision."""
BIN_US = 20_000
SLOT_US = 5 * BIN_US
"""Within so much of a live unit a unit of the file lies beside it."""
ROWS_APART_US = 250_000
"""So much two connections of one device may differ in what they say of a moment: half of what may be missing at an edge
(``EDGE_SLACK_US`` of a verification)."""
LEAST_MATCHES = 10
"""Equal pictures in a row of offsets before they are believed."""
LEAST_SHARE = 0.8
"""Of the file's pictures that lie where live ones do: how many must be equal."""
MOST_ALIKE = 64
"""Pictures that occur more often (a covered lens makes the same ones again and again) say nothing."""


class Seen(NamedTuple):
    """A unit on a time axis: of the file (its own, µs), or live (hub UTC, µs)."""

    digest: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Hub UTC of a moment of the file is its own time + ``offset_us``, true within ``edge_error_us``.

    ``method``: ``pictures``, ``claimed`` or ``container``."""

    offset_us: int
    edge_error_us: int
    method: str
    matches: int = 0


@dataclass(frozen=True, slots=True)
class _Offset:
    """At which a file's units are ``matches`` units of one row of live ones."""

    offset_us: int
    spread_us: int
    matches: int


def match(file: Sequence[Seen], rows: Sequence[Sequence[Seen]], near_us: int | None) -> Placement | None:
    """The offset at which the file's units are those that came live. Of several that fit alike (a scene that repeats)
    the one nearest to ``near_us``. None where no row of units is equal.

    ``rows``: live units of one connection each. Each connection knows its times in its own way, so that the same file
    may lie tens of milliseconds apart by the two beside a break: each row is compared by itself, and the file lies in
    the middle of what those say that agree about ``ROWS_APART_US``."""
    alike = Counter(one.digest for row in rows for one in row)
    where: dict[int, list[int]] = defaultdict(list)
    for one in file:
        if alike[one.digest] <= MOST_ALIKE:
            where[one.digest].append(one.at_us)
    told = [_offsets(where, row) for row in rows]
    together = {_agreeing(told, seed) for own in told for seed in own}
    most = max((_matches(one) for one in together), default=0)
    times = sorted(one.at_us for one in file)
    slots = [{one.at_us // SLOT_US for one in row} for row in rows]
    best: list[tuple[int, int, Placement]] = []
    for offsets in together:
        count = _matches(offsets)
        if count < LEAST_MATCHES or count * 2 < most:
            continue
        found = _middle(offsets, count)
        if _share(times, slots, offsets, found) < LEAST_SHARE:
            continue
        distance = 0 if near_us is None else abs(found.offset_us - near_us)
        best.append((distance, -count, found))
    return min(best, key=lambda one: one[:2])[2] if best else None


def _offsets(where: Mapping[int, Sequence[int]], row: Sequence[Seen]) -> list[_Offset]:
    """Those at which most units of a row are equal to the file's (``where``: when each digest is, on the file's own
    axis), and others with half as many."""
    bins: dict[int, list[int]] = defaultdict(list)
    for one in row:
        for own_us in where.get(one.digest, ()):
            bins[(one.at_us - own_us) // BIN_US].append(one.at_us - own_us)
    pairs = [offsets + bins.get(bin_ + 1, []) for bin_, offsets in list(bins.items())]
    least = max(map(len, pairs), default=0) / 2
    found = []
    for offsets in pairs:
        if len(offsets) >= least:
            offset_us = round(median(offsets))
            spread_us = round(median(abs(one - offset_us) for one in offsets))
            found.append(_Offset(offset_us, spread_us, len(offsets)))
    return found


def _agreeing(told: Sequence[Sequence[_Offset]], seed: _Offset) -> tuple[_Offset | None, ...]:
    """Of each row the offset with most matches that is not far from this one; None: none is."""
    return tuple(
        max(
            (one for one in own if abs(one.offset_us - seed.offset_us) <= ROWS_APART_US),
            key=lambda one: (one.matches, -abs(one.offset_us - seed.offset_us)),
            default=None,
        )
        for own in told
    )


def _matches(offsets: Sequence[_Offset | None]) -> int:
    return sum(one.matches for one in offsets if one is not None)


def _middle(offsets: Sequence[_Offset | None], count: int) -> Placement:
    """Between the rows that are furthest apart: no edge is further off than it must be."""
    known = [one for one in offsets if one is not None]
    low, high = min(one.offset_us for one in known), max(one.offset_us for one in known)
    middle = (low + high) // 2
    error_us = max(abs(one.offset_us - middle) + one.spread_us for one in known)
    return Placement(middle, error_us, "pictures", count)


def _share(
    times: Sequence[int], slots: Sequence[set[int]], offsets: Sequence[_Offset | None], found: Placement
) -> float:
    """Of the file's units (``times``, in order) that lie where live ones do (``slots``, of each row; within a frame or
    so), how many are equal to them."""
    inside = 0
    for of_row, own in zip(slots, offsets, strict=True):
        offset_us = found.offset_us if own is None else own.offset_us
        for slot in of_row:
            begin_us = slot * SLOT_US - offset_us
            inside += bisect_left(times, begin_us + SLOT_US) - bisect_left(times, begin_us)
    return found.matches / max(1, inside)


def place(
    found: Placement | None,
    *,
    first_us: int,
    claimed_us: int | None,
    container_us: int | None,
    clock_offset_us: int,
    clock_known: bool,
    clock_error_us: int | None = None,
) -> Placement:
    """What the witnesses say together. ``first_us``: the file's first picture on its own axis; ``claimed_us`` and
    ``container_us``: when that was, by the device's clock; ``clock_offset_us``: hub − device;
    ``clock_error_us``: how far the claim may be off with it, where the sender keeps count of that. Raises Conflict with
    code ``contradicted`` for a claim that the pictures contradict, ``no_time`` where nothing says when it was."""
    if found is not None:
        if claimed_us is not None:
            claim_us = claimed_us + clock_offset_us - first_us
            off_us = min(abs(found.offset_us - claim_us), abs(found.offset_us - (claim_us - clock_offset_us)))
            if off_us > CONTRADICTION_US:
                raise Conflict(
                    f"the file is said to begin {off_us / US_PER_S:.1f} s away from where its own pictures came live; "
                    "it is kept apart until somebody decides",
                    code="contradicted",
                )
        return found
    if claimed_us is not None:
        error_us = CLAIM_ERROR_US // 2 if clock_known else CLAIM_ERROR_US
        if clock_error_us is not None and clock_known:
            error_us = clock_error_us
        return Placement(claimed_us + clock_offset_us - first_us, error_us, "claimed")
    if container_us is not None:
        return Placement(container_us + clock_offset_us - first_us, CONTAINER_ERROR_US, "container")
    raise Conflict(
        "nothing says when this was recorded: no time was given, the file names none, and none of its pictures came "
        "live; it is kept apart until somebody says when it began",
        code="no_time",
    )


def clock_offset(pairs: Iterable[tuple[int, int | None]]) -> tuple[int, bool]:
    """Hub − device, from chunks' capture and device times; and whether any device time was known."""
    known = [hub_us - device_us for hub_us, device_us in pairs if device_us is not None]
    return (round(median(known)), True) if known else (0, False)


Interval = tuple[int, int]


def missing_in(started_us: int, ended_us: int, covered: Iterable[Interval], least_us: int) -> list[Interval]:
    """What of an interruption no footage covers, without slivers shorter than ``least_us``. Live footage wins, and
    what was brought before stays."""
    found, at = [], started_us
    for begin, end in sorted(covered):
        if begin >= ended_us:
            break
        if begin > at:
            found.append((at, min(begin, ended_us)))
        at = max(at, end)
    if at < ended_us:
        found.append((at, ended_us))
    return [(begin, end) for begin, end in found if end - begin >= least_us]
