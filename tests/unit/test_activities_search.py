"""The six fields of 003§17, alone and together, against going through everything."""

from __future__ import annotations

import string
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from hub.activities.model import Activity, Mode, Officer
from hub.activities.search import Query, search
from hub.activities.store import Kept, Store, row_range
from hub.activities.words import plain
from hub.bench import search as bench
from hub.database import Database, create_tables, open_engine
from hub.errors import InvalidRequest
from tests.activity_support import START_US, S

ONE = Activity(
    "one", "rec-0001", "north", "北区执法大队", "ZF-00017", Mode.FULL, START_US, "x",
    (Officer("张三", "冀A01234"), Officer("欧阳建国", "冀A05678")), "冀A01234", "赵六", True, "超限运输",
    "（2026）冀交执罚字第01234号", "某路口", "检查", START_US + 60 * S,
)  # fmt: skip
TWO = replace(
    ONE, id="two", stream_id="rec-0002", unit="south", unit_name="南区执法大队", device="ZF-00018",
    began_us=START_US + 5 * S, officers=(Officer("张三丰", "冀B9"),), party="石家庄某某运输有限公司",
    cause="擅自改装机动车", case_number="冀交罚〔2026〕12号",
)  # fmt: skip
THREE = replace(ONE, id="three", began_us=START_US + 5 * S + 1, party="赵六子𠮷", cause="超限", officers=())
ALL = (ONE, TWO, THREE)


@contextmanager
def stored(folder: Path, found: tuple[Activity, ...] = ALL) -> Iterator[Store]:
    engine = open_engine(Database(folder / "hub.db"))
    create_tables(engine)
    store = Store(engine)
    store.prepare()
    rows = [
        Kept(row_range(one.began_us, None)[0] + number, one, (), "stored", None, 0, True)
        for number, one in enumerate(found)
    ]
    store.load(rows, {})
    try:
        yield store
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), ["three", "two", "one"]),
        (Query(limit=1), ["three"]),
        (Query(after="three"), ["two", "one"]),
        (Query(after="unknown"), []),
        (Query(units=lambda unit: unit == "south"), ["two"]),
        (Query(units=lambda unit: False), []),
        (Query(stream="rec-0001"), ["three", "one"]),
        (Query(stream="rec-000"), []),
        (Query(case="12号"), ["two"]),
        (Query(case="12"), ["three", "two", "one"]),
        (Query(case="〔2026〕12号"), ["two"]),
        (Query(case="2026-12"), ["two"]),
        (Query(case="2026"), ["three", "two", "one"]),
        (Query(q="罚〔2026〕 12号"), ["two"]),
        (Query(device="00017"), ["three", "one"]),
        (Query(device="zf-0001"), ["three", "two", "one"]),
        (Query(device="ＺＦ－00018"), ["two"]),
        (Query(device="rec-0002"), ["two"]),
        (Query(officer="张三"), ["two", "one"]),
        (Query(officer="张三丰"), ["two"]),
        (Query(officer="张"), ["two", "one"]),
        (Query(officer="阳建"), ["one"]),
        (Query(officer="冀a0123"), ["one"]),
        (Query(officer="赵六"), []),
        (Query(party="赵六"), ["three", "one"]),
        (Query(party="赵"), ["three", "one"]),
        (Query(party="子𠮷"), ["three"]),
        (Query(party="运输 石家庄"), ["two"]),
        (Query(party="庄石"), []),
        (Query(cause="超限"), ["three", "one"]),
        (Query(cause="限运"), ["one"]),
        (Query(case="01234号"), ["one", "three"][::-1]),
        (Query(case="1234"), ["three", "one"]),
        (Query(case="〔2026〕12"), ["two"]),
        (Query(q="张三 超限"), ["one"]),
        (Query(q="南区"), ["two"]),
        (Query(q="（2026）冀交执罚字第01234号"), ["three", "one"]),
        (Query(q="ZF-00018 改装"), ["two"]),
        (Query(from_us=START_US + 1), ["three", "two"]),
        (Query(to_us=START_US + 5 * S), ["one"]),
        (Query(from_us=START_US + 5 * S, to_us=START_US + 5 * S + 1), ["two"]),
        (
            Query(
                units=lambda unit: unit == "north", device="ZF-00017", officer="张三", party="赵六", cause="超限运输",
                from_us=START_US, to_us=START_US + S,
            ),
            ["one"],
        ),
    ],
)  # fmt: skip
def test_fields_alone_and_together(tmp_path: Path, query: Query, found: list[str]) -> None:
    with stored(tmp_path) as store:
        assert [kept.activity.id for kept in search(store.engine, query)] == found


@pytest.mark.parametrize("text", ["", " ", "，。", "a" * 101, "1 2 3 4 5 6 7 8 9"])
def test_what_is_no_word_is_refused(tmp_path: Path, text: str) -> None:
    with stored(tmp_path) as store, pytest.raises(InvalidRequest):
        search(store.engine, Query(q=text))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with stored(tmp_path_factory.mktemp("search")) as store:
        yield store.engine


@given(st.text(max_size=20), st.sampled_from(["q", "party", "cause", "case", "officer", "device", "stream"]))
@settings(max_examples=150, deadline=None)
def test_whatever_is_typed_is_answered_or_refused(engine: Engine, text: str, field: str) -> None:
    with suppress(InvalidRequest):
        search(engine, Query(**{field: text}))  # type: ignore[arg-type]


CHARS = st.text(alphabet="甲乙丙𠮷" + "0a ，-" + string.digits[:2], min_size=1, max_size=9)


@given(st.lists(st.tuples(CHARS, CHARS, CHARS), min_size=1, max_size=5), st.data())
@settings(max_examples=15, deadline=None)
def test_every_piece_of_chinese_is_found_where_it_is_and_nowhere_else(
    made: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    """A party's or a cause's text is found by any piece of its Chinese of two characters and more."""
    activities = tuple(
        replace(
            ONE, id=str(number), began_us=START_US + number * S, party=party, cause=cause, officers=(Officer(name),)
        )
        for number, (party, cause, name) in enumerate(made)
    )
    with TemporaryDirectory() as folder, stored(Path(folder), activities) as store:
        field = data.draw(st.sampled_from(["party", "cause"]))
        source = plain(getattr(data.draw(st.sampled_from(activities)), field))
        chinese = [source[at : at + length] for length in (2, 3, 4) for at in range(len(source) - length + 1)]
        pieces = [piece for piece in chinese if len(piece) > 1 and not any(char.isascii() for char in piece)]
        for piece in pieces[:4]:
            wanted = {one.id for one in activities if piece in plain(getattr(one, field))}
            assert {kept.activity.id for kept in search(store.engine, Query(**{field: piece}))} == wanted
        name = plain(activities[0].officers[0].name)
        if name:
            wanted = {one.id for one in activities if name in plain(one.officers[0].name)}
            assert {kept.activity.id for kept in search(store.engine, Query(officer=name))} == wanted


def test_the_bench_finds_what_it_made(tmp_path: Path) -> None:
    report = bench.run(Namespace(postgresql=None, activities=2000, queries=3, folder=tmp_path))
    assert report.lost == 0
    assert len({result.name.partition(":")[0] for result in report.results}) == 3 + 12
    assert list(tmp_path.iterdir()) == []
