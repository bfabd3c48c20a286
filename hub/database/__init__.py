"""The hub's one database: SQLite in the data folder, or PostgreSQL, through SQLAlchemy Core.

Whoever opens it is handed a :class:`Database`, which says where it is. What the two say differently, this room says
for everybody: columns (:mod:`hub.database.columns`), statements (:mod:`hub.database.statements`), connections
(:mod:`hub.database.engines`), and how the tables come to be (:mod:`hub.database.schema`).
"""

from hub.database.columns import Int64, Text
from hub.database.engines import open_engine, open_read_only
from hub.database.place import Database
from hub.database.schema import SCHEMA_VERSION, cluster_metadata, create_tables, metadata
from hub.database.statements import (
    begin_writing,
    hex_of,
    holds_text,
    is_postgresql,
    json_is_true,
    json_number,
    json_text,
    listed,
    partial_index,
    upsert,
)

__all__ = [
    "SCHEMA_VERSION",
    "Database",
    "Int64",
    "Text",
    "begin_writing",
    "cluster_metadata",
    "create_tables",
    "hex_of",
    "holds_text",
    "is_postgresql",
    "json_is_true",
    "json_number",
    "json_text",
    "listed",
    "metadata",
    "open_engine",
    "open_read_only",
    "partial_index",
    "upsert",
]
