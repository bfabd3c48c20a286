"""Nodes share streams by a real Redis and a real PostgreSQL: they come, die, drain, and are cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from hub.clock import Clock, SystemClock
from hub.cluster import ownership as module
from hub.cluster.claims import Claimed
from hub.cluster.leases import Member, Members
from hub.cluster.node_ledger import NodeLedger
from hub.cluster.ownership import Doings, Ownership
from hub.cluster.redis_link import RedisLink
from hub.database import Database
from hub.database.migrating import migrate
from hub.errors import Unavailable
from tests.cluster import ledgers
from tests.cluster.servers import Postgres, Redis, postgres_server

LEASE_S = 1.0
PATIENCE_S = 90.0
CLOCK = SystemClock()


class Line:
    """Between one node and Redis; it can be cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self.is_cut = False

    async def open(self, stack: AsyncExitStack) -> str:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        stack.callback(self.cut)
        stack.callback(server.close)
        return f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, back}
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    def cut(self) -> None:
        self.is_cut = True
        for writer in self._writers:
            writer.close()


@dataclass
class Node:
    """One node, whose pipelines are a set of names."""

    name: str
    members: Members
    ownership: Ownership[Claimed]
    chains: ledgers.Node
    line: Line
    records: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)

    @property
    def ledger(self) -> NodeLedger:
        return self.chains.ledger


@dataclass
class Cluster:
    redis: Redis
    ledgers: ledgers.Cluster
    streams: dict[str, bool]
    clock: Clock = CLOCK
    lease_s: float = LEASE_S
    nodes: dict[str, Node] = field(default_factory=dict)

    @asynccontextmanager
    async def node(self, name: str) -> AsyncIterator[Node]:
        """Left, it is gone as if it had been killed."""
        async with AsyncExitStack() as stack:
            line = Line(self.redis.port)
            link = RedisLink(SecretStr(await line.open(stack)), self.clock, answer_s=0.4)
            stack.push_async_callback(link.close)
            members = Members(
                link, self.clock, Member(name, f"http://{name}", frozenset({"ingest"})), lease_s=self.lease_s
            )
            chains = await self.ledgers.node(name, self.clock)
            self.ledgers.nodes.remove(chains)
            stack.push_async_callback(chains.close)
            records, lost = set[str](), list[str]()

            async def taken(stream_id: str, claimed: Claimed) -> None:
                records.add(stream_id)

            async def ended(stream_id: str) -> None:
                records.discard(stream_id)

            async def lose(stream_id: str) -> None:
                records.discard(stream_id)
                lost.append(stream_id)

            doings = Doings(taken, lose, ended)
            ownership = Ownership(self.clock, members, chains.ledger, lambda: self.streams, doings, drain_s=30)
            node = self.nodes[name] = Node(name, members, ownership, chains, line, records, lost)
            tasks = [asyncio.create_task(one.run()) for one in (members, ownership)]
            try:
                yield node
            finally:
                del self.nodes[name]
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    def loads(self) -> dict[str, int]:
        return {name: len(node.records) for name, node in self.nodes.items()}

    @property
    def whole(self) -> bool:
        """Every stream is recorded by one node, and by one alone."""
        return sorted(one for node in self.nodes.values() for one in node.records) == sorted(self.streams)

    async def settle(self, loads: list[int]) -> None:
        await until(lambda: self.whole and sorted(self.loads().values()) == sorted(loads), lambda: self.loads())


async def until(what: Callable[[], object], told: Callable[[], object] = str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not what():  # noqa: ASYNC110  it is another process that changes
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"it never came to be: {told()}") from None


@asynccontextmanager
async def begun(
    redis: Redis, url: str, root: Path, streams: int = 12, clock: Clock = CLOCK, lease_s: float = LEASE_S
) -> AsyncIterator[Cluster]:
    """A cluster whose log has begun; nobody leads it any more."""
    chains = ledgers.Cluster(url, root)
    await (await chains.lead()).close()
    yield Cluster(redis, chains, {f"cam-{number:02}": True for number in range(streams)}, clock, lease_s)
    await chains.close()


