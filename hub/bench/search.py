"""``hub bench search``: the six fields of R24, searched alone and together over a million activities.

The rows are made up and lie in a database of their own in a temporary place, made by the same code that keeps those of
a hub. Cold is the first query of its kind after the database was opened anew and its file was dropped from the page
cache; warm are the queries after it, each with other words. A page is 50 rows. Lost are activities that a query ought
to find by how they were made, and does not.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine, text

from hub.activities.findings import Finding
from hub.activities.model import Activity, Mode, Officer
from hub.activities.search import Query, search
from hub.activities.store import Kept, Store, row_range
from hub.activities.words import Kind
from hub.bench.report import Report, Result
from hub.clock import US_PER_S
from hub.database import Database, create_tables, open_engine

_BATCH = 10_000
_YEAR_S = 365 * 86_400
_START_S = 1_704_067_200
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰建国红梅志海东波斌宇浩凯鑫鹏飞"
_CAUSES = (
    "超限运输", "未取得道路运输经营许可擅自从事客运经营", "擅自改装机动车", "占用公路堆放物品", "未携带道路运输证",
    "在公路建筑控制区内修建建筑物", "未经许可从事危险货物运输", "货物脱落扬撒", "违法设置非公路标志", "拒不接受检查",
)  # fmt: skip
_COMPANIES = ("运输有限公司", "物流有限公司", "客运公司", "建材厂", "商贸有限公司")
_PLACES = "石唐秦邯邢保张承沧廊衡辛定冀鲁晋豫"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--activities", type=int, default=1_000_000, metavar="N", help="rows (default a million)")
    parser.add_argument("--queries", type=int, default=100, metavar="N", help="of each kind (default 100)")
    parser.add_argument("--folder", type=Path, help="where to make the data (default: the temporary folder)")
    parser.add_argument("--postgresql", metavar="URL", help="in this database, new and made ready by `hub migrate`")


@dataclass(frozen=True, slots=True)
class _World:
    """What there are few of: 60 units, 1,200 devices, 3,000 officers."""

    units: list[tuple[str, str]]
    officers: list[Officer]

    @classmethod
    def make(cls, chance: random.Random) -> _World:
        units = [(f"unit-{number:02d}", f"第{number}执法大队") for number in range(60)]
        officers = [Officer(_person(chance), f"冀A{number:05d}") for number in range(3000)]
        return cls(units, officers)

    def activity(self, number: int, began_us: int, chance: random.Random) -> Activity:
        device = chance.randrange(1200)
        unit, unit_name = self.units[device % 60]
        # an officer is of one unit, and two go together
        pair = [self.officers[chance.randrange(50) * 60 + device % 60] for _ in range(2)]
        company = chance.random() < 0.4
        party = (
            "".join(chance.choices(_PLACES + _GIVEN, k=4)) + chance.choice(_COMPANIES) if company else _person(chance)
        )
        year = 1970 + began_us // US_PER_S // _YEAR_S
        return Activity(
            f"b{number:07d}", f"rec-{device:04d}", unit, unit_name, f"ZF-{device:05d}", chance.choice(list(Mode)),
            began_us, "bench", tuple(dict.fromkeys(pair)), pair[0].certificate, party, True, chance.choice(_CAUSES),
            f"（{year}）冀交执罚字第{number:07d}号", "国道某处", "路面检查", began_us + 1800 * US_PER_S,
        )  # fmt: skip


def _person(chance: random.Random) -> str:
    return chance.choice(_SURNAMES) + "".join(chance.choices(_GIVEN, k=chance.choice((1, 2, 2))))


def _kept(world: _World, count: int, chance: random.Random) -> Iterator[Kept]:
    """Three years of them, in the order of time."""
    for number in range(count):
        began_us = (_START_S + number * 3 * _YEAR_S // count) * US_PER_S
        wrong = (Finding.NO_NOTICE,) if chance.random() < 0.02 else ()
        row = row_range(began_us, None)[0] + number % 64
        yield Kept(row, world.activity(number, began_us, chance), wrong, "stored", None, 0, True)


def run(options: argparse.Namespace) -> Report:
    """Make the rows, ask, count."""
    chance = random.Random(1)  # noqa: S311  made-up data
    with tempfile.TemporaryDirectory(prefix="hub-bench-", dir=options.folder) as place:
        database = Database.at(options.postgresql) if options.postgresql else Database.in_folder(Path(place))
        world = _World.make(chance)
        begun = time.perf_counter()
        samples = _fill(database, world, options.activities, chance)
        made_s = time.perf_counter() - begun
        results = [Result("activities", options.activities, "rows"), Result("made", made_s, "s")]
        results.append(Result("database", _size(database) / 1e6, "MB"))
        lost = 0
        for name, query_for in _QUERIES.items():
            taken, missed = _measure(database, query_for, samples, options.queries)
            lost += missed
            warm_ms = [took.wall_s * 1e3 for took in taken[1:]]
            results += [
                Result(f"{name}: cold", taken[0].wall_s * 1e3, "ms"),
                Result(f"{name}: p50", statistics.median(warm_ms), "ms"),
                Result(f"{name}: p95", _p95(warm_ms), "ms"),
                Result(f"{name}: p95, processor alone", _p95([took.cpu_s * 1e3 for took in taken[1:]]), "ms"),
            ]
    return Report("search", results, lost, ["Pages of 50 rows, the newest first; each query with other words."])


def _fill(database: Database, world: _World, count: int, chance: random.Random) -> list[Activity]:
    """The rows, and some of the activities to ask for."""
    engine = open_engine(database)
    create_tables(engine)
    store = Store(engine)
    store.prepare()
    samples: list[Activity] = []
    batch: list[Kept] = []
    known: dict[tuple[Kind, str, str], int] = {}
    every = max(1, count // 1000)
    for number, kept in enumerate(_kept(world, count, chance)):
        batch.append(kept)
        if number % every == every // 2:
            samples.append(kept.activity)
        if len(batch) == _BATCH:
            store.load(batch, known)
            batch = []
    store.load(batch, known)
    if not database.embedded:
        with engine.begin() as connection:
            connection.execute(text("ANALYZE"))
    engine.dispose()
    return samples


def _size(database: Database) -> int:
    if database.path is not None:
        return database.path.stat().st_size
    engine = open_engine(database)
    with engine.connect() as connection:
        size = int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    engine.dispose()
    return size


@dataclass(frozen=True, slots=True)
class _Took:
    """Of one query: by the clock, and by the processor, which other work on the machine does not lengthen."""

    wall_s: float
    cpu_s: float


def _measure(
    database: Database, query_for: Callable[[Activity], Query], samples: list[Activity], count: int
) -> tuple[list[_Took], int]:
    chance = random.Random(2)  # noqa: S311
    if database.path is not None:
        _drop_from_cache(database.path)
    engine = open_engine(database)
    wanted = chance.choices(samples, k=count + 1)
    taken, lost = list[_Took](), 0
    for activity in wanted:
        query = query_for(activity)
        begun, begun_cpu = time.perf_counter(), time.thread_time()
        search(engine, query)
        taken.append(_Took(time.perf_counter() - begun, time.thread_time() - begun_cpu))
        lost += not _finds(engine, query, activity)
    engine.dispose()
    return taken, lost


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _finds(engine: Engine, query: Query, activity: Activity) -> bool:
    """Whether it is on the page of its own second."""
    second = activity.began_us, activity.began_us + US_PER_S
    page = search(engine, replace(query, from_us=second[0], to_us=second[1]))
    return any(kept.activity.id == activity.id for kept in page)


def _drop_from_cache(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _month(activity: Activity) -> dict[str, int]:
    return {"from_us": activity.began_us - 15 * 86_400 * US_PER_S, "to_us": activity.began_us + 15 * 86_400 * US_PER_S}


_QUERIES: dict[str, Callable[[Activity], Query]] = {
    "unit": lambda one: Query(units=lambda unit: unit == one.unit),
    "device": lambda one: Query(device=one.device),
    "officer's name": lambda one: Query(officer=one.officers[0].name),
    "officer's certificate": lambda one: Query(officer=one.officers[0].certificate),
    "time": lambda one: Query(**_month(one)),  # type: ignore[arg-type]
    "party": lambda one: Query(party=one.party),
    "party, two characters": lambda one: Query(party=one.party[:2]),
    "cause": lambda one: Query(cause=one.cause),
    "unit, officer, month": lambda one: Query(
        units=lambda unit: unit == one.unit,
        officer=one.officers[0].name,
        **_month(one),  # type: ignore[arg-type]
    ),
    "all six": lambda one: Query(
        units=lambda unit: unit == one.unit,
        device=one.device,
        officer=one.officers[0].name,
        party=one.party,
        cause=one.cause,
        **_month(one),  # type: ignore[arg-type]
    ),
    "any field, two words": lambda one: Query(q=f"{one.party} {one.cause[:4]}"),
    "case number": lambda one: Query(q=one.case_number),
}
