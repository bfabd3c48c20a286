"""Anchors that were altered, lost or made for another log: each is found, with its place."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.ledger.anchors.check import Trust
from hub.ledger.verdict import Integrity, TimeSource, Verdict
from tests.anchor_support import FakeWitness, anchoring, checkpointed
from tests.ledger_folder import START_US, Folder, edit, flip, record


class Anchored:
    """A folder with three cosigned checkpoints."""

    def __init__(self, root: Path) -> None:
        self.folder = Folder(root)
        self.clock = ManualClock(START_US)
        self.witness = FakeWitness(self.clock)

    async def build(self) -> Anchored:
        ledger = await self.folder.open(self.clock)
        work = anchoring(self.folder.settings, self.clock, ledger, self.witness)
        await work.turn()
        for run in (1, 2):
            await record(ledger, self.folder, self.clock, f"cam-{run}", run=run)
            await checkpointed(ledger)
            self.clock.advance(100)
            await work.turn()
        self.clock.advance(20)
        await ledger.close()
        return self

    @property
    def file(self) -> Path:
        (path,) = (self.folder.log / "anchors").glob("*/*.cosignatures")
        return path

    def verify(self, folder: Folder | None = None, **options: Any) -> Verdict:
        options.setdefault("trust", Trust(witnesses=(self.witness.key,)))
        return (folder or self.folder).verify(**options)


@pytest.fixture(scope="module")
def anchored(tmp_path_factory: pytest.TempPathFactory) -> Anchored:
    """Only looked at: who damages it takes a copy."""
    return asyncio.run(Anchored(tmp_path_factory.mktemp("anchored")).build())


def test_whole_anchors_give_an_interval(anchored: Anchored) -> None:
    verdict = anchored.verify()
    assert verdict.exit_code == 0, [str(one) for one in verdict.findings]
    assert verdict.time is TimeSource.WITNESS
    (newest,) = verdict.anchored
    assert (newest.authority, newest.count) == (anchored.witness.name, 3)
    assert newest.size == anchored.witness.seen[-1]
    assert newest.by_us == anchored.clock.utc_us - 20_000_000 + 1_000_000
    # What came right after the second head waited for 100 s, the third run's 12 s and 100 s more, and the witness's
    # second that is not over
    assert verdict.longest_unanchored_us == 213_000_000
    assert verdict.unanchored_since_us == anchored.clock.utc_us - 120_000_000
    assert verdict.size + verdict.counts.unsigned_entries > newest.size


def test_without_trust_nothing_is_believed_and_nothing_is_wrong(anchored: Anchored) -> None:
    verdict = anchored.verify(trust=Trust())
    assert (verdict.exit_code, verdict.time, verdict.anchored) == (0, TimeSource.HUB_CLOCK, [])
    assert any("3 anchors by witness" in text for text in verdict.unchecked)


Damage = Callable[[Anchored, Folder], None]


def _flip(anchored: Anchored, folder: Folder) -> None:
    flip(next((folder.log / "anchors").glob("*/*.cosignatures")), 60)


def _cut(anchored: Anchored, folder: Folder) -> None:
    path = next((folder.log / "anchors").glob("*/*.cosignatures"))
    path.write_bytes(path.read_bytes()[:-3])


def _lose(anchored: Anchored, folder: Folder) -> None:
    shutil.rmtree(folder.log / "anchors")


def _swap(anchored: Anchored, folder: Folder) -> None:
    path = next((folder.log / "anchors").glob("*/*.cosignatures"))
    one, two, three = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(two + one + three)


@pytest.mark.parametrize(
    ("damage", "integrity", "word"),
    [
        (_flip, Integrity.NOT_OK, "to hash to"),
        (_cut, Integrity.MISSING_PARTS, "bytes at"),
        (_lose, Integrity.MISSING_PARTS, "found none"),
        (_swap, Integrity.NOT_OK, "to hash to"),
    ],
    ids=["a byte", "cut off", "lost", "swapped"],
)
def test_a_damaged_file_is_found_with_its_place(
    anchored: Anchored, tmp_path: Path, damage: Damage, integrity: Integrity, word: str
) -> None:
    copy = anchored.folder.copy(tmp_path / "copy")
    damage(anchored, copy)
    for trust in (Trust(witnesses=(anchored.witness.key,)), Trust()):
        verdict = anchored.verify(copy, trust=trust)
        assert verdict.integrity is integrity, "also where nobody is trusted: its digest is in the log"
        assert verdict.first is not None
        assert verdict.first.place.startswith(f"log/{copy.log.name}/anchors/2026-01-01/")
        assert "of _hub)" in verdict.first.place
        assert word in verdict.first.found


def test_a_forged_anchor_of_a_rewritten_log_does_not_hold(anchored: Anchored, tmp_path: Path) -> None:
    """The entry is rewritten to speak of another root: neither log nor cosignature agree."""
    copy = anchored.folder.copy(tmp_path / "copy")
    (path,) = (copy.data / "_hub").glob("*.entries")
    number = next(i for i, line in enumerate(path.read_bytes().split(b"\n")) if b'"type":"anchor"' in line)
    edit(path, number, lambda value: value["body"].update(root="ab" * 32))
    verdict = anchored.verify(copy)
    assert verdict.exit_code == 1
    assert any("an anchor of abab" in str(one) for one in verdict.findings)


def test_a_file_name_that_climbs_is_refused(anchored: Anchored, tmp_path: Path) -> None:
    copy = anchored.folder.copy(tmp_path / "copy")
    (path,) = (copy.data / "_hub").glob("*.entries")
    number = next(i for i, line in enumerate(path.read_bytes().split(b"\n")) if b'"type":"anchor"' in line)
    edit(path, number, lambda value: value["body"].update(file="anchors/../../../etc/passwd"))
    assert any("a file below anchors/" in str(one) for one in anchored.verify(copy).findings)


def test_a_stated_time_that_the_witness_did_not_give_is_found(anchored: Anchored, tmp_path: Path) -> None:
    copy = anchored.folder.copy(tmp_path / "copy")
    (path,) = (copy.data / "_hub").glob("*.entries")
    number = next(i for i, line in enumerate(path.read_bytes().split(b"\n")) if b'"type":"anchor"' in line)
    edit(path, number, lambda value: value["body"].update(time_us=START_US - 10**12))
    assert any("that its entry states" in str(one) for one in anchored.verify(copy).findings)
