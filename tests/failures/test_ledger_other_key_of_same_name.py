"""The log is signed with another key under the hub's name."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.errors import LedgerError
from hub.ledger.notes import VerifierKey, parse_note, parse_vkey, sign_note
from hub.ledger.verdict import Provenance, Step
from tests.ledger_folder import ORIGIN, Folder, build


def sign_anew(folder: Folder) -> VerifierKey:
    private = Ed25519PrivateKey.generate()
    key = VerifierKey(ORIGIN, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    text = parse_note((folder.log / "checkpoint").read_text()).text
    (folder.log / "checkpoint").write_text(sign_note(text, ORIGIN, private, key))
    (folder.log / "checkpoints").unlink()
    (folder.log / "vkey").write_text(f"{key}\n")
    return key


async def test_the_configured_key_did_not_sign_it(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    foreign = sign_anew(folder)
    verdict = folder.verify()
    assert verdict.exit_code == 1
    assert verdict.provenance is Provenance.NONE
    (found,) = verdict.findings
    assert found.step is Step.CHECKPOINTS
    assert foreign.key_id.hex() in found.found


async def test_nor_did_the_key_that_was_given(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    key = (folder.log / "vkey").read_text()
    sign_anew(folder)
    assert folder.verify(key=key, keys_dir=None).exit_code == 1


async def test_a_key_found_beside_the_data_is_called_what_it_is(tmp_path: Path) -> None:
    """Without any key from elsewhere the forgery cannot be seen: the verdict says whose word it took."""
    folder = await build(tmp_path)
    sign_anew(folder)
    verdict = folder.verify(keys_dir=None)
    assert verdict.key_source == "the data folder itself"
    assert any("proves nothing" in note for note in verdict.notes)


async def test_the_same_key_id_with_a_bad_signature(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    key = parse_vkey((folder.log / "vkey").read_text())
    text = parse_note((folder.log / "checkpoint").read_text()).text
    (folder.log / "checkpoint").write_text(sign_note(text, ORIGIN, Ed25519PrivateKey.generate(), key))
    (found,) = folder.verify().findings
    assert "none of them valid" in found.found


async def test_a_hub_without_its_key_does_not_make_another(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    for path in folder.keys.glob("*/*"):
        path.unlink()
    with pytest.raises(LedgerError) as refused:
        await folder.open()
    assert refused.value.code == "key_missing"
