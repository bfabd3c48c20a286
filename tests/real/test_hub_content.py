"""A real hub before cameras that show nothing: found, kept with their picture, and recorded all the same."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from hub.bench.processes import HubProcess
from hub.demo.encode import AudioSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from hub.model import Codec
from tests.hub_line import SMALL, add_camera, states, until, until_live

pytestmark = pytest.mark.real

QUIET = AudioSpec(Codec.PCMA, rate=8000, seconds=4, content="silence")
LOUD = AudioSpec(Codec.PCMA, rate=8000, seconds=4)


def camera(name: str, content: Any, audio: AudioSpec) -> DeviceConfig:
    spec = SMALL.__class__(width=320, height=180, bitrate=300_000, gop=25, seconds=4, content=content)
    return DeviceConfig(name=name, video=spec, audio=audio)


async def test_black_frozen_and_silent_cameras_are_live_and_told_of(tmp_path: Path) -> None:
    cameras = (camera("dark", "black", LOUD), camera("stuck", "frozen", LOUD), camera("mute", "scene", QUIET))
    data = tmp_path / "data"
    async with (
        Simulators(SimulatorsConfig(cameras=cameras)) as simulators,
        HubProcess(data, {"HUB_CONTENT_CHECKS": "true"}) as hub,
    ):
        for config, url in zip(cameras, simulators.urls, strict=True):
            await add_camera(hub, config.name, url)
        await until_live(hub, 3)

        async def all_told() -> Any:
            listed = await hub.call("GET", "/api/interruptions")
            return listed if len(listed) >= 3 else None

        listed = {one["stream"]: one for one in await until(all_told, 40)}
        assert {name: one["kind"] for name, one in listed.items()} == {
            "dark": "black", "stuck": "frozen", "mute": "silent",
        }  # fmt: skip
        assert {one["class"] for one in listed.values()} == {"content"}
        assert set((await states(hub)).values()) == {"live"}, "they are recorded, and their state says so"
        for name in ("dark", "stuck"):
            async with hub.http.get(f"{hub.url}/api/interruptions/{listed[name]['id']}/picture") as answer:
                picture = await answer.read()
            assert answer.status == 200
            assert answer.content_type == "image/jpeg"
            assert hashlib.sha256(picture).hexdigest() == listed[name]["evidence"]["picture_sha256"]
        async with hub.http.get(f"{hub.url}/api/interruptions/{listed['mute']['id']}/picture") as answer:
            assert answer.status == 404
        await asyncio.sleep(1)  # entries are committed four times a second
        await hub.kill()  # nobody closes what lasts …
        await hub.start()

        async def all_closed() -> bool:
            """… so the next start does, within a commit."""
            found = await hub.call("GET", "/api/interruptions")
            old = [one for one in found if one["evidence"].get("reason") == "hub stopped"]
            return {one["kind"] for one in old if one["class"] == "content"} == {"black", "frozen", "silent"}

        await until(all_closed, 20)
        assert await hub.stop() == 0

    assert verify_path(data, None, keys_dir=hub.keys_dir).exit_code == 0
