"""kill -9 while recorders are on their way to another node: first of the node that they come to, then of the one that
they leave. Processes of a small cluster; CLUSTER_SEED is for runs by hand: how many streams had moved when the signal
comes, and how much later."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from hub.bench.peers.cluster import Node, cluster_of, environment
from hub.clock import US_PER_S
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.servers import Redis
from tests.cluster.test_killed_in_handover import each_hole_is_told, late, owned_once
from tests.cluster.whole import INGEST, LONG_S, Figures, Whole, now_us
from tests.hub_line import OPUS, SMALL, until

SEED = os.environ.get("CLUSTER_SEED", "")
NAMES = [f"cam-{number}" for number in range(1, 5)]
"""Recorders; what a whole cluster is asked is asked of streams that are called so."""
LEASE_S = 1.0
PATIENCE_S = 2.0
"""They leave a node that is silent, as browsers do."""
DEVICES = DeviceConfig(
    name="cam", count=len(NAMES), video=replace(SMALL, profile="baseline"), audio=OPUS,
    aligned=True, telemetry=True, patience_s=PATIENCE_S,
)  # fmt: skip


@asynccontextmanager
async def site(postgres: str, redis: Redis, folder: Path) -> AsyncIterator[Whole]:
    """A door with its office and three nodes that record; all recorders are recorded."""
    more = {"HUB_LEASE_S": str(LEASE_S), "HUB_CHECKPOINT_S": "1", "HUB_CHUNK_MIN_S": "1"}
    environ = environment(postgres, redis.url, more)
    config = SimulatorsConfig(recorders=(DEVICES,))
    async with Simulators(config) as simulators, cluster_of(folder, environ) as cluster:
        cluster.nodes["api-1"] = Node("api-1", "api,notary", folder, cluster.token, environ)
        await cluster.start("api-1", *INGEST)
        await cluster.until_led()
        whole = Whole(cluster, cast(Any, None), redis, None, "", postgres, simulators, LEASE_S)
        for name in NAMES:
            body = {"id": name, "name": name, "kind": "recorder", "source": {"type": "whip"}}
            made = await whole.call("POST", "/api/streams", body)
            await simulators.publish(name, f"{whole.node('api-1').url}/whip/{name}", made["token"])
        await whole.recorded_since(0, streams=NAMES)
        try:
            yield whole
        finally:  # nobody waits for anybody to take its streams
            await asyncio.gather(*(node.kill() for node in cluster.of("ingest")))


async def test_nothing_is_owned_twice_and_each_hole_is_told(
    postgres: str, redis: Redis, tmp_path: Path, figures: Figures
) -> None:
    chance = random.Random(SEED)
    async with site(postgres, redis, tmp_path) as whole:
        begun_us = now_us()
        for role in ("taker", "giver"):
            giver, since_us = whole.most(), now_us()
            streams = whole.owned_by(giver)
            assert streams
            await whole.call("POST", f"/api/operations/nodes/{giver}/drain")
            victim, moved = await killed(whole, chance, giver, streams, role)
            await recorded_elsewhere(whole, giver, victim)
            figures(f"kill -9 of the {role} as recorders follow", f"{moved} of {len(streams)} had moved")
            figures("  longest hole", f"{longest(whole, since_us) / US_PER_S:.1f} s")
        await until(lambda: whole.closed(begun_us - 5 * US_PER_S), LONG_S)
        told = whole.interruptions(begun_us - 5 * US_PER_S)
        assert {one["kind"] for one in told} <= {"hub"}, told
        footage = whole.footage(begun_us)
        for stream in NAMES:
            found = late(whole, stream)
            owned_once([one for one in footage[stream] if (stream, one.reel, one.first_us) not in found], 1)
            each_hole_is_told(footage[stream], [one for one in told if one["stream"] == stream])
        whole.never_twice()
        verdict = await whole.verified()
        assert verdict.exit_code == 0, [str(one) for one in verdict.findings[:5]]


async def killed(whole: Whole, chance: random.Random, giver: str, streams: Sequence[str], role: str) -> tuple[str, int]:
    """While recorders have two sessions. Who it was, and how many streams were another's by then."""
    others = [name for name in INGEST if name != giver]
    before = {name: offers(whole, name) for name in others}

    async def two() -> bool:
        sessions = (await whole.simulators.state())["sessions"]
        return all(sessions[one] == 2 for one in streams)

    async def moved() -> bool:
        return sum(whole.owner(one) != giver for one in streams) >= wanted

    wanted = chance.randint(0, len(streams)) if SEED else 0
    await until(moved if wanted else two, LONG_S)
    await asyncio.sleep(chance.uniform(0, 0.1 if wanted else 1.5))
    victim = giver if role == "giver" else max(others, key=lambda one: offers(whole, one) - before[one])
    whole.node(victim).signal(signal.SIGKILL)
    return victim, sum(whole.owner(one) != giver for one in streams)


def offers(whole: Whole, node: str) -> int:
    """How many recorders have come to it so far."""
    return whole.node(node).log_path.read_text().count('"route": "/node/whip/{id}"')


async def recorded_elsewhere(whole: Whole, giver: str, victim: str) -> None:
    """… than by either; and what the dead one's disk has is declared."""

    async def elsewhere() -> bool:
        return not {giver, victim} & {owner for owner, _ in whole.owners().values()}

    await until(elsewhere, LONG_S)
    await whole.node(victim).kill()
    await whole.cluster.start(victim)
    await whole.recovered(victim)
    await whole.recorded_since(now_us(), streams=NAMES)


def longest(whole: Whole, since_us: int) -> int:
    """Of the holes in all streams since then."""
    found = [0]
    for chunks in whole.footage(since_us).values():
        end_us = chunks[0].end_us if chunks else 0
        for one in chunks:
            found.append(one.first_us - end_us)
            end_us = max(end_us, one.end_us)
    return max(found)
