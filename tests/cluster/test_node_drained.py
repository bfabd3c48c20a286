"""A node is drained with `hub drain`: others have its streams, and no picture is missing."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from tests.cluster.whole import MARKS, Figures, Whole, now_us

pytestmark = MARKS


async def drain(whole: Whole, name: str) -> str:
    node = whole.node(name)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "drain", "--data", str(node.data),
        env={**os.environ, **whole.cluster.environ, **node.own}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said
    return said.decode()


async def test_no_picture_is_missing(whole: Whole, figures: Figures) -> None:
    victim, begun_us = whole.most(), now_us()
    streams = whole.owned_by(victim)
    begun = time.monotonic()
    whole.drained.add(victim)
    await drain(whole, victim)
    figures("drained", f"{len(streams)} streams in {time.monotonic() - begun:.1f} s")
    assert whole.owned_by(victim) == []
    await whole.recorded_since(now_us())
    assert await whole.invented(begun_us) == []
    for stream in streams:
        await whole.every_picture(stream, victim, whole.owner(stream))
    whole.never_twice()
    for stream in streams[:3]:
        await whole.shown_once(stream, begun_us, now_us())
    await whole.judged()
    assert await whole.node(victim).stop() == 0
    whole.drained.discard(victim)
