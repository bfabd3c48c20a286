"""Chromium publishes its fake camera and microphone to the hub."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from hub.clock import SystemClock
from hub.ingest.whip import WhipEndpoint
from hub.model import Codec
from hub.settings import Settings
from tests.real.whip_browser import browser_publishing
from tests.real.whip_publishers import Collector, until

pytestmark = pytest.mark.real


@pytest.fixture
async def endpoint() -> AsyncIterator[WhipEndpoint]:
    endpoint = WhipEndpoint(Settings(), SystemClock())
    yield endpoint
    await endpoint.close()


async def test_chromium_sends_h264_with_keyframes_every_two_seconds(endpoint: WhipEndpoint) -> None:
    sink = Collector()
    run = asyncio.create_task(endpoint.source("a").run_once(sink))
    async with browser_publishing(endpoint) as page:
        await until(lambda: sum(unit.keyframe for unit in sink.of(2)) >= 4, 20)
        stats = await page.evaluate("stats()")
        await page.evaluate("pc.close()")
        assert await asyncio.wait_for(run, 5) == "the device closed the connection"
    assert stats["codec"] == "video/H264"
    assert stats["pair"]["availableOutgoingBitrate"] > 800_000, "by receiver reports alone: 500 000 by then"
    session = sink.sessions[0]
    assert [track.codec for track in session.tracks] == [Codec.OPUS, Codec.H264]
    assert "Chrome" in session.device
    assert not sink.losses
    video, audio = sink.of(2), sink.of(1)
    assert video[0].keyframe
    keys = [unit.dts_ticks / 90_000 for unit in video if unit.keyframe]
    assert all(later - earlier <= 3.0 for earlier, later in itertools.pairwise(keys))
    assert all(unit.parameter_sets for unit in video if unit.keyframe)
    assert len(audio) > 40 * (keys[-1] - keys[0])
    assert {report.track_id for report in sink.reports} == {1, 2}
    assert len(sink.goodbyes) == 1
