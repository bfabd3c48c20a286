"""Where a file belongs in time. Pure.

Three witnesses, the strongest first: the coded pictures themselves, where the same encoder's pictures came live too
(equal slices are equal pictures); the time that the device or a person claims; the container's own word. A claim that
the pictures contradict is refused: either it lies, or it is of another file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
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


def match(file: Sequence[Seen], live: Sequence[Seen], near_us: int | None) -> Placement | None:
    """The offset at which the file's units are those that came live. Of several that fit alike (a scene that repeats)
    the one nearest to ``near_us``. None where no row of units is equal."""
    where: dict[int, list[int]] = defaultdict(list)
    for one in live:
        where[one.digest].append(one.at_us)
    pairs = [
        (one.at_us, at) for one in file if len(where.get(one.digest, ())) <= MOST_ALIKE for at in where[one.digest]
    ]
    votes = Counter((at - own) // BIN_US for own, at in pairs)
    best: list[tuple[int, int, Placement]] = []
    most = max((votes[bin_] + votes[bin_ + 1] for bin_ in votes), default=0)
    for bin_ in votes:
        count = votes[bin_] + votes[bin_ + 1]
        if count < LEAST_MATCHES or count * 2 < most:
            continue
        offsets = [at - own for own, at in pairs if bin_ <= (at - own) // BIN_US <= bin_ + 1]
        offset_us = round(median(offsets))
        if _share(file, live, offset_us, count) < LEAST_SHARE:
            continue
        spread_us = round(median(abs(one - offset_us) for one in offsets))
        distance = 0 if near_us is None else abs(offset_us - near_us)
        best.append((distance, -count, Placement(offset_us, spread_us, "pictures", count)))
    return min(best, key=lambda one: one[:2])[2] if best else None


def _share(file: Sequence[Seen], live: Sequence[Seen], offset_us: int, equal: int) -> float:
    """Of the file's units that lie where live ones do (within a frame or so), how many are equal to them."""
    slots = {one.at_us // (5 * BIN_US) for one in live}
    inside = sum((one.at_us + offset_us) // (5 * BIN_US) in slots for one in file)
    return equal / max(1, inside)


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
