"""``hub bench growth``: what a further stream costs when there are few and when there are many, and ledger calls over
short and long histories.

Cameras are added to one hub step by step; CPU and memory of a further stream are the differences between steps. Beside
them stands what the trip alone costs when as many streams take turns in one process: it executes the same bytecodes at
every step, so what it grows by is the processor's caches, and no doing of the hub. The histories are made up
(:mod:`hub.bench.history_made`); calls are made in this process, on the ledger's own classes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from pathlib import Path

import uvloop

from hub.audit.open_log import OpenLog
from hub.bench.floor import picture_tracks
from hub.bench.history import shape
from hub.bench.history_made import History, Told
from hub.bench.ingest import until_live
from hub.bench.peers.windows import Window, windows
from hub.bench.processes import HubProcess
from hub.bench.recorded import missing_packets
from hub.bench.report import Report, Result
from hub.bench.trip import RtspTrip, Sent, sent_by
from hub.clock import NS_PER_US, US_PER_S, ManualClock, SystemClock
from hub.database import Database
from hub.demo.encode import VideoSpec
from hub.demo.feed import TrackMedia
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.bodies import interruption_body
from hub.ledger.entries import EntryType
from hub.ledger.ledger import Ledger
from hub.ledger.reader import Reader
from hub.model import Interruption, InterruptionKind, InterruptionState
from hub.monitor.timeline import timeline
from hub.segmenter.scan import whole_fragments
from hub.settings import Settings

SETTLE_S = 6.0
_TRIP_PICTURES = 10_000
"""Of all streams together, in one round; of each at least four seconds."""
_HOUR_US = 3600 * US_PER_S


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", default="10,30,100,300", help="steps (default 10,30,100,300)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a window (default 5)")
    parser.add_argument("--rounds", type=int, default=5, help="windows a step; figures are medians (default 5)")
    parser.add_argument("--entries", default="1e4,1e5,1e6", help="histories (default 1e4,1e5,1e6)")
    parser.add_argument("--calls", type=int, default=60, help="calls of each kind (default 60)")
    parser.add_argument("--folder", type=Path, help="where to make the data (default: the temporary folder)")


def run(options: argparse.Namespace) -> Report:
    return uvloop.run(measure(options))


async def measure(options: argparse.Namespace) -> Report:
    """Raises HubError when a stream does not come up."""
    steps = [int(one) for one in options.streams.split(",")]
    alone_us = _alone(steps, options.rounds)
    taken, lost = await _streams(options, steps)
    lengths = [round(float(one)) for one in options.entries.split(",")]
    calls = [await _calls(options, length) for length in lengths]
    notes = (
        "proofs: the tiles of a log below 65,000 entries are all in memory, of a longer one some are read and checked",
    )
    return Report("growth", [*stream_results(steps, taken, alone_us), *call_results(lengths, calls)], lost, notes)


# ---------------------------------------------------------------------------------------- streams


async def _streams(options: argparse.Namespace, steps: Sequence[int]) -> tuple[list[Window], int]:
    """A window of medians for each step, and what was lost."""
    found = []
    cameras = DeviceConfig(name="camera", video=VideoSpec(), count=steps[-1])
    with tempfile.TemporaryDirectory(prefix="hub-bench-", dir=options.folder) as folder:
        data = Path(folder) / "data"
        async with (
            Simulators(SimulatorsConfig(cameras=(cameras,))) as simulators,
            HubProcess(data, {"HUB_LOG_LEVEL": "warning", "HUB_CONTENT_CHECKS": "false"}) as hub,
        ):
            there = 0
            for step in steps:
                for number in range(there + 1, step + 1):
                    await hub.add_camera(f"camera-{number}", simulators.urls[number - 1])
                there = step
                await until_live(hub, step)
                await asyncio.sleep(SETTLE_S)
                own = (await windows({"hub": lambda: hub.pids}, options.seconds, options.rounds))["hub"]
                cpu_s = statistics.median(one.cpu_s / one.seconds for one in own)
                found.append(Window(1.0, cpu_s, own[-1].memory_bytes))
        lost = await asyncio.to_thread(missing_packets, data, [f"camera-{n}" for n in range(1, steps[-1] + 1)])
    return found, lost


def _alone(steps: Sequence[int], rounds: int) -> list[float]:
    """CPU of a picture's trip to the disk's door, µs, at each step: all steps in turns, medians."""
    tracks = picture_tracks()
    fps = VideoSpec().fps
    sent = {step: sent_by(tracks, max(4.0, _TRIP_PICTURES / step / fps)) for step in steps}
    found: dict[int, list[float]] = {step: [] for step in steps}
    for _ in range(rounds):
        for step in steps:
            found[step].append(_turns(step, tracks, sent[step]))
    return [statistics.median(found[step]) for step in steps]


def _turns(streams: int, tracks: Sequence[TrackMedia], sent: Sequence[Sent]) -> float:
    """So many streams, each with a picture a turn: µs of a picture after the first second, in the median turn."""
    trips = [RtspTrip(ManualClock(mono_us=sent[0].at.mono_us), tracks) for _ in range(streams)]
    taken = []
    for one in sent:
        begun_ns = time.thread_time_ns()
        for trip in trips:
            trip.take(one)
        taken.append((time.thread_time_ns() - begun_ns) / NS_PER_US / streams)
    return statistics.median(taken[VideoSpec().fps :])


def stream_results(steps: Sequence[int], taken: Sequence[Window], alone_us: Sequence[float]) -> list[Result]:
    """Of each step, and of a further stream: between the last two steps over between the first two."""
    results = []
    for step, one, trip_us in zip(steps, taken, alone_us, strict=True):
        results.append(Result(f"{step} streams: CPU", one.core_percent, "% of a core"))
        results.append(Result(f"{step} streams: memory", one.memory_bytes / 1e6, "MB"))
        results.append(Result(f"{step} streams: a picture's trip alone", trip_us, "µs"))
    if len(steps) > 2:
        used = {
            "CPU": [one.cpu_s for one in taken],
            "memory": [float(one.memory_bytes) for one in taken],
            "trip alone": [step * trip_us for step, trip_us in zip(steps, alone_us, strict=True)],
        }
        for name, at in used.items():
            few = (at[1] - at[0]) / (steps[1] - steps[0])
            many = (at[-1] - at[-2]) / (steps[-1] - steps[-2])
            if few > 0:
                results.append(Result(f"{name} of a further stream, many over few", many / few, "×"))
    return results


# ------------------------------------------------------------------------------------------- calls


async def _calls(options: argparse.Namespace, entries: int) -> Mapping[str, float]:
    """Seconds of each call, by its name: medians."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-", dir=options.folder) as place:
        data = Path(place) / "data"
        hub = HubProcess(data, {"HUB_LOG_LEVEL": "warning", "HUB_CONTENT_CHECKS": "false"})
        async with hub:
            pass
        end_us = SystemClock().now().utc_us // (600 * US_PER_S) * 600 * US_PER_S
        told = shape(entries, 20, end_us)
        await asyncio.to_thread(History(data).add, told)
        ledger = await Ledger.open(Settings(data=data, keys_dir=hub.keys_dir), SystemClock(), whole_fragments)
        reader = Reader(Database.in_folder(data), data)
        head = ledger.checkpoint()  # one head: what a proof costs is not what a growing log costs
        proofs = OpenLog(data, lambda: head, ledger.vkey)
        kinds = {**_kinds(ledger, reader, told), **_proof_kinds(proofs)}
        try:
            return {name: await _timed(call, options.calls) for name, call in kinds.items()}
        finally:
            proofs.close()
            reader.close()
            await ledger.close()


