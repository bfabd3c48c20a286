"""The signer: holds the key, and signs only what goes on from what it signed before.

It remembers the size and root that it signed last, beside its key and away from the data. Before it
signs the next head it demands an RFC 6962 consistency proof from there: a log that was rolled back or
rewritten gets no signature. The four calls of :class:`Signer` take and give plain values, so that a
process of its own can stand behind them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.errors import LedgerError
from hub.ledger.files import VKEY_FILE, log_slug, replace_file
from hub.ledger.merkle import EMPTY_ROOT, HASH_SIZE, verify_consistency
from hub.ledger.notes import Checkpoint, VerifierKey, is_name, sign_note

KEY_FILE = "ed25519.pem"
MEMORY_FILE = "signed.json"


@dataclass(frozen=True, slots=True)
class SignedHead:
    """What was signed last. ``note`` is empty before the first signature."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    note: str = ""


class Signer(Protocol):
    """What the ledger asks of whoever holds the key. Calls block."""

    @property
    def key(self) -> VerifierKey: ...

    @property
    def last(self) -> SignedHead: ...

    def sign(self, size: int, root: bytes, proof: Sequence[bytes]) -> str:
        """The signed checkpoint. ``proof`` shows that the log at ``last.size`` is its beginning.
        Raises LedgerError if it does not."""
        ...


class LocalSigner:
    """A signer in this process, its key in ``folder``. Under the same user this keeps the key out of a
    copied data folder, and from nobody else."""

    def __init__(self, folder: Path, origin: str, private: Ed25519PrivateKey, last: SignedHead) -> None:
        public = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self._folder = folder
        self._private = private
        self._key = VerifierKey(origin, public)
        self._last = last

    @classmethod
    def exists(cls, keys_dir: Path, origin: str) -> bool:
        return (keys_dir / log_slug(origin) / KEY_FILE).exists()

    @classmethod
    def open(cls, keys_dir: Path, origin: str) -> LocalSigner:
        """The signer of this origin; its key is made if there is none. Raises LedgerError."""
        if not is_name(origin):
            raise LedgerError(f"expected log_origin as printable ASCII without space and plus, found {origin!r}")
        folder = keys_dir / log_slug(origin)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = folder / KEY_FILE
            private = _load_key(path) if path.exists() else _make_key(path)
            signer = cls(folder, origin, private, read_memory(folder))
            vkey = f"{signer.key}\n".encode()
            if not (folder / VKEY_FILE).exists() or (folder / VKEY_FILE).read_bytes() != vkey:
                replace_file(folder / VKEY_FILE, vkey)
        except OSError as error:
            raise LedgerError(f"cannot use the signing key in {folder}: {error.strerror}") from error
        return signer

    @property
    def key(self) -> VerifierKey:
        return self._key

    @property
    def last(self) -> SignedHead:
        return self._last

    def sign(self, size: int, root: bytes, proof: Sequence[bytes]) -> str:
        last = self._last
        if last.size and not verify_consistency(last.size, size, last.root, root, proof):
            raise LedgerError(
                f"will not sign a log of {size} leaves: it is not an extension of the {last.size} leaves signed last "
                f"(root {last.root.hex()}); the log was rolled back or rewritten",
                code="rollback",
            )
        if size == last.size and last.note:
            return last.note
        note = sign_note(Checkpoint(self._key.name, size, root).text(), self._key.name, self._private, self._key)
        # Remembered before it is handed out: a signature that nobody remembers could be contradicted.
        self._last = SignedHead(size, root, note)
        memory = {"size": size, "root": root.hex(), "note": note}
        replace_file(self._folder / MEMORY_FILE, json.dumps(memory).encode(), 0o600)
        return note


def read_memory(folder: Path) -> SignedHead:
    """What the signer in this folder signed last. Raises LedgerError if that cannot be read."""
    path = folder / MEMORY_FILE
    if not path.exists():
        return SignedHead()
    try:
        value = json.loads(path.read_bytes())
        head = SignedHead(int(value["size"]), bytes.fromhex(value["root"]), str(value["note"]))
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(f"{path} is damaged: what was signed last is not known; restore it from a backup") from error
    if head.size < 0 or len(head.root) != HASH_SIZE:
        raise LedgerError(f"{path} is damaged: expected a size and a root, found others; restore it from a backup")
    return head


def _load_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise LedgerError(f"{path} is not an Ed25519 private key in PEM form; restore it from a backup") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerError(f"expected an Ed25519 key in {path}, found another kind")
    if path.stat().st_mode & 0o077:
        os.chmod(path, 0o600)  # noqa: PTH101  a restored backup often comes with wide rights
    return key


def _make_key(path: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    replace_file(path, pem, 0o600)
    return key
