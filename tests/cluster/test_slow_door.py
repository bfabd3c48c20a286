"""An API node that carries little, or stands still, loses pictures and never events: neither what is recorded nor who
watches at another door notices anything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import psycopg

from hub.bench.peers.cluster import Cluster, Node, cluster_of, environment
from hub.bench.processes import free_port
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.servers import Redis
from tests.cluster.watching import Heard, Wall, listening, wall
from tests.hub_line import SMALL, until

WATCHED = [f"cam-{number}" for number in range(1, 9)]
CUT = "cut"
FAST, SLOW = 1 << 18, 4096
"""Bytes at once."""
TURN_S = 0.05
"""80 kB a second: a quarter of what the eight cameras send."""
MOST_BYTES = 2 << 20
"""What waits for a node is not older than two seconds: 600 kB, and twice that where they send keyframes."""
LONG_S = 90.0


@dataclass
class Way:
    """The way to a node's door. ``slow`` is a process: what goes to it is held back while the way is ``narrow``."""

    to: int
    port: int = 0
    slow: int = 0
    narrow: bool = False
    wanted: int = 0
    """How often live pictures were asked for."""
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        slow = bool(self.slow) and writer.get_extra_info("peername")[1] in ports(self.slow)
        limit = SLOW if slow else FAST
        near = socket.socket()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limit)  # what waits, waits at the node
        near.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(near, ("127.0.0.1", self.to))
        except BaseException as error:  # it is not there yet, or has ended already
            near.close()
            writer.close()
            if isinstance(error, OSError):
                return
            raise
        there, back = await asyncio.open_connection(sock=near, limit=limit)
        self.open |= {writer, back}
        await asyncio.gather(self.carry(reader, back, FAST), self.carry(there, writer, limit))
        self.open -= {writer, back}

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(limit):
                self.wanted += data.startswith(b"GET /node/live")
                writer.write(data)
                await writer.drain()
                if self.narrow and limit == SLOW:
                    await asyncio.sleep(TURN_S)
        writer.close()


def ports(pid: int) -> set[int]:
    """Where a process calls from."""
    return {one.laddr.port for one in psutil.Process(pid).net_connections("tcp4")}


@asynccontextmanager
async def way_to(port: int) -> AsyncIterator[Way]:
    way = Way(port)
    server = await asyncio.start_server(way.serve, "127.0.0.1", 0)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        server.close()
        for writer in way.open:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def recorded(folder: Path, postgres: str, redis: str) -> AsyncIterator[tuple[Cluster, Way, Simulators]]:
    """One node that records, two doors; all that other nodes ask of the one goes through a way of its own."""
    cameras = (DeviceConfig(name="cam", video=SMALL, count=len(WATCHED)), DeviceConfig(name=CUT, video=SMALL))
    environ = environment(postgres, redis, {"HUB_CHUNK_MIN_S": "0.5"})
    async with (
        Simulators(SimulatorsConfig(cameras=cameras)) as simulators,
        way_to(free_port()) as way,
        cluster_of(folder, environ) as cluster,
    ):
        asked_at = {"HUB_NODE_URL": f"http://127.0.0.1:{way.port}"}
        node = cluster.nodes["ingest-1"] = Node("ingest-1", "ingest", folder, cluster.token, environ | asked_at)
        way.to = node.node_port
        await cluster.start("notary-1", "ingest-1", "api-1", "api-2")
        await cluster.until_led()
        for name, url in zip((*WATCHED, CUT), simulators.urls, strict=True):
            source = {"type": "rtsp", "url": url, "transport": "tcp"}
            await cluster.call("POST", "/api/streams", {"id": name, "name": name, "kind": "window", "source": source})
        way.slow = cluster.nodes["api-1"].pid
        yield cluster, way, simulators


