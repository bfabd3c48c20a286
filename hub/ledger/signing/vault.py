"""The folder of one log's keys: ``KEYS/<origin>/``. Only what signs, and ``hub keys``, looks inside.

``keys.json`` says which keys there are, how each stands, and holds the signed statements about them;
``<key>.pem`` are the private keys, ``signed.json`` what was signed last, ``vkey`` the newest verifier key.
Everybody who changes something holds the lock; it is taken anew for each change, so that the running
signer sees at its next signature what ``hub keys`` did.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.errors import LedgerError
from hub.ledger.files import VKEY_FILE, log_slug, replace_file
from hub.ledger.merkle import HASH_SIZE
from hub.ledger.notes import VerifierKey, is_name, parse_vkey
from hub.ledger.signing.signer import SignedHead

KEY_FILE = "ed25519.pem"
"""The first key's file; later ones carry the key's id in their name."""
MEMORY_FILE = "signed.json"
KEYS_FILE = "keys.json"
MAX_KEYS = 100
_LOCK_FILE = "lock"


class State(StrEnum):
    SIGNING = "signing"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key of the log. ``from_size``: the first size that it signed or will sign, None if that is not known yet;
    ``end_size``: the first that it signs no longer. ``until_us``: when it makes place for its successor, 0: never.
    ``announced_size``: the first size signed by its predecessor that holds its announcement. ``file`` is
    empty for a key that comes from the environment."""

    key: VerifierKey
    state: State
    file: str
    made_us: int
    from_size: int | None = None
    end_size: int | None = None
    until_us: int = 0
    announced_size: int | None = None
    reason: str = ""

    def json(self) -> dict[str, object]:
        return {
            "vkey": str(self.key),
            "state": self.state.value,
            "file": self.file,
            "made_us": self.made_us,
            "from_size": self.from_size,
            "end_size": self.end_size,
            "until_us": self.until_us,
            "announced_size": self.announced_size,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Book:
    """What ``keys.json`` holds: keys and signed statements about them, oldest first."""

    keys: tuple[KeyRecord, ...] = ()
    statements: tuple[str, ...] = ()

    @property
    def signing(self) -> tuple[KeyRecord, ...]:
        return tuple(record for record in self.keys if record.state is State.SIGNING)

    @property
    def newest(self) -> VerifierKey:
        """The newest key that signs and has begun to; the newest that ever did if none does."""
        begun = [record for record in self.signing if record.from_size is not None]
        return (begun or self.signing or self.keys)[-1].key

    def put(self, record: KeyRecord) -> Book:
        """With this record, in the place of the one of the same key or at the end."""
        others = tuple(record if old.key == record.key else old for old in self.keys)
        known = any(old.key == record.key for old in self.keys)
        return replace(self, keys=others if known else (*others, record))

    def say(self, note: str) -> Book:
        return replace(self, statements=(*self.statements, note))


class Vault:
    """The key folder of one origin. All calls block. Raises LedgerError."""

    def __init__(self, keys_dir: Path, origin: str) -> None:
        if not is_name(origin):
            raise LedgerError(f"expected log_origin as printable ASCII without space and plus, found {origin!r}")
        self.origin = origin
        self.folder = keys_dir / log_slug(origin)

    @property
    def exists(self) -> bool:
        return (self.folder / KEYS_FILE).exists() or (self.folder / KEY_FILE).exists()

    @property
    def complete(self) -> bool:
        """Whether no file is missing that others read."""
        return (self.folder / KEYS_FILE).exists() and (self.folder / VKEY_FILE).exists()

    def make(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone in this folder, among threads and processes."""
        handle = os.open(self.folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._give_to_owner(_LOCK_FILE)
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    # --------------------------------------------------------------------------------- the book

    def read(self) -> Book:
        path = self.folder / KEYS_FILE
        if not path.exists():
            return self._first()
        try:
            value = json.loads(path.read_bytes())
            return Book(tuple(_record(item) for item in value["keys"]), tuple(map(str, value["statements"])))
        except (ValueError, KeyError, TypeError, LedgerError) as error:
            raise LedgerError(
                f"{path} is damaged: which keys there are is not known; restore it from a backup"
            ) from error

    def _first(self) -> Book:
        """The book of a folder that has none: of a new one, or one that knew a single key."""
        if not (self.folder / KEY_FILE).exists():
            return Book()
        key = verifier_key(self.origin, self.private(KEY_FILE))
        return Book((KeyRecord(key, State.SIGNING, KEY_FILE, 0, from_size=0),))

    def write(self, book: Book) -> None:
        if len(book.keys) > MAX_KEYS:
            raise LedgerError(f"expected at most {MAX_KEYS} keys for a log; begin a new one with another log_origin")
        value = {"v": 1, "keys": [record.json() for record in book.keys], "statements": list(book.statements)}
        self._put(KEYS_FILE, json.dumps(value, ensure_ascii=False, indent=1).encode(), 0o600)
        vkey = f"{book.newest}\n".encode()
        path = self.folder / VKEY_FILE
        if not path.exists() or path.read_bytes() != vkey:
            self._put(VKEY_FILE, vkey, 0o644)

    # ------------------------------------------------------------------------------ private keys

    def private(self, file: str) -> Ed25519PrivateKey:
        path = self.folder / file
        try:
            key = load_private(path.read_bytes())
        except LedgerError as error:
            raise LedgerError(f"{path}: {error}; restore it from a backup") from error
        except OSError as error:
            raise LedgerError(
                f"cannot read the signing key {path}: {error.strerror}; bring it back", code="key_missing"
            ) from error
        if path.stat().st_mode & 0o077:
            os.chmod(path, 0o600)  # noqa: PTH101  a restored backup often comes with wide rights
        return key

    def generate(self, first: bool, now_us: int) -> KeyRecord:
        """A new private key in a file of its own, not yet in the book."""
        private = Ed25519PrivateKey.generate()
        key = verifier_key(self.origin, private)
        file = KEY_FILE if first else f"ed25519-{key.key_id.hex()}.pem"
        coding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        self._put(file, private.private_bytes(*coding), 0o600)
        return KeyRecord(key, State.SIGNING, file, now_us, from_size=0 if first else None)

    def destroy(self, record: KeyRecord) -> None:
        """A retired key has no use left but a thief's."""
        if record.file:
            (self.folder / record.file).unlink(missing_ok=True)

    # -------------------------------------------------------------------------------- the memory

    def remember(self, head: SignedHead) -> None:
        memory = {"size": head.size, "root": head.root.hex(), "note": head.note}
        self._put(MEMORY_FILE, json.dumps(memory).encode(), 0o600)

    def _put(self, name: str, data: bytes, mode: int) -> None:
        replace_file(self.folder / name, data, mode)
        self._give_to_owner(name)

    def _give_to_owner(self, name: str) -> None:
        """``hub keys`` run by root must not leave files that the signer's user cannot read."""
        if os.geteuid() == 0:
            owner = self.folder.stat()
            if owner.st_uid:
                os.chown(self.folder / name, owner.st_uid, owner.st_gid)


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


def verifier_key(origin: str, private: Ed25519PrivateKey) -> VerifierKey:
    return VerifierKey(origin, private.public_key().public_bytes_raw())


def load_private(pem: bytes) -> Ed25519PrivateKey:
    """Raises LedgerError, which never repeats what it was given."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise LedgerError("expected an Ed25519 private key in PEM form, found something else") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerError("expected an Ed25519 private key, found another kind")
    return key


def keys_of_secret(secret: str) -> tuple[Ed25519PrivateKey, ...]:
    """The private keys in a secret of the environment, the oldest first: PEM, one block after the other, or base64
    of such PEM or of 32 raw bytes, separated by white space. Raises LedgerError, which never repeats the secret."""
    begin, end = "-----BEGIN", "-----END"
    if begin in secret:
        blocks = [f"{begin}{part}" for part in secret.split(begin)[1:]]
        if not all(end in block for block in blocks):
            raise LedgerError("expected whole PEM blocks in HUB_SIGNING_KEY, found one that is cut off")
        return tuple(load_private(block.replace("\\n", "\n").encode()) for block in blocks)
    keys: list[Ed25519PrivateKey] = []
    for word in secret.split():
        try:
            data = base64.b64decode(word, validate=True)
        except (binascii.Error, ValueError):
            raise LedgerError("expected PEM or base64 in HUB_SIGNING_KEY, found something else") from None
        keys.append(Ed25519PrivateKey.from_private_bytes(data) if len(data) == 32 else load_private(data))
    if not keys:
        raise LedgerError("expected a private key in HUB_SIGNING_KEY, found none")
    return tuple(keys)


def _record(value: Mapping[str, object]) -> KeyRecord:
    return KeyRecord(
        parse_vkey(str(value["vkey"])),
        State(str(value["state"])),
        str(value["file"]),
        _number(value["made_us"]) or 0,
        _number(value["from_size"]),
        _number(value["end_size"]),
        _number(value["until_us"]) or 0,
        _number(value["announced_size"]),
        str(value["reason"]),
    )


def _number(value: object) -> int | None:
    if value is not None and not isinstance(value, int):
        raise TypeError("expected a number or null")
    return value
