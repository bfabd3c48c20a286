"""What was brought, and what became of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table

from hub.database import metadata

files = Table(
    "footage_files",
    metadata,
    Column("id", String, primary_key=True),
    Column("stream", String, nullable=False),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),  # what it is said to be; empty: to be found out
    Column("size", BigInteger, nullable=False),  # announced, -1: not said
    Column("by", String, nullable=False),
    Column("claimed_us", BigInteger),  # when its first picture was, by the device's clock
    Column("clock_us", BigInteger),  # hub - device, as the sender says; null: to be found out
    Column("created_us", BigInteger, nullable=False),
    Column("touched_us", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("code", String, nullable=False),
    Column("message", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("result", String, nullable=False),  # JSON
    Index("footage_files_by_digest", "sha256", "stream"),
    Index("footage_files_by_stream", "stream", "created_us"),
    Index("footage_files_by_state", "state"),
)
