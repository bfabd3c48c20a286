"""Signed notes, verifier keys and checkpoints as C2SP defines them (signed-note, tlog-checkpoint).

A note is text that ends in a newline, a blank line, and signature lines
``— <name> <base64(key id ‖ signature)>``. Parsing is as strict as Go's ``sumdb/note``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hub.errors import LedgerError
from hub.ledger.merkle import HASH_SIZE

ALGORITHM_ED25519 = 0x01
KEY_ID_SIZE = 4
SIGNATURE_SIZE = 64
MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
_DASH = "— "


class BadNote(LedgerError):
    """A note, key or checkpoint that breaks its format."""

    code = "bad_note"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A name and an Ed25519 public key; written ``name+hex(key id)+base64(type ‖ key)``."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        return key_id(self.name, self.public)

    def __str__(self) -> str:
        coded = base64.b64encode(bytes([ALGORITHM_ED25519]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{coded}"

    def verifies(self, text: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who says to have signed, the key's id, and the signature's bytes."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """The text, with its last newline, and its signature lines. Nothing is verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def signed_by(self, key: VerifierKey) -> bool:
        """Whether a line of this very key verifies. Lines of other keys, also of keys of the same
        name, say nothing."""
        wanted = key.key_id
        text = self.text.encode()
        lines = [line for line in self.signatures if line.name == key.name and line.key_id == wanted]
        return any(key.verifies(text, line.signature) for line in lines)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its origin, how many leaves, and their root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def is_name(name: str) -> bool:
    """Whether a key or an origin may be called so: no white space, no plus, printable ASCII."""
    return 0 < len(name) <= 200 and all("!" <= char <= "~" and char != "+" for char in name)


def key_id(name: str, public: bytes) -> bytes:
    """SHA-256(name ‖ 0x0A ‖ type ‖ public key), its first four bytes."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([ALGORITHM_ED25519]) + public).digest()[:KEY_ID_SIZE]


def parse_vkey(text: str) -> VerifierKey:
    """A verifier key from its text. Raises BadNote."""
    name, _, rest = text.strip().partition("+")
    hex_id, _, coded = rest.partition("+")
    if not is_name(name) or len(hex_id) != 2 * KEY_ID_SIZE:
        raise BadNote("expected a verifier key name+hex(key id)+base64(key), found something else")
    data = _base64(coded, "the verifier key")
    if len(data) != 33 or data[0] != ALGORITHM_ED25519:
        raise BadNote("expected an Ed25519 verifier key (type 1, 32 bytes), found another")
    key = VerifierKey(name, data[1:])
    if key.key_id.hex() != hex_id:
        raise BadNote(f"expected the key id {key.key_id.hex()} in the verifier key, found {hex_id}")
    return key


def sign_note(text: str, name: str, private: Ed25519PrivateKey, key: VerifierKey) -> str:
    """The signed note over ``text``, which must end in a newline."""
    line = base64.b64encode(key.key_id + private.sign(text.encode())).decode()
    return f"{text}\n{_DASH}{name} {line}\n"


def parse_note(data: str | bytes) -> Note:
    """Text and signature lines of a note. Raises BadNote, and nothing else."""
    text = _decode(data)
    split = text.rfind("\n\n")
    if split < 0 or not text.endswith("\n"):
        raise BadNote("expected text, a blank line and signature lines, found no such note")
    lines = text[split + 2 :].split("\n")[:-1]
    if not 0 < len(lines) <= MAX_SIGNATURES:
        raise BadNote(f"expected 1 to {MAX_SIGNATURES} signature lines, found {len(lines)}")
    return Note(text[: split + 1], tuple(_signature(line) for line in lines))


def _decode(data: str | bytes) -> str:
    if len(data) > MAX_NOTE_BYTES:
        raise BadNote(f"expected a note of at most {MAX_NOTE_BYTES} bytes, found {len(data)}")
    try:
        text = data.decode() if isinstance(data, bytes) else data
        text.encode()
    except UnicodeError as error:
        raise BadNote("expected UTF-8 in a note, found other bytes") from error
    if any(char < " " and char != "\n" for char in text):
        raise BadNote("expected no control characters in a note, found one")
    return text


def _signature(line: str) -> Signature:
    name, space, coded = line.removeprefix(_DASH).partition(" ")
    # Other keys' names may be any text without white space or plus; ours are stricter.
    if not line.startswith(_DASH) or not space or not name or "+" in name or name.split() != [name]:
        raise BadNote("expected a signature line '— name base64', found another line")
    data = _base64(coded, "a signature line")
    if len(data) <= KEY_ID_SIZE:
        raise BadNote(f"expected a key id and a signature, found {len(data)} bytes")
    return Signature(name, data[:KEY_ID_SIZE], data[KEY_ID_SIZE:])


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in a note's text; extension lines after the root are allowed. Raises BadNote."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not lines[0]:
        raise BadNote("expected origin, size and root on three lines, found no such checkpoint")
    size = lines[1]
    if not (size.isascii() and size.isdigit() and len(size) < 20) or (size[0] == "0" and size != "0"):
        raise BadNote(f"expected the size as a decimal number, found {size[:32]!r}")
    root = _base64(lines[2], "the root")
    if len(root) != HASH_SIZE:
        raise BadNote(f"expected a root of {HASH_SIZE} bytes, found {len(root)}")
    return Checkpoint(lines[0], int(size), root)


def _base64(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise BadNote(f"expected base64 in {what}") from error
    if base64.b64encode(data).decode() != text:
        raise BadNote(f"expected canonical base64 in {what}")
    return data


def names_of(signatures: Sequence[Signature]) -> str:
    """Who signed, for people: ``name (key id)`` each."""
    return ", ".join(f"{line.name} ({line.key_id.hex()})" for line in signatures) or "nobody"