async def test_pictures_are_lost_and_no_event(postgres: str, redis: Redis, tmp_path: Path) -> None:
    async with recorded(tmp_path, postgres, redis.url) as (cluster, way, simulators):
        slow, other = cluster.nodes["api-1"], cluster.nodes["api-2"]
        async with (
            listening(slow) as heard, listening(other) as heard_there,
            wall(slow, WATCHED) as shown, wall(other, WATCHED) as shown_there,
        ):  # fmt: skip
            await until(lambda: going_on(cluster, shown, shown_there), LONG_S)

            way.narrow = True
            await until(lambda: lost(shown, 0), LONG_S)
            await cut(simulators, heard, heard_there)
            before = shown.dropped
            await until(lambda: lost(shown, before), LONG_S)  # time and again, and some are shown in between
            assert way.wanted == 2, "it goes on with the socket that it had"
            assert await waiting_bytes(cluster) < MOST_BYTES

            way.narrow = False
            slow.signal(signal.SIGSTOP)
            await cut(simulators, heard_there)
            assert await waiting_bytes(cluster) < MOST_BYTES
            count = len(shown.pictures)
            slow.signal(signal.SIGCONT)
            await until(lambda: told(heard, 2), LONG_S)
            await until(lambda: more(shown, count + len(WATCHED)), LONG_S)

            assert (shown.code, heard.code) == (None, None), "no page had to come back"
            await until(lambda: as_many(heard, heard_there), LONG_S)
            assert changes(heard) == changes(heard_there), "in the same order, none twice"
            assert len(changes(heard)) == len({json.dumps(one) for one in changes(heard)}) > 4
            assert shown_there.dropped == 0
        assert await cluster.call("GET", f"/api/interruptions?stream={WATCHED[0]}") == []
        for stream in WATCHED:
            unbroken(postgres, stream)


async def cut(simulators: Simulators, *listeners: Heard) -> None:
    """The camera breaks off and comes back; until these heard of it."""
    over = [closed(one) for one in listeners]
    await simulators.play(CUT, [Fault(FaultKind.CUT, 0.0, 4.0)])
    for one, before in zip(listeners, over, strict=True):
        await until(lambda one=one, before=before: told(one, before + 1), LONG_S)  # type: ignore[misc]


def changes(heard: Heard) -> Sequence[dict[str, Any]]:
    return [event for event in heard.events if event["type"].startswith("interruption.")]


def closed(heard: Heard) -> int:
    return sum(event["type"] == "interruption.closed" for event in changes(heard))


async def told(heard: Heard, count: int) -> bool:
    return closed(heard) >= count


async def as_many(one: Heard, other: Heard) -> bool:
    return len(changes(one)) == len(changes(other))


async def lost(shown: Wall, before: int) -> bool:
    return shown.dropped > before


async def more(shown: Wall, count: int) -> bool:
    return len(shown.pictures) >= count


async def going_on(cluster: Cluster, *walls: Wall) -> bool:
    """All is live, and pictures come to each of the walls."""
    states = {one["status"]["state"] for one in await cluster.call("GET", "/api/streams")}
    before = [len(one.pictures) for one in walls]
    await asyncio.sleep(0.5)
    return states == {"live"} and all(len(one.pictures) > count for one, count in zip(walls, before, strict=True))


async def waiting_bytes(cluster: Cluster) -> float:
    node = cluster.nodes["ingest-1"]
    async with node.http.get(f"{node.node_url}/metrics") as answer:
        found = re.search(r"^hub_live_waiting_bytes (\S+)$", await answer.text(), re.MULTILINE)
    assert found is not None
    return float(found[1])


def unbroken(postgres: str, stream: str) -> None:
    """One run, packet by packet."""
    query = (
        "SELECT r.run, c.tracks::json AS tracks FROM ledger_chunks c JOIN ledger_reels r ON r.id = c.reel_id "
        "WHERE c.stream = %s ORDER BY c.first_us"
    )
    with psycopg.connect(postgres) as connection:
        rows: list[Any] = connection.execute(query, (stream,)).fetchall()
    assert len({run for run, _ in rows}) == 1
    for (_, before), (_, after) in pairwise(rows):
        assert after[0]["first_seq"] == before[0]["last_seq"] + 1
    assert sum(tracks[0]["lost"] for _, tracks in rows) == 0
