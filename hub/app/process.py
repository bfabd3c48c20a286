"""The hub as a process: until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress

from hub.app.hub import Hub
from hub.clock import Clock
from hub.settings import Settings
from hub.systemd import Supervisor


def stop_signal() -> asyncio.Event:
    """Set once SIGTERM or SIGINT comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def run_until_signalled(
    settings: Settings,
    ready: Callable[[Hub], None],
    supervisor: Supervisor,
    first_password: Callable[[str], None] = lambda _password: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then stop in order: everything sealed, every stream closed with its reason. A node
    of a cluster gives its streams away before."""
    stop = stop_signal()
    if settings.clustered:
        from hub.app.node import ClusterNode  # only here: who is no cluster starts without what makes one

        async with ClusterNode.running(settings, first_password=first_password) as node:
            supervisor.ready(f"serving at {node.url or node.node_url}")
            await _until(stop, supervisor, node.clock)
            await node.drain()
        return
    async with Hub.running(settings) as hub:
        supervisor.ready(f"serving at {hub.url}")
        ready(hub)
        await _until(stop, supervisor, hub.clock)


async def _until(stop: asyncio.Event, supervisor: Supervisor, clock: Clock) -> None:
    turning = asyncio.create_task(keep_telling(supervisor, clock))
    await stop.wait()
    supervisor.stopping()
    turning.cancel()
    with suppress(asyncio.CancelledError):
        await turning


async def keep_telling(supervisor: Supervisor, clock: Clock) -> None:
    """Says that the event loop turns, by turning. Ends at once where nobody waits for it."""
    while supervisor.watchdog_s:
        supervisor.turning()
        await clock.sleep(supervisor.watchdog_s)
