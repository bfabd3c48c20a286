"""What pictures showed on a node that dies: seen through the door while it lasts, and closed by who records next."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from hub.bench.processes import HubProcess
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.roles import SECRET, client, roles_of, when
from tests.cluster.servers import Redis, free_port
from tests.cluster.test_roles import CAMERA, call, leads

DARK = VideoSpec(width=320, height=180, bitrate=300_000, gop=25, seconds=4, content="black")


async def test_a_black_picture_is_over_with_the_node_that_saw_it(postgres: str, redis: Redis, tmp_path: Path) -> None:
    cameras = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=DARK, audio=AudioSpec(rate=32_000, seconds=4)),))
    environ = {
        "HUB_ROLES": "ingest",
        "HUB_NODE": "ingest-a",
        "HUB_DATABASE_URL": postgres,
        "HUB_REDIS_URL": redis.url,
        "HUB_CLUSTER_SECRET": SECRET,
        "HUB_NODE_LISTEN": f"127.0.0.1:{free_port()}",
        "HUB_LEASE_S": "1",
        "HUB_CONTENT_CHECKS": "true",
    }
    async with Simulators(cameras) as simulators, roles_of(postgres, redis.url, tmp_path) as roles:
        await roles.start("office", "notary")
        door = await roles.start("door", "api")
        await roles.office()
        dying = HubProcess(tmp_path / "ingest-a", environ)
        await dying.start(wait=False)
        try:
            async with client(door) as http:
                await when(lambda: leads(http))
                source = {"type": "rtsp", "url": simulators.urls[0]}
                await call(http, "POST", "/api/streams", CAMERA | {"source": source}, 201)

                async def dark(state: str) -> Any:
                    found = await call(http, "GET", f"/api/interruptions?stream=cam&state={state}")
                    return [one for one in found if one["kind"] == "black"]

                (seen,) = await when(lambda: dark("confirmed"), 60)
                async with http.get(f"/api/interruptions/{seen['id']}/picture") as answer:
                    assert (answer.status, answer.content_type) == (200, "image/jpeg")
                    assert hashlib.sha256(await answer.read()).hexdigest() == seen["evidence"]["picture_sha256"]

                await asyncio.sleep(1)  # facts are handed in four times a second
                await dying.kill()
                await roles.start("ingest-b", "ingest", content_checks=True)
                (over,) = await when(lambda: dark("closed"), 20)
                assert (over["id"], over["evidence"]["reason"]) == (seen["id"], "hub stopped")
                assert seen["started_at"] < over["ended_at"] < (await missing(http))["ended_at"]

                (again,) = await when(lambda: dark("confirmed"), 60)
                assert again["id"] != seen["id"]
        finally:
            await dying.kill()


async def missing(http: Any) -> Any:
    """The time between the two nodes is an interruption too, of another kind."""

    async def closed() -> Any:
        found = await call(http, "GET", "/api/interruptions?stream=cam&state=closed")
        return [one for one in found if one["class"] != "content"]

    return (await when(closed, 30))[0]
