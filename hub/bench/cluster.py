"""``hub bench cluster``: what the same streams cost a cluster and one embedded process, at the same time.

Windows without watchers, with one and with many take turns: what the owner sends to the node that serves is paid once a
stream, what that one sends on is paid once a watcher. Lost is what either ledger misses;
pictures that walls did not get, being too slow for so many, are told beside it: recording does not wait for them.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg
import uvloop

from hub.bench.ingest import SETTLE_S, until_live
from hub.bench.peers.cluster import Cluster, cluster_of, environment
from hub.bench.peers.servers import Postgres, Redis, postgres_server, redis_server
from hub.bench.peers.watchers import Watchers
from hub.bench.peers.windows import Pids, Window, windows
from hub.bench.processes import HubProcess
from hub.bench.recorded import missing_in, missing_packets
from hub.bench.report import Report, Result
from hub.clock import US_PER_S, SystemClock
from hub.database import Database
from hub.database.migrating import migrate
from hub.demo.encode import VideoSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.errors import HubError
from hub.ledger.reader import Reader
from hub.ledger.verify import verify_path

ALONE, INGEST, API, NOTARY, POSTGRES, REDIS = "embedded", "ingest", "api", "notary", "postgresql", "redis"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=24, help="cameras that both record (default 24)")
    parser.add_argument("--nodes", type=int, default=3, help="nodes that record (default 3)")
    parser.add_argument("--watchers", type=int, default=8, help="who each watch all of them (default 8)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a measured window (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="how many turns; figures are medians (default 3)")
    parser.add_argument(
        "--small", action="store_true", help="320×180 at 10 pictures/s and 100 kbit/s instead of 720p25"
    )


def run(options: argparse.Namespace) -> Report:
    return uvloop.run(measure(options))


@dataclass(frozen=True, slots=True)
class Counts:
    """What the servers have done so far."""

    at_us: int
    redis_commands: int
    redis_bytes: int
    rows: int
    commits: int


@dataclass
class Found:
    """Windows by who is watching (0, 1, many), of all processes."""

    alone: list[Mapping[str, Window]] = field(default_factory=list)
    one: list[Mapping[str, Window]] = field(default_factory=list)
    many: list[Mapping[str, Window]] = field(default_factory=list)
    counts: list[tuple[Counts, Counts]] = field(default_factory=list)
    dropped: int = 0


async def measure(options: argparse.Namespace) -> Report:
    """Raises HubError when a stream does not come up or a watcher is thrown out."""
    video = VideoSpec(width=320, height=180, fps=10, gop=10, bitrate=100_000) if options.small else VideoSpec()
    names = [f"camera-{number}" for number in range(1, options.streams + 1)]
    cameras = DeviceConfig(name="camera", video=video, count=max(2, options.streams), aligned=True)
    with _servers() as (postgres, redis, folder):
        database = postgres.fresh()
        await asyncio.to_thread(migrate, Database.at(database))
        quiet = {"HUB_LOG_LEVEL": "warning", "HUB_CONTENT_CHECKS": "false"}
        nodes = [f"{INGEST}-{number}" for number in range(1, options.nodes + 1)]
        async with AsyncExitStack() as stack:
            simulators = await stack.enter_async_context(Simulators(SimulatorsConfig(cameras=(cameras,))))
            alone = await stack.enter_async_context(HubProcess(folder / "alone", quiet))
            environ = environment(database, redis.url, quiet)
            cluster = await stack.enter_async_context(cluster_of(folder, environ, *nodes, "api-1", "notary-1"))
            await cluster.until_led()
            for hub in (alone, cluster.nodes["api-1"]):
                await _register(hub, simulators.urls[: options.streams])
            await asyncio.sleep(SETTLE_S)
            found = await _look(options, alone, cluster, postgres, redis, database, names)
            cut = [len(await hub.call("GET", "/api/interruptions")) for hub in (alone, cluster.nodes["api-1"])]
        lost = await asyncio.to_thread(_lost, alone, cluster, database, names)
    notes = (
        f"{options.streams} streams of {video.width}×{video.height} at {video.fps} pictures/s and "
        f"{video.bitrate / 1e6:g} Mbit/s, {options.nodes} nodes; {options.rounds} turns of windows of "
        f"{options.seconds:g} s, all processes at the same time; {cut[0]} and {cut[1]} interruptions",
    )
    return Report("cluster", _results(found, options), lost + sum(cut), notes)


@contextmanager
def _servers() -> Iterator[tuple[Postgres, Redis, Path]]:
    with (
        tempfile.TemporaryDirectory(prefix="hub-bench-") as folder,
        postgres_server() as postgres,
        redis_server() as redis,
    ):
        yield postgres, redis, Path(folder)


async def _register(hub: HubProcess, urls: Sequence[str]) -> None:
    for number, url in enumerate(urls, 1):
        await hub.add_camera(f"camera-{number}", url)
    await until_live(hub, len(urls))


async def _look(
    options: argparse.Namespace,
    alone: HubProcess,
    cluster: Cluster,
    postgres: Postgres,
    redis: Redis,
    database: str,
    names: list[str],
) -> Found:
    found = Found()
    recorders: Mapping[str, Pids] = {
        ALONE: lambda: [alone.pid],
        **{role: partial(_pids, cluster, role) for role in (INGEST, API, NOTARY)},
        POSTGRES: postgres.pids,
        REDIS: lambda: [redis.process.pid],
    }

    async def window() -> Mapping[str, Window]:
        return {name: one[0] for name, one in (await windows(recorders, options.seconds, 1)).items()}

    api = cluster.nodes["api-1"]
    for _ in range(options.rounds):
        before = _counts(redis, database)
        found.alone.append(await window())
        found.counts.append((before, _counts(redis, database)))
        for watchers, into in ((1, found.one), (options.watchers, found.many)):
            async with Watchers(api.url, api.token, watchers, names) as watching:
                into.append(await window())
                found.dropped += (await watching.got()).dropped
    return found


def _pids(cluster: Cluster, role: str) -> Sequence[int]:
    return [node.pid for node in cluster.of(role)]


def _counts(redis: Redis, database: str) -> Counts:
    info = redis.info()
    with psycopg.connect(database, connect_timeout=5) as connection:
        row = connection.execute(
            "SELECT tup_inserted + tup_updated + tup_deleted, xact_commit FROM pg_stat_database "
            "WHERE datname = current_database()"
        ).fetchone()
    if row is None:
        raise HubError("PostgreSQL does not say what it did")
    redis_bytes = int(info["total_net_input_bytes"]) + int(info["total_net_output_bytes"])
    commands = int(info["total_commands_processed"])
    return Counts(SystemClock().now().mono_us, commands, redis_bytes, row[0], row[1])


def _lost(alone: HubProcess, cluster: Cluster, database: str, names: list[str]) -> int:
    """Packets that a ledger misses, and ledgers that do not verify."""
    reader = Reader(Database.at(database), cluster.folder / "notary-1")
    try:
        missing = missing_packets(alone.data, names) + missing_in(reader, names)
    finally:
        reader.close()
    verdicts = (verify_path(alone.data, keys_dir=alone.keys_dir), cluster.verified("notary-1"))
    return missing + sum(one.exit_code != 0 for one in verdicts)


def _each(turns: Sequence[Mapping[str, Window]], streams: int, *names: str) -> list[float]:
    """Per cent of a core a stream, turn by turn."""
    return [sum(turn[name].core_percent for name in names) / streams for turn in turns]


def _more(
    with_: Sequence[Mapping[str, Window]], without: Sequence[Mapping[str, Window]], streams: int, name: str
) -> float:
    pairs = zip(_each(with_, streams, name), _each(without, streams, name), strict=True)
    return statistics.median(more - less for more, less in pairs)


def _results(found: Found, options: argparse.Namespace) -> list[Result]:
    streams = options.streams
    mine = _each(found.alone, streams, ALONE)
    results = [
        Result("one process: CPU per stream", statistics.median(mine), "% of a core"),
        Result("  streams per core", 100 / statistics.median(mine), "streams"),
    ]
    for label, names in (
        ("nodes that record", (INGEST,)),
        ("the office", (NOTARY,)),
        ("PostgreSQL", (POSTGRES,)),
        ("Redis", (REDIS,)),
        ("all of the cluster, nobody watching", (INGEST, NOTARY, API, POSTGRES, REDIS)),
    ):
        theirs = _each(found.alone, streams, *names)
        median = statistics.median(theirs)
        ratio = statistics.median(a / b for a, b in zip(theirs, mine, strict=True))
        results.append(Result(f"{label}: CPU per stream", median, "% of a core", "one process", ratio))
        if names == (INGEST,):
            results.append(Result("  streams per core", 100 / median, "streams"))
    return [*results, *_of_watching(found, options), *_of_servers(found, streams)]


def _of_watching(found: Found, options: argparse.Namespace) -> list[Result]:
    streams, further = options.streams, max(1, options.watchers - 1)
    return [
        Result("first watcher of a stream: its owner", _more(found.one, found.alone, streams, INGEST), "% of a core"),
        Result("  the node that serves", _more(found.one, found.alone, streams, API), "% of a core"),
        Result("a further watcher: its owner", _more(found.many, found.one, streams, INGEST) / further, "% of a core"),
        Result("  the node that serves", _more(found.many, found.one, streams, API) / further, "% of a core"),
    ]


def _of_servers(found: Found, streams: int) -> list[Result]:
    def rate(count: Callable[[Counts], int]) -> float:
        """A stream and second."""
        return statistics.median(
            (count(after) - count(before)) / ((after.at_us - before.at_us) / US_PER_S) / streams
            for before, after in found.counts
        )

    return [
        Result("Redis: commands a stream and second", rate(lambda one: one.redis_commands), ""),
        Result("  bytes in and out", rate(lambda one: one.redis_bytes), "B"),
        Result("PostgreSQL: rows written a stream and second", rate(lambda one: one.rows), ""),
        Result("  transactions", rate(lambda one: one.commits), ""),
        Result("pictures that walls did not get", found.dropped, ""),
    ]
