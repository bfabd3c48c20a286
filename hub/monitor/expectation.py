"""Whether media should be coming, and by when it must have come."""

from __future__ import annotations

from enum import Enum

from hub.clock import US_PER_S, Instant
from hub.model import Expected
from hub.monitor.rules import DetectorRules

_SLEWED_US = US_PER_S // 2
"""What two clocks may run apart while a source is waited for, without one of them being set."""
_TOLD_LATE_US = 10 * US_PER_S
"""A turn is asked for every second. One of longer ago was made afterwards: it holds from now on."""


class Turn(Enum):
    """What a new answer changes."""

    NOTHING = 0
    BEGINS = 1
    ENDS = 2


class Expectation:
    """Of one stream. By its own nature it is always due (``always``) or due from a connection to a goodbye; a duty
    calendar or an open activity may say otherwise (``answer``)."""

    def __init__(self, rules: DetectorRules, *, always: bool) -> None:
        self._rules = rules
        self._always = always
        self.expected = always
        self.deadline_us: int | None = None
        """Monotonic: by then the first media must have come; None: it has, or none is waited for."""
        self.since_us = 0
        """Monotonic: since when it has been waited for."""
        self._since_utc_us = 0
        self._answer: Expected | None = None
        self._in_vain = 0
        self._opening = False

    @property
    def off_duty(self) -> bool:
        """Nothing is due. What is worn or driven is due at least from its connection to its goodbye."""
        return self._always and self._answer is not None and not self._answer.due

    @property
    def answered(self) -> bool:
        """Somebody has said whether it is due."""
        return self._answer is not None

    @property
    def lasts(self) -> bool:
        """It is due whether or not the device says goodbye."""
        return self._always if self._answer is None else self._answer.due

    def turn(self, answer: Expected | None) -> Turn:
        """Take in what the calendar or the activities say. None: nobody says anything."""
        before, self._answer = self._answer, answer
        was = None if before is None else before.due
        due = None if answer is None else answer.due
        if was == due:
            return Turn.NOTHING
        if due:
            return Turn.BEGINS
        if due is None:
            self.expected = self.expected or self._always
            # what was due for an activity alone, and is worn or driven, is due no more
            return Turn.ENDS if was and not self._always else Turn.NOTHING
        # first heard after a start, only what is always due can have been due before
        return Turn.ENDS if was or self._always else Turn.NOTHING

    def opening(self, at: Instant) -> None:
        """It is due from ``at`` on; the first media may take a while to come."""
        self.expected = True
        self._in_vain = 0
        self._opening = True
        self.since_us, self._since_utc_us = at.mono_us, at.utc_us
        self.deadline_us = at.mono_us + self._rules.opening_grace_us

    def wait(self, now: Instant) -> None:
        """From now on media is waited for."""
        self._opening = False
        self.since_us, self._since_utc_us = now.mono_us, now.utc_us
        self.deadline_us = now.mono_us + self._rules.confirm_after_us

    def opened(self, now: Instant) -> None:
        """A connection. A source that connects again and again and never delivers gets no more time for it."""
        if self.off_duty:
            return
        self.expected = True
        if self.deadline_us is None or not (self._in_vain or self._opening):
            self.wait(now)
        elif not self._in_vain:  # due since the opening, not since it connected
            self.deadline_us = max(self.deadline_us, now.mono_us + self._rules.confirm_after_us)

    def begun_us(self, now: Instant) -> int:
        """Hub UTC since when it has been waited for: as the calendar says, to the second of the opening. Where the
        hub's clock was set meanwhile, the monotonic one decides."""
        begun_us = now.utc_us - (now.mono_us - self.since_us)
        return self._since_utc_us if abs(begun_us - self._since_utc_us) <= _SLEWED_US else begun_us

    def delivered(self) -> None:
        """A good frame has come."""
        self._in_vain = 0

    def met(self) -> None:
        """Nothing is waited for any more."""
        self.deadline_us = None
        self._opening = False

    def in_vain(self, now: Instant) -> None:
        """A connection ended and had delivered nothing."""
        if self.expected:
            self._in_vain += 1
            if self.deadline_us is None:
                self.wait(now)

    def ended(self) -> None:
        """Nothing is due any more."""
        self.expected = False
        self.met()


def turned_at(answer: Expected | None, now: Instant, *, first: bool) -> Instant:
    """The moment of a turn, on both scales. ``first``: of the first answer after a start, which may be old."""
    if answer is None or answer.from_us is None:
        return now
    ago_us = now.utc_us - answer.from_us
    if ago_us < 0 or (ago_us > _TOLD_LATE_US and not first):
        return now
    return Instant(answer.from_us, now.mono_us - ago_us)
