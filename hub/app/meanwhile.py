"""Work in the background, as long as a block or a hub lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import structlog

from hub.clock import US_PER_S, Clock
from hub.outage import QUIET_S, Outage

log = structlog.get_logger(__name__)

AGAIN_S, MOST_S = 5.0, 60.0
"""Until it begins again: longer each time, unless it went on for so long."""
Work = Callable[[], Coroutine[object, object, None]]
"""Begins something that goes on until it is cancelled; may be called again when it ended."""


async def lasting(work: Work, clock: Clock) -> None:
    """Until cancelled. What it is not prepared for is told, and it begins again: nobody would notice for months that it
    had ended. A database that is away just as it asks is told once, and once more when it has gone on for a minute."""
    name = getattr(work, "__qualname__", "")
    outage, wait_s = Outage(name, clock), AGAIN_S
    while True:
        began_us = clock.now().mono_us
        well = asyncio.create_task(_goes_on(outage, clock)) if outage.lasts else None
        try:
            await work()
            return
        except Exception as error:
            if not outage.is_met(error):
                log.exception("work in the background failed; it begins again", work=name)
        finally:
            if well is not None:
                well.cancel()
        if clock.now().mono_us - began_us > MOST_S * US_PER_S:
            wait_s = AGAIN_S
        await clock.sleep(wait_s)
        wait_s = min(2 * wait_s, MOST_S)


async def _goes_on(outage: Outage, clock: Clock) -> None:
    await clock.sleep(QUIET_S)
    outage.went_well()


@asynccontextmanager
async def meanwhile(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """Begins ``work`` as a task of this name; when the block ends it is cancelled, and its end awaited."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
