"""What the duty part keeps in the database beside the ledger's own rows. All of it can be made again."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table

from hub.database import Int64, Text, metadata

days = Table(
    "duty_days",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("from_us", Int64, primary_key=True),  # its midnight
    Column("to_us", Int64, nullable=False),
    Column("due_us", Int64, nullable=False),
    Column("had_us", Int64, nullable=False),
    Column("backfilled_us", Int64, nullable=False),
    Column("usable_us", Int64, nullable=False),
    Column("year_missing", Boolean, nullable=False),
)

findings = Table(
    "duty_findings",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("day", Text, primary_key=True),  # 2026-11-20, in the hub's zone
    Column("kind", Text, primary_key=True),
    Column("at_us", Int64, nullable=False),
    Index("duty_findings_by_day", "day"),
)
