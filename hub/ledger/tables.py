"""The database as an index over the entry files: every row can be made again from them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from hub.database import metadata

logs = Table(
    "ledger_logs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("origin", String, nullable=False, unique=True),
    Column("first_entry", Integer, nullable=False),  # its leaf 0; leaf n is entry first_entry + n
    Column("signed_size", Integer, nullable=False),
    Column("signed_peaks", LargeBinary, nullable=False),  # the compact range of signed_size leaves
)

entry_files = Table(
    "ledger_files",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", String, nullable=False, unique=True),
    Column("size", Integer, nullable=False),
)

entries = Table(
    "ledger_entries",
    metadata,
    Column("id", Integer, primary_key=True),  # in the order of the logs
    Column("stream", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("type", String, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("t_hub_us", Integer, nullable=False),
    Column("file_id", Integer, nullable=False),
    Column("offset", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    UniqueConstraint("stream", "seq"),
)

# Entry files are flushed every half minute, the database at each commit: until then it holds the bytes.
unflushed = Table(
    "ledger_unflushed",
    metadata,
    Column("entry_id", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

heads = Table(
    "ledger_heads",
    metadata,
    Column("stream", String, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("t_hub_us", Integer, nullable=False),
    Column("run", Integer, nullable=False),
    Column("run_open", Boolean, nullable=False),
    Column("recorded_until_us", Integer),
    Column("interruption_id", String),
    Column("span_id", Integer),
    Column("upload_runs", String),  # JSON: runs of the protocol "upload" that are under way, each with its span
)

reels = Table(
    "ledger_reels",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("stream", String, nullable=False),
    Column("path", String, nullable=False, unique=True),
    Column("run", Integer, nullable=False),
    Column("init_size", Integer, nullable=False),
    Column("init_sha256", String, nullable=False),
    Column("size", Integer, nullable=False),  # as far as entries speak of it
    Index("ledger_reels_by_stream", "stream"),
)

chunks = Table(
    "ledger_chunks",
    metadata,
    Column("entry_id", Integer, primary_key=True),
    Column("stream", String, nullable=False),
    Column("reel_id", Integer, nullable=False),
    Column("offset", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String, nullable=False),
    Column("first_us", Integer, nullable=False),
    Column("end_us", Integer, nullable=False),
    Column("device_us", Integer),
    Column("tracks", String, nullable=False),  # JSON, as in the entry
    Column("reason", String, nullable=False),
    Index("ledger_chunks_by_time", "stream", "first_us"),
    Index("ledger_chunks_by_reel", "reel_id"),
)

spans = Table(
    "ledger_spans",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("stream", String, nullable=False),
    Column("from_us", Integer, nullable=False),
    Column("to_us", Integer, nullable=False),
    Column("origin", String),  # "upload": brought later; else recorded as it came
    Index("ledger_spans_by_time", "stream", "from_us"),
)

interruptions = Table(
    "ledger_interruptions",
    metadata,
    Column("id", String, primary_key=True),
    Column("stream", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("started_us", Integer, nullable=False),
    Column("ended_us", Integer),
    Column("body", String, nullable=False),  # JSON, as in its newest entry
    Column("type", String, nullable=False),  # of that entry
    Column("leaf", LargeBinary, nullable=False),  # of the entry that opened it: what a backfill cites
    Index("ledger_interruptions_by_time", "started_us", "id"),
    Index("ledger_interruptions_by_stream", "stream", "started_us", "id"),
    Index("ledger_interruptions_by_state", "state", "started_us", "id"),
)

holds = Table(
    "ledger_holds",
    metadata,
    Column("entry_id", Integer, primary_key=True),
    Column("stream", String, nullable=False),
    Column("t_hub_us", Integer, nullable=False),
    Column("body", String, nullable=False),  # JSON, as in the entry
)

tombstones = Table(
    "ledger_tombstones",
    metadata,
    Column("leaf", LargeBinary, primary_key=True),
    Column("entry_id", Integer, nullable=False),
    Column("stream", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("t_hub_us", Integer, nullable=False),
    Column("body", String, nullable=False),  # JSON, as in the entry
)

# Reels whose newest tombstone stands: not those that a hold saved from it.
gone_reels = Table(
    "ledger_gone_reels",
    metadata,
    Column("reel", String, primary_key=True),
    Column("stream", String, nullable=False),
    Column("tombstone", LargeBinary, nullable=False),
    Column("first_us", Integer, nullable=False),
    Column("end_us", Integer, nullable=False),
    Column("state", String, nullable=False),  # tombstoned, deleted, kept
    Index("ledger_gone_reels_by_time", "stream", "first_us"),
    Index("ledger_gone_reels_by_state", "state"),
)

# What became of interruptions: a projection for those who follow them up, oldest entry first.
told = Table(
    "ledger_told",
    metadata,
    Column("entry_id", Integer, primary_key=True),
    Column("stream", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("type", String, nullable=False),
    Column("t_hub_us", Integer, nullable=False),
    Column("interruption", String, nullable=False),  # its id; empty: of none yet
    Column("body", String, nullable=False),  # JSON, as in the entry
    Index("ledger_told_by_interruption", "interruption", "entry_id"),
    Index("ledger_told_by_stream", "stream", "entry_id"),
)

# What devices and people said of devices: SOS, key marks, faults.
telemetry = Table(
    "ledger_telemetry",
    metadata,
    Column("entry_id", Integer, primary_key=True),
    Column("stream", String, nullable=False),
    Column("t_hub_us", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("ident", String, nullable=False),
    Column("body", String, nullable=False),  # JSON, as in the entry
    Index("ledger_telemetry_by_ident", "stream", "ident"),
    Index("ledger_telemetry_by_kind", "kind", "entry_id"),
)

# Duty calendars: few entries, all of them together say what is due.
calendars = Table(
    "ledger_calendars",
    metadata,
    Column("entry_id", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("t_hub_us", Integer, nullable=False),
    Column("body", String, nullable=False),  # JSON, as in the entry
)

# Labels of what is secret (R31): few entries, all of them together say what is hidden.
labels = Table(
    "ledger_labels",
    metadata,
    Column("entry_id", Integer, primary_key=True),
    Column("stream", String, nullable=False),
    Column("t_hub_us", Integer, nullable=False),
    Column("body", String, nullable=False),  # JSON, as in the entry
    Index("ledger_labels_by_stream", "stream", "entry_id"),
)

# Who looked at, took or changed what.
access = Table(
    "ledger_access",
    metadata,
    Column("entry_id", Integer, primary_key=True),
    Column("stream", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("t_hub_us", Integer, nullable=False),
    Column("by", String, nullable=False),
    Column("what", String, nullable=False),
    Column("body", String, nullable=False),  # JSON, as in the entry
    Index("ledger_access_by_stream", "stream", "entry_id"),
    Index("ledger_access_by_person", "by", "entry_id"),
    Index("ledger_access_by_time", "t_hub_us"),
)

# The inspection ledger (检查台账): few entries, read as a whole at the start.
inspections = Table(
    "ledger_inspections",
    metadata,
    Column("entry_id", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("t_hub_us", Integer, nullable=False),
    Column("body", String, nullable=False),  # JSON, as in the entry
)

ALL = (
    logs, entry_files, entries, unflushed, heads, reels, chunks, spans, interruptions, holds, tombstones, gone_reels,
    told, telemetry, calendars, labels, access, inspections,
)  # fmt: skip
