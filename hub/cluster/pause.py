"""Waiting for one of several things."""

from __future__ import annotations

import asyncio

from hub.clock import Clock


async def pause(clock: Clock, seconds: float, *wakers: asyncio.Event) -> None:
    """Until that much time passed, or one of these is set. Clearing them is the caller's, before it looks."""
    waits: list[asyncio.Future[object]] = [asyncio.ensure_future(one.wait()) for one in wakers]
    waits.append(asyncio.ensure_future(clock.sleep(seconds)))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
