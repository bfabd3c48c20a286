"""When a source that could not be reached, or broke off, is tried again."""

from __future__ import annotations

import random

from hub.clock import US_PER_S, Instant


class Retry:
    """How long to wait before the next attempt: every 0.5 s for 30 s, then slower, up to every 5 s.

    For ever: the hub must not be why footage is missing. With jitter, so that the cameras of a site that
    comes back after a power cut do not all knock at once.
    """

    FIRST_S = 0.5
    EAGER_US = 30 * US_PER_S
    GROWTH = 1.4
    LONGEST_S = 5.0

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failing_since_us: int | None = None
        self._delay_s = self.FIRST_S

    def succeeded(self) -> None:
        """Media came: the next failure is a first one."""
        self._failing_since_us = None
        self._delay_s = self.FIRST_S

    def delay_s(self, now: Instant) -> float:
        """Seconds to wait after an attempt that ended at ``now``."""
        if self._failing_since_us is None:
            self._failing_since_us = now.mono_us
        elif now.mono_us - self._failing_since_us > self.EAGER_US:
            self._delay_s = min(self._delay_s * self.GROWTH, self.LONGEST_S)
        return min(self._delay_s * self._rng.uniform(0.8, 1.2), self.LONGEST_S)
