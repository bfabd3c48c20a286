"""SIGTERM while it records and is watched: everything sealed, every stream closed with its reason, and quickly."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.bench.processes import HubProcess
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.hub_line import OPUS, SMALL, SOUND, add_camera, add_recorder, recorded, until_live

pytestmark = pytest.mark.real

STREAMS = ("cam-1", "cam-2", "rec-1", "rec-2")


async def test_an_orderly_stop(tmp_path: Path) -> None:
    phone = replace(SMALL, profile="baseline")
    config = SimulatorsConfig(
        cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND, count=2),),
        recorders=(DeviceConfig(name="rec", video=phone, audio=replace(OPUS, channels=2), count=2),),
    )
    data = tmp_path / "data"
    async with Simulators(config) as simulators, HubProcess(data) as hub:
        hub.STOP_TIMEOUT_S = 8.0  # of which 3 s are for callers; an init system waits 10 to 90
        for name, url in zip(STREAMS[:2], simulators.urls, strict=True):
            await add_camera(hub, name, url)
        for name in STREAMS[2:]:
            await add_recorder(hub, simulators, name)
        await until_live(hub, 4)
        watchers = [
            asyncio.create_task(watch(f"{hub.url}{path}", hub.token))
            for path in ("/api/events", f"/api/live?streams={','.join(STREAMS)}")
        ]
        await asyncio.sleep(3)
        assert not any(watcher.done() for watcher in watchers)
        assert await hub.stop() == 0
        assert [await watcher for watcher in watchers] == [aiohttp.WSCloseCode.GOING_AWAY] * 2

    assert oct(data.stat().st_mode & 0o777) == "0o750"
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in data.glob("hub.db*")} == {"hub.db": "0o600"}
    verdict = verify_path(data, None)
    assert verdict.exit_code == 0, verdict.findings
    for name in STREAMS:
        # how long somebody watched is said when their socket ends, which may be after the stream's own last entry
        entries = [entry for entry in entries_of(data, name) if entry["type"] != "access"]
        last = entries[-1]
        assert (last["type"], last["body"]["reason"]) == ("close", "hub stopped"), name
        assert entries[-2]["type"] == "chunk"
        assert len(recorded(data, name, "video")) > 50
    assert [entry["type"] for entry in entries_of(data, "_hub")][-1] == "close"
    log = hub.log_path.read_text()
    assert "Traceback" not in log
    assert '"level": "error"' not in log


async def watch(url: str, token: str) -> int | None:
    """Reads until the hub closes the socket; returns the close code."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.ws_connect(url) as socket,
    ):
        async for _ in socket:
            pass
        return socket.close_code


def entries_of(data: Path, stream_id: str) -> list[dict[str, Any]]:
    """All entries of a stream, in the order of its chain."""
    folder = data / "_hub" if stream_id == "_hub" else data / "reels" / stream_id
    lines = [line for path in folder.rglob("*.entries") for line in path.read_text().splitlines()]
    return sorted((json.loads(line) for line in lines), key=lambda entry: int(entry["seq"]))
