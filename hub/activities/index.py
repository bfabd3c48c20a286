"""The full-text index over the words of activities: FTS5 in SQLite, a GIN index over a tsvector in PostgreSQL.

Either is asked in FTS5's words (:mod:`hub.activities.words`), which are few: tokens in quotes, one with a ``*`` behind
it for a beginning, AND, OR and brackets. Blocking.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, text

from hub.activities.tables import LEXEMES
from hub.database import is_postgresql

INDEX = "activity_words"
"""SQLite's, which SQLAlchemy knows nothing of. PostgreSQL's lies on the column itself."""
_TOKEN = re.compile(r'"([a-z0-9]+)"(\*?)')


def create(connection: Connection) -> None:
    if not is_postgresql(connection):
        connection.exec_driver_sql(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {INDEX} USING fts5(words, content='', detail=none, tokenize='ascii')"
        )


def forget_all(connection: Connection) -> None:
    if not is_postgresql(connection):
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {INDEX}")
    create(connection)


def add(connection: Connection, rows: Sequence[tuple[int, str]]) -> None:
    """The words of new rows."""
    if rows and not is_postgresql(connection):
        connection.exec_driver_sql(f"INSERT INTO {INDEX}(rowid, words) VALUES(?, ?)", list(rows))


def remove(connection: Connection, row: int, words: str) -> None:
    """What :func:`add` was given, exactly."""
    if not is_postgresql(connection):
        connection.exec_driver_sql(f"INSERT INTO {INDEX}({INDEX}, rowid, words) VALUES('delete', ?, ?)", (row, words))


def matching(connection: Connection, asked: str, first: int, last: int, condition: str) -> CursorResult[Any]:
    """Rows of activities with these words between two rows, the newest first, as they are wanted. ``condition``: more
    SQL on the activity ``a``, a constant."""
    if is_postgresql(connection):
        sql = (
            f"SELECT a.* FROM activities AS a WHERE {LEXEMES} @@ CAST(:asked AS tsquery) "  # noqa: S608  constants
            f"AND a.row BETWEEN :first AND :last {condition} ORDER BY a.row DESC"
        )
        connection = connection.execution_options(stream_results=True)
        return connection.execute(text(sql), {"asked": _as_tsquery(asked), "first": first, "last": last})
    sql = (
        f"SELECT a.* FROM {INDEX} AS w CROSS JOIN activities AS a ON a.row = w.rowid "  # noqa: S608  a constant
        f"WHERE w.{INDEX} MATCH ? AND w.rowid BETWEEN ? AND ? {condition} ORDER BY w.rowid DESC"
    )
    return connection.exec_driver_sql(sql, (asked, first, last))


def _as_tsquery(asked: str) -> str:
    spelled = _TOKEN.sub(lambda found: f"'{found[1]}'" + (":*" if found[2] else ""), asked)
    return spelled.replace(" AND ", " & ").replace(" OR ", " | ")
