"""kill -9 in the middle of a handover: of the node that gives, and of a node that takes, wherever both are by then.

CLUSTER_SEED is for runs by hand: after how many streams that moved (none: while all are prepared), and how much later,
the signal comes.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest

from hub.clock import US_PER_S
from tests.cluster.played import played, steps
from tests.cluster.whole import INGEST, LONG_S, MARKS, Figures, Footage, Whole, now_us
from tests.hub_line import until

pytestmark = MARKS

SEED = os.environ.get("CLUSTER_SEED", "")
HOLE_US = 600_000
"""What is missing for longer is told. Two nodes tell the time of a picture up to 200 ms apart, and a picture is 100."""
LOOKS_S = 0.02


@pytest.mark.parametrize("role", ["giver", "taker"])
async def test_nothing_is_owned_twice_and_each_hole_is_told(whole: Whole, figures: Figures, role: str) -> None:
    chance = random.Random(f"{SEED} {role}")
    giver, before, begun_us = whole.most(), whole.owners(), now_us()
    streams = whole.owned_by(giver)
    whole.drained.add(giver)
    await whole.call("POST", f"/api/operations/nodes/{giver}/drain")
    victim, moved, left = await killed(whole, chance, giver, streams, role)
    figures(f"kill -9 of the {role} in a handover", f"{moved} of {len(streams)} streams had moved, {left} were to come")
    of_victim = [one for one, (owner, _) in before.items() if owner == victim]

    await whole.recorded_since(now_us() + 1_000_000)
    assert victim not in {owner for owner, _ in whole.owners().values()}
    await whole.node(victim).kill()
    await whole.cluster.start(victim)
    await whole.recovered(victim)
    await until(lambda: whole.closed(begun_us), LONG_S)
    until_us = now_us() - US_PER_S

    epochs = {stream: epoch for stream, (_, epoch) in before.items()}
    told = whole.interruptions(begun_us - 5 * US_PER_S)
    assert {one["kind"] for one in told} <= {"hub"}, told
    concerned = {*streams, *of_victim}
    assert {one["stream"] for one in told} <= concerned, told
    assert max(Counter(one["stream"] for one in told).values(), default=0) <= 1, told
    footage = whole.footage(begun_us)
    for stream in concerned:
        live = [one for one in footage[stream] if (stream, one.reel, one.first_us) not in late(whole, stream)]
        owned_once(live, epochs[stream])
        each_hole_is_told(footage[stream], [one for one in told if one["stream"] == stream])
    for stream in streams[:4]:
        found = await played(whole.node("api-1"), stream, begun_us, until_us)
        _, over = steps(found, await whole.simulators.sent(stream))
        assert all(abs(one - 1) <= 2 for one in over), (stream, over)  # by so much two clocks differ
    whole.never_twice()
    await whole.judged()
    if victim != giver:
        await whole.node(giver).stop()
    whole.drained.discard(giver)


async def killed(
    whole: Whole, chance: random.Random, giver: str, streams: Sequence[str], role: str
) -> tuple[str, int, int]:
    """While streams are on their way. Who it was, how many had another owner by then, and how many had not."""
    wanted = chance.randint(0, max(1, len(streams) // 2))
    later_s = chance.uniform(0, 0.1 if wanted else 1.5)
    others = [name for name in INGEST if name != giver]
    moved: list[str] = []
    async with asyncio.timeout(60):
        while len(moved) < wanted:
            await asyncio.sleep(LOOKS_S)
            owners = whole.owners()
            moved = [one for one in streams if owners[one][0] != giver]
    await asyncio.sleep(later_s)
    takers = [owners[one][0] for one in moved] or [chance.choice(others)]
    victim = giver if role == "giver" else chance.choice(takers)
    whole.node(victim).signal(signal.SIGKILL)
    owners = whole.owners()
    count = sum(owners[one][0] != giver for one in streams)
    return victim, count, len(streams) - count


def late(whole: Whole, stream: str) -> set[tuple[str, str, int]]:
    """Footage that was found on a disk, and told of by nobody who owned the stream by then."""
    query = (
        "SELECT r.path, c.first_us FROM ledger_entries e JOIN ledger_chunks c ON c.entry_id = e.id "
        "JOIN ledger_reels r ON r.id = c.reel_id WHERE e.type = 'recovery' AND e.stream = %s"
    )
    return {(stream, row["path"], row["first_us"]) for row in whole.rows(query, stream)}


def owned_once(chunks: Sequence[Footage], since_epoch: int) -> None:
    """What owners entered as theirs follows in the order of epochs, and no two have a moment."""
    runs: Mapping[int, list[Footage]] = {one.run: [] for one in chunks if one.run >> 20 >= since_epoch}
    for one in chunks:
        if one.run in runs:
            runs[one.run].append(one)
    spans = [(min(one.first_us for one in own), max(one.end_us for one in own)) for _, own in sorted(runs.items())]
    for (_, end_us), (first_us, _) in pairwise(spans):
        assert first_us > end_us - HOLE_US, spans


def each_hole_is_told(chunks: Sequence[Footage], told: Sequence[Mapping[str, int]]) -> None:
    ends_us = chunks[0].end_us
    for one in chunks[1:]:
        if one.first_us - ends_us > HOLE_US:
            around = [
                cut for cut in told
                if cut["started_us"] <= ends_us + HOLE_US and cut["ended_us"] >= one.first_us - HOLE_US
            ]  # fmt: skip
            assert around, (one.stream, (one.first_us - ends_us) / US_PER_S, told)
        ends_us = max(ends_us, one.end_us)
