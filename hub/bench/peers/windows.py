"""The same windows for all: what several recorders used between the same moments, and how their figures compare.

At the same time the machine's mood is the same for all of them: a neighbour that slows one slows the others.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hub.bench.processes import Usage, memory_bytes, usage
from hub.bench.report import Result
from hub.clock import SystemClock

Pids = Callable[[], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Window:
    """What one recorder used between two moments."""

    seconds: float
    cpu_s: float
    memory_bytes: int
    """At its end: see :func:`hub.bench.processes.memory_bytes`."""

    @property
    def core_percent(self) -> float:
        """Per cent of one core."""
        return 100 * self.cpu_s / self.seconds


async def windows(recorders: Mapping[str, Pids], seconds: float, rounds: int) -> Mapping[str, Sequence[Window]]:
    """``rounds`` windows one after the other, of all recorders at once."""
    clock = SystemClock()
    found: dict[str, list[Window]] = {name: [] for name in recorders}
    began, before = clock.now(), _look(recorders)
    for _ in range(rounds):
        await asyncio.sleep(seconds)
        ended, after = clock.now(), _look(recorders)
        passed_s = (ended.mono_us - began.mono_us) / 1e6
        for name in recorders:
            cpu_s = after[name].cpu_s - before[name].cpu_s
            found[name].append(Window(passed_s, cpu_s, memory_bytes(recorders[name]())))
        began, before = ended, after
    return found


def _look(recorders: Mapping[str, Pids]) -> Mapping[str, Usage]:
    return {name: usage(pids()) for name, pids in recorders.items()}


def cpu_results(found: Mapping[str, Sequence[Window]], streams: Mapping[str, int], own: str = "hub") -> list[Result]:
    """CPU per stream of each, and of ``own`` over each other: medians over the windows of ratios within a window."""
    each = {name: [one.core_percent / streams[name] for one in found[name]] for name in found}
    mine = each[own]
    results = [Result("CPU per stream", statistics.median(mine), "% of a core")]
    for name, theirs in each.items():
        if name != own:
            ratio = statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
            results.append(Result(f"  {name}", statistics.median(theirs), "% of a core"))
            results.append(Result(f"  hub over {name}", ratio, "×", name, ratio))
    return results


def memory_results(found: Mapping[str, Sequence[Window]], streams: Mapping[str, int], own: str = "hub") -> list[Result]:
    """Memory at the end of each, and how much the hub's grew from the first window to the last."""
    results = []
    for name, all_of_it in found.items():
        megabytes = all_of_it[-1].memory_bytes / 1e6
        results.append(Result(f"memory of {name}", megabytes, "MB"))
        if name == own:
            results.append(Result("memory per stream beyond 100 MB", (megabytes - 100) / streams[name], "MB"))
    grown = (found[own][-1].memory_bytes - found[own][0].memory_bytes) / 1e6
    return [*results, Result("growth of the hub's memory over the windows", grown, "MB")]
