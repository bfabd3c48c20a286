"""A look at a camera before it is registered: real RTSP servers, and what stands in the way of one."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import av
import pytest

from hub.clock import SystemClock
from hub.demo.device import Device, track_media
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.rtsp_server import RtspRules, RtspServer
from hub.devices.probe import Prober, Seen
from hub.errors import Unavailable
from hub.model import Codec, RtspSource

pytestmark = pytest.mark.real
VIDEO = VideoSpec(width=320, height=180, bitrate=500_000, gop=25, seconds=1, device=5)
SOUND = AudioSpec(Codec.PCMA, rate=8000, seconds=2)
RULES = RtspRules(challenge="digest-md5", user="admin", password="p@ss:w/rd")


@asynccontextmanager
async def server(folder: Path, *devices: tuple[VideoSpec | AudioSpec, ...]) -> AsyncIterator[RtspServer]:
    made = [Device(f"cam-{n}", [track_media(spec, folder=folder) for spec in specs]) for n, specs in enumerate(devices)]
    running = RtspServer(made, rules=RULES)
    await running.start()
    try:
        yield running
    finally:
        await running.close()


async def look(url: str, *, whole: bool = True, limit_s: float = 6.0) -> Seen:
    return await Prober(SystemClock(), limit_s=limit_s).look(RtspSource(url), whole=whole)


def size_of(jpeg: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(jpeg), format="image2pipe") as found:
        frame = next(found.decode(video=0))
        return frame.width, frame.height


async def test_what_cameras_show_and_why_others_show_nothing(tmp_path: Path) -> None:
    h265 = replace(VIDEO, codec=Codec.H265)
    async with server(tmp_path, (VIDEO, SOUND), (h265,), (SOUND,)) as camera:
        at = f"rtsp://admin:p%40ss%3Aw%2Frd@127.0.0.1:{camera.port}"
        seen = await look(f"{at}/Streaming/Channels/101")
        assert (seen.problem, seen.codec, seen.width, seen.height, seen.sound) == ("", "h264", 320, 180, "pcma")
        assert seen.frame_rate == 25.0
        assert seen.picture is not None
        assert size_of(seen.picture) == (320, 180)

        faint = await look(f"{at}/Streaming/Channels/101", whole=False)
        assert faint.picture is not None
        assert size_of(faint.picture) == (32, 18)

        seen = await look(f"{at}/cam/2")
        assert (seen.problem, seen.codec, seen.sound) == ("", "h265", "")
        assert (await look(f"{at}/cam/3")).problem == "no_video"
        assert (await look(f"{at}/cam/9")).problem == "not_found"
        wrong = await look(f"rtsp://admin:wrong@127.0.0.1:{camera.port}/cam/1")
        assert wrong.problem == "unauthorized"
        assert "wrong" not in wrong.detail
        port = camera.port
    assert (await look(f"rtsp://127.0.0.1:{port}/cam/1")).problem == "refused"
    assert (await look("rtsp://no-such-camera.invalid/cam/1")).problem == "unknown_host"


async def test_who_accepts_and_says_nothing_is_left_after_the_time_limit_and_a_third_look_is_refused() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    prober, source = Prober(SystemClock(), limit_s=0.5), RtspSource(f"rtsp://127.0.0.1:{port}/x")
    two = [asyncio.create_task(prober.look(source, whole=True)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await prober.look(source, whole=True)
    assert refused.value.code == "probe_busy"
    assert [seen.problem for seen in await asyncio.gather(*two)] == ["timeout", "timeout"]
    assert (await prober.look(source, whole=True)).problem == "timeout", "a place is free again"
    listening.close()
