"""Roles side by side: recorded on one node, decided on another, watched through a third."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import aiohttp

from hub.bench.processes import HubProcess
from hub.clock import SystemClock, rfc3339
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.api_support import BEARER
from tests.cluster.roles import client, roles_of, when
from tests.cluster.servers import Redis, free_port
from tests.hub_line import SMALL, SOUND, add_recorder

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
    return (await call(http, "GET", f"/api/streams/cam/chunks?{span}"))["chunks"]


async def leads(http: aiohttp.ClientSession) -> bool:
    async with http.get("/api/streams") as answer:
        return answer.status == 200


async def test_each_role_on_its_own_and_each_replaced(postgres: str, redis: Redis, tmp_path: Path) -> None:
    """One camera, one wall. The office dies, then the node that records: the wall and the record go on."""
    config = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    async with Simulators(config) as simulators, roles_of(postgres, redis.url, tmp_path) as roles:
        await roles.start("office-a", "notary")
        await roles.start("ingest-a", "ingest")
        door = await roles.start("door", "api")
        await roles.office()
        async with client(door) as http, client(door) as events_http:
            await when(lambda: leads(http))
            heard: list[dict[str, Any]] = []
            events = await events_http.ws_connect("/api/events")
            hearing = asyncio.create_task(hear(events, heard))
            source = {"type": "rtsp", "url": simulators.urls[0]}
            await call(http, "POST", "/api/streams", CAMERA | {"source": source}, 201)

            async def live() -> bool:
                return bool((await call(http, "GET", "/api/streams/cam"))["status"]["state"] == "live")

            await when(live)
            # an interruption, heard on one node, told by another, shown by a third
            await asyncio.sleep(3)
            await simulators.play("cam", [Fault(FaultKind.CUT, 0.0, 6.0)])

            async def closed() -> Any:
                return await call(http, "GET", "/api/interruptions?stream=cam&state=closed")

            assert (await when(closed, 40))[0]["kind"] == "no_signal"
            states = [one["type"] for one in heard if one["type"].startswith("interruption.")]
            assert next(one for one in states if one != "interruption.suspected") == "interruption.confirmed"
            assert {"interruption.resumed", "interruption.closed"} <= set(states)

            # bytes of its reels, which lie with the node that recorded them
            chunk = (await when(lambda: chunks(http)))[0]
            name = chunk["reel"].removeprefix("reels/cam/")
            part = {"Range": f"bytes={chunk['offset']}-{chunk['offset'] + chunk['size'] - 1}"}
            async with http.get(f"/api/streams/cam/reels/{name}", headers=part) as answer:
                assert answer.status == 206, await answer.text()
                assert hashlib.sha256(await answer.read()).hexdigest() == chunk["sha256"]
                assert not [one for one in answer.headers if one.lower().startswith("x-hub-")]
            async with http.get("/api/streams/cam/still") as answer:
                assert (answer.status, answer.content_type) == (200, "image/jpeg")

            wall = await http.ws_connect("/api/live?streams=cam")
            await pictures(wall, 3)
            # another office: nobody who watches or records notices
            waits = await roles.start("office-b", "notary")
            await when(lambda: says(waits, "ok, but it waits: office-a leads the office"))
            await roles.stop("office-a")
            await pictures(wall, 10)
            await when(lambda: leads(http))
            assert (await call(http, "GET", "/api/streams/cam"))["name"] == "c", "what was decided is there"
            assert await call(http, "GET", "/api/interruptions?stream=cam&state=closed")
            # another node that records: the wall follows
            await roles.start("ingest-b", "ingest")
            await roles.stop("ingest-a")
            await pictures(wall, 20)

            async def moved() -> bool:
                return door.membership.owner("cam") is not None and await live()

            await when(moved)
            place = door.membership.owner("cam")
            assert place is not None
            assert place.name == "ingest-b"
            await pictures(wall, 10)
            hearing.cancel()
        await roles.stop("door")
        await roles.stop("ingest-b")
        await asyncio.sleep(1)
        await roles.stop("office-b")


async def says(node: Any, word: str) -> bool:
    """A node that waits for its turn to lead is ready, or a rolling update would wait for it for ever."""
    async with aiohttp.ClientSession() as http, http.get(f"{node.node_url}/readyz") as answer:
        return answer.status == 200 and (await answer.json())["checks"]["office"] == word


async def hear(events: aiohttp.ClientWebSocketResponse, heard: list[dict[str, Any]]) -> None:
    async for message in events:
        said: dict[str, Any] = json.loads(message.data)
        heard.append(said)


class AtDoor:
    """The cluster's door, called as the process of one hub is."""

    call = HubProcess.call

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self.http = url.rstrip("/"), http


async def test_a_recorder_pushes_to_whoever_takes_it_and_moves_when_its_node_drains(
    postgres: str, redis: Redis, tmp_path: Path
) -> None:
    recorder = DeviceConfig(name="rec", video=replace(SMALL, profile="baseline"), record=True)
    async with (
        Simulators(SimulatorsConfig(recorders=(recorder,))) as simulators,
        roles_of(postgres, redis.url, tmp_path) as roles,
    ):
        await roles.start("office", "notary")
        await roles.start("ingest-a", "ingest")
        door = await roles.start("door", "api")
        await roles.office()
        async with aiohttp.ClientSession(headers=BEARER) as http:
            hub = cast(HubProcess, AtDoor(door.url, http))

            async def answers() -> bool:
                async with http.get(f"{hub.url}/api/streams") as answer:
                    return answer.status == 200

            await when(answers)
            await add_recorder(hub, simulators, "rec")

            async def live_at(name: str) -> bool:
                owner = door.membership.owner("rec")
                state = (await hub.call("GET", "/api/streams/rec"))["status"]["state"]
                return owner is not None and owner.name == name and state == "live"

            await when(lambda: live_at("ingest-a"), 30)
            await roles.start("ingest-b", "ingest")
            await asyncio.sleep(1)
            assert await roles.nodes["ingest-a"].drain() == 0
            await when(lambda: live_at("ingest-b"), 40)


async def test_a_process_of_a_cluster_stops_in_order_when_it_is_told_to(
    postgres: str, redis: Redis, tmp_path: Path
) -> None:
    environ = {
        "HUB_DATABASE_URL": postgres,
        "HUB_REDIS_URL": redis.url,
        "HUB_CLUSTER_SECRET": "the secret of this cluster",
        "HUB_NODE_LISTEN": f"127.0.0.1:{free_port()}",
        "HUB_LEASE_S": "1",
        "HUB_DRAIN_S": "5",
    }
    async with HubProcess(tmp_path / "data", environ) as hub:

        async def answers() -> bool:
            async with hub.http.get(f"{hub.url}/api/streams") as answer:
                return answer.status == 200

        await when(answers)
        assert re.search(r"password, shown this once: \S+", hub.log_path.read_text())
        assert await hub.stop() == 0
        assert "Traceback" not in hub.log_path.read_text()
