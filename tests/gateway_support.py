"""A cluster in one process, without its servers: an office whose streams are recorded beside it, a node's door, and
gateways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from hub.api.door import open_door, open_node_door
from hub.api.server import serve_at
from hub.app import Hub
from hub.app.front import ByGateways
from hub.app.gateway import Gateway
from hub.app.node_door import Office, bearer, node_app
from hub.clock import SystemClock
from hub.cluster.relay import relay_handler
from hub.monitor.live import LiveFeed
from hub.settings import Settings
from tests.api_support import ADMIN_TOKEN, BEARER

SECRET = "the secret of this cluster"


@dataclass
class Small:
    """``leads`` False: nobody answers for the office."""

    settings: Settings
    office: Office
    node_url: str = ""
    gateways: list[Gateway] = field(default_factory=list)
    hub: Hub | None = None
    leads: bool = True
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def url(self) -> str:
        return self.gateways[0].url.rstrip("/")

    def leader(self) -> str | None:
        return self.node_url if self.leads else None

    async def begin(self) -> Hub:
        """The office opens, as one does that was given the lease."""
        settings = self.settings.model_copy(update={"behind_proxy": False})
        self.hub = await self._stack.enter_async_context(Hub.running(settings, front=lambda _: ByGateways(self.office)))
        return self.hub

    async def end(self) -> None:
        await self._stack.aclose()
        self._stack, self.hub = AsyncExitStack(), None

    def find(self, stream_id: str, preview: bool) -> LiveFeed | None:
        if self.hub is None:
            return None
        stream = self.hub.registry.find(stream_id)
        if preview:
            return None if stream is None else self.hub.recording.preview(stream)
        return self.hub.recording.feeds.feed(stream_id)


def small_settings(folder: Path, **more: Any) -> Settings:
    values = {
        "listen": "127.0.0.1:0",
        "node_listen": "127.0.0.1:0",
        "data": folder / "data",
        "keys_dir": folder / "keys",
    }
    return Settings.model_validate(values | {"admin_token": ADMIN_TOKEN, "cluster_secret": SECRET} | more)


@asynccontextmanager
async def small_cluster(folder: Path, *, gateways: int = 1, **more: Any) -> AsyncIterator[Small]:
    settings, clock = small_settings(folder, **more), SystemClock()
    async with AsyncExitStack() as stack:
        small = Small(settings, Office())
        node = node_app(
            settings, small.office, [web.get("/node/live", relay_handler(lambda *asked: small.find(*asked), clock))]
        )
        runner = await serve_at(node, open_node_door(settings), None)
        stack.push_async_callback(runner.cleanup)
        small.node_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        await small.begin()
        stack.push_async_callback(small.end)
        for _ in range(gateways):
            small.gateways.append(
                await stack.enter_async_context(
                    Gateway.running(
                        settings,
                        clock,
                        open_door(settings),
                        leader=small.leader,
                        owner=lambda _: small.node_url,
                        node_headers=bearer(settings),
                    )
                )
            )
        yield small


@asynccontextmanager
async def client_of(small: Small) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(small.url, headers=BEARER) as session:
        yield session


async def until(true: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  what is waited for happens elsewhere
            await asyncio.sleep(0.02)
