"""The RFC 6962 Merkle tree, from leaf hashes only. Pure.

A :class:`CompactRange` is all that must be kept to go on growing: the roots of the perfect subtrees
that the leaves so far fall into, at most one per bit of the size. It is also all that a consistency
proof needs of the older part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from hub.errors import LedgerError

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 §2.1: SHA-256 over 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The left part of a tree: ``size`` leaves, and the roots of its perfect subtrees, largest first."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if len(self.peaks) != size.bit_count() or any(len(peak) != HASH_SIZE for peak in self.peaks):
            raise LedgerError(f"expected {size.bit_count()} hashes for a tree of {size}, found {len(self.peaks)}")

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash; amortized two hashes of work."""
        size, peaks = self.size, self.peaks
        while size & 1:
            leaf = node_hash(peaks.pop(), leaf)
            size >>= 1
        peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """RFC 6962 §2.1 MTH of the leaves so far."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def copy(self) -> CompactRange:
        return CompactRange(self.size, self.peaks)


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """RFC 6962 §2.1 MTH of these leaf hashes."""
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def consistency_proof(old: CompactRange, added: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 §2.1.2 PROOF(m, D[n]) for m = ``old.size`` and n = m + len(``added``).

    Everything that the proof takes from the older leaves is a peak of the older tree, so that the
    older leaves themselves are not needed.
    """
    if old.size == 0 or not added:
        return []
    return _Prover(old, added).proof(0, old.size + len(added), True)


class _Prover:
    """SUBPROOF of RFC 6962 §2.1.2, over absolute positions of leaves."""

    def __init__(self, old: CompactRange, added: Sequence[bytes]) -> None:
        self._old_size = old.size
        self._added = added
        self._peaks: dict[int, tuple[int, bytes]] = {}
        bits = [bit for bit in range(old.size.bit_length() - 1, -1, -1) if old.size >> bit & 1]
        start = 0
        for bit, peak in zip(bits, old.peaks, strict=True):
            self._peaks[start] = (1 << bit, peak)
            start += 1 << bit

    def proof(self, low: int, high: int, whole: bool) -> list[bytes]:
        """For the leaves low…high; ``whole`` while the older tree's own root is not yet left."""
        old = self._old_size
        if old == high:
            return [] if whole else [self._older(low, high)]
        middle = low + _split(high - low)
        if old <= middle:
            newer = tree_root(self._added[middle - old : high - old])
            return [*self.proof(low, middle, whole), newer]
        return [*self.proof(middle, high, False), self._older(low, middle)]

    def _older(self, low: int, high: int) -> bytes:
        found = []
        while low < high:
            width, peak = self._peaks[low]
            found.append(peak)
            low += width
        root = found[-1]
        for peak in reversed(found[:-1]):
            root = node_hash(peak, root)
        return root


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """RFC 9162 §2.1.4.2: whether the tree of ``new_size`` begins with the tree of ``old_size``."""
    if old_size > new_size or old_size < 0:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path or any(len(node) != HASH_SIZE for node in path):
        return False
    return _walk(old_size - 1, new_size - 1, path) == (old_root, new_root)


def _walk(first: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Both roots as the path gives them; None where its length does not fit."""
    while first & 1:
        first >>= 1
        last >>= 1
    old = new = path[0]
    for node in path[1:]:
        if last == 0:
            return None
        if first & 1 or first == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            new = node_hash(new, node)
        first >>= 1
        last >>= 1
    return (old, new) if last == 0 else None
