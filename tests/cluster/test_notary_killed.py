"""kill -9 of the node that leads the office: the other leads, the log goes on, walls go on meanwhile."""

from __future__ import annotations

import asyncio
import signal
import time

from hub.app.far_wall import GRACE_US
from hub.clock import US_PER_S
from tests.cluster.watching import wall
from tests.cluster.whole import LONG_S, MARKS, Figures, Whole, now_us
from tests.hub_line import until

pytestmark = MARKS
MARGIN_S = 3.0
"""The office is asked by a wall again after a moment, and not before it is asked by somebody else."""


async def test_the_other_leads_and_walls_go_on(whole: Whole, figures: Figures) -> None:
    leader, begun_us = whole.leader(), now_us()
    node, refusals = whole.node("api-2"), list[tuple[int, str | None]]()
    async with wall(node, ["cam-1", "cam-2", "cam-3"]) as shown:

        async def some() -> bool:
            return len(shown.pictures) > 9

        await until(some, LONG_S)
        whole.node(leader).signal(signal.SIGKILL)
        killed = time.monotonic()

        async def answers() -> bool:
            async with node.http.get(f"{node.url}/api/streams") as answer:
                if answer.status != 200:
                    refusals.append((answer.status, answer.headers.get("Retry-After")))
                return answer.status == 200 and whole.leader() != leader

        await until(answers, LONG_S)
        answered = time.monotonic()
        figures("another leads, and answers", f"{answered - killed:.1f} s after kill -9")
        # longer than a wall goes on without an office
        await asyncio.sleep(max(2.0, killed + GRACE_US / US_PER_S + MARGIN_S - answered))
        gap_s = shown.longest_gap_s(killed)
        figures("  longest gap of a wall of three cameras meanwhile", f"{gap_s:.1f} s")
        if answered - killed < GRACE_US / US_PER_S - MARGIN_S:  # a busy machine's next office may come too late for it
            assert [at for at in shown.pictures if killed < at < answered]
            assert [at for at in shown.pictures if at > answered]
            assert shown.code is None
    assert refusals
    assert {status for status, _ in refusals} == {503}
    assert all(after is not None and int(after) > 0 for _, after in refusals)
    await whole.recorded_since(now_us())
    assert await whole.invented(begun_us) == []
    whole.unbroken(begun_us)
    await whole.judged()
