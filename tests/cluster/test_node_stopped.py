"""A node that stands still past its lease, and goes on: what it wrote before is kept, and it writes nothing more."""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from tests.cluster.played import played, steps
from tests.cluster.whole import FPS, INGEST, LONG_S, MARKS, Figures, Footage, Whole, now_us, of_stream, run_of
from tests.hub_line import until

pytestmark = MARKS
CLOCKS = 2
"""Two connections tell the time of one picture by so many pictures apart, at most."""


async def test_it_wakes_up_and_writes_nothing(whole: Whole, figures: Figures) -> None:
    victim, before = whole.most(), whole.owners()
    streams = whole.owned_by(victim)
    whole.node(victim).signal(signal.SIGSTOP)
    stopped_us = now_us()
    await whole.recorded_since(now_us() + 1_000_000, streams=streams)
    await asyncio.sleep(whole.lease_s)
    taken = whole.owners()
    assert all(taken[one][1] > before[one][1] and taken[one][0] in INGEST for one in streams)
    whole.node(victim).signal(signal.SIGCONT)

    async def knows() -> bool:
        async with whole.node(victim).http.get(f"{whole.node(victim).node_url}/readyz") as answer:
            return (await answer.json())["checks"]["lease"] == "ok"

    await until(knows, LONG_S)
    # what lay in the kernel when it was stopped is read and kept; once it is at rest nothing more comes
    await until(lambda: at_rest(whole, victim, before), LONG_S)
    written = old_reels(whole, victim, before)
    await whole.recorded_since(now_us() + 4_000_000)
    assert old_reels(whole, victim, before).items() <= written.items()
    for stream in streams:
        old = [one for one in whole.entries(stream) if one.run >> 20 == before[stream][1]]
        new = min(one.seq for one in whole.entries(stream) if one.run >> 20 == taken[stream][1])
        late = [one for one in old if one.seq > new]
        assert {one.type for one in late} <= {"recovery"}, late
    cuts = [one for one in whole.interruptions(stopped_us - 10_000_000) if one["stream"] in streams]
    assert sorted({one["stream"] for one in cuts}) == streams
    twice = [await shown_once(whole, stream, before[stream][1], stopped_us) for stream in streams]
    assert max(twice) > 0.5, "there is nothing that both have"
    figures("SIGSTOP past the lease", f"what both nodes have: {max(twice):.1f} s at most")
    whole.never_twice()
    await whole.judged()


async def shown_once(whole: Whole, stream: str, old: int, stopped_us: int) -> float:
    """A player is given each picture once, and as much as the time line has. How much both nodes have, in seconds."""
    from_us = stopped_us - 3_000_000
    chunks = whole.footage(from_us, stream)[stream]
    to_us = chunks[-1].end_us - 1_000  # not what comes into the log meanwhile
    olds, news = ([one for one in chunks if (one.run >> 20 == old) is mine] for mine in (True, False))
    both_us = max(one.end_us for one in olds) - min(one.first_us for one in news)
    found = await played(whole.node("api-1"), stream, from_us, to_us)
    sent = await whole.simulators.sent(stream)
    count, over = steps(found, sent)
    assert all(abs(one - 1) <= CLOCKS for one in over), (stream, over)
    shown_s = sum(one.length_s + one.hole_s for one in found)
    last = max(one.end_us for one in chunks if one.first_us < to_us)
    first = min(one.first_us for one in chunks if one.end_us > from_us)
    late_s = came_late_s(one for one in chunks if one.first_us < to_us)
    assert -0.5 < shown_s - (last - first) / 1e6 < 0.5 + late_s, (stream, found, chunks)
    assert abs(count / FPS - sum(one.length_s for one in found)) < 0.5, (stream, found)
    return both_us / 1e6


def came_late_s(chunks: Iterable[Footage]) -> float:
    """How much longer runs are by their cameras' clocks than by the time line. The first pictures of a connection have
    the time of their arrival until one comes sooner: to a node that was starved they all came late, and at once."""
    runs: dict[int, list[Footage]] = defaultdict(list)
    for one in chunks:
        runs[one.run].append(one)
    late_us = [
        max(one.axis_us[1] for one in run) - min(one.axis_us[0] for one in run)
        - (max(one.end_us for one in run) - min(one.first_us for one in run))
        for run in runs.values()
    ]  # fmt: skip
    return sum(max(0, one) for one in late_us) / 1e6


def old_reels(whole: Whole, victim: str, before: Mapping[str, tuple[str, int]]) -> dict[Path, int]:
    """Reels of the runs that it recorded when it was stopped, and their sizes."""
    found = {}
    for reel in whole.reels(victim):
        if run_of(reel) >> 20 == before[of_stream(reel)][1]:
            with suppress(FileNotFoundError):  # it has just left for the archive
                found[reel] = reel.stat().st_size
    return found


async def at_rest(whole: Whole, victim: str, before: Mapping[str, tuple[str, int]]) -> bool:
    was = old_reels(whole, victim, before)
    await asyncio.sleep(2)
    return old_reels(whole, victim, before).items() <= was.items()
