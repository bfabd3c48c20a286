"""``hub bench whip``: what it costs to record WHIP publishers, against aiortc and MediaMTX on the same media.

Simulated recorders publish the same pictures and sound to the hub and to every peer at the same time, each to its own
session. Figures are per stream: what decodes, and what encodes again, gets few of them, or it would take the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop

from hub.bench.ingest import SETTLE_S, until_live
from hub.bench.peers.aiortc import Aiortc
from hub.bench.peers.mediamtx import Mediamtx
from hub.bench.peers.windows import Window, cpu_results, memory_results, windows
from hub.bench.processes import HubProcess
from hub.bench.recorded import missing_packets
from hub.bench.report import Report
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.errors import HubError
from hub.ledger.verify import verify_path
from hub.model import Codec

Publishing = Aiortc | Mediamtx


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=16, help="publishers to the hub (default 16)")
    parser.add_argument("--decoded", type=int, default=2, help="publishers to aiortc that decodes (default 2; 0: none)")
    parser.add_argument("--encoded", type=int, default=0, help="publishers to its MediaRecorder (default 0: none)")
    parser.add_argument("--mediamtx", type=Path, metavar="PATH", help="MediaMTX's binary: as many publish to it")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a measured window (default 10)")
    parser.add_argument("--rounds", type=int, default=5, help="how many windows; figures are medians (default 5)")


def run(options: argparse.Namespace) -> Report:
    return uvloop.run(measure(options))


@dataclass(frozen=True, slots=True)
class Compared:
    """A peer, and how many publish to it."""

    peer: Publishing
    streams: int


async def measure(options: argparse.Namespace) -> Report:
    """Raises HubError when a peer is missing or a stream does not come up."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-")))
        compared = _peers(options, folder)
        total = options.streams + sum(one.streams for one in compared)
        simulators = await stack.enter_async_context(Simulators(_recorders(total)))
        found, lost, notes = await _record(options, simulators, compared, folder / "data")
    streams = {"hub": options.streams} | {one.peer.name: one.streams for one in compared}
    if options.mediamtx is None:
        notes += ("MediaMTX is not compared with: no --mediamtx PATH.",)
    return Report("whip", [*cpu_results(found, streams), *memory_results(found, streams)], lost, notes)


def _peers(options: argparse.Namespace, folder: Path) -> list[Compared]:
    found: list[Compared] = []
    if options.decoded:
        found.append(Compared(Aiortc(folder / "decoded", "decode", options.decoded), options.decoded))
    if options.encoded:
        found.append(Compared(Aiortc(folder / "encoded", "record", options.encoded), options.encoded))
    if options.mediamtx is not None:
        found.append(Compared(Mediamtx(folder / "mediamtx", options.mediamtx, push=options.streams), options.streams))
    return found


def _recorders(count: int) -> SimulatorsConfig:
    video, audio = VideoSpec(profile="baseline"), AudioSpec(Codec.OPUS, rate=48_000, channels=2)
    return SimulatorsConfig(recorders=(DeviceConfig(name="recorder", video=video, audio=audio, count=max(2, count)),))


async def _record(
    options: argparse.Namespace, simulators: Simulators, compared: Sequence[Compared], data: Path
) -> tuple[Mapping[str, Sequence[Window]], int, tuple[str, ...]]:
    names = [f"recorder-{n}" for n in range(1, options.streams + sum(one.streams for one in compared) + 1)]
    devices = iter(names)
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(
            HubProcess(data, {"HUB_LOG_LEVEL": "warning", "HUB_CONTENT_CHECKS": "false"})
        )
        ids = [await _to_hub(hub, simulators, next(devices)) for _ in range(options.streams)]
        for one in compared:
            await stack.enter_async_context(one.peer)
            await _to_peer(simulators, one.peer, devices)
        await until_live(hub, options.streams)
        await asyncio.sleep(SETTLE_S)
        recorders = {"hub": lambda: hub.pids} | {one.peer.name: lambda one=one: one.peer.pids for one in compared}
        written = [one.peer.written_bytes() for one in compared]
        found = await windows(recorders, options.seconds, options.rounds)
        idle = [
            one.peer.name for one, before in zip(compared, written, strict=True) if one.peer.written_bytes() <= before
        ]
        interruptions = await hub.call("GET", "/api/interruptions")
        for name in names:
            await simulators.retire(name)
    if idle:
        raise HubError(f"{', '.join(idle)} received nothing: there is nothing to compare with")
    verdict = verify_path(data, None, keys_dir=hub.keys_dir)
    lost = await asyncio.to_thread(missing_packets, data, ids)
    notes = (
        f"{options.streams} publishers of 720p25 at 2 Mbit/s with Opus to the hub; {options.rounds} windows of "
        f"{options.seconds:g} s, all at the same time; {len(interruptions)} interruptions; hub verify: exit "
        f"{verdict.exit_code}",
    )
    return found, lost + len(interruptions) + verdict.exit_code, notes


async def _to_hub(hub: HubProcess, simulators: Simulators, device: str) -> str:
    await simulators.publish(device, f"{hub.url}/whip/{device}", await hub.add_recorder(device))
    return device


async def _to_peer(simulators: Simulators, peer: Publishing, devices: Iterator[str]) -> None:
    for url in peer.whip_urls:
        await simulators.publish(next(devices), url)
