"""``hub bench ingest``: what it costs to record many streams, against ``ffmpeg -c copy -f segment`` on the same ones.

One process of simulated cameras sends to a real hub (receive, depacketize, detect, fragment, hash, write, flush,
ledger). CPU is the kernel's own accounting of the hub's process over a window in steady state. Afterwards the
ledger is verified and its packet counts are compared with what the cameras sent: nothing may be missing.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from hub.bench.processes import HubProcess, Usage, usage
from hub.bench.report import Report, Result
from hub.clock import SystemClock
from hub.database import Database
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.errors import HubError
from hub.ledger.reader import Reader
from hub.ledger.verify import verify_path
from hub.model import Chunk, Codec

SETTLE_S = 8.0
"""Connecting, the first keyframes and the first reels are not steady state."""
MEMORY_SAMPLES = 10
FAR_FUTURE_US = 1 << 52


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=100, help="how many cameras (default 100)")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the measured window (default 60)")
    parser.add_argument("--vs", choices=("ffmpeg",), help="record the same streams with this too, afterwards")
    parser.add_argument("--audio", choices=("none", "aac", "pcma"), default="none", help="sound of each camera")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp", help="how RTP travels (default tcp)")


def run(options: argparse.Namespace) -> Report:
    return uvloop.run(measure(options))


@dataclass(frozen=True, slots=True)
class Window:
    """What processes used between two moments. ``rss_bytes``: one figure per sample, oldest first."""

    seconds: float
    cpu_s: float
    rss_bytes: Sequence[int]

    def core_percent(self, streams: int) -> float:
        """CPU per stream, in per cent of one core."""
        return 100 * self.cpu_s / self.seconds / streams


async def measure(options: argparse.Namespace) -> Report:
    """Raises HubError when a peer is missing or a stream does not come up."""
    if options.vs == "ffmpeg" and shutil.which("ffmpeg") is None:
        raise HubError("--vs ffmpeg needs ffmpeg on the PATH")
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        async with Simulators(_cameras(options)) as simulators:
            ours, lost, notes = await _with_hub(options, simulators, Path(folder) / "data")
            peer = None
            if options.vs == "ffmpeg":
                peer = await _with_ffmpeg(options, simulators.urls, Path(folder) / "ffmpeg")
    return Report("ingest", _results(ours, peer, options.streams), lost, notes)


def _cameras(options: argparse.Namespace) -> SimulatorsConfig:
    audio = {
        "none": None,
        "aac": AudioSpec(Codec.AAC, rate=48_000),
        "pcma": AudioSpec(Codec.PCMA, rate=8000),
    }[options.audio]
    camera = DeviceConfig(name="camera", video=VideoSpec(), audio=audio, count=options.streams)
    return SimulatorsConfig(cameras=(camera,))


# ------------------------------------------------------------------------------------ the hub


async def _with_hub(
    options: argparse.Namespace, simulators: Simulators, data: Path
) -> tuple[Window, int, tuple[str, ...]]:
    async with HubProcess(data, {"HUB_LOG_LEVEL": "warning"}) as hub:
        for number, url in enumerate(simulators.urls, 1):
            source = {"type": "rtsp", "url": url, "transport": options.transport}
            stream = {"id": f"camera-{number}", "name": f"Camera {number}", "kind": "window", "source": source}
            await hub.call("POST", "/api/streams", stream)
        await _until_live(hub, options.streams)
        await asyncio.sleep(SETTLE_S)
        window = await watch([hub.pid], options.seconds)
        interruptions = await hub.call("GET", "/api/interruptions")
    verdict = verify_path(data, None, keys_dir=hub.keys_dir)
    lost = await asyncio.to_thread(_missing, data, options.streams)
    notes = (
        f"{options.streams} streams of 720p25 at 2 Mbit/s, sound: {options.audio}, {options.transport}; "
        f"{len(interruptions)} interruptions; hub verify: exit {verdict.exit_code}",
    )
    return window, lost + len(interruptions) + verdict.exit_code, notes


async def _until_live(hub: HubProcess, streams: int) -> None:
    for _ in range(300):
        states = [stream["status"]["state"] for stream in await hub.call("GET", "/api/streams")]
        if states.count("live") == streams:
            return
        await asyncio.sleep(0.2)
    raise HubError(f"only {states.count('live')} of {streams} streams came up; see {hub.log_path}")


def _missing(data: Path, streams: int) -> int:
    """RTP packets that no chunk accounts for, by sequence number, and streams without footage.

    Each camera is one unbroken run of sequence numbers: every chunk must begin where the one before ended.
    """
    reader = Reader(Database.in_folder(data), data)
    missing = 0
    try:
        for number in range(1, streams + 1):
            chunks = reader.chunks(f"camera-{number}", 0, FAR_FUTURE_US, 100_000)
            missing += _holes(chunks) if chunks else 1
    finally:
        reader.close()
    return missing


def _holes(chunks: Sequence[Chunk]) -> int:
    holes = 0
    last: dict[tuple[int, int], int] = {}
    for chunk in chunks:
        for track in chunk.tracks:
            key = (chunk.run, track.track_id)
            if key in last:
                holes += max(0, track.first_seq - last[key] - 1)
            last[key] = track.last_seq
            holes += track.lost
    return holes


# ------------------------------------------------------------------------------------- ffmpeg


async def _with_ffmpeg(options: argparse.Namespace, urls: Sequence[str], folder: Path) -> Window:
    """A process a stream, as people run it. Writes to the same disk; hashes nothing."""
    await asyncio.to_thread(folder.mkdir)
    processes = []
    try:
        for number, url in enumerate(urls, 1):
            processes.append(await _ffmpeg(url, options.transport, folder / f"{number}-%03d.mp4"))
            await asyncio.sleep(0.05)  # a hundred probes at once would overrun the machine
        await asyncio.sleep(SETTLE_S)
        alive = [process for process in processes if process.returncode is None]
        if len(alive) < len(urls):
            raise HubError(f"only {len(alive)} of {len(urls)} ffmpeg processes recorded")
        return await watch([process.pid for process in alive], options.seconds)
    finally:
        for process in processes:
            if process.returncode is None:
                process.terminate()
        await asyncio.gather(*(process.wait() for process in processes))


async def _ffmpeg(url: str, transport: str, pattern: Path) -> asyncio.subprocess.Process:
    arguments: list[Any] = ["-nostdin", "-loglevel", "error", "-rtsp_transport", transport, "-i", url]
    arguments += ["-c", "copy", "-f", "segment", "-segment_time", "10", "-segment_format", "mp4", "-y", pattern]
    return await asyncio.create_subprocess_exec("ffmpeg", *map(str, arguments), stdin=asyncio.subprocess.DEVNULL)


# ------------------------------------------------------------------------------------ figures


async def watch(pids: Sequence[int], seconds: float) -> Window:
    """The use of these processes over a window, with memory sampled along it."""
    clock = SystemClock()
    began, before = clock.now(), usage(pids)
    rss = [before.rss_bytes]
    after: Usage = before
    for _ in range(MEMORY_SAMPLES):
        await asyncio.sleep(seconds / MEMORY_SAMPLES)
        after = usage(pids)
        rss.append(after.rss_bytes)
    passed_s = (clock.now().mono_us - began.mono_us) / 1e6
    return Window(passed_s, after.cpu_s - before.cpu_s, rss)


def _results(ours: Window, peer: Window | None, streams: int) -> list[Result]:
    cpu, memory_mb = ours.core_percent(streams), ours.rss_bytes[-1] / 1e6 / streams
    half = len(ours.rss_bytes) // 2
    growth = statistics.median(ours.rss_bytes[half:]) - statistics.median(ours.rss_bytes[:half])
    own = [
        Result("CPU of the hub", ours.core_percent(1), "% of a core"),
        Result("memory of the hub", ours.rss_bytes[-1] / 1e6, "MB"),
        Result("growth of memory, second half over first", growth / 1e6, "MB"),
    ]
    if peer is None:
        return [Result("CPU per stream", cpu, "% of a core"), Result("memory per stream", memory_mb, "MB"), *own]
    their_cpu, their_mb = peer.core_percent(streams), peer.rss_bytes[-1] / 1e6 / streams
    return [
        Result("CPU per stream", cpu, "% of a core", "ffmpeg", cpu / their_cpu),
        Result("memory per stream", memory_mb, "MB", "ffmpeg", memory_mb / their_mb),
        *own,
        Result("ffmpeg: CPU per stream", their_cpu, "% of a core"),
        Result("ffmpeg: memory per stream", their_mb, "MB"),
    ]
