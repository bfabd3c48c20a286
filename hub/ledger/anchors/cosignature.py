"""Cosignatures of witnesses: C2SP tlog-cosignature, the Ed25519 kind (``cosignature/v1``, type 0x04).

A cosignature is one signature line of a note: ``— <name> base64(key id[4] ‖ time[8], big endian ‖ Ed25519[64])``.
What is signed is ``cosignature/v1\\ntime <seconds>\\n`` and then the checkpoint's text, its last newline included,
without any signature lines. It says: at that time by the witness's own clock, this was the largest head of this log
that the witness knew, and the log had only grown until then.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hub.errors import LedgerError
from hub.ledger.notes import KEY_ID_SIZE, SIGNATURE_SIZE, BadNote, Signature, is_name, parse_note

ALGORITHM_COSIGNATURE = 0x04
TIME_SIZE = 8
PUBLIC_SIZE = 32
MAX_SECONDS = 253_402_300_799
"""The end of the year 9999, after which no calendar of ours goes."""
MAX_LINE_BYTES = 4096
_BLOB_SIZE = TIME_SIZE + SIGNATURE_SIZE


class BadCosignature(LedgerError):
    """A cosignature that breaks its format, is by another key, or does not verify."""

    code = "bad_cosignature"


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness's name and Ed25519 public key; written ``name+hex(key id)+base64(0x04 ‖ key)``."""

    name: str
    public: bytes

    @classmethod
    def of(cls, name: str, private: Ed25519PrivateKey) -> WitnessKey:
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        return cls(name, private.public_key().public_bytes(*raw))

    @property
    def key_id(self) -> bytes:
        """SHA-256(name ‖ 0x0A ‖ 0x04 ‖ public key), its first four bytes."""
        coded = bytes([ALGORITHM_COSIGNATURE]) + self.public
        return hashlib.sha256(self.name.encode() + b"\n" + coded).digest()[:KEY_ID_SIZE]

    def __str__(self) -> str:
        coded = base64.b64encode(bytes([ALGORITHM_COSIGNATURE]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{coded}"


def parse_witness_vkey(text: str) -> WitnessKey:
    """A witness's verifier key from its text. Raises BadNote."""
    name, _, rest = text.strip().partition("+")
    hex_id, _, coded = rest.partition("+")
    try:
        data = base64.b64decode(coded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise BadNote("expected base64 at the end of a witness's verifier key, found something else") from error
    if not is_name(name) or len(data) != 1 + PUBLIC_SIZE or data[0] != ALGORITHM_COSIGNATURE:
        found = f"type {data[0]}" if data[:1] else "none"
        raise BadNote(
            f"expected a witness's verifier key name+hex(key id)+base64(key) of type 4 (cosignature/v1), found {found}"
        )
    key = WitnessKey(name, data[1:])
    if key.key_id.hex() != hex_id:
        raise BadNote(f"expected the key id {key.key_id.hex()} in the witness's verifier key, found {hex_id[:16]!r}")
    return key


def cosigned_message(text: bytes, seconds: int) -> bytes:
    """The bytes that a witness signs: of the checkpoint its text, last newline included; ``seconds``: POSIX time."""
    return b"cosignature/v1\ntime %d\n" % seconds + text


def cosign(text: bytes, key: WitnessKey, private: Ed25519PrivateKey, seconds: int) -> Signature:
    """A witness's cosignature over a checkpoint's text, at its time in seconds. The caller has checked consistency."""
    made = private.sign(cosigned_message(text, seconds))
    return Signature(key.name, key.key_id, seconds.to_bytes(TIME_SIZE, "big") + made)


def check_cosignature(text: bytes, line: Signature, key: WitnessKey) -> int:
    """The time in POSIX seconds at which the witness cosigned. Raises BadCosignature, and nothing else."""
    if line.name != key.name or line.key_id != key.key_id:
        raise BadCosignature(
            f"expected a cosignature by {key.name} ({key.key_id.hex()}), found one by {line.name} ({line.key_id.hex()})"
        )
    if len(line.signature) != _BLOB_SIZE:
        raise BadCosignature(f"expected a time and a signature of {_BLOB_SIZE} bytes, found {len(line.signature)}")
    seconds = int.from_bytes(line.signature[:TIME_SIZE], "big")
    if seconds > MAX_SECONDS:
        raise BadCosignature(f"expected a time of our age in a cosignature, found {seconds} s")
    try:
        public = Ed25519PublicKey.from_public_bytes(key.public)
        public.verify(line.signature[TIME_SIZE:], cosigned_message(text, seconds))
    except (InvalidSignature, ValueError) as error:
        raise BadCosignature(
            f"expected a valid cosignature of this checkpoint by {key.name}, found one that does not verify: it is "
            "for another checkpoint, or was altered"
        ) from error
    return seconds


def to_line(signature: Signature) -> str:
    """The signature line, with its newline."""
    coded = base64.b64encode(signature.key_id + signature.signature).decode()
    return f"\u2014 {signature.name} {coded}\n"


def parse_line(data: bytes) -> Signature:
    """The one signature line that ``data`` is. Raises BadNote, and nothing else."""
    if len(data) > MAX_LINE_BYTES:
        raise BadNote(f"expected one signature line of at most {MAX_LINE_BYTES} bytes, found {len(data)}")
    if data.count(b"\n") != 1:
        raise BadNote("expected one signature line that ends in a newline, found something else")
    return parse_note(b"-\n\n" + data).signatures[0]
