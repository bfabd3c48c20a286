"""A log of made-up leaves with a key of its own, for the tests of proofs, witnesses and auditors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.audit.sources import Unreachable
from hub.ledger.files import LEAVES_FILE
from hub.ledger.merkle import HASH_SIZE, tree_root
from hub.ledger.notes import Checkpoint, VerifierKey, sign_note
from hub.ledger.proofs import Addition, consistency_proof

ORIGIN = "small.example/log"
NOW_US = 1_767_225_600_000_000


def leaf(number: int, branch: str = "") -> bytes:
    return hashlib.sha256(f"{branch}{number}".encode()).digest()


class Leaves:
    """Subtrees of a list of leaves, by the definition."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.leaves = list(leaves)

    def subtree(self, height: int, index: int) -> bytes:
        assert len(self.leaves) >= (index + 1) << height, "asked for a subtree that is not complete"
        return tree_root(self.leaves[index << height : (index + 1) << height])


class SmallLog:
    """``branch`` makes the leaves from ``fork`` on others: a second history with the same key."""

    def __init__(self, origin: str = ORIGIN, seed: int = 1) -> None:
        self.origin = origin
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.key = VerifierKey(origin, self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def leaves(self, size: int, *, fork: int | None = None) -> list[bytes]:
        return [leaf(number, "" if fork is None or number < fork else "other ") for number in range(size)]

    def head(self, size: int, *, fork: int | None = None) -> Checkpoint:
        return Checkpoint(self.origin, size, tree_root(self.leaves(size, fork=fork)))

    def note(self, size: int, *, fork: int | None = None) -> str:
        return sign_note(self.head(size, fork=fork).text(), self.origin, self.private, self.key)

    def proof(self, old: int, size: int, *, fork: int | None = None) -> tuple[bytes, ...]:
        return tuple(consistency_proof(Leaves(self.leaves(size, fork=fork)), old, size))

    def addition(self, old: int, size: int, *, fork: int | None = None) -> Addition:
        return Addition(old, self.proof(old, size, fork=fork), self.note(size, fork=fork))

    def write(self, folder: Path, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LEAVES_FILE).write_bytes(b"".join(self.leaves(size)))
        assert (folder / LEAVES_FILE).stat().st_size == size * HASH_SIZE


class FakeSource:
    """A place that hands out heads of a small log as the test says."""

    def __init__(self, log: SmallLog, size: int, *, live: bool = True, fork: int | None = None) -> None:
        self.name = "https://hub.example"
        self.log, self.size, self.live, self.fork = log, size, live, fork
        self.text: str | None = None
        self.proofs = True
        self.tells_key = True
        self.told_keys = ""
        self.given: list[str] = []

    def note(self) -> str:
        return self.log.note(self.size, fork=self.fork) if self.text is None else self.text

    def vkey(self) -> str:
        return str(self.log.key) if self.tells_key else ""

    def statements(self) -> str:
        return self.told_keys

    def consistency(self, old: int, size: int) -> Sequence[bytes] | None:
        if not self.proofs:
            return None
        if old > size:
            raise Unreachable("not signed yet")
        return self.log.proof(old, size, fork=self.fork)

    def give(self, cosigned: str) -> str:
        self.given.append(cosigned)
        return "given"
