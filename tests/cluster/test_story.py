"""A day at a cluster's door: somebody signs in, adds a camera, sees it, plays what lies on a disk and in the archive,
and gets a package when another person agrees; the package verifies."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from hub.clock import rfc3339
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.cluster.whole import MARKS, SMALL, Whole, now_us
from tests.hub_line import until

pytestmark = MARKS

NAME = "window-7"


class Person:
    """Somebody at a browser, at one node's door."""

    def __init__(self, http: aiohttp.ClientSession, origin: str) -> None:
        self.http = http
        self._origin = {"Origin": origin}

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, path, json=body, headers=self._origin) as answer:
            data = await answer.read()
            assert answer.status < 300, (method, path, answer.status, data)
            return json.loads(data) if answer.content_type == "application/json" and data else data

    async def pictures(self, count: int) -> None:
        """Until a wall has shown so many."""
        async with asyncio.timeout(30), self.http.ws_connect(f"/api/live?streams={NAME}", headers=self._origin) as wall:
            async for message in wall:
                count -= message.type is aiohttp.WSMsgType.BINARY
                if not count:
                    return

    async def played(self, span: str) -> dict[str, str]:
        """SHA-256 of each chunk's bytes as this node sends them, and as the entries say."""
        found = {}
        for chunk in (await self.call("GET", f"/api/streams/{NAME}/chunks?{span}"))["chunks"]:
            wanted = {"Range": f"bytes={chunk['offset']}-{chunk['offset'] + chunk['size'] - 1}"}
            async with self.http.get(f"/api/streams/{NAME}/reels/{chunk['reel']}", headers=wanted) as answer:
                assert answer.status == 206, (chunk, await answer.text())
                found[hashlib.sha256(await answer.read()).hexdigest()] = chunk["sha256"]
        return found


async def sign_in(stack: AsyncExitStack, whole: Whole, name: str, by: str, *roles: str) -> Person:
    made = {"username": name, "name": name, "unit": "root", "roles": list(roles)}
    given = (await whole.call("POST", "/api/people", made))["password"]
    url = whole.node(by).url
    person = Person(
        await stack.enter_async_context(aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True))), url
    )
    await person.call("POST", "/api/session", {"username": name, "password": given})
    own = f"the own password of {name}"
    await person.call("POST", "/api/session/password", {"old": given, "new": own})
    await person.call("POST", "/api/session", {"username": name, "password": own})
    return person


async def test_from_signing_in_to_the_package(whole: Whole, tmp_path: Path) -> None:
    assert whole.objects
    config = SimulatorsConfig(cameras=(DeviceConfig(name=NAME, video=SMALL, count=2, aligned=True),))
    async with Simulators(config) as simulators, AsyncExitStack() as stack:
        stack.push_async_callback(whole.call, "DELETE", f"/api/streams/{NAME}")
        engineer = await sign_in(stack, whole, "tech", "api-2", "engineer")
        chief = await sign_in(stack, whole, "chief", "api-1", "hall_admin", "archivist")
        other = await sign_in(stack, whole, "other", "api-2", "approver")
        source = {"type": "rtsp", "url": simulators.urls[0], "transport": "tcp"}
        begun_us = now_us()
        await engineer.call("POST", "/api/streams", {"id": NAME, "name": "窗口七", "kind": "window", "source": source})
        await chief.pictures(5)
        await other.call("GET", f"/api/streams/{NAME}")
        await whole.recorded_since(now_us() + 4_000_000, streams=[NAME])
        until_us = now_us()
        await whole.recorded_since(until_us, streams=[NAME])  # everything until then is in the log
        bounds = {"from": rfc3339(begun_us), "to": rfc3339(until_us)}
        span = "&".join(f"{key}={quote(value)}" for key, value in bounds.items())
        await chief.call("POST", "/api/looks", {"streams": [NAME], **bounds, "reason": "检查"})

        on_disk = await chief.played(span)
        assert on_disk
        assert all(found == said for found, said in on_disk.items())
        assert [path for path in whole.reels() if path.parent.parent.name == NAME]
        await whole.archived(until_us, NAME)
        assert await chief.played(span) == on_disk
        assert "#EXTM3U" in (await chief.call("GET", f"/api/streams/{NAME}/playback.m3u8?{span}")).decode()

        notes = {"matter": "某案", "place": "大厅", "officers": ["张三"], "method": "全程"}
        wanted = {"stream": NAME, **bounds, "notes": notes, "reason": "立案", "recipient": "法制科"}
        job = await chief.call("POST", "/api/exports", wanted)
        await other.call("POST", f"/api/exports/{job['id']}/approve")

        async def ready() -> bool:
            found = await chief.call("GET", f"/api/exports/{job['id']}")
            assert found["state"] not in ("failed", "rejected"), found
            return bool(found["state"] == "ready")

        await until(ready, 60)
        package = tmp_path / "package.zip"
        package.write_bytes(await chief.call("GET", f"/api/exports/{job['id']}/file"))
        verdict = await asyncio.to_thread(verify_path, package, keys_dir=whole.cluster.folder / "keys")
        assert (verdict.exit_code, verdict.findings) == (0, [])
        assert verdict.counts.chunks == len(on_disk)
    await whole.judged()
