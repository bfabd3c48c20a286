"""Work in the background, as long as a block or a hub lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import structlog

from hub.clock import Clock

log = structlog.get_logger(__name__)

AGAIN_S = 5.0
Work = Callable[[], Coroutine[object, object, None]]
"""Begins something that goes on until it is cancelled; may be called again when it ended."""


async def lasting(work: Work, clock: Clock) -> None:
    """Until cancelled. What it is not prepared for (a database that is away just as it asks) is told, and it begins
    again: nobody would notice for months that it had ended."""
    while True:
        try:
            await work()
            return
        except Exception:
            log.exception("work in the background failed; it begins again", work=getattr(work, "__qualname__", ""))
        await clock.sleep(AGAIN_S)


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
