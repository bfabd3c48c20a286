"""Who watches at whichever API node hears every interruption once; a node that is slow loses pictures, never events."""

from __future__ import annotations

import asyncio
import signal

from hub.demo.faults import Fault, FaultKind
from tests.cluster.watching import listening, wall
from tests.cluster.whole import LONG_S, MARKS, Whole, cameras, now_us
from tests.hub_line import until

pytestmark = MARKS

CUT = [f"cam-{number}" for number in (1, 2, 3, 4)]


async def test_every_watcher_hears_each_interruption_once(whole: Whole) -> None:
    begun_us = now_us()
    slow = whole.node("api-2")
    async with (
        listening(whole.node("api-1")) as first,
        listening(slow) as second,
        wall(slow, cameras()[:16]) as shown,
    ):
        for name in CUT:
            await whole.simulators.play(name, [Fault(FaultKind.STALL, at_s=0.5, for_s=4.0)])
        await asyncio.sleep(1)
        slow.signal(signal.SIGSTOP)
        await asyncio.sleep(6)
        slow.signal(signal.SIGCONT)

        async def closed() -> bool:
            cuts = [one for one in whole.interruptions(begun_us) if one["stream"] in CUT]
            return len(cuts) >= len(CUT) and all(one["state"] == "closed" for one in cuts)

        await until(closed, LONG_S)

        cuts = [one for one in whole.interruptions(begun_us) if one["stream"] in CUT]
        ends = {(one["stream"], one["id"], "interruption.closed") for one in cuts}

        async def all_told() -> bool:
            return all(ends <= heard.interruptions(CUT).keys() for heard in (first, second))

        await until(all_told, LONG_S)
        assert shown.pictures
    assert sorted(one["stream"] for one in cuts) == CUT
    assert await whole.invented(begun_us) == []
    for heard in (first, second):
        told = heard.interruptions(CUT)
        assert set(told.values()) == {1}, told
        assert {ident for _, ident, _ in told} == {one["id"] for one in cuts}
    assert first.interruptions(CUT) == second.interruptions(CUT)
    assert first.code is None
