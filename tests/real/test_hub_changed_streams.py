"""Streams that are changed, retired or idle: every break is declared and ended, and none is invented."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hub.bench.processes import HubProcess
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.hub_line import OPUS, SMALL, SOUND, add_camera, add_recorder, states, until, until_live

pytestmark = pytest.mark.real


async def test_another_camera_a_dead_one_and_a_recorder_that_has_left(tmp_path: Path) -> None:
    camera = DeviceConfig(name="cam", video=SMALL, audio=SOUND, count=2)
    config = SimulatorsConfig(cameras=(camera,), recorders=(DeviceConfig(name="body", video=SMALL, audio=OPUS),))
    data = tmp_path / "data"
    async with Simulators(config) as simulators, HubProcess(data) as hub:
        first, second = simulators.urls
        await add_camera(hub, "moved", first)
        await add_camera(hub, "dead", "rtsp://127.0.0.1:9/none")
        await add_recorder(hub, simulators, "body")
        await until_live(hub, 2)
        await asyncio.sleep(3)

        await simulators.retire("body")
        await until(lambda: _is(hub, "body", "idle"))
        await hub.call("PATCH", "/api/streams/moved", {"source": {"type": "rtsp", "url": second}})
        await until(lambda: _interruptions(hub, "moved"))
        await until(lambda: _is(hub, "moved", "live"))

        await until(lambda: _is(hub, "dead", "interrupted"))
        await hub.call("PATCH", "/api/streams/dead", {"source": {"type": "rtsp", "url": "rtsp://127.0.0.1:9/other"}})
        await asyncio.sleep(1)
        assert await _is(hub, "dead", "interrupted"), "another address does not end the interruption"
        await hub.call("DELETE", "/api/streams/dead")
        (ended,) = await until(lambda: _interruptions(hub, "dead", "closed"))
        assert (ended["kind"], ended["evidence"]["reason"]) == ("not_started", "stream retired")

        await hub.stop()
        await hub.start()
        await until(lambda: _is(hub, "moved", "live"))
        assert await _is(hub, "body", "idle")
        assert await _interruptions(hub, "body") == [], "the recorder had said goodbye: nothing was due"
        await until(lambda: _all_closed(hub, "moved"), 40)
        found = await _interruptions(hub, "moved")
        assert {one["kind"] for one in found} == {"hub"}
        assert sum(one["count"] for one in found) == 2, "the change of camera, and the hub's own restart"
        assert await hub.stop() == 0
    assert verify_path(data, None, keys_dir=hub.keys_dir).exit_code == 0


async def _interruptions(hub: HubProcess, stream_id: str, state: str = "") -> list[Any]:
    found: list[Any] = await hub.call("GET", f"/api/interruptions?stream={stream_id}")
    return [one for one in found if not state or one["state"] == state]


async def _all_closed(hub: HubProcess, stream_id: str) -> bool:
    return {one["state"] for one in await _interruptions(hub, stream_id)} == {"closed"}


async def _is(hub: HubProcess, stream_id: str, state: str) -> bool:
    return (await states(hub))[stream_id] == state
