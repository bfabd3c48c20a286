"""Time, injected. Nothing below the command line reads a clock of its own.

Three times are kept apart (they are never mixed): *device time* comes with the media, *hub UTC* is
when it arrived on the hub's own calendar, *monotonic* measures durations and survives a step of UTC.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

US_PER_S = 1_000_000
NS_PER_US = 1_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_UTC = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on two scales: hub UTC in µs since 1970, and monotonic µs of this boot."""

    utc_us: int
    mono_us: int


class Clock(Protocol):
    """Where a part gets its time from."""

    def now(self) -> Instant:
        """The present moment on both scales."""
        ...

    def passed_us(self, since: Instant) -> int:
        """How long ago that was, on the monotonic scale: a fifth of what the present moment costs."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long on the monotonic scale."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        return Instant(time.time_ns() // NS_PER_US, time.monotonic_ns() // NS_PER_US)

    def passed_us(self, since: Instant) -> int:
        return time.monotonic_ns() // NS_PER_US - since.mono_us

    async def sleep(self, seconds: float) -> None:
        import asyncio  # only here: the signer's process has no event loop, and is 7 MB smaller for it

        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is told to move: for tests and for simulated time."""

    def __init__(self, utc_us: int = 1_767_225_600 * US_PER_S, mono_us: int = 0) -> None:
        self.utc_us = utc_us
        self.mono_us = mono_us

    def now(self) -> Instant:
        return Instant(self.utc_us, self.mono_us)

    def passed_us(self, since: Instant) -> int:
        return self.mono_us - since.mono_us

    def advance(self, seconds: float) -> Instant:
        """Let ``seconds`` pass on both scales; returns the new moment."""
        delta_us = round(seconds * US_PER_S)
        self.utc_us += delta_us
        self.mono_us += delta_us
        return self.now()

    def step_utc(self, seconds: float) -> None:
        """Set the calendar forward or back, as NTP does: no time passes."""
        self.utc_us += round(seconds * US_PER_S)

    async def sleep(self, seconds: float) -> None:
        import asyncio

        self.advance(seconds)
        await asyncio.sleep(0)


def rfc3339(utc_us: int) -> str:
    """``2026-11-20T08:00:00.000000Z``: RFC 3339, UTC, microseconds, the form of every time in the API."""
    return (_EPOCH_UTC + timedelta(microseconds=utc_us)).isoformat(timespec="microseconds") + "Z"


def parse_rfc3339(text: str) -> int:
    """µs since 1970 of an RFC 3339 time with a zone. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with a zone, as in 2026-11-20T08:00:00Z, found {text!r}")
    return (moment - _EPOCH) // timedelta(microseconds=1)
