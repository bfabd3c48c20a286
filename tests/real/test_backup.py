"""A hub that records twenty streams is backed up by the command, restored elsewhere, and records there."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.bench.processes import HubProcess
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.hub_line import OPUS, SMALL, add_camera, until, until_live

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

CAMERAS = 18
PHONE = replace(SMALL, profile="baseline")
DEVICES = SimulatorsConfig(
    cameras=(DeviceConfig(name="cam", video=SMALL, count=CAMERAS),),
    recorders=(DeviceConfig(name="rec", video=PHONE, audio=replace(OPUS, channels=2), count=2),),
)


async def command(keys: Path, *words: str | Path) -> tuple[int, str]:
    """``hub WORDS`` as a process; its exit code, and what it said."""
    environ = {**os.environ, "HUB_KEYS_DIR": str(keys)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", *map(str, words),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environ,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def known(hub: HubProcess) -> dict[str, Any]:
    """What exists nowhere but in the database, as the hub tells of it."""
    streams = [
        {key: stream[key] for key in ("id", "name", "kind", "unit")} for stream in await hub.call("GET", "/api/streams")
    ]
    people, units = await hub.call("GET", "/api/people"), await hub.call("GET", "/api/units")
    walls = await hub.call("GET", "/api/walls")
    return {"streams": streams, "people": people, "units": units, "walls": walls}


async def disturbed(hub: HubProcess) -> list[str]:
    """Interruptions, and what the disk did not take."""
    listed = await hub.call("GET", "/api/interruptions")
    found = [str(one) for one in listed]
    metrics = await hub.call("GET", "/metrics")
    names = "hub_storage_dropped_fragments_total|hub_storage_errors_total"
    return found + [
        line for line in re.findall(rf"^(?:{names})\S* .+$", metrics, re.MULTILINE) if line.split()[1] != "0.0"
    ]


async def test_backed_up_while_it_records_and_restored(tmp_path: Path) -> None:
    out, back, elsewhere = tmp_path / "out", tmp_path / "back", tmp_path / "back.keys"
    out.mkdir()
    async with Simulators(DEVICES) as simulators:
        async with HubProcess(tmp_path / "data", {"HUB_CONTENT_CHECKS": "false"}) as hub:
            await hub.call("POST", "/api/units", {"id": "hall", "name": "一号大厅", "parent": "root", "kind": "hall"})
            person = {
                "username": "wang",
                "name": "王强",
                "certificate": "SD-0001",
                "unit": "hall",
                "roles": ["watcher"],
            }
            await hub.call("POST", "/api/people", person)
            for number, url in enumerate(simulators.urls, 1):
                await add_camera(hub, f"cam-{number}", url)
            tokens = {}
            for name in ("rec-1", "rec-2"):
                body = {"id": name, "name": name, "kind": "recorder", "source": {"type": "whip"}}
                tokens[name] = (await hub.call("POST", "/api/streams", body))["token"]
                await simulators.publish(name, f"{hub.url}/whip/{name}", tokens[name])
            await until_live(hub, CAMERAS + 2)
            await asyncio.sleep(5)
            before = await known(hub)
            small = await command(hub.keys_dir, "backup", "--data", hub.data, "--out", out / "small.tar")
            assert small[0] == 0, small[1]
            whole = await command(
                hub.keys_dir,
                "backup",
                "--data",
                hub.data,
                "--with-reels",
                "--out",
                out,
                "--keys-out",
                tmp_path / "keys",
            )
            assert whole[0] == 0, whole[1]
            await asyncio.sleep(3)
            assert await disturbed(hub) == []
            assert await hub.stop() == 0
        verdict = verify_path(hub.data, None)
        assert verdict.exit_code == 0, verdict.findings

        (archive,) = out.glob("recorder-hub-*.tar")
        restored = await command(elsewhere, "restore", "--from", archive, "--data", back, "--keys", tmp_path / "keys")
        assert restored[0] == 0, restored[1]
        verdict = verify_path(back, None, keys_dir=hub.keys_dir.with_name("none"))
        assert verdict.exit_code == 0, verdict.findings
        origin = re.search(r"HUB_LOG_ORIGIN=(\S+) hub serve", restored[1])
        assert origin is not None
        refused = await command(elsewhere, "serve", "--data", back, "--listen", "127.0.0.1:0")
        assert refused[0] == 2
        assert f"set log_origin to {origin[1]}" in refused[1]

        async with HubProcess(back, {"HUB_LOG_ORIGIN": origin[1], "HUB_CONTENT_CHECKS": "false"}) as again:
            assert await known(again) == before
            for name, token in tokens.items():
                await simulators.retire(name)
                await simulators.publish(name, f"{again.url}/whip/{name}", token)
            await until_live(again, CAMERAS + 2)
            await asyncio.sleep(3)
            assert await again.stop() == 0
        verdict = verify_path(back, None, keys_dir=elsewhere)
        assert verdict.exit_code == 0, verdict.findings
        assert verdict.origin == origin[1]

    (tmp_path / "bare").mkdir()
    assert (await command(elsewhere, "restore", "--from", out / "small.tar", "--data", tmp_path / "bare"))[0] == 0
    code, said = await command(elsewhere, "verify", tmp_path / "bare")
    assert code == 1
    assert all(path.relative_to(hub.data).as_posix() in said for path in [*hub.data.glob("reels/cam-1/*/*.mp4")][:1])


async def test_systemd_hears_of_a_real_hub(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(path))
        heard.setblocking(False)
        said: list[str] = []

        async def turned() -> bool:
            while True:
                try:
                    said.append(heard.recv(4096).decode())
                except BlockingIOError:
                    return said.count("WATCHDOG=1") >= 3

        environ = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "600000"}
        async with HubProcess(tmp_path / "data", environ) as hub:
            await until(turned)
            assert said[0] == f"READY=1\nSTATUS=serving at {hub.url}/"
            assert await hub.stop() == 0
        await turned()
    assert said[-1].startswith("STOPPING=1"), "nothing is said after it"
