"""What the engineer's page asks for in a cluster: told by the nodes, merged by the office, seen through the door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.roles import client, roles_of, when
from tests.cluster.servers import Redis
from tests.cluster.test_roles import CAMERA, call, leads
from tests.hub_line import SMALL, SOUND


async def test_figures_of_nodes_and_a_node_that_is_emptied(postgres: str, redis: Redis, tmp_path: Path) -> None:
    cameras = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    async with Simulators(cameras) as simulators, roles_of(postgres, redis.url, tmp_path, 4.0) as roles:
        await roles.start("office", "notary")
        await roles.start("ingest-a", "ingest")
        door = await roles.start("door", "api")
        await roles.office()
        async with client(door) as http:
            await when(lambda: leads(http))
            source = {"type": "rtsp", "url": simulators.urls[0]}
            await call(http, "POST", "/api/streams", CAMERA | {"source": source}, 201)

            async def figures() -> Any:
                (one,) = (await call(http, "GET", "/api/operations/streams"))["streams"]
                return one if one["bitrate_bps"] and one["sealed_at"] else None

            one = await when(figures)
            assert (one["width"], one["height"], one["connections_hour"]) == (320, 180, 1)
            assert one["newest_at"] is not None
            assert one["clock_offset_ms"] is not None

            async def balanced() -> Any:
                found = await call(http, "GET", "/api/operations/balance")
                return found if found["chunk_entries"] >= 2 and found["frames_recorded"] else None

            found = await when(balanced)
            assert found["frames_unrecorded"] == found["entries_missing"] == 0
            assert found["silent"] == []
            assert found["pictures_received"] >= found["frames_recorded"] // 4

            nodes = await listed(http)
            assert {name: one["roles"] for name, one in nodes.items()} == {
                "office": ["notary"], "ingest-a": ["ingest"], "door": ["api"],
            }  # fmt: skip
            assert [name for name, one in nodes.items() if one["leads"]] == ["office"]

            async def whole() -> Any:
                node = (await listed(http))["ingest-a"]
                return node["streams"] == 1 and node["disk_free_bytes"] and node["since"]

            await when(whole)
            await call(http, "POST", "/api/operations/nodes/ingest-a/drain", status=409)  # who else should take them
            await call(http, "POST", "/api/operations/nodes/nobody/drain", status=404)
            await call(http, "POST", "/api/operations/nodes/door/drain", status=409)
            await roles.start("ingest-b", "ingest")

            async def emptied() -> bool:
                nodes = await listed(http)
                return bool(nodes["ingest-a"]["draining"] and nodes["ingest-b"]["streams"] == 1)

            await when(lambda: there(http, "ingest-b"))
            await call(http, "POST", "/api/operations/nodes/ingest-a/drain", status=202)
            await when(emptied, 40)
            access = await call(http, "GET", "/api/access?what=node.drained")
            assert access[0]["facts"]["subject"] == "ingest-a"


async def listed(http: Any) -> dict[str, Any]:
    return {one["name"]: one for one in (await call(http, "GET", "/api/operations/nodes"))["nodes"]}


async def there(http: Any, name: str) -> bool:
    return name in await listed(http)
