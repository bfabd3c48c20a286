"""Callers that send slowly, or never, hold neither the hub's hands nor its connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from hub.api import door, schema, server
from hub.model import StreamKind
from tests.api_support import BEARER, Hub, running_hub

MOST = 5


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    monkeypatch.setattr(server, "ADDRESS_CONNECTIONS", MOST)
    monkeypatch.setattr(server, "KEEPALIVE_S", 1.0)
    monkeypatch.setattr(schema, "BODY_S", 0.3)
    async with running_hub(tmp_path) as hub:
        yield hub


Dial = Callable[..., Awaitable[asyncio.StreamReader]]


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    """Opens a connection to a hub and sends a part of a call."""
    writers: list[asyncio.StreamWriter] = []

    async def dial(hub: Hub, sent: bytes = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ") -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection(hub.base.host, hub.base.port)
        writers.append(writer)
        writer.write(sent)
        return reader

    yield dial
    for writer in writers:
        writer.close()


async def ended(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""


async def test_one_address_gets_so_many_connections_and_no_more(hub: Hub, dial: Dial) -> None:
    slow = [await dial(hub) for _ in range(MOST)]
    assert await ended(await dial(hub, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")) == b""
    assert await asyncio.gather(*(ended(one) for one in slow)) == [b""] * MOST, "headers that never end are hung up on"
    async with hub.stranger.get("/healthz") as response:
        assert response.status == 200


async def test_all_addresses_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dial: Dial) -> None:
    monkeypatch.setattr(door, "MAX_CONNECTIONS", 2)
    async with running_hub(tmp_path, behind_proxy=True) as hub:
        first, second = await dial(hub), await dial(hub)
        assert await ended(await dial(hub)) == b""
        assert not first.at_eof()
        assert not second.at_eof()


@pytest.mark.parametrize("path", ["/api/session", "/whip/recorder-07"])
async def test_a_body_that_does_not_come(hub: Hub, dial: Dial, path: str) -> None:
    await hub.services.registry.add("recorder-07", "07", StreamKind.RECORDER, "whip")
    kind = "application/sdp" if path.startswith("/whip") else "application/json"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 100\r\n"
    head += f"Authorization: {BEARER['Authorization']}\r\n\r\n{{"
    answer = await ended(await dial(hub, head.encode()))
    assert answer.startswith(b"HTTP/1.1 408"), answer
    assert b"slow_body" in answer
