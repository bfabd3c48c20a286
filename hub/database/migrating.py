"""The schema of a PostgreSQL: which one it has, which one this hub knows, and the way from one to the other.

Steps go forward alone: back leads a backup. An office refuses to start on a schema that is not its own.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from hub.database.engines import open_engine
from hub.database.place import Database
from hub.errors import StorageError

PLACE = Path(__file__).with_name("migrations")
_ONE_AT_A_TIME = 0x6875622D64620001
"""PostgreSQL's advisory lock of whoever migrates."""


def config(connection: Connection | None = None) -> Config:
    """As Alembic wants to be told; without any file."""
    found = Config()
    found.set_main_option("script_location", str(PLACE).replace("%", "%%"))
    found.attributes["connection"] = connection
    return found


@cache
def newest() -> str:
    """The schema that this hub knows."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    assert head is not None
    return head


def schema_of(connection: Connection) -> str | None:
    """The schema that the database has; None: none yet."""
    found: Any = MigrationContext.configure(connection).get_current_revision()
    return None if found is None else str(found)


def check_schema(connection: Connection) -> None:
    """Raises StorageError where the database has another schema than this hub: code ``earlier_schema`` (also where
    there is none) or ``later_schema``."""
    found = schema_of(connection)
    if found == newest():
        return
    known = {step.revision for step in ScriptDirectory.from_config(config()).walk_revisions()}
    if found is not None and found not in known:
        raise StorageError(
            f"the database has schema {found}, which this hub does not know (it knows {newest()} at most): "
            "start the version that made it, or a later one",
            code="later_schema",
        )
    raise StorageError(
        f"the database has schema {found or 'none'}, this hub needs {newest()}: run `hub migrate`",
        code="earlier_schema",
    )


def migrate(database: Database) -> tuple[str | None, str]:
    """Bring the database to the newest schema, in one transaction; which one it had, and has. Another one who migrates
    is waited for. Raises StorageError for a schema of a later hub, SQLAlchemyError."""
    engine = open_engine(database, unlimited=True)  # an index over years takes its time
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ONE_AT_A_TIME})
            before = schema_of(connection)
            try:
                check_schema(connection)
            except StorageError as error:
                if error.code != "earlier_schema":
                    raise
                command.upgrade(config(connection), "head")
            return before, newest()
    finally:
        engine.dispose()
