"""Redirects are followed, a few times, and never out of TLS."""

from __future__ import annotations

import asyncio

import pytest

from hub.errors import SourceError
from tests.failures.rtsp_camera import Asked, Camera, client, pictures, reply, running
from tests.unit.ingest_rtp import Sink


async def test_followed_to_the_camera() -> None:
    async def media(writer: asyncio.StreamWriter) -> None:
        for part in pictures(3):
            writer.write(part)
        writer.write_eof()

    sink = Sink()
    async with running(Camera(media=media)) as camera:
        moved = reply("302 Moved", f"Location: rtsp://127.0.0.1:{camera.port}/elsewhere")
        async with running(Camera(answers={"DESCRIBE": moved})) as first:
            await client(first, sink).run_once()
        assert camera.asked[0].url.endswith("/elsewhere")
    assert len(sink.units) == 3


async def test_a_circle_ends() -> None:
    camera = Camera()

    def describe(asked: Asked) -> str:
        return f"RTSP/1.0 301 Moved\r\nCSeq: CSEQ\r\nLocation: rtsp://127.0.0.1:{camera.port}/live\r\n\r\n"

    camera.answers["DESCRIBE"] = describe
    async with running(camera):
        with pytest.raises(SourceError, match="redirects more than") as caught:
            await client(camera, Sink(), login="admin:sesame@").run_once()
    assert caught.value.code == "protocol"
    assert "sesame" not in str(caught.value)
    assert camera.methods.count("DESCRIBE") == 6
