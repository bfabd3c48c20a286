"""How much of the time that was due is there: completeness (录像完整率) and usable rate (有效率). Pure, in µs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hub.clock import US_PER_S
from hub.duty.intervals import Interval, clip, common, joined, minus, union
from hub.model import Interruption, InterruptionClass, InterruptionKind, InterruptionState, Span
from hub.monitor.timeline import SEAM_US, covered_time

SETTLE_US = 15 * US_PER_S
"""What came last is in no sealed chunk yet: the newest 15 s are not judged."""
MARGIN_US = US_PER_S
"""The facts reach so far beyond the parts: what joins over midnight joins, however the time is cut."""
BLIND = frozenset({InterruptionKind.BLACK, InterruptionKind.FROZEN, InterruptionKind.COVERED})
"""Recorded, and nothing to be seen."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Of one stretch of time. ``had_us``: recorded or brought later, ``backfilled_us`` of it brought later,
    ``usable_us`` of it neither black nor frozen nor covered. What was merely explained is not there."""

    due_us: int = 0
    had_us: int = 0
    backfilled_us: int = 0
    usable_us: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(
            self.due_us + other.due_us,
            self.had_us + other.had_us,
            self.backfilled_us + other.backfilled_us,
            self.usable_us + other.usable_us,
        )

    @property
    def missing_us(self) -> int:
        return self.due_us - self.had_us

    @property
    def completeness(self) -> float | None:
        """None where nothing was due."""
        return _rate(self.had_us, self.due_us)

    @property
    def usable_rate(self) -> float | None:
        return _rate(self.usable_us, self.due_us)


def _rate(part_us: int, whole_us: int) -> float | None:
    """Rounded down: what is not whole is never shown as 1."""
    return part_us * 1_000_000 // whole_us / 1_000_000 if whole_us else None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one stream within a range."""

    recorded: Sequence[Span]
    backfilled: Sequence[Span]
    interruptions: Sequence[Interruption]


@dataclass(frozen=True, slots=True)
class Sorted:
    """A range's time, sorted into what it is: sets of intervals, in order and disjoint."""

    due: Sequence[Interval]
    had: Sequence[Interval]
    filled: Sequence[Interval]
    usable: Sequence[Interval]

    @property
    def missing(self) -> list[Interval]:
        return minus(self.due, self.had)


def sort(due: Sequence[Interval], facts: Facts, from_us: int, to_us: int, *, now_us: int) -> Sorted:
    """What became of the time that was due in the range, as far as it can be judged by now."""
    due = clip(due, from_us, min(to_us, now_us - SETTLE_US))
    first_us, last_us = from_us - MARGIN_US, min(to_us + MARGIN_US, now_us)
    filled = union(clip(((span.from_us, span.to_us) for span in facts.backfilled), first_us, last_us))
    recorded = joined(clip(((span.from_us, span.to_us) for span in facts.recorded), first_us, last_us), SEAM_US)
    live = minus(recorded, _covered(facts.interruptions, recorded, last_us, _loses))
    had = common(union([*filled, *live]), due)
    usable = minus(had, _covered(facts.interruptions, (), last_us, lambda one: one.kind in BLIND))
    return Sorted(due, had, common(filled, due), usable)


def measure(due: Sequence[Interval], facts: Facts, parts: Sequence[Interval], *, now_us: int) -> list[Amounts]:
    """The amounts of each part; the parts are in order and disjoint, ``due`` is too."""
    if not parts:
        return []
    found = sort(due, facts, parts[0][0], parts[-1][1], now_us=now_us)
    columns = (found.due, found.had, found.filled, found.usable)
    return [Amounts(*row) for row in zip(*(lengths(one, parts) for one in columns), strict=True)]


def covered(interruptions: Iterable[Interruption], recorded: Sequence[Interval], end_us: int) -> list[Interval]:
    """All the time that these interruptions cover."""
    return union(part for one in interruptions for part in covered_time(one, recorded, end_us))


def _loses(one: Interruption) -> bool:
    """As in a time line: what shows nothing was recorded all the same."""
    return one.kind.loses_media and one.kind.interruption_class is not InterruptionClass.CONTENT


def _covered(
    interruptions: Iterable[Interruption],
    recorded: Sequence[Interval],
    end_us: int,
    counts: Callable[[Interruption], bool],
) -> list[Interval]:
    mere = (InterruptionState.SUSPECTED, InterruptionState.WITHDRAWN)
    found: list[Interval] = []
    for one in interruptions:
        if one.state not in mere and counts(one):
            found += covered_time(one, recorded, end_us)
    return union(found)


def lengths(intervals: Sequence[Interval], parts: Sequence[Interval]) -> list[int]:
    """How much of the intervals lies in each part. Linear in both."""
    out: list[int] = []
    place = 0
    for begin, end in parts:
        total = 0
        while place < len(intervals) and intervals[place][1] <= begin:
            place += 1
        at = place
        while at < len(intervals) and intervals[at][0] < end:
            total += min(end, intervals[at][1]) - max(begin, intervals[at][0])
            at += 1
        out.append(total)
    return out
