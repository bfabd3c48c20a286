"""A bound on bytes a second that several uploads share."""

from __future__ import annotations

import threading

from hub.clock import US_PER_S, Clock


class Pace:
    """From any thread."""

    def __init__(self, bytes_per_s: int, clock: Clock) -> None:
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._lock = threading.Lock()
        self._free_us = 0
        """When what was taken so far is through, monotonic."""

    def take(self, size: int) -> float:
        """How long to wait, in s, before these bytes may go."""
        now_us = self._clock.now().mono_us
        with self._lock:
            begin_us = max(self._free_us, now_us)
            self._free_us = begin_us + size * US_PER_S // self._bytes_per_s
        return (begin_us - now_us) / US_PER_S
