"""A witness: remembers the last head of each log that it follows, and cosigns only what goes on from there.

The same memory stands behind `hub audit` and behind a hub that witnesses other hubs (C2SP tlog-witness). It is
durable before a cosignature leaves, and one writer at a time changes it, whatever process it is in. Blocking.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.clock import US_PER_S, rfc3339
from hub.errors import Conflict, HubError, InvalidRequest, LedgerError
from hub.ledger.anchors.cosignature import WitnessKey, cosign, to_line
from hub.ledger.files import log_slug, replace_file
from hub.ledger.merkle import EMPTY_ROOT, verify_consistency
from hub.ledger.notes import BadNote, Checkpoint, VerifierKey, is_name, parse_checkpoint, parse_note
from hub.ledger.proofs import Addition, BadProof

KEY_FILE = "witness.pem"
VKEY_FILE = "witness.vkey"
HEAD_FILE = "head"
SEEN_FILE = "seen"


class NotTrusted(HubError):
    """No key that is trusted for this log has signed the checkpoint."""

    code = "not_trusted"


class OtherSize(Conflict):
    """The proof does not begin at the size that is remembered, which ``size`` is."""

    code = "other_size"

    def __init__(self, size: int) -> None:
        super().__init__(f"the newest head known here has the size {size}; prove the consistency from there")
        self.size = size


class Contradiction(HubError):
    """The log signed two heads that cannot both be of one append-only log. ``kept``: the folder with both."""

    code = "contradiction"

    def __init__(self, message: str, kept: Path, *, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.kept = kept


@dataclass(frozen=True, slots=True)
class Head:
    """The newest head that was found good: its checkpoint, and the note with all signatures."""

    checkpoint: Checkpoint
    note: str


class Memory:
    """What is known of one log, in a folder: ``head`` (the newest), ``seen`` (all, only ever appended to)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def head(self) -> Head | None:
        """Raises LedgerError if the memory is damaged: a witness that forgot must not go on as a new one."""
        path = self.folder / HEAD_FILE
        if not path.exists():
            return None
        try:
            note = path.read_bytes().decode()
            return Head(parse_checkpoint(parse_note(note).text), note)
        except (BadNote, UnicodeError) as error:
            raise LedgerError(f"{path} is damaged: bring it back from a copy, or from the end of `seen`") from error

    def keep(self, note: str) -> None:
        """A new head, durable when this returns."""
        self.append(SEEN_FILE, note)
        replace_file(self.folder / HEAD_FILE, note.encode())

    def append(self, name: str, note: str) -> None:
        path = self.folder / name
        with path.open("ab") as file:
            file.write(note.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def notes(self, name: str = SEEN_FILE) -> Iterator[str]:
        """The notes of a file, oldest first. A note that was cut off by a power cut is left out."""
        path = self.folder / name
        if not path.exists():
            return
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from split_notes(file)

    def root_at(self, size: int) -> bytes | None:
        """The root that was seen for exactly this size."""
        for note in self.notes():
            if note.split("\n", 2)[1:2] == [str(size)]:
                return parse_checkpoint(parse_note(note).text).root
        return None

    def accuse(self, code: str, why: str, known: str, found: str, at_us: int, proof: str = "") -> Contradiction:
        """Keep both notes for whoever must judge, and give what is to be raised."""
        name = rfc3339(at_us).replace(":", "").replace(".", "-")
        folder = self.folder / "contradictions" / f"{name}-{code}"
        if not folder.exists():
            replace_file(folder / "known.note", known.encode())
            replace_file(folder / "found.note", found.encode())
            replace_file(folder / "why.txt", f"{why}\n{proof}".encode())
        return Contradiction(f"{why}; both heads are kept in {folder}", folder, code=code)


def split_notes(file: Iterable[str]) -> Iterator[str]:
    """The notes in these lines, each followed by a blank one."""
    lines: list[str] = []
    for line in file:
        # after the signatures a blank line ends a note; the one before them does not
        if line == "\n" and lines and lines[-1].startswith("\u2014 "):
            yield "".join(lines)
            lines = []
        else:
            lines.append(line)


class Witness:
    """The key, and the memories of the logs below ``folder``/logs."""

    def __init__(self, folder: Path, key: WitnessKey, private: Ed25519PrivateKey) -> None:
        self.folder = folder
        self.key = key
        self._private = private

    @classmethod
    def open(cls, folder: Path, name: str) -> Witness:
        """The witness in this folder; its key is made at first use, under ``name``. Raises LedgerError, OSError."""
        path, vkey = folder / KEY_FILE, folder / VKEY_FILE
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            if not is_name(name):
                raise LedgerError(
                    f"expected a witness's name as printable ASCII without space and plus, found {name!r}"
                )
            private = Ed25519PrivateKey.generate()
            raw = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            replace_file(vkey, f"{WitnessKey.of(name, private)}\n".encode())
            replace_file(path, private.private_bytes(*raw), 0o600)
        try:
            loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
            name = vkey.read_text(encoding="ascii").partition("+")[0]
        except (ValueError, TypeError) as error:
            raise LedgerError(f"{path} or {vkey} is damaged: bring it back from a copy") from error
        if not isinstance(loaded, Ed25519PrivateKey):
            raise LedgerError(f"expected an Ed25519 key in {path}, found another kind")
        return cls(folder, WitnessKey.of(name, loaded), loaded)

    def memory(self, origin: str) -> Memory:
        return Memory(self.folder / "logs" / log_slug(origin))

    def add(self, addition: Addition, trusted: Sequence[VerifierKey], now_us: int) -> str:
        """Cosign this head, if it goes on from the one that is remembered; returns the signature line.

        Raises NotTrusted, InvalidRequest (old size above the new one), OtherSize, BadProof; Contradiction for a
        second root of the remembered size. C2SP tlog-witness, in the order that it asks for.
        """
        note = parse_note(addition.note)
        head = parse_checkpoint(note.text)
        if not any(key.name == head.origin and note.signed_by(key) for key in trusted):
            raise NotTrusted(f"no key that is trusted here for {head.origin[:200]} has signed this checkpoint")
        if addition.old > head.size:
            raise InvalidRequest(f"expected an old size up to {head.size}, the checkpoint's, found {addition.old}")
        memory = self.memory(head.origin)
        with memory.locked():
            return self._add(memory, addition, head, note.text, now_us)

    def _add(self, memory: Memory, addition: Addition, head: Checkpoint, text: str, now_us: int) -> str:
        known = memory.head()
        size = known.checkpoint.size if known else 0
        if addition.old != size:
            raise OtherSize(size)
        if known is not None:
            if head.size == size and head.root != known.checkpoint.root:
                why = f"the log {head.origin} signed two roots of the size {size}"
                raise memory.accuse("split_view", why, known.note, addition.note, now_us)
            if size and not verify_consistency(size, head.size, known.checkpoint.root, head.root, addition.hashes):
                raise BadProof(f"the proof does not show that the log of {head.size} begins with that of {size}")
        if size == 0 and addition.hashes:
            raise BadProof("expected no hashes in a proof from the size 0")
        if head.size == 0 and head.root != EMPTY_ROOT:
            raise BadProof("expected the root of no leaves at the size 0, found another")
        line = to_line(cosign(text.encode(), self.key, self._private, now_us // US_PER_S))
        if known is None or head.size > size:
            memory.keep(addition.note + line)  # before the cosignature leaves
        return line
