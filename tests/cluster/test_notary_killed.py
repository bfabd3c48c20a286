"""kill -9 of the node that leads the office: the other leads, the log goes on, walls go on meanwhile."""

from __future__ import annotations

import asyncio
import signal
import time

from tests.cluster.watching import wall
from tests.cluster.whole import MARKS, Figures, Whole, now_us
from tests.hub_line import until

pytestmark = MARKS


async def test_the_other_leads_and_walls_go_on(whole: Whole, figures: Figures) -> None:
    leader, begun_us = whole.leader(), now_us()
    node, refusals = whole.node("api-2"), list[tuple[int, str | None]]()
    async with wall(node, ["cam-1", "cam-2", "cam-3"]) as shown:

        async def some() -> bool:
            return len(shown.pictures) > 9

        await until(some)
        whole.node(leader).signal(signal.SIGKILL)
        killed = time.monotonic()

        async def answers() -> bool:
            async with node.http.get(f"{node.url}/api/streams") as answer:
                if answer.status != 200:
                    refusals.append((answer.status, answer.headers.get("Retry-After")))
                return answer.status == 200 and whole.leader() != leader

        await until(answers)
        figures("another leads, and answers", f"{time.monotonic() - killed:.1f} s after kill -9")
        await asyncio.sleep(20)  # longer than a wall goes on without an office
        gap_s = shown.longest_gap_s(killed)
        figures("  longest gap of a wall of three cameras meanwhile", f"{gap_s:.1f} s")
        assert gap_s < 5
        assert shown.code is None
    assert refusals
    assert {status for status, _ in refusals} == {503}
    assert all(after is not None and int(after) > 0 for _, after in refusals)
    await whole.recorded_since(now_us())
    assert await whole.invented(begun_us) == []
    whole.unbroken(begun_us)
    await whole.judged()
