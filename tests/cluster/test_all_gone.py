"""Redis, PostgreSQL and the object store are away at once: recording goes on, and all of it catches up."""

from __future__ import annotations

from tests.cluster.whole import AWAY_S, MARKS, Whole, now_us, outage, paused, stopped

pytestmark = MARKS


async def test_all_end(whole: Whole) -> None:
    begun_us = now_us()
    async with outage(whole), stopped(whole.objects), stopped(whole.postgres), stopped(whole.redis):
        await whole.goes_on(AWAY_S)
    await whole.stored(begun_us)


async def test_all_stand_still(whole: Whole) -> None:
    async with outage(whole), paused(whole.objects), paused(whole.postgres), paused(whole.redis):
        await whole.goes_on(AWAY_S)
