"""A handover that a slow moment spoilt is tried again, later each time; where a node drains, soon and a few times."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import cast

import pytest

from hub.clock import US_PER_S, ManualClock
from hub.cluster import ownership as module
from hub.cluster.leases import Member, Members
from hub.cluster.owners import Owner
from hub.cluster.ownership import ChainsOf, Doings, Missed, Ownership

ME, OTHER = (Member(name, f"http://{name}", frozenset({"ingest"})) for name in ("a", "b"))
STREAMS = ("one", "two")


class Taken:
    epoch = 1


class Seen:
    """Both nodes live, for ever."""

    every_s = 0.5

    def __init__(self) -> None:
        self.me = ME

    def living(self) -> Mapping[str, Member]:
        return {"a": self.me, "b": OTHER}

    seen = living

    def held(self) -> bool:
        return True

    def lives_since_us(self, _name: str) -> int:
        return -(10**12)

    def say(self, *, draining: bool | None = None, streams: int | None = None) -> None:
        draining = self.me.draining if draining is None else draining
        self.me = replace(self.me, draining=draining, streams=streams or 0)

    async def look(self) -> bool:
        return True


class Table:
    """All that is registered is the first node's."""

    def __init__(self) -> None:
        self.owned = {one: Owner("a", 1) for one in STREAMS}

    async def owners(self) -> Mapping[str, Owner]:
        return dict(self.owned)

    async def claim_free(self, wanted: Mapping[str, int]) -> Mapping[str, Taken]:
        return {one: Taken() for one in wanted}

    async def give(self, stream_id: str, epoch: int, to_node: str) -> bool:
        self.owned[stream_id] = Owner(to_node, epoch + 1)
        return True


class Node:
    """``misses``: so many handovers of each stream are spoilt."""

    def __init__(self, misses: int) -> None:
        self.clock, self.table, self.seen = ManualClock(), Table(), Seen()
        self.tried: list[tuple[str, int]] = []
        self.ended: list[str] = []
        self._misses = misses
        doings: Doings[Taken] = Doings(self._nothing, self._nothing, self._end, self._hand_over)
        self.ownership: Ownership[Taken] = Ownership(
            self.clock, cast(Members, self.seen), cast(ChainsOf[Taken], self.table),
            lambda: dict.fromkeys(STREAMS, True), doings, drain_s=30,
        )  # fmt: skip

    async def _nothing(self, *_: object) -> None: ...

    async def _end(self, stream_id: str) -> None:
        self.ended.append(stream_id)

    async def _hand_over(self, stream_id: str, _to: Member) -> bool:
        self.tried.append((stream_id, self.clock.now().mono_us))
        if sum(one == stream_id for one, _ in self.tried) <= self._misses:
            raise Missed("it was too slow")
        return await self.table.give(stream_id, 1, "b")

    async def looks(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            await self.ownership.look()
            for _ in range(5):
                await asyncio.sleep(0)
            self.clock.advance(1)

    def waits_s(self, stream_id: str) -> list[float]:
        times = [at for one, at in self.tried if one == stream_id]
        return [(after - before) / US_PER_S for before, after in pairwise(times)]


async def test_what_was_missed_is_tried_again_and_each_time_later() -> None:
    node = Node(misses=4)
    await node.looks(100)
    assert node.waits_s("two") == [4, 8, 16, 32]
    assert node.table.owned["two"].node == "b"
    assert node.ended == []


async def test_it_is_never_waited_for_longer_than_where_it_cannot_be_handed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "STAYS_S", 10.0)
    node = Node(misses=1000)
    await node.looks(60)
    assert max(node.waits_s("two")) == 10
    assert node.ended == []


async def test_a_node_that_drains_tries_thrice_and_gives_it_away_with_a_hole() -> None:
    node = Node(misses=1000)
    await node.looks(2)
    node.tried.clear()
    await node.ownership.drain()  # it looks by itself
    assert [round(one) for one in node.waits_s("one")] == [2, 2]
    assert sorted(node.ended) == sorted(STREAMS)
    assert {owner.node for owner in node.table.owned.values()} == {"b"}
