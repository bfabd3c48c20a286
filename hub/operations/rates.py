"""From counters that only grow to figures of a moment. A counter that fell began anew: it counts from zero. Pure."""

from __future__ import annotations

from collections.abc import Mapping


class Rate:
    """Per second between two looks at a counter."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[float, int] | None = None

    def look(self, total: float, mono_us: int) -> float | None:
        """None: there is nothing yet to compare with, or no time has passed."""
        last = self._last
        if last is None:
            self._last = (total, mono_us)
            return None
        before, then_us = last
        if mono_us <= then_us:
            return None
        self._last = (total, mono_us)
        grown = total - before if total >= before else total
        return grown * 1e6 / (mono_us - then_us)


class Quantile:
    """Of what a histogram with cumulative buckets counted between two looks: the bound that so many lie below."""

    __slots__ = ("_before", "_share")

    def __init__(self, share: float) -> None:
        self._share = share
        self._before: Mapping[float, float] = {}

    def look(self, buckets: Mapping[float, float]) -> float | None:
        """``buckets``: upper bound → how many in all. None: nothing new. Between two bounds it is taken to lie evenly;
        beyond the last finite one it is that bound."""
        before, self._before = self._before, dict(buckets)
        if any(buckets.get(bound, 0) < count for bound, count in before.items()):
            before = {}
        bounds = sorted(buckets)
        grown = [buckets[bound] - before.get(bound, 0) for bound in bounds]
        if not grown or grown[-1] <= 0:
            return None
        wanted = grown[-1] * self._share
        lower, below = 0.0, 0.0
        for bound, count in zip(bounds, grown, strict=True):
            if count >= wanted:
                if bound == float("inf"):
                    return lower
                share = (wanted - below) / (count - below) if count > below else 1.0
                return lower + (bound - lower) * share
            lower, below = bound, count
        return lower
