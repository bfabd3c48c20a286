"""A database that an older hub made goes on: what is missing is added, what is there stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, inspect

import hub.ledger.tables  # noqa: F401  registers its tables
from hub.clock import ManualClock
from hub.database import SCHEMA_VERSION, Database, create_tables, metadata, open_engine
from hub.errors import StorageError
from hub.model import StreamKind
from hub.people.accounts import Accounts
from hub.people.rights import Right, Role
from hub.people.tree import ROOT
from hub.registry import Registry
from hub.settings import Settings

FIRST = Path(__file__).with_name("first_hub_db.sql")
PASSWORD = "the first password"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "hub.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST.read_text(encoding="utf-8"))
    connection.close()
    return path


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    engine = open_engine(Database(path))
    yield engine
    engine.dispose()


def test_every_column_and_index_is_there_afterwards(engine: Engine) -> None:
    assert "unit" not in {column["name"] for column in inspect(engine).get_columns("streams")}
    create_tables(engine)
    create_tables(engine)
    looked = inspect(engine)
    for table in metadata.sorted_tables:
        present = {column["name"] for column in looked.get_columns(table.name)}
        assert present >= {column.name for column in table.columns}, table.name
        assert {index["name"] for index in looked.get_indexes(table.name)} >= {
            index.name for index in table.indexes if not index.dialect_options["postgresql"]["using"]
        }, "all but those of PostgreSQL alone"
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA user_version").scalar_one() == SCHEMA_VERSION


async def test_its_streams_its_admin_and_the_open_sign_in_go_on(engine: Engine) -> None:
    create_tables(engine)
    clock = ManualClock()
    registry = await Registry.open(engine, clock)
    listed = [(one.id, one.kind, one.retired, one.unit) for one in registry.list(retired=True)]
    assert sorted(listed) == [
        ("rec-1", StreamKind.RECORDER, True, ""),
        ("window-01", StreamKind.WINDOW, False, ""),
    ]
    await registry.patch("window-01", unit="hall-1")
    accounts, shown = await Accounts.open(engine, Settings(), clock)
    assert shown is None
    admin = accounts.people.by_username("admin")
    assert (admin.roles, admin.unit, admin.active, admin.must_change_password) == ({Role.ADMIN}, ROOT, True, False)
    assert len(accounts._sessions) == 1
    assert await accounts.sign_in("admin", PASSWORD) is not None
    assert accounts.standing("admin").may(Right.PEOPLE_MANAGE)
    again, _ = await Accounts.open(engine, Settings(admin_password=SecretStr("another password")), clock)
    assert await again.sign_in("admin", PASSWORD) is None


def test_a_certificate_is_unique_in_an_old_database_too(engine: Engine) -> None:
    create_tables(engine)
    add = "INSERT INTO accounts (username, password_hash, role, created_us, certificate) VALUES (?, '', '', 0, ?)"
    with engine.begin() as connection:
        connection.exec_driver_sql(add, ("a", ""))
        connection.exec_driver_sql(add, ("b", ""))
        connection.exec_driver_sql(add, ("c", "13-001"))
        with pytest.raises(Exception, match="UNIQUE"):
            connection.exec_driver_sql(add, ("d", "13-001"))


def test_a_database_of_a_later_hub_is_not_touched(path: Path, engine: Engine) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StorageError, match="schema version"):
        create_tables(engine)
    assert "unit" not in {column["name"] for column in inspect(engine).get_columns("streams")}


def test_every_column_that_came_later_has_a_value_for_old_rows() -> None:
    """What an older hub does not know, it must be able to leave out as well."""
    first = sqlite3.connect(":memory:")
    first.executescript(FIRST.read_text(encoding="utf-8"))
    for table in metadata.sorted_tables:
        old = {row[1] for row in first.execute(f"PRAGMA table_info({table.name})")}
        for column in table.columns:
            if old and column.name not in old:
                assert column.nullable or column.server_default is not None, f"{table.name}.{column.name}"
    first.close()
