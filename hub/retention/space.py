"""When room is short, and when the disk would be full. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hub.clock import US_PER_S
from hub.retention.files import Usage
from hub.settings import Settings

_BUCKET_US = 600 * US_PER_S
_BUCKETS = 144
"""A day of ten minutes each."""
_LEAST_US = 60 * US_PER_S
"""No rate before that: the first chunks of a start tell nothing."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Below ``low`` it is an alarm; freeing begins below ``begin`` and ends above ``enough``: the disk that
    fills while a tombstone waits for its signature must not reach the alarm."""

    low: int
    begin: int
    enough: int

    @classmethod
    def of(cls, settings: Settings, usage: Usage) -> Marks:
        low = max(settings.min_free_mb << 20, int(usage.total * settings.min_free_percent / 100))
        return cls.above(low)

    @classmethod
    def above(cls, low: int) -> Marks:
        return cls(low, low * 3 // 2, low * 2)


@dataclass(slots=True)
class WriteRate:
    """How many bytes of footage are written, over the last day."""

    begun_us: int
    _buckets: deque[list[int]] = field(default_factory=deque)

    def add(self, size: int, mono_us: int) -> None:
        start = mono_us - mono_us % _BUCKET_US
        if not self._buckets or self._buckets[-1][0] != start:
            self._buckets.append([start, 0])
        while len(self._buckets) > _BUCKETS:
            self._buckets.popleft()
        self._buckets[-1][1] += size

    def bytes_per_s(self, mono_us: int) -> float | None:
        """None: too early to tell."""
        since_us = max(self.begun_us, mono_us - _BUCKETS * _BUCKET_US)
        if mono_us - since_us < _LEAST_US:
            return None
        written = sum(size for start, size in self._buckets if start + _BUCKET_US > since_us)
        return written * US_PER_S / (mono_us - since_us)


def full_at(now_us: int, free: int, may_go: int, bytes_per_s: float | None) -> int | None:
    """When the disk would be full, hub UTC, if all that may go went; None: nobody can tell, or never."""
    if not bytes_per_s:
        return None
    return now_us + round((free + may_go) / bytes_per_s * US_PER_S)
