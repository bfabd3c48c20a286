"""The simulators' own process: started, asked, ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from hub.demo.cast import Demo
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.errors import HubError
from hub.model import Codec, StreamKind

pytestmark = pytest.mark.real
VIDEO = VideoSpec(width=160, height=90, bitrate=200_000, gop=10, seconds=2)


async def receive(url: str, units: int, folder: Path) -> None:
    source = ("-rtsp_transport", "tcp", "-i", url, "-map", "0:v", "-c", "copy")
    sink = ("-frames:v", str(units), "-f", "data", str(folder / "out"))
    process = await asyncio.create_subprocess_exec("ffmpeg", "-v", "error", "-y", *source, *sink)
    assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_many_cameras_one_process_and_the_truth_about_them(tmp_path: Path) -> None:
    cameras = (DeviceConfig(name="cam", count=3, video=VIDEO, record=True, faults=True),)
    async with Simulators(SimulatorsConfig(cameras=cameras, folder=str(tmp_path))) as simulators:
        assert simulators.cameras == ("cam-1", "cam-2", "cam-3")
        utc_us, mono_us = await simulators.play("cam-2", [Fault(FaultKind.STALL, 0.0, 0.5)])
        await receive(simulators.urls[1], 20, tmp_path)
        sent = await simulators.sent("cam-2")
        assert len(sent) >= 20
        assert sent[0].utc_us > utc_us
        assert sent[0].due_us >= mono_us + 500_000
        assert await simulators.sent("cam-2", after=len(sent)) == []
        assert await simulators.sent("cam-1") == []
        with pytest.raises(HubError, match="cam-9"):
            await simulators.play("cam-9", [])
        assert (await simulators.state())["sessions"].keys() == {"cam-1", "cam-2", "cam-3"}
        process = psutil.Process(simulators.pid)
    assert not process.is_running()


async def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    audio = AudioSpec(Codec.PCMU, rate=8000, seconds=1)
    config = SimulatorsConfig(cameras=(DeviceConfig(name="c", audio=audio),), folder=str(tmp_path))
    simulators = Simulators(config)
    await simulators.start()
    process = psutil.Process(simulators.pid)
    assert simulators._process is not None
    assert simulators._process.stdin is not None
    simulators._process.stdin.close()  # what the kernel does when the parent dies
    await asyncio.wait_for(simulators._process.wait(), 10)
    assert not process.is_running()
    with pytest.raises((HubError, OSError, RuntimeError)):  # the loop's own word for a pipe that is closed
        await simulators.state()
    await simulators.close()


async def test_a_wrong_configuration_is_told(tmp_path: Path) -> None:
    audio = AudioSpec(Codec.OPUS, rate=8000)
    config = SimulatorsConfig(cameras=(DeviceConfig(name="c", audio=audio),), folder=str(tmp_path))
    with pytest.raises(HubError):
        await Simulators(config).start()


async def test_a_start_can_be_called_off(tmp_path: Path) -> None:
    video = VideoSpec(seconds=60)  # takes a while to encode
    simulators = Simulators(SimulatorsConfig(cameras=(DeviceConfig(name="c", video=video),), folder=str(tmp_path)))
    starting = asyncio.create_task(simulators.start())
    while simulators._process is None:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    process = psutil.Process(simulators.pid)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(starting, 5)
    assert not process.is_running()


async def test_the_cast_of_the_demo(tmp_path: Path) -> None:
    demo = Demo(folder=tmp_path, loop_s=4, first_break_s=0.2, period_s=30, record=True)
    await demo.start()
    try:
        members = demo.members()
        assert [member.kind for member in members] == [StreamKind.WINDOW] * 2 + [StreamKind.RECORDER] * 2
        await demo.publish("http://127.0.0.1:9/", {"body-01": "t"})
        await asyncio.sleep(0.6)  # the script cuts window-01 meanwhile
        with pytest.raises(AssertionError):
            await receive(members[0].url, 5, tmp_path)
        await receive(members[1].url, 30, tmp_path)
        sent = await demo.simulators.sent("window-02")
        video = [unit for unit in sent if unit.kind == "video"]
        # the loop follows the calendar: a picture early where the timer rounds, later on a busy machine
        behind = [(unit.utc_us // 40_000 - (unit.number & 0xFFFFF) + 1) % 100 for unit in video]
        assert max(behind) < 50
        assert set((await demo.simulators.state())["errors"]) == {"body-01", "body-02"}
    finally:
        await demo.stop()
