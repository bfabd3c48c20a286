"""What the ledger asks of whoever holds the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hub.ledger.merkle import EMPTY_ROOT
from hub.ledger.notes import VerifierKey


class Custody(StrEnum):
    """Where the key is kept, and what that is worth against the hub's own process."""

    INSIDE = "inside"
    CHILD = "child"
    SAME_USER = "same_user"
    OWN_USER = "own_user"


_HEADINGS = {"en": "Signing key   ", "zh": "签名密钥  "}
_TEXTS = {
    "en": {
        Custody.INSIDE: "kept in the hub's own process: no protection against whoever takes over the hub",
        Custody.CHILD: "kept by a child of the hub, under the same user: no protection against whoever takes it over",
        Custody.SAME_USER: "kept by a process whose user's files the hub can read: no protection",
        Custody.OWN_USER: "kept by a process under a user of its own: the hub cannot read it (as the hub says)",
    },
    "zh": {
        Custody.INSIDE: "由中枢进程自己持有：对控制了中枢的人不构成防护",
        Custody.CHILD: "由同一用户下的子进程持有：对控制了中枢的人不构成防护",
        Custody.SAME_USER: "由另一进程持有，但中枢能读取其文件：不构成防护",
        Custody.OWN_USER: "由独立用户的进程持有，中枢无法读取（据中枢自述）",
    },
}


def custody_lines(custody: str, language: str) -> list[str]:
    """For a report: where the key was kept, and what that is worth; nothing if that is not known."""
    known = custody in set(Custody)
    return [_HEADINGS[language] + _TEXTS[language][Custody(custody)]] if known else []


@dataclass(frozen=True, slots=True)
class SignedHead:
    """What was signed last. ``note`` is empty before the first signature."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    note: str = ""


class Signer(Protocol):
    """The signer of one log. :meth:`refresh` and :meth:`sign` block; the rest is as they left it."""

    @property
    def key(self) -> VerifierKey:
        """The newest key that signs."""

    @property
    def last(self) -> SignedHead: ...

    @property
    def statements(self) -> tuple[str, ...]:
        """Signed notes about keys, oldest first, that the log must hold (:mod:`.statements`)."""

    @property
    def custody(self) -> Custody: ...

    def refresh(self) -> None:
        """Learn anew where the signer stands, if that was lost sight of. Raises LedgerError with code
        ``signer_unreachable``."""

    def sign(self, size: int, root: bytes, proof: Sequence[bytes], announced: Sequence[str] = ()) -> str:
        """The signed checkpoint. ``proof`` shows that the log at ``last.size`` is its beginning; ``announced``
        are the ids (hex) of keys whose ``key_rotate`` entry is among these leaves.

        Raises LedgerError with code ``rollback`` if the proof does not hold, ``signer_unreachable``.
        """

    def close(self) -> None: ...


class Signers(Protocol):
    """Finds the signer of a log."""

    def open(self, origin: str, *, make: bool) -> Signer:
        """``make``: a key is made if there is none. Raises LedgerError, code ``key_missing`` without a key."""

    def close(self) -> None: ...
