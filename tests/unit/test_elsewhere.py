"""What this disk lacks and another place has: entry files of a new leader, reels that go before all others, and a place
that does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import delete

from hub.app.lines import FromArchive
from hub.archive.collect import Wanted, collect
from hub.cluster.everywhere import of_this_cluster, open_everywhere
from hub.database import Database, open_engine
from hub.errors import HubError, Unavailable
from hub.footage.store import Brought, State, Store
from hub.ledger.reader import Reader
from hub.ledger.tables import unflushed
from hub.ledger.verdict import Integrity
from hub.settings import Settings
from hub.shelf import LocalShelf, Shelves
from tests.archive_support import Place, running
from tests.ledger_folder import START_US

END_US = START_US + 60_000_000


async def archived(place: Place) -> list[str]:
    """A reel and its entries, of a day that is over."""
    names = await place.record("cam-a")
    await place.sign()
    place.days(1.5)
    await place.sign()
    await place.archive.one_pass()
    return names


async def test_a_new_leaders_folder_gets_the_entry_files_of_earlier_days(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await archived(place)
        data, other = place.folder.data, tmp_path / "other"
        kept = {name: (data / name).read_bytes() for name in place.archived(suffix=".entries")}
        assert kept
        mine, *_ = kept
        (other / mine).parent.mkdir(parents=True)
        (other / mine).write_bytes(b"written to at this moment")
        brought = FromArchive(place.store, other)
        stopped = FromArchive(place.store, tmp_path / "stopped")
        assert await asyncio.to_thread(stopped.rest, place.book._engine, lambda: True) == 0
        assert await asyncio.to_thread(brought.rest, place.book._engine, lambda: False) >= len(kept) - 1
        assert (other / mine).read_bytes() == b"written to at this moment"
        for name in kept.keys() - {mine}:
            assert (other / name).read_bytes() == kept[name]
        assert await asyncio.to_thread(brought.rest, place.book._engine, lambda: False) == 0


async def test_lines_of_old_chunks_are_read_where_they_lie(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await archived(place)
        with place.book._engine.begin() as connection:
            connection.execute(delete(unflushed))  # as a leader does once a file is in the archive
        database = Database.in_folder(place.folder.data)
        whole = place.ledger.reader.declared("cam-a", START_US, END_US, 10)
        assert len(whole) == 3
        assert all(one.line for one in whole)
        bare = Reader(database, tmp_path / "empty")
        assert not any(one.line for one in bare.declared("cam-a", START_US, END_US, 10))
        asked: list[str] = []

        def bring(path: str, size: int) -> bytes | None:
            asked.append(path)
            return FromArchive(place.store, tmp_path / "empty").lines(path, size)

        reader = Reader(database, tmp_path / "empty", bring)
        assert reader.declared("cam-a", START_US, END_US, 10) == whole
        away = Reader(database, tmp_path / "empty", Away().bring)
        assert not any(one.line for one in away.declared("cam-a", START_US, END_US, 10))
        for one in (bare, reader, away):
            one.close()


async def test_a_reel_can_go_before_all_others(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        first = await place.record("cam-a")
        second = await place.record("cam-b")
        ends = place.ledger.reader.reel_end_us
        place.open.add(second[0])
        assert await place.archive.take(second, ends)
        assert place.archived() == [], "it is written to"
        place.open.clear()
        both = (place.archive.take(second, ends), place.archive.take(second, ends))
        assert await asyncio.gather(*both) == [True, True]
        assert place.archived() == second, "and the other waits for its turn"
        await place.sign()
        place.days(1.5)
        await place.archive.one_pass()
        assert place.archived() == sorted([*first, *second])


class Away:
    """Where reels lie that nobody can read at this moment."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def bring(self, _path: str, _size: int) -> bytes | None:
        raise OSError("the archive is away")

    def size(self, path: str) -> int | None:
        if path in self._names:
            raise OSError("it lies on the disk of the node b, which is away")
        return None

    def read(self, path: str, _offset: int, _size: int) -> bytes:
        if self.size(path) is None:
            raise FileNotFoundError(path)
        return b""

    def names(self, below: str) -> Iterator[tuple[str, int]]:
        return iter([(name, 0) for name in self._names if name.startswith(f"{below}/")])

    def file(self, _path: str) -> Path | None:
        return None


