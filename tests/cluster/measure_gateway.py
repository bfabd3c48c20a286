"""What a watcher costs the gateway: ``python -m tests.cluster.measure_gateway [STREAMS] [WATCHERS]``.

A notary that records too, and a gateway, as processes; cameras in 1280 × 720 at 25 pictures a second. CPU of the
gateway with nobody, one, and that many who each watch all streams.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from hub.bench.processes import HubProcess
from hub.database import Database
from hub.database.migrating import migrate
from hub.demo.encode import VideoSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.roles import when
from tests.cluster.servers import free_port, postgres_server, redis_server

SECONDS = 15.0
VIDEO = VideoSpec(width=1280, height=720, bitrate=2_000_000, gop=50, seconds=4)


RECEIVED = [0]
"""Bytes, of all watchers."""


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def watch(http: aiohttp.ClientSession, url: str, streams: list[str]) -> None:
    async with http.ws_connect(f"{url}/api/live?streams={','.join(streams)}", max_msg_size=0) as socket:
        async for message in socket:
            RECEIVED[0] += len(message.data)


async def measure(count: int, most: int, postgres: str, redis: str, folder: Path) -> None:
    usual = {
        "HUB_DATABASE_URL": postgres, "HUB_REDIS_URL": redis, "HUB_CLUSTER_SECRET": "a secret of this measurement",
        "HUB_CONTENT_CHECKS": "false", "HUB_ADMIN_TOKEN": "a token of this measurement",
    }  # fmt: skip

    def process(name: str, roles: str) -> HubProcess:
        own = {"HUB_ROLES": roles, "HUB_NODE": name, "HUB_NODE_LISTEN": f"127.0.0.1:{free_port()}"}
        return HubProcess(folder / name, usual | own)

    config = SimulatorsConfig(cameras=tuple(DeviceConfig(name=f"cam-{n}", video=VIDEO) for n in range(count)))
    async with AsyncExitStack() as stack:
        simulators = await stack.enter_async_context(Simulators(config))
        core, door = process("core", "ingest,notary"), process("door", "api")
        await core.start(wait=False)
        stack.push_async_callback(core.stop)
        await door.start(wait=False)
        stack.push_async_callback(door.stop)
        headers = {"Authorization": f"Bearer {usual['HUB_ADMIN_TOKEN']}"}
        http = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))

        async def ready() -> bool:
            try:
                async with http.get(f"{door.url}/api/streams") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

        await when(ready, 60)
        names = [f"cam-{n}" for n in range(count)]
        for name, url in zip(names, simulators.urls, strict=True):
            body = {"id": name, "name": name, "kind": "window", "source": {"type": "rtsp", "url": url}}
            async with http.post(f"{door.url}/api/streams", json=body) as answer:
                assert answer.status == 201, await answer.text()

        async def live() -> bool:
            async with http.get(f"{door.url}/api/streams") as answer:
                return all(one["status"]["state"] == "live" for one in await answer.json())

        await when(live, 60)
        watching: list[asyncio.Task[None]] = []
        before = 0.0
        for watchers in (0, 1, most):
            watching += [asyncio.create_task(watch(http, door.url, names)) for _ in range(watchers - len(watching))]
            await asyncio.sleep(4)
            begun, received = (cpu_s(door.pid), cpu_s(core.pid)), RECEIVED[0]
            await asyncio.sleep(SECONDS)
            share, of_core = (
                (cpu_s(one) - then) / SECONDS for one, then in zip((door.pid, core.pid), begun, strict=True)
            )
            tiles, rate = watchers * count, (RECEIVED[0] - received) * 8 / SECONDS / 1e6
            said = f"{count} streams, {watchers} watchers: gateway {share:.3f}, core {of_core:.3f} of a core"
            each = f", {(share - before) / tiles * 100:.4f} % a tile" if tiles else ""
            print(f"{said}, {rate:.0f} Mbit/s{each}")
            before = before if watchers else share
        for one in watching:
            one.cancel()
        await asyncio.wait(watching)


def main() -> None:
    count, most = (int(text) for text in (*sys.argv[1:], "8", "10")[:2]) if len(sys.argv) > 2 else (8, 10)
    with postgres_server() as server, redis_server() as redis, tempfile.TemporaryDirectory() as folder:
        url = server.fresh()
        migrate(Database.at(url))
        asyncio.run(measure(count, most, url, redis.url, Path(folder)))


if __name__ == "__main__":
    main()
