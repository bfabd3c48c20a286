"""The object store is cut off, or stands still: reels stay on the nodes' disks, and leave them when it is back."""

from __future__ import annotations

from tests.cluster.whole import AWAY_S, MARKS, Whole, now_us, outage, paused, stopped

pytestmark = MARKS


async def test_it_ends(whole: Whole) -> None:
    begun_us = now_us()
    async with outage(whole), stopped(whole.objects):
        await whole.goes_on(AWAY_S)
    await whole.stored(begun_us)


async def test_it_stands_still(whole: Whole) -> None:
    begun_us = now_us()
    async with outage(whole), paused(whole.objects):
        await whole.goes_on(AWAY_S)
    await whole.stored(begun_us)
