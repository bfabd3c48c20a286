"""A full disk under a real hub: an alarm and an interruption of kind storage; recording resumes by itself.

Two disks: a small file system of its own, mounted where nobody else sees it and filled to the last byte; and the
kernel's limit on file sizes, which makes every write fail below our code and needs no rights.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.bench.processes import HubProcess
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verdict import Completeness, Integrity
from hub.ledger.verify import verify_path
from tests.hub_line import SMALL, SOUND, add_camera, recorded, until, until_live

pytestmark = pytest.mark.real

SIZE_MB = 32
ENVIRON = {"HUB_MIN_FREE_MB": "0"}


class SmallDisk:
    """A tmpfs in a mount namespace that a sleeping process holds open; seen from outside below ``/proc``."""

    def __init__(self, data: Path) -> None:
        data.mkdir()
        self._rights = [] if os.geteuid() == 0 else ["-U", "-r"]
        script = f'mount -t tmpfs -o size={SIZE_MB}m tmpfs "$1" && echo ready && exec sleep 600'
        self._holder = subprocess.Popen(
            ["unshare", *self._rights, "-m", "--propagation", "private", "sh", "-c", script, "sh", str(data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            self.close()
            raise OSError("no file system can be mounted here")
        self.seen = Path(f"/proc/{self._holder.pid}/root{data}")
        user = ["-U", "--preserve-credentials"] if self._rights else []
        self.prefix = ("nsenter", "-t", str(self._holder.pid), *user, "-m", "--")

    def fill(self) -> None:
        with (self.seen / "ballast").open("wb", buffering=0) as file:
            for block in (1 << 20, 4096, 1):
                try:
                    while file.write(bytes(block)) == block:
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        (self.seen / "ballast").unlink()

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk | None]:
    """None where no file system can be mounted."""
    try:
        disk = SmallDisk(tmp_path / "data")
    except OSError:
        yield None
        return
    yield disk
    disk.close()


@pytest.mark.timeout(200)
async def test_full_and_free_again(tmp_path: Path, small_disk: SmallDisk | None) -> None:
    """Both disks at the same time: most of it is waiting."""
    limited = HubProcess(tmp_path / "limited", ENVIRON)
    unlimited = resource.RLIM_INFINITY

    def limit(size: int) -> None:
        resource.prlimit(limited.pid, resource.RLIMIT_FSIZE, (size, unlimited))

    async with asyncio.TaskGroup() as both:
        both.create_task(full_and_free_again(limited, limited.data, lambda: limit(0), lambda: limit(unlimited)))
        if small_disk is not None:
            hub = HubProcess(tmp_path / "data", ENVIRON, prefix=small_disk.prefix)
            both.create_task(full_and_free_again(hub, small_disk.seen, small_disk.fill, small_disk.free))


async def full_and_free_again(hub: HubProcess, data: Path, fill: Any, free: Any) -> None:
    video, audio = replace(SMALL, seconds=16), replace(SOUND, seconds=16)
    config = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=video, audio=audio),))

    async def storage(*states: str) -> list[dict[str, Any]]:
        found = await hub.call("GET", "/api/interruptions?stream=cam")
        return [one for one in found if one["kind"] == "storage" and one["state"] in states]

    async with Simulators(config) as simulators, hub:
        await add_camera(hub, "cam", simulators.urls[0])
        await until_live(hub, 1)
        await asyncio.sleep(3)
        fill()
        await until(lambda: storage("confirmed"))
        async with hub.http.get(f"{hub.url}/readyz") as answer:
            assert answer.status == 503
            assert "cam" in (await answer.json())["checks"]["reels"]
        await asyncio.sleep(4)
        free()
        (closed,) = await until(lambda: storage("closed"), 60)
        await asyncio.sleep(3)
        async with hub.http.get(f"{hub.url}/readyz") as answer:
            assert answer.status == 200, await answer.text()
        (stream,) = await hub.call("GET", "/api/streams")
        assert stream["status"]["state"] == "live"
        timeline = await hub.call(
            "GET", f"/api/streams/cam/timeline?from={closed['started_at']}&to={closed['ended_at']}"
        )
        assert {span["state"] for span in timeline["spans"]} == {"interrupted"}
        assert await hub.stop() == 0

    verdict = verify_path(data, None, keys_dir=hub.keys_dir)
    assert verdict.exit_code == 0, verdict.findings
    assert (verdict.integrity, verdict.completeness) == (Integrity.OK, Completeness.DECLARED)
    assert verdict.counts.interruptions == 1
    assert len(recorded(data, "cam", "video")) > 100, "every reel opens, before and after"
