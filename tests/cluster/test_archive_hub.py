"""A real hub with a real object store: killed in mid upload, and read from there as from its disk."""

from __future__ import annotations

import asyncio
import os
import sys
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from hub.archive.pending import begun_us
from hub.archive.store import store_at
from hub.bench.processes import HubProcess
from hub.clock import rfc3339
from hub.demo.encode import VideoSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verdict import Integrity
from hub.ledger.verify import verify_path
from hub.settings import Settings
from tests.cluster.object_store import ObjectStore
from tests.hub_line import SMALL, SOUND, add_camera, until, until_live

SHORT_REELS = {"HUB_REEL_MINUTES": "0.05", "HUB_CHUNK_MIN_S": "0.5", "HUB_CONTENT_CHECKS": "false"}


def environ(objects: ObjectStore, bucket: str, **more: str) -> dict[str, str]:
    found = {f"HUB_{name.upper()}": value for name, value in objects.settings(bucket).items()}
    return {**SHORT_REELS, **found, "HUB_ARCHIVE_KEEP_H": "0", **more}


def local(data: Path) -> list[str]:
    return sorted(path.relative_to(data).as_posix() for path in data.glob("reels/*/*/*.mp4"))


def cameras(count: int, video: VideoSpec = SMALL) -> SimulatorsConfig:
    return SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=video, audio=SOUND, count=count),))


async def test_killed_in_mid_upload_nothing_is_lost_or_doubled(objects: ObjectStore, tmp_path: Path) -> None:
    bucket = objects.bucket()
    settings = Settings(**objects.settings(bucket))
    store = store_at(settings.archive_url, settings)
    data = tmp_path / "data"
    # so slow that a kill meets an upload; the rest of the time nothing waits for it
    slow = HubProcess(data, environ(objects, bucket, HUB_ARCHIVE_RATE_MB="0.05"))
    async with Simulators(cameras(2)) as simulators, slow as hub:
        for number, url in enumerate(simulators.urls):
            await add_camera(hub, f"cam-{number}", url)
        await until_live(hub, 2)
        await asyncio.sleep(6)
        await hub.kill()
        await hub.start()
        await asyncio.sleep(8)
        await hub.kill()
    async with HubProcess(data, environ(objects, bucket)) as hub:

        async def left() -> bool:
            return not local(data)

        await until(left, 40)
        assert await hub.stop() == 0
    verdict = await asyncio.to_thread(verify_path, data, keys_dir=hub.keys_dir, archive=store)
    assert verdict.integrity is Integrity.OK, verdict.findings
    names = [name for name, _ in store.names("reels") if name.endswith(".mp4")]
    assert len(names) == len(set(names)) == verdict.counts.reels > 4
    for name in names:
        assert list(objects.calls(bucket).unfinished(f"county/{name}")) == []


async def test_what_is_played_and_exported_is_the_same_from_disk_and_from_archive(
    objects: ObjectStore, tmp_path: Path
) -> None:
    bucket, data = objects.bucket(locked=True), tmp_path / "data"
    async with Simulators(cameras(1)) as simulators, HubProcess(data, SHORT_REELS) as hub:
        await add_camera(hub, "cam-0", simulators.urls[0])
        await until_live(hub, 1)
        await asyncio.sleep(8)
    async with HubProcess(data, SHORT_REELS) as hub:
        begin = await first_us(hub)
        names = local(data)
        before = await seen(hub, names, begin)
        assert await hub.stop() == 0
    package = await exported(data, hub, tmp_path / "disk.zip", begin, {})
    archived = environ(objects, bucket)
    async with HubProcess(data, archived) as hub:

        async def left() -> bool:
            return not local(data)

        await until(left, 30)
        after = await seen(hub, names, begin)
        assert await hub.stop() == 0
    assert before.keys() == after.keys()
    for name, answer in before.items():
        assert after[name] == answer, name
    assert await exported(data, hub, tmp_path / "archive.zip", begin, archived) == package
    assert len(package) == len(names) > 1


async def first_us(hub: HubProcess) -> int:
    (stream,) = await hub.call("GET", "/api/streams")
    assert stream["id"] == "cam-0"
    return begun_us(local(hub.data)[0])


async def seen(hub: HubProcess, names: list[str], begin_us: int) -> dict[str, Any]:
    """Status, the headers that a player goes by, and bytes of all that a player asks for."""
    query = {"from": rfc3339(begin_us - 10**6), "to": rfc3339(begin_us + 60 * 10**6)}
    url = f"{hub.url}/api/streams/cam-0/"
    found: dict[str, Any] = {}

    async def get(path: str, headers: dict[str, str] | None = None, *, method: str = "GET") -> bytes:
        async with hub.http.request(method, url + path, headers=headers) as answer:
            body = await answer.read()
            kept = {name: answer.headers.get(name) for name in ("Content-Range", "Content-Type", "Accept-Ranges")}
            length = answer.headers.get("Content-Length")
            told = (kept, length) if answer.status < 400 else ()
            found[f"{method} {path} {headers}"] = answer.status, told, body
            return body

    playlist = (await get(f"playback.m3u8?{urlencode(query)}")).decode()
    for line in playlist.splitlines():
        address = line.partition('URI="')[2].partition('"')[0] or (line if not line.startswith("#") else "")
        if "init.mp4" in address or "filled.mp4" in address:
            await get(address)
    for name in names:
        path = name.replace("reels/cam-0/", "reels/")
        for wanted in (None, "bytes=0-99", "bytes=1000-", "bytes=-500", "bytes=5000-20000", "bytes=99999999-"):
            await get(path, None if wanted is None else {"Range": wanted})
        await get(path, method="HEAD")
    await get("reels/2020-01-01/000000.000Z-1.mp4")
    assert found
    return found


async def exported(data: Path, hub: HubProcess, out: Path, begin_us: int, environ: dict[str, str]) -> dict[str, bytes]:
    """The footage in a package, by name."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "export", "--data", str(data), "--stream", "cam-0", "--out", str(out),
        "--from", rfc3339(begin_us - 10**6), "--to", rfc3339(begin_us + 60 * 10**6),
        "--matter", "m", "--place", "p", "--method", "x", "--officer", "o", "--no-movie",
        env={**os.environ, **environ, "HUB_KEYS_DIR": str(hub.keys_dir)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await process.communicate()
    assert process.returncode == 0
    with zipfile.ZipFile(out) as package:
        return {name: package.read(name) for name in package.namelist() if name.startswith("media/")}
