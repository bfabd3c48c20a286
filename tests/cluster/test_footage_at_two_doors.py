"""A file that a device recorded by itself comes through the doors of a cluster: begun at one, gone on with at another,
and begun anew with the next office, on whose disk nothing of it lies."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.app import left_uploads
from hub.clock import rfc3339
from tests.cluster.roles import client, roles_of, when
from tests.cluster.servers import Redis
from tests.cluster.test_roles import CAMERA, call, leads
from tests.footage_support import T0, S, card

TUS = {"Tus-Resumable": "1.0.0"}
APPENDED = {**TUS, "Content-Type": "application/offset+octet-stream"}


async def test_files_come_whole_through_whichever_door(
    postgres: str, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(left_uploads, "EVERY_S", 0.1)
    files = [written(tmp_path / f"{number}.mp4", number) for number in range(3)]
    async with roles_of(postgres, redis.url, tmp_path, 2.0) as roles:
        await roles.start("office", "notary")
        doors = [await roles.start(name, "api") for name in ("door-a", "door-b")]
        await roles.office()
        async with client(doors[0]) as one, client(doors[1]) as other:
            await when(lambda: leads(one))
            made = await call(
                one, "POST", "/api/streams", CAMERA | {"kind": "recorder", "source": {"type": "whip"}}, 201
            )
            async with (
                aiohttp.ClientSession(doors[0].url, headers={"Authorization": f"Bearer {made['token']}"}) as device,
                device.put("/api/streams/cam/footage", data=files[0]) as answer,
            ):
                assert answer.status == 201, await answer.text()
                put = await answer.json()
            assert (put["sha256"], put["size"]) == (digest(files[0]), len(files[0]))
            assert await call(other, "GET", f"/api/footage/{put['id']}") == put

            upload = await begun(one, files[1])
            half = len(files[1]) // 2
            await appended(one, upload, files[1][:half], 0)
            assert await offset(other, upload) == half, "it lies with the office"
            await appended(other, upload, files[1][half:], half)
            found = await when(lambda: settled(one, upload), 30)
            assert found["sha256"] == digest(files[1])

            upload = await begun(one, files[2])
            await appended(one, upload, files[2][:half], 0)
            left = tmp_path / "office" / "uploads" / f"{upload}.part"
            assert left.exists()
            second = await roles.start("next", "notary")
            await roles.nodes["office"].drain()

            async def leads_now() -> Any:
                return second.hub

            await when(leads_now)
            await when(lambda: leads(other))
            assert await offset(other, upload) == 0, "as tus tells a client that begins anew"

            async def gone() -> bool:
                return not left.exists()

            await when(gone)
            assert (put["state"], put["code"]) == ("apart", "no_time"), "nobody says when it was"
            await call(other, "POST", f"/api/footage/{put['id']}/assign", {"stream": "cam", "from": rfc3339(T0)})
            found = await when(lambda: settled(one, put["id"]), 30)
            assert (found["state"], found["code"]) == ("apart", "no_interruption"), (
                "looked at anew, where another leads"
            )
            assert (tmp_path / "next" / "apart" / put["sha256"]).read_bytes() == files[0]

            await appended(other, upload, files[2], 0)
            found = await when(lambda: settled(one, upload), 30)
            assert found["sha256"] == digest(files[2])


def written(path: Path, number: int) -> bytes:
    card(path, T0 + number * S, T0 + (number + 5) * S)
    return path.read_bytes()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def begun(http: aiohttp.ClientSession, data: bytes) -> str:
    headers = {**TUS, "Upload-Length": str(len(data)), "Upload-Metadata": "stream Y2Ft"}
    async with http.post("/api/uploads", headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        return answer.headers["Location"].rpartition("/")[2]


async def appended(http: aiohttp.ClientSession, upload: str, data: bytes, at: int) -> None:
    headers = {**APPENDED, "Upload-Offset": str(at)}
    async with http.patch(f"/api/uploads/{upload}", data=data, headers=headers) as answer:
        assert (answer.status, answer.headers["Upload-Offset"]) == (204, str(at + len(data))), await answer.text()


async def offset(http: aiohttp.ClientSession, upload: str) -> int:
    async with http.head(f"/api/uploads/{upload}", headers=TUS) as answer:
        assert answer.status == 200
        return int(answer.headers["Upload-Offset"])


async def settled(http: aiohttp.ClientSession, upload: str) -> Any:
    one = await call(http, "GET", f"/api/footage/{upload}")
    return one if one["state"] not in ("receiving", "received") else None
