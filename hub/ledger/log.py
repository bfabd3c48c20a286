"""The log: every entry a leaf of one RFC 6962 tree, its head signed. Blocking; one thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hub.errors import LedgerError
from hub.ledger import history
from hub.ledger.files import CHECKPOINT_FILE, CHECKPOINTS_FILE, LEAVES_FILE, VKEY_FILE, log_folder, replace_file
from hub.ledger.index import LogRow
from hub.ledger.merkle import CompactRange, consistency_proof
from hub.ledger.signer import SignedHead, Signer
from hub.ledger.store import LeafFile


class Log:
    """One log of a data folder: its leaves, their compact range, and the newest checkpoint."""

    def __init__(self, folder: Path, leaves: LeafFile, signer: Signer, tree: CompactRange, signed: CompactRange):
        self._folder = folder
        self._signer = signer
        self._signed = signed
        self.leaves = leaves
        self.tree = tree
        self.note = signer.last.note

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

    def sign(self) -> bool:
        """Sign the log as it is now, if it has grown; the caller knows that it is durable.

        Raises LedgerError if the signer refuses, OSError if the checkpoint could not be written.
        """
        size = self.tree.size
        if size == self._signed.size:
            return False
        proof = consistency_proof(self._signed, self.leaves.read(self._signed.size, size))
        note = self._signer.sign(size, self.tree.root(), proof)
        self._signed = self.tree.copy()
        self.note = note
        replace_file(self._folder / CHECKPOINT_FILE, note.encode())
        history.append(self._folder / CHECKPOINTS_FILE, note)
        return True

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
    signed = known if known.size == last.size else CompactRange()
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
