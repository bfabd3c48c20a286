"""Work that goes on as long as a block lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress


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
