"""How long what was recorded stood unanchored: the time in which the hub's operator alone vouched for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hub.ledger.anchors.stored import StoredAnchor


@dataclass(frozen=True, slots=True)
class Cover:
    """One anchor: what the hub had written until ``until_us`` (hub clock) existed by ``by_us`` (the authority's)."""

    until_us: int
    by_us: int


@dataclass(frozen=True, slots=True)
class Window:
    """Of a time range: the longest that something in it waited for its anchor, and since when no anchor has come.

    ``longest_us`` counts what is still unanchored up to ``now_us``. ``open_since_us``: None when all is anchored.
    """

    longest_us: int
    open_since_us: int | None


def window_of(anchors: Iterable[StoredAnchor], from_us: int, to_us: int, now_us: int) -> Window:
    """The same of anchors as they are kept, by the times that their entries state."""
    covers = [Cover(one.signed_us, one.time_us) for one in anchors if one.signed_us]
    return unanchored_window(covers, from_us, to_us, now_us)


def unanchored_window(covers: Iterable[Cover], from_us: int, to_us: int, now_us: int) -> Window:
    """The window of what was recorded from ``from_us`` to ``to_us``, µs UTC by the hub's clock.

    The authority's clock and the hub's are compared as they are; a difference below zero counts as none.
    """
    relevant = sorted((one for one in covers if one.until_us >= from_us), key=lambda one: one.until_us)
    # A later head covers all that came before it, so whichever anchor came first counts.
    earliest_us: list[int] = []
    best_us = now_us
    for cover in reversed(relevant):
        best_us = min(best_us, cover.by_us)
        earliest_us.append(best_us)
    longest_us, start_us = 0, from_us
    for cover, by_us in zip(relevant, reversed(earliest_us), strict=True):
        longest_us = max(longest_us, by_us - start_us)
        start_us = cover.until_us
        if start_us >= to_us:
            return Window(longest_us, None)
    return Window(max(longest_us, now_us - start_us), start_us)
