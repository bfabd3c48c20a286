"""One look at a log: is its head what goes on from everything seen before? Blocking.

1. the head is read and its form checked, 2. the log's key is the pinned one (or is pinned now), 3. that key signed the
head, 4. the head is neither smaller nor another one of the same size, 5. a proof shows that the log only grew,
6. the head is remembered and cosigned, 7. heads that came without a proof (QR codes) are proven afterwards,
8. the cosignature is handed back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from hub.audit.sources import Source, Unreachable
from hub.audit.witness import Contradiction, Head, Memory, OtherSize, Witness, split_notes
from hub.errors import LedgerError
from hub.ledger.files import replace_file
from hub.ledger.merkle import verify_consistency
from hub.ledger.notes import BadNote, Checkpoint, Note, VerifierKey, parse_checkpoint, parse_note, parse_vkey
from hub.ledger.proofs import Addition
from hub.ledger.signing.statements import What, read_statement

KEYS_FILE = "vkey"
CLAIMS_FILE = "unproven"
PROVEN_FILE = "proven"
SOURCES_FILE = "sources.json"
MAX_STATEMENTS = 1000


@dataclass(slots=True)
class Outcome:
    """What one look found. ``exit_code``: 0 consistent, 1 the log contradicts what was seen, 2 cannot be judged."""

    exit_code: int
    code: str
    message: str
    origin: str = ""
    size: int | None = None
    root: str = ""
    known_size: int | None = None
    remarks: list[str] = field(default_factory=list)
    cosignature: str = ""
    note: str = ""
    """The newest head that is remembered, as it was signed and cosigned."""


class Auditor:
    """Looks at logs with one witness's key and memory."""

    def __init__(self, witness: Witness, now_us: Callable[[], int]) -> None:
        self._witness = witness
        self._now_us = now_us

    def look(self, source: Source, given_key: str = "") -> Outcome:
        """Never raises for what a source says or does. OSError: the auditor's own disk."""
        outcome = Outcome(2, "unreadable", "")
        try:
            self._look(source, given_key, outcome)
        except Contradiction as error:
            outcome.exit_code, outcome.code, outcome.message = 1, error.code, str(error)
        except (Unreachable, BadNote, LedgerError) as error:
            outcome.exit_code, outcome.code, outcome.message = 2, error.code, str(error)
        return outcome

    def _look(self, source: Source, given_key: str, outcome: Outcome) -> None:
        text = source.note()
        note = parse_note(text)
        head = parse_checkpoint(note.text)
        outcome.origin, outcome.size, outcome.root = head.origin[:200], head.size, head.root.hex()
        memory = self._witness.memory(head.origin)
        key, pinned = self._key(source, memory, head, given_key, outcome)
        signer = self._signed(source, memory, key, note, text, pinned=pinned)
        if signer != key:
            outcome.remarks.append(f"the log's key was changed in order: its former key {key} names {signer}")
            key, pinned = signer, False
        self._same_log(source, head, text)
        known = memory.head()
        if not pinned:
            _pin(memory, key)
        if known is None:
            outcome.remarks.append("first look at this log: what it was before cannot be judged, all that follows can")
            proof: tuple[bytes, ...] = ()
        else:
            outcome.known_size = known.checkpoint.size
            if head.size < known.checkpoint.size:
                self._smaller(source, memory, known, head, text, outcome)
                return
            proof = self._proof(source, memory, known, head, text, outcome)
            if outcome.code == "unproven":
                return
        self._cosign(source, memory, key, text, known, proof, outcome)

    # ------------------------------------------------------------------------------------ the key

    def _key(
        self, source: Source, memory: Memory, head: Checkpoint, given: str, outcome: Outcome
    ) -> tuple[VerifierKey, bool]:
        """The key to trust, and whether it was trusted before this look."""
        path = memory.folder / KEYS_FILE
        pinned = parse_vkey(path.read_text(encoding="ascii")) if path.exists() else None
        if given:
            key = parse_vkey(given)
            if key.name != head.origin:
                raise Unreachable(f"the key given is of {key.name}, but the head is of {head.origin[:200]}")
            if pinned is not None and key != pinned:
                outcome.remarks.append(f"the key given replaces the pinned one, {pinned}")
            return key, key == pinned
        if pinned is not None:
            return pinned, True
        told = source.vkey()
        if not told:
            raise Unreachable("this file tells no key, and none is pinned for its log: give it with --key VKEY")
        key = parse_vkey(told)
        if key.name != head.origin:
            raise Unreachable(f"the key is of {key.name}, but the head is of {head.origin[:200]}")
        outcome.remarks.append(
            f"key pinned on first use: {key}; compare it with the one that the hub's operator tells by another way"
        )
        return key, False

    def _signed(
        self, source: Source, memory: Memory, key: VerifierKey, note: Note, text: str, *, pinned: bool
    ) -> VerifierKey:
        """The key that signed the head: the trusted one, or one that it has handed over to."""
        if note.signed_by(key):
            return key
        if not pinned:
            raise Unreachable(f"the head is not signed by the key {key}")
        try:
            heir = heir_of(key, source.statements(), note)
        except Unreachable:
            heir = None  # who gives another key and no reason must not come off with "not judged"
        if heir is not None:
            return heir
        known = memory.head()
        why = (
            f"the head is not signed by the pinned key {key}: another key, or an altered head. If the log's key was "
            "changed in order, give the new one with --key, after comparing it with its operator"
        )
        raise memory.accuse("other_key", why, known.note if known else "", text, self._now_us())

    def _same_log(self, source: Source, head: Checkpoint, text: str) -> None:
        """A hub that begins another log would otherwise look like one seen for the first time."""
        if not source.live:
            return
        path = self._witness.folder / SOURCES_FILE
        try:
            origins = {str(url): str(origin) for url, origin in json.loads(path.read_bytes()).items()}
        except FileNotFoundError:
            origins = {}
        except (ValueError, AttributeError) as error:
            raise LedgerError(f"{path} is damaged: bring it back from a copy") from error
        before = origins.get(source.name)
        if before == head.origin:
            return
        origins[source.name] = head.origin
        if before is not None:
            memory = self._witness.memory(before)
            known = memory.head()
            why = (
                f"{source.name} handed out the log {before}, and now another one, {head.origin[:200]}. Ask its "
                "operator why; look at the new log's first entry, which cites the old head. The next look follows it"
            )
            accusation = memory.accuse("other_log", why, known.note if known else "", text, self._now_us())
            replace_file(path, json.dumps(origins).encode())
            raise accusation
        replace_file(path, json.dumps(origins).encode())

    # ----------------------------------------------------------------------------------- the head

    def _smaller(
        self, source: Source, memory: Memory, known: Head, head: Checkpoint, text: str, outcome: Outcome
    ) -> None:
        seen = memory.root_at(head.size)
        if seen is not None and seen != head.root:
            why = f"the log {head.origin} signed two roots of the size {head.size}"
            raise memory.accuse("split_view", why, known.note, text, self._now_us())
        if source.live:
            why = (
                f"the log {head.origin} had {known.checkpoint.size} entries and now says that it has {head.size}: it "
                "was rolled back, or shows different people different logs"
            )
            raise memory.accuse("smaller", why, known.note, text, self._now_us())
        if seen is not None:
            outcome.exit_code, outcome.code = 0, "known"
            outcome.message = "an older head, seen before: nothing contradicts it, and it says nothing new"
            return
        self._claim(memory, text, outcome, "it is older than the newest head known here")

    def _proof(
        self, source: Source, memory: Memory, known: Head, head: Checkpoint, text: str, outcome: Outcome
    ) -> tuple[bytes, ...]:
        old = known.checkpoint
        if head.size == old.size:
            if head.root != old.root:
                why = f"the log {head.origin} signed two roots of the size {head.size}"
                raise memory.accuse("split_view", why, known.note, text, self._now_us())
            return ()
        if old.size == 0:
            return ()
        proof = source.consistency(old.size, head.size)
        if proof is None:
            self._claim(memory, text, outcome, f"no proof from the size {old.size}, which is known here, came with it")
            return ()
        if not verify_consistency(old.size, head.size, old.root, head.root, proof):
            why = f"the log {head.origin} of {head.size} entries does not begin with the {old.size} that it had before"
            shown = "\n".join(one.hex() for one in proof)
            raise memory.accuse("inconsistent", why, known.note, text, self._now_us(), shown)
        return tuple(proof)

    def _claim(self, memory: Memory, text: str, outcome: Outcome, why: str) -> None:
        """A head that is signed, and that no proof came with: kept, to be proven by the next look that can."""
        if text not in set(memory.notes(CLAIMS_FILE)):
            memory.append(CLAIMS_FILE, text)
        outcome.exit_code, outcome.code = 2, "unproven"
        outcome.message = (
            f"the log did sign this head, but {why}: whether it fits what was seen cannot be judged from it alone. It "
            "is kept: the next look at the live hub, or at a head bundle with that proof, proves it or convicts the log"
        )

    def _cosign(
        self,
        source: Source,
        memory: Memory,
        key: VerifierKey,
        text: str,
        known: Head | None,
        proof: tuple[bytes, ...],
        outcome: Outcome,
    ) -> None:
        old = known.checkpoint.size if known else 0
        try:
            line = self._witness.add(Addition(old, proof, text), [key], self._now_us())
        except OtherSize as error:
            raise Unreachable("another audit with this memory was quicker; look again") from error
        outcome.exit_code, outcome.code, outcome.cosignature = 0, "consistent", line
        outcome.message = (
            "consistent: the log only grew" if known and outcome.size != old else "consistent: nothing new"
        )
        if known is None:
            outcome.message = "remembered as the first head of this log"
        newest = memory.head()
        outcome.note = newest.note if newest else ""
        self._prove_claims(source, memory, outcome)
        outcome.remarks.append(source.give(text + line))

    def _prove_claims(self, source: Source, memory: Memory, outcome: Outcome) -> None:
        head = memory.head()
        if head is None:
            return
        proven = set(memory.notes(PROVEN_FILE))
        for claim in list(memory.notes(CLAIMS_FILE)):
            told = parse_checkpoint(parse_note(claim).text)
            if claim in proven or told.size > head.checkpoint.size:
                continue
            same = told.size == head.checkpoint.size
            proof = [] if same or told.size == 0 else source.consistency(told.size, head.checkpoint.size)
            if proof is None:
                outcome.remarks.append(f"a head of the size {told.size} that came without a proof is still unproven")
                continue
            if not verify_consistency(told.size, head.checkpoint.size, told.root, head.checkpoint.root, proof):
                why = (
                    f"the log {told.origin} signed a head of {told.size} entries, which came without a proof, and its "
                    f"head of {head.checkpoint.size} does not begin with it"
                )
                shown = "\n".join(one.hex() for one in proof)
                raise memory.accuse("split_view", why, claim, head.note, self._now_us(), shown)
            memory.append(PROVEN_FILE, claim)
            outcome.remarks.append(f"the head of the size {told.size} that came without a proof is now proven")


