"""A plugin of pytest that runs any test on PostgreSQL: pytest -p tests.cluster.on_postgresql tests/unit/….

What a test calls hub.db becomes a file with the URL of a database of its own, so that folders may be copied, and files
deleted, as ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Engine

from hub.database import Database, engines
from hub.database.migrating import migrate
from tests.cluster.servers import Postgres, postgres_server

hypothesis.settings.register_profile("on PostgreSQL", deadline=None)  # a database is made within the first example
hypothesis.settings.load_profile("on PostgreSQL")


@pytest.fixture(scope="session")
def _server() -> Iterator[tuple[Postgres, str]]:
    with postgres_server() as server:
        url = server.fresh()
        migrate(Database.at(url))
        yield server, url.rpartition("/")[2]


@pytest.fixture(autouse=True)
def _on_postgresql(_server: tuple[Postgres, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server, migrated = _server
    made: list[str] = []
    opened: list[Engine] = []

    def database(path: Path) -> Database:
        if not path.exists() or not path.stat().st_size:
            made.append(server.fresh(migrated))
            path.write_text(made[-1], encoding="utf-8")
        return Database.at(path.read_text(encoding="utf-8"))

    def open_file(_: Database, path: Path, lock_wait_s: float) -> Engine:
        opened.append(engines._open_server(database(path), lock_wait_s))
        return opened[-1]

    def read_file(path: Path, still: bool) -> Engine:
        opened.append(engines._open_server(database(path), 10.0, read_only=True))
        return opened[-1]

    monkeypatch.setattr(engines, "_open_file", open_file)
    monkeypatch.setattr(engines, "_read_file", read_file)
    yield
    for engine in opened:  # a connection that nobody closed is a warning of psycopg's, and an error here
        engine.dispose()
    for url in made:
        server.drop(url)
