"""``hub bench history``: time lines, playback and starts of a hub with a long history, at two lengths of it.

The history is made up (:mod:`hub.bench.history_made`) and lies under a real hub: one stream with a year, one with a
month of chunks of 2 s, as many as were asked for with a day. A start looks at the last twelve hours of each stream,
whatever came before; of 500 streams a history of 10⁵ entries has these, a shorter one has not. Times are of HTTP calls
over loopback, the server's work and the client's. Lost is what a call ought to answer and does not, and open reels that
a start did not declare.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urljoin

import uvloop

from hub.bench.history_made import DAY_US, History, Told
from hub.bench.processes import HubProcess
from hub.bench.report import Report, Result
from hub.clock import US_PER_S, SystemClock, rfc3339

_AT_ONCE = 25
WINDOW_S = 600
"""Playback asks for ten minutes somewhere."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--entries", type=float, default=1e6, help="length of the history (default 1e6)")
    parser.add_argument("--short", type=float, default=1e5, help="the short history beside it (default 1e5)")
    parser.add_argument("--streams", type=int, default=500, help="streams with a day (default 500)")
    parser.add_argument("--reels", type=int, default=1000, help="open reels at each start (default 1000)")
    parser.add_argument("--calls", type=int, default=50, help="calls of each kind (default 50)")
    parser.add_argument("--starts", type=int, default=5, help="starts of each length (default 5)")
    parser.add_argument("--folder", type=Path, help="where to make the data (default: the temporary folder)")


def run(options: argparse.Namespace) -> Report:
    return uvloop.run(measure(options))


@dataclass(frozen=True, slots=True)
class _Length:
    """What was measured at one length of the history."""

    entries: int
    start_s: Sequence[float]
    month_ms: Sequence[float]
    day_ms: Sequence[float]
    first_ms: Sequence[float]
    lost: int


async def measure(options: argparse.Namespace) -> Report:
    short = await _at(options, round(options.short))
    long = await _at(options, round(options.entries))
    results = [Result("entries", long.entries, "", "short", long.entries / max(1, short.entries))]
    rows: tuple[tuple[str, str, Callable[[_Length], Sequence[float]]], ...] = (
        (f"start to ready, {options.reels} open reels", "s", lambda one: one.start_s),
        ("time line of a month of one stream", "ms", lambda one: one.month_ms),
        (f"time lines of a day of {options.streams} streams", "ms", lambda one: one.day_ms),
        ("first frame of playback, anywhere", "ms", lambda one: one.first_ms),
    )
    for name, unit, of in rows:
        now, before = statistics.median(of(long)), statistics.median(of(short))
        results += [
            Result(f"{name}: p50", now, unit, "short history", now / before),
            Result(f"{name}: worst", max(of(long)), unit),
        ]
    starts = statistics.median(long.start_s) / statistics.median(short.start_s)
    results.append(Result("start over a long history, against a short one", starts, "×"))
    notes = (f"{short.entries:,} entries beside {long.entries:,}; first frame: playlist, init segment, first segment.",)
    return Report("history", results, short.lost + long.lost, notes)


