"""No space is left for entry files: nothing is torn, nothing is lost, and writing resumes by itself."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from hub.clock import ManualClock
from hub.errors import LedgerError
from hub.ledger import history, store
from hub.ledger import keeper as keeper_module
from hub.ledger import ledger as ledger_module
from hub.ledger.bodies import close_body
from hub.ledger.entries import Entry, EntryType
from hub.ledger.ledger import Ledger
from tests.ledger_folder import START_US, Folder, lines


class FullDisk:
    """``os`` for the store, with a disk that takes ``room`` more bytes; half a write, then none."""

    def __init__(self) -> None:
        self.room: int | None = None

    def write(self, handle: int, data: bytes) -> int:
        if self.room is None:
            return os.write(handle, data)
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = os.write(handle, data[: self.room])
        self.room -= count
        return count

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    full = FullDisk()
    monkeypatch.setattr(store, "os", full)
    monkeypatch.setattr(keeper_module, "RETRY_S", 0.02)
    return full


@pytest.mark.parametrize("room", [0, 100, 900])
async def test_resumes_when_there_is_room(tmp_path: Path, disk: FullDisk, room: int) -> None:
    folder = Folder(tmp_path)
    ledger = await folder.open(ManualClock(START_US))
    heard: list[Entry] = []
    ledger.on_commit(heard.extend)
    disk.room = room
    for number in range(4):
        for stream in ("cam-a", "cam-b"):
            ledger.append(stream, EntryType.CLOSE, close_body(str(number)))
    waiting = asyncio.ensure_future(ledger.committed())
    async with asyncio.timeout(30):
        while not ledger._problem:  # noqa: ASYNC110  a state that nobody announces
            await asyncio.sleep(0.005)
    assert not waiting.done()
    for path in folder.data.rglob("*.entries"):
        assert path.read_bytes() == b"" or path.read_bytes().endswith(b"\n"), "no half a line stays"
    disk.room = None
    await waiting
    assert sorted((entry.stream_id, entry.seq) for entry in heard) == [
        (stream, seq) for stream in ("cam-a", "cam-b") for seq in range(5)
    ]
    assert len(lines(folder.data / "reels/cam-a/2026-01-01.entries")) == 5
    await ledger.close()
    verdict = folder.verify()
    assert verdict.exit_code == 0, verdict.findings


def fill(ledger: Ledger) -> None:
    for number in range(20):
        ledger.append("cam-a", EntryType.CLOSE, close_body(str(number)))


async def test_memory_is_bounded(tmp_path: Path, disk: FullDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_WAITING_BYTES", 4000)
    ledger = await Folder(tmp_path).open(ManualClock(START_US))
    disk.room = 0
    with pytest.raises(LedgerError) as refused:
        fill(ledger)
    assert refused.value.code == "ledger_full"
    disk.room = None
    await ledger.committed()
    ledger.append("cam-a", EntryType.CLOSE, close_body("again"))
    await ledger.close()
    assert Folder(tmp_path).verify().exit_code == 0


@pytest.mark.parametrize("room", [0, 40, 130])
async def test_a_checkpoint_is_kept_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    full = FullDisk()
    monkeypatch.setattr(history, "os", full)
    folder = Folder(tmp_path)
    ledger = await folder.open(ManualClock(START_US))
    ledger.append("cam-a", EntryType.CLOSE, close_body("before"))
    await ledger.committed()
    await ledger._sign()
    before = (folder.log / "checkpoints").read_bytes()
    full.room = room
    ledger.append("cam-a", EntryType.CLOSE, close_body("during"))
    await ledger.committed()
    assert not await ledger._sign()
    assert (folder.log / "checkpoints").read_bytes() == before, "no part of a checkpoint stays"
    full.room = None
    assert await ledger._sign(), "what was signed is kept now, though nothing is new"
    assert (folder.log / "checkpoints").read_text() == before.decode() + ledger.checkpoint() + "\n"
    ledger.append("cam-a", EntryType.CLOSE, close_body("after"))
    await ledger.close()
    verdict = folder.verify()
    assert verdict.exit_code == 0, verdict.findings
