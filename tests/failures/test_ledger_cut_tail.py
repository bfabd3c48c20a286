"""The newest entries are taken away, from the entry files, the log and the database alike.

What is left is a good chain and a good tree. Only what was signed of the longer one shows it: the
checkpoint, or where that was taken away too, what the signer remembers.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.errors import LedgerError
from hub.ledger.verdict import Harm, Step
from tests.ledger_folder import Folder, build, lines, put_lines


def cut_tail(folder: Folder, count: int) -> None:
    """Remove the newest entries of the hub's own stream, everywhere but in what was signed."""
    path = folder.data / "_hub/2026-01-01.entries"
    put_lines(path, lines(path)[:-count])
    leaves = folder.log / "leaves"
    leaves.write_bytes(leaves.read_bytes()[: -32 * count])
    for name in ("hub.db", "hub.db-wal", "hub.db-shm"):
        (folder.data / name).unlink(missing_ok=True)


async def test_the_checkpoint_shows_it(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    cut_tail(folder, 1)
    verdict = folder.verify()
    assert verdict.exit_code == 1
    found = verdict.first
    assert found is not None
    assert (found.step, found.harm) == (Step.CHECKPOINTS, Harm.MISSING)
    assert found.expected == "at least 25 leaves in the log, as signed"


async def test_the_signers_memory_shows_it(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    cut_tail(folder, 1)
    (folder.log / "checkpoint").unlink()
    (folder.log / "checkpoints").unlink()
    found = folder.verify().first
    assert found is not None
    assert (found.step, found.expected) == (Step.CHECKPOINTS, "the 25 leaves that were signed")


async def test_the_hub_does_not_go_on_writing(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    cut_tail(folder, 1)
    with pytest.raises(LedgerError, match="holds 24 entries, but 25 were signed") as refused:
        await folder.open()
    assert refused.value.code == "rollback"
    memory = json.loads(next(folder.keys.glob("*/signed.json")).read_bytes())
    assert memory["size"] == 25
