"""``hub bench fanout``: what a further watcher of a stream costs, against the recording of that stream.

Windows without watchers and windows with them take turns; the difference is the watchers'. They take every byte that
they are sent, in a process of their own. Lost is what a watcher was told it missed, and what the ledger misses.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

import uvloop

from hub.bench.ingest import SETTLE_S, until_live
from hub.bench.peers.watchers import Watchers
from hub.bench.peers.windows import Window, windows
from hub.bench.processes import HubProcess
from hub.bench.recorded import missing_packets
from hub.bench.report import Report, Result
from hub.demo.encode import VideoSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=16, help="cameras recorded and watched (default 16)")
    parser.add_argument("--watchers", type=int, default=8, help="who each watch all of them (default 8)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a measured window (default 5)")
    parser.add_argument("--rounds", type=int, default=5, help="how many turns; figures are medians (default 5)")


def run(options: argparse.Namespace) -> Report:
    return uvloop.run(measure(options))


async def measure(options: argparse.Namespace) -> Report:
    """Raises HubError when a stream does not come up or a watcher is thrown out."""
    names = [f"camera-{number}" for number in range(1, options.streams + 1)]
    cameras = DeviceConfig(name="camera", video=VideoSpec(), count=max(2, options.streams))
    alone: list[Window] = []
    watched: list[Window] = []
    dropped = sent_bytes = 0
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        data = Path(folder) / "data"
        async with (
            Simulators(SimulatorsConfig(cameras=(cameras,))) as simulators,
            HubProcess(data, {"HUB_LOG_LEVEL": "warning", "HUB_CONTENT_CHECKS": "false"}) as hub,
        ):
            for name, url in zip(names, simulators.urls, strict=False):
                await hub.add_camera(name, url)
            await until_live(hub, options.streams)
            await asyncio.sleep(SETTLE_S)
            for _ in range(options.rounds):
                alone += (await windows({"hub": lambda: hub.pids}, options.seconds, 1))["hub"]
                async with Watchers(hub.url, hub.token, options.watchers, names) as watchers:
                    before = await watchers.got()
                    watched += (await windows({"hub": lambda: hub.pids}, options.seconds, 1))["hub"]
                    after = await watchers.got()
                dropped += after.dropped
                sent_bytes += after.bytes - before.bytes
        missing = await asyncio.to_thread(missing_packets, data, names)
    mbit_s = sent_bytes * 8 / 1e6 / sum(one.seconds for one in watched) / options.watchers / options.streams
    notes = (
        f"each watcher got {mbit_s:.2f} Mbit/s a stream",
        f"not shown: {dropped} fragments of a few pictures each; not recorded: {missing} packets",
    )
    return Report("fanout", _results(alone, watched, options), dropped + missing, notes)


def _results(alone: list[Window], watched: list[Window], options: argparse.Namespace) -> list[Result]:
    recording = statistics.median(one.core_percent for one in alone) / options.streams
    more = [
        (with_.core_percent - without.core_percent) / options.streams / options.watchers
        for without, with_ in zip(alone, watched, strict=True)
    ]
    watcher = statistics.median(more)
    return [
        Result("CPU of recording a stream", recording, "% of a core"),
        Result("CPU of a further watcher of a stream", watcher, "% of a core", "recording", watcher / recording),
    ]
