"""/readyz says what keeps the hub from recording, as long as it does; /healthz goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from hub.app import Hub
from hub.settings import Settings
from tests.hub_line import until

TOKEN = "a-token-for-the-test"


@asynccontextmanager
async def running(tmp_path: Path, **values: Any) -> AsyncIterator[tuple[Hub, aiohttp.ClientSession]]:
    settings = Settings.model_validate(
        {"data": tmp_path / "data", "keys_dir": tmp_path / "keys", "listen": "127.0.0.1:0", "admin_token": TOKEN}
        | values
    )
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with Hub.running(settings) as hub, aiohttp.ClientSession(hub.url, headers=headers) as client:
        yield hub, client


async def checks(client: aiohttp.ClientSession) -> tuple[int, dict[str, str]]:
    async with client.get("/readyz") as answer:
        return answer.status, (await answer.json())["checks"]


async def test_a_disk_that_is_short(tmp_path: Path) -> None:
    async with running(tmp_path, min_free_mb=1 << 40) as (_, client):
        status, found = await checks(client)
        assert status == 503
        assert "MiB free" in found["disk"]
        assert found["ledger"] == "ok"
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        async with client.get("/metrics") as answer:
            assert 'hub_check_ok{check="disk"} 0.0' in await answer.text()


async def test_a_data_folder_that_went_away(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with running(tmp_path) as (_, client):
        data.rename(tmp_path / "elsewhere")
        try:
            status, found = await checks(client)
            assert (status, found["disk"]) == (503, "the data folder cannot be looked at: No such file or directory")
            async with client.get("/metrics") as answer:
                assert answer.status == 200
        finally:
            (tmp_path / "elsewhere").rename(data)
        assert (await checks(client))[0] == 200


async def test_a_database_that_is_locked(tmp_path: Path) -> None:
    async with running(tmp_path) as (hub, client):
        other = sqlite3.connect(tmp_path / "data" / "hub.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        async def refused() -> bool:
            hub.ledger.heartbeat()
            status, found = await checks(client)
            return status == 503 and "database" in found["ledger"]

        async def well() -> bool:
            return (await checks(client))[0] == 200

        assert await until(refused)
        other.execute("ROLLBACK")
        other.close()
        assert await until(well)
