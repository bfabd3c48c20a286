"""``hub demo``: a real hub, with the demo's cast registered and publishing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from hub.app import Hub, stop_signal
from hub.demo.cast import Demo, Member
from hub.errors import Conflict
from hub.registry import RtspDraft
from hub.settings import Settings

log = structlog.get_logger(__name__)


async def run_demo(settings: Settings, ready: Callable[[Hub], None]) -> None:
    """Until SIGTERM or SIGINT. The simulators are ready before the hub asks for them."""
    stop = stop_signal()
    demo = Demo()
    log.info("preparing the demo's pictures; the first time this takes about half a minute")
    starting = asyncio.create_task(demo.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return
        await starting
        async with Hub.running(settings) as hub:
            tokens = {member.id: await _register(hub, member) for member in demo.members()}
            await demo.publish(hub.url, tokens)
            ready(hub)
            await stop.wait()
    finally:
        for task in (starting, stopping):
            task.cancel()
        await demo.stop()


async def _register(hub: Hub, member: Member) -> str:
    """Register a member of the cast, or, in a folder that knows it, bring it up to date. Returns its token."""
    source = RtspDraft(url=member.url) if member.url else None
    try:
        made = await hub.registry.add(member.id, member.name, member.kind, source or "whip")
    except Conflict:
        made = await hub.registry.patch(member.id, source=source, rotate_token=source is None)
    return made.token or ""
