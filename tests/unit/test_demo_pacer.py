"""One timer for all sessions."""

from __future__ import annotations

import asyncio
from typing import Any

from hub.clock import Instant, SystemClock
from hub.demo.pacer import Pacer


class Session:
    """Due at once, again and again, until it has been advanced ``turns`` times."""

    def __init__(self, turns: int = 10**9, *, fails: bool = False) -> None:
        self.turns, self.fails = turns, fails
        self.wake_us = self.advanced = 0
        self.reached = asyncio.Event()

    def advance(self, now: Instant) -> str:
        self.advanced += 1
        self.wake_us = now.mono_us + 1
        if self.advanced >= 5:
            self.reached.set()
        if self.fails:
            raise RuntimeError("a session's fault")
        return "cut" if self.advanced >= self.turns else ""


async def test_sessions_end_are_removed_and_fail_alone() -> None:
    pacer = Pacer(SystemClock())
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context["exception"])))
    ends: list[str] = []
    lasting, ending, removed, failing = Session(), Session(3), Session(), Session(fails=True)
    for session in (failing, lasting, ending, removed):
        pacer.add(session, ends.append)  # type: ignore[arg-type]
    pacer.remove(removed)  # type: ignore[arg-type]
    await asyncio.wait_for(lasting.reached.wait(), 5)
    pacer.close()
    assert told == ["a session's fault"]
    assert ends == ["cut"]
    assert (ending.advanced, removed.advanced, failing.advanced) == (3, 0, 1)


async def test_a_removed_session_may_come_back() -> None:
    pacer = Pacer(SystemClock())
    session, other = Session(), Session()
    pacer.add(session, print)  # type: ignore[arg-type]
    pacer.remove(session)  # type: ignore[arg-type]
    pacer.add(other, print)  # type: ignore[arg-type]
    await asyncio.wait_for(other.reached.wait(), 5)
    assert session.advanced == 0
    pacer.add(session, print)  # type: ignore[arg-type]
    await asyncio.wait_for(session.reached.wait(), 5)
    pacer.close()
