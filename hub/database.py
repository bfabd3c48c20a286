"""The hub's one database: SQLite in the data folder, through SQLAlchemy Core.

WAL with ``synchronous=FULL``: with NORMAL a power cut could take back commits that were already signed,
and would look like a rollback.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Engine, MetaData, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

metadata = MetaData()
"""Every table registers here, wherever it is declared."""


def open_engine(path: Path, *, lock_wait_s: float = 10.0) -> Engine:
    """An engine on the database file; tables that are missing are created by :func:`create_tables`.

    A statement that finds the database locked waits ``lock_wait_s`` before it fails.
    """
    _keep_private(path)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": lock_wait_s})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _keep_private(path: Path) -> None:
    """The file holds cameras' passwords. SQLite gives what it puts beside it the same mode."""
    with suppress(OSError):  # SQLite says better what is wrong with the path
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)


def create_tables(engine: Engine) -> None:
    """Create what is missing; existing tables stay as they are."""
    metadata.create_all(engine)