def heir_of(key: VerifierKey, statements: str, head: Note) -> VerifierKey | None:
    """The key that signed ``head``, if ``key`` handed over to it, maybe by way of others: each step is a statement
    that both the old and the new key have signed (docs/design/signing.md). A revoked key names no heir."""
    steps: dict[VerifierKey, VerifierKey] = {}
    revoked: set[VerifierKey] = set()
    for text in islice(split_notes(statements.splitlines(keepends=True)), MAX_STATEMENTS):
        try:
            signed = read_statement(text)
        except LedgerError:
            continue
        said = signed.statement
        if said.what is What.REVOKE and signed.signed_by(said.key):
            revoked.add(said.key)
        elif said.what is What.ROTATE and said.other and signed.signed_by(said.key) and signed.signed_by(said.other):
            steps[said.other] = said.key
    for _ in range(len(steps)):
        if key in revoked or key not in steps:
            return None
        key = steps[key]
        if head.signed_by(key) and key not in revoked:
            return key
    return None


def _pin(memory: Memory, key: VerifierKey) -> None:
    replace_file(memory.folder / KEYS_FILE, f"{key}\n".encode())


def state_folder(environ: Callable[[str], str | None]) -> Path:
    """Where an auditor keeps its key and memory, if nothing else is said."""
    base = environ("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "recorder-hub" / "audit"
