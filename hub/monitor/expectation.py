"""Whether media should be coming, and by when it must have come."""

from __future__ import annotations

from hub.clock import Instant
from hub.monitor.rules import DetectorRules


class Expectation:
    """Of one stream. ``always``: it is due whether or not it said goodbye."""

    def __init__(self, rules: DetectorRules, *, always: bool) -> None:
        self._rules = rules
        self.always = always
        self.expected = always
        self.deadline_us: int | None = None
        """Monotonic: by then the first media must have come; None: it has, or none is waited for."""
        self.since_us = 0
        """Monotonic: since when it has been waited for."""
        self._in_vain = 0

    def wait(self, now: Instant) -> None:
        """From now on media is waited for."""
        self.since_us = now.mono_us
        self.deadline_us = now.mono_us + self._rules.confirm_after_us

    def opened(self, now: Instant) -> None:
        """A connection. A source that connects again and again and never delivers gets no more time for it."""
        self.expected = True
        if self.deadline_us is None or not self._in_vain:
            self.wait(now)

    def delivered(self) -> None:
        """A good frame has come."""
        self._in_vain = 0

    def met(self) -> None:
        """Nothing is waited for any more."""
        self.deadline_us = None

    def in_vain(self, now: Instant) -> None:
        """A connection ended and had delivered nothing."""
        if self.expected:
            self._in_vain += 1
            if self.deadline_us is None:
                self.wait(now)

    def ended(self) -> None:
        """The device said that it is over."""
        self.expected = False
        self.met()
