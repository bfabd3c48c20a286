"""The time line of a stream: what was recorded, what was not, and how complete it is. Pure.

All intervals are half open, hub UTC in µs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from enum import StrEnum
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any, NamedTuple

from hub.clock import rfc3339
from hub.model import Interruption, InterruptionClass, InterruptionKind, InterruptionState, Span
from hub.monitor.breaks import parse_breaks

Interval = tuple[int, int]

SEAM_US = 200_000
"""A hole this short between two recorded spans is the seam of two measurements, not missing footage."""
_UNSEALED_US = 15_000_000
"""What arrived last is in no sealed chunk yet (10 s at most, and the flush): it is not missing."""


class SpanState(StrEnum):
    RECORDED = "recorded"
    INTERRUPTED = "interrupted"
    BACKFILLED = "backfilled"
    OFF_DUTY = "off_duty"


class TimelineSpan(NamedTuple):
    from_us: int
    to_us: int
    state: SpanState
    interruption: Interruption | None = None
    deleted: bool = False
    """Recorded, and deleted at the end of its term."""


class Timeline(NamedTuple):
    """Spans in order, not overlapping; where there is none, nothing was due. ``completeness`` is recorded
    and backfilled time over the time that was due, 0 to 1; None where nothing was due. What came off duty counts
    for nothing."""

    spans: tuple[TimelineSpan, ...]
    completeness: float | None

    def json(self, times: Times | None = None) -> dict[str, Any]:
        """The answer of ``GET /api/streams/{id}/timeline``. ``times`` is shared by lines of one answer."""
        known = Times() if times is None else times
        return {"spans": [_span_json(span, known) for span in self.spans], "completeness": self.completeness}


class Times(dict[int, str]):
    """Moments as texts: where a span ends, the next one begins, and lines of many streams end together."""

    def __missing__(self, at_us: int) -> str:
        text = self[at_us] = rfc3339(at_us)
        return text


def timeline(
    spans: Iterable[Span],
    interruptions: Iterable[Interruption],
    from_us: int,
    to_us: int,
    *,
    now_us: int,
    due_from_us: int | None = None,
    backfilled: Iterable[Span] = (),
    off_duty: Iterable[Span] = (),
    deleted: Iterable[Span] = (),
) -> Timeline:
    """What became of the time from ``from_us`` to ``to_us``, never beyond ``now_us``.

    ``spans``: recorded time. ``due_from_us``: since when the stream has always been due (windows and
    rooms: since it was registered); None: it is due only where something was recorded or interrupted.
    Where they overlap, off duty gives way to everything, recorded to interrupted (damaged pictures are
    recorded and yet missing), interrupted to backfilled. A mere suspicion is not history.
    ``deleted`` marks recorded time whose footage is gone at the end of its term: recorded it stays.
    """
    end_us = min(to_us, now_us)
    recorded = _close_up(_clipped(spans, from_us, end_us), SEAM_US)
    filled = _close_up(_clipped(backfilled, from_us, end_us))
    free = _close_up(_clipped(off_duty, from_us, end_us))
    losses = [one for one in interruptions if _is_history(one)]
    claims = [
        (begin, end, rank)
        for rank, one in enumerate(losses)
        for begin, end in _clip(covered_time(one, recorded, end_us), from_us, end_us)
    ]
    broken = _merge((begin, end) for begin, end, _ in claims)
    good = _without(recorded, _merge([*broken, *filled]) if filled else broken)
    ended = _close_up(_clipped(deleted, from_us, end_us))
    there = _without(good, ended)

    painted = [TimelineSpan(begin, end, SpanState.RECORDED) for begin, end in there]
    painted += [TimelineSpan(begin, end, SpanState.BACKFILLED) for begin, end in filled]
    for begin, end, rank in _by_rank([*claims, *((begin, end, -1) for begin, end in filled)]):
        if rank >= 0:
            painted.append(TimelineSpan(begin, end, SpanState.INTERRUPTED, losses[rank]))
    if ended:
        painted += [TimelineSpan(begin, end, SpanState.RECORDED, deleted=True) for begin, end in _without(good, there)]
    if free:
        taken = _merge([*broken, *filled, *good])
        painted += [TimelineSpan(begin, end, SpanState.OFF_DUTY) for begin, end in _without(free, taken)]
    painted.sort(key=_begin)

    due = [*recorded, *broken, *filled]
    if due_from_us is not None:
        due += _always_due(max(from_us, due_from_us), end_us, recorded, now_us)
    due = _without(_merge(due), free)
    had = _without(_merge([*good, *filled]) if filled else good, free)
    return Timeline(tuple(painted), round(_length(had) / _length(due), 6) if due else None)


_begin = attrgetter("from_us")


def _is_history(interruption: Interruption) -> bool:
    """Whether it took media away. What shows nothing was recorded all the same."""
    if interruption.state in (InterruptionState.SUSPECTED, InterruptionState.WITHDRAWN):
        return False
    kind = interruption.kind
    return kind.loses_media and kind.interruption_class is not InterruptionClass.CONTENT


def _by_rank(claims: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Who has each moment, where several claim it (begin, end, rank): the lowest rank. In order, not overlapping,
    joined where one rank goes on. Sorted once, then one heap of those that claim the moment."""
    out: list[tuple[int, int, int]] = []
    active: list[tuple[int, int]] = []
    waiting = sorted(claims)
    index, at_us = 0, 0
    while active or index < len(waiting):
        if not active:
            at_us = max(at_us, waiting[index][0])
        while index < len(waiting) and waiting[index][0] <= at_us:
            _, end, rank = waiting[index]
            heappush(active, (rank, end))
            index += 1
        rank, end = active[0]
        if end <= at_us:
            heappop(active)
            continue
        until_us = end if index == len(waiting) else min(end, waiting[index][0])
        if out and out[-1][2] == rank and out[-1][1] == at_us:
            out[-1] = (out[-1][0], until_us, rank)
        else:
            out.append((at_us, until_us, rank))
        at_us = until_us
    return out


