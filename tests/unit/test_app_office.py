"""An office ends when its node does, whatever goes wrong as it ends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from hub.app.office import Leading
from hub.clock import SystemClock
from hub.settings import Settings


async def test_one_that_fails_as_it_ends_does_not_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()
    times = 0

    async def lead(_self: Leading) -> None:
        nonlocal times
        times += 1
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            if times == 1:  # as the last words of any of its rooms, to a database that is away
                raise OperationalError("INSERT", {}, Exception("connection refused"))

    monkeypatch.setattr(Leading, "_lead", lead)
    held: Any = SimpleNamespace(lease=SimpleNamespace(held=lambda: True))
    nothing: Any = None
    leading = Leading(Settings(), SystemClock(), held, nothing, nothing, nothing)
    task = asyncio.create_task(leading.run())
    await begun.wait()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=10)
    assert (done, times) == ({task}, 1)
