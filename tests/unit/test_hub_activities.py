"""Activities in a whole hub: entered over HTTP, there after a restart, and after the database was lost."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from hub.app import Hub
from hub.clock import US_PER_S, SystemClock
from hub.ledger.verify import verify_path
from hub.people.tree import ROOT
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
        answer = hub.recording.fleet._expected("rec-1", now_us)
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


async def test_the_working_day_ends_when_the_duty_calendar_says(tmp_path: Path) -> None:
    values = {"listen": "127.0.0.1:0", "data": tmp_path / "data", "keys_dir": tmp_path / "keys"}
    settings = Settings.model_validate(values | {"admin_token": ADMIN_TOKEN})
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    hours = {"weekly": {day: [["00:00", "24:00"]] for day in days}, "holidays": "ignored"}
    async with Hub.running(settings) as hub, aiohttp.ClientSession(hub.url, headers=BEARER) as client:
        await call(client, "POST", "/api/streams", STREAM)
        rules = {"deadlines": {"storage": "end_of_day", "day_end": "12:00", "grace_minutes": 30}}
        await call(client, "PATCH", "/api/units/root", {"rules": rules})
        await call(client, "PUT", f"/api/duty/units/{ROOT}/hours", {"hours": hours})
        begun = await call(client, "POST", "/api/activities", {"stream": "rec-1", "mode": "full"})
        ended = await call(client, "POST", f"/api/activities/{begun['id']}/end", {})
    async with Hub.running(settings) as hub, aiohttp.ClientSession(hub.url, headers=BEARER) as client:
        for _ in range(200):  # the first pass of the clock of activities is at the start
            found = await call(client, "GET", f"/api/activities/{begun['id']}")
            if found["deadline"] is not None:
                break
            await asyncio.sleep(0.05)
    end = datetime.fromisoformat(ended["ended_at"]).astimezone(ZoneInfo(settings.time_zone))
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    assert datetime.fromisoformat(found["deadline"]) == midnight + timedelta(minutes=30)
