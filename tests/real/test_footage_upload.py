"""Files over HTTP to a real hub: PUT by a device token, tus across a kill -9, a dock's folder; refusals."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tusclient.client import TusClient

from hub.bench.processes import HubProcess
from hub.clock import rfc3339
from hub.ledger.verdict import Completeness
from hub.ledger.verify import verify_path
from tests.footage_support import BREAK, DEVICE_AHEAD_US, S, card, room
from tests.hub_line import until

pytestmark = pytest.mark.real


async def test_brought_to_a_real_hub(tmp_path: Path) -> None:
    async with room(tmp_path):
        pass  # a stream with a break, as a hub before left it
    (tmp_path / "keys").rename(tmp_path / "data.keys")
    first_us = card(tmp_path / "card.mp4", BREAK[0] - 3 * S, BREAK[0] + 5 * S)
    hub = HubProcess(
        tmp_path / "data", {"HUB_LOG_ORIGIN": "test/footage", "HUB_UPLOAD_MAX_GB": "0.001", "HUB_MIN_FREE_MB": "0"}
    )
    async with hub:
        made = await _register(hub, "rec", "DSJ-0042")
        other = await _register(hub, "rec-2", "DSJ-0043")
        await _refusals(hub, made["token"], other["token"], tmp_path)
        ident = await _over_a_kill(hub, tmp_path / "card.mp4", made["token"], first_us)
        done = await until(lambda: _settled(hub, ident))
        assert (done["state"], done["method"], done["fills"][0]["whole"]) == ("recorded", "pictures", False), done
        assert done["by"] == "device:rec"
        line = await hub.call("GET", f"/api/streams/rec/timeline?from={rfc3339(BREAK[0])}&to={rfc3339(BREAK[1])}")
        assert "backfilled" in {one["state"] for one in line["spans"]}
        await _dock(hub, tmp_path)
        assert verify_path(hub.data, None, keys_dir=hub.keys_dir).exit_code == 0
        assert await hub.stop() == 0
        code, _, errors = await _import(hub, tmp_path / "dock")
        assert code not in (0, 1)
        assert "hub serve" in errors
    verdict = verify_path(hub.data, None, keys_dir=hub.keys_dir)
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.BACKFILLED), verdict.findings


async def _register(hub: HubProcess, ident: str, number: str) -> Any:
    body = {"id": ident, "name": ident, "kind": "recorder", "source": {"type": "whip"}, "device_number": number}
    return await hub.call("POST", "/api/streams", body)


async def _refusals(hub: HubProcess, token: str, other: str, root: Path) -> None:
    noise = os.urandom(50_000)
    async with aiohttp.ClientSession() as http:
        address = f"{hub.url}/api/streams/rec/footage"
        for wrong, status in ((other, 401), ("nonsense", 401)):
            async with http.put(address, data=noise, headers={"Authorization": f"Bearer {wrong}"}) as answer:
                assert answer.status == status
        own = {"Authorization": f"Bearer {token}"}
        async with http.put(address, data=noise, headers=own) as answer:
            told = await answer.json()
            assert (answer.status, told["state"], told["code"]) == (201, "apart", "unreadable")
        async with http.put(address, data=io.BytesIO(bytes(2 << 20)), headers=own) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (400, "too_large")
        tus = own | {"Tus-Resumable": "1.0.0"}
        created = tus | {"Upload-Length": "10", "Upload-Metadata": "stream cmVj"}
        async with http.post(f"{hub.url}/api/uploads", headers=created) as answer:
            assert answer.status == 201
            where = hub.url + answer.headers["Location"]
        piece = tus | {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        checked = piece | {"Upload-Checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="}
        for headers, data, status in (
            (piece | {"Upload-Offset": "3"}, b"abc", 409),
            (piece | {"Tus-Resumable": "0.2"}, b"abc", 412),
            (piece | {"Content-Type": "text/plain"}, b"abc", 415),
            (piece | {"Authorization": f"Bearer {other}"}, b"abc", 401),
            (piece, b"more than ten bytes", 400),
            (checked, b"abc", 460),
            (piece, b"abc", 204),
        ):
            async with http.patch(where, data=data, headers=headers) as answer:
                assert answer.status == status, headers
        async with http.head(where, headers=tus) as answer:
            assert answer.headers["Upload-Offset"] == "3"
        async with http.delete(where, headers=tus) as answer:
            assert answer.status == 204
        async with http.options(f"{hub.url}/api/uploads") as answer:
            assert "termination" in answer.headers["Tus-Extension"]
    (apart,) = await hub.call("GET", "/api/footage/apart")
    assert apart["code"] == "unreadable"


async def _over_a_kill(hub: HubProcess, path: Path, token: str, first_us: int) -> str:
    """The hub is killed in the middle of the file; the client goes on where it was."""
    headers = {"Authorization": f"Bearer {token}"}
    told = {"stream": "rec", "filename": "card.mp4", "from": rfc3339(first_us), "clock_offset_ms": "0"}
    size = path.stat().st_size  # noqa: ASYNC240
    with path.open("rb") as stream:
        client = TusClient(f"{hub.url}/api/uploads", headers=headers)
        first = client.uploader(file_stream=stream, chunk_size=size // 4, metadata=told)
        await asyncio.to_thread(first.upload, stop_at=size // 2)
        await hub.kill()
        await hub.start()
        second = await asyncio.to_thread(client.uploader, file_stream=stream, chunk_size=size // 4, url=first.url)
        assert second.offset == first.offset > 0
        await asyncio.to_thread(second.upload)
    return str(first.url).rpartition("/")[2]


async def _settled(hub: HubProcess, ident: str) -> dict[str, Any] | None:
    one = await hub.call("GET", f"/api/footage/{ident}")
    return one if one["state"] not in ("receiving", "received") else None


async def _dock(hub: HubProcess, root: Path) -> None:
    folder = root / "dock" / "DSJ-0042"
    folder.mkdir(parents=True)
    (folder / "a.mp4").write_bytes((root / "card.mp4").read_bytes())
    (root / "dock" / "DSJ-0043_1.mp4").write_bytes(os.urandom(1000))
    (root / "dock" / "nobody.mp4").write_bytes(b"x")
    (root / "dock" / "notes.txt").write_bytes(b"x")
    code, out, errors = await _import(hub, root / "dock")
    assert code == 1, errors
    assert "0 taken, 1 known before, 1 kept apart, 1 unmatched" in out
    assert "nobody.mp4" in errors
    # the rest of the break, by the time in its name: the device's clock, which its sender reports told is ahead
    rest_us = card(root / "rest.mp4", BREAK[0] + 5 * S, BREAK[1] + 3 * S)
    at = datetime.fromtimestamp(round((rest_us + DEVICE_AHEAD_US) / S)).strftime("%Y%m%d_%H%M%S")
    (root / "rest.mp4").rename(folder / f"{at}.mp4")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xd9")
    code, out, errors = await _import(hub, folder)
    assert code == 0, (out, errors)
    assert "2 taken, 1 known before, 0 kept apart, 0 unmatched" in out
    (one,) = [one for one in await hub.call("GET", "/api/footage") if one["name"].endswith(f"{at}.mp4")]
    assert (one["state"], one["fills"][0]["whole"]) == ("recorded", True), one
    code, out, errors = await _import(hub, folder)
    assert (code, out.splitlines()[-1]) == (0, "0 taken, 3 known before, 0 kept apart, 0 unmatched"), errors
    (root / "map.txt").write_text("nobody.* rec-2  # the spare one\n")
    code, out, errors = await _import(hub, root / "dock", "--map", str(root / "map.txt"))
    assert "0 taken, 4 known before, 1 kept apart, 0 unmatched" in out, errors


async def _import(hub: HubProcess, *arguments: object) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "import", *map(str, arguments), "--hub", hub.url, "--data", str(hub.data),
        env=os.environ | {"HUB_ADMIN_TOKEN": hub.token, "HUB_KEYS_DIR": str(hub.keys_dir)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    return process.returncode, out.decode(), errors.decode()
