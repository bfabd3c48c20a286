"""What a node tells of an interruption is in the ledger, or withdrawn, whenever the node is killed."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from hub.app.announcing import Announcing
from hub.cluster import node_ledger
from hub.cluster.facts import Fact
from hub.database import Database
from hub.database.migrating import migrate
from hub.ledger.bodies import interruption_body
from hub.ledger.entries import EntryType
from hub.model import Interruption, InterruptionKind, InterruptionState
from tests.cluster.ledgers import Cluster, Node, intact
from tests.cluster.servers import Postgres, postgres_server
from tests.ledger_folder import START_US

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres_server() as found:
        yield found


@pytest.fixture
async def cluster(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setattr(node_ledger, "RETRY_S", 0.05)
    url = server.fresh()
    await asyncio.to_thread(migrate, Database.at(url))
    made = Cluster(url, tmp_path)
    yield made
    await made.close()


def confirmed(number: int) -> Interruption:
    at_us = START_US + number * 1_000_000
    state = InterruptionState.CONFIRMED
    return Interruption(f"cut-{number}", "cam-1", InterruptionKind.NO_SIGNAL, state, at_us, at_us)


def tell_until_killed(url: str, root: str, told: Connection, goes_on: Connection) -> None:
    """Interruptions, as a pipeline has them; the id of each goes into the pipe where the bus would be."""

    async def run() -> None:
        node: Node = await Cluster(url, Path(root)).node("a")
        assert await node.take("cam-1")
        node.begin("cam-1")
        await node.ledger.committed()
        node.ledger._settings = node.ledger._settings.model_copy(update={"commit_ms": 250})
        announcing = Announcing(node.ledger.durable, lambda _kind, body: told.send(body["id"]))
        running = asyncio.create_task(announcing.run())
        told.send("recording")
        await asyncio.to_thread(goes_on.recv)
        for number in range(10_000):
            one = confirmed(number)
            node.ledger.append("cam-1", EntryType.INTERRUPTION_OPEN, interruption_body(one))
            announcing.tell("interruption", {"id": one.id})
            node.ledger.append("cam-1", EntryType.INTERRUPTION_WITHDRAWN, interruption_body(one))
            await asyncio.sleep(0.02)
        running.cancel()

    asyncio.run(run())


async def killed_when_it_tells(cluster: Cluster, server: Postgres, words: int, *, away: bool) -> list[str]:
    """Kill -9 at the moment at which a word arrives; all that were told until then."""
    (heard, told), (goes_on, tells) = SPAWN.Pipe(duplex=False), SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=tell_until_killed, args=(cluster.url, str(cluster.root), told, goes_on), daemon=True)
    process.start()
    told.close()
    try:
        assert await word(heard) == "recording"
        if away:
            await asyncio.to_thread(server.stop)
        tells.send("go on")
        found = [await word(heard) for _ in range(words)]
    finally:
        process.kill()
        process.join()
    while heard.poll():
        try:
            found.append(heard.recv())
        except EOFError:
            break
    if away:
        await asyncio.to_thread(server.start)
    return found


async def word(heard: Connection) -> str:
    """The next one. A thread that waited for it without end could not be ended either."""
    assert await asyncio.to_thread(heard.poll, 60), "nothing is told"
    return str(heard.recv())


def entered(cluster: Cluster) -> set[str]:
    query = "SELECT body::json ->> 'id' FROM ledger_told WHERE type = 'interruption_open' AND stream = 'cam-1'"
    return {ident for (ident,) in cluster.rows(query)}


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("words", [1, 4])
async def test_a_node_is_killed_when_it_has_just_told(
    cluster: Cluster, server: Postgres, away: bool, words: int
) -> None:
    office = await cluster.lead()
    told = await killed_when_it_tells(cluster, server, words, away=away)
    node = await cluster.node("a")
    async with asyncio.timeout(30):
        await node.ledger.emptied()
        await cluster.until_moved()
    assert set(told) <= entered(cluster)
    await office.close()
    assert intact(cluster.verify())


async def test_what_was_told_and_came_too_late_is_said_to_be_none(cluster: Cluster, server: Postgres) -> None:
    office = await cluster.lead()
    told = await killed_when_it_tells(cluster, server, 2, away=True)
    other = await cluster.node("b")
    assert await other.take("cam-1")
    other.begin("cam-1")
    refused: list[Fact] = []
    node = await cluster.node("a")
    node.ledger.on_refused(refused.append)
    async with asyncio.timeout(30):
        await node.ledger.emptied()
        await other.ledger.committed()
        await cluster.until_moved()
    assert entered(cluster) == set()
    assert set(told) <= {one.body["id"] for one in refused if one.type is EntryType.INTERRUPTION_OPEN}
    await office.close()
