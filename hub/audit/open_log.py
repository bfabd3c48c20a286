"""What the hub hands out of its log to people who have no account, and what it takes back from its witnesses.

Every proof that leaves was checked against the signed head first: a fault of ours or of the disk must not look like
a log that contradicts itself. Blocking, for any thread.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.audit.bundle import MAX_OLDER, MAX_STATEMENTS, Bundle
from hub.audit.witness import Memory, NotTrusted, split_notes
from hub.clock import US_PER_S
from hub.errors import InvalidRequest, LedgerError, NotFound
from hub.ledger.anchors.cosignature import BadCosignature, WitnessKey, check_cosignature, to_line
from hub.ledger.files import LEAVES_FILE, log_folder
from hub.ledger.merkle import HASH_SIZE, verify_consistency
from hub.ledger.notes import BadNote, Checkpoint, Signature, VerifierKey, parse_checkpoint, parse_note, parse_vkey
from hub.ledger.proofs import (
    Addition,
    TlogProof,
    consistency_proof,
    inclusion_proof,
    range_root,
    verify_inclusion,
)
from hub.ledger.tiles import TileTree

COSIGNED_FILE = "cosigned"
"""Checkpoints with the cosignatures that were collected for them; only ever appended to."""
KEPT_HEADS = 64
"""Heads whose cosignatures are kept in memory."""
MAX_COSIGNED_BYTES = 16 << 10
_TAIL_BYTES = 256 << 10
_BLOCK_LEAVES = 8192


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Entry ``index`` is in the log of ``size`` leaves."""

    index: int
    size: int
    leaf: bytes
    root: bytes
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A cosignature that was found good. ``line`` ends in a newline; ``time_us``: by the witness's clock."""

    witness: str
    line: str
    size: int
    root: bytes
    time_us: int
    new: bool


