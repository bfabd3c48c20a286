"""What goes on in the background goes on, whatever it was not prepared for."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from hub.app.meanwhile import AGAIN_S, lasting
from hub.clock import ManualClock


async def test_work_that_failed_begins_again_and_is_told() -> None:
    clock, begun = ManualClock(), 0
    goes_on = asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise OperationalError("SELECT 1", {}, Exception("connection refused"))
        goes_on.set()
        await asyncio.Event().wait()

    with capture_logs() as told:
        task = asyncio.create_task(lasting(work, clock))
        for _ in range(2):
            await asyncio.sleep(0.01)
            clock.advance(AGAIN_S)
        async with asyncio.timeout(10):
            await goes_on.wait()
    assert [one["work"].rpartition(".")[2] for one in told] == ["work", "work"]
    task.cancel()
    await asyncio.wait([task])
    assert (task.cancelled(), begun) == (True, 3)


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
