"""Tables of activities: a projection of the entries of type ``activity``, which alone are the facts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Engine, Index, Integer, String, Table, UniqueConstraint, text

from hub.database import metadata

VERSION = 2
"""Of what the rows and the index hold. Another one: they are made anew from the entries."""
ROWS_A_SECOND = 1024
"""``row`` is the second of the begin times this, plus a number: rows lie, and the index lists them, by time."""

activities = Table(
    "activities",
    metadata,
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False, unique=True),
    Column("stream", String, nullable=False),
    Column("began_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    Column("state", String, nullable=False),  # JSON: the activity
    Column("words", String, nullable=False),  # as the index has them: it forgets only what it is told exactly
    Column("findings", String, nullable=False),  # separated by blanks
    Column("storage", String, nullable=False),
    Column("due_us", BigInteger),
    Column("told_until_us", BigInteger, nullable=False),  # steps until then were told
    Column("settled", Integer, nullable=False),  # ended and stored: it is looked at no more
    Index("activities_by_stream", "stream", "began_us"),
    Index("activities_unsettled", "row", sqlite_where=text("settled = 0")),
)
entries = Table(
    "activity_entries",
    metadata,
    Column("stream", String, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("activity", String, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("body", String, nullable=False),  # JSON
    Index("activity_entries_by_activity", "activity", "seq"),
)
names = Table(
    "activity_names",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("key", String, nullable=False),
    Column("plain", String, nullable=False),
    UniqueConstraint("kind", "key", "plain"),
)
cursor = Table(
    "activity_cursor",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("entry_id", Integer, nullable=False),  # entries of the ledger until here are in these tables
)
INDEX = "activity_words"
_CREATE_INDEX = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {INDEX} USING fts5(words, content='', detail=none, tokenize='ascii')"
)


def create_index(engine: Engine) -> None:
    """The full-text index, which SQLAlchemy knows nothing of. Blocks."""
    with engine.begin() as connection:
        connection.exec_driver_sql(_CREATE_INDEX)


def clear(engine: Engine) -> None:
    """Everything is forgotten, to be read from the entries again. Blocks."""
    with engine.begin() as connection:
        for table in (activities, entries, names, cursor):
            connection.execute(table.delete())
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {INDEX}")
        connection.exec_driver_sql(_CREATE_INDEX)
