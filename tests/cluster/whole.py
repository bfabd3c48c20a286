"""A whole cluster of processes, for tests that take something away from it: one for all of them, put right in between.

60 small cameras, three nodes that record, two that serve, one that leads and one that waits; PostgreSQL, Redis and an
object store of its own, because they are ended, too. CLUSTER_STREAMS, CLUSTER_AWAY_S (how long outages last) and
CLUSTER_LEASE_S are for runs by hand.

What has to come is waited for, long enough for a machine that is ten times as slow; what must not come is judged by
what was recorded and by what the cameras sent, never by how long something took.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import psycopg
import pytest
from psycopg.rows import dict_row

from hub.archive import pending
from hub.archive.store import Store, store_at
from hub.bench.peers.cluster import Cluster, Node, cluster_of, environment
from hub.bench.peers.servers import Postgres, Redis, postgres_server, redis_server
from hub.clock import US_PER_S, SystemClock, rfc3339
from hub.database import Database
from hub.database.migrating import migrate
from hub.demo.encode import VideoSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verdict import Verdict
from hub.settings import Settings
from tests.cluster.object_store import NoObjectStore, ObjectStore, object_store
from tests.hub_line import until

STREAMS = int(os.environ.get("CLUSTER_STREAMS", "60"))
FPS = 10
RECORDED = VideoSpec(width=320, height=180, fps=FPS, bitrate=100_000, gop=FPS, seconds=8, profile="baseline")
SMALL = VideoSpec(width=320, height=180, fps=FPS, bitrate=100_000, gop=FPS, seconds=8)
INGEST, API, NOTARY = ("ingest-1", "ingest-2", "ingest-3"), ("api-1", "api-2"), ("notary-1", "notary-2")
KEEP_S = 20
"""Reels leave the nodes' disks so long after they were sealed."""
AXIS_US = 300_000
"""A run's axis follows the camera's clock by so much at once; packets are counted by their numbers."""
AWAY_S = float(os.environ.get("CLUSTER_AWAY_S", "12"))
LONG_S = 180.0
SILENT_US = 1_000_000
"""A camera that sent nothing for so long was starved itself: on such a machine an interruption is one."""
BUSY, BUSY_LOAD, BUSY_LEASE_S = 2.5, 3.0, 8.0
"""A process takes so many times as long as alone, or of the last minute so many waited for each processor."""


def now_us() -> int:
    return SystemClock().now().utc_us


def cameras() -> list[str]:
    return [f"cam-{number}" for number in range(1, STREAMS + 1)]


def lease_s() -> float:
    """The settings' default on a machine that has time for its nodes, longer on one that is busy with other things: a
    node that is starved for the length of its lease has lost it, as it should."""
    began, used = time.perf_counter(), time.process_time()
    while time.process_time() - used < 0.2:
        pass
    slower = (time.perf_counter() - began) / (time.process_time() - used)
    busy = slower > BUSY or os.getloadavg()[0] > BUSY_LOAD * (os.cpu_count() or 1)
    said = os.environ.get("CLUSTER_LEASE_S")
    return float(said) if said else BUSY_LEASE_S if busy else float(Settings().lease_s)


MARKS = [
    pytest.mark.whole,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("whole"),
    pytest.mark.timeout(900 + 3 * AWAY_S),
]
"""Of every test of it: one process has it, on one event loop, and puts it right before each."""
Figures = Callable[[str, str], None]
"""Takes a name and what was measured: shown at the end of the tests."""


@dataclass(frozen=True, slots=True)
class Written:
    """An entry of a stream. ``run`` and times are those of footage, else 0 and None."""

    seq: int
    type: str
    run: int
    first_us: int | None
    end_us: int | None


@dataclass(frozen=True, slots=True)
class Footage:
    """A chunk, as the one log has it. ``axis_us``: from when to when its pictures are by the camera's own clock, on the
    axis of their run."""

    stream: str
    run: int
    reel: str
    first_us: int
    end_us: int
    first_seq: int
    last_seq: int
    lost: int
    axis_us: tuple[int, int]


