"""The full-text index over the words of activities: FTS5 in SQLite, a GIN index over a tsvector in PostgreSQL.

Either is asked in FTS5's words (:mod:`hub.activities.words`), which are few: tokens in quotes, one with a ``*`` behind
it for a beginning, AND, OR and brackets. Blocking.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, Row, select, text

from hub.activities.tables import LEXEMES, activities
from hub.database import is_postgresql

INDEX = "activity_words"
"""SQLite's, which SQLAlchemy knows nothing of. PostgreSQL's lies on the column itself."""
NEWEST = 2000
_Rows = Generator[Row[Any], None, None]
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


def matching(connection: Connection, asked: str, first: int, last: int, condition: str) -> _Rows:
    """Rows of activities with these words between two rows, the newest first, as they are wanted. ``condition``: more
    SQL on the activity ``a``, a constant."""
    if is_postgresql(connection):
        yield from _of_postgresql(connection, asked, first, last, condition)
        return
    sql = (
        f"SELECT a.* FROM {INDEX} AS w CROSS JOIN activities AS a ON a.row = w.rowid "  # noqa: S608  a constant
        f"WHERE w.{INDEX} MATCH ? AND w.rowid BETWEEN ? AND ? {condition} ORDER BY w.rowid DESC"
    )
    with closing(connection.exec_driver_sql(sql, (asked, first, last))) as rows:
        yield from rows


def _of_postgresql(connection: Connection, asked: str, first: int, last: int, condition: str) -> _Rows:
    """Its index gives all rows or none, in no order, and its guess of how many is far off for words that go together.
    So the newest few are looked at one after the other, where what is common fills a page."""
    sql = text(
        f"SELECT a.* FROM activities AS a WHERE {LEXEMES} @@ CAST(:asked AS tsquery) "  # noqa: S608  constants
        f"AND a.row BETWEEN :first AND :last {condition} ORDER BY a.row DESC"
    ).execution_options(stream_results=True)
    column = activities.c.row
    beyond = select(column).where(column.between(first, last)).order_by(column.desc()).offset(NEWEST).limit(1)
    edge = connection.execute(beyond).scalar_one_or_none()
    parts = [(first, last)] if edge is None else [(edge + 1, last), (first, edge)]
    for part_first, part_last in parts:
        values = {"asked": _as_tsquery(asked), "first": part_first, "last": part_last}
        with closing(connection.execute(sql, values)) as rows:
            yield from rows


def _as_tsquery(asked: str) -> str:
    spelled = _TOKEN.sub(lambda found: f"'{found[1]}'" + (":*" if found[2] else ""), asked)
    return spelled.replace(" AND ", " & ").replace(" OR ", " | ")
