"""A log's subtrees for proofs, read only: from ``leaves``, and from the hub's ``hashes.N`` where they help."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from hub.errors import LedgerError
from hub.ledger.files import LEAVES_FILE
from hub.ledger.merkle import HASH_SIZE, tree_root
from hub.ledger.notes import Checkpoint
from hub.ledger.proofs import consistency_proof, inclusion_proof, verify_inclusion

HEIGHT = 8
"""Of a level of tiles: ``hashes.L`` holds the roots of 256^L leaves each."""
WIDTH = 1 << HEIGHT


class LogTree:
    """Proofs over one log's folder, which is only read. What it had to hash it keeps: 32 bytes for 256 leaves."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handles: dict[int, int | None] = {}
        self._made: dict[tuple[int, int], bytes] = {}
        self._use_levels = True

    def inclusion(self, leaf: bytes, index: int, head: Checkpoint) -> list[bytes]:
        """The proof that ``leaf`` is at ``index``. Raises LedgerError where the log is not what was signed."""
        proof = inclusion_proof(self, index, head.size)
        if verify_inclusion(leaf, index, head.size, head.root, proof):
            return proof
        if self._use_levels:  # the hub flushes these files as it likes; the leaves alone count
            self._use_levels = False
            self._made.clear()
            return self.inclusion(leaf, index, head)
        raise LedgerError(
            f"the leaves in {self._folder} do not lead from entry {index} to the root {head.root.hex()} that was "
            f"signed at {head.size}; run `hub verify` on the data folder"
        )

    def consistency(self, old: int, new: int) -> list[bytes]:
        return consistency_proof(self, old, new)

    def subtree(self, height: int, index: int) -> bytes:
        """See :class:`hub.ledger.proofs.Subtrees`."""
        level, rest = divmod(height, HEIGHT)
        width = 1 << rest
        return tree_root(self._hash(level, index * width + at) for at in range(width))

    def _hash(self, level: int, index: int) -> bytes:
        if level == 0:
            return self._read(0, index, 1) or self._lost(index)
        known = self._made.get((level, index)) or (self._read(level, index, 1) if self._use_levels else None)
        if known is None:
            if level == 1:
                data = self._read(0, index * WIDTH, WIDTH) or self._lost(index * WIDTH)
                below = [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
            else:
                below = [self._hash(level - 1, index * WIDTH + at) for at in range(WIDTH)]
            known = self._made[level, index] = tree_root(below)
        return known

    def _lost(self, index: int) -> bytes:
        raise LedgerError(f"expected leaf {index} in {self._folder / LEAVES_FILE}, found the end of the file")

    def _read(self, level: int, start: int, count: int) -> bytes | None:
        if level not in self._handles:
            path = self._folder / (LEAVES_FILE if level == 0 else f"hashes.{level}")
            try:
                self._handles[level] = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                self._handles[level] = None
        handle = self._handles[level]
        if handle is None:
            return None
        data = os.pread(handle, count * HASH_SIZE, start * HASH_SIZE)
        return data if len(data) == count * HASH_SIZE else None

    def close(self) -> None:
        for handle in self._handles.values():
            if handle is not None:
                os.close(handle)
        self._handles.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
