"""``hub bench scale``: what a county, a city or a province needs: counted from what was measured; it measures nothing.

``plan`` is a pure function of the number of streams and of :class:`Inputs`; every figure of these stands with where it
was measured, or is called an assumption. docs/design/scale.md tells what follows from the table.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Final

DAY_S: Final = 86_400
TERA: Final = 1e12


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a stream, a node and the servers cost and bear."""

    # of a stream
    bitrate_bps: float = 2e6  # assumption: 720p25
    cores_per_stream: float = 0.0061  # measured: hub bench ingest, the worst of three runs
    bytes_per_stream: float = 1.8e6  # measured: the same
    chunk_s: float = 3.0  # assumption: the first keyframe after 2 s, one each 1 to 2 s
    other_entries_per_s: float = 1 / 600  # assumption: interruptions, clock, marks
    entry_bytes: float = 896  # measured: a chunk's line in an entry file
    row_bytes: float = 636  # measured: 191 of ledger_entries and 445 of ledger_chunks, indexes included, PostgreSQL 15
    row_writes_per_entry: float = (
        6  # counted: inbox in and out, entry, chunk, line until flushed, its share of the head
    )
    keep_days: float = 366  # 叶交执〔2017〕23号第十二条: no less than a year
    watched: float = 0.02  # assumption: share of streams watched at one time, by one viewer each

    # of an ingest node
    streams_per_node: float = 100  # chosen: what a node's death costs
    spare_share: float = 1 / 3  # chosen: a zone's streams find room
    base_cores: float = 0.5  # setting content_budget
    base_bytes: float = 450e6  # disk_queue_mb, program and buffers
    spool_days: float = 1.25  # chosen: a day without the object store, and the next morning

    # of everything
    commits_per_s: float = 4  # setting commit_ms, each node
    leases_per_s: float = 2 / 3 + 2  # assumption: alive twice a lease of 3 s, and reads of the others
    standing_s: float = 5  # each stream says how it is
    store_overhead: float = 1.5  # assumption: the object store's parity, as 8+4
    disk_bytes: float = 20e12  # assumption: one disk of the object store


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server bears, by our reckoning; beyond it something must be split. Assumptions but for the notary."""

    notary_entries_per_s: float = 17_500  # measured: 10⁴ entries in 0.57 s (docs/design/ledger.md)
    database_writes_per_s: float = 30_000
    database_bytes: float = 10e12
    database_commits_per_s: float = 2_000
    redis_ops_per_s: float = 80_000
    store_writes_bps: float = 10e9  # into one object store


@dataclass(frozen=True, slots=True)
class Plan:
    """What so many streams need. Bytes, bits and seconds as the names say."""

    streams: int
    ingest_nodes: int
    ingest_cores: float
    ingest_bytes: float
    spool_bytes_per_node: float
    node_network_bps: float
    received_bps: float
    stored_bytes_per_day: float
    stored_bytes: float
    store_disks_per_year: int
    entries_per_s: float
    database_writes_per_s: float
    database_commits_per_s: float
    database_bytes_per_year: float
    entry_bytes_per_year: float
    redis_ops_per_s: float
    watched_bps: float


def plan(streams: int, inputs: Inputs | None = None) -> Plan:
    """What ``streams`` streams, all recorded day and night, need."""
    given = inputs or Inputs()
    working = math.ceil(streams / given.streams_per_node)
    nodes = working + max(1, math.ceil(working * given.spare_share))
    received_bps = streams * given.bitrate_bps
    day_bytes = received_bps / 8 * DAY_S
    kept_bytes = day_bytes * given.keep_days
    entries = streams * (1 / given.chunk_s + given.other_entries_per_s)
    watched_bps = received_bps * given.watched
    return Plan(
        streams=streams,
        ingest_nodes=nodes,
        ingest_cores=streams * given.cores_per_stream + nodes * given.base_cores,
        ingest_bytes=streams * given.bytes_per_stream + nodes * given.base_bytes,
        spool_bytes_per_node=given.streams_per_node * given.bitrate_bps / 8 * DAY_S * given.spool_days,
        node_network_bps=given.streams_per_node * given.bitrate_bps * (2 + given.watched),  # in, to the store, to doors
        received_bps=received_bps,
        stored_bytes_per_day=day_bytes,
        stored_bytes=kept_bytes,
        store_disks_per_year=math.ceil(kept_bytes * given.store_overhead / given.disk_bytes),
        entries_per_s=entries,
        database_writes_per_s=entries * given.row_writes_per_entry,
        database_commits_per_s=nodes * given.commits_per_s + given.commits_per_s,
        database_bytes_per_year=entries * given.row_bytes * DAY_S * 365,
        entry_bytes_per_year=entries * given.entry_bytes * DAY_S * 365,
        redis_ops_per_s=nodes * given.leases_per_s + streams / given.standing_s * 2,
        watched_bps=watched_bps,
    )


def strain(found: Plan, limits: Limits | None = None) -> list[tuple[str, float]]:
    """Each server's load as a share of what it bears, the most strained first; above 1 it is what breaks."""
    most = limits or Limits()
    shares = {
        "the notary's thread": found.entries_per_s / most.notary_entries_per_s,
        "writes of PostgreSQL": found.database_writes_per_s / most.database_writes_per_s,
        "commits of PostgreSQL": found.database_commits_per_s / most.database_commits_per_s,
        "a year's rows in PostgreSQL": found.database_bytes_per_year / most.database_bytes,
        "Redis": found.redis_ops_per_s / most.redis_ops_per_s,
        "writes of the object store": found.received_bps / most.store_writes_bps,
    }
    return sorted(shares.items(), key=lambda one: -one[1])


