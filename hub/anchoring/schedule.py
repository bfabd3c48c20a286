"""When an authority is asked: a pure decision over monotonic time, told what came of each attempt."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

US = 1_000_000
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 600.0
SOON_GAP_S = 30.0
"""Least time between two asks before the regular one is due: a flapping link must not flood an authority that
may charge for each token."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often: regularly, and after a failure."""

    every_s: float
    first_retry_s: float = FIRST_RETRY_S
    longest_retry_s: float = LONGEST_RETRY_S


class Schedule:
    """One authority's. ``head`` below is any text that changes with the checkpoint."""

    def __init__(self, rhythm: Rhythm, random: Random) -> None:
        self._rhythm = rhythm
        self._random = random
        self._next_us = 0
        self._asked_us: int | None = None
        self._anchored_head = ""
        self._wanted_after: str | None = None
        self.failures = 0

    def soon(self, head: str) -> None:
        """Ask as soon as there is a newer checkpoint than ``head``, which does not cover yet what happened just now."""
        self._wanted_after = head

    def due(self, head: str, now_us: int) -> bool:
        """Whether to ask now for an anchor of ``head``; ``now_us`` is monotonic."""
        if not head or head == self._anchored_head:
            return False
        if now_us >= self._next_us:
            return True
        if self._wanted_after is None or head == self._wanted_after or self.failures:
            return False
        return self._asked_us is None or now_us >= self._asked_us + round(SOON_GAP_S * US)

    def succeeded(self, head: str, now_us: int) -> None:
        """``head`` is anchored. The next regular ask comes up to a tenth early or late, so that hubs started together
        do not go on asking together."""
        self._anchored_head = head
        if head != self._wanted_after:
            self._wanted_after = None
        self.failures = 0
        self._asked_us = now_us
        self._next_us = now_us + round(self._rhythm.every_s * (0.9 + 0.2 * self._random.random()) * US)

    def failed(self, now_us: int) -> None:
        """Ask again after a pause that doubles with each failure, cut by up to a half at random."""
        rhythm = self._rhythm
        pause_s = min(rhythm.first_retry_s * 2 ** min(self.failures, 30), rhythm.longest_retry_s)
        self.failures += 1
        self._asked_us = now_us
        self._next_us = now_us + round(pause_s * (1 - 0.5 * self._random.random()) * US)
