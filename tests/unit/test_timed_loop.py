"""A test that hangs ends when its time is over, on the loop that tests run on."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.timed_loop import TimedLoop


def test_what_waits_for_ever_ends_when_its_time_is_over() -> None:
    def over(_number: int, _frame: object) -> None:
        pytest.fail("its time is over")

    async def waits() -> None:
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGUSR1)
        await asyncio.sleep(20)

    before = signal.signal(signal.SIGUSR1, over)
    try:
        with asyncio.Runner(loop_factory=TimedLoop) as runner, pytest.raises(asyncio.CancelledError, match="over"):
            runner.run(waits())
    finally:
        signal.signal(signal.SIGUSR1, before)
