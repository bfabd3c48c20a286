"""A database that is away, told once by whoever waits for it: when that begins, and when it is over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from sqlalchemy import exc

from hub.clock import US_PER_S, Clock

log = structlog.get_logger(__name__)

QUIET_S: Final = 60.0
"""Longer than a server that stands still is waited for; and not every pass asks it for something."""


def is_away(error: BaseException) -> bool:
    """Whether the server does not answer, or ended its connections. hub.db is never away: what fails there is a fault.
    Of a group: all of it."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_away(one) for one in error.exceptions)
    if isinstance(error, exc.TimeoutError):  # all connections wait for a server that stands still
        return True
    if not isinstance(error, exc.DBAPIError) or isinstance(error.orig, sqlite3.Error):
        return False
    return error.connection_invalidated or isinstance(error, exc.OperationalError | exc.InterfaceError)


class Outage:
    """Of one work in the background, which tries again by itself."""

    def __init__(self, work: str, clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._met_us = 0
        self.lasts = False

    def is_met(self, error: BaseException) -> bool:
        """Whether that is why it failed; then it is told."""
        if not is_away(error):
            return False
        if not self.lasts:
            log.warning("work waits for the database", work=self._work, error=str(error))
        self.lasts = True
        self._met_us = self._clock.now().mono_us
        return True

    def went_well(self) -> None:
        """It is over when nothing has met it for a while."""
        if self.lasts and self._clock.now().mono_us - self._met_us >= QUIET_S * US_PER_S:
            log.info("the database answers again; work goes on", work=self._work)
            self.lasts = False

    @contextmanager
    def endured(self) -> Iterator[None]:
        """A pass of it, which ends where the database is away."""
        try:
            yield
        except Exception as error:
            if not self.is_met(error):
                raise
        else:
            self.went_well()