async def _timed(call: Callable[[], Awaitable[object] | object], times: int) -> float:
    """The first one finds nothing in any cache."""
    taken = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        answer = call()
        if isinstance(answer, Awaitable):
            await answer
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:])


def _kinds(
    ledger: Ledger, reader: Reader, told: Sequence[Told]
) -> Mapping[str, Callable[[], Awaitable[object] | object]]:
    chance = random.Random(1)  # noqa: S311  places to look at
    year, numbers = told[0], count()  # answers are of one size at every length

    def somewhere() -> tuple[str, int, int]:
        at_us = chance.randrange(year.start_us, max(year.start_us + 1, year.end_us - _HOUR_US))
        return year.stream, at_us, at_us + _HOUR_US

    async def append() -> None:
        now_us = SystemClock().now().utc_us
        open_ = Interruption(
            f"growth-{next(numbers)}", "growth", InterruptionKind.STALL, InterruptionState.CONFIRMED, now_us, now_us
        )
        ledger.append("growth", EntryType.INTERRUPTION_OPEN, interruption_body(open_))
        await ledger.committed()

    def line() -> object:
        stream, from_us, to_us = somewhere()
        cuts = reader.interruptions(stream=stream, from_us=from_us, to_us=to_us, limit=1000)
        return timeline(reader.spans(stream, from_us, to_us), cuts, from_us, to_us, now_us=to_us)

    return {
        "append and commit": append,
        "chunks of an hour": lambda: reader.chunks(*somewhere(), 1000),
        "spans of an hour": lambda: reader.spans(*somewhere()),
        "newest interruptions": lambda: reader.interruptions(limit=10),
        "time line of an hour": line,
    }


def _proof_kinds(log: OpenLog) -> Mapping[str, Callable[[], object]]:
    """Of any entry, and from any older size. The first call hashes the whole log once."""
    chance, size = random.Random(2), log.checkpoint().size  # noqa: S311  places to look at
    return {
        "inclusion proof": lambda: log.inclusion(chance.randrange(size)),
        "consistency proof": lambda: log.consistency(chance.randrange(1, size)),
    }


def call_results(lengths: Sequence[int], calls: Sequence[Mapping[str, float]]) -> list[Result]:
    """Each call at each length; the longest over the shortest."""
    results, ratios = [], []
    for name in calls[0]:
        for length, found in zip(lengths, calls, strict=True):
            results.append(Result(f"{name}, {length:.0e} entries", found[name] * 1e3, "ms"))
        ratios.append(calls[-1][name] / calls[0][name])
        results.append(Result(f"{name}: long over short", ratios[-1], "×"))
    return [*results, Result("slowest ledger call, long over short", max(ratios), "×")]
