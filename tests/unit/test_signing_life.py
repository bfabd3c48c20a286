"""The life of keys in the key folder: rotation with its overlap, revocation, keys of the environment."""

from __future__ import annotations

import base64
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hub.__main__ import main
from hub.errors import LedgerError
from hub.ledger.merkle import CompactRange, consistency_proof
from hub.ledger.notes import VerifierKey, parse_checkpoint, parse_note, parse_vkey
from hub.ledger.signing.local import LocalSigner
from hub.ledger.signing.statements import What, read_statement
from hub.ledger.signing.vault import State, keys_of_secret, read_memory
from hub.settings import load_settings
from tests.ledger_folder import ORIGIN

DAY_US = 86_400_000_000


class Growing:
    """A log that grows by one leaf at each signature, and a clock."""

    def __init__(self, keys: Path, secret: str = "") -> None:
        self.keys, self.secret = keys, secret
        self.now_us = DAY_US
        self.tree = CompactRange()
        self.signer = self.open()

    def open(self) -> LocalSigner:
        return LocalSigner.open(self.keys, ORIGIN, secret=self.secret, now_us=lambda: self.now_us)

    @property
    def folder(self) -> Path:
        return next(self.keys.iterdir())

    def sign(self, announced: Sequence[VerifierKey] = ()) -> set[str]:
        """The ids of the keys that signed the next checkpoint."""
        old = self.tree.copy()
        leaf = self.tree.size.to_bytes(32, "big")
        self.tree.append(leaf)
        proof = consistency_proof(old, [leaf])
        note = parse_note(
            self.signer.sign(self.tree.size, self.tree.root(), proof, [key.key_id.hex() for key in announced])
        )
        assert parse_checkpoint(note.text).size == self.tree.size
        keys = [record.key for record in self.signer.records]
        signed = {key.key_id.hex() for key in keys if note.signed_by(key)}
        assert len(signed) == len(note.signatures)
        return signed


def ids(*keys: VerifierKey) -> set[str]:
    return {key.key_id.hex() for key in keys}


