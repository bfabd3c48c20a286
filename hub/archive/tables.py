"""What the hub knows of its objects in the archive. An index: the store itself is asked wherever bytes are at stake."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table

from hub.database import Int64, Text, metadata

archive_objects = Table(
    "archive_objects",
    metadata,
    Column("path", Text, primary_key=True),  # below the data folder, and below the archive's prefix
    Column("size", Int64, nullable=False),
    Column("sha256", Text, nullable=False),  # of the whole; empty while it is uploaded
    Column("state", Text, nullable=False),  # uploading, kept, gone
    Column("at_us", Int64, nullable=False),  # since when it is in that state, hub UTC
    Column("begun_us", Int64, nullable=False),  # a reel: when its first picture was recorded; else 0
    Column("etag", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("lock_until_us", Int64, nullable=False),  # 0: no lock
    Column("refused_us", Int64, nullable=False),  # when the store refused its deletion; 0: never
    Column("node", Text, nullable=False),  # on whose disk it still lies; empty: on nobody's
    Column("reel", Boolean, nullable=False),
    Index("archive_objects_to_leave", "node", "reel", "begun_us"),
)
