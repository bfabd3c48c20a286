"""What a verifier who holds one key of a log makes of the log's other keys. Pure.

The rules, and the attacks that each of them is for, are in docs/design/signing.md:

1. Forward: ``rotate``, signed by the old and the new key, hands trust on, if its entry lies where the old key
   still counted and its ``retire`` or ``revoke`` did not come before it.
2. Backward: whoever trusts the new key trusts what it has signed about the old one, as far as the old one counted.
3. A key ends by a statement that itself, or a key that is trusted, has signed. An end is never taken back.
4. A revocation hands trust on backward alone: a revoked key cannot name its heir.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import LedgerError
from hub.ledger.entries import Entry, EntryType
from hub.ledger.notes import VerifierKey
from hub.ledger.signing.statements import SignedStatement, What, read_statement

MAX_STATEMENTS = 1000
_TYPES = (EntryType.KEY_ROTATE, EntryType.KEY_REVOKE)


@dataclass(frozen=True, slots=True)
class Handover:
    """One key followed another, as its entry said at leaf ``index`` (None: not known)."""

    old: VerifierKey
    new: VerifierKey
    from_size: int
    index: int | None


@dataclass(frozen=True, slots=True)
class _End:
    size: int
    last_size: int
    why: str
    revoked: bool


@dataclass(frozen=True, slots=True)
class _Said:
    """A statement, which of its two keys have signed it, and where it stands."""

    signed: SignedStatement
    by_key: bool
    by_other: bool
    index: int | None
    order: int

    @property
    def pair(self) -> tuple[VerifierKey | None, VerifierKey | None]:
        """The older and the newer key."""
        said = self.signed.statement
        return (said.other, said.key) if said.what is What.ROTATE else (said.key, said.other)


class KeyRing:
    """Feed it the ``_hub`` chain's ``key_rotate`` and ``key_revoke`` entries in their order."""

    def __init__(self, first: VerifierKey) -> None:
        self.first = first
        self.problems: list[str] = []
        """Entries about keys that cannot be believed, and why."""
        self._said: list[_Said] = []
        self._trusted: list[VerifierKey] = [first]
        self._ends: dict[VerifierKey, tuple[_End, int]] = {}
        self._handovers: tuple[Handover, ...] = ()
        self._settled = True

    def entry(self, entry: Entry, index: int | None = None) -> None:
        """The next entry; ``index``: which leaf of the log it is, if that is known. Those of other logs and of
        other types are passed over."""
        if entry.origin != self.first.name or entry.type not in _TYPES:
            return
        try:
            signed = read_statement(str(entry.body.get("statement", "")))
            said = signed.statement
            expected = {"vkey": str(said.key), "from_size": said.size}
            if said.key.name != self.first.name or said.entry_type is not entry.type:
                raise LedgerError("its statement is about something else")
            if any(entry.body.get(name) != value for name, value in expected.items()):
                raise LedgerError("its fields are not those of its statement")
        except LedgerError as error:
            self.problems.append(f"{_place(entry)}: {error}")
            return
        by_key, by_other = signed.signed_by(said.key), signed.signed_by(said.other)
        if not (by_key and by_other if said.what is What.ROTATE else by_key or by_other):
            self.problems.append(f"{_place(entry)}: its statement is not signed by the keys that it names")
        elif len(self._said) >= MAX_STATEMENTS:
            self.problems.append(f"{_place(entry)}: one of more than {MAX_STATEMENTS}")
        else:
            self._said.append(_Said(signed, by_key, by_other, index, len(self._said)))
            self._settled = False

    # --------------------------------------------------------------------------------- answers

    def trusted(self, key: VerifierKey, size: int) -> str:
        """Empty if a signature of ``key`` on a checkpoint of ``size`` leaves counts; else why not."""
        self._settle()
        if key not in self._trusted:
            return self._why_unknown(key)
        begin = self._from_size(key)
        if size < begin:
            return f"the key {key.key_id.hex()} is valid from size {begin} on"
        end = self._ends.get(key)
        if end is not None and size >= end[0].size:
            return f"the key {key.key_id.hex()} {end[0].why}"
        return ""

    def withdrawn(self, key: VerifierKey, size: int) -> bool:
        """Whether a signature of ``key`` at ``size`` was honest when it was made: its revocation, which came later,
        says that it counts no longer."""
        self._settle()
        end = self._ends.get(key)
        return end is not None and end[0].revoked and end[0].size <= size <= end[0].last_size

    def signing(self, size: int) -> tuple[VerifierKey, ...]:
        """The keys whose signatures count at this size, oldest first."""
        return tuple(key for key in self.known if not self.trusted(key, size))

    @property
    def known(self) -> tuple[VerifierKey, ...]:
        """Every key that the entries or the verifier name, trusted or not, in the order of the log."""
        keys: dict[VerifierKey, None] = {}
        for item in self._said:
            keys.update((key, None) for key in item.pair if key is not None)
        return tuple(keys) if self.first in keys else (self.first, *keys)

    @property
    def handovers(self) -> tuple[Handover, ...]:
        """By which trust came from the first key to later ones. Each should be covered by a checkpoint that the
        old key signed: one of a size above the entry's index."""
        self._settle()
        return self._handovers

    # --------------------------------------------------------------------------------- the rules

    def _settle(self) -> None:
        """Ends only ever grow, trust only ever shrinks with them: this comes to rest."""
        while not self._settled:
            trusted, handovers = self._spread()
            found = self._find_ends(trusted)
            if found == self._ends:
                self._trusted, self._handovers, self._settled = trusted, handovers, True
            self._ends = found

    def _spread(self) -> tuple[list[VerifierKey], tuple[Handover, ...]]:
        trusted, handovers = [self.first], []
        grown = True
        while grown:
            grown = False
            for item in self._said:
                said = item.signed.statement
                if said.what is What.ROTATE and self._hands_on(item, trusted):
                    assert said.other is not None
                    trusted.append(said.key)
                    handovers.append(Handover(said.other, said.key, said.size, item.index))
                    grown = True
                older, newer = item.pair
                by_newer = item.by_key if newer == said.key else item.by_other
                if older is not None and older not in trusted and newer in trusted and by_newer:
                    trusted.append(older)
                    grown = True
        return trusted, tuple(handovers)

    def _hands_on(self, item: _Said, trusted: list[VerifierKey]) -> bool:
        said = item.signed.statement
        if said.other not in trusted or said.key in trusted:
            return False
        end = self._ends.get(said.other)
        if end is None:
            return True
        # The old key must have been able to sign a checkpoint that holds this entry.
        if item.index is None:
            return item.order < end[1] and said.size < end[0].size
        return item.index + 1 < end[0].size

    def _find_ends(self, trusted: list[VerifierKey]) -> dict[VerifierKey, tuple[_End, int]]:
        """The earliest size wins, the word of a revocation over that of a retirement."""
        ends = dict(self._ends)
        for item in self._said:
            said = item.signed.statement
            if said.what is What.ROTATE or not (item.by_key or (item.by_other and said.other in trusted)):
                continue
            revoked = said.what is What.REVOKE
            word = f"was revoked from size {said.size} on: {said.reason}" if revoked else f"ended at size {said.size}"
            end = _End(said.size, said.last_size, word, revoked)
            if said.key in ends:
                old, order = ends[said.key]
                more_said = end if revoked and not old.revoked else old
                size, last_size = min(old.size, end.size), max(old.last_size, end.last_size)
                ends[said.key] = (_End(size, last_size, more_said.why, old.revoked or revoked), min(order, item.order))
            else:
                ends[said.key] = (end, item.order)
        return ends

    def _from_size(self, key: VerifierKey) -> int:
        """By the first statement that the key itself has signed; without one it was there from the beginning."""
        for item in self._said:
            said = item.signed.statement
            if said.key == key and item.by_key:
                return said.size if said.what is What.ROTATE else 0
            if said.other == key and item.by_other:
                return said.size if said.what is What.REVOKE else 0
        return 0

    def _why_unknown(self, key: VerifierKey) -> str:
        name = key.key_id.hex()
        for item in self._said:
            said = item.signed.statement
            if said.what is What.REVOKE and said.other == key:
                return (
                    f"the key {name} took over when {said.key.key_id.hex()} was revoked, and a revoked key cannot name "
                    "its heir: get the new verifier key by another way"
                )
            if said.what is What.ROTATE and said.key == key:
                return f"the key {name} was announced by a key that did not count (any longer) then"
        return f"the key {name} is no key of this log: the log's entries announce none such"


def _place(entry: Entry) -> str:
    return f"{entry.type.value} (entry {entry.seq} of {entry.stream_id})"
