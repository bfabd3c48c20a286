"""What goes on in the background goes on, whatever it was not prepared for."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as SlowPool
from structlog.testing import capture_logs

from hub.app.meanwhile import AGAIN_S, lasting
from hub.clock import US_PER_S, ManualClock
from hub.outage import QUIET_S, Outage, is_away

AWAY = OperationalError("SELECT 1", {}, Exception("connection refused"))


async def test_work_that_failed_begins_again_and_is_told() -> None:
    clock, begun = ManualClock(), 0
    goes_on = asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise ValueError
        goes_on.set()
        await asyncio.Event().wait()

    with capture_logs() as told:
        task = asyncio.create_task(lasting(work, clock))
        for _ in range(2):
            await asyncio.sleep(0.01)
            clock.advance(AGAIN_S)
        async with asyncio.timeout(10):
            await goes_on.wait()
    assert [(one["work"].rpartition(".")[2], one["log_level"]) for one in told] == [("work", "error")] * 2
    task.cancel()
    await asyncio.wait([task])
    assert (task.cancelled(), begun) == (True, 3)


async def test_a_database_that_is_away_is_told_once_and_once_when_the_work_goes_on() -> None:
    clock, begun = ManualClock(), 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 4:
            raise AWAY
        await asyncio.Event().wait()

    with capture_logs() as told:
        task = asyncio.create_task(lasting(work, clock))
        async with asyncio.timeout(10):
            while begun < 4 or len(told) < 2:
                clock.advance(AGAIN_S)
                await asyncio.sleep(0.001)
    assert begun == 4
    assert [(one["log_level"], "exc_info" in one) for one in told] == [("warning", False), ("info", False)]
    task.cancel()
    await asyncio.wait([task])


async def test_a_pass_that_meets_it_ends_and_other_faults_are_faults() -> None:
    clock = ManualClock()
    outage, began_us = Outage("a pass", clock), clock.now().mono_us
    with capture_logs() as told:
        for _ in range(3):
            with outage.endured():
                raise AWAY
        with pytest.raises(ValueError), outage.endured():
            raise ValueError
        for seconds in (0, QUIET_S - 1, 1, 1):  # a pass may have asked it for nothing
            clock.advance(seconds)
            with outage.endured():
                pass
            assert outage.lasts is (clock.now().mono_us - began_us < QUIET_S * US_PER_S)
    assert [(one["log_level"], one["work"]) for one in told] == [("warning", "a pass"), ("info", "a pass")]


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (AWAY, True),
        (SlowPool(), True),
        (DBAPIError("SELECT 1", {}, Exception(), connection_invalidated=True), True),
        (ExceptionGroup("two", [AWAY, SlowPool()]), True),
        (ExceptionGroup("two", [AWAY, ValueError()]), False),
        (OperationalError("SELECT 1", {}, sqlite3.OperationalError("no such table")), False),
        (ProgrammingError("SELECT 1", {}, Exception("no such column")), False),
        (OSError("connection refused"), False),
    ],
)
def test_what_says_that_a_database_is_away(error: Exception, away: bool) -> None:
    assert is_away(error) is away


async def test_it_begins_again_ever_more_rarely_unless_it_went_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    waits: list[float] = []
    lasts = iter([0, 0, 0, 0, 0, 61, 0])

    async def work() -> None:
        seconds = next(lasts, None)
        if seconds is not None:
            clock.advance(seconds)
            raise ValueError

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(clock, "sleep", sleep)
    await lasting(work, clock)
    assert waits == [5, 10, 20, 40, 60, 5, 10]


async def test_work_that_ends_in_order_is_over() -> None:
    async def work() -> None:
        pass

    await lasting(work, ManualClock())
