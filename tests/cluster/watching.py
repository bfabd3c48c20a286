"""Pages of a cluster: walls and listeners of events, each on the API node that it was opened at."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import aiohttp

from hub.bench.peers.cluster import Node


@dataclass
class Wall:
    """What one was shown."""

    pictures: list[float] = field(default_factory=list)
    """When each fragment came (monotonic s)."""
    dropped: int = 0
    code: int | None = None

    def longest_gap_s(self, since: float) -> float:
        times = [since, *(at for at in self.pictures if at >= since), time.monotonic()]
        return max(b - a for a, b in pairwise(times))


@dataclass
class Heard:
    """What a listener was told, but for ticks."""

    events: list[dict[str, Any]] = field(default_factory=list)
    code: int | None = None

    def interruptions(self, streams: Sequence[str]) -> Counter[tuple[str, str, str]]:
        """How often each change of an interruption was told: stream, id, word."""
        return Counter(
            (event["data"]["stream"], event["data"]["id"], event["type"])
            for event in self.events
            if event["type"].startswith("interruption.") and event["data"]["stream"] in streams
        )


@asynccontextmanager
async def wall(node: Node, streams: Sequence[str]) -> AsyncIterator[Wall]:
    """Open, and taking every byte, until the block ends."""
    found = Wall()

    async def take(socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                found.pictures.append(time.monotonic())
            elif message.type is aiohttp.WSMsgType.TEXT:
                text = json.loads(message.data)
                found.dropped += text.get("fragments", 0) if text["type"] == "dropped" else 0
        found.code = socket.close_code

    url = f"{node.url}/api/live?streams={','.join(streams)}"
    async with _session(node) as http, http.ws_connect(url, max_msg_size=0) as socket, _running(take(socket)):
        yield found


@asynccontextmanager
async def listening(node: Node) -> AsyncIterator[Heard]:
    found = Heard()

    async def take(socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT and (event := json.loads(message.data))["type"] != "hub.tick":
                found.events.append(event)
        found.code = socket.close_code

    async with _session(node) as http, http.ws_connect(f"{node.url}/api/events") as socket, _running(take(socket)):
        yield found


def _session(node: Node) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"Authorization": f"Bearer {node.token}"})


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
            await task


@asynccontextmanager
async def balancer(nodes: Sequence[Node]) -> AsyncIterator[str]:
    """As a Service of Kubernetes: one address, behind which whichever of the nodes lives. Yields its URL."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while block := await reader.read(1 << 16):
                writer.write(block)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for node in nodes:
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", node.port)
            except OSError:
                continue
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
            return
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
