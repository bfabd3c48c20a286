"""A fault of the ledger's own code, or an entry that the index cannot show, ends neither the recording nor the
next start."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.clock import ManualClock
from hub.errors import LedgerError
from hub.ledger import keeper as keeper_module
from hub.ledger.bodies import close_body, interruption_body
from hub.ledger.entries import EntryType
from hub.ledger.store import EntryFiles
from hub.model import InterruptionState
from tests.ledger_folder import START_US, Folder, interruption


async def test_a_commit_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "RETRY_S", 0.01)
    folder = Folder(tmp_path)
    ledger = await folder.open(ManualClock(START_US))
    original, faults = EntryFiles.append, [RuntimeError("a bug"), ValueError("another")]

    def append(self: EntryFiles, entries: object) -> object:
        if faults:
            raise faults.pop()
        return original(self, entries)  # type: ignore[arg-type]

    monkeypatch.setattr(EntryFiles, "append", append)
    ledger.append("cam-a", EntryType.CLOSE, close_body("x"))
    await ledger.committed()
    await ledger.close()
    assert folder.verify().exit_code == 0


async def test_an_entry_that_cannot_be_shown_stays_an_entry(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    ledger = await folder.open(ManualClock(START_US))
    body = interruption_body(interruption("cam-a", InterruptionState.CONFIRMED, START_US))
    body["kind"] = "a kind of a later hub"
    ledger.append("cam-a", EntryType.INTERRUPTION_OPEN, body)
    ledger.append("cam-a", EntryType.CLOSE, close_body("x"))
    await ledger.committed()
    assert ledger.reader.interruptions() == []
    assert {head.stream_id: head.seq for head in ledger.reader.heads()}["cam-a"] == 2
    await ledger.close()
    for path in folder.data.glob("hub.db*"):
        path.unlink()
    ledger = await folder.open(ManualClock(START_US))
    await ledger.close()
    assert folder.verify().exit_code == 0


async def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(LedgerError, match="cannot use the data folder"):
        await Folder(tmp_path).open()
