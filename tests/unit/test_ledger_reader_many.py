"""Spans of many streams in one call are those of each by itself, over random histories."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Table, event, insert

from hub.database import Database
from hub.ledger import tables as t
from hub.ledger.index import Index
from hub.ledger.reader import PastSpans, Reader
from hub.model import Span

STREAMS = ("cam-a", "cam-b", "cam-c", "cam-d")


def history(chance: random.Random) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Rows of spans and of deleted reels; the last stream has none."""
    spans: list[dict[str, object]] = []
    gone: list[dict[str, object]] = []
    for stream in STREAMS[:-1]:
        for origin in (None, "upload"):
            at_us = chance.randrange(50)
            for _ in range(chance.randrange(12)):
                end_us = at_us + chance.randrange(1, 40)
                row = {"id": len(spans) + 1, "stream": stream, "from_us": at_us, "to_us": end_us, "origin": origin}
                spans.append(row)
                at_us = end_us + chance.choice((0, 1, 30))
        for number in range(chance.randrange(4)):
            begin_us = chance.randrange(300)
            gone.append(
                {
                    "reel": f"reels/{stream}/{number}", "stream": stream, "first_us": begin_us,
                    "end_us": begin_us + chance.randrange(1, 60), "state": chance.choice(("deleted", "kept")),
                }
            )  # fmt: skip
    return spans, gone


@pytest.mark.parametrize("seed", range(12))
def test_many_are_as_each(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    index = Index(Database.in_folder(tmp_path))
    spans, gone = history(chance)
    with index.engine.begin() as connection:
        for table, found in ((t.spans, spans), (t.gone_reels, gone)):
            if found:
                names = [column.name for column in table.columns]
                filled = [{name: _filler(table, name) for name in names} | row for row in found]
                connection.execute(insert(table), filled)
    index.close()
    reader = Reader(Database.in_folder(tmp_path), tmp_path)
    for _ in range(20):
        from_us = chance.randrange(300)
        times = (from_us, from_us + chance.randrange(1, 200))
        asked = chance.sample(STREAMS, chance.randrange(1, len(STREAMS) + 1))
        many = reader.spans_of_many(asked, *times)
        assert set(many) <= set(asked)
        for stream in asked:
            alone = PastSpans(
                reader.spans(stream, *times), reader.backfilled(stream, *times), reader.gone(stream, *times)
            )
            assert many.get(stream, PastSpans([], [], [])) == alone
            recorded = [Span(begin, end) for name, begin, end in reader.recorded_spans(asked, *times) if name == stream]
            assert all(before.to_us < after.from_us for before, after in pairwise(recorded))
            covered = {at for one in (*alone.recorded, *alone.backfilled) for at in range(one.from_us, one.to_us)}
            assert {at for one in recorded for at in range(one.from_us, one.to_us)} == covered
    reader.close()


def _filler(table: Table, name: str) -> object:
    column = table.c[name]
    if column.nullable:
        return None
    return {int: 0, str: "", bytes: b"", bool: False}[column.type.python_type]


def test_statements_do_not_grow_with_streams_or_history(tmp_path: Path) -> None:
    database = Database.in_folder(tmp_path)
    Index(database).close()
    reader = Reader(database, tmp_path)
    asked: list[str] = []
    event.listen(reader._engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    counts = {}
    calls: dict[str, Callable[[], object]] = {
        "of many": lambda: reader.spans_of_many([f"cam-{n}" for n in range(500)], 0, 1000),
        "of one": lambda: (
            reader.spans("cam-1", 0, 1000), reader.backfilled("cam-1", 0, 1000), reader.gone("cam-1", 0, 1000),
        ),
        "interruptions": lambda: reader.interruptions(streams=[f"cam-{n}" for n in range(500)], from_us=0, to_us=1000),
        "chunks": lambda: reader.chunks("cam-1", 0, 1000, 100),
    }  # fmt: skip
    for name, call in calls.items():
        asked.clear()
        call()
        counts[name] = len([one for one in asked if one.lstrip().startswith(("SELECT", "WITH"))])
    reader.close()
    assert counts == {"of many": 2, "of one": 5, "interruptions": 1, "chunks": 2}
