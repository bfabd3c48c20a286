"""What Prometheus finds at each node's own door: the names that alerts and the dashboard ask for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import aiohttp

from hub.app.node import ClusterNode
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.roles import client, roles_of, when
from tests.cluster.servers import Redis
from tests.cluster.test_roles import CAMERA, call, leads, pictures
from tests.hub_line import SMALL, SOUND
from tests.real.test_alerts import expressions

OF_EACH = {"hub_build_info", "hub_check_ok", "hub_ledger_waiting_bytes", "hub_cluster_leads"}
OF_EACH |= {"hub_cluster_members", "hub_redis_away_since_timestamp_seconds", "hub_postgresql_away", "hub_bus_waiting"}


async def text_of(node: ClusterNode) -> str:
    async with aiohttp.request("GET", f"{node.node_url}/metrics") as answer:
        assert answer.status == 200
        return await answer.text()


async def asked(node: ClusterNode) -> dict[str, float]:
    """Series and value, as Prometheus reads them."""
    text = await text_of(node)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}
    assert len(found) == len(lines), "each series once"
    return found


async def test_alerts_find_their_series_at_the_nodes(postgres: str, redis: Redis, tmp_path: Path) -> None:
    cameras = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    async with Simulators(cameras) as simulators, roles_of(postgres, redis.url, tmp_path, 4.0) as roles:
        # an office that records beside it, another that waits, and a door
        both = await roles.start("both", "notary", "ingest")
        await roles.office()
        waits = await roles.start("waits", "notary")
        door = await roles.start("door", "api")
        async with client(door) as http:
            await when(lambda: leads(http))
            source = {"type": "rtsp", "url": simulators.urls[0]}
            await call(http, "POST", "/api/streams", CAMERA | {"source": source}, 201)

            async def live() -> Any:
                found = await asked(both)
                return found if found.get('hub_stream_state{kind="window",state="live",stream="cam"}') else None

            found = await when(live)
            assert found['hub_cluster_stream_epoch{stream="cam"}'] == 1
            assert found["hub_cluster_leads"] == 1
            assert found["hub_cluster_streams_owned"] == 1
            assert found['hub_check_ok{check="orders"}'] == 1
            assert found["hub_postgresql_away"] == 0
            assert found["hub_disk_free_bytes"] > 0
            wall = await http.ws_connect("/api/live?streams=cam")
            await pictures(wall, 3)
            others = {name: await asked(node) for name, node in (("waits", waits), ("door", door))}
        assert others["waits"]["hub_cluster_leads"] == others["door"]["hub_cluster_leads"] == 0
        for each in (found, *others.values()):
            assert {name.partition("{")[0] for name in each} >= OF_EACH
        # of what has labels nothing may have happened yet: it is announced all the same
        told = {bare(name) for name in re.findall(r"^# TYPE (\w+)", await text_of(both), re.MULTILINE)}
        named = {one for text in expressions() for one in re.findall(r"\bhub_\w+", re.sub(r'"[^"]*"', "", text))}
        missing = {bare(one) for one in named} - told
        assert not missing


def bare(name: str) -> str:
    return re.sub(r"_(total|bucket|sum|count)$", "", name)
