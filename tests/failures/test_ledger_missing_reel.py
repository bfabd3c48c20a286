"""A reel is gone that nobody was allowed to delete: the hub starts and records; ``verify`` names what is missing."""

from __future__ import annotations

from pathlib import Path

from hub.clock import ManualClock
from hub.ledger.verdict import Harm, Integrity
from tests.ledger_folder import START_US, build, record


async def test_a_missing_reel(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    gone = folder.reels("cam-a")[0]
    gone.unlink()
    clock = ManualClock(START_US + 10**9)
    ledger = await folder.open(clock)
    await record(ledger, folder, clock, "cam-a", run=2)
    await ledger.close()
    verdict = folder.verify()
    assert verdict.exit_code == 1
    assert verdict.integrity is Integrity.MISSING_PARTS
    missing = [finding for finding in verdict.findings if finding.harm is Harm.MISSING]
    assert {finding.place.partition(" ")[0] for finding in missing} == {folder.name(gone)}
    assert all(finding.stream == "cam-a" for finding in missing)


async def test_a_missing_file_of_entries(tmp_path: Path) -> None:
    """The database has the entries still, but evidence lies in the files."""
    folder = await build(tmp_path)
    gone = folder.entry_files("cam-a")[0]
    gone.unlink()
    ledger = await folder.open()
    await ledger.close()
    verdict = folder.verify()
    assert verdict.exit_code == 1
    assert verdict.first is not None
    assert verdict.first.stream == "cam-a"
