"""Nodes of a cluster in the process of a test, on a real PostgreSQL and a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from hub.app.hub import Hub
from hub.app.node import ClusterNode
from hub.settings import Settings
from tests.api_support import ADMIN_TOKEN, BEARER

SECRET = "the secret of this cluster"
BUSY = 4
"""Bounds are those of a machine that has nothing else to do; another is given so many times as long."""


@dataclass
class Roles:
    """``key_folder`` is shared by all that may lead, as a Secret is."""

    postgres: str
    redis: str
    folder: Path
    lease_s: float = 1.0
    """Longer where nothing dies: on a busy machine a second is soon over."""
    nodes: dict[str, ClusterNode] = field(default_factory=dict)
    _stacks: dict[str, AsyncExitStack] = field(default_factory=dict)

    async def start(self, name: str, *roles: str, **more: Any) -> ClusterNode:
        values = {
            "roles": roles or ("all",),
            "node": name,
            "listen": "127.0.0.1:0",
            "node_listen": "127.0.0.1:0",
            "data": self.folder / name,
            "keys_dir": self.folder / "keys",
            "database_url": self.postgres,
            "redis_url": self.redis,
            "cluster_secret": SECRET,
            "admin_token": ADMIN_TOKEN,
            "lease_s": self.lease_s,
            "commit_ms": 20,
            "checkpoint_s": 1,
            "content_checks": False,
            "webrtc_addresses": ("127.0.0.1",),
        }
        stack = AsyncExitStack()
        node = await stack.enter_async_context(ClusterNode.running(Settings.model_validate(values | more)))
        self.nodes[name], self._stacks[name] = node, stack
        return node

    async def stop(self, name: str) -> None:
        del self.nodes[name]
        await self._stacks.pop(name).aclose()

    async def office(self) -> Hub:
        """Whoever leads."""
        async with asyncio.timeout(20 * BUSY):
            while True:
                for node in self.nodes.values():
                    if node.hub is not None:
                        return node.hub
                await asyncio.sleep(0.05)


@asynccontextmanager
async def roles_of(postgres: str, redis: str, folder: Path, lease_s: float = 1.0) -> AsyncIterator[Roles]:
    roles = Roles(postgres, redis, folder, lease_s)
    try:
        yield roles
    finally:
        for name in reversed(list(roles.nodes)):
            await roles.stop(name)


@asynccontextmanager
async def client(node: ClusterNode) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(node.url, headers=BEARER) as session:
        yield session


async def when(asked: Any, seconds: float = 20.0) -> Any:
    """The first true answer."""
    async with asyncio.timeout(seconds * BUSY):
        while True:
            found = await asked()
            if found:
                return found
            await asyncio.sleep(0.1)
