"""What the duty part keeps in the database beside the ledger's own rows. All of it can be made again."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table

from hub.database import metadata

days = Table(
    "duty_days",
    metadata,
    Column("stream", String, primary_key=True),
    Column("from_us", Integer, primary_key=True),  # its midnight
    Column("to_us", Integer, nullable=False),
    Column("due_us", Integer, nullable=False),
    Column("had_us", Integer, nullable=False),
    Column("backfilled_us", Integer, nullable=False),
    Column("usable_us", Integer, nullable=False),
    Column("year_missing", Boolean, nullable=False),
)

findings = Table(
    "duty_findings",
    metadata,
    Column("stream", String, primary_key=True),
    Column("day", String, primary_key=True),  # 2026-11-20, in the hub's zone
    Column("kind", String, primary_key=True),
    Column("at_us", Integer, nullable=False),
    Index("duty_findings_by_day", "day"),
)
