"""Decode times for pictures that come in decode order with presentation times only, as RTP brings them.

With a reordering depth *R* (how many pictures may precede one in decoding and follow it in output:
ITU-T H.264 §E.2.1, H.265 §7.4.3.2.1) the picture shown *R* places before the one being decoded has
always been received already. Its presentation time is the decode time: the smallest of the last *R + 1*
presentation times. Nothing is held back, decode times rise, and none is later than its presentation.
Without reordering (*R* = 0) both are equal.
"""

from __future__ import annotations

from bisect import insort
from collections import deque

DEEPEST_REORDER = 16
_GAP_DISTANCES = 40
"""After a gap of this many distances the pictures before it are no measure for those after it."""
_POC_STEP = 2
"""Frames are two apart in picture order count (a few encoders count by one)."""


class DecodeClock:
    """Of one video track. All times are ticks of one axis."""

    __slots__ = (
        "_dts",
        "_largest_poc",
        "_last_delta",
        "_lead_limit",
        "_pending",
        "_recent",
        "depth",
        "distance_ticks",
        "measured",
    )

    def __init__(self, distance_ticks: int, lead_limit_ticks: int) -> None:
        """``distance_ticks``: of pictures, until it is seen. ``lead_limit_ticks``: the first decode time
        lies no more than this before its presentation."""
        self.depth = 0
        self.distance_ticks = distance_ticks
        self._lead_limit = lead_limit_ticks
        self._pending: list[int] = []
        self._recent: deque[int] = deque(maxlen=DEEPEST_REORDER)
        self._dts: int | None = None
        self._last_delta = 0
        self.measured = False
        """Whether ``distance_ticks`` was seen."""
        self._largest_poc: int | None = None

    def goes_back(self, poc: int | None) -> bool:
        """Whether this picture may be shown before one that was decoded earlier."""
        return self.depth > 0 or (poc is not None and self._largest_poc is not None and poc < self._largest_poc)

    def restart(self) -> None:
        """What follows cannot be measured by the pictures so far (loss, leap, a new sender)."""
        self._pending.clear()
        self._recent.clear()

    def next(self, pts: int, depth: int | None, poc: int | None, idr: bool, *, steady: bool) -> int:
        """The decode time of the next picture. ``steady``: nothing is missing between it and the last one.

        ``depth`` is what the parameter set states; None: it is learnt from ``poc`` (picture order count
        within the coded video sequence, None if unknown) and from the presentation times themselves.
        """
        self.depth = self._learnt(pts, poc, idr) if depth is None else depth
        dts = self._smallest(pts) if self.depth else pts
        last = self._dts
        if last is None or dts > last:
            if steady and last is not None:
                self._measure(dts - last)
        else:
            dts = last + 1
        self._dts = dts
        return dts

    def _smallest(self, pts: int) -> int:
        """Of the last ``depth + 1`` presentation times; those before the first are made up."""
        pending, depth = self._pending, self.depth
        if pending and pts - pending[-1] > _GAP_DISTANCES * self.distance_ticks:
            pending.clear()
        first = pending[0] if pending else pts
        distance = min(self.distance_ticks, self._lead_limit // depth)
        while len(pending) < depth:
            first -= distance
            pending.insert(0, first)
        insort(pending, pts)
        del pending[: len(pending) - depth - 1]
        return pending.pop(0)

    def _learnt(self, pts: int, poc: int | None, idr: bool) -> int:
        depth = self.depth
        recent = self._recent
        if recent and pts < recent[-1]:
            depth = max(depth, sum(earlier > pts for earlier in recent))
        recent.append(pts)
        largest = self._largest_poc
        if idr or poc is None or largest is None:
            self._largest_poc = poc
        elif poc > largest:
            # Pictures between these two are still to come: they will be shown first.
            if poc - largest > _POC_STEP:
                depth = max(depth, 1)
            self._largest_poc = poc
        return depth

    def _measure(self, delta: int) -> None:
        """The smaller of the last two steps is the normal distance: a pause is not, a change of rate is."""
        self.distance_ticks = min(delta, self._last_delta) if self.measured else delta
        self._last_delta = delta
        self.measured = True
