"""Simulated recorders at a hub: telemetry beside the media, through a cut, and after a restart of the hub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.bench.processes import HubProcess
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.hub_line import OPUS, SMALL, add_recorder, until, until_live

pytestmark = pytest.mark.real

RECORDERS = (
    DeviceConfig(name="talks", video=replace(SMALL, profile="baseline"), telemetry=True),
    DeviceConfig(name="mute", audio=replace(OPUS, channels=2)),
)


async def test_recorders_that_talk_and_one_that_does_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with Simulators(SimulatorsConfig(recorders=RECORDERS)) as simulators, HubProcess(data) as hub:
        for recorder in RECORDERS:
            await add_recorder(hub, simulators, recorder.name)
        await until_live(hub, 2)

        async def state() -> Any:
            return await hub.call("GET", "/api/streams/talks/telemetry")

        async def newer(than_us: int) -> Any:
            async def found() -> Any:
                shown = await state()
                return shown if shown and shown["at_us"] > than_us else None

            return await until(found)

        first = await newer(0)
        assert 8 <= first["battery_percent"] <= 100
        assert first["recording_locally"] is True
        second = await newer(first["at_us"])
        assert second["position"]["lat"] != first["position"]["lat"]
        assert await hub.call("GET", "/api/streams/mute/telemetry") is None
        await simulators.play("talks", [Fault(FaultKind.CUT, 0.0, 2.0)])
        await newer(second["at_us"] + 2_500_000)
        assert await hub.stop() == 0
        await hub.start()
        assert (await state())["storage_total_mb"] == 32_000, "known again before it says anything"
