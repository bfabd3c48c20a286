"""The database as an index over the entry files: every row can be made again from them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, LargeBinary, Table, UniqueConstraint

from hub.database import Int64, Text, metadata, partial_index

logs = Table(
    "ledger_logs",
    metadata,
    Column("id", Int64, primary_key=True),
    Column("origin", Text, nullable=False, unique=True),
    Column("first_entry", Int64, nullable=False),  # its leaf 0; leaf n is entry first_entry + n
    Column("signed_size", Int64, nullable=False),
    Column("signed_peaks", LargeBinary, nullable=False),  # the compact range of signed_size leaves
)

entry_files = Table(
    "ledger_files",
    metadata,
    Column("id", Int64, primary_key=True),
    Column("path", Text, nullable=False, unique=True),
    Column("size", Int64, nullable=False),
)

entries = Table(
    "ledger_entries",
    metadata,
    Column("id", Int64, primary_key=True),  # in the order of the logs
    Column("stream", Text, nullable=False),
    Column("seq", Int64, nullable=False),
    Column("type", Text, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("t_hub_us", Int64, nullable=False),
    Column("file_id", Int64, nullable=False),
    Column("offset", Int64, nullable=False),
    Column("size", Int64, nullable=False),
    UniqueConstraint("stream", "seq"),
)

# Entry files are flushed every half minute, the database at each commit: until then it holds the bytes.
unflushed = Table(
    "ledger_unflushed",
    metadata,
    Column("entry_id", Int64, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

heads = Table(
    "ledger_heads",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("seq", Int64, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("epoch", Int64, nullable=False),
    Column("t_hub_us", Int64, nullable=False),
    Column("run", Int64, nullable=False),
    Column("run_open", Boolean, nullable=False),
    Column("recorded_until_us", Int64),
    Column("interruption_id", Text),
    Column("span_id", Int64),
    Column("upload_runs", Text),  # JSON: runs of the protocol "upload" that are under way, each with its span
)

reels = Table(
    "ledger_reels",
    metadata,
    Column("id", Int64, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("path", Text, nullable=False, unique=True),
    Column("run", Int64, nullable=False),
    Column("init_size", Int64, nullable=False),
    Column("init_sha256", Text, nullable=False),
    Column("size", Int64, nullable=False),  # as far as entries speak of it
    Index("ledger_reels_by_stream", "stream"),
)

chunks = Table(
    "ledger_chunks",
    metadata,
    Column("entry_id", Int64, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("reel_id", Int64, nullable=False),
    Column("offset", Int64, nullable=False),
    Column("size", Int64, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("first_us", Int64, nullable=False),
    Column("end_us", Int64, nullable=False),
    Column("device_us", Int64),
    Column("tracks", Text, nullable=False),  # JSON, as in the entry
    Column("reason", Text, nullable=False),
    Index("ledger_chunks_by_time", "stream", "first_us"),
    Index("ledger_chunks_by_reel", "reel_id"),
)

spans = Table(
    "ledger_spans",
    metadata,
    Column("id", Int64, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("from_us", Int64, nullable=False),
    Column("to_us", Int64, nullable=False),
    Column("origin", Text),  # "upload": brought later; else recorded as it came
    Index("ledger_spans_by_time", "stream", "from_us"),
    # few among many: found without looking through all that was recorded live before
    partial_index("ledger_spans_brought", "stream", "from_us", where="origin IS NOT NULL"),
)

interruptions = Table(
    "ledger_interruptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_us", Int64, nullable=False),
    Column("ended_us", Int64),
    Column("body", Text, nullable=False),  # JSON, as in its newest entry
    Column("type", Text, nullable=False),  # of that entry
    Column("leaf", LargeBinary, nullable=False),  # of the entry that opened it: what a backfill cites
    Index("ledger_interruptions_by_time", "started_us", "id"),
    Index("ledger_interruptions_by_stream", "stream", "started_us", "id"),
    Index("ledger_interruptions_by_state", "state", "started_us", "id"),
)

holds = Table(
    "ledger_holds",
    metadata,
    Column("entry_id", Int64, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("t_hub_us", Int64, nullable=False),
    Column("body", Text, nullable=False),  # JSON, as in the entry
)

tombstones = Table(
    "ledger_tombstones",
    metadata,
    Column("leaf", LargeBinary, primary_key=True),
    Column("entry_id", Int64, nullable=False),
    Column("stream", Text, nullable=False),
    Column("seq", Int64, nullable=False),
    Column("t_hub_us", Int64, nullable=False),
    Column("body", Text, nullable=False),  # JSON, as in the entry
)

# Reels whose newest tombstone stands: not those that a hold saved from it.
gone_reels = Table(
    "ledger_gone_reels",
    metadata,
    Column("reel", Text, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("tombstone", LargeBinary, nullable=False),
    Column("first_us", Int64, nullable=False),
    Column("end_us", Int64, nullable=False),
    Column("state", Text, nullable=False),  # tombstoned, deleted, kept
    Index("ledger_gone_reels_by_time", "stream", "first_us"),
    Index("ledger_gone_reels_by_state", "state"),
)

# What became of interruptions: a projection for those who follow them up, oldest entry first.
told = Table(
    "ledger_told",
    metadata,
    Column("entry_id", Int64, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("seq", Int64, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("type", Text, nullable=False),
    Column("t_hub_us", Int64, nullable=False),
    Column("interruption", Text, nullable=False),  # its id; empty: of none yet
    Column("body", Text, nullable=False),  # JSON, as in the entry
    Index("ledger_told_by_interruption", "interruption", "entry_id"),
    Index("ledger_told_by_stream", "stream", "entry_id"),
)

# What devices and people said of devices: SOS, key marks, faults.
telemetry = Table(
    "ledger_telemetry",
    metadata,
    Column("entry_id", Int64, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("t_hub_us", Int64, nullable=False),
    Column("kind", Text, nullable=False),
    Column("ident", Text, nullable=False),
    Column("body", Text, nullable=False),  # JSON, as in the entry
    Index("ledger_telemetry_by_ident", "stream", "ident"),
    Index("ledger_telemetry_by_kind", "kind", "entry_id"),
)

# Duty calendars: few entries, all of them together say what is due.
calendars = Table(
    "ledger_calendars",
    metadata,
    Column("entry_id", Int64, primary_key=True),
    Column("seq", Int64, nullable=False),
    Column("t_hub_us", Int64, nullable=False),
    Column("body", Text, nullable=False),  # JSON, as in the entry
)

# Labels of what is secret (R31): few entries, all of them together say what is hidden.
labels = Table(
    "ledger_labels",
    metadata,
    Column("entry_id", Int64, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("t_hub_us", Int64, nullable=False),
    Column("body", Text, nullable=False),  # JSON, as in the entry
    Index("ledger_labels_by_stream", "stream", "entry_id"),
)

# Who looked at, took or changed what.
access = Table(
    "ledger_access",
    metadata,
    Column("entry_id", Int64, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("seq", Int64, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("t_hub_us", Int64, nullable=False),
    Column("by", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("body", Text, nullable=False),  # JSON, as in the entry
    Index("ledger_access_by_stream", "stream", "entry_id"),
    Index("ledger_access_by_person", "by", "entry_id"),
    Index("ledger_access_by_time", "t_hub_us"),
)

# The inspection ledger (检查台账): few entries, read as a whole at the start.
inspections = Table(
    "ledger_inspections",
    metadata,
    Column("entry_id", Int64, primary_key=True),
    Column("seq", Int64, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("t_hub_us", Int64, nullable=False),
    Column("body", Text, nullable=False),  # JSON, as in the entry
)

ALL = (
    logs, entry_files, entries, unflushed, heads, reels, chunks, spans, interruptions, holds, tombstones, gone_reels,
    told, telemetry, calendars, labels, access, inspections,
)  # fmt: skip
