"""The hub as a process: until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from hub.app.hub import Hub
from hub.settings import Settings


def stop_signal() -> asyncio.Event:
    """Set once SIGTERM or SIGINT comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def run_until_signalled(settings: Settings, ready: Callable[[Hub], None]) -> None:
    """Serve until SIGTERM or SIGINT, then stop in order: everything sealed, every stream closed with its reason."""
    stop = stop_signal()
    async with Hub.running(settings) as hub:
        ready(hub)
        await stop.wait()
