"""PostgreSQL is cut off, or stands still: entries wait on the nodes' disks, and come in when it is back."""

from __future__ import annotations

from tests.cluster.whole import AWAY_S, MARKS, Whole, outage, paused, stopped

pytestmark = MARKS


async def test_postgresql_ends(whole: Whole) -> None:
    async with outage(whole), stopped(whole.postgres):
        await whole.goes_on(AWAY_S)


async def test_postgresql_stands_still(whole: Whole) -> None:
    async with outage(whole), paused(whole.postgres):
        await whole.goes_on(AWAY_S)
