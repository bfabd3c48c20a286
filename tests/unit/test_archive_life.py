"""What goes to the archive, when it leaves the disk, and how it is read, deleted and verified from there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.archive.pending import Pending, begun_us, piece_of
from hub.ledger.verdict import Completeness, Harm, Integrity
from hub.shelf import LocalShelf
from tests.archive_support import Place, running
from tests.ledger_folder import START_US

DAYS = 367


async def test_a_sealed_reel_goes_and_leaves_the_disk_after_its_hours(tmp_path: Path) -> None:
    async with running(tmp_path, archive_keep_h=1.0) as place:
        names = await place.record("hall-a", reels=3)
        await place.archive.one_pass()
        assert place.archived() == names
        assert place.archived(suffix=".entries") == [f"{name}.entries" for name in names]
        assert place.local() == names
        bytes_of = {name: (place.folder.data / name).read_bytes() for name in names}
        place.days(0.1)
        await place.archive.one_pass()
        assert place.local() == []
        shelf = place.shelf
        assert {name: shelf.read(name, 0, 1 << 20) for name in names} == bytes_of
        assert shelf.read(names[0], 5, 7) == bytes_of[names[0]][5:12]
        assert shelf.size(names[0]) == len(bytes_of[names[0]])
        assert shelf.read(names[0], len(bytes_of[names[0]]) + 5, 10) == b""
        row = place.book.get(names[0])
        assert row is not None
        assert row.node == ""
        assert row.size == len(bytes_of[names[0]])
        await place.sign()
        verdict = place.verify()
        assert (verdict.integrity, verdict.completeness) == (Integrity.OK, Completeness.CONTIGUOUS), verdict.findings
        assert verdict.counts.bytes == sum(map(len, bytes_of.values()))
        # without the archive they are missing, and said to be
        assert place.folder.verify().harms[Harm.MISSING] == 3


async def test_an_open_reel_and_one_that_is_longer_than_its_entries_stay(tmp_path: Path) -> None:
    async with running(tmp_path, archive_keep_h=0.0) as place:
        first, second, third = await place.record("hall-a", reels=3)
        place.open.add(second)
        with (place.folder.data / third).open("ab") as torn:
            torn.write(b"half a fragment")
        await place.archive.one_pass()
        assert place.archived() == [first]
        assert place.archived(suffix=".entries") == [f"{first}.entries"]
        assert place.local() == [second, third]
        place.open.clear()
        await place.archive.one_pass()  # its folder has not changed since, but something waited in it
        assert place.archived() == [first, second]


async def test_entries_that_a_recovery_changed_go_again(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        (name,) = await place.record("hall-a")
        await place.archive.one_pass()
        path = place.folder.data / f"{name}.entries"
        line = path.read_bytes().splitlines(keepends=True)[-1]
        path.write_bytes(path.read_bytes() + line)
    async with running(tmp_path) as place:
        await place.archive.one_pass()
        assert place.store.size(f"{name}.entries") == path.stat().st_size


async def test_reels_whose_entries_lie_elsewhere_go_when_the_log_speaks_of_all_of_them(tmp_path: Path) -> None:
    async with running(tmp_path, archive_keep_h=0.0) as place:
        first, second, third = await place.record("hall-a", reels=3)
        for name in (first, second, third):
            (place.folder.data / f"{name}.entries").unlink()
        with (place.folder.data / second).open("ab") as torn:
            torn.write(b"half a fragment")
        place.open.add(third)
        ends = place.ledger.reader.reel_end_us
        assert ends(first, (place.folder.data / first).stat().st_size) > begun_us(first)
        pending = Pending(place.folder.data, place.book, lambda: place.open, ends)
        now_us = place.clock.now().utc_us
        assert [one.path for one in pending.look(now_us, whole=False)] == [first]
        place.open.clear()
        assert [one.path for one in pending.look(now_us, whole=False)] == [first, third]


async def test_entries_of_a_reel_that_another_node_writes_go_when_it_is_done(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        names = await place.record("hall-a", reels=3)
        for name in names:
            (place.folder.data / name).unlink()
        assert place.archived(suffix=".entries") == []
        await place.archive.one_pass()
        assert place.archived(suffix=".entries") == [f"{name}.entries" for name in names[:2]]
        place.days(0.1)
        await place.archive.one_pass()
        assert place.archived(suffix=".entries") == [f"{name}.entries" for name in names]


async def test_days_and_the_log_go_when_they_are_closed(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.record("hall-a")
        await place.sign()
        await place.archive.one_pass()
        assert place.archived("_hub", "") == []
        slug = place.folder.log.name
        (leaves,) = place.archived(f"log/{slug}/leaves.parts", "")
        place.days(1.5)
        place.ledger.heartbeat()
        await place.sign()
        await place.archive.one_pass()
        assert [name.rpartition("/")[2] for name in place.archived("_hub", "")] == ["2026-01-01.entries"]
        assert place.archived("reels/hall-a", "-01.entries") == ["reels/hall-a/2026-01-01.entries"]
        parts = place.archived(f"log/{slug}/leaves.parts", "")
        assert parts[0] == leaves
        assert len(parts) == 2
        assert [piece_of(one)[0] for one in parts] == [0, piece_of(leaves)[1]]
        whole = b"".join(place.store.read(one, 0, 1 << 20) for one in parts)
        assert whole == (place.folder.log / "leaves").read_bytes()[: len(whole)]


async def test_room_that_is_short_lets_verified_reels_leave_before_their_hours(tmp_path: Path) -> None:
    async with running(tmp_path, archive_keep_h=1000.0, min_free_mb=1024) as place:
        names = await place.record("hall-a", reels=3)
        place.disk.free = 2 << 30
        place.open.update(names[1:])
        await place.archive.one_pass()
        assert place.local() == names[1:]
        assert place.retention.status.low is False
        await place.retention.one_pass()
        assert place.archived() == names[:1]
        # and no footage is deleted for want of room here, even where it may go
        place.days(400)
        place.disk.free = 1 << 30
        await place.deleted()
        assert place.archived() == names[:1]
        assert place.local() == names[1:]


async def test_what_is_deleted_goes_in_both_places(tmp_path: Path) -> None:
    async with running(tmp_path, archive_keep_h=0.0, retention_classes=("patrol=366..366",)) as place:
        away = await place.record("hall-a", reels=2)
        await place.archive.one_pass()
        here = await place.record("hall-b", reels=1)
        assert place.local() == here
        place.days(DAYS)
        await place.deleted()
        assert place.local() == []
        assert place.archived() == []
        # what is gone does not come back
        place.archive._pending._seen.clear()
        await place.archive.one_pass()
        assert place.archived() == []
        verdict = place.verify()
        assert verdict.integrity is Integrity.OK
        assert verdict.counts.deleted_reels == len(away) + len(here)


async def test_an_upload_that_is_overtaken_by_a_deletion_leaves_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        (name,) = await place.record("hall-a")
        put = place.store.put

        def while_it_is_put(path: str, *args: object) -> object:
            done = put(path, *args)  # type: ignore[arg-type]
            if path == name:
                place.book.gone(path, 1)
                (place.folder.data / path).unlink()
            return done

        place.store.put = while_it_is_put  # type: ignore[method-assign, assignment]
        await place.archive.one_pass()
        assert place.archived() == []


async def test_an_outage_is_told_once_and_caught_up_oldest_first(tmp_path: Path) -> None:
    async with running(tmp_path, archive_keep_h=0.0, archive_parallel=1) as place:
        put, order = place.store.put, list[str]()

        def away(path: str, *args: object) -> object:
            raise OSError("connection refused")

        def noted(path: str, *args: object) -> object:
            order.append(path)
            return put(path, *args)  # type: ignore[arg-type]

        place.store.put = away  # type: ignore[method-assign, assignment]
        names: list[str] = []
        waits = []
        for hour in range(24):
            names += await place.record("hall-a", run=hour + 1, at_us=place.clock.now().utc_us)
            with pytest.raises(OSError, match="connection refused"):
                await place.archive.one_pass()
            place.archive._away(OSError("connection refused"))
            waits.append(place.archive.wait_s)
            place.days(1 / 24)
        assert waits[:4] == [5, 10, 20, 40]
        assert waits[-1] == 300
        assert place.local() == sorted(names)  # nothing left the disk
        assert [kind for kind, _ in place.told] == ["archive.away"]
        assert place.archive.problem.startswith("ok, but the archive does not take footage (connection refused): ")
        assert "wait on the disk" in place.archive.problem
        place.store.put = noted  # type: ignore[method-assign, assignment]
        await place.archive.one_pass()
        assert place.archive.problem == "ok"
        assert [kind for kind, _ in place.told] == ["archive.away", "archive.back"]
        assert [one for one in order if one.endswith(".mp4")] == sorted(names)
        assert place.archived() == sorted(names)
        assert place.local() == []


async def test_a_changed_byte_in_the_store_is_found_and_named(tmp_path: Path) -> None:
    async with running(tmp_path, archive_keep_h=0.0) as place:
        names = await place.record("hall-a", reels=2)
        await place.archive.one_pass()
        await place.sign()
        path = tmp_path / "archive" / names[1]
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        verdict = place.verify()
        assert verdict.integrity is Integrity.NOT_OK
        assert {finding.place.split(" ")[0] for finding in verdict.findings} == {names[1]}
        shutil.rmtree(path.parent)
        assert place.verify().harms[Harm.MISSING] == 2


async def test_what_does_not_arrive_whole_never_leaves_the_disk(tmp_path: Path) -> None:
    async with running(tmp_path, archive_keep_h=0.0) as place:
        (name,) = await place.record("hall-a")
        put = place.store.put

        def spoilt(path: str, *args: object) -> object:
            done = put(path, *args)  # type: ignore[arg-type]
            if path == name:
                file = tmp_path / "archive" / path
                file.write_bytes(file.read_bytes()[:-1] + b"\0")
            return done

        place.store.put = spoilt  # type: ignore[method-assign, assignment]
        with pytest.raises(OSError, match="other bytes"):
            await place.archive.one_pass()
        assert place.local() == [name]
        place.store.put = put  # type: ignore[method-assign]
        await place.archive.one_pass()
        assert place.local() == []


async def test_a_book_that_was_lost_is_written_again_without_uploads(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        names = await place.record("hall-a", reels=2)
        await place.archive.one_pass()
    (tmp_path / "data" / "hub.db").unlink()
    async with running(tmp_path) as place:

        def never(path: str, *_args: object) -> object:
            raise AssertionError(path)

        place.store.put, put = never, place.store.put  # type: ignore[method-assign, assignment]
        place.archive._whole_us = place.clock.now().utc_us
        await place.archive.one_pass()
        assert {name for name in names if (row := place.book.get(name)) and row.state == "kept"} == set(names)
        place.store.put = put  # type: ignore[method-assign]


def kill_at(step: str) -> Callable[..., object]:
    def killed(*_args: object, **_named: object) -> object:
        raise KeyboardInterrupt(step)

    return killed


def upload_and_leave(place: Place) -> None:
    place.archive._upload(place.archive._pending.look(place.clock.now().utc_us, whole=False)[0])
    place.archive._leave()


@pytest.mark.parametrize("step", ["put", "check", "keep", "left"])
async def test_killed_at_any_step_the_next_start_goes_on(tmp_path: Path, step: str) -> None:
    async with running(tmp_path, archive_keep_h=0.0) as place:
        names = await place.record("hall-a", reels=2)
        owner = place.store if step in ("put", "check") else place.book
        setattr(owner, step, kill_at(step))
        # what a kill leaves: nothing that comes after the step is done, tidying up neither
        place.book.give_up = lambda _path: None  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            upload_and_leave(place)
    async with running(tmp_path, archive_keep_h=0.0) as place:
        await place.archive.one_pass()
        assert place.archived() == sorted(names)
        assert place.local() == []
        await place.sign()
        assert place.verify().integrity is Integrity.OK


def test_times_in_names() -> None:
    assert begun_us("reels/hall-a/2026-01-01/000000.000Z-1.mp4") == START_US
    assert begun_us("reels/hall-a/2026-01-01/nonsense.mp4") == 1
    with pytest.raises(ValueError, match="first byte"):
        piece_of("log/x/leaves.parts/12")


def test_a_disk_answers_as_a_shelf(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"0123456789")
    shelf = LocalShelf(tmp_path)
    assert shelf.size("a/b") == 10
    assert shelf.size("a/c") is None
    assert shelf.size("a/b/c") is None
    assert shelf.read("a/b", 8, 5) == b"89"
    assert list(shelf.names("a")) == [("a/b", 10)]
    assert shelf.file("a/b") == tmp_path / "a" / "b"
    assert shelf.file("a/c") is None
    with pytest.raises(FileNotFoundError):
        shelf.read("a/c", 0, 1)
