"""Activities in a whole hub: entered over HTTP, there after a restart, and after the database was lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp

from hub.app import Hub
from hub.clock import US_PER_S, SystemClock
from hub.ledger.verify import verify_path
from hub.settings import Settings
from tests.api_support import ADMIN_TOKEN, BEARER

STREAM = {"id": "rec-1", "name": "1", "kind": "recorder", "source": {"type": "whip"}, "device_number": "D-7"}


async def call(client: aiohttp.ClientSession, method: str, path: str, body: Any = None, **more: Any) -> Any:
    async with client.request(method, path, json=body, **more) as response:
        assert response.status < 400, await response.text()
        return await response.json()


async def test_an_activity_outlives_the_hub_and_the_database(tmp_path: Path) -> None:
    values = {"listen": "127.0.0.1:0", "data": tmp_path / "data", "keys_dir": tmp_path / "keys"}
    settings = Settings.model_validate(values | {"admin_token": ADMIN_TOKEN})
    async with Hub.running(settings) as hub, aiohttp.ClientSession(hub.url, headers=BEARER) as client:
        made = await call(client, "POST", "/api/streams", STREAM)
        device = {"Authorization": f"Bearer {made['token']}"}
        body = {"officers": [{"name": "张三", "certificate": "冀A1"}], "party": "赵六", "cause": "超限运输"}
        path = "/api/streams/rec-1/activity"
        begun = await call(client, "POST", path, body, headers=device)
        await call(client, "POST", f"{path}/marks", {"kind": "certificate_shown"}, headers=device)
        now_us = SystemClock().now().utc_us
        answer = hub.fleet._expected("rec-1", now_us)
        assert answer is not None
        assert answer.due, "the detector hears that it ought to record"
    for lost in (False, True):
        if lost:
            for file in (tmp_path / "data").glob("hub.db*"):
                file.unlink()
        async with Hub.running(settings) as hub, aiohttp.ClientSession(hub.url, headers=BEARER) as client:
            assert hub.activities.expected("rec-1", now_us + US_PER_S) is not None
            (found,) = await call(client, "GET", "/api/activities?party=赵六&officer=张三&device=D-7")
            assert (found["id"], len(found["marks"]), found["storage"]) == (begun["id"], 1, "recording")
    assert verify_path(tmp_path / "data", keys_dir=tmp_path / "keys").exit_code == 0
