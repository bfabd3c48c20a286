"""Work in the background, as long as a block or a hub lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import structlog

from hub.clock import US_PER_S, Clock

log = structlog.get_logger(__name__)

AGAIN_S, MOST_S = 5.0, 60.0
"""Until it begins again: longer each time, unless it went on for so long."""
Work = Callable[[], Coroutine[object, object, None]]
"""Begins something that goes on until it is cancelled; may be called again when it ended."""


async def lasting(work: Work, clock: Clock) -> None:
    """Until cancelled. What it is not prepared for (a database that is away just as it asks) is told, and it begins
    again: nobody would notice for months that it had ended."""
    wait_s = AGAIN_S
    while True:
        began_us = clock.now().mono_us
        try:
            await work()
            return
        except Exception:
            log.exception("work in the background failed; it begins again", work=getattr(work, "__qualname__", ""))
        if clock.now().mono_us - began_us > MOST_S * US_PER_S:
            wait_s = AGAIN_S
        await clock.sleep(wait_s)
        wait_s = min(2 * wait_s, MOST_S)


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
