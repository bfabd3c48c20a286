"""Yesterday's copy of the whole data folder is put back: the hub refuses to start, says why and how to go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub.clock import ManualClock
from hub.errors import LedgerError
from hub.ledger.entries import EntryType, read_entry
from hub.ledger.ledger import Ledger
from hub.ledger.signing.vault import read_memory
from tests.ledger_folder import Folder, build, lines, record, scan_fake


async def rolled_back(root: Path) -> Folder:
    folder = await build(root)
    shutil.copytree(folder.data, root / "yesterday")
    ledger = await folder.open()
    await record(ledger, folder, ManualClock(), "cam-c")
    await ledger.close()
    shutil.rmtree(folder.data)
    (root / "yesterday").rename(folder.data)
    return folder


async def test_refuses_to_start(tmp_path: Path) -> None:
    folder = await rolled_back(tmp_path)
    with pytest.raises(LedgerError) as refused:
        await folder.open()
    assert refused.value.code == "rollback"
    assert "25 entries" in str(refused.value)
    assert "log_origin" in str(refused.value)
    # A second try finds the folder unlocked, and refuses again.
    with pytest.raises(LedgerError, match="rolled"):
        await folder.open()


async def test_verify_shows_it(tmp_path: Path) -> None:
    folder = await rolled_back(tmp_path)
    assert folder.verify().exit_code == 1


async def test_goes_on_under_a_new_origin_that_cites_the_old_head(tmp_path: Path) -> None:
    folder = await rolled_back(tmp_path)
    signed = read_memory(next(folder.keys.iterdir()))
    settings = folder.settings.model_copy(update={"log_origin": "test.example/second"})
    ledger = await Ledger.open(settings, ManualClock(), scan_fake)
    await ledger.close()
    entry = [line for line in lines(folder.data / "_hub/2026-01-01.entries") if b'"genesis"' in line][-1]
    cited = read_entry(entry).body["cites"]
    assert (cited["origin"], cited["size"]) == ("test.example/log", 25)
    assert cited["signed"] == signed.note
    assert signed.size > 25
    verdict = folder.verify()
    assert verdict.origin == "test.example/second"
    # What was signed under the old origin and is gone stays visible for ever.
    assert verdict.exit_code == 1
    assert ledger.recovered[0].stream_id == "cam-a"


async def test_a_finished_log_is_not_taken_up_again(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    settings = folder.settings.model_copy(update={"log_origin": "test.example/second"})
    ledger = await Ledger.open(settings, ManualClock(), scan_fake)
    ledger.append("cam-a", EntryType.CLOSE, {"reason": "test"})
    await ledger.close()
    assert folder.verify().exit_code == 0
    with pytest.raises(LedgerError, match="finished"):
        await folder.open()


async def test_an_emptied_folder_is_a_rollback_too(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    shutil.rmtree(folder.data)
    with pytest.raises(LedgerError) as refused:
        await folder.open()
    assert refused.value.code == "rollback"
