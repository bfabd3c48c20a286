"""Hours without PostgreSQL, without Redis, and without both: they pass on the clock, and the servers are really gone.

The clock runs on while a server is away, as fast as chunks can be made: what is counted in seconds of the clock
(leases, facts that wait, days) sees all of the time.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hub.clock import US_PER_S, Instant, SystemClock
from hub.cluster import node_ledger
from hub.cluster.bus import Changes, Saying
from hub.cluster.facts import Fact
from hub.cluster.messages import Message
from hub.cluster.redis_link import RedisLink
from hub.database import Database
from hub.database.migrating import migrate
from hub.ledger.entries import EntryType
from tests.cluster.ledgers import intact
from tests.cluster.servers import Postgres, Redis, postgres_server
from tests.cluster.test_ownership import Cluster, Node, begun, until

AWAY_S = 3 * 3600
CHUNK_S = 30
STREAMS = 6
LEASE_S = 4.0
LABEL = {"id": "l", "action": "withdraw", "by": "inspector", "reason": "test"}


class Hurried(SystemClock):
    """The machine's clocks, and what was jumped over."""

    def __init__(self) -> None:
        self._ahead_us = 0

    def now(self) -> Instant:
        now = super().now()
        return Instant(now.utc_us + self._ahead_us, now.mono_us + self._ahead_us)

    def passed_us(self, since: Instant) -> int:
        return super().passed_us(since) + self._ahead_us

    def jump(self, seconds: float) -> None:
        self._ahead_us += round(seconds * US_PER_S)


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


class Recording:
    """What nodes record: a chunk of each stream that they own every CHUNK_S of the clock."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self.chunks = Counter[str]()
        for node in nodes:
            for stream in sorted(node.records):
                node.chains.begin(stream)

    def record(self) -> None:
        for node in self._nodes:
            for stream in sorted(node.records):
                node.chains.chunk(stream)
                self.chunks[stream] += 1

    def end(self) -> None:
        for node in self._nodes:
            for stream in sorted(node.records):
                node.chains.end(stream)

    async def for_hours(self, clock: Hurried, seconds: float, meanwhile: Callable[[], object]) -> None:
        for _ in range(round(seconds / CHUNK_S)):
            clock.jump(CHUNK_S)
            self.record()
            meanwhile()
            await asyncio.sleep(0.002)


class Commits:
    """The transactions of a node: how many facts in each, and when it began (monotonic s)."""

    def __init__(self, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[int, float]] = []
        chains = node.ledger._chains
        commit = chains.commit

        def counted(writer: str, facts: Sequence[Fact], given: Any = None) -> Any:
            self.made.append((len(facts), time.monotonic()))
            return commit(writer, facts, given)

        monkeypatch.setattr(chains, "commit", counted)


@pytest.mark.timeout(300)
async def test_nothing_is_lost_doubled_or_moved(
    redis: Redis, own_postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_ledger, "PATIENCE_S", 0.5)
    monkeypatch.setattr(node_ledger, "RETRY_S", 0.2)
    url, clock = own_postgres.fresh(), Hurried()
    await asyncio.to_thread(migrate, Database.at(url))
    async with (
        begun(redis, url, tmp_path, STREAMS, clock, LEASE_S) as cluster,
        cluster.node("a") as a,
        cluster.node("b") as b,
        Bus(redis, clock) as bus,
    ):
        office = await cluster.ledgers.lead()
        await cluster.settle([3, 3])
        recording = Recording([a, b])
        owned = {one.name: one.ownership.held() for one in (a, b)}
        commits = [Commits(one, monkeypatch) for one in (a, b)]
        for away in ([own_postgres], [redis], [own_postgres, redis]):
            recording.record()
            await asyncio.gather(a.ledger.committed(), b.ledger.committed())
            for server in away:
                await asyncio.to_thread(server.stop)
            await recording.for_hours(clock, AWAY_S, bus.say)
            for _ in range(3):  # each minute there is one, and none of them knows where the ones before will lie
                assert office.heartbeat()
            office.append("cam-00", EntryType.LABEL, LABEL)
            if own_postgres in away:
                await until(lambda: min(one.ledger._outbox.count for one in (a, b)) > AWAY_S / CHUNK_S)
            if redis in away:
                assert a.members.living() is b.members.living() is None
                assert bus.waits
            assert {one.name: one.ownership.held() for one in (a, b)} == owned
            for server in away:
                await asyncio.to_thread(server.start)
            while a.ledger._outbox.count or b.ledger._outbox.count:  # recording goes on meanwhile
                recording.record()
                await asyncio.sleep(0.1)
            await until(lambda: a.members.living() is not None and b.members.living() is not None)
            await until(lambda: bus.heard == bus.said, lambda: (len(bus.heard), len(bus.said)))
        await asyncio.sleep(LEASE_S)
        assert {one.name: one.ownership.held() for one in (a, b)} == owned
        assert a.lost == b.lost == []

        recording.end()
        await asyncio.gather(a.ledger.committed(), b.ledger.committed())
        for one in commits:
            at_a_bounded_rate(one)
        await office.committed()
        await cluster.ledgers.until_moved()
        each_once_in_order(cluster, recording.chunks)
        await office.close()
        assert intact(cluster.ledgers.verify())


def at_a_bounded_rate(commits: Commits) -> None:
    sizes = [size for size, _ in commits.made]
    assert max(sizes) <= node_ledger.AT_ONCE
    begun = [at for size, at in commits.made if size == node_ledger.AT_ONCE]
    gaps = [after - before for before, after in pairwise(begun)]
    assert all(gap > 0.9 * node_ledger.DRAIN_PAUSE_S for gap in gaps), gaps


def each_once_in_order(cluster: Cluster, chunks: Counter[str]) -> None:
    for stream, count in chunks.items():
        found = cluster.ledgers.rows(
            "SELECT e.seq, e.type, c.first_us FROM ledger_entries e LEFT JOIN ledger_chunks c ON c.entry_id = e.id "
            "WHERE e.stream = :stream ORDER BY e.seq",
            stream=stream,
        )
        assert [seq for seq, _, _ in found] == list(range(len(found)))
        labels = 3 if stream == "cam-00" else 0
        kinds = Counter(kind for _, kind, _ in found)
        assert kinds == Counter(genesis=1, open=1, chunk=count, close=1) + Counter(label=labels)
        times = [first_us for _, kind, first_us in found if kind == "chunk"]
        assert times == sorted(set(times)), "in the order in which they were recorded, each once"


class Bus:
    """A node that tells of an interruption now and then, and the office that handles what is told."""

    def __init__(self, redis: Redis, clock: Hurried) -> None:
        self._clock = clock
        self._link = RedisLink(SecretStr(redis.url), clock, answer_s=0.4)
        self._saying = Saying(self._link, clock, "a")
        self._changes = Changes(self._link, clock, "office", self._hear)
        self._tasks: list[asyncio.Task[None]] = []
        self._turns = 0
        self.said: list[int] = []
        self._heard: dict[str, int] = {}

    async def __aenter__(self) -> Bus:
        self._tasks = [asyncio.create_task(one) for one in (self._saying.run(), self._changes.run())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._link.close()

    @property
    def waits(self) -> int:
        return self._saying.waiting

    def say(self) -> None:
        self._turns += 1
        if self._turns % 2 == 0:
            self.said.append(self._turns)
            self._saying.change("interruption", {"n": self._turns})

    async def _hear(self, message: Message) -> None:
        self._heard.setdefault(message.id, message.body["n"])  # it may come twice: handlers go by the id

    @property
    def heard(self) -> list[int]:
        return list(self._heard.values())
