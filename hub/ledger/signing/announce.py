"""What the signer says of its keys must stand in the log: keeps account of which statements do. Event loop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hub.errors import LedgerError
from hub.ledger.entries import Entry, EntryType
from hub.ledger.signing.statements import SignedStatement, What, read_statement

KEY_TYPES = (EntryType.KEY_ROTATE, EntryType.KEY_REVOKE)


class Announcer:
    """``found``: the entries about keys that the log holds already."""

    def __init__(self, found: Iterable[Entry]) -> None:
        self._made: set[str] = set()
        self._announced: dict[str, None] = {}
        self.committed(found)

    def due(self, statements: Sequence[str]) -> list[tuple[str, SignedStatement]]:
        """Statements, as the signer gave them, that no entry was made of yet. Raises LedgerError."""
        return [(note, read_statement(note)) for note in statements if note not in self._made]

    def made(self, note: str) -> None:
        """An entry was made of it."""
        self._made.add(note)

    def committed(self, entries: Iterable[Entry]) -> None:
        """These entries are in the log."""
        for entry in entries:
            if entry.type in KEY_TYPES:
                note = str(entry.body.get("statement", ""))
                self._made.add(note)
                self._note_key(note)

    def _note_key(self, note: str) -> None:
        try:
            said = read_statement(note).statement
        except LedgerError:
            return
        if said.what is What.ROTATE:
            self._announced[said.key.key_id.hex()] = None

    @property
    def announced(self) -> tuple[str, ...]:
        """Ids of the keys whose ``key_rotate`` is in the log."""
        return tuple(self._announced)
