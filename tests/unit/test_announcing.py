"""What is told waits until it is durable, and keeps its order."""

from __future__ import annotations

import asyncio

import pytest

from hub.app import announcing as module
from hub.app.announcing import Announcing


class Ledger:
    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.asked = 0

    async def durable(self) -> None:
        self.asked += 1
        await self.may.wait()


async def some_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_nothing_is_told_before_it_is_durable() -> None:
    ledger, said = Ledger(), list[str]()
    announcing = Announcing(ledger.durable, lambda kind, _body: said.append(kind))
    running = asyncio.create_task(announcing.run())
    announcing.tell("first", {})
    announcing.tell("second", {})
    await some_turns()
    assert (said, ledger.asked) == ([], 1)
    announcing.tell("third", {})
    ledger.may.set()
    await some_turns()
    assert (said, ledger.asked) == (["first", "second", "third"], 2), "what came later was appended later"
    running.cancel()


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHANGES", 3)
    ledger, said = Ledger(), list[str]()
    ledger.may.set()
    announcing = Announcing(ledger.durable, lambda kind, _body: said.append(kind))
    for number in range(5):
        announcing.tell(str(number), {})
    running = asyncio.create_task(announcing.run())
    await some_turns()
    assert said == ["2", "3", "4"]
    running.cancel()
