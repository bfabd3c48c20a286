"""The database is locked, full or gone while the hub records: entries go on to be durable in their files,
recording does not wait, and the database is brought up to date when it answers again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hub.clock import ManualClock
from hub.ledger import index as index_module
from hub.ledger import keeper as keeper_module
from hub.ledger import writer as writer_module
from hub.ledger.bodies import close_body
from hub.ledger.entries import Entry, EntryType
from tests.ledger_folder import START_US, Folder, lines


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "LOCK_WAIT_S", 0.05)
    monkeypatch.setattr(keeper_module, "RETRY_S", 0.02)


def lock(folder: Folder) -> sqlite3.Connection:
    connection = sqlite3.connect(folder.data / "hub.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


async def test_locked(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    ledger = await folder.open(ManualClock(START_US))
    heard: list[Entry] = []
    ledger.on_commit(heard.extend)
    other = lock(folder)
    for number in range(5):
        ledger.append("cam-a", EntryType.CLOSE, close_body(str(number)))
        await ledger.committed()
    assert [entry.seq for entry in heard] == [0, 1, 2, 3, 4, 5], "durable in the files, told once"
    assert len(lines(folder.data / "reels/cam-a/2026-01-01.entries")) == 6
    assert [head.seq for head in ledger.reader.heads() if head.stream_id == "cam-a"] == []
    other.execute("ROLLBACK")
    other.close()
    ledger.append("cam-a", EntryType.CLOSE, close_body("after"))
    await ledger.committed()
    assert len(heard) == 7
    await ledger.close()
    assert folder.verify().exit_code == 0
    assert folder.verify().notes == []


async def test_locked_for_so_long_that_memory_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries are then forgotten in memory, and found again in their files in the order of the log."""
    monkeypatch.setattr(writer_module, "MAX_BACKLOG_BYTES", 3000)
    folder = Folder(tmp_path)
    ledger = await folder.open(ManualClock(START_US))
    other = lock(folder)
    for number in range(30):
        ledger.append(f"cam-{number % 3}", EntryType.CLOSE, close_body(str(number)))
        await ledger.committed()
    assert ledger._writer._behind
    other.execute("ROLLBACK")
    other.close()
    ledger.append("cam-a", EntryType.CLOSE, close_body("after"))
    await ledger.committed()
    assert not ledger._writer._behind
    assert {head.stream_id: head.seq for head in ledger.reader.heads()} == {
        "_hub": 0, "cam-0": 10, "cam-1": 10, "cam-2": 10, "cam-a": 1,
    }  # fmt: skip
    await ledger.close()
    verdict = folder.verify()
    assert verdict.exit_code == 0, verdict.findings
    assert verdict.notes == []


async def test_locked_until_the_end(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    ledger = await folder.open(ManualClock(START_US))
    other = lock(folder)
    ledger.append("cam-a", EntryType.CLOSE, close_body("x"))
    await ledger.close()
    other.execute("ROLLBACK")
    other.close()
    verdict = folder.verify()
    assert verdict.exit_code == 0, verdict.findings
    assert any("lacks" in note for note in verdict.notes)
    again = await folder.open(ManualClock(START_US + 10**7))
    assert [head.seq for head in again.reader.heads()] == [2, 1]
    await again.close()
    assert folder.verify().notes == []
