"""Failure: the hub is killed (SIGKILL) while footage that was brought goes into the reels. Nothing is lost, nothing is
there twice, and what is missing follows after the start."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hub.footage.filling import Filling
from hub.footage.footage import Footage
from hub.footage.store import State
from hub.ledger.verdict import Completeness
from hub.model import Chunk
from tests.footage_support import BREAK, T0, S, card, room

LEAD_US = 50_000
POINTS = ("opened", "half of it", "first sealed", "all recorded", "entered")


@pytest.mark.parametrize("point", POINTS)
async def test_killed_while_it_is_recorded(tmp_path: Path, point: str) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_bring_and_die, args=(tmp_path, point))
    child.start()
    await asyncio.to_thread(child.join, 60)
    assert child.exitcode == -signal.SIGKILL
    async with room(tmp_path, fresh=False) as hub:
        (one,) = hub.footage.store.list()
        assert one.state is State.RECEIVED
        done = await hub.look(one.id)
        assert done.state is State.RECORDED, done
        assert done.result["fills"][-1]["whole"], done
        assert not hub.footage.store.part(done.id).exists()
        spans = hub.ledger.reader.backfilled("rec", T0, BREAK[1] + S)
        assert sum(span.to_us - span.from_us for span in spans) == pytest.approx(BREAK[1] - BREAK[0], abs=200_000)
        runs = {fill["run"] for fill in done.result["fills"]}
        chunks = hub.ledger.reader.chunks("rec", BREAK[0], BREAK[1], 1000)
        brought = sorted((chunk for chunk in chunks if chunk.run in runs), key=lambda chunk: chunk.first_us)
        if point == "half of it":
            assert len(runs) == 2
        assert not _twice(brought)
        again = await hub.bring(tmp_path / "card.mp4", claimed_us=BREAK[0], clock_us=0)
        assert again.state is State.DUPLICATE
    verdict = hub.verify()
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.BACKFILLED), verdict.findings


def _twice(chunks: list[Chunk]) -> list[tuple[int, int]]:
    """Where pictures of two chunks lie on each other; those that only help to decode lie in ticks before an edge."""
    return [
        (before.end_us, after.first_us)
        for before, after in pairwise(chunks)
        if after.first_us < before.end_us - LEAD_US
    ]


def _bring_and_die(root: Path, point: str) -> None:
    asyncio.run(_until_killed(root, point))


async def _until_killed(root: Path, point: str) -> None:
    pushed = 0

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    opened, push, fill, enter = Filling._open, Filling._push, Filling.fill, Footage._enter

    async def after_open(self: Filling, *given: Any) -> None:
        await opened(self, *given)
        die()

    async def at_the_60th(self: Filling, *given: Any) -> None:
        nonlocal pushed
        await push(self, *given)
        pushed += 1
        if pushed == 60:
            await asyncio.sleep(0.5)  # what is sealed comes into the ledger
            die()

    async def after_fill(self: Filling, *given: Any) -> None:
        await fill(self, *given)
        die()

    async def after_enter(self: Footage, *given: Any) -> None:
        await enter(self, *given)
        die()

    patches: dict[str, tuple[Any, str, Any]] = {
        "opened": (Filling, "_open", after_open),
        "half of it": (Filling, "_push", at_the_60th),
        "first sealed": (Filling, "_sealed", die),
        "all recorded": (Filling, "fill", after_fill),
        "entered": (Footage, "_enter", after_enter),
    }
    where, name, patched = patches[point]
    setattr(where, name, patched)
    async with room(root) as hub:
        first_us = card(root / "card.mp4", BREAK[0] - 2 * S, BREAK[1] + 2 * S)
        await hub.bring(root / "card.mp4", claimed_us=first_us, clock_us=0)