@pytest.fixture
async def cluster(redis: Redis, postgres: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with begun(redis, postgres, tmp_path) as cluster:
        yield cluster


async def test_streams_are_shared_and_those_of_a_dead_node_are_recorded_by_the_others(cluster: Cluster) -> None:
    async with cluster.node("a"), cluster.node("b"):
        async with cluster.node("c"):
            await cluster.settle([4, 4, 4])
            cluster.streams["worn-1"] = False
            for node in cluster.nodes.values():
                node.ownership.nudge()
            await until(lambda: cluster.whole)
            began = asyncio.get_running_loop().time()
        await until(lambda: cluster.whole)
        print(f"taken over {asyncio.get_running_loop().time() - began:.2f} s after the death, lease {LEASE_S} s")
        assert not [one for node in cluster.nodes.values() for one in node.lost]


async def test_a_node_that_comes_gets_its_share_and_a_node_that_drains_gives_all(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLED_LEASES", 2)
    async with cluster.node("a") as a:
        await cluster.settle([12])
        async with cluster.node("b") as b:
            await cluster.settle([6, 6])
            assert a.lost == [], "what is given away in order is not lost"
            cluster.streams["worn-1"] = False
            assert await b.ownership.drain()
            assert b.records == set()
            await until(lambda: len(a.records) == 13)
            with pytest.raises(Unavailable):
                await b.ownership.take("worn-1")
        assert await a.ownership.drain() is False, "with nobody to take them it does not wait"
        assert len(a.records) == 13


async def test_a_restarted_node_takes_its_own_streams_again_before_it_knows_who_else_lives(cluster: Cluster) -> None:
    async with cluster.node("a") as a:
        await cluster.settle([12])
        epochs = a.ownership.held()
    async with cluster.node("a") as again:
        await until(lambda: again.records or again.members.living() is not None)
        assert again.records, "they are its own by the table"
        await cluster.settle([12])
        assert again.ownership.held() == {one: epoch + 1 for one, epoch in epochs.items()}


async def test_nothing_changes_hands_while_redis_is_away_or_comes_back_empty(cluster: Cluster) -> None:
    async with cluster.node("a") as a, cluster.node("b") as b:
        await cluster.settle([6, 6])
        before = (a.ownership.held(), b.ownership.held())
        cluster.redis.stop()
        await asyncio.sleep(2.5 * LEASE_S)
        cluster.redis.start()
        await until(lambda: a.members.living() is not None and b.members.living() is not None)
        await asyncio.sleep(LEASE_S)
        assert (a.ownership.held(), b.ownership.held()) == before


async def test_who_is_cut_off_from_redis_alone_is_replaced_and_learns_of_it(cluster: Cluster) -> None:
    async with cluster.node("a") as a, cluster.node("b") as b:
        await cluster.settle([6, 6])
        mine = set(a.records)
        a.line.cut()
        await until(lambda: len(b.records) == 12)
        await until(lambda: not a.records)
        assert set(a.lost) == mine
        assert not a.members.held()


async def test_a_recorder_that_offers_to_another_node_is_taken_over_by_it(cluster: Cluster) -> None:
    cluster.streams = {"worn-1": False}
    async with cluster.node("a") as a, cluster.node("b") as b:
        await until(lambda: cluster.whole)
        old, new = (a, b) if a.records else (b, a)
        assert await new.ownership.take("worn-1")
        assert new.records == {"worn-1"}
        await until(lambda: not old.records)
        assert await new.ownership.take("worn-1"), "it is here already"
        await asyncio.sleep(1)
        assert new.records == {"worn-1"}, "and nobody takes it back to even things out"


async def test_a_stream_that_was_given_is_claimed_by_who_it_was_given_to_told_or_not(cluster: Cluster) -> None:
    async with cluster.node("a") as a, cluster.node("b") as b:
        await cluster.settle([6, 6])
        one, other = sorted(a.records)[:2]
        for stream in (one, other):
            epoch = a.ownership.epoch(stream)
            assert epoch is not None
            assert not await b.ownership.given(stream, epoch), "it is not given yet"
            assert await a.ledger.give(stream, epoch, "b")
            if stream == one:
                assert await b.ownership.given(one, epoch + 1)
            await until(lambda stream=stream: stream in b.records)
            assert b.ownership.epoch(stream) == epoch + 2
            await until(lambda stream=stream: stream not in a.records)


@pytest.fixture
def own_postgres() -> object:
    with postgres_server() as server:
        yield server


async def test_nothing_changes_hands_while_postgresql_is_away(
    redis: Redis, own_postgres: Postgres, tmp_path: Path
) -> None:
    url = own_postgres.fresh()
    migrate(Database.at(url))
    async with begun(redis, url, tmp_path, 6) as cluster, cluster.node("a") as a:
        async with cluster.node("b"):
            await cluster.settle([3, 3])
            await asyncio.to_thread(own_postgres.stop)
        await asyncio.sleep(3 * LEASE_S)
        assert len(a.records) == 3
        await until(lambda: "PostgreSQL" in a.ownership.problem)
        with pytest.raises(Unavailable):
            await a.ownership.take("worn-1")
        await asyncio.to_thread(own_postgres.start)
        await cluster.settle([6])
        await until(lambda: a.ownership.problem == "")
