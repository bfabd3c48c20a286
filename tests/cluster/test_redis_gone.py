"""Redis is cut off, or stands still: nothing changes hands, nothing is lost, nothing is invented."""

from __future__ import annotations

from tests.cluster.whole import AWAY_S, MARKS, Whole, outage, paused, stopped

pytestmark = MARKS


async def test_redis_ends_and_comes_back_empty(whole: Whole) -> None:
    async with outage(whole), stopped(whole.redis):
        await whole.goes_on(AWAY_S)


async def test_redis_stands_still(whole: Whole) -> None:
    async with outage(whole), paused(whole.redis):
        await whole.goes_on(AWAY_S)
