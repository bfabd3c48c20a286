"""How the tables come to be."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection, Engine, MetaData, Table, inspect
from sqlalchemy.schema import CreateColumn

from hub.database.statements import is_postgresql
from hub.errors import StorageError

log = structlog.get_logger(__name__)

metadata = MetaData()
"""Every table registers here, wherever it is declared."""

cluster_metadata = MetaData()
"""But those that the nodes of a cluster share, and an embedded hub has none of: they are PostgreSQL's alone."""

SCHEMA_VERSION = 1
"""Kept in ``PRAGMA user_version``. Raised only by a change that an older hub could not live with: a column that
is added has a default, and an older hub does not notice it."""


def create_tables(engine: Engine) -> None:
    """Create what is missing: tables, and columns and indexes of tables that an older hub made.

    Nothing is dropped, renamed or rewritten. Raises StorageError for a database of a later hub.

    A PostgreSQL is only looked at: several nodes share it, so one who knows of it changes it (``hub migrate``, see
    :mod:`hub.database.migrating`). Raises StorageError for any schema but this hub's.
    """
    with engine.begin() as connection:
        if is_postgresql(connection):
            from hub.database.migrating import check_schema  # Alembic: nothing that an embedded hub loads

            check_schema(connection)
            return
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if version > SCHEMA_VERSION:
            raise StorageError(
                f"the database has schema version {version}, this hub knows {SCHEMA_VERSION} at most: "
                "start the hub that made it, or a later one",
                code="later_schema",
            )
        known = set(inspect(connection).get_table_names())
        metadata.create_all(connection)
        for table in metadata.sorted_tables:
            if table.name in known:
                _complete(connection, table)
        if version != SCHEMA_VERSION:
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _complete(connection: Connection, table: Table) -> None:
    present = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name in present:
            continue
        # rows that are there already need a value; SQLite refuses the statement without one
        assert column.nullable or column.server_default is not None, (
            f"{table.name}.{column.name} needs a server_default"
        )
        definition = CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}")
        log.info("column added to the database", table=table.name, column=column.name)
    for index in table.indexes:
        index.create(connection, checkfirst=True)
