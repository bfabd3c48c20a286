"""Everything is made anew and signed with the stolen key: a second root of the same size. What the signer
remembers, and every checkpoint that was handed out, contradict it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub.errors import LedgerError
from hub.ledger.merkle import tree_root
from hub.ledger.notes import parse_checkpoint, parse_note
from hub.ledger.signing.local import LocalSigner
from hub.ledger.verdict import Step
from tests.ledger_folder import ORIGIN, Folder, build


async def rewritten(root: Path) -> tuple[Folder, str]:
    folder = await build(root / "real")
    handed_out = (folder.log / "checkpoint").read_text()
    forged = Folder(root / "forged")
    shutil.copytree(folder.keys, forged.keys)
    memory = next(forged.keys.glob("*/signed.json"))
    remembered = memory.read_bytes()
    memory.unlink()
    await build(forged.root)
    memory.write_bytes(remembered)
    return forged, handed_out


async def test_the_signers_memory_contradicts_it(tmp_path: Path) -> None:
    forged, _ = await rewritten(tmp_path)
    found = forged.verify().first
    assert found is not None
    assert found.step is Step.CHECKPOINTS
    assert found.expected.endswith("at size 25, as signed")
    with pytest.raises(LedgerError, match="was rewritten") as refused:
        await forged.open()
    assert refused.value.code == "rollback"


async def test_a_second_root_of_the_same_size_is_in_the_history(tmp_path: Path) -> None:
    forged, handed_out = await rewritten(tmp_path)
    with (forged.log / "checkpoints").open("a") as file:
        file.write(handed_out + "\n")
    findings = forged.verify().findings
    assert any("note 3" in finding.place and "at size 25" in finding.expected for finding in findings)


async def test_the_signer_refuses(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    signer = LocalSigner.open(folder.keys, ORIGIN)
    other = [bytes([number]) * 32 for number in range(30)]
    with pytest.raises(LedgerError) as refused:
        signer.sign(30, tree_root(other), [bytes(32)] * 4)
    assert refused.value.code == "rollback"
    with pytest.raises(LedgerError):
        signer.sign(25, tree_root(other[:25]), [])
    with pytest.raises(LedgerError):
        signer.sign(3, tree_root(other[:3]), [])
    assert parse_checkpoint(parse_note(signer.last.note).text).size == 25
