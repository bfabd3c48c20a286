"""PostgreSQL stands still, breaks off, or is gone; notary and nodes are killed: nothing is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from multiprocessing.synchronize import Event
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from hub.cluster import integration, node_ledger
from hub.database import Database
from hub.database.migrating import migrate
from hub.errors import LedgerError
from hub.ledger import keeper
from hub.ledger.entries import EntryType
from hub.ledger.index import Index
from tests.cluster.ledgers import Cluster, Node, intact
from tests.cluster.servers import Postgres, postgres_server
from tests.ledger_folder import fragment

LABEL = {"id": "l", "action": "withdraw", "by": "inspector", "reason": "test"}
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres_server() as found:
        yield found


@pytest.fixture
async def cluster(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setattr(node_ledger, "PATIENCE_S", 0.3)
    monkeypatch.setattr(node_ledger, "RETRY_S", 0.05)
    monkeypatch.setattr(keeper, "RETRY_S", 0.05)
    url = server.fresh()
    await asyncio.to_thread(migrate, Database.at(url))
    made = Cluster(url, tmp_path)
    yield made
    await made.close()


async def until(true: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  what is waited for tells nobody
            await asyncio.sleep(0.02)


async def record(node: Node, streams: list[str], rng: random.Random, stop: asyncio.Event) -> dict[str, int]:
    """Chunks of its streams, in an order of chance, until told to stop; how many of each."""
    made = dict.fromkeys(streams, 0)
    for stream in streams:
        node.begin(stream)
    while not stop.is_set():
        for stream in rng.sample(streams, rng.randint(1, len(streams))):
            node.chunk(stream)
            made[stream] += 1
        await asyncio.sleep(rng.uniform(0, 0.02))
    for stream in streams:
        node.end(stream)
    return made


def break_off(server: Postgres) -> None:
    """Every connection, wherever its transaction is."""
    with suppress(psycopg.OperationalError), psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = "
            "'client backend'"
        )


async def harass(server: Postgres, rng: random.Random, steps: int) -> None:
    for _ in range(steps):
        await asyncio.sleep(rng.uniform(0, 0.15))
        choice = rng.random()
        if choice < 0.75:
            await asyncio.to_thread(break_off, server)
        elif choice < 0.9:
            server.pause()
            await asyncio.sleep(rng.uniform(0.1, 0.8))
            server.resume()
        else:
            await asyncio.to_thread(server.stop)
            await asyncio.sleep(rng.uniform(0, 0.5))
            await asyncio.to_thread(server.start)


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_lost_or_doubled(cluster: Cluster, server: Postgres, seed: int) -> None:
    rng = random.Random(seed)
    office = await cluster.lead()
    heard: list[str] = []
    before = cluster.value("SELECT count(*) FROM ledger_entries")
    office.on_commit(lambda entries: heard.extend(one.leaf for one in entries))
    nodes = {name: [f"{name}-{number}" for number in range(3)] for name in ("a", "b")}
    running = []
    stop = asyncio.Event()
    told: dict[str, list[tuple[str, int]]] = {name: [] for name in nodes}
    for name, streams in nodes.items():
        node = await cluster.node(name)
        node.ledger.on_commit(lambda entries, own=told[name]: own.extend((one.leaf, one.seq) for one in entries))
        for stream in streams:
            assert await node.take(stream)
        running.append(asyncio.create_task(record(node, streams, random.Random(f"{seed} {name}"), stop)))
    labels = 0

    async def label() -> None:
        nonlocal labels
        while not stop.is_set():
            office.append("a-0", EntryType.LABEL, LABEL)
            labels += 1
            await office.committed()

    labelling = asyncio.create_task(label())
    await harass(server, rng, 25)
    stop.set()
    made = [await one for one in running]
    async with asyncio.timeout(40):
        await labelling
        for node in cluster.nodes:
            await node.ledger.committed()
        await cluster.until_moved()
    await until(lambda: len(heard) == cluster.value("SELECT count(*) FROM ledger_entries") - before)
    for stream, count in {stream: count for one in made for stream, count in one.items()}.items():
        found = cluster.rows("SELECT seq, type FROM ledger_entries WHERE stream = :stream ORDER BY seq", stream=stream)
        assert [seq for seq, _ in found] == list(range(len(found)))
        kinds = [kind for _, kind in found]
        expected = {"genesis": 1, "open": 1, "chunk": count, "close": 1, "label": labels if stream == "a-0" else 0}
        assert {kind: kinds.count(kind) for kind in expected} == expected
        assert len(kinds) == sum(expected.values())
    for name, leaves in told.items():
        own = {row[0].hex(): row[1] for row in cluster.rows(
            "SELECT leaf, seq FROM ledger_entries WHERE stream LIKE :own AND type NOT IN ('genesis', 'label')",
            own=f"{name}-%",
        )}  # fmt: skip
        assert dict(leaves) == own, "a node hears of each of its facts, whatever was asked twice"
        assert len(leaves) == len(own)
    assert len(heard) == len(set(heard))
    await office.close()
    assert intact(cluster.verify())


async def test_a_database_that_breaks_off_between_two_files_has_no_line_written_twice(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, int] = {}
    real = Index.file_size

    def breaks_off(index: Index, path: str) -> int:
        asked[path] = asked.get(path, 0) + 1
        if "/cam-2/" in path and asked[path] < 4:
            raise OperationalError("SELECT", None, Exception("server closed the connection unexpectedly"))
        return real(index, path)

    monkeypatch.setattr(Index, "file_size", breaks_off)
    office = await cluster.lead()
    node = await cluster.node("a")
    for stream in ("cam-1", "cam-2"):
        assert await node.take(stream)
        node.begin(stream)
        node.chunk(stream)
        node.end(stream)
    await node.ledger.committed()
    async with asyncio.timeout(30):
        await cluster.until_moved()
    assert max(asked.values()) >= 4
    await office.close()
    assert intact(cluster.verify())


# ------------------------------------------------------------------------------ a notary that is killed


def lead_until_killed(url: str, root: str, led: Event) -> None:
    """Leads, and is killed after files and leaves were written, before the database knows."""
    take_out = integration.Integrator._take_out
    moved = 0

    def killed(self: integration.Integrator, connection: Connection) -> None:
        nonlocal moved
        take_out(self, connection)
        moved += any(item.entry.stream_id != "_hub" for item in self._unindexed)
        if moved == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    integration.Integrator._take_out = killed  # type: ignore[method-assign]

    async def run() -> None:
        await Cluster(url, Path(root)).lead()
        led.set()
        await asyncio.sleep(60)

    asyncio.run(run())


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_notary_is_killed_between_files_and_database(cluster: Cluster, elsewhere: bool) -> None:
    led = SPAWN.Event()
    process = SPAWN.Process(target=lead_until_killed, args=(cluster.url, str(cluster.root), led))
    process.start()
    assert await asyncio.to_thread(led.wait, 30)
    node = await cluster.node("a")
    assert await node.take("cam-1")
    node.begin("cam-1")

    async def chunks() -> None:
        while process.is_alive():
            node.chunk("cam-1")
            await node.ledger.committed()
            await asyncio.sleep(0.05)

    async with asyncio.timeout(30):
        await chunks()
    assert process.exitcode == -signal.SIGKILL
    files = list((cluster.root / "notary").glob("data/reels/**/*.entries"))
    lines = sum(path.read_bytes().count(b"\n") for path in files)
    known = cluster.value("SELECT count(*) FROM ledger_entries WHERE stream = 'cam-1'")
    assert lines > known, "killed where it was meant to be"
    name = "notary"
    if elsewhere:
        name = "other"
        shutil.copytree(cluster.root / "notary" / "keys", cluster.root / "other" / "keys")
    office = await cluster.lead(name)
    await cluster.until_moved()
    node.end("cam-1")
    await node.ledger.committed()
    await cluster.until_moved()
    await office.close()
    if elsewhere:
        shutil.rmtree(cluster.root / "notary")
    assert intact(cluster.verify(name))
    assert cluster.rows("SELECT type FROM ledger_entries WHERE stream = '_hub' AND seq = 1") == [("restart",)]


async def test_a_folder_that_led_long_ago_agrees_again(cluster: Cluster) -> None:
    first = await cluster.lead("first", forget=lambda _index, _up_to: None)
    first.append("cam-1", EntryType.LABEL, LABEL)
    await first.close()
    shutil.copytree(cluster.root / "first" / "keys", cluster.root / "second" / "keys")
    second = await cluster.lead("second", forget=lambda _index, _up_to: None)
    for _ in range(5):
        second.append("cam-1", EntryType.LABEL, LABEL)
    await second.close()
    # what the first never made durable in the database is of no account
    shutil.rmtree(cluster.root / "first" / "keys")
    shutil.copytree(cluster.root / "second" / "keys", cluster.root / "first" / "keys")
    leaves = next((cluster.root / "first" / "data" / "log").glob("*/leaves"))
    leaves.write_bytes(leaves.read_bytes() + b"x" * 32)
    lines = next((cluster.root / "first" / "data" / "reels" / "cam-1").glob("*.entries"))
    lines.write_bytes(lines.read_bytes() + b'{"half')
    third = await cluster.lead("first")
    third.append("cam-1", EntryType.LABEL, LABEL)
    await third.close()
    assert intact(cluster.verify("first"))


async def test_a_database_of_before_is_refused_and_nothing_is_cut(cluster: Cluster) -> None:
    office = await cluster.lead()
    office.append("cam-1", EntryType.LABEL, LABEL)
    await office.close()
    with cluster.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM ledger_entries WHERE id > 1")
    before = {path: path.read_bytes() for path in (cluster.root / "notary").rglob("*.entries")}
    with pytest.raises(Exception, match="rolled back"):
        await cluster.lead()
    assert {path: path.read_bytes() for path in (cluster.root / "notary").rglob("*.entries")} == before


async def test_lines_that_nobody_has_are_missed_or_brought(cluster: Cluster) -> None:
    office = await cluster.lead("first")
    office.append("cam-1", EntryType.LABEL, LABEL)
    await office.close()  # flushed: the database forgot the lines
    shutil.copytree(cluster.root / "first" / "keys", cluster.root / "second" / "keys")
    with pytest.raises(Exception, match="lacks lines"):
        await cluster.lead("second")
    asked: list[str] = []

    def bring(path: str, size: int) -> bytes | None:
        asked.append(path)
        return (cluster.root / "first" / "data" / path).read_bytes()[:size]

    office = await cluster.lead("second", bring=bring, forget=lambda _index, _up_to: None)
    await office.close()
    assert any(path.startswith("reels/cam-1/") for path in asked)
    assert cluster.value("SELECT count(*) FROM ledger_unflushed") > 0, "not forgotten: nobody else has them"
    assert intact(cluster.verify("second"))


# -------------------------------------------------------------------------------- a node that is killed


def record_into_outbox(url: str, root: str, recording: Event, away: Event, full: Event) -> None:
    async def run() -> None:
        node_ledger.PATIENCE_S = 0.3
        node_ledger.RETRY_S = 0.05
        node = await Cluster(url, Path(root)).node("a")
        assert await node.take("cam-1")
        node.begin("cam-1")
        node.chunk("cam-1")
        await node.ledger.committed()
        recording.set()
        await asyncio.to_thread(away.wait)
        for _ in range(50):
            node.chunk("cam-1")
            await asyncio.sleep(0.005)
        await until(lambda: node.ledger._outbox.count >= 50)
        await until(lambda: not node.ledger._pending)
        # on the disk, and told to nobody
        node.reels["cam-1"].write(fragment(random.Random(1), 300))
        full.set()
        await asyncio.sleep(60)

    asyncio.run(run())


async def test_a_node_is_killed_with_a_full_outbox(cluster: Cluster, server: Postgres) -> None:
    office = await cluster.lead()
    recording, away, full = SPAWN.Event(), SPAWN.Event(), SPAWN.Event()
    arguments = (cluster.url, str(cluster.root), recording, away, full)
    process = SPAWN.Process(target=record_into_outbox, args=arguments, daemon=True)
    process.start()
    try:
        assert await asyncio.to_thread(recording.wait, 60)
        await asyncio.to_thread(server.stop)
        away.set()
        assert await asyncio.to_thread(full.wait, 60)
    finally:
        process.kill()
        process.join()
    await asyncio.to_thread(server.start)
    node = await cluster.node("a")
    await node.ledger.emptied()
    await until(lambda: cluster.value("SELECT count(*) FROM ledger_entries WHERE type = 'recovery'"))
    claimed = await node.take("cam-1")
    assert claimed is not None
    assert (claimed.epoch, claimed.was.open) == (2, True)
    kinds = [kind for (kind,) in cluster.rows("SELECT type FROM ledger_entries WHERE stream = 'cam-1' ORDER BY seq")]
    assert kinds == ["genesis", "open", *["chunk"] * 51, "recovery"]
    await office.close()
    assert intact(cluster.verify())


async def test_a_fault_of_the_outbox_is_said_and_recording_goes_on(
    cluster: Cluster, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = await cluster.lead()
    node = await cluster.node("a")
    assert await node.take("cam-1")
    node.begin("cam-1")
    node.ledger._outbox._max_bytes = 4000
    await asyncio.to_thread(server.stop)
    for _ in range(20):
        node.chunk("cam-1")
        await asyncio.sleep(0.02)
    await until(lambda: "outbox" in node.ledger.problem)
    monkeypatch.setattr(node_ledger, "MAX_WAITING_BYTES", 10_000)
    with pytest.raises(LedgerError, match="no more facts"):  # noqa: PT012  after some
        for _ in range(100):
            node.chunk("cam-1")
    await asyncio.to_thread(server.start)
    await node.ledger.committed()
    assert node.ledger.problem == ""
    count = cluster.value("SELECT count(*) FROM cluster_inbox WHERE reel IS NOT NULL")
    count += cluster.value("SELECT count(*) FROM ledger_entries WHERE type = 'chunk'")
    assert count >= 20
    await office.close()