def test_rotation_with_overlap(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    old = log.signer.key
    assert log.sign() == ids(old)
    new = log.open().rotate(7 * DAY_US)  # by `hub keys`, beside the running signer
    assert log.sign() == ids(old, new)
    said = read_statement(log.signer.statements[0])
    assert (said.statement.what, said.statement.size) == (What.ROTATE, 2)
    assert said.signed_by(old)
    assert said.signed_by(new)
    assert log.signer.key == new
    # Its time is over, but no checkpoint has carried the news yet: the old key goes on.
    log.now_us += 8 * DAY_US
    assert log.sign() == ids(old, new)
    assert log.sign([new]) == ids(old, new)
    assert log.sign([new]) == ids(new)
    assert [read_statement(note).statement.what for note in log.signer.statements] == [What.ROTATE, What.RETIRE]
    assert read_statement(log.signer.statements[1]).statement.size == 5
    # What a thief could still use is gone; what others read speaks of the new key.
    assert {path.name for path in log.folder.glob("*.pem")} == {f"ed25519-{new.key_id.hex()}.pem"}
    assert parse_vkey((log.folder / "vkey").read_text()) == new
    log.signer = log.open()
    assert log.sign() == ids(new)


def test_the_overlap_lasts_as_long_as_it_was_asked_for(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    old, new = log.signer.key, log.signer.rotate(DAY_US)
    log.sign([new])
    log.now_us += DAY_US - 1
    assert log.sign([new]) == ids(old, new)
    log.now_us += 1
    assert log.sign([new]) == ids(new)


def test_one_rotation_at_a_time(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    log.signer.rotate()
    with pytest.raises(LedgerError, match="under way"):
        log.signer.rotate()


def test_revoking_the_only_key_makes_another(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    log.sign()
    old = log.signer.key
    made = log.open().revoke(old.key_id.hex(), "notebook stolen")
    assert made is not None
    assert log.sign() == ids(made)
    said = read_statement(log.signer.statements[0])
    assert (said.statement.what, said.statement.key, said.statement.other) == (What.REVOKE, old, made)
    assert (said.statement.size, said.statement.last_size, said.statement.reason) == (2, 1, "notebook stolen")
    assert said.signed_by(old)
    assert said.signed_by(made)
    assert log.signer.records[0].state is State.REVOKED
    with pytest.raises(LedgerError, match="not revoked"):
        log.signer.revoke(old.key_id.hex(), "again")


def test_revoking_one_of_two(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    old, new = log.signer.key, log.signer.rotate()
    log.sign([new])
    assert log.signer.revoke(old.key_id.hex(), "lost", 1) is None
    assert log.sign() == ids(new)
    assert read_statement(log.signer.statements[-1]).statement.size == 1
    assert log.signer.rotate()  # nothing is under way any longer


def test_a_new_key_that_was_never_used_is_dropped_without_a_word(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    old, new = log.signer.key, log.signer.rotate()
    assert log.signer.revoke(new.key_id.hex(), "copied by mistake") is None
    assert log.sign() == ids(old)
    assert log.signer.statements == ()


@pytest.mark.parametrize("reason", ["", "two\nlines", "x" * 501])
def test_a_revocation_says_why(tmp_path: Path, reason: str) -> None:
    log = Growing(tmp_path)
    with pytest.raises(LedgerError, match="reason"):
        log.signer.revoke(log.signer.key.key_id.hex(), reason)


def test_a_rolled_back_log_is_refused_whatever_the_keys(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    log.sign()
    log.sign()
    log.signer.rotate()
    log.tree = CompactRange()
    with pytest.raises(LedgerError) as refused:
        log.sign()
    assert refused.value.code == "rollback"
    assert read_memory(log.folder).size == 2


def test_two_signers_on_one_folder_see_what_the_other_signed(tmp_path: Path) -> None:
    """A second hub, started by mistake with a copy of the data, cannot have a second history signed."""
    log = Growing(tmp_path)
    other = log.open()
    log.sign()
    with pytest.raises(LedgerError) as refused:
        other.sign(1, b"\1" * 32, ())
    assert refused.value.code == "rollback"


def test_a_folder_from_before_keys_had_a_life(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    log.sign()
    key = log.signer.key
    (log.folder / "keys.json").unlink()
    log.signer = log.open()
    assert log.signer.key == key
    assert log.sign() == ids(key)


def test_no_file_of_the_folder_is_readable_by_others_but_the_public_key(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    log.signer.rotate()
    log.sign()
    open_files = {path.name for path in log.folder.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077}
    assert open_files == {"vkey"}
    assert stat.S_IMODE(log.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["keys.json", "signed.json"])
def test_a_damaged_file_stops_the_signer(tmp_path: Path, name: str) -> None:
    log = Growing(tmp_path)
    log.sign()
    (log.folder / name).write_text('{"keys": [')
    with pytest.raises(LedgerError, match="damaged"):
        log.open()


# ------------------------------------------------------------------------- keys of the environment


def pem(seed: int) -> str:
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def raw(seed: int) -> str:
    return base64.b64encode(bytes([seed]) * 32).decode()


def test_forms_of_the_secret() -> None:
    keys = [key.public_key().public_bytes_raw() for key in keys_of_secret(f"{raw(1)} {raw(2)}")]
    for form in (
        pem(1) + pem(2),
        (pem(1) + pem(2)).replace("\n", "\\n"),  # as many places that keep secrets hold it, on one line
        f"{base64.b64encode(pem(1).encode()).decode()}\n{raw(2)}",
    ):
        assert [key.public_key().public_bytes_raw() for key in keys_of_secret(form)] == keys


@pytest.mark.parametrize("secret", [" ", "hunter2!", "aHVudGVyMg==", pem(1)[:60], pem(1).replace("M", "?")])
def test_a_bad_secret_is_refused_and_not_repeated(secret: str, tmp_path: Path) -> None:
    with pytest.raises(LedgerError) as refused:
        keys_of_secret(secret)
    assert not secret.strip() or secret.strip() not in str(refused.value)


def test_a_key_of_the_environment_leaves_no_file_and_is_rotated_there(tmp_path: Path) -> None:
    log = Growing(tmp_path, raw(1))
    old = log.signer.key
    assert log.sign() == ids(old)
    assert not list(log.folder.glob("*.pem"))
    log.secret = f"{raw(1)} {raw(2)}"
    log.signer = log.open()
    new = log.signer.records[1].key
    assert log.sign() == ids(old, new)
    # Taken out too early: nobody could follow to the new key.
    log.secret = raw(2)
    with pytest.raises(LedgerError, match="give it again"):
        log.open()
    log.secret = f"{raw(1)} {raw(2)}"
    log.signer = log.open()
    assert log.sign([new]) == ids(old, new)
    log.now_us += 100 * DAY_US  # it goes when it is taken out, and not before
    assert log.sign([new]) == ids(old, new)
    log.secret = raw(2)
    log.signer = log.open()
    assert log.sign([new]) == ids(new)
    retired = read_statement(log.signer.statements[-1])
    assert retired.statement.what is What.RETIRE
    assert retired.signed_by(new)


def test_another_key_in_the_environment_does_not_replace_the_one_that_signed(tmp_path: Path) -> None:
    log = Growing(tmp_path, raw(1))
    log.sign()
    log.secret = raw(2)
    with pytest.raises(LedgerError) as refused:
        log.open()
    assert refused.value.code == "key_missing"


def test_what_reads_the_secret_takes_it_out_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("HUB_SIGNING_KEY", raw(1))
    settings = load_settings()
    assert settings.signing_key is not None
    assert settings.signing_key.get_secret_value() == raw(1)
    assert "HUB_SIGNING_KEY" not in os.environ
    assert raw(1) not in repr(settings)


# --------------------------------------------------------------------------------- the commands


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HUB_KEYS_DIR", str(tmp_path))
    assert main(["keys", "rotate"]) == 2
    assert "expected --origin" in capsys.readouterr().err
    log = Growing(tmp_path)
    log.sign()
    old = log.signer.key
    assert main(["keys", "rotate", "--overlap", "soon"]) == 2
    assert main(["keys", "rotate", "--overlap", "12h"]) == 0
    capsys.readouterr()
    log.sign()
    assert main(["keys", "list"]) == 0
    told = capsys.readouterr().out
    new = log.signer.key
    assert new != old
    assert f"{old.key_id.hex()}  signing, from size 0, until" in told
    assert f"{new.key_id.hex()}  signing, from size 2" in told
    assert str(new) in told
    assert main(["keys", "revoke", old.key_id.hex(), "--reason", "私钥可能泄露"]) == 0
    assert log.sign() == ids(new)
    assert main(["keys", "revoke", "00000000", "--reason", "x"]) == 2
