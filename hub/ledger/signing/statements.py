"""Statements about keys: which key follows which, from which size of the log, and which counts no longer.

A statement is a signed note. Its first line holds spaces, which no origin may, so that a signature on a
statement can never be one on a checkpoint. Its second line is canonical JSON. The private keys sign it where
they lie; the hub only writes it into its log. Pure.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.errors import LedgerError
from hub.ledger.entries import BadEntry, EntryType, JsonValue, canonical, parse
from hub.ledger.notes import BadNote, Note, VerifierKey, parse_note, parse_vkey

HEADING = "recorder-hub key statement v1"
MAX_REASON = 500


class What(StrEnum):
    """``rotate``: ``key`` follows ``other``. ``retire``: the time of ``key`` beside ``other`` is over.
    ``revoke``: ``key`` counts no longer; ``other`` goes on, if there is one."""

    ROTATE = "rotate"
    RETIRE = "retire"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Statement:
    """``size``: the first size of the log that ``key`` signs (rotate), or that it signs no longer.
    ``last_size``: what a revoked key had signed last when it was revoked."""

    what: What
    key: VerifierKey
    other: VerifierKey | None
    size: int
    at_us: int
    reason: str = ""
    last_size: int = 0

    def text(self) -> str:
        value: dict[str, JsonValue] = {
            "what": self.what.value,
            "key": str(self.key),
            "other": str(self.other) if self.other else "",
            "size": self.size,
            "at_us": self.at_us,
            "reason": self.reason,
            "last_size": self.last_size,
        }
        return f"{HEADING}\n{canonical(value).decode()}\n"

    @property
    def entry_type(self) -> EntryType:
        return EntryType.KEY_REVOKE if self.what is What.REVOKE else EntryType.KEY_ROTATE

    def body(self, note: str) -> dict[str, JsonValue]:
        """The body of the entry that makes ``note``, this statement signed, known."""
        body: dict[str, JsonValue] = {"vkey": str(self.key), "from_size": self.size, "statement": note}
        if self.what is What.REVOKE:
            body["reason"] = self.reason
        else:
            body["what"] = self.what.value
        return body


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement and the note that it came in. Nothing is verified yet."""

    statement: Statement
    note: Note

    def signed_by(self, key: VerifierKey | None) -> bool:
        return key is not None and self.note.signed_by(key)


def sign_text(text: str, name: str, keys: Sequence[Ed25519PrivateKey]) -> str:
    """The note over ``text`` with one signature line for each key, in this order."""
    lines = []
    for private in keys:
        key = VerifierKey(name, private.public_key().public_bytes_raw())
        line = base64.b64encode(key.key_id + private.sign(text.encode())).decode()
        lines.append(f"— {name} {line}\n")
    return f"{text}\n{''.join(lines)}"


def read_statement(text: str) -> SignedStatement:
    """The statement in a signed note. Raises LedgerError, and nothing else."""
    note = parse_note(text)
    heading, _, rest = note.text.partition("\n")
    if heading != HEADING:
        raise BadNote(f"expected a statement headed {HEADING!r}, found {heading[:60]!r}")
    value = parse(rest.removesuffix("\n").encode())
    try:
        what = What(value["what"])
        key = parse_vkey(_text(value["key"]))
        other = parse_vkey(_text(value["other"])) if value["other"] else None
        numbers = [_number(value[name]) for name in ("size", "at_us", "last_size")]
        reason = _text(value["reason"])
    except (KeyError, ValueError) as error:
        raise BadEntry(f"expected the fields of a key statement, found {sorted(value)}") from error
    if other is None and what is not What.REVOKE:
        raise BadEntry(f"expected two keys in a statement that says {what.value}, found one")
    if other is not None and (other.name != key.name or other.public == key.public):
        raise BadEntry("expected two different keys of one name in a key statement")
    return SignedStatement(Statement(what, key, other, numbers[0], numbers[1], reason, numbers[2]), note)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadEntry("expected text in a key statement, found something else")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadEntry("expected numbers from 0 on in a key statement, found something else")
    return value


def check_reason(reason: str) -> str:
    """Raises LedgerError unless the reason is one line of some words."""
    reason = reason.strip()
    if not reason or len(reason) > MAX_REASON or any(char < " " for char in reason):
        raise LedgerError(f"expected a reason of one line and 1 to {MAX_REASON} characters; say why")
    return reason
