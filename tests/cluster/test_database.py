"""The seam: one description of the database, the same statements in both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, MetaData, Table, literal, select

from hub.database import (
    Database,
    Int64,
    Text,
    hex_of,
    holds_text,
    json_is_true,
    json_number,
    json_text,
    listed,
    open_engine,
    open_read_only,
    upsert,
)

OWN = MetaData()
notes = Table(
    "notes", OWN, Column("id", Int64, primary_key=True), Column("path", Text, unique=True), Column("body", Text)
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database.in_folder(tmp_path)
    return Database.at(request.getfixturevalue("empty_postgres"))


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    engine = open_engine(database)
    OWN.create_all(engine)
    yield engine
    engine.dispose()


def test_an_id_counts_by_itself_and_has_64_bits(engine: Engine) -> None:
    with engine.begin() as connection:
        assert connection.execute(notes.insert(), {"path": "a"}).inserted_primary_key == (1,)
        assert connection.execute(notes.insert(), {"path": "b"}).inserted_primary_key == (2,)
        connection.execute(notes.insert(), {"id": 1 << 62, "path": "c"})
        assert connection.execute(select(notes.c.id).where(notes.c.path == "c")).scalar_one() == 1 << 62


def test_an_upsert_updates_or_leaves_alone_and_counts(engine: Engine) -> None:
    put = upsert(notes)
    with engine.begin() as connection:
        connection.execute(put, {"id": 1, "path": "a", "body": "old"})
        changed = put.on_conflict_do_update(index_elements=["id"], set_={"body": put.excluded.body})
        connection.execute(changed, [{"id": 1, "path": "x", "body": "new"}, {"id": 2, "path": "b", "body": "two"}])
        left = put.on_conflict_do_nothing()
        assert connection.execute(left.values(id=2, path="z", body="no")).rowcount == 0
        assert connection.execute(left.values(id=3, path="c", body="three")).rowcount == 1
        rows = connection.execute(select(notes).order_by(notes.c.id)).all()
    assert rows == [(1, "a", "new"), (2, "b", "two"), (3, "c", "three")]


def test_text_is_ordered_by_its_bytes(engine: Engine) -> None:
    words = ["a", "Z", "reels/b-1/x", "reels/b/x", "é", "一", "丁", "\U0001f600"]
    with engine.begin() as connection:
        connection.execute(notes.insert(), [{"path": word} for word in words])
        found = connection.execute(select(notes.c.path).order_by(notes.c.path)).scalars().all()
        below = select(notes.c.path).where(notes.c.path > "reels/", notes.c.path < "reels/\U0010ffff")
        inside = connection.execute(below.order_by(notes.c.path)).scalars().all()
    assert found == sorted(words)
    assert inside == ["reels/b-1/x", "reels/b/x"]


def test_a_nul_that_somebody_asks_for_is_not_found(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(notes.insert(), {"path": "a"})
        assert connection.execute(select(notes).where(notes.c.path == "a\0")).all() == []
        assert connection.execute(select(notes).where(notes.c.path.in_(["a\0", "a"]))).all() == [(1, "a", None)]


def test_json_kept_as_text(engine: Engine) -> None:
    body = '{"form":"close","yes":true,"no":false,"n":1766534400000000,"nul":"a\\u0000b","text":"100%"}'
    with engine.begin() as connection:
        connection.execute(notes.insert(), {"path": "a", "body": body})
        row = connection.execute(
            select(
                json_text(notes.c.body, "form"),
                json_text(notes.c.body, "missing"),
                json_number(notes.c.body, "n"),
                json_text(notes.c.body, "text"),
            )
        ).one()
        assert tuple(row) == ("close", None, 1766534400000000, "100%")
        for key, expected in (("yes", 1), ("no", 0), ("missing", 0)):
            query = select(notes.c.id).where(json_is_true(notes.c.body, key))
            assert len(connection.execute(query).all()) == expected


def test_lists_bytes_and_parts_of_text(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(notes.insert(), [{"path": f"p{number}"} for number in range(3)])
        many = [f"p{number}" for number in range(100_000)]
        query = select(notes.c.path).where(notes.c.path.in_(select(listed(many))))
        assert len(connection.execute(query).all()) == 3
        each = listed([["p1", 5, 9], ["p2", 7, 8]])
        rows = connection.execute(select(json_text(each, 0), json_number(each, 1), json_number(each, 2))).all()
        assert rows == [("p1", 5, 9), ("p2", 7, 8)]
        assert connection.execute(select(hex_of(literal(b"\x00\xab")))).scalar_one() == "00ab"
        for wanted, found in (("1", 1), ("%", 0), ("_", 0), ("P1", 0)):
            assert len(connection.execute(select(notes.c.id).where(holds_text(notes.c.path, wanted))).all()) == found


def test_a_reader_cannot_write(engine: Engine, database: Database) -> None:
    reading = open_read_only(database)
    with reading.connect() as connection:
        assert connection.execute(select(notes)).all() == []
        with pytest.raises(Exception, match=r"read-?only"):
            connection.execute(notes.insert(), {"path": "a"})
    reading.dispose()


def test_the_password_is_shown_nowhere() -> None:
    database = Database.at("postgresql://hub:s3cr3t-word@db.example:5433/hub?sslmode=require")
    assert str(database) == "postgresql://db.example:5433/hub"
    assert "s3cr3t" not in f"{database} {database!r} {database.address()!r} {database.address()}"
    assert "s3cr3t" not in repr(open_engine(database))