ROWS: Final = (
    ("ingest nodes, spare ones included", "ingest_nodes", 1, ""),
    ("cores for recording", "ingest_cores", 1, ""),
    ("memory for recording", "ingest_bytes", 1e9, "GB"),
    ("spool on each node's disk", "spool_bytes_per_node", TERA, "TB"),
    ("network of a node, in and out", "node_network_bps", 1e6, "Mbit/s"),
    ("network in all, from the devices", "received_bps", 1e9, "Gbit/s"),
    ("to the viewers", "watched_bps", 1e6, "Mbit/s"),
    ("stored a day", "stored_bytes_per_day", TERA, "TB"),
    ("stored in all, a year kept", "stored_bytes", TERA, "TB"),
    ("disks of the object store", "store_disks_per_year", 1, ""),
    ("entries", "entries_per_s", 1, "1/s"),
    ("row writes of PostgreSQL", "database_writes_per_s", 1, "1/s"),
    ("commits of PostgreSQL", "database_commits_per_s", 1, "1/s"),
    ("rows of a year in PostgreSQL", "database_bytes_per_year", TERA, "TB"),
    ("entry files of a year", "entry_bytes_per_year", TERA, "TB"),
    ("Redis", "redis_ops_per_s", 1, "1/s"),
)


@dataclass(frozen=True, slots=True)
class Scale:
    """Plans side by side."""

    plans: Sequence[Plan]
    inputs: Inputs
    lost: int = 0

    def json(self) -> str:
        """``{"bench", "inputs", "plans": [{…, "strain": {…}}]}``"""
        plans = [{**asdict(one), "strain": dict(strain(one))} for one in self.plans]
        return json.dumps({"bench": "scale", "inputs": asdict(self.inputs), "plans": plans})

    def table(self) -> str:
        """A table for docs/design/scale.md."""
        lines = [_row("streams", [f"{one.streams:,}" for one in self.plans])]
        lines.append("| --- |" + " --- |" * len(self.plans))
        for text, name, unit, word in ROWS:
            lines.append(_row(text, [f"{_short(getattr(one, name) / unit)} {word}".rstrip() for one in self.plans]))
        firsts = [strain(one)[:2] for one in self.plans]
        lines.append(_row("most strained", ["; ".join(f"{name} {share:.0%}" for name, share in two) for two in firsts]))
        return "\n".join(lines)


def _row(text: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join([text, *cells]) + " |"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2g}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", default="200,2000,20000", metavar="N,N", help="how many (200,2000,20000)")
    for one in fields(Inputs):
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=float, default=one.default, metavar="X")


def run(options: argparse.Namespace) -> Scale:
    """Count; nothing is measured and nothing started."""
    inputs = Inputs(**{one.name: getattr(options, one.name) for one in fields(Inputs)})
    return Scale([plan(int(text), inputs) for text in options.streams.split(",")], inputs)
