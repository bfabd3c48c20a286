"""A body larger than allowed is refused before it is read, whether it announces its size or not."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.model import StreamKind
from tests.api_support import ADMIN_TOKEN, BEARER, Hub, running_hub


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with running_hub(tmp_path, max_body_kb=16) as hub:
        await hub.services.registry.add("rec-1", "a", StreamKind.RECORDER, "whip")
        yield hub


async def raw(hub: Hub, head: str) -> bytes:
    """The answer to a request of which only the head is ever sent."""
    reader, writer = await asyncio.open_connection(hub.base.host, hub.base.port)
    writer.write(head.replace("\n", "\r\n").encode())
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), 10)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    ("call", "media_type"),
    [
        ("POST /api/streams", "application/json"),
        ("POST /whip/rec-1", "application/sdp"),
        ("POST /api/session", "application/json"),
    ],
)
async def test_two_gigabytes_announced(hub: Hub, call: str, media_type: str) -> None:
    answer = await raw(
        hub,
        f"{call} HTTP/1.1\nHost: x\nAuthorization: Bearer {ADMIN_TOKEN}\nContent-Type: {media_type}\n"
        "Content-Length: 2147483648\n\n{",
    )
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code": "body_too_large"' in answer
    assert b"Connection: close" in answer


async def test_a_body_without_end(hub: Hub) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 4096
            yield b" " * 4096

    headers = BEARER | {"Content-Type": "application/json"}
    try:
        async with hub.stranger.post("/api/streams", data=endless(), headers=headers) as response:
            assert response.status == 413
            assert (await response.json())["error"]["code"] == "body_too_large"
    except ConnectionError:
        pass  # the hub hung up while we were still sending: as good
    async with hub.stranger.get("/healthz") as response:
        assert response.status == 200


async def test_a_body_that_grows_when_unpacked(hub: Hub) -> None:
    headers = BEARER | {"Content-Type": "application/json", "Content-Encoding": "deflate"}
    bomb = zlib.compress(b" " * 8_000_000)
    assert len(bomb) < 16 * 1024
    async with hub.stranger.post("/api/streams", data=bomb, headers=headers) as response:
        assert response.status == 413
