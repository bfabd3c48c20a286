"""Reels of other nodes' disks, asked for over their own doors."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import create_engine

from hub.api.door import open_node_door
from hub.api.server import serve_at
from hub.app.ingest_door import DiskDoor
from hub.app.node_door import Office, bearer, node_app
from hub.cluster.node_shelf import NodeShelf
from hub.cluster.reel_places import ReelPlaces
from hub.settings import Settings
from tests.gateway_support import small_settings

REEL = "reels/cam/2026-11-21/101112.131Z-7.mp4"
DATA = bytes(range(256)) * 40
NOWHERE = ReelPlaces(create_engine("sqlite://"))
"""Asked of nothing here."""


@asynccontextmanager
async def disks(settings: Settings, *folders: Path) -> AsyncIterator[list[str]]:
    """A node for each folder."""
    async with AsyncExitStack() as stack:
        urls = []
        for folder in folders:
            routes: list[web.RouteDef] = DiskDoor((folder,), NOWHERE, frozenset).routes()
            runner = await serve_at(node_app(settings, Office(), routes), open_node_door(settings), None)
            stack.push_async_callback(runner.cleanup)
            urls.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        yield urls


def put(folder: Path, path: str, data: bytes = DATA) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)


async def test_a_reel_is_found_where_it_lies_and_read_by_range(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    put(tmp_path / "b", REEL)
    async with disks(settings, tmp_path / "a", tmp_path / "b") as urls:
        shelf = NodeShelf(lambda _path: urls, bearer(settings))
        assert await asyncio.to_thread(shelf.size, REEL) == len(DATA)
        assert await asyncio.to_thread(shelf.read, REEL, 100, 50) == DATA[100:150]
        assert await asyncio.to_thread(shelf.read, REEL, len(DATA) - 5, 50) == DATA[-5:], "fewer where the file ends"
        assert await asyncio.to_thread(shelf.read, REEL, len(DATA), 1) == b""
        assert await asyncio.to_thread(shelf.size, REEL.replace("-7", "-8")) is None
        with pytest.raises(FileNotFoundError):
            await asyncio.to_thread(shelf.read, REEL.replace("-7", "-8"), 0, 1)
        shelf.close()


async def test_a_node_that_is_away_is_no_proof_that_a_reel_is_not_there(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    put(tmp_path / "a", REEL)
    async with disks(settings, tmp_path / "a") as urls:
        nodes = ["http://127.0.0.1:9", *urls]
        shelf = NodeShelf(lambda _path: nodes, bearer(settings))
        assert await asyncio.to_thread(shelf.size, REEL) == len(DATA), "another has it"
        with pytest.raises(OSError, match="does not answer"):
            await asyncio.to_thread(shelf.size, REEL.replace("-7", "-8"))
        shelf.close()
        stranger = NodeShelf(lambda _path: urls, {"Authorization": "Bearer wrong"})
        assert await asyncio.to_thread(stranger.size, REEL) is None
        stranger.close()


async def test_a_read_that_outlives_the_shelf_leaves_no_connection_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small_settings(tmp_path)
    put(tmp_path / "a", REEL)
    async with disks(settings, tmp_path / "a") as urls:
        shelf = NodeShelf(lambda _path: urls, bearer(settings))
        made: list[http.client.HTTPConnection] = []
        real = http.client.HTTPConnection.getresponse

        def getresponse(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
            made.append(connection)
            shelf.close()
            return real(connection)

        monkeypatch.setattr(http.client.HTTPConnection, "getresponse", getresponse)
        assert await asyncio.to_thread(shelf.size, REEL) == len(DATA)
        assert [one.sock for one in made] == [None]


CLIMBING = [
    "reels/cam/2026-11-21/..%2f..%2f..%2fhub.db", "reels/..%2f/2026-11-21/101112.131Z-7.mp4", "reels/cam/../secret",
    "reels/cam/2026-11-21/x.mp4", "reels/CAM/2026-11-21/101112.131Z-7.mp4", "pictures/cam/2026-11-21/..%2fx.jpg",
    "pictures/cam/20261121/x.jpg", "reels/cam/2026-11-21/101112.131Z-7.mp4%0a", "hub.db",
]  # fmt: skip


async def test_nothing_but_reels_and_pictures_can_be_named(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    put(tmp_path / "a", "hub.db")
    put(tmp_path / "a", "reels/secret")
    put(tmp_path / "a", "pictures/cam/2026-11-21/cam-1.jpg", b"jpeg")
    async with disks(settings, tmp_path / "a") as [url], aiohttp.ClientSession(headers=bearer(settings)) as session:
        async with session.get(f"{url}/node/pictures/cam/2026-11-21/cam-1.jpg") as answer:
            assert (answer.status, await answer.read()) == (200, b"jpeg")
        for path in CLIMBING:
            async with session.get(aiohttp.client.URL(f"{url}/node/{path}", encoded=True)) as answer:
                assert answer.status == 404, path
