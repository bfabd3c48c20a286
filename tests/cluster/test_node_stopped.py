"""A node that stands still past its lease, and goes on: what it wrote before is kept, and it writes nothing more."""

from __future__ import annotations

import asyncio
import signal

from tests.cluster.whole import INGEST, LEASE_S, MARKS, Whole, now_us
from tests.hub_line import until

pytestmark = MARKS


async def test_it_wakes_up_and_writes_nothing(whole: Whole) -> None:
    victim, before = whole.most(), whole.owners()
    streams = whole.owned_by(victim)
    whole.node(victim).signal(signal.SIGSTOP)
    stopped_us = now_us()
    await whole.recorded_since(now_us() + 1_000_000, streams=streams)
    await asyncio.sleep(LEASE_S)
    taken = whole.owners()
    assert all(taken[one][1] > before[one][1] and taken[one][0] in INGEST for one in streams)
    resumed_us = now_us()
    whole.node(victim).signal(signal.SIGCONT)

    async def knows() -> bool:
        async with whole.node(victim).http.get(f"{whole.node(victim).node_url}/readyz") as answer:
            return (await answer.json())["checks"]["lease"] == "ok"

    await until(knows)
    await whole.recorded_since(now_us() + 4_000_000)
    for stream in streams:
        old = [one for one in whole.entries(stream) if one.run >> 20 == before[stream][1]]
        new = min(one.seq for one in whole.entries(stream) if one.run >> 20 == taken[stream][1])
        late = [one for one in old if one.seq > new]
        assert {one.type for one in late} <= {"recovery"}, late
        # what lay in the kernel when it was stopped is read and kept; nothing that came after it knew
        assert all(one.end_us is None or one.end_us < resumed_us + 5_000_000 for one in late), late
    cuts = [one for one in whole.interruptions(stopped_us - 10_000_000) if one["stream"] in streams]
    assert sorted({one["stream"] for one in cuts}) == streams
    whole.never_twice()
    await whole.judged()
