"""A recorder whose node drains: it opens a second session to another node while the first is recorded, and its stream
follows it. Every picture and every frame of sound that it sent is recorded once, by one node or by the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.app import handover, recorders
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.roles import client, roles_of, when
from tests.cluster.servers import Redis
from tests.cluster.test_handover import Site, in_one_piece, interruptions, verdict
from tests.hub_line import OPUS, SMALL, recorded

VIDEO = replace(SMALL, profile="baseline")
OPUS_US = 20_000


@asynccontextmanager
async def site(postgres: str, redis: Redis, folder: Path, count: int, *, told: bool = True) -> AsyncIterator[Site]:
    """One node that people ask, and node ``a``, which records all recorders. ``told``: they have a data channel."""
    names = [f"worn-{number}" for number in range(1, count + 1)]
    config = SimulatorsConfig(
        recorders=tuple(
            DeviceConfig(name=one, video=VIDEO, audio=OPUS, aligned=True, record=True, telemetry=told) for one in names
        )
    )
    async with Simulators(config) as simulators, roles_of(postgres, redis.url, folder) as roles:
        office = await roles.start("office", "notary", "api")
        await roles.start("a", "ingest")
        await roles.office()
        async with client(office) as http:
            made = Site(roles, simulators, http, names, folder, sound_us=OPUS_US)
            for name in names:
                body: dict[str, Any] = {"id": name, "name": name, "kind": "recorder", "source": {"type": "whip"}}

                async def registered(body: dict[str, Any] = body) -> str:
                    async with http.post("/api/streams", json=body) as answer:
                        return str((await answer.json())["token"]) if answer.status == 201 else ""

                await simulators.publish(name, f"{office.url}whip/{name}", await when(registered))
            await made.live()
            yield made


async def test_a_node_that_drains_costs_no_picture_of_a_recorder_and_no_interruption(
    postgres: str, redis: Redis, tmp_path: Path
) -> None:
    async with site(postgres, redis, tmp_path, 4) as it:
        await it.roles.start("b", "ingest")
        await it.seen("b")
        assert await it.roles.nodes["a"].drain() == 0
        await it.all_held({"a": 0, "b": 4})
        await it.live()
        await asyncio.sleep(1)
        assert (await it.simulators.state())["sessions"] == dict.fromkeys(it.names, 1), "the first ones were ended"
        await it.ends_in_one_piece(postgres)
        assert await asyncio.to_thread(verdict, it) == (0, "")


async def test_a_recorder_that_cannot_be_told_is_ended_and_its_hole_is_told(
    postgres: str, redis: Redis, tmp_path: Path
) -> None:
    async with site(postgres, redis, tmp_path, 1, told=False) as it:
        await it.roles.start("b", "ingest")
        await it.seen("b")
        assert await it.roles.nodes["a"].drain() == 0
        await it.all_held({"a": 0, "b": 1})
        await it.live()

        async def told() -> bool:
            found = await asyncio.to_thread(interruptions, postgres)
            return [(stream, kind) for stream, kind, _ in found] == [("worn-1", "hub")]

        assert await when(told)


async def test_an_offer_moves_nothing_before_its_media_and_then_without_a_hole(
    postgres: str, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorder that comes to another node by itself, while the one that records it lives and hears it."""
    async with site(postgres, redis, tmp_path, 1) as it:
        b = await it.roles.start("b", "ingest")
        await it.seen("b")
        giver = it.giver("a")
        opened = asyncio.Event()
        assert b.ingest is not None
        real = b.ingest._recorders._follow

        async def follow(stream_id: str, coming: Any) -> bool:
            opened.set()
            assert it.held() == {"a": 1, "b": 0}, "what has come so far moved nothing"
            return await real(stream_id, coming)

        monkeypatch.setattr(b.ingest._recorders, "_follow", follow)
        # the office sends it to b as if a had no room; nobody drains
        monkeypatch.setattr(it.roles.nodes["a"].ingest._recorders, "offer", _no_room)  # type: ignore[union-attr]
        assert giver._say("worn-1", handover.MOVE)
        await asyncio.wait_for(opened.wait(), 20)
        await it.all_held({"a": 0, "b": 1})
        await it.live()
        await asyncio.sleep(1)
        await it.ends_in_one_piece(postgres)
        assert await asyncio.to_thread(verdict, it) == (0, "")


async def _no_room(*_: Any, **__: Any) -> Any:
    raise recorders.Unavailable("500 WHIP sessions are open; try again later", code="too_many_sessions")


async def test_a_recorder_whose_first_session_breaks_off_on_the_way_goes_on_from_there(
    postgres: str, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(postgres, redis, tmp_path, 1) as it:
        b = await it.roles.start("b", "ingest")
        await it.seen("b")
        a = it.roles.nodes["a"].ingest
        assert a is not None
        assert b.ingest is not None
        real = b.ingest._recorders._be_given

        async def be_given(stream_id: str, coming: Any) -> None:
            """Soon after the second session's first keyframe nothing of the first one reaches ``a`` any more."""
            await asyncio.sleep(0.5)
            session = a.here.whip._desks[stream_id].current
            assert session is not None
            session._receivers = [None] * 128
            await real(stream_id, coming)

        monkeypatch.setattr(b.ingest._recorders, "_be_given", be_given)
        assert await it.roles.nodes["a"].drain() == 0
        await it.all_held({"a": 0, "b": 1})
        await it.live()
        await asyncio.sleep(1)
        await it.ends()
        sent = [unit for unit in await it.simulators.sent("worn-1") if unit.kind == "video"]
        mine, theirs = (recorded(tmp_path / node, "worn-1", "video") for node in ("a", "b"))
        turn = len({unit.number for unit in sent})
        twice = next(at for at in range(1, turn) if mine[-at:] == theirs[:at])
        in_one_piece(mine + theirs[twice:], sent, "video")
        assert await asyncio.to_thread(interruptions, postgres, withdrawn=False) == []
        assert await asyncio.to_thread(verdict, it) == (0, "")
