"""The log: every entry a leaf of one RFC 6962 tree, its head signed. Blocking; one thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.errors import LedgerError
from hub.ledger import history
from hub.ledger.files import CHECKPOINT_FILE, CHECKPOINTS_FILE, LEAVES_FILE, VKEY_FILE, log_folder, replace_file
from hub.ledger.index import LogRow
from hub.ledger.merkle import CompactRange, consistency_proof
from hub.ledger.signing.signer import SignedHead, Signer
from hub.ledger.store import LeafFile


@dataclass(frozen=True, slots=True)
class Due:
    """What the signer is asked for: the log as it is at this moment, all of it durable."""

    tree: CompactRange
    root: bytes
    proof: Sequence[bytes]
    announced: tuple[str, ...]


class Log:
    """One log of a data folder: its leaves, their compact range, and the newest checkpoint."""

    def __init__(self, folder: Path, leaves: LeafFile, signer: Signer, tree: CompactRange, signed: CompactRange):
        self.folder = folder
        self._signer = signer
        self._signed = signed
        self.leaves = leaves
        self.tree = tree
        self.note = signer.last.note
        self._key = signer.key

    @classmethod
    def open(cls, data: Path, row: LogRow, signer: Signer) -> Log:
        """The log as its leaves are now. Raises LedgerError if it is not what was signed last.

        Only the leaves since the last signature are read, unless the database's note of that
        signature is lost or older.
        """
        folder = log_folder(data, row.origin)
        leaves = LeafFile(folder / LEAVES_FILE)
        try:
            signed = _signed_range(leaves, row.signed, signer.last, row.origin)
            tree = signed.copy()
            _grow(tree, leaves, leaves.size)
            log = cls(folder, leaves, signer, tree, signed)
            replace_file(folder / VKEY_FILE, f"{signer.key}\n".encode())
            history.mend(folder / CHECKPOINTS_FILE, log.note)
            if log.note:
                replace_file(folder / CHECKPOINT_FILE, log.note.encode())
        except BaseException:
            leaves.close()
            raise
        return log

    @property
    def signed(self) -> CompactRange:
        """The part of the tree that is signed."""
        return self._signed

    def append(self, leaves: Sequence[bytes]) -> None:
        """Raises OSError, and then nothing has changed."""
        self.leaves.append(leaves)
        grow = self.tree.append
        for leaf in leaves:
            grow(leaf)

    def due(self, announced: tuple[str, ...] = ()) -> Due | None:
        """What is to be signed, if the log has grown; the caller knows that it is durable.

        Raises LedgerError, code ``rollback``, if the signer remembers more or something else than this log.
        """
        last, size = self._signer.last, self.tree.size
        if last.size != self._signed.size:  # an answer was lost after the signer had remembered it
            self._signed = _signed_range(self.leaves, self._signed, last, self._signer.key.name)
        if size == self._signed.size:
            if last.note and last.note != self.note:
                self._keep(last.note)
            return None
        proof = consistency_proof(self._signed, self.leaves.read(self._signed.size, size))
        return Due(self.tree.copy(), self.tree.root(), proof, announced)

    def ask(self, due: Due) -> str:
        """Have it signed. The only one of the three that waits for the signer; any thread. Raises LedgerError."""
        return self._signer.sign(due.tree.size, due.root, due.proof, due.announced)

    def take(self, due: Due, note: str) -> None:
        """It is signed. Raises OSError if the checkpoint could not be written."""
        self._signed = due.tree
        self._keep(note)

    def _keep(self, note: str) -> None:
        """Raises OSError; it is kept the next time then."""
        if self._signer.key != self._key:
            self._key = self._signer.key
            replace_file(self.folder / VKEY_FILE, f"{self._key}\n".encode())
        replace_file(self.folder / CHECKPOINT_FILE, note.encode())
        history.append(self.folder / CHECKPOINTS_FILE, note)
        self.note = note

    def close(self) -> None:
        self.leaves.close()


def _grow(tree: CompactRange, leaves: LeafFile, end: int) -> None:
    append = tree.append
    for block in leaves.blocks(tree.size, end):
        for leaf in block:
            append(leaf)


def _signed_range(leaves: LeafFile, known: CompactRange, last: SignedHead, origin: str) -> CompactRange:
    """The compact range at the size that was signed last, once its root is found to be the signed one."""
    if leaves.size < last.size:
        raise LedgerError(
            f"the log {origin} holds {leaves.size} entries, but {last.size} were signed: the data folder was rolled "
            f"back or its newest part is lost. {_WAY_ON}",
            code="rollback",
        )
    signed = known.copy() if known.size <= last.size else CompactRange()
    _grow(signed, leaves, last.size)
    if signed.root() != last.root and known.size:
        signed = CompactRange()  # what the database knows may be what is wrong
        _grow(signed, leaves, last.size)
    if signed.root() != last.root:
        raise LedgerError(
            f"the first {last.size} entries of the log {origin} have the root {signed.root().hex()}, but "
            f"{last.root.hex()} was signed: the log was rewritten. {_WAY_ON}",
            code="rollback",
        )
    return signed


_WAY_ON = (
    "Nothing was recorded. Bring back the newest copy of the data folder (run `hub verify` on it); or, to go on with "
    "what is here, set log_origin to a new name: the new log's first entry will cite the head that was signed."
)
