"""An id or a file name that climbs out of its folder is refused, however it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api_support import ADMIN_TOKEN, Hub, running_hub

CLIMBS = (
    "..", "../", "../secret.txt", "..%2f..%2fsecret.txt", "%2e%2e/secret.txt", "%2e%2e%2fsecret.txt",
    "..%5csecret.txt", "....//secret.txt", "%00", "a%00/../../secret.txt", "/etc/passwd", "%2fetc%2fpasswd",
    "..%252f..%252fsecret.txt", ".hidden", "_hub",
)  # fmt: skip
BELOW = ("/assets/", "/api/streams/", "/whip/", "/")


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    (tmp_path / "page" / "assets").mkdir(parents=True)
    (tmp_path / "page" / "index.html").write_text("page")
    for path in (tmp_path / "secret.txt", tmp_path / ".hidden", tmp_path / "page" / ".hidden"):
        path.write_text("TOP SECRET")
    async with running_hub(tmp_path) as hub:
        yield hub


async def get(hub: Hub, target: str) -> bytes:
    """The answer to exactly this target: a client library would tidy it first."""
    reader, writer = await asyncio.open_connection(hub.base.host, hub.base.port)
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("climb", CLIMBS)
async def test_nothing_outside_is_served(hub: Hub, climb: str) -> None:
    for below in BELOW:
        answer = await get(hub, below + climb)
        status = int(answer.split(b" ", 2)[1])
        assert status in (400, 404, 405), (below + climb, answer[:200])
        assert b"TOP SECRET" not in answer


async def test_an_id_that_climbs_is_not_registered(hub: Hub, tmp_path: Path) -> None:
    body = {"id": "../../x", "name": "x", "kind": "room", "source": {"type": "whip"}}
    async with hub.program.post("/api/streams", json=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "bad_id"
