"""What was brought, and what became of it."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from hub.database import Int64, Text, metadata

files = Table(
    "footage_files",
    metadata,
    Column("id", Text, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),  # what it is said to be; empty: to be found out
    Column("size", Int64, nullable=False),  # announced, -1: not said
    Column("by", Text, nullable=False),
    Column("claimed_us", Int64),  # when its first picture was, by the device's clock
    Column("clock_us", Int64),  # hub - device, as the sender says; null: to be found out
    Column("created_us", Int64, nullable=False),
    Column("touched_us", Int64, nullable=False),
    Column("state", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("result", Text, nullable=False),  # JSON
    Index("footage_files_by_digest", "sha256", "stream"),
    Index("footage_files_by_stream", "stream", "created_us"),
    Index("footage_files_by_state", "state"),
)