def covered_time(interruption: Interruption, recorded: Sequence[Interval], end_us: int) -> list[Interval]:
    """The time that an interruption covers: of several breaks each one, not what lies between them."""
    whole = (interruption.started_us, end_us if interruption.ended_us is None else interruption.ended_us)
    if interruption.count == 1 or (interruption.kind is InterruptionKind.LOSS and interruption.ended_us is None):
        return [whole]
    listed = [(begin, whole[1] if end is None else end) for begin, end in parse_breaks(_breaks(interruption))]
    # Breaks too old to be listed: there the holes in what was recorded tell.
    rest = (whole[0], listed[0][0] if listed else whole[1])
    if rest[1] <= rest[0]:
        return listed
    first = bisect_right(recorded, rest[0], key=lambda one: one[1])
    last = bisect_left(recorded, rest[1], key=lambda one: one[0])
    return [*_without([rest], recorded[first:last]), *listed]


def _breaks(interruption: Interruption) -> int | str:
    return interruption.evidence.get("breaks", "")


def _always_due(from_us: int, end_us: int, recorded: Sequence[Interval], now_us: int) -> list[Interval]:
    if end_us > now_us - _UNSEALED_US:
        newest_us = recorded[-1][1] if recorded else from_us
        end_us = min(end_us, max(newest_us, now_us - _UNSEALED_US))
    return [(from_us, end_us)] if end_us > from_us else []


def _clipped(spans: Iterable[Span], from_us: int, to_us: int) -> list[Interval]:
    """Sorted."""
    return sorted(_clip([(span.from_us, span.to_us) for span in spans], from_us, to_us))


def _clip(intervals: Iterable[Interval], from_us: int, to_us: int) -> list[Interval]:
    return [
        (begin if begin > from_us else from_us, end if end < to_us else to_us)
        for begin, end in intervals
        if from_us < end > begin < to_us > from_us
    ]


def _merge(intervals: Iterable[Interval]) -> list[Interval]:
    """Sorted, and joined where they touch."""
    return _close_up(sorted(intervals))


def _close_up(intervals: list[Interval], hole_us: int = 0) -> list[Interval]:
    """Sorted ones, joined where no more than that lies between them."""
    if len(intervals) < 2:
        return intervals
    out: list[Interval] = []
    last_begin, last_end = intervals[0]
    for begin, end in intervals:
        if begin - last_end > hole_us:
            out.append((last_begin, last_end))
            last_begin, last_end = begin, end
        elif end > last_end:
            last_end = end
    out.append((last_begin, last_end))
    return out


def _without(intervals: Sequence[Interval], taken: Sequence[Interval]) -> list[Interval]:
    """``intervals`` minus ``taken``; both merged. Linear in both."""
    if not intervals or not taken:
        return list(intervals)
    out: list[Interval] = []
    index = 0
    for begin, end in intervals:
        while index < len(taken) and taken[index][1] <= begin:
            index += 1
        place = index
        while place < len(taken) and taken[place][0] < end:
            if taken[place][0] > begin:
                out.append((begin, taken[place][0]))
            begin = max(begin, taken[place][1])
            place += 1
        if begin < end:
            out.append((begin, end))
    return out


def _length(intervals: Sequence[Interval]) -> int:
    return sum(end - begin for begin, end in intervals)


def _span_json(span: TimelineSpan, times: Times) -> dict[str, Any]:
    out: dict[str, Any] = {"from": times[span.from_us], "to": times[span.to_us], "state": span.state.value}
    if span.deleted:
        out["deleted"] = True
    broken = span.interruption
    if broken is not None:
        out["interruption"] = {"id": broken.id, "kind": broken.kind.value, "state": broken.state.value}
        if "maintenance" in broken.evidence:
            out["interruption"]["maintenance"] = broken.evidence["maintenance"]
    return out
