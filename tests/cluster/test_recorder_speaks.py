"""A recorder's words on its data channel: said to the node that records it, heard by the office, and answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import aiohttp

from hub.bench.processes import HubProcess
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.telemetry.telemetry import LABEL
from tests.api_support import BEARER
from tests.cluster.roles import roles_of, when
from tests.cluster.servers import Redis
from tests.cluster.test_roles import AtDoor, leads
from tests.hub_line import SMALL, add_recorder


async def test_telemetry_reaches_the_office_and_a_word_the_recorder(
    postgres: str, redis: Redis, tmp_path: Path
) -> None:
    recorder = DeviceConfig(name="rec", video=replace(SMALL, profile="baseline"), telemetry=True)
    async with (
        Simulators(SimulatorsConfig(recorders=(recorder,))) as simulators,
        roles_of(postgres, redis.url, tmp_path, 4.0) as roles,
    ):
        await roles.start("office", "notary")
        ingest = await roles.start("ingest-a", "ingest")
        door = await roles.start("door", "api")
        office = await roles.office()
        async with (
            aiohttp.ClientSession(headers=BEARER) as http,
            aiohttp.ClientSession(door.url, headers=BEARER) as asking,
        ):
            await when(lambda: leads(asking))
            hub = cast(HubProcess, AtDoor(door.url, http))
            await add_recorder(hub, simulators, "rec")

            async def telemetry() -> Any:
                return await hub.call("GET", "/api/streams/rec/telemetry")

            first = await when(telemetry, 30)
            assert 8 <= first["battery_percent"] <= 100

            async def newer() -> bool:
                return bool((await telemetry())["at_us"] > first["at_us"])

            await when(newer)
            assert not office.recording.whip.say("nobody", LABEL, "x")
            assert office.recording.whip.say("rec", LABEL, '{"v":1,"type":"test"}')
            body = {"label": LABEL, "text": '{"v":1,"type":"test"}'}
            assert await door.calls.json("POST", f"{ingest.node_url}/node/say/rec", body) == {"heard": True}
            body["label"] = "another"
            assert await door.calls.json("POST", f"{ingest.node_url}/node/say/rec", body) == {"heard": False}
