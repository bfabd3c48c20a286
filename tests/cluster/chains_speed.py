"""What the chains of a cluster cost: python -m tests.cluster.chains_speed

A PostgreSQL of its own on this machine, which does not wait for its disk (``fsync`` off): what is measured is round
trips and computing. A node hands in facts of chunks as its pipelines make them; a notary moves them into the log.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from hub.clock import SystemClock
from hub.cluster.chains import Chains
from hub.cluster.facts import Fact
from hub.cluster.making import Maker
from hub.database import Database, open_engine
from hub.database.migrating import migrate
from hub.ledger.bodies import chunk_body
from hub.ledger.entries import EntryType
from tests.cluster.ledgers import Cluster
from tests.cluster.servers import Postgres, postgres_server
from tests.ledger_folder import START_US, Reel

STREAMS = 20
COMMITS = 300
BULK = 10_000


def facts(maker: Maker, epochs: dict[str, int], data: Path, count: int) -> list[Fact]:
    reels = {stream: Reel(data, stream, 1, 0, START_US, random.Random(1)) for stream in epochs}
    bodies = {stream: chunk_body(reel.chunk(0)) for stream, reel in reels.items()}
    out = []
    for number in range(count):
        stream = list(epochs)[number % len(epochs)]
        body = bodies[stream] | {"offset": 1000 * (number + 1)}
        out.append(maker.make(stream, EntryType.CHUNK, body, stream, epochs[stream]).fact)
    return out


def server_cpu_s(server: Postgres) -> float:
    """Of the server and what it waits for."""
    ticks = 0
    for pid in server._pids():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def measure(server: Postgres, root: Path) -> None:
    url = server.fresh()
    migrate(Database.at(url))
    cluster = Cluster(url, root)
    office = await cluster.lead()
    node = await cluster.node("a", SystemClock())
    epochs = {}
    for number in range(STREAMS):
        claimed = await node.take(f"cam-{number:02}")
        assert claimed is not None
        epochs[f"cam-{number:02}"] = claimed.epoch
    await office.close()
    chains, maker = Chains(open_engine(Database.at(url))), Maker(SystemClock(), "bench")
    begun = time.process_time()
    made = facts(maker, epochs, root, STREAMS * COMMITS + BULK)
    making = time.process_time() - begun
    trips, cpu, busy = [], time.process_time(), server_cpu_s(server)
    for at in range(0, STREAMS * COMMITS, STREAMS):
        begun = time.perf_counter()
        chains.commit(maker.writer, made[at : at + STREAMS])
        trips.append(time.perf_counter() - begun)
    cpu, busy = time.process_time() - cpu, server_cpu_s(server) - busy
    trips.sort()
    print(f"a commit of {STREAMS} facts of {STREAMS} streams: median {statistics.median(trips) * 1e3:.2f} ms, "
          f"95 % {trips[len(trips) * 95 // 100] * 1e3:.2f} ms")  # fmt: skip
    print(f"CPU of the node: {making / len(made) * 1e6:.0f} µs to make a fact, "
          f"{cpu / STREAMS / COMMITS * 1e6:.0f} µs to hand it in; of PostgreSQL "
          f"{busy / STREAMS / COMMITS * 1e6:.0f} µs")  # fmt: skip
    begun, cpu = time.perf_counter(), time.process_time()
    for at in range(STREAMS * COMMITS, len(made), 500):
        chains.commit(maker.writer, made[at : at + 500])
    seconds = time.perf_counter() - begun
    print(f"500 facts a commit: {BULK / seconds:.0f} facts/s, {(time.process_time() - cpu) / BULK * 1e6:.0f} µs of CPU")
    begun, cpu, busy = time.perf_counter(), time.process_time(), server_cpu_s(server)
    office = await cluster.lead()
    await cluster.until_moved()
    seconds = time.perf_counter() - begun
    count = len(made)
    print(f"a notary: {count / seconds:.0f} entries/s, {(time.process_time() - cpu) / count * 1e6:.0f} µs of CPU, "
          f"of PostgreSQL {(server_cpu_s(server) - busy) / count * 1e6:.0f} µs")  # fmt: skip
    print(f"PostgreSQL: {cluster.value('SELECT pg_database_size(current_database())') / count:.0f} bytes an entry")
    chains.engine.dispose()
    await office.close()
    await cluster.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as root, postgres_server() as server:
        asyncio.run(measure(server, Path(root)))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
