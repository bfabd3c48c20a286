"""``hub bench capacity``: how many streams one core records without losing a packet.

The hub, with all its threads, is held on one core; the simulated sources have the others. Streams are added step by
step, and each step must hold for a while: no packet missing, no interruption. What is reported is the greatest step
that held, and how much of the core it took.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from hub.bench.ingest import until_live
from hub.bench.peers.windows import Window, windows
from hub.bench.processes import HubProcess
from hub.bench.recorded import missing_packets
from hub.bench.report import Report, Result
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.errors import HubError
from hub.model import Codec

SETTLE_S = 6.0
FULL_PERCENT = 97.0
"""A core that is busier than this has no time left: what it records now, it records late."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", choices=("rtsp", "whip"), default="rtsp", help="how they come (default rtsp)")
    parser.add_argument("--steps", default="200,300,350", help="how many streams, step by step (default 200,300,350)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each step must hold (default 20)")


def run(options: argparse.Namespace) -> Report:
    return uvloop.run(measure(options))


async def measure(options: argparse.Namespace) -> Report:
    """Raises HubError where a core cannot be given to the hub alone."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 or shutil.which("taskset") is None:
        raise HubError("this needs two cores, and taskset (util-linux)")
    steps = [int(step) for step in options.steps.split(",")]
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        data = Path(folder) / "data"
        environ = {"HUB_LOG_LEVEL": "warning", "HUB_CONTENT_CHECKS": "false"}
        async with (
            Simulators(_sources(options.kind, steps[-1])) as simulators,
            HubProcess(data, environ, prefix=("taskset", "-c", str(cores[-1]))) as hub,
        ):
            os.sched_setaffinity(simulators.pid, set(cores[:-1]))
            held, window, why = await _climb(options, simulators, hub, steps)
        lost = await asyncio.to_thread(missing_packets, data, [f"source-{n}" for n in range(1, held + 1)])
    results = [
        Result(f"{options.kind.upper()} streams on one core", held, ""),
        Result("of that core", 0.0 if window is None else window.core_percent, "%"),
    ]
    return Report("capacity", results, lost if not why else 0, (why,) if why else ())


def _sources(kind: str, count: int) -> SimulatorsConfig:
    if kind == "rtsp":
        return SimulatorsConfig(cameras=(DeviceConfig(name="source", video=VideoSpec(), count=count),))
    video, audio = VideoSpec(profile="baseline"), AudioSpec(Codec.OPUS, rate=48_000, channels=2)
    return SimulatorsConfig(recorders=(DeviceConfig(name="source", video=video, audio=audio, count=count),))


async def _climb(
    options: argparse.Namespace, simulators: Simulators, hub: HubProcess, steps: Sequence[int]
) -> tuple[int, Window | None, str]:
    """The greatest step that held, what it took, and why the next one did not; empty: all of them held."""
    held, taken = 0, None
    for step in steps:
        for number in range(held + 1, step + 1):
            await _add(options.kind, simulators, hub, number)
        try:
            await until_live(hub, step)
        except HubError as error:
            return held, taken, f"{step}: {error}"
        await asyncio.sleep(SETTLE_S)
        window = (await windows({"hub": lambda: hub.pids}, options.seconds, 1))["hub"][0]
        interruptions = len(await hub.call("GET", "/api/interruptions"))
        if interruptions or window.core_percent > FULL_PERCENT:
            return held, taken, f"{step}: {interruptions} interruptions at {window.core_percent:.0f} % of the core"
        held, taken = step, window
    return held, taken, ""


async def _add(kind: str, simulators: Simulators, hub: HubProcess, number: int) -> None:
    name = f"source-{number}"
    if kind == "rtsp":
        await hub.add_camera(name, simulators.urls[number - 1])
    else:
        await simulators.publish(name, f"{hub.url}/whip/{name}", await hub.add_recorder(name))
