"""Step 5 of a verification: checkpoints that were kept elsewhere, which the log must extend.

They alone show that everything was rolled back or made anew by somebody who holds the key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.errors import LedgerError
from hub.ledger.notes import BadNote, Checkpoint, Note, VerifierKey, parse_checkpoint, parse_note
from hub.ledger.verdict import Harm

if TYPE_CHECKING:
    from hub.ledger.verify.checkpoints import Checkpoints


@dataclass
class GivenCheckpoints:
    """Each with what to call it, until the log that it is of was met."""

    notes: list[tuple[str, Note, Checkpoint]] = field(default_factory=list)

    @classmethod
    def parse(cls, texts: Iterable[tuple[str, str]]) -> GivenCheckpoints:
        """Raises LedgerError: what was asked for could not be compared."""
        given = cls()
        for name, text in texts:
            try:
                note = parse_note(text)
                given.notes.append((name, note, parse_checkpoint(note.text)))
            except BadNote as error:
                raise LedgerError(f"the checkpoint given, {name}, cannot be read: {error}") from error
        return given

    def sizes(self, origin: str) -> set[int]:
        """Of the trees that must be compared."""
        return {checkpoint.size for _, _, checkpoint in self.notes if checkpoint.origin == origin}

    def left(self) -> Iterator[tuple[str, Checkpoint]]:
        """Those of logs that are not there."""
        for name, _, checkpoint in self.notes:
            yield name, checkpoint

    def check(self, log: Checkpoints, roots: Mapping[int, bytes], key: VerifierKey | None) -> Iterator[str]:
        """Compare those of this log with its roots, and verify them; sentences on what they prove."""
        mine = [one for one in self.notes if one[2].origin == log.log.origin]
        self.notes = [one for one in self.notes if one[2].origin != log.log.origin]
        for name, note, checkpoint in mine:
            root = roots.get(checkpoint.size)
            if key is not None:
                log.signed(f"the checkpoint given, {name}", note, key)
            if root is None:
                expected = f"at least the {checkpoint.size} leaves of the checkpoint given, {name}"
                log.find(f"log/{log.log.folder.name}", expected, f"{log.log.size} leaves", Harm.MISSING)
            elif root != checkpoint.root:
                expected = (
                    f"the root {checkpoint.root.hex()} at size {checkpoint.size}, by the checkpoint given, {name}"
                )
                log.find(f"log/{log.log.folder.name}", expected, root.hex())
            else:
                yield f"the log extends the checkpoint given, {name}: its first {checkpoint.size} entries are as then"
