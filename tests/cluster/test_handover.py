"""Cameras' streams move between nodes: every picture that was sent is recorded once, by one node or by the other."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text

from hub.app import handover
from hub.app.node import ClusterNode
from hub.cluster import ownership as module
from hub.database import Database, open_engine
from hub.demo.feed import Sent
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.roles import Roles, client, roles_of, when
from tests.cluster.servers import Redis
from tests.hub_line import SMALL, SOUND, recorded


@dataclass
class Site:
    roles: Roles
    simulators: Simulators
    http: aiohttp.ClientSession
    names: Sequence[str]
    folder: Path
    sound_us: int = 32_000
    """How long a frame of sound is."""

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

    def giver(self, name: str) -> handover.Handover:
        ingest = self.roles.nodes[name].ingest
        assert ingest is not None
        return ingest._handover

    async def seen(self, name: str) -> None:
        """Every node knows that this one lives."""

        async def so() -> bool:
            members = [node.membership.members for node in self.roles.nodes.values()]
            return all(name in (one.living() or ()) for one in members)

        await when(so)

    async def ends(self) -> None:
        await self.roles.stop("a")
        await self.roles.stop("b")
        engine = open_engine(Database.at(self.roles.postgres))

        async def entered() -> bool:
            with engine.connect() as connection:
                return connection.execute(text("SELECT count(*) FROM cluster_inbox")).scalar() == 0

        await when(entered)
        await asyncio.sleep(1.5)  # and signed
        engine.dispose()

    async def ends_in_one_piece(self, url: str) -> None:
        await self.ends()
        for name in self.names:
            sent = await self.simulators.sent(name)
            for kind in ("video", "audio"):
                in_one_piece(await self.recorded(name, kind), sent, kind, self.sound_us)
        assert await asyncio.to_thread(interruptions, url) == []

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
async def site(
    postgres: str, redis: Redis, folder: Path, cameras: int, alone: Callable[[str], Awaitable[str]] | None = None
) -> AsyncIterator[Site]:
    """One node that people ask, and node ``a``, which records all cameras. ``alone``: what stands before each."""
    names = [f"cam-{number}" for number in range(1, cameras + 1)]
    config = SimulatorsConfig(
        cameras=tuple(DeviceConfig(name=one, video=SMALL, audio=SOUND, aligned=True, record=True) for one in names)
    )
    async with Simulators(config) as simulators, roles_of(postgres, redis.url, folder) as roles:
        office = await roles.start("office", "notary", "api")
        await roles.start("a", "ingest")
        await roles.office()
        async with client(office) as http:
            made = Site(roles, simulators, http, names, folder)
            for name, address in zip(names, simulators.urls, strict=True):
                url = address if alone is None else await alone(address)
                body: dict[str, Any] = {"id": name, "name": name, "kind": "window"}

                async def registered(body: dict[str, Any] = body, url: str = url) -> bool:
                    source = {"type": "rtsp", "url": url}
                    async with http.post("/api/streams", json=body | {"source": source}) as answer:
                        return answer.status == 201

                await when(registered)
            await made.live()
            yield made


def in_one_piece(found: Sequence[str], sent: Sequence[Sent], kind: str, sound_us: int = 32_000) -> None:
    """What a camera films repeats itself: each unit that was recorded is the next of the loop after the one before."""
    loop: dict[int, str] = {unit.number: unit.sha256 for unit in sent if unit.kind == kind}
    places = {digest: {number for number in loop if loop[number] == digest} for digest in loop.values()}
    assert len(places) > 0.9 * len(loop), "but for a few frames of silence, the loop's units can be told apart"
    assert found
    breaks, at_number = [], places[found[0]]
    for at, digest in enumerate(found[1:], 1):
        following = {number + 1 if number + 1 in loop else min(loop) for number in at_number} & places[digest]
        breaks += [] if following else [at]
        at_number = following or places[digest]
    assert not breaks, f"{kind}: units are missing or doubled at {breaks} of {len(found)}"
    sessions = {unit.session for unit in sent}
    first_us = min(unit.due_us for unit in sent if unit.kind == kind)
    last_us = max(unit.due_us for unit in sent if unit.kind == kind and unit.session == max(sessions))
    step_us = 40_000 if kind == "video" else sound_us
    assert abs(len(found) - (last_us - first_us) / step_us) < 50, "and no whole turn of the loop is missing"


async def one_at_a_time(url: str, stack: AsyncExitStack) -> str:
    """Where the camera is found, if nobody else is connected to it."""
    port = int(url.split(":")[2].split("/")[0])
    busy = False

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal busy
        if busy:
            writer.close()
            return
        busy = True
        there, back = await asyncio.open_connection("127.0.0.1", port)
        try:
            copies = [asyncio.create_task(copy(reader, back)), asyncio.create_task(copy(there, writer))]
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            for one in copies:
                one.cancel()
        finally:
            busy = False
            writer.close()
            back.close()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    stack.callback(server.close)
    return url.replace(f":{port}/", f":{server.sockets[0].getsockname()[1]}/")


def verdict(it: Site) -> tuple[int, str]:
    """What ``hub verify`` says of the office's folder with all nodes' reels in it."""
    whole = it.folder / "whole"
    for node in ("office", "a", "b"):
        shutil.copytree(it.folder / node, whole, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.db*"))
    done = subprocess.run(
        [sys.executable, "-m", "hub", "verify", str(whole)], capture_output=True, text=True, timeout=120
    )
    return done.returncode, "" if done.returncode == 0 else done.stdout + done.stderr


def interruptions(url: str, *, withdrawn: bool = True) -> list[Any]:
    """All that were told, or without those of which it was told that they were none."""
    engine = open_engine(Database.at(url))
    with engine.connect() as connection:
        found = connection.execute(text("SELECT stream, kind, started_us, state FROM ledger_interruptions")).all()
    engine.dispose()
    return [tuple(row[:3]) for row in found if withdrawn or row.state != "withdrawn"]


async def test_a_node_that_comes_and_one_that_drains_cost_no_picture_and_no_interruption(
    postgres: str, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLED_LEASES", 2)
    async with site(postgres, redis, tmp_path, 6) as it:
        await asyncio.sleep(2)
        await it.roles.start("b", "ingest")
        await it.all_held({"a": 3, "b": 3})
        await asyncio.sleep(1)
        assert await it.roles.nodes["a"].drain() == 0
        await it.all_held({"a": 0, "b": 6})
        await it.live()
        await asyncio.sleep(1)
        await it.ends_in_one_piece(postgres)
        assert await asyncio.to_thread(verdict, it) == (0, "")


async def test_whatever_goes_wrong_on_the_way_leaves_the_recording_whole(
    postgres: str, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLED_LEASES", 2)
    monkeypatch.setattr(handover, "GIVE_S", 1.0)
    async with site(postgres, redis, tmp_path, 2) as it:
        gifts: list[str] = []
        giver = it.giver("a")
        real_give = giver._give

        async def give(stream_id: str, epoch: int, to: str) -> bool:
            """PostgreSQL takes the first gift of each stream and does not say so, or takes none."""
            gifts.append(stream_id)
            if gifts.count(stream_id) > 1:
                return await real_give(stream_id, epoch, to)
            await asyncio.sleep(60)
            return False

        async def tell_nobody(*_: Any) -> None:
            """The word that a stream was given is lost."""

        monkeypatch.setattr(giver, "_give", give)
        monkeypatch.setattr(giver, "_tell", tell_nobody)
        await it.roles.start("b", "ingest")
        await it.all_held({"a": 1, "b": 1})
        assert await it.roles.nodes["a"].drain() == 0
        await it.all_held({"a": 0, "b": 2})
        assert len(gifts) == 4
        await asyncio.sleep(1)
        await it.ends_in_one_piece(postgres)


async def test_a_camera_that_allows_one_connection_stays_and_when_its_node_drains_its_hole_is_told(
    postgres: str, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLED_LEASES", 2)
    stack = AsyncExitStack()
    async with stack, site(postgres, redis, tmp_path, 2, lambda url: one_at_a_time(url, stack)) as it:
        await it.roles.start("b", "ingest")
        ownership = it.ingest["a"].ingest.ownership  # type: ignore[union-attr]

        async def stays() -> bool:
            return len(ownership._stays) == 2

        await when(stays)
        assert it.held() == {"a": 2, "b": 0}
        assert await asyncio.to_thread(interruptions, postgres) == []
        assert await it.roles.nodes["a"].drain() == 0
        await it.all_held({"a": 0, "b": 2})
        await it.live()

        async def told() -> bool:
            found = await asyncio.to_thread(interruptions, postgres)
            return sorted((stream, kind) for stream, kind, _ in found) == [(name, "hub") for name in it.names]

        assert await when(told)


async def test_a_gift_whose_answer_is_lost_is_recorded_by_both_for_a_moment_and_missed_by_none(
    postgres: str, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "GIVE_S", 1.0)
    async with site(postgres, redis, tmp_path, 1) as it:
        giver = it.giver("a")
        real_give = giver._give

        async def give(stream_id: str, epoch: int, to: str) -> bool:
            assert await real_give(stream_id, epoch, to)
            await asyncio.sleep(60)
            return True

        monkeypatch.setattr(giver, "_give", give)
        await it.roles.start("b", "ingest")
        await it.seen("b")
        assert await it.roles.nodes["a"].drain() == 0
        await it.all_held({"a": 0, "b": 1})
        await asyncio.sleep(1)
        await it.ends()
        sent = [unit for unit in await it.simulators.sent("cam-1") if unit.kind == "video"]
        mine, theirs = (recorded(tmp_path / node, "cam-1", "video") for node in ("a", "b"))
        turn = len({unit.number for unit in sent})
        twice = next(at for at in range(1, turn) if mine[-at:] == theirs[:at])
        assert twice > 10, "both recorded, for as long as nobody knew"
        in_one_piece(mine + theirs[twice:], sent, "video")
        assert await asyncio.to_thread(interruptions, postgres) == []
        assert await asyncio.to_thread(verdict, it) == (0, "")
