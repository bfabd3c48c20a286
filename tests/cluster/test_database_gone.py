"""A PostgreSQL that ends, stands still or cannot be reached costs a thread some seconds, and comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from hub.database import Database, engines, open_engine
from tests.cluster.servers import Postgres, free_port, postgres_server

FAR_TOO_LONG_S = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def engine(server: Postgres) -> Iterator[Engine]:
    engine = open_engine(Database.at(server.url()), lock_wait_s=0.2)
    yield engine
    engine.dispose()


def asked(engine: Engine) -> int:
    with engine.begin() as connection:
        return int(connection.execute(text("SELECT 7")).scalar_one())


def test_one_that_stands_still_is_given_up(server: Postgres, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "ANSWER_S", 1.0)
    assert asked(engine) == 7
    connection = engine.connect()
    connection.execute(text("SELECT 1"))
    server.pause()
    begun = time.monotonic()
    try:
        with pytest.raises(OperationalError, match="did not answer"):
            connection.execute(text("SELECT 2"))
        with pytest.raises(OperationalError):  # a connection of the pool, and then a new one
            asked(engine)
        connection.close()
    finally:
        server.resume()
    assert time.monotonic() - begun < FAR_TOO_LONG_S
    assert asked(engine) == 7


def test_one_that_ends_and_comes_back_is_the_same(server: Postgres, engine: Engine) -> None:
    assert asked(engine) == 7
    server.stop()
    with pytest.raises(OperationalError):
        asked(engine)
    server.start()
    assert asked(engine) == 7


def test_a_lock_is_waited_for_as_long_as_was_said_and_statements_end(server: Postgres, engine: Engine) -> None:
    with engine.connect() as connection:
        shown = connection.execute(text("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"))
        assert tuple(shown.one()) == ("200ms", f"{engines.STATEMENT_S}s")
    with engine.begin() as first:
        first.execute(text("SELECT pg_advisory_xact_lock(1)"))
        with pytest.raises(DBAPIError, match="lock timeout"), engine.begin() as second:
            second.execute(text("SELECT pg_advisory_xact_lock(1)"))


def test_errors_show_neither_password_nor_rows() -> None:
    engine = open_engine(Database.at(f"postgresql://hub:s3cr3t-word@127.0.0.1:{free_port()}/hub"))
    with pytest.raises(OperationalError) as refused:
        asked(engine)
    assert "s3cr3t" not in str(refused.value)


def test_errors_leave_out_what_was_written(engine: Engine) -> None:
    with pytest.raises(DBAPIError) as failed, engine.begin() as connection:
        connection.execute(text("SELECT * FROM nowhere WHERE a = :a"), {"a": "rtsp://admin:s3cr3t@camera"})
    assert "s3cr3t" not in str(failed.value)
