"""A cluster as processes: nodes of `hub serve` with their roles, on servers that somebody else started."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.bench.processes import HubProcess, free_port
from hub.ledger.verdict import Verdict
from hub.ledger.verify import verify_path
from hub.shelf import LocalShelf, Shelf, Shelves

INGEST, API, NOTARY = "ingest", "api", "notary"


class Node(HubProcess):
    """One process. ``node_url`` is where other nodes call it; ``url`` where people do, of a node that serves them."""

    START_TIMEOUT_S = 180.0  # many of them start side by side

    def __init__(self, name: str, role: str, folder: Path, token: str, environ: Mapping[str, str]) -> None:
        self.name, self.role = name, role
        self.node_port = free_port()
        self.node_url = f"http://127.0.0.1:{self.node_port}"
        self.own = {
            "HUB_NODE": name,
            "HUB_ROLES": role,
            "HUB_NODE_LISTEN": f"127.0.0.1:{self.node_port}",
            "HUB_ADMIN_TOKEN": token,
            "HUB_KEYS_DIR": str(folder / "keys"),
        }
        super().__init__(folder / name, {**environ, **self.own})
        self.token = token
        self.keys_dir = folder / "keys"  # of all that may lead, as a Secret is
        self.ready_url = self.node_url

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


@dataclass
class Cluster:
    """``environ`` holds for all nodes: servers, secret, settings."""

    folder: Path
    environ: Mapping[str, str]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    nodes: dict[str, Node] = field(default_factory=dict)

    async def start(self, *names: str) -> None:
        """Nodes named ROLE-NUMBER, side by side; again, those that ended."""
        for name in names:
            if name not in self.nodes:
                self.nodes[name] = Node(name, name.rpartition("-")[0], self.folder, self.token, self.environ)
        await asyncio.gather(*(self.nodes[name].start() for name in names))

    def of(self, role: str) -> Sequence[Node]:
        """Those that run."""
        return [one for one in self.nodes.values() if one.role == role and one.process is not None]

    async def call(self, method: str, path: str, body: Any = None, *, by: str = "api-1") -> Any:
        """Through an API node. Raises RuntimeError for a refusal."""
        return await self.nodes[by].call(method, path, body)

    async def until_led(self, *, by: str = "api-1") -> None:
        """Somebody leads the office. Raises TimeoutError."""
        async with asyncio.timeout(Node.START_TIMEOUT_S):
            while True:
                try:
                    await self.call("GET", "/api/streams", by=by)
                    return
                except RuntimeError:
                    await asyncio.sleep(0.2)

    def verified(self, leader: str, *more: Shelf) -> Verdict:
        """What `hub verify` says of a leader's folder, with the reels of all nodes' disks, and of more shelves."""
        disks = [LocalShelf(self.folder / name) for name in self.nodes if name != leader]
        return verify_path(self.folder / leader, keys_dir=self.folder / "keys", archive=Shelves((*disks, *more)))

    async def close(self) -> None:
        """Who records ends first: what it says last is still entered. Nobody is left to give streams to."""
        for role in (INGEST, API, NOTARY):
            await asyncio.gather(*(node.stop() for node in self.of(role)))


def environment(postgres: str, redis: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Of all nodes. A database's URL, and that of a Redis."""
    return {
        "HUB_DATABASE_URL": postgres,
        "HUB_REDIS_URL": redis,
        "HUB_CLUSTER_SECRET": secrets.token_urlsafe(24),
        "HUB_LOG_LEVEL": "info",
        "HUB_CONTENT_CHECKS": "false",
        **(more or {}),
    }


@asynccontextmanager
async def cluster_of(folder: Path, environ: Mapping[str, str], *names: str) -> AsyncIterator[Cluster]:
    """Ends with the block, whatever state its nodes are in."""
    cluster = Cluster(folder, environ)
    try:
        await cluster.start(*names)
        yield cluster
    finally:
        for node in cluster.nodes.values():
            if node.process is not None and node.process.returncode is None:
                node.signal(signal.SIGCONT)
        try:
            await cluster.close()
        finally:  # one that did not end in time: none of them outlives the block
            for node in cluster.nodes.values():
                await node.kill()
