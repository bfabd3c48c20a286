"""The object store is cut off, or stands still: reels stay on the nodes' disks, and leave them when it is back."""

from __future__ import annotations

from tests.cluster.watching import listening
from tests.cluster.whole import AWAY_S, LONG_S, MARKS, Whole, now_us, outage, paused, stopped
from tests.hub_line import until

pytestmark = MARKS


async def test_it_ends(whole: Whole) -> None:
    begun_us = now_us()
    async with listening(whole.node("api-2")) as heard:
        async with outage(whole), stopped(whole.objects):
            await whole.goes_on(AWAY_S)
        await whole.stored(begun_us)

        async def told() -> bool:
            return {"archive.away", "archive.back"} <= {one["type"] for one in heard.events}

        await until(told, LONG_S)


async def test_it_stands_still(whole: Whole) -> None:
    begun_us = now_us()
    async with outage(whole), paused(whole.objects):
        await whole.goes_on(AWAY_S)
    await whole.stored(begun_us)
