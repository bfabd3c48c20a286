"""The hub is killed at any step of a deletion: the next start goes on, and every state in between verifies.

The layer below retention copies the data folder at each call it gets, and so does the test after each entry: that is
what a kill at that moment would leave. Each copy is verified as it lies, opened again, carried to its end, verified.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from hub.clock import ManualClock
from hub.ledger.entries import Entry, EntryType
from hub.ledger.files import LOCK_FILE
from hub.ledger.verdict import Completeness
from tests.ledger_folder import START_US, Folder
from tests.retention_support import FakeDisk, running

REELS = 3
AGE_S = 400 * 86_400
CLASSES = ("patrol=366..366",)


class Snapshots:
    """Copies of a data folder, as a kill would leave them; the database is copied between its transactions."""

    def __init__(self, root: Path, to: Path) -> None:
        self._root = root
        self._to = to
        self.taken: list[tuple[str, Path]] = []
        self.on = False

    def take(self, what: str) -> None:
        if self.on:
            target = self._to / f"{len(self.taken):03d}"
            shutil.copytree(self._root, target, ignore=shutil.ignore_patterns(LOCK_FILE))
            self.taken.append((what, target))


@pytest.fixture
async def snapshots(tmp_path: Path) -> list[tuple[str, Path]]:
    shots = Snapshots(tmp_path / "hub", tmp_path / "kills")
    disk = FakeDisk()
    disk.hook = shots.take
    async with running(tmp_path / "hub", disk=disk, retention_classes=CLASSES) as place:
        await place.record("cam-a", REELS)
        await place.record("cam-b", 1)

        def heard(entries: Sequence[Entry]) -> None:
            for entry in entries:
                if entry.type in (EntryType.TOMBSTONE, EntryType.DELETED):
                    shots.take(f"{entry.type} is durable")

        place.ledger.on_commit(heard)
        place.days(400)
        shots.on = True
        await place.retention.one_pass()
        shots.take("tombstoned")
        await place.sign()
        shots.take("signed")
        await place.retention.one_pass()
        shots.on = False
        assert place.there("cam-a") == []
    return shots.taken


@pytest.mark.timeout(120)
async def test_every_stop_is_gone_on_from(snapshots: list[tuple[str, Path]]) -> None:
    assert [what for what, _ in snapshots].count("removed") == REELS + 1
    partial = 0
    for what, root in snapshots:
        folder = Folder(root)
        before = len(folder.reels("cam-a")) + len(folder.reels("cam-b"))
        verdict = folder.verify()
        assert verdict.exit_code == 0, (what, verdict.findings)
        assert verdict.counts.deleted_reels == REELS + 1 - before
        partial += 0 < before < REELS + 1
        clock = ManualClock(START_US + AGE_S * 1_000_000)
        async with running(root, clock=clock, retention_classes=CLASSES) as place:
            await place.passes()
            assert place.there("cam-a") == place.there("cam-b") == [], what
            assert place.retained.standing() == [], what
            assert place.ledger.reader.chunks("cam-a", START_US, START_US + 10**9, 100) == []
        verdict = folder.verify()
        assert verdict.exit_code == 0, (what, verdict.findings)
        assert verdict.completeness is Completeness.TOMBSTONED
        assert verdict.counts.deleted_reels == REELS + 1, what
        assert not verdict.notes, (what, "nothing is left unsaid")
    assert partial >= REELS


class Refused(FakeDisk):
    """A disk that does not let go of files for a while."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self.call, self.left = call, 2
        self.hook = self._refuse

    def _refuse(self, call: str) -> None:
        if call == self.call and self.left:
            self.left -= 1
            raise OSError(30, "Read-only file system")


@pytest.mark.parametrize("call", ["remove", "flush_folder"])
async def test_a_disk_that_refuses_is_tried_again(tmp_path: Path, call: str) -> None:
    disk = Refused(call)
    async with running(tmp_path, disk=disk, retention_classes=CLASSES) as place:
        await place.record("cam-a", 2)
        place.days(400)
        await place.passes(2)
        assert disk.left == 1
        await place.retention.one_pass()
        assert "Read-only" in place.retention.status.problems[0]
        await place.passes(2)
        assert place.there("cam-a") == []
        assert place.retention.status.problems == ()
    assert Folder(tmp_path).verify().exit_code == 0


async def test_a_hold_waits_for_the_bytes_that_are_being_removed(tmp_path: Path) -> None:
    """The chain's order tells what came first, so a hold is never placed between bytes and their entry."""
    async with running(tmp_path, retention_classes=CLASSES) as place:
        await place.record("cam-a", 2)
        place.days(400)
        await place.passes(1)
        loop = asyncio.get_running_loop()
        holding: list[asyncio.Future[object]] = []

        def hook(call: str) -> None:
            if call == "removed" and not holding:
                placing = place.retention.place_hold("cam-a", START_US, START_US + 10**8, "assault", "", "ma")
                holding.append(asyncio.wrap_future(asyncio.run_coroutine_threadsafe(placing, loop), loop=loop))

        place.disk.hook = hook
        await place.retention.one_pass()
        await holding[0]
        assert await place.retention.any_deleted("cam-a", START_US, START_US + 1)
    verdict = Folder(tmp_path).verify()
    assert verdict.exit_code == 0, verdict.findings
