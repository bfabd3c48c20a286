"""Proofs that outsiders check: inclusion and consistency over any size, and the text files that carry them. Pure.

A proof is made from the roots of complete subtrees alone (:class:`Subtrees`), so that none of the functions here
ever looks at all leaves. Two texts are read and written: ``c2sp.org/tlog-proof@v1`` (one entry is in the log) and
the body of C2SP tlog-witness' ``add-checkpoint`` (the log of this size begins with that of an older one).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hub.errors import LedgerError
from hub.ledger.merkle import EMPTY_ROOT, HASH_SIZE, node_hash
from hub.ledger.notes import BadNote, parse_checkpoint, parse_note

PROOF_MAGIC = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63
"""In any proof: a log of 2^63 leaves has no longer one."""
MAX_SIZE = 1 << 62
MAX_TEXT_BYTES = 64 << 10


class BadProof(LedgerError):
    """A proof that breaks its format, or that does not prove what it should."""

    code = "bad_proof"


class Subtrees(Protocol):
    """The complete subtrees of a log."""

    def subtree(self, height: int, index: int) -> bytes:
        """RFC 6962 MTH of the leaves index · 2^height … (index + 1) · 2^height, which the log holds."""
        ...


# ------------------------------------------------------------------------------------- making them


def range_root(tree: Subtrees, low: int, high: int) -> bytes:
    """MTH of the leaves low…high, where ``low`` is a multiple of the smallest power of two ≥ high - low."""
    size = high - low
    if size <= 0:
        return EMPTY_ROOT
    if size & (size - 1) == 0:
        height = size.bit_length() - 1
        return tree.subtree(height, low >> height)
    middle = low + _split(size)
    return node_hash(range_root(tree, low, middle), range_root(tree, middle, high))


def inclusion_proof(tree: Subtrees, index: int, size: int) -> list[bytes]:
    """RFC 6962 §2.1.1 PATH(index, D[size]), from the leaf's sibling up. Raises BadProof for index ≥ size."""
    if not 0 <= index < size:
        raise BadProof(f"expected an index from 0 to {size - 1} in a log of {size}, found {index}")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(range_root(tree, middle, high))
            high = middle
        else:
            path.append(range_root(tree, low, middle))
            low = middle
    path.reverse()
    return path


def consistency_proof(tree: Subtrees, old: int, size: int) -> list[bytes]:
    """RFC 6962 §2.1.2 PROOF(old, D[size]); empty for an older log of no leaves. Raises BadProof for old > size."""
    if not 0 <= old <= size:
        raise BadProof(f"expected an older size from 0 to {size}, found {old}")
    if old in (0, size):
        return []
    path: list[bytes] = []
    low, high, whole = 0, size, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(range_root(tree, middle, high))
            high = middle
        else:
            path.append(range_root(tree, low, middle))
            low, whole = middle, False
    if not whole:
        path.append(range_root(tree, low, high))
    path.reverse()
    return path


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


# ----------------------------------------------------------------------------------- checking them


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """RFC 9162 §2.1.3.2: the root of the log of ``size`` that this proof leads to. Raises BadProof.

    The caller compares it with the root of a checkpoint whose signature it has checked.
    """
    if not 0 <= index < size:
        raise BadProof(f"expected an index below the size {size}, found {index}")
    if len(leaf) != HASH_SIZE or any(len(node) != HASH_SIZE for node in proof):
        raise BadProof(f"expected hashes of {HASH_SIZE} bytes in a proof, found another length")
    first, last, root = index, size - 1, leaf
    for node in proof:
        if last == 0:
            raise BadProof(f"expected fewer than {len(proof)} hashes for index {index} of {size}")
        if first & 1 or first == last:
            root = node_hash(node, root)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            root = node_hash(root, node)
        first >>= 1
        last >>= 1
    if last:
        raise BadProof(f"expected more than {len(proof)} hashes for index {index} of {size}")
    return root


