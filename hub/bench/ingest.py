"""``hub bench ingest``: what it costs to record many streams, against other recorders on the same ones.

One process of simulated cameras sends the same streams to a real hub (receive, depacketize, detect, fragment, hash,
write, flush, ledger) and to every peer **at the same time**; CPU is the kernel's own accounting of their processes over
the same windows in steady state. Afterwards the hub's ledger is verified and its packet counts are compared with what
the cameras sent: nothing may be missing.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from hub.bench.peers.ffmpeg import Ffmpeg
from hub.bench.peers.hub import OtherHub
from hub.bench.peers.mediamtx import Mediamtx
from hub.bench.peers.peer import Peer
from hub.bench.peers.pyav import Pyav
from hub.bench.peers.windows import Window, cpu_results, memory_results, windows
from hub.bench.processes import HubProcess
from hub.bench.recorded import missing_packets
from hub.bench.report import Report
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.errors import HubError
from hub.ledger.verify import verify_path
from hub.model import Codec

SETTLE_S = 8.0
"""Connecting, the first keyframes and the first reels are not steady state."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=100, help="how many cameras (default 100)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a measured window (default 10)")
    parser.add_argument("--rounds", type=int, default=5, help="how many windows; figures are medians (default 5)")
    parser.add_argument(
        "--vs", default="", help="what else records the same streams: ffmpeg, pyav, separated by commas"
    )
    parser.add_argument("--mediamtx", type=Path, metavar="PATH", help="MediaMTX's binary: it records them, too")
    parser.add_argument(
        "--against", type=Path, metavar="FOLDER", help="other sources of the hub: they record the streams, too"
    )
    parser.add_argument("--audio", choices=("none", "aac", "pcma"), default="none", help="sound of each camera")
    parser.add_argument("--content", action="store_true", help="look at the pictures, too: no peer does")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp", help="how RTP travels (default tcp)")


def run(options: argparse.Namespace) -> Report:
    return uvloop.run(measure(options))


async def measure(options: argparse.Namespace) -> Report:
    """Raises HubError when a peer is missing or a stream does not come up."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-")))
        simulators = await stack.enter_async_context(Simulators(_cameras(options)))
        peers = peers_of(options, simulators.urls, folder)
        found, lost, notes = await _record(options, simulators.urls, peers, folder / "data")
    streams = dict.fromkeys(found, options.streams)
    if options.mediamtx is None:
        notes += ("MediaMTX is not compared with: no --mediamtx PATH.",)
    return Report("ingest", [*cpu_results(found, streams), *memory_results(found, streams)], lost, notes)


def peers_of(options: argparse.Namespace, urls: Sequence[str], folder: Path) -> list[Peer]:
    """Raises HubError for one that is not known, or not there."""
    peers: list[Peer] = []
    for name in filter(None, options.vs.split(",")):
        if name not in ("ffmpeg", "pyav"):
            raise HubError(f"--vs: expected ffmpeg or pyav, found {name!r}")
        kind = Ffmpeg if name == "ffmpeg" else Pyav
        peers.append(kind(folder / name, urls, options.transport))
    if options.mediamtx is not None:
        peers.append(Mediamtx(folder / "mediamtx", options.mediamtx, pull=urls, transport=options.transport))
    if options.against is not None:
        peers.append(OtherHub(folder / "other", urls, options.transport, _environ(options), code=options.against))
    return peers


def _cameras(options: argparse.Namespace) -> SimulatorsConfig:
    audio = {
        "none": None,
        "aac": AudioSpec(Codec.AAC, rate=48_000),
        "pcma": AudioSpec(Codec.PCMA, rate=8000),
    }[options.audio]
    camera = DeviceConfig(name="camera", video=VideoSpec(), audio=audio, count=options.streams)
    return SimulatorsConfig(cameras=(camera,))


def _environ(options: argparse.Namespace) -> Mapping[str, str]:
    return {"HUB_LOG_LEVEL": "warning", "HUB_CONTENT_CHECKS": str(options.content).lower()}


async def _record(
    options: argparse.Namespace, urls: Sequence[str], peers: Sequence[Peer], data: Path
) -> tuple[Mapping[str, Sequence[Window]], int, tuple[str, ...]]:
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(HubProcess(data, _environ(options)))
        for number, url in enumerate(urls, 1):
            await hub.add_camera(f"camera-{number}", url, options.transport)
        for peer in peers:
            await stack.enter_async_context(peer)
        await until_live(hub, options.streams)
        await asyncio.sleep(SETTLE_S)
        recorders = {"hub": lambda: hub.pids} | {peer.name: lambda peer=peer: peer.pids for peer in peers}
        written = {peer.name: peer.written_bytes() for peer in peers}
        found = await windows(recorders, options.seconds, options.rounds)
        idle = [peer.name for peer in peers if peer.written_bytes() <= written[peer.name]]
        interruptions = await hub.call("GET", "/api/interruptions")
    if idle:
        raise HubError(f"{', '.join(idle)} recorded nothing: there is nothing to compare with")
    verdict = verify_path(data, None, keys_dir=hub.keys_dir)
    lost = await asyncio.to_thread(missing_packets, data, [f"camera-{n}" for n in range(1, options.streams + 1)])
    notes = (
        f"{options.streams} streams of 720p25 at 2 Mbit/s, sound: {options.audio}, {options.transport}; "
        f"{options.rounds} windows of {options.seconds:g} s, all at the same time; {len(interruptions)} interruptions; "
        f"hub verify: exit {verdict.exit_code}",
    )
    return found, lost + len(interruptions) + verdict.exit_code, notes


async def until_live(hub: HubProcess, streams: int) -> None:
    """Raises HubError if they do not all come up within a minute."""
    for _ in range(300):
        states = [stream["status"]["state"] for stream in await hub.call("GET", "/api/streams")]
        if states.count("live") == streams:
            return
        await asyncio.sleep(0.2)
    raise HubError(f"only {states.count('live')} of {streams} streams came up; see {hub.log_path}")
