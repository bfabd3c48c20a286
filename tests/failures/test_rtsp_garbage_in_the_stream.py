"""Bytes that are neither RTSP nor media: skipped while that is cheap, else a clear end."""

from __future__ import annotations

import asyncio

import pytest

from hub.errors import SourceError
from tests.failures.rtsp_camera import Camera, client, pictures, running
from tests.unit.ingest_rtp import Sink


async def test_media_goes_on_after_garbage() -> None:
    async def media(writer: asyncio.StreamWriter) -> None:
        first, second, third = pictures(3)
        writer.write(first + b"\x00\x01garbage $$$ \xff" * 40 + second)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"\x93" * 777 + third[:9])
        await asyncio.sleep(0.05)
        writer.write(third[9:])
        await asyncio.sleep(0.05)
        writer.close()

    sink = Sink()
    async with running(Camera(media=media)) as camera:
        assert "closed" in await client(camera, sink).run_once()
    assert [unit.first_seq for unit in sink.units] == [0, 1, 2]
    assert sink.losses == []
    assert "rtsp_garbage" in sink.codes


async def test_endless_garbage_ends_the_session() -> None:
    async def media(writer: asyncio.StreamWriter) -> None:
        writer.write(pictures(1)[0])
        while True:
            writer.write(b"\x00\x01\x02\x03" * 4096)
            await writer.drain()

    sink = Sink()
    async with running(Camera(media=media)) as camera:
        with pytest.raises(SourceError, match="neither RTSP nor") as caught:
            await client(camera, sink).run_once()
    assert caught.value.code == "protocol"
    assert len(sink.units) == 1
