"""A WebSocket opened by a foreign page, with the cookie of a person who is signed in here, is refused.

WebSockets know no CORS: without this check any page that a watcher visits could watch the wall.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.api_support import BEARER, Hub, running_hub

SOCKETS = ("/api/events", "/api/live")


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with running_hub(tmp_path, origins=["https://wall.example"]) as hub:
        await hub.sign_in()
        yield hub


async def opened(hub: Hub, path: str, headers: dict[str, str]) -> int:
    """101, or the status of the refusal."""
    try:
        async with hub.stranger.ws_connect(path, headers=headers):
            return 101
    except aiohttp.WSServerHandshakeError as refused:
        return refused.status


def cookie(hub: Hub) -> dict[str, str]:
    return {"Cookie": f"hub_session={next(iter(hub.person.cookie_jar)).value}"}


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", "http://127.0.0.1", "http://localhost:1", "https://wall.example.evil"],
)
async def test_a_foreign_page_is_refused(hub: Hub, path: str, origin: str) -> None:
    assert await opened(hub, path, cookie(hub) | {"Origin": origin}) == 403
    assert await opened(hub, path, BEARER | {"Origin": origin}) == 403


@pytest.mark.parametrize("path", SOCKETS)
async def test_our_own_page_and_allowed_ones_are_not(hub: Hub, path: str) -> None:
    assert await opened(hub, path, cookie(hub) | {"Origin": str(hub.base.origin())}) == 101
    assert await opened(hub, path, cookie(hub) | {"Origin": "https://wall.example"}) == 101


@pytest.mark.parametrize("path", SOCKETS)
async def test_no_origin_is_for_programs_with_a_token(hub: Hub, path: str) -> None:
    assert await opened(hub, path, BEARER) == 101
    assert await opened(hub, path, cookie(hub)) == 403
    assert await opened(hub, path, {}) == 401
