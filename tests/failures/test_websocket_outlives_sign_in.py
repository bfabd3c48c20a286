"""A WebSocket does not outlive the sign-in that opened it: signed out, or expired, it is closed within a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.api_support import Hub, running_hub

SOCKETS = ("/api/events", "/api/live")
SIGN_IN_AGAIN = 4401


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with running_hub(tmp_path, session_hours=1) as hub:
        await hub.sign_in()
        yield hub


async def close_code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async def drained() -> None:
        async for _ in socket:
            pass

    await asyncio.wait_for(drained(), 5)
    return socket.close_code


@pytest.mark.parametrize("path", SOCKETS)
async def test_signing_out_closes_it(hub: Hub, path: str) -> None:
    async with hub.person.ws_connect(path) as socket, hub.program.ws_connect(path) as programs:
        async with hub.person.delete("/api/session") as response:
            assert response.status == 204
        hub.clock.pass_s(1)
        assert await close_code(socket) == SIGN_IN_AGAIN
        assert not programs.closed


@pytest.mark.parametrize("path", SOCKETS)
async def test_expiry_closes_it(hub: Hub, path: str) -> None:
    async with hub.person.ws_connect(path) as socket:
        hub.clock.pass_s(3600)
        assert await close_code(socket) == SIGN_IN_AGAIN
