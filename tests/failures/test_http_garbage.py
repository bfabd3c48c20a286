"""Bytes that are no HTTP, or too much of it, cost their own connection and nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api_support import Hub, running_hub

GARBAGE = {
    "a TLS hello on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
    "random bytes": os.urandom(2000),
    "a target without end": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header without end": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    "headers without end": b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(500)) + b"\r\n",
    "two lengths": b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "length and chunks": b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an RTSP call": b"OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n",
}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with running_hub(tmp_path) as hub:
        yield hub


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_is_refused_and_the_hub_goes_on(hub: Hub, name: str) -> None:
    reader, writer = await asyncio.open_connection(hub.base.host, hub.base.port)
    writer.write(GARBAGE[name])
    try:
        answer = await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        answer = b""
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer[:200]
    assert b"Traceback" not in answer
    writer.close()
    async with hub.stranger.get("/healthz") as response:
        assert response.status == 200
