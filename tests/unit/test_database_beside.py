"""Another process opens the database of a running hub, and closes it again: a backup, or a person with ``sqlite3``."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Engine, text

from hub.database import Database, open_engine

LOOK = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    print(*(word for (word,) in database.execute("SELECT username FROM people ORDER BY username")))
database.close()
"""


def add(engine: Engine, username: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS people (username TEXT)"))
        connection.execute(text("INSERT INTO people (username) VALUES (:username)"), {"username": username})


def seen_beside(path: Path) -> str:
    ran = subprocess.run([sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_who_looks_beside_a_hub_takes_nothing_from_it(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    first = open_engine(Database(path))
    add(first, "a")
    second = open_engine(Database(path))  # a part of the same hub that begins later
    assert seen_beside(path) == "a"
    assert (tmp_path / "hub.db-wal").exists(), "the write-ahead log was thrown away under the hub"
    add(second, "b")
    add(first, "c")
    assert seen_beside(path) == "a b c"
    first.dispose()
    second.dispose()


def test_the_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    made, found = tmp_path / "made.db", tmp_path / "found.db"
    sqlite3.connect(found).close()
    found.touch()
    found.chmod(0o644)
    for path in (made, found):
        open_engine(Database(path)).dispose()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
