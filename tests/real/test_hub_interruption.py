"""One break, from the first missing picture to the closed entry: events, list, time line, playback, ledger."""

from __future__ import annotations

import asyncio
import json
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from hub.bench.processes import HubProcess
from hub.clock import parse_rfc3339, rfc3339
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.hub_line import SMALL, SOUND, add_camera, until_live

pytestmark = pytest.mark.real

CUT_S = 7.0


async def test_a_cut_cable(tmp_path: Path) -> None:
    config = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND, record=True),))
    data = tmp_path / "data"
    async with Simulators(config) as simulators, HubProcess(data) as hub:
        await add_camera(hub, "cam", simulators.urls[0])
        await until_live(hub, 1)
        await asyncio.sleep(4)
        listening = asyncio.create_task(_events_until(hub, "interruption.closed"))
        await asyncio.sleep(0.5)
        began_us, _ = await simulators.play("cam", [Fault(FaultKind.CUT, 0.0, CUT_S)])
        events = await asyncio.wait_for(listening, 60)
        await asyncio.sleep(3)
        now = parse_rfc3339((await hub.call("GET", "/api/streams/cam"))["created_at"])
        span = f"from={quote(rfc3339(now))}&to={quote(rfc3339(began_us + 12_000_000))}"
        line = await hub.call("GET", f"/api/streams/cam/timeline?{span}")
        playlist = await hub.call("GET", f"/api/streams/cam/playback.m3u8?{span}")
        listed = await hub.call("GET", "/api/interruptions?stream=cam")
        sent = [unit for unit in await simulators.sent("cam") if unit.kind == "video"]
        assert await hub.stop() == 0

    told = [event["type"].partition(".")[2] for event in events if event["type"].startswith("interruption.")]
    # told again where its kind, or what it demands, became clearer
    assert [word for word, _ in groupby(told)] == ["suspected", "confirmed", "resumed", "closed"]
    (closed,) = listed
    followup = closed.pop("followup")
    assert (followup["state"], followup["closed_at"]) == ("awaiting" if closed["needs_explanation"] else "none", None)
    assert (closed["kind"], closed["class"], closed["state"], closed["count"]) == (
        "no_signal", "transport", "closed", 1,
    )  # fmt: skip
    assert events[-1]["data"] == closed

    last_before = max(unit.utc_us for unit in sent if unit.utc_us <= began_us)
    first_after = min(unit.utc_us for unit in sent if unit.utc_us > began_us + 1_000_000)
    error_us = max(closed["edge_error_us"], 40_000) + 80_000  # and what the simulator's own timer is late
    assert abs(parse_rfc3339(closed["started_at"]) - last_before - 40_000) < error_us
    assert abs(parse_rfc3339(closed["ended_at"]) - first_after) < error_us

    shown = [item["state"] for item in line["spans"]]
    assert shown == ["recorded", "interrupted", "recorded"]
    assert line["spans"][1]["interruption"]["id"] == closed["id"]
    assert 0.2 < line["completeness"] < 0.9
    assert "#EXT-X-GAP" in playlist
    assert verify_path(data, None, keys_dir=hub.keys_dir).exit_code == 0


async def _events_until(hub: HubProcess, last: str) -> list[dict[str, Any]]:
    """Everything that ``WS /api/events`` says, up to and with ``last``."""
    seen: list[dict[str, Any]] = []
    async with hub.http.ws_connect(f"{hub.url}/api/events") as socket:
        async for message in socket:
            assert message.type is aiohttp.WSMsgType.TEXT
            seen.append(json.loads(message.data))
            if seen[-1]["type"] == last:
                break
    return seen
