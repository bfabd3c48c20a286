"""The signer itself: signs only what goes on from what it signed before.

It remembers the size and root that it signed last, beside its keys and away from the data. Before it signs the
next head it demands an RFC 6962 consistency proof from there: a log that was rolled back or rewritten gets no
signature. This is the only code that signs checkpoints; where it runs is the matter of :mod:`.remote`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.errors import LedgerError
from hub.ledger.merkle import verify_consistency
from hub.ledger.notes import Checkpoint, VerifierKey
from hub.ledger.signing.signer import Custody, SignedHead
from hub.ledger.signing.statements import Statement, What, check_reason, sign_text
from hub.ledger.signing.vault import Book, KeyRecord, State, Vault, keys_of_secret, read_memory, verifier_key

OVERLAP_US = 7 * 86_400_000_000
MAX_LOGS = 100
"""Logs that one signer keeps keys for: whoever may ask it must not fill its disk."""

NowUs = Callable[[], int]


def _utc_us() -> int:
    return time.time_ns() // 1000


class LocalSigner:
    """The signer of one log, its keys in a folder of this machine or given as ``secret``."""

    def __init__(self, vault: Vault, given: Sequence[Ed25519PrivateKey], now_us: NowUs) -> None:
        self._vault = vault
        self._given = {verifier_key(vault.origin, private): private for private in given}
        self._loaded: dict[str, Ed25519PrivateKey] = {}
        self._now_us = now_us
        self._last = read_memory(vault.folder)
        self._book = Book()

    @classmethod
    def open(
        cls, keys_dir: Path, origin: str, *, make: bool = True, secret: str = "", now_us: NowUs = _utc_us
    ) -> LocalSigner:
        """The signer of this origin; its key is made if there is none and it may be. Raises LedgerError."""
        vault = Vault(keys_dir, origin)
        try:
            given = keys_of_secret(secret) if secret else ()
            if not vault.exists:
                if not make:
                    raise LedgerError(f"there is no key for {origin} in {keys_dir}", code="key_missing")
                if keys_dir.is_dir() and sum(1 for _ in os.scandir(keys_dir)) >= MAX_LOGS:
                    raise LedgerError(f"{keys_dir} holds the keys of {MAX_LOGS} logs; no more are made")
                vault.make()
            with vault.locked():
                signer = cls(vault, given, now_us)
                signer._begin()
        except OSError as error:
            raise LedgerError(f"cannot use the signing key in {vault.folder}: {error.strerror}") from error
        return signer

    @property
    def key(self) -> VerifierKey:
        return self._book.newest

    @property
    def last(self) -> SignedHead:
        return self._last

    @property
    def statements(self) -> tuple[str, ...]:
        return self._book.statements

    @property
    def custody(self) -> Custody:
        return Custody.INSIDE

    @property
    def records(self) -> tuple[KeyRecord, ...]:
        return self._book.keys

    def refresh(self) -> None:
        """Nothing is ever lost sight of here."""

    def close(self) -> None:
        self._loaded.clear()

    # --------------------------------------------------------------------------------- signing

    def sign(self, size: int, root: bytes, proof: Sequence[bytes], announced: Sequence[str] = ()) -> str:
        with self._vault.locked():
            self._last = read_memory(self._vault.folder)
            last = self._last
            if last.size and not verify_consistency(last.size, size, last.root, root, proof):
                raise LedgerError(
                    f"will not sign a log of {size} leaves: it is not an extension of the {last.size} leaves signed "
                    f"last (root {last.root.hex()}); the log was rolled back or rewritten",
                    code="rollback",
                )
            self._book = self._vault.read()
            if size == last.size and last.note:
                return last.note
            self._keep(self._end_overlap(self._begin_overlap(self._book, size), size))
            keys = [self._private(record) for record in self._book.signing]
            note = sign_text(Checkpoint(self._vault.origin, size, root).text(), self._vault.origin, keys)
            self._keep(_mark_announced(self._book, size, announced))
            # Remembered before it is handed out: a signature that nobody remembers could be contradicted.
            self._vault.remember(SignedHead(size, root, note))
            self._last = SignedHead(size, root, note)
            return note

    def _keep(self, book: Book) -> None:
        if book != self._book:
            self._vault.write(book)
        self._book = book

    def _begin_overlap(self, book: Book, size: int) -> Book:
        """A key that signs for the first time: the one before it says so, and both sign from here on."""
        for record in book.signing:
            if record.from_size is None:
                before = next(other for other in reversed(book.signing) if other.from_size is not None)
                said = Statement(What.ROTATE, record.key, before.key, size, self._now_us())
                book = book.put(replace(record, from_size=size)).say(self._signed(said, (before, record)))
        return book

    def _end_overlap(self, book: Book, size: int) -> Book:
        """The old key signs no longer once its time is over, and never before a checkpoint that it signed
        has carried the news of its successor."""
        signing = book.signing
        if len(signing) < 2 or signing[1].announced_size is None:
            return book
        old, new = signing[0], signing[1]
        gone = not old.file and old.key not in self._given
        if not gone and not (old.until_us and self._now_us() >= old.until_us):
            return book
        said = Statement(What.RETIRE, old.key, new.key, size, self._now_us())
        note = self._signed(said, (new,) if gone else (old, new))
        book = book.put(replace(old, state=State.RETIRED, end_size=size)).say(note)
        self._keep(book)
        self._vault.destroy(old)
        return book

    def _signed(self, said: Statement, by: Sequence[KeyRecord]) -> str:
        return sign_text(said.text(), self._vault.origin, [self._private(record) for record in by])

    def _private(self, record: KeyRecord) -> Ed25519PrivateKey:
        if record.key in self._given:
            return self._given[record.key]
        name = str(record.key)
        if not record.file:
            raise LedgerError(
                f"the log {self._vault.origin} is signed with the key {record.key.key_id.hex()}, which HUB_SIGNING_KEY "
                "does not hold: give it again, the new one behind it",
                code="key_missing",
            )
        if name not in self._loaded:
            self._loaded[name] = self._vault.private(record.file)
        return self._loaded[name]

    # ------------------------------------------------------------------------- the life of keys

    def _begin(self) -> None:
        """Make the first key, or take in those that were given. The folder is locked."""
        stored, now_us = self._vault.read(), self._now_us()
        book = stored
        for key in self._given:
            if all(record.key != key for record in book.keys):
                first = not book.keys
                book = self._followed(book, KeyRecord(key, State.SIGNING, "", now_us, 0 if first else None), OVERLAP_US)
        if not book.keys:
            book = Book((self._vault.generate(True, now_us),))
        for record in book.signing:
            if record.file or record.key in self._given or record != book.signing[0] or len(book.signing) == 1:
                self._private(record)
            elif book.signing[1].announced_size is None:
                self._private(record)  # the only one that can tell of its successor: raises
        if book != stored or not self._vault.complete:
            self._vault.write(book)
        self._book = book

    def _followed(self, book: Book, new: KeyRecord, overlap_us: int) -> Book:
        if len(book.signing) > 1:
            raise LedgerError("a rotation is under way: two keys sign; wait for its end or revoke one of them")
        for old in book.signing:
            # A key of the environment goes when it is taken out of it.
            until_us = self._now_us() + overlap_us if old.file else 0
            book = book.put(replace(old, until_us=until_us))
        return book.put(new)

    def rotate(self, overlap_us: int = OVERLAP_US) -> VerifierKey:
        """Make the next key. From its next signature on the signer uses both, for so long. Raises LedgerError."""
        with self._vault.locked():
            book = self._vault.read()
            if self._given or any(not record.file for record in book.signing):
                raise LedgerError("the key comes from HUB_SIGNING_KEY: put the new key behind the old one there")
            if len(book.signing) > 1:
                raise LedgerError("a rotation is under way: two keys sign; wait for its end or revoke one of them")
            new = self._vault.generate(False, self._now_us())
            self._keep(self._followed(book, new, overlap_us))
            return new.key

    def revoke(self, key_id: str, reason: str, from_size: int | None = None) -> VerifierKey | None:
        """From ``from_size`` on (the next one if not given) the key's signatures count no longer; returns the
        key that was made to take over, if no other signs. Raises LedgerError."""
        reason = check_reason(reason)
        with self._vault.locked():
            self._last, book = read_memory(self._vault.folder), self._vault.read()
            wanted = [record for record in book.keys if record.key.key_id.hex() == key_id]
            if not wanted or wanted[0].state is State.REVOKED:
                raise LedgerError(f"expected the id of a key that is not revoked (hub keys list), found {key_id!r}")
            old = wanted[0]
            if old.from_size is None:  # it has signed nothing: there is nothing to say of it
                self._keep(book.put(replace(old, state=State.REVOKED, end_size=0, reason=reason)))
                self._vault.destroy(old)
                return None
            size = self._last.size + 1 if from_size is None else min(from_size, self._last.size + 1)
            others = [record for record in book.signing if record.key != old.key]
            made = None
            if not others:
                self._refuse_if_given()
                made = self._vault.generate(False, self._now_us())
                others = [made]
            heir = others[-1]
            if heir.from_size is None:  # its predecessor can no longer speak for it
                heir = replace(heir, from_size=size)
            said = Statement(What.REVOKE, old.key, heir.key, size, self._now_us(), reason, self._last.size)
            note = self._signed(said, (old, heir) if self._at_hand(old) else (heir,))
            revoked = replace(old, state=State.REVOKED, end_size=size, reason=reason)
            self._keep(book.put(revoked).put(replace(heir, until_us=0)).say(note))
            self._vault.destroy(old)
            return made.key if made else None

    def _refuse_if_given(self) -> None:
        if self._given:
            raise LedgerError("put the new key into HUB_SIGNING_KEY behind the old one, then revoke the old one")

    def _at_hand(self, record: KeyRecord) -> bool:
        try:
            self._private(record)
        except LedgerError:
            return False
        return True


def _mark_announced(book: Book, size: int, announced: Sequence[str]) -> Book:
    """Keys whose announcement this checkpoint, which their predecessors signed too, has carried."""
    for before, record in zip(book.signing, book.signing[1:], strict=False):
        if record.announced_size is None and record.key.key_id.hex() in announced and before.from_size is not None:
            book = book.put(replace(record, announced_size=size))
    return book


class LocalSigners:
    """Signers in this process, their keys below ``keys_dir``."""

    def __init__(self, keys_dir: Path, secret: str = "", now_us: NowUs = _utc_us) -> None:
        self._keys_dir, self._secret, self._now_us = keys_dir, secret, now_us

    def open(self, origin: str, *, make: bool) -> LocalSigner:
        return LocalSigner.open(self._keys_dir, origin, make=make, secret=self._secret, now_us=self._now_us)

    def close(self) -> None:
        pass
