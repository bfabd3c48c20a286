"""Cameras' streams move between nodes: every picture that was sent is recorded once, by one node or by the other."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text

from hub.app.node import ClusterNode
from hub.cluster import ownership as module
from hub.database import Database, open_engine
from hub.demo.feed import Sent
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.roles import Roles, client, roles_of, when
from tests.cluster.servers import Redis
from tests.hub_line import SMALL, SOUND, recorded

CAMERAS = 6


@dataclass
class Site:
    roles: Roles
    simulators: Simulators
    http: aiohttp.ClientSession
    names: Sequence[str]
    folder: Path

    @property
    def ingest(self) -> dict[str, ClusterNode]:
        return {name: node for name, node in self.roles.nodes.items() if node.ingest is not None}

    def held(self) -> dict[str, int]:
        return {name: len(node.ingest.ownership.held()) for name, node in self.ingest.items() if node.ingest}

    async def all_held(self, held: dict[str, int]) -> None:
        async def so() -> bool:
            return self.held() == held

        await when(so, 40)

    async def live(self) -> None:
        async def so() -> bool:
            async with self.http.get("/api/streams") as answer:
                streams = await answer.json()
            return [one["status"]["state"] for one in streams] == ["live"] * len(self.names)

        await when(so, 30)

    async def recorded(self, name: str, kind: str) -> list[str]:
        """Of all nodes, in the order of their reels."""
        whole = self.folder / "whole"
        for node in ("a", "b"):
            if (self.folder / node / "reels" / name).is_dir():
                await asyncio.to_thread(
                    shutil.copytree, self.folder / node / "reels" / name, whole / "reels" / name, dirs_exist_ok=True
                )
        return await asyncio.to_thread(recorded, whole, name, kind)


@asynccontextmanager
async def site(postgres: str, redis: Redis, folder: Path) -> AsyncIterator[Site]:
    """One node that people ask, and node ``a``, which records all cameras."""
    names = [f"cam-{number}" for number in range(1, CAMERAS + 1)]
    config = SimulatorsConfig(
        cameras=tuple(DeviceConfig(name=one, video=SMALL, audio=SOUND, aligned=True, record=True) for one in names)
    )
    async with Simulators(config) as simulators, roles_of(postgres, redis.url, folder) as roles:
        office = await roles.start("office", "notary", "api")
        await roles.start("a", "ingest")
        await roles.office()
        async with client(office) as http:
            made = Site(roles, simulators, http, names, folder)
            for name, url in zip(names, simulators.urls, strict=True):
                body: dict[str, Any] = {"id": name, "name": name, "kind": "window"}

                async def registered(body: dict[str, Any] = body, url: str = url) -> bool:
                    source = {"type": "rtsp", "url": url}
                    async with http.post("/api/streams", json=body | {"source": source}) as answer:
                        return answer.status == 201

                await when(registered)
            await made.live()
            yield made


def in_one_piece(found: Sequence[str], sent: Sequence[Sent], kind: str) -> None:
    """What a camera films repeats itself: each unit that was recorded is the next of the loop after the one before."""
    loop: dict[int, str] = {unit.number: unit.sha256 for unit in sent if unit.kind == kind}
    following = {loop[number]: loop.get(number + 1, loop[min(loop)]) for number in loop}
    assert len(following) == len(loop), "the loop's units can be told apart"
    assert found
    breaks = [at for at in range(1, len(found)) if following[found[at - 1]] != found[at]]
    assert not breaks, f"{kind}: units are missing or doubled at {breaks} of {len(found)}"
    sessions = {unit.session for unit in sent}
    first_us = min(unit.due_us for unit in sent if unit.kind == kind)
    last_us = max(unit.due_us for unit in sent if unit.kind == kind and unit.session == max(sessions))
    step_us = 40_000 if kind == "video" else 32_000
    assert abs(len(found) - (last_us - first_us) / step_us) < 50, "and no whole turn of the loop is missing"


def interruptions(url: str) -> list[Any]:
    engine = open_engine(Database.at(url))
    with engine.connect() as connection:
        found = [
            tuple(row) for row in connection.execute(text("SELECT stream, kind, started_us FROM ledger_interruptions"))
        ]
    engine.dispose()
    return found


async def test_a_node_that_comes_and_one_that_drains_cost_no_picture_and_no_interruption(
    postgres: str, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLED_LEASES", 2)
    async with site(postgres, redis, tmp_path) as it:
        await asyncio.sleep(2)
        await it.roles.start("b", "ingest")
        await it.all_held({"a": 3, "b": 3})
        await asyncio.sleep(1)
        assert await it.roles.nodes["a"].drain() == 0
        await it.all_held({"a": 0, "b": 6})
        await it.live()
        await asyncio.sleep(1)
        await it.roles.stop("a")
        await it.roles.stop("b")
        for name in it.names:
            sent = await it.simulators.sent(name)
            for kind in ("video", "audio"):
                in_one_piece(await it.recorded(name, kind), sent, kind)
        await asyncio.sleep(1)
        assert await asyncio.to_thread(interruptions, postgres) == []
