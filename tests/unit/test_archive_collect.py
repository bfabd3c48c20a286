"""A data folder is put together from the archive, and judged as any other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub.archive.collect import Wanted, collect
from hub.archive.prefix import prefix_of
from hub.errors import InvalidRequest
from hub.ledger.verdict import Harm, Integrity
from hub.ledger.verify import verify_path
from hub.shelf import LocalShelf
from tests.archive_support import Place, running
from tests.ledger_folder import START_US

EVERYTHING = Wanted()


async def two_days(place: Place) -> list[str]:
    """Footage of a day that is over and archived, and of one that lasts."""
    names = await place.record("hall-a", reels=2)
    await place.sign()
    names += await place.record("hall-b", reels=1)
    await place.sign()
    place.days(1.5)
    await place.archive.one_pass()
    names += await place.record("hall-a", reels=1, run=2, at_us=place.clock.now().utc_us)
    await place.sign()
    place.days(0.1)
    await place.archive.one_pass()
    return sorted(names)


def reels_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.mp4"))


async def test_what_is_closed_makes_a_whole_folder_without_the_hubs_disk(tmp_path: Path) -> None:
    out = tmp_path / "out"
    async with running(tmp_path, archive_keep_h=0.0) as place:
        names = await two_days(place)
        key = place.ledger.vkey()
        shutil.rmtree(place.folder.data / "reels")
        done = collect([place.store], out, EVERYTHING)
        verdict = verify_path(out, key)
        assert verdict.integrity is Integrity.OK, verdict.findings
        # the day that lasts is in no closed file: the log is taken to the last checkpoint before it
        assert reels_in(out) == [name for name in names if not name.endswith("-2.mp4")]
        assert done.dropped_entries > 0
        assert done.leaves == prefix_of(out).leaves
        assert verdict.counts.reels == done.reels == 3
        newest = place.ledger.checkpoint()
        assert newest not in (out / "log").rglob("checkpoint")
        # who kept a later checkpoint sees that this is not all
        later = verify_path(out, key, checkpoints=[("kept", newest)])
        assert later.harms.get(Harm.MISSING)


async def test_with_the_hubs_disk_it_is_all_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    async with running(tmp_path, archive_keep_h=0.0) as place:
        names = await two_days(place)
        assert place.local() == []
        done = collect([LocalShelf(place.folder.data), place.store], out, EVERYTHING)
        verdict = verify_path(out, keys_dir=place.folder.keys)
        assert verdict.integrity is Integrity.OK, verdict.findings
        assert reels_in(out) == names
        assert done.absent == done.left_out == 0
        for name in names:
            assert (out / name).read_bytes() == place.store.read(name, 0, 1 << 20)


async def test_footage_of_a_stream_and_a_time_chains_of_all(tmp_path: Path) -> None:
    async with running(tmp_path, archive_keep_h=0.0) as place:
        await two_days(place)
        shelves = [LocalShelf(place.folder.data), place.store]
        done = collect(shelves, tmp_path / "b", Wanted(frozenset({"hall-b"})))
        assert [name.split("/")[1] for name in reels_in(tmp_path / "b")] == ["hall-b"]
        assert done.left_out == 3
        collect(shelves, tmp_path / "late", Wanted(None, START_US + 6_500_000))
        assert len(reels_in(tmp_path / "late")) == 2
        # the rest is looked for in the archive
        assert verify_path(tmp_path / "b", keys_dir=place.folder.keys, archive=place.store).integrity is Integrity.OK
        assert verify_path(tmp_path / "b", keys_dir=place.folder.keys).harms[Harm.MISSING] == 3


async def test_a_lost_entry_file_shortens_the_log_and_a_bad_object_is_told(tmp_path: Path) -> None:
    async with running(tmp_path, archive_keep_h=0.0) as place:
        names = await two_days(place)
        key = place.ledger.vkey()
        store = tmp_path / "archive"
        lost = store / f"{names[-1]}.entries"
        lost.rename(tmp_path / "kept")
        done = collect([place.store], tmp_path / "short", EVERYTHING)
        assert done.reels == 2
        assert verify_path(tmp_path / "short", key).integrity is Integrity.OK
        (tmp_path / "kept").rename(lost)
        reel = store / names[0]
        reel.write_bytes(reel.read_bytes() + b"more than its entries say")
        collect([place.store], tmp_path / "out", EVERYTHING)
        assert verify_path(tmp_path / "out", key).integrity is not Integrity.OK


async def test_what_cannot_be_collected_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        with pytest.raises(InvalidRequest, match="no log"):
            collect([place.store], tmp_path / "out", EVERYTHING)
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "file").touch()
        with pytest.raises(InvalidRequest, match="empty folder"):
            collect([place.store], tmp_path / "full", EVERYTHING)
