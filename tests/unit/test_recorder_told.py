"""A recorder that is told to move: again and again, until it is at another node."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hub.app import handover
from hub.app.handover import MOVE, Handover, Owning
from hub.clock import ManualClock


async def test_a_recorder_that_does_not_come_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node to which it opened its second session may have died with it."""
    monkeypatch.setattr(handover, "TOLD_AGAIN_S", 0.01)
    clock = ManualClock()
    told: list[str] = []
    heard = asyncio.Event()

    def say(stream_id: str, text: str) -> bool:
        told.append(f"{stream_id} {text}")
        if len(told) == 3:
            heard.set()
        return True

    nothing = cast(Any, SimpleNamespace())
    taker = cast(Any, SimpleNamespace(name="b"))
    owning = Owning(lambda _: 1, nothing, lambda *_: True, lambda: {"b": taker})
    giver = Handover(clock, nothing, nothing, nothing, owning, say)
    gate = SimpleNamespace(listen=lambda: None, hush=lambda: None)
    lasts = asyncio.create_task(asyncio.Event().wait())
    begun = cast(Any, SimpleNamespace(gate=gate, ended=False, task=lasts))
    pipeline = cast(Any, SimpleNamespace(vitals=SimpleNamespace(arrived_us=clock.now().utc_us)))
    following = asyncio.create_task(giver._follow("worn-1", pipeline, begun))
    await asyncio.wait_for(heard.wait(), 20)
    giver._came["worn-1"].set_result("b")
    assert await following == (True, taker)
    assert set(told) == {f"worn-1 {MOVE}"}
    lasts.cancel()
