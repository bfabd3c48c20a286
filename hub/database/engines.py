"""Connections to the database. Everything here blocks; callers are on threads.

SQLite: WAL with ``synchronous=FULL``: with NORMAL a power cut could take back commits that were already signed, and
would look like a rollback. PostgreSQL: few connections for each engine, looked at before they are used, and limits on
everything that may take time, so that a server that is gone or stands still costs a thread some seconds and not for
ever.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Dialect, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from hub.database.place import Database

CONNECT_S = 5
STATEMENT_S = 30
"""PostgreSQL ends a statement that takes longer."""
ANSWER_S = STATEMENT_S + 10
"""A server that should have ended a statement by itself and still says nothing stands still: its connection is given
up. The kernel under it may acknowledge for ever."""
IDLE_S = 5.0
"""PostgreSQL ends a transaction whose client says nothing for so long: one that was stopped holds no locks for ever."""
UNANSWERED_S = 15
"""What was sent and not acknowledged for so long ends the connection."""
CONNECTIONS = 4
"""Kept open by an engine, and as many again while many ask."""


def open_engine(
    database: Database, *, lock_wait_s: float = 10.0, idle_s: float = IDLE_S, unlimited: bool = False
) -> Engine:
    """An engine on the database. In a file, tables that are missing are created by
    :func:`~hub.database.schema.create_tables`.

    A statement that finds what it writes locked waits ``lock_wait_s`` before it fails. ``idle_s``: so long PostgreSQL
    lets a transaction be in which nothing is asked. ``unlimited``: a statement may take as long as it takes, for those
    who work on the tables themselves.
    """
    if database.path is None:
        return _open_server(database, lock_wait_s, idle_s=idle_s, unlimited=unlimited)
    return _open_file(database, database.path, lock_wait_s)


def open_read_only(database: Database, *, still: bool = False) -> Engine:
    """An engine that cannot write. ``still``: nobody writes, and nothing waits in a write-ahead log: SQLite need not
    put one of its own into the folder."""
    if database.path is None:
        return _open_server(database, 10.0, read_only=True)
    return _read_file(database.path, still)


def _open_file(database: Database, path: Path, lock_wait_s: float) -> Engine:
    _keep_private(path)
    engine = create_engine(database.address(), connect_args={"timeout": lock_wait_s})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _read_file(path: Path, still: bool) -> Engine:
    mode = "mode=ro&immutable=1" if still else "mode=ro"
    url = f"sqlite:///file:{quote(str(path.resolve()))}?{mode}&uri=true"
    return create_engine(url, poolclass=NullPool)


def _open_server(
    database: Database,
    lock_wait_s: float,
    *,
    idle_s: float = IDLE_S,
    read_only: bool = False,
    unlimited: bool = False,
) -> Engine:
    limits = {
        "statement_timeout": "0" if unlimited else f"{STATEMENT_S}s",
        "lock_timeout": "0" if unlimited else f"{int(lock_wait_s * 1000)}ms",
        "idle_in_transaction_session_timeout": "0" if unlimited else f"{int(idle_s * 1000)}ms",
        "default_transaction_read_only": "on" if read_only else "off",
        "timezone": "UTC",
    }
    connect_args = {
        "application_name": "recorder-hub",
        "connect_timeout": CONNECT_S,
        "keepalives_idle": UNANSWERED_S,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": UNANSWERED_S * 1000,
        "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
    }
    import psycopg

    from hub.database.answering import Answering  # only here: SQLite needs no driver of PostgreSQL

    engine = create_engine(
        database.address(),
        connect_args=connect_args,
        pool_size=CONNECTIONS,
        max_overflow=CONNECTIONS,
        pool_timeout=CONNECT_S + lock_wait_s,
        pool_pre_ping=True,
        hide_parameters=True,  # its errors are logged, and rows hold cameras' passwords
    )

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Dialect, _record: ConnectionPoolEntry, args: Any, options: Any) -> Any:
        return (psycopg.Connection if unlimited else Answering).connect(*args, **options)

    return engine


def _keep_private(path: Path) -> None:
    """The file holds cameras' passwords. SQLite gives what it puts beside it the same mode.

    A file that is there is not opened: closing it would take from this process the locks by which its connections hold
    the file (POSIX), and whoever closes the database next, a backup, would throw the write-ahead log away as the last.
    """
    with suppress(OSError):  # SQLite says better what is wrong with the path
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with suppress(OSError):
        path.chmod(0o600)
