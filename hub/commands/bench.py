"""``hub bench NAME``: each benchmark compares in one run and checks that nothing was lost."""

from __future__ import annotations

import argparse
import importlib

from hub.commands import Commands

BENCHES = {
    "ingest": "CPU and memory per recorded RTSP stream, against ffmpeg, PyAV and MediaMTX on the same streams",
    "whip": "the same of recorders that publish by WHIP, against aiortc and MediaMTX",
    "fanout": "what a further watcher of a stream costs, against its recording",
    "capacity": "how many streams one core records without losing a packet",
    "floor": "what a stream's bytes cost by themselves, and what its trip costs on top, with counts per packet",
    "history": "time lines, playback and starts of a hub with a long history",
    "growth": "CPU and memory from few streams to many, ledger calls from few entries to many",
    "all": "every goal of speed, as the table in docs/benchmarks.md",
    "latency": "from the moment a picture leaves a camera to the moment it is painted in Chromium",
    "county": "a simulated month of a county: how often a watcher is rung, how many explanations are demanded",
    "interruptions": "scripted faults: found, missed, false, delay and edge error",
    "search": "a million activities searched by unit, device, officer, time, party and cause",
    "content": "what the checks of pictures find in scenes made by script, and what one costs",
    "cluster": "what the same streams cost a cluster and one process, and what a watcher costs the bus",
    "scale": "what 200, 2 000 and 20 000 streams need, counted from what was measured",
    "verify": "how fast a data folder is verified, against plain SHA-256 of the same files",
}
"""Each is a module of ``hub.bench`` with ``add_arguments(parser)`` and ``run(options) -> Report``."""


def add(commands: Commands) -> None:
    text = "measure: each benchmark compares in one run and checks that nothing was lost"
    parser = commands.add_parser("bench", help=text, description=text)
    parser.add_argument(
        "name", choices=BENCHES, metavar="NAME", help="; ".join(f"{n}: {t}" for n, t in BENCHES.items())
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="`hub bench NAME --help` tells them")
    parser.set_defaults(command=_bench)


def _bench(options: argparse.Namespace) -> int:
    bench = importlib.import_module(f"hub.bench.{options.name}")
    parser = argparse.ArgumentParser(prog=f"hub bench {options.name}", description=BENCHES[options.name])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    bench.add_arguments(parser)
    chosen = parser.parse_args(options.arguments)
    report = bench.run(chosen)
    print(report.json() if chosen.json else report.table())
    return 0 if report.lost == 0 else 1