def shape(entries: int, streams: int, end_us: int) -> list[Told]:
    """A year of 10 s chunks, a month of 2 s chunks, and a day of each of ``streams``, together about ``entries``.

    Below some ten million entries each covers less time; what is asked for then lies within it."""
    year, month = entries * 3 // 10, min(entries * 13 // 100, 30 * 43_200)
    day = max(2, (entries - year - month) // streams)
    told = [_until("year", end_us, 10, min(year, 365 * 8640)), _until("month", end_us, 2, max(2, month))]
    chunk_s = min(600, max(2, 86_400 // day))
    return told + [_until(f"day-{number}", end_us, chunk_s, day) for number in range(1, streams + 1)]


def _until(stream: str, end_us: int, chunk_s: int, chunks: int) -> Told:
    chunks = max(2, chunks)
    reels = -(-chunks * chunk_s // 600)
    start_us = end_us - reels * 600 * US_PER_S
    return Told(stream, start_us, chunk_s, chunks)


async def _at(options: argparse.Namespace, entries: int) -> _Length:
    with tempfile.TemporaryDirectory(prefix="hub-bench-", dir=options.folder) as place:
        data = Path(place) / "data"
        hub = HubProcess(data, {"HUB_LOG_LEVEL": "warning", "HUB_CONTENT_CHECKS": "false"})
        async with hub:
            pass
        end_us = SystemClock().now().utc_us // (600 * US_PER_S) * 600 * US_PER_S
        told = shape(entries, options.streams, end_us)
        history = await asyncio.to_thread(History, data)
        made = await asyncio.to_thread(history.add, told)
        await _register(hub, told)
        starts, lost = await _starts(options, hub, history, told)
        async with hub:
            calls = _Calls(hub, history, options.calls)
            month = await calls.timed(lambda: calls.timeline(told[1], 30 * DAY_US))
            day = await calls.timed(lambda: calls.timelines([one.stream for one in told[2:]], end_us))
            first = await calls.timed(lambda: calls.first_frame(told[0]))
        return _Length(made, starts, month, day, first, lost + calls.lost)


async def _register(hub: HubProcess, told: Sequence[Told]) -> None:
    """Recorders, of which nobody expects anything; and the log is signed up to here once."""
    async with hub:
        streams = [
            {"id": one.stream, "name": one.stream, "kind": "recorder", "source": {"type": "whip"}} for one in told
        ]
        for at in range(0, len(streams), _AT_ONCE):
            await asyncio.gather(*(hub.call("POST", "/api/streams", one) for one in streams[at : at + _AT_ONCE]))


async def _starts(
    options: argparse.Namespace, hub: HubProcess, history: History, told: Sequence[Told]
) -> tuple[list[float], int]:
    """Seconds from the command to ``/readyz``, each after a kill that left so many reels open."""
    taken, lost = [], 0
    for _ in range(options.starts):
        now_us = SystemClock().now().utc_us
        for number in range(options.reels):
            stream = told[2 + number % (len(told) - 2)].stream
            await asyncio.to_thread(history.open_reel, stream, now_us + number // (len(told) - 2) * 1000)
        begun = time.perf_counter()
        await hub.start()
        taken.append(time.perf_counter() - begun)
        lost += options.reels - await _declared(hub, told[2].stream, options, now_us)
        await hub.kill()
    return taken, lost


async def _declared(hub: HubProcess, stream: str, options: argparse.Namespace, now_us: int) -> int:
    """How many of the open reels were declared, by one stream's share of them."""
    query = urlencode({"from": rfc3339(now_us - US_PER_S), "to": rfc3339(now_us + 60 * US_PER_S)})
    answer = await hub.call("GET", f"/api/streams/{stream}/timeline?{query}")
    recorded = any(span["state"] == "recorded" for span in answer["spans"])
    return options.reels if recorded else 0


class _Calls:
    """What a page asks for."""

    def __init__(self, hub: HubProcess, history: History, count: int) -> None:
        self._hub, self._history, self._count = hub, history, count
        self._chance = random.Random(1)  # noqa: S311  places to look at
        self.lost = 0

    async def timed(self, call: Callable[[], Awaitable[float]]) -> list[float]:
        """Milliseconds of each call but the first, which finds nothing in any cache."""
        return [await call() * 1e3 for _ in range(self._count + 1)][1:]

    async def timeline(self, told: Told, length_us: int) -> float:
        from_us = max(told.start_us, told.end_us - length_us)
        query = urlencode({"from": rfc3339(from_us), "to": rfc3339(told.end_us)})
        begun = time.perf_counter()
        answer = await self._hub.call("GET", f"/api/streams/{told.stream}/timeline?{query}")
        taken = time.perf_counter() - begun
        self.lost += not answer["spans"]
        return taken

    async def timelines(self, streams: Sequence[str], end_us: int) -> float:
        query = urlencode({"from": rfc3339(end_us - DAY_US), "to": rfc3339(end_us)})
        begun = time.perf_counter()
        answer = await self._hub.call("GET", f"/api/timelines?{query}")
        taken = time.perf_counter() - begun
        self.lost += sum(not answer["streams"][one]["spans"] for one in streams)
        return taken

    async def first_frame(self, told: Told) -> float:
        """The playlist of ten minutes, the init segment, and the first chunk's bytes."""
        reel = self._chance.randrange(max(1, told.chunks // told.per_reel))
        await asyncio.to_thread(self._history.reel_file, told, reel)
        from_us = told.start_us + reel * WINDOW_S * US_PER_S
        query = urlencode({"from": rfc3339(from_us), "to": rfc3339(from_us + WINDOW_S * US_PER_S)})
        begun = time.perf_counter()
        text = await self._hub.call("GET", f"/api/streams/{told.stream}/playback.m3u8?{query}")
        base = f"{self._hub.url}/api/streams/{told.stream}/"
        init = next(line.split('"')[1] for line in text.splitlines() if line.startswith("#EXT-X-MAP"))
        media, length, offset = first_segment(text)
        got = 0
        headers = {"Range": f"bytes={offset}-{offset + length - 1}"}
        async with self._hub.http.get(urljoin(base, init)) as answer:
            got += len(await answer.read())
        async with self._hub.http.get(urljoin(base, media), headers=headers) as answer:
            got += len(await answer.read())
        taken = time.perf_counter() - begun
        self.lost += got != len(self._history.init.data) + length
        return taken


def first_segment(text: str) -> tuple[str, int, int]:
    """Its address, and the length and offset of its bytes."""
    lines = text.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("#EXT-X-BYTERANGE"))
    length, _, offset = lines[at].partition(":")[2].partition("@")
    return next(line for line in lines[at:] if not line.startswith("#")), int(length), int(offset)
