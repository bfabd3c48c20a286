"""The disk does not take the entry of a look: nothing is granted, and the answer comes in time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hub.clock import rfc3339
from hub.model import StreamKind
from hub.registry import RtspDraft
from tests.api_support import running_hub
from tests.segmenter_media import START_US


@pytest.mark.timeout(30)
async def test_a_disk_that_stalls_grants_no_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.looks.looks.NOTED_S", 0.05)
    async with running_hub(tmp_path) as hub:
        looks = hub.services.looks
        assert looks is not None
        await hub.services.registry.add("window-01", "1号窗口", StreamKind.WINDOW, RtspDraft("rtsp://h/"))
        well, stalled = looks._committed, asyncio.Event()

        async def stall() -> None:
            await stalled.wait()

        looks._committed = stall
        span = {"from": rfc3339(START_US - 60_000_000), "to": rfc3339(START_US)}
        body = {"streams": ["window-01"], "reason": "质量检查"} | span
        async with hub.program.post("/api/looks", json=body) as response:
            assert response.status == 503
            assert (await response.json())["error"]["code"] == "not_noted"
        async with hub.program.get("/api/streams/window-01/playback.m3u8", params=span) as response:
            assert response.status == 503
        assert looks.in_force("program:admin", "window-01") == []
        looks._committed = well
        async with hub.program.post("/api/looks", json=body) as response:
            assert response.status == 201