class OpenLog:
    """The open side of the log in one data folder. ``head`` gives the newest signed note, ``vkey`` the log's key,
    ``statements`` the signed notes about its keys."""

    def __init__(
        self,
        data: Path,
        head: Callable[[], str],
        vkey: Callable[[], str],
        witnesses: Sequence[WitnessKey] = (),
        *,
        levels: Path | None = None,
        statements: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._data = data
        self._head = head
        self._vkey = vkey
        self._witnesses = tuple(witnesses)
        self._levels = levels
        self._statements = statements
        self._lock = threading.Lock()
        self._tree: TileTree | None = None
        self._cosigned: OrderedDict[int, tuple[str, dict[bytes, str]]] | None = None
        self._sizes: dict[bytes, int] = {}

    # ------------------------------------------------------------------------------------ the head

    def key(self) -> VerifierKey:
        return parse_vkey(self._vkey())

    def statements(self) -> str:
        """What the log's keys have signed about each other, oldest first: notes, a blank line after each."""
        return "".join(f"{note}\n" for note in self._statements())

    def note(self) -> str:
        """The newest checkpoint as it was signed. Raises NotFound while there is none."""
        note = self._head()
        if not note:
            raise NotFound("nothing of this log is signed yet: the first checkpoint follows within seconds")
        return note

    def checkpoint(self) -> Checkpoint:
        return parse_checkpoint(parse_note(self.note()).text)

    def refresh(self) -> TileTree:
        """The hashes, up to the newest checkpoint. Amortized one hash a leaf. Raises LedgerError, NotFound, OSError."""
        head = self.checkpoint()
        with self._lock:
            if self._tree is None:
                self._tree = TileTree(log_folder(self._data, head.origin), self._levels)
            tree = self._tree
        if head.size > tree.size:
            tree.grow(head.size, head.root)
        return tree

    def close(self) -> None:
        with self._lock:
            if self._tree is not None:
                self._tree.close()
                self._tree = None

    # --------------------------------------------------------------------------------------- proofs

    def inclusion(self, index: int, size: int | None = None) -> Inclusion:
        """Raises InvalidRequest for index ≥ size, NotFound for a size that is not signed yet."""
        tree = self.refresh()
        size = self._size(tree, size)
        if index >= size:
            raise InvalidRequest(f"expected an index below {size}, the size of the log, found {index}")
        leaf, root = tree.leaf(index), range_root(tree, 0, size)
        proof = tuple(inclusion_proof(tree, index, size))
        if not verify_inclusion(leaf, index, size, root, proof):
            raise LedgerError(f"the proof for entry {index} of {size} does not hold: run `hub verify`")
        return Inclusion(index, size, leaf, root, proof)

    def consistency(self, old: int, size: int | None = None) -> tuple[bytes, ...]:
        """From the log of ``old`` leaves to that of ``size``. Raises InvalidRequest, NotFound."""
        tree = self.refresh()
        size = self._size(tree, size)
        if old > size:
            raise InvalidRequest(f"expected an older size up to {size}, found {old}")
        proof = tuple(consistency_proof(tree, old, size))
        if not verify_consistency(old, size, range_root(tree, 0, old), range_root(tree, 0, size), proof):
            raise LedgerError(f"the proof from {old} to {size} entries does not hold: run `hub verify`")
        return proof

    def tile(self, level: int, index: int, width: int) -> bytes:
        return self.refresh().tile(level, index, width)

    def tlog_proof(self, index: int) -> str:
        """C2SP tlog-proof of one entry in the newest checkpoint, or in the newest cosigned one that holds it."""
        self.refresh()
        note = self.cosigned()
        if not note or parse_checkpoint(parse_note(note).text).size <= index:
            note = self.with_cosignatures()
        size = parse_checkpoint(parse_note(note).text).size
        return TlogProof(index, self.inclusion(index, size).hashes, note).text()

    def index_of(self, leaf: bytes) -> int:
        """Where in the signed log a leaf hash is; looked for from the newest on. Raises NotFound."""
        size = self.refresh().size
        path = log_folder(self._data, self.checkpoint().origin) / LEAVES_FILE
        with path.open("rb") as file:
            for low in reversed(range(0, size, _BLOCK_LEAVES)):  # small blocks: other threads get their turn
                file.seek(low * HASH_SIZE)
                block = file.read(min(_BLOCK_LEAVES, size - low) * HASH_SIZE)
                at = block.find(leaf)
                while at >= 0 and at % HASH_SIZE:
                    at = block.find(leaf, at + 1)
                if at >= 0:
                    return low + at // HASH_SIZE
        raise NotFound(f"no entry with the leaf hash {leaf.hex()} is in the signed log")

    def addition(self, old: int) -> Addition:
        """The newest checkpoint and the proof from ``old``: what a witness wants."""
        note = self.note()
        return Addition(old, self.consistency(old, parse_checkpoint(parse_note(note).text).size), note)

    def bundle(self, olds: Sequence[int] = ()) -> Bundle:
        """The newest checkpoint with proofs from ``olds``, and from every head that a witness gave back."""
        note = self.with_cosignatures()
        size = parse_checkpoint(parse_note(note).text).size
        for old in olds:
            if old > size:
                raise InvalidRequest(f"expected an older size up to {size}, found {old}")
        with self._lock:
            heads = self._load()
            known = {*heads, *self._sizes.values()}
        wanted = [*dict.fromkeys([*olds, *sorted(known, reverse=True)])]
        proofs = {old: self.consistency(old, size) for old in wanted[:MAX_OLDER] if 0 < old <= size}
        return Bundle(str(self.key()), proofs, note, tuple(self._statements())[-MAX_STATEMENTS:])

    def _size(self, tree: TileTree, size: int | None) -> int:
        if size is None:
            return tree.size
        if size > tree.size:
            raise NotFound(f"the log is signed up to {tree.size} entries, not yet up to {size}", code="not_signed_yet")
        return size

    # --------------------------------------------------------------------------------- cosignatures

    def accept(self, cosigned: str | bytes) -> list[Accepted]:
        """Take the cosignatures of configured witnesses over one of our checkpoints.

        Raises BadNote for what is no note, InvalidRequest for a head that is not one of this log, NotTrusted
        where no line is a valid one of a configured witness. Lines of others are left out.
        """
        if len(cosigned) > MAX_COSIGNED_BYTES:
            raise InvalidRequest(f"expected a cosigned head of at most {MAX_COSIGNED_BYTES} bytes")
        note = parse_note(cosigned)
        head = parse_checkpoint(note.text)
        tree = self.refresh()
        ours = self.checkpoint().origin
        if head.origin != ours or note.text != head.text():
            raise InvalidRequest(f"expected a checkpoint of the log {ours}, found another text")
        if self._size(tree, head.size) and range_root(tree, 0, head.size) != head.root:
            raise InvalidRequest(
                f"expected the root of this log at the size {head.size}, found another: the head is not of this log",
                code="other_root",
            )
        good = [(key, line, seconds) for line in note.signatures for key, seconds in self._checked(note.text, line)]
        if not good:
            raise NotTrusted(
                "no signature line is a valid cosignature of a witness in the setting `witnesses`; its operator must "
                "put the witness's verifier key there"
            )
        own = "".join(to_line(line) for line in note.signatures if self._is_own(note.text, line))
        if not own:
            raise InvalidRequest("expected the log's own signature beside the cosignature, found none that verifies")
        return self._keep(head, f"{note.text}\n{own}", good)

    def _checked(self, text: str, line: Signature) -> list[tuple[WitnessKey, int]]:
        found = []
        for key in self._witnesses:
            try:
                found.append((key, check_cosignature(text.encode(), line, key)))
            except BadCosignature:
                continue
        return found

    def _is_own(self, text: str, line: Signature) -> bool:
        key = self.key()
        return line.name == key.name and line.key_id == key.key_id and key.verifies(text.encode(), line.signature)

    def _keep(self, head: Checkpoint, signed: str, good: list[tuple[WitnessKey, Signature, int]]) -> list[Accepted]:
        accepted = []
        with self._lock:
            heads = self._load()
            text, lines = heads.get(head.size, (signed, {}))
            for key, line, seconds in good:
                new = key.key_id not in lines
                if new:
                    lines[key.key_id] = to_line(line)
                    self._sizes[key.key_id] = max(head.size, self._sizes.get(key.key_id, 0))
                accepted.append(Accepted(key.name, to_line(line), head.size, head.root, seconds * US_PER_S, new))
            if any(one.new for one in accepted):
                self._memory().append(COSIGNED_FILE, text + "".join(lines.values()))
                heads[head.size] = (text, lines)
                for old in sorted(heads)[:-KEPT_HEADS]:
                    del heads[old]
        return accepted

    def with_cosignatures(self) -> str:
        """The newest checkpoint, and the cosignatures that belong to it."""
        note = self.note()
        size = parse_checkpoint(parse_note(note).text).size
        with self._lock:
            lines = self._load().get(size, ("", {}))[1]
            return note + "".join(lines.values())

    def cosigned(self) -> str:
        """The newest checkpoint that a witness has cosigned; empty if there is none."""
        self.note()
        with self._lock:
            heads = self._load()
            if not heads:
                return ""
            text, lines = heads[max(heads)]
            return text + "".join(lines.values())

    def _memory(self) -> Memory:
        return Memory(log_folder(self._data, self.checkpoint().origin))

    def _load(self) -> OrderedDict[int, tuple[str, dict[bytes, str]]]:
        """What was collected, the newest of it read back from the file at the first call."""
        if self._cosigned is None:
            self._cosigned = OrderedDict()
            for text in _tail_notes(self._memory().folder / COSIGNED_FILE):
                self._remember(text)
        return self._cosigned

    def _remember(self, text: str) -> None:
        assert self._cosigned is not None
        try:
            note = parse_note(text)
            size = parse_checkpoint(note.text).size
        except BadNote:
            return  # a line that a power cut left
        keys = {key.key_id: key for key in self._witnesses}
        lines = {line.key_id: to_line(line) for line in note.signatures if line.key_id in keys}
        own = [to_line(line) for line in note.signatures if line.key_id not in keys]
        if lines and own:
            self._cosigned[size] = (f"{note.text}\n{''.join(own)}", lines)
            self._sizes |= {ident: max(size, self._sizes.get(ident, 0)) for ident in lines}
            while len(self._cosigned) > KEPT_HEADS:
                self._cosigned.popitem(last=False)


def _tail_notes(path: Path) -> list[str]:
    """The last notes of a file of notes; the first of them may be cut off."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines(keepends=True)
    return list(split_notes(lines))
