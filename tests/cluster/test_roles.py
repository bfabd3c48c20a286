"""Roles side by side: recorded on one node, decided on another, watched through a third."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from hub.clock import SystemClock, rfc3339
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.roles import client, roles_of, when
from tests.cluster.servers import Redis
from tests.hub_line import SMALL, SOUND

CAMERA = {"id": "cam", "name": "c", "kind": "window"}


async def call(http: aiohttp.ClientSession, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    async with http.request(method, path, json=body) as answer:
        assert answer.status == status, f"{method} {path}: {answer.status} {await answer.text()}"
        return await answer.json() if answer.content_type == "application/json" else await answer.read()


async def pictures(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[bytes]:
    found: list[bytes] = []
    async with asyncio.timeout(15):
        while len(found) < count:
            message = await socket.receive()
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
            if message.type is aiohttp.WSMsgType.BINARY:
                found.append(message.data)
    return found


async def test_a_process_of_all_roles_is_a_hub(postgres: str, redis: Redis, tmp_path: Path) -> None:
    config = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    async with Simulators(config) as simulators, roles_of(postgres, redis.url, tmp_path) as roles:
        node = await roles.start("one")
        await roles.office()
        async with client(node) as http:
            await when(lambda: leads(http))
            source = {"type": "rtsp", "url": simulators.urls[0]}
            await call(http, "POST", "/api/streams", CAMERA | {"source": source}, 201)

            async def live() -> bool:
                return (await call(http, "GET", "/api/streams/cam"))["status"]["state"] == "live"

            await when(live)
            async with http.ws_connect("/api/live?streams=cam") as wall:
                assert len(await pictures(wall, 5)) == 5

            assert await when(lambda: chunks(http))


async def chunks(http: aiohttp.ClientSession) -> Any:
    now_us = SystemClock().now().utc_us
    span = f"from={quote(rfc3339(now_us - 600_000_000))}&to={quote(rfc3339(now_us + 60_000_000))}"
    return await call(http, "GET", f"/api/streams/cam/chunks?{span}")


async def leads(http: aiohttp.ClientSession) -> bool:
    async with http.get("/api/streams") as answer:
        return answer.status == 200
