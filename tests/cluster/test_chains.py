"""Many writers, one chain: what PostgreSQL decides, and what becomes of it in the log."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.cluster.claims import claim, claim_free
from hub.database import Database, open_engine
from hub.ledger.bodies import interruption_body
from hub.ledger.entries import HUB_STREAM, EntryType
from hub.ledger.verify import verify_path
from hub.model import InterruptionKind, InterruptionState
from tests.cluster.ledgers import Cluster, intact
from tests.ledger_folder import CHUNK_US, START_US, interruption

CONFIRMED = InterruptionState.CONFIRMED
LABEL = {"id": "l", "action": "withdraw", "by": "inspector", "reason": "test"}


@pytest.fixture
async def cluster(postgres: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    made = Cluster(postgres, tmp_path)
    yield made
    await made.close()


async def test_two_writers_share_a_chain(cluster: Cluster) -> None:
    office = await cluster.lead()
    node = await cluster.node("a")
    assert await node.take("cam-1") is not None
    node.begin("cam-1")
    made = [node.chunk("cam-1") for _ in range(3)]

    async def labels() -> None:
        for _ in range(20):
            office.append("cam-1", EntryType.LABEL, LABEL)
            await office.committed()

    async def chunks() -> None:
        for _ in range(20):
            made.append(node.chunk("cam-1"))
            await node.ledger.committed()

    await asyncio.gather(labels(), chunks())
    node.end("cam-1")
    await node.ledger.committed()
    assert all(one.seq >= 0 and len(one.leaf) == 64 for one in made)
    await cluster.until_moved()
    assert len(office.reader.chunks("cam-1", 0, 1 << 60, 100)) == 23
    await office.close()
    assert intact(cluster.verify())
    seqs = cluster.rows("SELECT seq, type FROM ledger_entries WHERE stream = 'cam-1' ORDER BY seq")
    assert [seq for seq, _ in seqs] == list(range(46))
    assert [kind for _, kind in seqs].count("label") == 20


def claims(job: tuple[str, str, int]) -> list[int]:
    url, node, known = job
    engine = open_engine(Database.at(url))
    claimed = claim(engine, "cam-1", node, known)
    engine.dispose()
    return [] if claimed is None else [claimed.epoch]


def test_of_eight_that_claim_one_wins(postgres: str) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(8, context) as pool:
        for known in range(4):
            won = list(pool.map(claims, [(postgres, f"node-{number}", known) for number in range(8)]))
            assert sorted(won) == [[]] * 7 + [[known + 1]]


async def test_of_many_that_are_claimed_together_those_are_had_that_are_free(cluster: Cluster) -> None:
    office, one = await cluster.lead(), await cluster.node("one")
    streams = [f"cam-{number}" for number in range(1, 6)]
    for stream in streams[:4]:
        assert await one.take(stream)
        run = one.begin(stream)
        if stream == "cam-1":
            await one.ledger.committed()
            await cluster.until_moved()  # what the log has, and what it has not yet, is alike
        for _ in range(2 if stream == "cam-2" else 1):
            one.chunk(stream)
    await one.ledger.committed()
    with cluster.engine.begin() as busy:
        busy.execute(text("SELECT * FROM cluster_chains WHERE stream = 'cam-3' FOR UPDATE"))
        known = dict.fromkeys(streams[:4], 1) | {"cam-4": 0, "cam-5": 0}
        taken = await asyncio.to_thread(claim_free, cluster.engine, "two", known)
    assert {stream: it.epoch for stream, it in taken.items()} == {"cam-1": 2, "cam-2": 2, "cam-5": 1}
    assert (taken["cam-1"].was.run, taken["cam-1"].was.open) == (run, True)
    until_us = [taken[stream].was.recorded_until_us for stream in ("cam-1", "cam-2", "cam-5")]
    assert until_us == [START_US + CHUNK_US, START_US + 2 * CHUNK_US, None]
    again = await asyncio.to_thread(claim_free, cluster.engine, "three", known)
    assert {stream: it.epoch for stream, it in again.items()} == {"cam-3": 2}
    await office.close()


async def test_a_late_writer_writes_nothing_but_recovered_footage(cluster: Cluster) -> None:
    office = await cluster.lead()
    one, two = await cluster.node("one"), await cluster.node("two")
    assert await one.take("cam-1")
    run = one.begin("cam-1")
    for _ in range(3):
        one.chunk("cam-1")
    await one.ledger.committed()
    claimed = await two.take("cam-1")
    assert claimed is not None
    assert (claimed.epoch, claimed.was.run, claimed.was.open) == (2, run, True)
    assert claimed.was.recorded_until_us == START_US + 3 * CHUNK_US
    # one goes on without knowing
    late = one.chunk("cam-1")
    broken = interruption("cam-1", InterruptionState.CONFIRMED, START_US + 4 * CHUNK_US)
    one.ledger.append("cam-1", EntryType.INTERRUPTION_OPEN, interruption_body(broken))
    one.end("cam-1")
    begun_us = START_US + 5 * CHUNK_US
    hole = interruption("cam-1", InterruptionState.CONFIRMED, START_US + 3 * CHUNK_US)
    two.ledger.append("cam-1", EntryType.INTERRUPTION_OPEN, interruption_body(hole))
    two.begin("cam-1", begun_us)
    for _ in range(4):
        two.chunk("cam-1")
    closed = interruption("cam-1", InterruptionState.CLOSED, START_US + 3 * CHUNK_US, begun_us)
    two.ledger.append("cam-1", EntryType.INTERRUPTION_CLOSE, interruption_body(closed))
    await two.ledger.committed()
    await one.ledger.committed()
    two.chunk("cam-1")
    two.end("cam-1")
    await two.ledger.committed()
    assert (one.lost, two.lost) == (["cam-1"], [])
    assert late.seq > 0
    await cluster.until_moved()
    kinds = [kind for (kind,) in cluster.rows("SELECT type FROM ledger_entries WHERE stream = 'cam-1' ORDER BY seq")]
    assert kinds.count("recovery") == 1
    assert kinds.count("close") == 1
    assert [one.kind for one in office.reader.interruptions()] == [hole.kind]
    spans = office.reader.spans("cam-1", 0, 1 << 60)
    assert [(span.from_us - START_US, span.to_us - START_US) for span in spans] == [
        (0, 4 * CHUNK_US),
        (5 * CHUNK_US, 10 * CHUNK_US),
    ]
    head = next(head for head in office.reader.heads() if head.stream_id == "cam-1")
    assert head.recorded_until_us == START_US + 10 * CHUNK_US
    await office.close()
    assert intact(cluster.verify())


async def test_a_claim_knows_what_waits_in_the_inbox(cluster: Cluster) -> None:
    office = await cluster.lead()
    node = await cluster.node("a")
    assert await node.take("cam-1")
    node.begin("cam-1")
    node.chunk("cam-1")
    await node.ledger.committed()
    await cluster.until_moved()
    await office.close()  # nobody leads: what follows stays in the inbox
    node.chunk("cam-1")
    broken = interruption("cam-1", InterruptionState.CONFIRMED, START_US + 2 * CHUNK_US)
    node.ledger.append("cam-1", EntryType.INTERRUPTION_OPEN, interruption_body(broken))
    node.end("cam-1", "timeout")
    await node.ledger.committed()
    assert cluster.value("SELECT count(*) FROM cluster_inbox") > 0
    claimed = await (await cluster.node("b")).take("cam-1")
    assert claimed is not None
    was = claimed.was
    assert (was.open, was.recorded_until_us) == (False, START_US + 2 * CHUNK_US)
    assert was.interruption is not None
    assert was.interruption.id == broken.id


async def test_handed_over_with_the_last_facts(cluster: Cluster) -> None:
    office = await cluster.lead()
    one, two = await cluster.node("one"), await cluster.node("two")
    claimed = await one.take("cam-1")
    assert claimed is not None
    one.begin("cam-1")
    one.chunk("cam-1")
    one.chunk("cam-1")
    one.end("cam-1", "handed over")
    assert await one.ledger.give("cam-1", claimed.epoch, "two")
    assert cluster.rows("SELECT owner, epoch, seq FROM cluster_chains WHERE stream = 'cam-1'") == [("two", 2, 4)]
    assert not await one.ledger.give("cam-1", claimed.epoch, "three")
    again = await two.take("cam-1")
    assert again is not None
    assert again.was.open  # ended by a hub, not by its source: it goes on being due
    two.begin("cam-1", START_US + CHUNK_US)  # two pictures alike: from the keyframe before the cut
    two.chunk("cam-1")
    two.chunk("cam-1")
    two.end("cam-1")
    await two.ledger.committed()
    await cluster.until_moved()
    assert (one.lost, two.lost) == ([], [])
    spans = office.reader.spans("cam-1", 0, 1 << 60)
    assert [(span.from_us - START_US, span.to_us - START_US) for span in spans] == [(0, 3 * CHUNK_US)]
    await office.close()
    assert intact(cluster.verify())


async def test_who_leads_no_more_writes_nothing(cluster: Cluster) -> None:
    told: list[str] = []
    first = await cluster.lead("first", lambda: told.append("lost"))
    first.append("cam-1", EntryType.LABEL, LABEL)
    await first.committed()
    size = cluster.value("SELECT count(*) FROM ledger_entries")
    cluster.take_lead("second")
    first.append("cam-1", EntryType.LABEL, LABEL)
    with pytest.raises(Exception, match="another node leads"):
        await first.committed()
    assert told == ["lost"]
    assert cluster.value("SELECT count(*) FROM ledger_entries") == size
    assert cluster.value("SELECT count(*) FROM cluster_inbox") == 0
    await first.close()


async def test_who_leads_no_more_moves_nothing(cluster: Cluster) -> None:
    told: list[str] = []
    first = await cluster.lead("first", lambda: told.append("lost"))
    node = await cluster.node("a")
    assert await node.take("cam-1")
    size = cluster.value("SELECT count(*) FROM ledger_entries")
    cluster.take_lead("second")
    node.begin("cam-1")
    node.chunk("cam-1")
    await node.ledger.committed()
    async with asyncio.timeout(10):
        while not told:  # noqa: ASYNC110  it notices by its next round
            await asyncio.sleep(0.02)
    assert cluster.value("SELECT count(*) FROM ledger_entries") == size
    assert cluster.value("SELECT count(*) FROM cluster_inbox") == 3
    await first.close()


async def test_the_office_hears_of_all_nodes(cluster: Cluster) -> None:
    office = await cluster.lead()
    heard: list[tuple[str, str]] = []
    office.on_commit(lambda entries: heard.extend((one.stream_id, one.type.value) for one in entries))
    nodes = [await cluster.node(name) for name in "abc"]
    for node in nodes:
        assert await node.take(f"cam-{node.name}")
        node.begin(f"cam-{node.name}")
        node.chunk(f"cam-{node.name}")
        await node.ledger.committed()
    await cluster.until_moved()
    await asyncio.sleep(0.05)
    office.append(HUB_STREAM, EntryType.LABEL, LABEL)
    await office.committed()
    assert {stream for stream, kind in heard if kind == "chunk"} == {"cam-a", "cam-b", "cam-c"}
    assert heard[-1] == (HUB_STREAM, "label")
    await office.close()


@pytest.mark.parametrize("declared", [True, False])
async def test_late_footage_hides_no_more_than_it_covers(cluster: Cluster, declared: bool) -> None:
    """A node wakes up when others have recorded many reels: its last one is one reel, and shown where nothing was."""
    office = await cluster.lead()
    one, two = await cluster.node("one"), await cluster.node("two")
    assert await one.take("cam-1")
    one.begin("cam-1")
    one.chunk("cam-1")
    await one.ledger.committed()
    assert await two.take("cam-1")
    begun_us = START_US + 2 * CHUNK_US  # both record the third chunk's time
    if declared:
        hole = interruption("cam-1", InterruptionState.CLOSED, START_US + CHUNK_US, begun_us)
        two.ledger.append("cam-1", EntryType.INTERRUPTION_OPEN, interruption_body(replace(hole, state=CONFIRMED)))
        two.ledger.append("cam-1", EntryType.INTERRUPTION_CLOSE, interruption_body(hole))
    for number in range(12):
        two.begin("cam-1", begun_us + number * CHUNK_US)
        two.chunk("cam-1")
        two.end("cam-1")
    await two.ledger.committed()
    late = [one.chunk("cam-1"), one.chunk("cam-1", 800)]
    await one.ledger.committed()
    two.begin("cam-1", begun_us + 12 * CHUNK_US)
    two.chunk("cam-1")
    await two.ledger.committed()
    await cluster.until_moved()
    assert late[0].seq < late[1].seq
    cluster.bring_reels(cluster.root / "notary" / "data")
    verdict = verify_path(cluster.root / "notary" / "data", keys_dir=cluster.root / "notary" / "keys")
    assert verdict.live
    whole = [(START_US, begun_us + 13 * CHUNK_US)]
    assert [(span.from_us, span.to_us) for span in office.reader.spans("cam-1", 0, 1 << 60)] == whole
    rows = cluster.rows("SELECT from_us, to_us FROM ledger_spans ORDER BY from_us")
    assert sum(end - begin for begin, end in rows) == whole[0][1] - whole[0][0], "no moment is there twice"
    assert (verdict.exit_code, verdict.findings) == (0, [])
    await office.close()
    assert intact(cluster.verify())


async def test_what_nobody_recorded_is_missed_beside_late_footage(cluster: Cluster) -> None:
    office = await cluster.lead()
    one, two = await cluster.node("one"), await cluster.node("two")
    assert await one.take("cam-1")
    one.begin("cam-1")
    one.chunk("cam-1")
    await one.ledger.committed()
    assert await two.take("cam-1")
    two.begin("cam-1", START_US + 5 * CHUNK_US)
    two.chunk("cam-1")
    await two.ledger.committed()
    one.chunk("cam-1")  # of four chunks' time that is missing one comes
    await one.ledger.committed()
    await cluster.until_moved()
    await office.close()
    verdict = cluster.verify()
    assert verdict.exit_code == 1
    assert [one.found for one in verdict.findings] == ["8.000 s of neither"]


async def test_who_takes_a_stream_learns_what_its_last_writer_left_open(cluster: Cluster) -> None:
    """Beside the break: in the log or still in the inbox, and until when that was recorded."""
    office = await cluster.lead()
    first, second = await cluster.node("a"), await cluster.node("b")
    assert await first.take("cam-1") is not None
    first.begin("cam-1")
    first.chunk("cam-1")
    made = interruption("cam-1", CONFIRMED, START_US + 1000)
    kinds = (InterruptionKind.BLACK, InterruptionKind.SILENT, InterruptionKind.DRIFT, InterruptionKind.NO_SIGNAL)
    shown = [replace(made, id=f"cam-1-{kind}", kind=kind) for kind in kinds]
    for one in shown[:2]:
        first.ledger.append("cam-1", EntryType.INTERRUPTION_OPEN, interruption_body(one))
    await first.ledger.committed()
    await cluster.until_moved()
    await office.close()
    first.chunk("cam-1")
    over = replace(shown[1], state=InterruptionState.CLOSED, ended_us=START_US + 2 * CHUNK_US)
    first.ledger.append("cam-1", EntryType.INTERRUPTION_CLOSE, interruption_body(over))
    for one in shown[2:]:
        first.ledger.append("cam-1", EntryType.INTERRUPTION_OPEN, interruption_body(one))
    await first.ledger.committed()
    claimed = await second.take("cam-1")
    assert claimed is not None
    assert [(one.kind.value, until) for one, until in claimed.was.beside] == [
        ("black", START_US + 2 * CHUNK_US), ("drift", START_US + 2 * CHUNK_US),
    ]  # fmt: skip
    assert claimed.was.interruption is not None
    assert claimed.was.interruption.kind is InterruptionKind.NO_SIGNAL, "the break itself is taken up"


async def test_rows_of_former_lives_go_with_the_next_one(cluster: Cluster) -> None:
    office = await cluster.lead("one")  # an office and a recorder of one name, side by side
    office.append("cam-1", EntryType.LABEL, LABEL)
    await office.committed()
    node = await cluster.node("one")
    await node.take("cam-1")
    node.begin("cam-1")
    await node.ledger.committed()
    before = {one for (one,) in cluster.rows("SELECT writer FROM cluster_writers")}
    assert len(before) == 2
    await node.ledger.close()
    cluster.nodes.remove(node)
    node.engine.dispose()
    node = await cluster.node("one")
    await node.recovered()
    await node.take("cam-1")
    node.begin("cam-1")
    await node.ledger.committed()
    after = {one for (one,) in cluster.rows("SELECT writer FROM cluster_writers")}
    assert len(after) == 2
    assert {one for one in before & after if "/office/" in one} == before & after != set()
    office.append("cam-1", EntryType.LABEL, LABEL)
    await office.close()
