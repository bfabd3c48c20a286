"""A whole hub: what is changed of units and people stands in its ledger, and survives a restart."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from hub.app import Hub
from hub.ledger.entries import HUB_STREAM, EntryType, read_entry
from hub.ledger.files import SUFFIX
from hub.settings import Settings
from tests.api_support import ADMIN_TOKEN, BEARER


async def test_changes_are_in_the_ledger(tmp_path: Path) -> None:
    values = {"listen": "127.0.0.1:0", "data": tmp_path / "data", "keys_dir": tmp_path / "keys"}
    settings = Settings.model_validate(values | {"admin_token": ADMIN_TOKEN})
    async with Hub.running(settings) as hub, aiohttp.ClientSession(hub.url, headers=BEARER) as client:
        body = {"id": "hall", "name": "大厅", "parent": "root", "kind": "hall"}
        async with client.post("/api/units", json=body) as response:
            assert response.status == 201
        body = {"username": "li", "name": "李", "unit": "hall", "roles": ["officer"], "certificate": "冀13-002"}
        async with client.post("/api/people", json=body) as response:
            assert response.status == 201
            password = (await response.json())["password"]
        async with client.post("/api/people/li/password") as response:
            assert response.status == 200
    lines = [line for path in (tmp_path / "data").rglob(f"*{SUFFIX}") for line in path.read_bytes().splitlines()]
    entries = [read_entry(line) for line in lines]
    kept = [one for one in entries if one.type is EntryType.ACCESS]
    assert [(one.stream_id, one.body["what"], one.body["subject"]) for one in kept] == [
        (HUB_STREAM, "unit.added", "hall"),
        (HUB_STREAM, "person.added", "li"),
        (HUB_STREAM, "person.password_reset", "li"),
    ]
    assert {one.body["by"] for one in kept} == {"program:admin"}
    for secret in (password.encode(), b"argon2"):
        assert not any(secret in line for line in lines)
    async with Hub.running(settings) as hub:
        assert hub.people.by_username("li").unit == "hall"
        assert hub.units.covers("root", "hall")
