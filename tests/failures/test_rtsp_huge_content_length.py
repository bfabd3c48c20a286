"""A Content-Length of 2 GB, a header without end: refused at once, without memory."""

from __future__ import annotations

import pytest

from hub.errors import SourceError
from tests.failures.rtsp_camera import Camera, client, reply, running
from tests.unit.ingest_rtp import Sink


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Content-Length: 2147483648", "Content-Length of 2147483648"),
        ("Content-Length: " + "9" * 4000, "Content-Length of 999"),
        ("Content-Length: -1", "Content-Length of '-1'"),
        ("X-Filler: " + "x" * 20_000, "header of more than"),
    ],
)
async def test_refused(header: str, words: str) -> None:
    camera = Camera(answers={"DESCRIBE": reply("200 OK", header)})
    async with running(camera):
        with pytest.raises(SourceError, match=words) as caught:
            await client(camera, Sink()).run_once()
    assert caught.value.code == "protocol"
