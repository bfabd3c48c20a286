"""A camera that answers and sends nothing, that does not answer, that is not there."""

from __future__ import annotations

import asyncio
import socket

import pytest

from hub.clock import SystemClock
from hub.errors import SourceError
from hub.ingest.rtsp.client import RtspClient
from hub.model import RtspSource
from tests.failures.rtsp_camera import Camera, client, pictures, reply, running
from tests.unit.ingest_rtp import Sink


@pytest.mark.parametrize("udp", [False, True])
async def test_nothing_ever(udp: bool) -> None:
    async with running(Camera()) as camera:
        with pytest.raises(SourceError, match="no media") as caught:
            await client(camera, Sink(), udp=udp).run_once()
        assert caught.value.code == "silent"
        assert camera.methods[-1] == "TEARDOWN"


async def test_after_a_while() -> None:
    async def media(writer: asyncio.StreamWriter) -> None:
        for part in pictures(5):
            writer.write(part)
            await asyncio.sleep(0.02)

    sink = Sink()
    async with running(Camera(media=media)) as camera:
        with pytest.raises(SourceError) as caught:
            await client(camera, sink).run_once()
    assert caught.value.code == "silent"
    assert len(sink.units) == 5


async def test_a_session_that_the_camera_has_forgotten_is_not_waited_for() -> None:
    """Its media stopped when it forgot: the ten seconds of silence would be footage lost."""

    async def media(writer: asyncio.StreamWriter) -> None:
        for part in pictures(5):
            writer.write(part)
            await asyncio.sleep(0.02)

    setup = reply("200 OK", "Session: 12345;timeout=1", "Transport: RTP/AVP/TCP;interleaved=0-1")
    camera = Camera(media=media, answers={"SETUP": setup, "GET_PARAMETER": reply("454 Session Not Found")})
    sink = Sink()
    async with running(camera):
        with pytest.raises(SourceError, match="no media for 1 s") as caught:
            await client(camera, sink, silence_s=30).run_once()
    assert caught.value.code == "silent"
    assert any("forgotten the session" in text for code, text in sink.complaints if code == "keepalive")


async def test_a_camera_that_disowns_the_session_but_sends_is_recorded_on() -> None:
    async def media(writer: asyncio.StreamWriter) -> None:
        for part in pictures(40):
            writer.write(part)
            await asyncio.sleep(0.05)
        writer.write_eof()

    setup = reply("200 OK", "Session: 12345;timeout=1", "Transport: RTP/AVP/TCP;interleaved=0-1")
    camera = Camera(media=media, answers={"SETUP": setup, "GET_PARAMETER": reply("454 Session Not Found")})
    sink = Sink()
    async with running(camera):
        assert "closed" in await client(camera, sink).run_once()
    assert len(sink.units) == 40


async def test_no_answer() -> None:
    camera = Camera(answers={"DESCRIBE": lambda asked: None})
    async with running(camera):
        with pytest.raises(SourceError, match="no answer to DESCRIBE") as caught:
            await client(camera, Sink()).run_once()
    assert caught.value.code == "timeout"


async def test_nobody_listens() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"rtsp://admin:sesame@127.0.0.1:{reserved.getsockname()[1]}/live"
        with pytest.raises(SourceError, match="cannot connect") as caught:
            await RtspClient(RtspSource(url), Sink(), SystemClock()).run_once()
    assert caught.value.code == "unreachable"
    assert "sesame" not in str(caught.value)


async def test_no_tls_where_tls_was_asked_for() -> None:
    async with running(Camera()) as camera:
        source = RtspSource(f"rtsps://127.0.0.1:{camera.port}/live")
        with pytest.raises(SourceError) as caught:
            await RtspClient(source, Sink(), SystemClock(), timeout_s=1.0).run_once()
    assert caught.value.code in ("tls", "timeout")


async def test_cancelling_tears_the_session_down() -> None:
    playing = asyncio.Event()

    async def media(writer: asyncio.StreamWriter) -> None:
        for part in pictures(1000):
            writer.write(part)
            await asyncio.sleep(0.01)
            playing.set()

    sink = Sink()
    async with running(Camera(media=media)) as camera:
        task = asyncio.ensure_future(client(camera, sink).run_once())
        await playing.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert camera.methods[-1] == "TEARDOWN"
        assert camera.asked[-1].headers["session"] == "12345"
