"""For tests that open a database."""

from __future__ import annotations

from sqlalchemy import Engine, event


def hurry(engine: Engine) -> None:
    """Most tests are not about power cuts, and every flush of SQLite waits for the disk of a busy machine."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