def verify_inclusion(leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the log of ``size`` leaves with this root has ``leaf`` at ``index``."""
    try:
        return root_from_inclusion(leaf, index, size, proof) == root
    except BadProof:
        return False


# ------------------------------------------------------------------------------------ as text files


@dataclass(frozen=True, slots=True)
class TlogProof:
    """C2SP tlog-proof: one entry's place in the log. ``note`` is the whole checkpoint; nothing is verified yet."""

    index: int
    hashes: tuple[bytes, ...]
    note: str
    extra: bytes | None = None

    def text(self) -> str:
        extra = [] if self.extra is None else [f"extra {_coded(self.extra)}"]
        return _lines([PROOF_MAGIC, *extra, f"index {self.index}", *map(_coded, self.hashes), "", self.note])


@dataclass(frozen=True, slots=True)
class Addition:
    """The body of ``add-checkpoint``: the log of ``old`` leaves is the beginning of this checkpoint's."""

    old: int
    hashes: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        return _lines([f"old {self.old}", *map(_coded, self.hashes), "", self.note])


def parse_tlog_proof(data: str | bytes) -> TlogProof:
    """Raises BadProof, and nothing else."""
    head, note = _halves(data)
    if not head or head[0] != PROOF_MAGIC:
        raise BadProof(f"expected {PROOF_MAGIC} on the first line, found another")
    rest = head[1:]
    extra = None
    if rest and rest[0].startswith("extra "):
        extra = _decoded(rest[0].removeprefix("extra "))
        rest = rest[1:]
    if not rest or not rest[0].startswith("index "):
        raise BadProof("expected a line 'index N', found none")
    index = parse_number(rest[0].removeprefix("index "), "the index")
    return TlogProof(index, parse_hashes(rest[1:]), note, extra)


def parse_addition(data: str | bytes) -> Addition:
    """Raises BadProof, and nothing else."""
    head, note = _halves(data)
    if not head or not head[0].startswith("old "):
        raise BadProof("expected a line 'old SIZE', hashes, a blank line and a checkpoint, found something else")
    return Addition(parse_number(head[0].removeprefix("old "), "the old size"), parse_hashes(head[1:]), note)


def parse_number(text: str, what: str) -> int:
    """A decimal number without leading zeros, below 2^62. Raises BadProof."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or (text[0] == "0" and text != "0"):
        raise BadProof(f"expected {what} as a decimal number, found {text[:32]!r}")
    number = int(text)
    if number >= MAX_SIZE:
        raise BadProof(f"expected {what} below 2^62, found {number}")
    return number


def parse_hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Base64 hashes, one a line, at most :data:`MAX_HASHES`. Raises BadProof."""
    if len(lines) > MAX_HASHES:
        raise BadProof(f"expected at most {MAX_HASHES} hashes in a proof, found {len(lines)}")
    hashes = tuple(_decoded(line) for line in lines)
    if any(len(one) != HASH_SIZE for one in hashes):
        raise BadProof(f"expected hashes of {HASH_SIZE} bytes in a proof, found another length")
    return hashes


def _halves(data: str | bytes) -> tuple[list[str], str]:
    """The lines before the first blank one, and the note after it, which is one and holds a checkpoint."""
    if len(data) > MAX_TEXT_BYTES:
        raise BadProof(f"expected a proof of at most {MAX_TEXT_BYTES} bytes, found {len(data)}")
    try:
        text = data.decode() if isinstance(data, bytes) else data
        head, blank, note = text.partition("\n\n")
        if not blank:
            raise BadProof("expected a blank line and a checkpoint after a proof, found none")
        parse_checkpoint(parse_note(note).text)
    except UnicodeError as error:
        raise BadProof("expected UTF-8 in a proof, found other bytes") from error
    except BadNote as error:
        raise BadProof(str(error)) from error
    return head.split("\n"), note


def _lines(lines: Sequence[str]) -> str:
    """``lines`` end in a note, which has its own last newline."""
    return "\n".join(lines)


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError as error:
        raise BadProof("expected base64 in a proof, found something else") from error
    if _coded(data) != text:
        raise BadProof("expected canonical base64 in a proof")
    return data