@dataclass
class Whole:
    cluster: Cluster
    postgres: Postgres
    redis: Redis
    store_server: ObjectStore | None
    """None where none can be built: nothing is archived then, and tests of the archive are skipped."""
    bucket: str
    database: str
    simulators: Simulators
    lease_s: float
    drained: set[str] = field(default_factory=set)
    """Nodes that take no streams until they are started again."""
    at_rest: bool = False
    """Whether nothing was taken away since everything was seen to run, every stream with its owner of before."""

    # ------------------------------------------------------------------------------------ asked

    @property
    def objects(self) -> ObjectStore:
        if self.store_server is None:
            pytest.skip("no object store here: python -m tests.cluster.object_store says why")
        return self.store_server

    def node(self, name: str) -> Node:
        return self.cluster.nodes[name]

    async def call(self, method: str, path: str, body: Any = None, *, by: str = "api-1") -> Any:
        """Again while nobody leads the office, as whoever reads Retry-After does. Raises RuntimeError."""

        async def answered() -> tuple[Any] | None:
            try:
                return (await self.cluster.call(method, path, body, by=by),)
            except RuntimeError as refusal:
                if '"no_office"' not in str(refusal):
                    raise
                return None

        return (await until(answered, LONG_S))[0]

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database, connect_timeout=60, row_factory=dict_row) as connection:
            return connection.execute(query, values).fetchall()

    def owners(self) -> Mapping[str, tuple[str, int]]:
        """By the table: who records a stream, and since which epoch."""
        found = self.rows("SELECT stream, owner, epoch FROM cluster_chains WHERE stream LIKE 'cam-%%' AND owner <> ''")
        return {row["stream"]: (row["owner"], row["epoch"]) for row in found}

    def owned_by(self, name: str) -> list[str]:
        return sorted(stream for stream, (owner, _) in self.owners().items() if owner == name)

    def most(self) -> str:
        """The node that records most."""
        return Counter(owner for owner, _ in self.owners().values()).most_common(1)[0][0]

    def interruptions(self, since_us: int) -> list[dict[str, Any]]:
        query = "SELECT * FROM ledger_interruptions WHERE started_us >= %s ORDER BY stream, started_us"
        return self.rows(query, since_us)

    async def closed(self, since_us: int) -> bool:
        """Whether none of them lasts: a break that is over is closed when it has stayed so for some seconds."""
        return all(one["ended_us"] is not None for one in self.interruptions(since_us))

    async def invented(self, since_us: int) -> list[dict[str, Any]]:
        """Interruptions of a time when the camera sent, and without a hole: nothing was one."""
        found = []
        for one in self.interruptions(since_us):
            sent = [unit.utc_us for unit in await self.simulators.sent(one["stream"]) if unit.kind == "video"]
            end_us = one["ended_us"] or now_us()
            from_us, to_us = one["started_us"] - SILENT_US, end_us + SILENT_US
            near = [from_us, *(at for at in sent if from_us < at < to_us), to_us]
            if all(after - before < SILENT_US for before, after in pairwise(near)):
                found.append(one)
        return found

    def footage(self, since_us: int, stream: str = "") -> Mapping[str, Sequence[Footage]]:
        """Chunks of video by stream, in order of the recorded axis, from the last that began before on."""
        query = (
            "SELECT c.stream, r.run, r.path, c.first_us, c.end_us, c.tracks::json AS tracks FROM ledger_chunks c "
            "JOIN ledger_reels r ON r.id = c.reel_id WHERE c.end_us >= %s AND (%s = '' OR c.stream = %s) "
            "ORDER BY c.stream, c.first_us, c.end_us"
        )
        found: dict[str, list[Footage]] = {one: [] for one in ([stream] if stream else cameras())}
        for row in self.rows(query, since_us, stream, stream):
            track = row["tracks"][0]
            numbers = (track["first_seq"], track["last_seq"], track["lost"])
            begin_us, end_us = (track[key] * US_PER_S // track["timescale"] for key in ("first_ticks", "end_ticks"))
            at = (row["first_us"], row["end_us"])
            chunk = Footage(row["stream"], row["run"], row["path"], *at, *numbers, (begin_us, end_us))
            found.setdefault(chunk.stream, []).append(chunk)
        return found

    def entries(self, stream: str) -> list[Written]:
        query = (
            "SELECT e.seq, e.type, coalesce(r.run, 0) AS run, c.first_us, c.end_us FROM ledger_entries e "
            "LEFT JOIN ledger_chunks c ON c.entry_id = e.id LEFT JOIN ledger_reels r ON r.id = c.reel_id "
            "WHERE e.stream = %s ORDER BY e.seq"
        )
        return [Written(**row) for row in self.rows(query, stream)]

    def leader(self) -> str:
        """Which node leads the office now, by the table."""
        return str(self.rows("SELECT owner FROM cluster_chains WHERE stream = '_hub'")[0]["owner"])

    def owner(self, stream: str) -> str:
        return str(self.rows("SELECT owner FROM cluster_chains WHERE stream = %s", stream)[0]["owner"])

    def reels(self, *nodes: str) -> list[Path]:
        """Those on nodes' disks."""
        folders = (self.cluster.folder / name / "reels" for name in nodes or INGEST)
        return sorted(path for folder in folders for path in folder.glob("*/*/*.mp4"))

    def store(self) -> Store:
        return store_at(f"s3://{self.bucket}/county", Settings(**self.objects.settings(self.bucket)))

    async def states(self, by: str = "api-1") -> Counter[str]:
        streams = await self.call("GET", "/api/streams", by=by)
        return Counter(one["status"]["state"] for one in streams if one["id"].startswith("cam-"))

    # ------------------------------------------------------------------------------------ waited

    async def recorded_since(self, since_us: int, seconds: float = LONG_S, streams: Iterable[str] = ()) -> None:
        """Until each stream has a chunk in the log that begins later."""
        wanted = set(streams or cameras())

        async def all_of_them() -> bool:
            found = self.rows("SELECT DISTINCT stream FROM ledger_chunks WHERE first_us >= %s", since_us)
            return wanted <= {row["stream"] for row in found}

        await until(all_of_them, seconds)

    async def all_live(self, seconds: float = LONG_S) -> None:
        async def live() -> bool:
            try:
                return (await self.states())["live"] == STREAMS
            except RuntimeError:
                return False

        await until(live, seconds)

    async def settled(self) -> None:
        """Everything runs, everything is recorded, nothing is about to move."""
        at_rest, self.at_rest = self.at_rest, False
        if at_rest:
            return
        for server in (self.postgres, self.redis, self.store_server):
            if server is not None and server.process.poll() is not None:
                server.start()
        for node in self.cluster.nodes.values():
            if node.process is not None and node.process.returncode is None and node.name not in self.drained:
                node.signal(signal.SIGCONT)
            else:
                await node.kill()
        self.drained.clear()
        ended = [name for name in (*INGEST, *API, *NOTARY) if name not in self.cluster.nodes or not self.runs(name)]
        await self.cluster.start(*ended)
        await self.all_live()

        async def even() -> bool:
            """As near as other streams beside the cameras let it be, and at rest."""
            before = self.owners()
            await asyncio.sleep(2 * self.lease_s)
            return spread(self) < 3 and self.owners() == before

        async with asyncio.timeout(LONG_S):
            while not await even():
                pass
        await self.recorded_since(now_us())

    def runs(self, name: str) -> bool:
        process = self.node(name).process
        return process is not None and process.returncode is None

    async def recovered(self, name: str) -> None:
        """Until everything that a killed node left on its disk is declared."""

        async def declared() -> bool:
            known = {row["path"]: row["size"] for row in self.rows("SELECT path, size FROM ledger_reels")}
            epochs = {stream: epoch for stream, (_, epoch) in self.owners().items()}
            folder = self.cluster.folder / name
            return all(
                known.get(path.relative_to(folder).as_posix()) == size
                for path, size in self._sized(name)
                if run_of(path) >> 20 < epochs.get(of_stream(path), 1 << 40)
            )

        await until(declared, LONG_S)

    def _sized(self, name: str) -> Iterator[tuple[Path, int]]:
        for path in self.reels(name):
            with suppress(FileNotFoundError):  # it has just left for the archive
                yield path, path.stat().st_size

    async def goes_on(self, seconds: float) -> None:
        """So long, and every stream is recorded to the end of it: its reels on the disks grow."""
        await asyncio.sleep(seconds - 5)
        before = self._sizes()
        await asyncio.sleep(5)
        after = self._sizes()
        assert [one for one in cameras() if after[one] <= before[one]] == []

    def _sizes(self) -> Counter[str]:
        sizes: Counter[str] = Counter()
        for path in self.reels():
            with suppress(FileNotFoundError):  # it has just left for the archive
                sizes[of_stream(path)] = max(sizes[of_stream(path)], begun_us(path) + path.stat().st_size)
        return sizes

    async def stored(self, before_us: int) -> None:
        """Until all reels that were begun before are in the object store."""

        async def there() -> bool:
            names = [name for name, _ in await asyncio.to_thread(lambda: list(self.store().names("reels")))]
            known = {row["path"] for row in self.rows("SELECT path FROM ledger_reels")}
            return {one for one in known if begun_us(Path(one)) < before_us} <= set(names)

        await until(there, LONG_S + AWAY_S)

    async def archived(self, before_us: int, stream: str) -> None:
        """Until all reels of a stream that were begun before are there, and have left the disks."""

        async def left() -> bool:
            return not [path for path in self.reels() if begun_us(path) < before_us and of_stream(path) == stream]

        await until(left, LONG_S)
        await self.stored(before_us)

    # ------------------------------------------------------------------------------------ judged

    def never_twice(self) -> None:
        """No entry, no run and no moment is recorded twice."""
        twice = self.rows("SELECT stream, seq FROM ledger_entries GROUP BY stream, seq HAVING count(*) > 1")
        assert twice == []
        places = Counter((of_stream(path), run_of(path), node) for node in INGEST for path in self.reels(node))
        runs = Counter((stream, run) for stream, run, _ in places)
        assert [run for run, count in runs.items() if count > 1] == []  # no run is on two nodes

    async def shown_once(self, stream: str, since_us: int, until_us: int) -> None:
        """A player is given no more than the time line has: where two nodes recorded the same moments, once."""
        span = f"from={quote(rfc3339(since_us))}&to={quote(rfc3339(until_us))}"
        playlist = str(await self.call("GET", f"/api/streams/{stream}/playback.m3u8?{span}"))
        parts = [float(one) for one in re.findall(r"#EXTINF:([0-9.]+)", playlist)]
        assert parts
        beyond_s = 2 * max(parts)  # the first and the last part reach over the edges
        assert sum(parts) <= (until_us - since_us) / US_PER_S + beyond_s, playlist

    def unbroken(self, since_us: int, streams: Iterable[str] = ()) -> None:
        """Every stream went on without a new run, without a hole and without an overlap, packet by packet."""
        footage = self.footage(since_us)
        for stream in streams or cameras():
            chunks = footage[stream]
            assert len({one.run for one in chunks}) == 1, (stream, chunks)
            for before, after in pairwise(chunks):
                assert after.first_seq == before.last_seq + 1, (before, after)
                assert abs(after.first_us - before.end_us) < AXIS_US, (before, after)
            assert sum(one.lost for one in chunks) == 0, stream

    async def verified(self) -> Verdict:
        """What `hub verify` says of the leader's folder while it leads, with the reels of all disks and the archive."""
        more = [] if self.store_server is None else [self.store()]
        return await asyncio.to_thread(self.cluster.verified, self.leader(), *more)

    async def judged(self) -> None:
        verdict = await self.verified()
        assert verdict.exit_code == 0, [str(one) for one in verdict.findings[:5]]
        assert verdict.counts.streams >= STREAMS


def of_stream(reel: Path) -> str:
    return reel.parent.parent.name


def run_of(reel: Path) -> int:
    return int(reel.stem.rpartition("-")[2])


def begun_us(reel: Path) -> int:
    return pending.begun_us(reel.as_posix()[reel.as_posix().rindex("reels/") :])


def spread(whole: Whole) -> int:
    """How many streams more one node has than another."""
    loads = Counter(owner for owner, _ in whole.owners().values())
    living = [loads[name] for name in INGEST if whole.runs(name)]
    return max(living) - min(living)


def holes(whole: Whole, since_us: int, streams: Iterable[str]) -> list[float]:
    """Of each stream what is missing between the run that was recorded then and the next one, in seconds."""
    found = []
    footage = whole.footage(since_us - 15_000_000)
    for stream in streams:
        runs = sorted({one.run for one in footage[stream]})
        assert len(runs) > 1, stream
        end_us = max(one.end_us for one in footage[stream] if one.run == runs[0])
        first_us = min(one.first_us for one in footage[stream] if one.run == runs[1])
        found.append((first_us - end_us) / US_PER_S)
    return found


class Server(Protocol):
    """Any of the three."""

    process: subprocess.Popen[bytes]

    def stop(self) -> None: ...
    def start(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


@asynccontextmanager
async def stopped(server: Server) -> AsyncIterator[None]:
    """Away, as after a power cut, until the block ends."""
    await asyncio.to_thread(server.stop)
    yield
    await asyncio.to_thread(server.start)


@asynccontextmanager
async def paused(server: Server) -> AsyncIterator[None]:
    """Standing still until the block ends: it takes connections, and answers nothing."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


@asynccontextmanager
async def outage(whole: Whole) -> AsyncIterator[None]:
    """The block takes servers away and brings them back. Recording went on, nothing moved, nothing is missing, nothing
    is there twice, and no interruption is told of."""
    since_us, owners = now_us(), whole.owners()
    yield
    await asyncio.sleep(3 * whole.lease_s)  # whoever were held to be gone would be replaced by now
    await whole.recorded_since(now_us())
    await whole.all_live()
    assert whole.owners() == owners
    assert await whole.invented(since_us) == []
    whole.unbroken(since_us)
    whole.never_twice()
    await whole.judged()
    whole.at_rest = True


def recorder(name: str) -> SimulatorsConfig:
    return SimulatorsConfig(recorders=(DeviceConfig(name=name, video=RECORDED),))


@asynccontextmanager
async def whole_cluster(folder: Path) -> AsyncIterator[Whole]:
    config = SimulatorsConfig(
        cameras=(DeviceConfig(name="cam", video=SMALL, count=STREAMS, record=True, aligned=True),)
    )
    with postgres_server() as postgres, redis_server() as redis, ExitStack() as stack:
        try:
            objects = stack.enter_context(object_store())
        except NoObjectStore:
            objects = None
        bucket, database, lease = objects.bucket() if objects else "", postgres.fresh(), lease_s()
        await asyncio.to_thread(migrate, Database.at(database))
        archive = {f"HUB_{name.upper()}": value for name, value in objects.settings(bucket).items()} if objects else {}
        more = {
            "HUB_CHECKPOINT_S": "1",
            "HUB_LEASE_S": str(lease),
            "HUB_REEL_MINUTES": "0.2",
            "HUB_ARCHIVE_KEEP_H": str(KEEP_S / 3600),
            "HUB_DRAIN_S": "20",
        }
        environ = environment(database, redis.url, archive | more)
        async with Simulators(config) as simulators, cluster_of(folder, environ, *INGEST, *API, *NOTARY) as cluster:
            whole = Whole(cluster, postgres, redis, objects, bucket, database, simulators, lease)
            await cluster.until_led()
            for name, url in zip(cameras(), simulators.urls, strict=True):
                source = {"type": "rtsp", "url": url, "transport": "tcp"}
                await whole.call("POST", "/api/streams", {"id": name, "name": name, "kind": "window", "source": source})
            yield whole
