"""Tables of activities: a projection of the entries of type ``activity``, which alone are the facts."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, UniqueConstraint, text

from hub.database import Int64, Text, metadata, partial_index

VERSION = 2
"""Of what the rows and the index hold. Another one: they are made anew from the entries."""
ROWS_A_SECOND = 1024
"""``row`` is the second of the begin times this, plus a number: rows lie, and the index lists them, by time."""

LEXEMES = "array_to_tsvector(string_to_array(words, ' '))"
"""In PostgreSQL: the words as they are, without a language's rules."""

activities = Table(
    "activities",
    metadata,
    Column("row", Int64, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("stream", Text, nullable=False),
    Column("began_us", Int64, nullable=False),
    Column("ended_us", Int64),
    Column("state", Text, nullable=False),  # JSON: the activity
    Column("words", Text, nullable=False),  # as the index has them: it forgets only what it is told exactly
    Column("findings", Text, nullable=False),  # separated by blanks
    Column("storage", Text, nullable=False),
    Column("due_us", Int64),
    Column("told_until_us", Int64, nullable=False),  # steps until then were told
    Column("settled", Int64, nullable=False),  # ended and stored: it is looked at no more
    Index("activities_by_stream", "stream", "began_us"),
    partial_index("activities_unsettled", "row", where="settled = 0"),
    # without a list of what is still to be sorted in: a search would read all of it
    Index("activities_by_words", text(LEXEMES), postgresql_using="gin", postgresql_with={"fastupdate": "off"}).ddl_if(
        dialect="postgresql"
    ),
)
entries = Table(
    "activity_entries",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("seq", Int64, primary_key=True),
    Column("activity", Text, nullable=False),
    Column("at_us", Int64, nullable=False),
    Column("body", Text, nullable=False),  # JSON
    Index("activity_entries_by_activity", "activity", "seq"),
)
names = Table(
    "activity_names",
    metadata,
    Column("number", Int64, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("plain", Text, nullable=False),
    UniqueConstraint("kind", "key", "plain"),
)
cursor = Table(
    "activity_cursor",
    metadata,
    Column("version", Int64, primary_key=True),
    Column("entry_id", Int64, nullable=False),  # entries of the ledger until here are in these tables
)