async def test_what_lies_with_a_node_that_is_away_is_neither_intact_nor_missing(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        here = await place.record("cam-a")
        there = await place.record("cam-b")
        await place.sign()
    data = place.folder.data
    (data / there[0]).unlink()
    away = Away(*there)
    lost = place.folder.verify()
    assert (lost.exit_code, lost.integrity, lost.counts.unreachable_reels) == (1, Integrity.MISSING_PARTS, 0)
    verdict = place.folder.verify(archive=away)
    assert (verdict.exit_code, verdict.integrity) == (2, Integrity.CANNOT_BE_JUDGED), verdict.findings
    assert (verdict.counts.unreachable_reels, verdict.findings) == (1, [])
    assert "1 reels cannot be read: it lies on the disk of the node b, which is away" in verdict.unchecked
    (data / here[0]).write_bytes(b"another")
    assert place.folder.verify(archive=away).exit_code == 1, "what is wrong elsewhere is wrong all the same"
    out = tmp_path / "out"
    done = collect([LocalShelf(data), away], out, Wanted())
    assert (done.reels, done.unreachable, done.absent) == (1, 1, 0)
    assert not (out / there[0]).exists()


def test_a_place_that_has_it_is_enough(tmp_path: Path) -> None:
    (tmp_path / "reels").mkdir()
    (tmp_path / "reels/a.mp4").write_bytes(b"footage")
    both = Shelves((Away("reels/a.mp4"), LocalShelf(tmp_path)))
    assert both.read("reels/a.mp4", 0, 7) == b"footage"


def test_without_the_clusters_servers_nobody_says_what_lies_where(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "database_url": "postgresql://u:p@127.0.0.1:1/x", "redis_url": "redis://127.0.0.1:1/0",
            "cluster_secret": "a secret that is long enough",
        }
    )  # fmt: skip
    assert not of_this_cluster(settings, tmp_path), "no log: it is a package, or nothing"
    (tmp_path / "log").mkdir()
    with pytest.raises(HubError, match="PostgreSQL of the cluster does not answer") as told:
        of_this_cluster(settings, tmp_path)
    assert "u:p" not in str(told.value)
    with pytest.raises(HubError, match="Redis of the cluster does not answer"):
        open_everywhere(settings)
    assert open_everywhere(Settings()) is None


def test_a_file_that_another_node_received_is_brought_from_there(tmp_path: Path) -> None:
    engine = open_engine(Database.in_folder(tmp_path))
    store = Store(Settings(data=tmp_path / "next"), engine)
    data = b"footage that somebody brought"
    one = Brought(
        "ab", "cam", "a.mp4", "", len(data), "ma", None, None, 0, 0, State.RECEIVED, sha256=sha256(data).hexdigest()
    )
    with pytest.raises(Unavailable, match="nor to be had"):
        store.bring(one, LocalShelf(tmp_path / "before"))
    (tmp_path / "before/uploads").mkdir(parents=True)
    (tmp_path / "before/uploads/ab.part").write_bytes(b"other bytes")
    with pytest.raises(Unavailable, match="other bytes"):
        store.bring(one, LocalShelf(tmp_path / "before"))
    assert list((tmp_path / "next/uploads").iterdir()) == []
    (tmp_path / "before/uploads/ab.part").write_bytes(data)
    store.bring(one, LocalShelf(tmp_path / "before"))
    assert store.part("ab").read_bytes() == data
    store.bring(one, Away())  # it is here
    engine.dispose()
