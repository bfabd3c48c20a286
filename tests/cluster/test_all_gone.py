"""Redis, PostgreSQL and the object store are away at once: recording goes on, and all of it catches up."""

from __future__ import annotations

from tests.cluster.whole import AWAY_S, MARKS, Whole, now_us, outage, paused, stopped

pytestmark = MARKS


async def test_all_end(whole: Whole) -> None:
    begun_us = now_us()
    async with outage(whole), stopped(whole.redis), stopped(whole.postgres), stopped(whole.objects):
        await whole.goes_on(AWAY_S)
    await whole.archived(begun_us)


async def test_all_stand_still(whole: Whole) -> None:
    async with outage(whole), paused(whole.redis), paused(whole.postgres), paused(whole.objects):
        await whole.goes_on(AWAY_S)
