"""The head bundle: a log's head with proofs from older sizes, as one text file for a USB stick. Pure.

```
recorder-hub/head@v1
vkey <verifier key of the log>
said <base64>          a statement by which the log's keys follow or revoke each other, for each one
old <size>
<base64 hash>          RFC 6962 consistency proof from that size, for each older size that a reader may know
…

<checkpoint note>
```
The key in it convinces nobody by itself: a reader pins it at first use, as it would one fetched by HTTP.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from hub.ledger.notes import BadNote, parse_checkpoint, parse_note
from hub.ledger.proofs import BadProof, parse_hashes, parse_number

MAGIC = "recorder-hub/head@v1"
MAX_BYTES = 1 << 20
MAX_OLDER = 256
MAX_STATEMENTS = 200
"""The newest of them: about a kilobyte each."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """``proofs``: by older size; ``statements``: signed notes about the log's keys. Nothing is verified yet."""

    vkey: str
    proofs: Mapping[int, tuple[bytes, ...]]
    note: str
    statements: tuple[str, ...] = ()

    def text(self) -> str:
        lines = [MAGIC, f"vkey {self.vkey}"]
        lines += [f"said {base64.b64encode(one.encode()).decode()}" for one in self.statements]
        for old, hashes in sorted(self.proofs.items()):
            lines.append(f"old {old}")
            lines += [base64.b64encode(one).decode() for one in hashes]
        return "\n".join([*lines, "", self.note])


def is_bundle(data: bytes) -> bool:
    return data.startswith(MAGIC.encode())


def parse_bundle(data: bytes) -> Bundle:
    """Raises BadProof, and nothing else."""
    if len(data) > MAX_BYTES:
        raise BadProof(f"expected a head of at most {MAX_BYTES} bytes, found {len(data)}")
    try:
        head, blank, note = data.decode().partition("\n\n")
        lines = head.split("\n")
        if not blank or lines[0] != MAGIC or len(lines) < 2 or not lines[1].startswith("vkey "):
            raise BadProof(f"expected {MAGIC}, a key, proofs, a blank line and a checkpoint; found something else")
        parse_checkpoint(parse_note(note).text)
    except UnicodeError as error:
        raise BadProof("expected UTF-8 in a head, found other bytes") from error
    except BadNote as error:
        raise BadProof(str(error)) from error
    rest = lines[2:]
    said = list(takewhile(lambda line: line.startswith("said "), rest))
    return Bundle(lines[1].removeprefix("vkey "), _proofs(rest[len(said) :]), note, tuple(map(_statement, said)))


def _statement(line: str) -> str:
    try:
        return base64.b64decode(line.removeprefix("said "), validate=True).decode()
    except ValueError as error:
        raise BadProof("expected base64 in a statement about the log's keys, found something else") from error


def _proofs(lines: list[str]) -> dict[int, tuple[bytes, ...]]:
    proofs: dict[int, tuple[bytes, ...]] = {}
    starts = [number for number, line in enumerate(lines) if line.startswith("old ")]
    if lines and (not starts or starts[0] != 0):
        raise BadProof("expected 'old SIZE' before the hashes of a proof")
    if len(starts) > MAX_OLDER:
        raise BadProof(f"expected proofs from at most {MAX_OLDER} sizes, found {len(starts)}")
    ends = [*starts[1:], len(lines)] if starts else []
    for start, end in zip(starts, ends, strict=True):
        old = parse_number(lines[start].removeprefix("old "), "the old size")
        if old in proofs:
            raise BadProof(f"expected one proof from each size, found two from {old}")
        proofs[old] = parse_hashes(lines[start + 1 : end])
    return proofs
