"""The way from one schema of PostgreSQL to the next, and the refusal of any but one's own."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from hub.database import Database, cluster_metadata, create_tables, metadata, open_engine
from hub.database.migrating import migrate, newest
from hub.errors import StorageError
from tests.cluster.new_revision import register_all

HUB = [str(Path(sys.executable).with_name("python")), "-m", "hub"]


def test_the_steps_make_what_the_tables_say(postgres: str) -> None:
    """When this fails: python -m tests.cluster.new_revision "what and why", and read what it wrote."""
    register_all()
    engine = open_engine(Database.at(postgres))
    with engine.connect() as connection:
        found = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True}),
            [metadata, cluster_metadata],
        )
        assert found == []
        columns = text(
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND table_name <> 'alembic_version' "
            "AND (data_type = 'integer' OR (data_type = 'character varying' AND collation_name IS DISTINCT FROM 'C'))"
        )
        assert connection.execute(columns).scalars().all() == [], "expected hub.database.Int64 and Text"
    engine.dispose()


def test_who_comes_second_finds_it_done(empty_postgres: str) -> None:
    database = Database.at(empty_postgres)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: migrate(database), range(4)))
    assert sorted(found, key=str) == sorted([(None, newest()), *[(newest(), newest())] * 3], key=str)


def test_a_schema_that_is_not_ones_own_is_refused_with_what_to_do(empty_postgres: str) -> None:
    database = Database.at(empty_postgres)
    engine = open_engine(database)
    with pytest.raises(StorageError, match="hub migrate") as none:
        create_tables(engine)
    assert none.value.code == "earlier_schema"
    assert inspect(engine).get_table_names() == []
    migrate(database)
    create_tables(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of-tomorrow'"))
    with pytest.raises(StorageError, match="later") as later:
        create_tables(engine)
    assert later.value.code == "later_schema"
    with pytest.raises(StorageError, match="of-tomorrow"):
        migrate(database)
    engine.dispose()


def test_the_command_migrates_and_shows_no_password(empty_postgres: str, tmp_path: Path) -> None:
    url = empty_postgres.replace("postgres@", "postgres:s3cr3t-word@")
    environ = {"HUB_DATABASE_URL": url, "HUB_REDIS_URL": "redis://127.0.0.1:1", "HUB_CLUSTER_SECRET": "s" * 20}
    environ |= {"HUB_DATA": str(tmp_path), "HUB_KEYS_DIR": str(tmp_path.with_name("keys")), "PATH": "/usr/bin"}

    def run(**more: str) -> tuple[int, str]:
        done = subprocess.run([*HUB, "migrate"], env=environ | more, capture_output=True, text=True, timeout=60)
        assert "s3cr3t" not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    code, said = run()
    assert (code, newest() in said, "none" in said) == (0, True, True), said
    assert run()[1].strip().endswith("as before")
    code, said = run(HUB_DATABASE_URL="postgresql://postgres:s3cr3t-word@127.0.0.1:1/x")
    assert (code, "Traceback" in said, "127.0.0.1:1/x" in said) == (2, False, True), said
