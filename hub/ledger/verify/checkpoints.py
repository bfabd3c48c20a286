"""Step 5 of a verification: the checkpoints against the log, and their signatures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hub.ledger.files import CHECKPOINT_FILE, CHECKPOINTS_FILE, log_slug
from hub.ledger.notes import BadNote, Note, VerifierKey, names_of, parse_checkpoint, parse_note
from hub.ledger.signing.keyring import KeyRing
from hub.ledger.signing.signer import SignedHead
from hub.ledger.signing.vault import read_memory
from hub.ledger.verdict import Finding, Harm, Provenance, Step
from hub.ledger.verify.context import Context
from hub.ledger.verify.given import GivenCheckpoints
from hub.ledger.verify.log import LogMatch, LogSnapshot
from hub.ledger.verify.trust import key_folder, key_for, ring_for

Report = Callable[[Finding], None]


def check_logs(run: Context) -> None:
    """Steps 4 and 5 for each log that entries name: one walk over its leaves gives the roots for both."""
    match = LogMatch(run.results, run.live, run.verdict.add)
    newest: Checkpoints | None = None
    given = GivenCheckpoints.parse(run.options.checkpoints)
    for number, origin in enumerate(list(run.origins)):
        log = run.logs.get(log_slug(origin))
        if log is None:
            log = LogSnapshot.take(run.data / "log" / log_slug(origin))
            run.add(Step.LOG, Harm.MISSING, "", f"log/{log.folder.name}", f"the log {origin}", "no such folder")
        log.origin = origin
        newest = _check_log(run, match, log, number, given)
    for name, checkpoint in given.left():
        run.add(Step.CHECKPOINTS, Harm.MISSING, "", name, f"the log {checkpoint.origin}", f"{', '.join(run.origins)}")
    run.verdict.counts.pending_entries = match.pending
    if newest is not None:
        run.verdict.origin, run.verdict.size = newest.log.origin, newest.newest_size
        run.verdict.root = newest.newest_root.hex()
        run.verdict.counts.unsigned_entries = max(0, newest.log.size - newest.newest_size)


def _check_log(run: Context, match: LogMatch, log: LogSnapshot, number: int, given: GivenCheckpoints) -> Checkpoints:
    verdict, folder = run.verdict, key_folder(run, log)
    key, source = key_for(run, log)
    memory = read_memory(folder) if folder is not None else None
    checkpoints = Checkpoints(log, verdict.add, ring_for(run, log, key))
    sizes = checkpoints.read()
    run.signed_sizes[log.origin] = set(sizes)
    if memory is not None and memory.note:
        sizes.add(memory.size)
    sizes |= {entry.body["size"] for entry in run.anchors if entry.origin == log.origin}
    roots = run.roots[log.origin] = match.match(log, number, sizes | given.sizes(log.origin))
    checkpoints.check(roots, key)
    if memory is not None and memory.note:
        if run.live and memory.size > log.size:  # signed since this verification looked at the leaves
            root = log.root_now(memory.size)
            roots |= {memory.size: root} if root is not None else {}
        checkpoints.remembered(memory, roots)
    run.verdict.notes.extend(given.check(checkpoints, roots, key))
    checkpoints.settle_keys(verdict.notes)
    if log.odd_bytes and not run.live:
        place, found = f"log/{log.folder.name}/leaves", f"{log.odd_bytes} bytes more"
        run.add(Step.LOG, Harm.ALTERED, "", place, "whole hashes of 32 bytes", found)
    if checkpoints.unfinished:
        verdict.notes.append(f"the newest line of log/{log.folder.name}/checkpoints was cut off in writing")
    if not checkpoints.notes:
        _unsigned(run, log)
    if key is None:
        run.unchecked(f"signatures of the log {log.origin}: no verifier key")
        run.skipped.add(Step.CHECKPOINTS)
    elif checkpoints.verified:
        verdict.provenance = Provenance.HUB_KEY
    verdict.counts.checkpoints += len(checkpoints.notes)
    verdict.key, verdict.key_source = str(key or ""), source
    return checkpoints


def _unsigned(run: Context, log: LogSnapshot) -> None:
    """Nothing of a log is signed. A hub that has just begun signs it in a moment; in a copy it was taken away."""
    if run.live or not log.size:
        run.unchecked(f"the log {log.origin} has no checkpoint: nothing of it is signed")
        run.skipped.add(Step.CHECKPOINTS)
    else:
        place = f"log/{log.folder.name}/{CHECKPOINT_FILE}"
        run.add(Step.CHECKPOINTS, Harm.MISSING, "", place, "a signed checkpoint", "none: nothing of the log is signed")


@dataclass
class Checkpoints:
    """The notes of one log, and what was found of them."""

    log: LogSnapshot
    report: Report
    ring: KeyRing | None = None
    notes: list[tuple[str, Note]] = field(default_factory=list)
    unfinished: bool = False
    verified: int = 0
    newest_size: int = 0
    newest_root: bytes = b""
    roots: Mapping[int, bytes] = field(default_factory=dict)
    seen: dict[VerifierKey, int] = field(default_factory=dict)
    """The greatest size with the log's own root that each key has signed when it counted."""
    withdrawn: list[tuple[str, int, str]] = field(default_factory=list)
    """Honest when they were made, and taken back by a later revocation: place, size, why."""

    def read(self) -> set[int]:
        """Parse the notes; the sizes that they speak of."""
        name = f"log/{self.log.folder.name}"
        pieces = self.log.history.split("\n\n")
        history = [f"{text}\n\n{lines}\n" for text, lines in zip(pieces[0::2], pieces[1::2], strict=False)]
        if not self.log.history.endswith("\n\n") and self.log.history:
            history, self.unfinished = history[:-1], True
        texts = [(f"{name}/{CHECKPOINTS_FILE} note {number}", text) for number, text in enumerate(history, 1)]
        if self.log.newest:
            texts.append((f"{name}/{CHECKPOINT_FILE}", self.log.newest))
        sizes = set()
        for place, text in texts:
            try:
                note = parse_note(text)
                sizes.add(parse_checkpoint(note.text).size)
                self.notes.append((place, note))
            except BadNote as error:
                self.find(place, "a signed checkpoint", str(error))
        return sizes

    def check(self, roots: Mapping[int, bytes], key: VerifierKey | None) -> None:
        """Compare each with the log's own roots, and verify its signature."""
        self.roots = roots
        for place, note in self.notes:
            checkpoint = parse_checkpoint(note.text)
            if checkpoint.origin != self.log.origin:
                self.find(place, f"the origin {self.log.origin}", checkpoint.origin)
            root = roots.get(checkpoint.size)
            if root is None:
                expected = f"at least {checkpoint.size} leaves in the log, as signed"
                self.find(place, expected, f"{self.log.size} leaves", Harm.MISSING)
            elif root != checkpoint.root:
                self.find(place, f"the root {checkpoint.root.hex()} at size {checkpoint.size}", root.hex())
            if key is not None:
                self.verified += self.signed(place, note, key) and root == checkpoint.root
            if checkpoint.size >= self.newest_size:
                self.newest_size, self.newest_root = checkpoint.size, checkpoint.root

    def signed(self, place: str, note: Note, key: VerifierKey) -> bool:
        """Whether a key that is trusted signed this note; else it is found."""
        ring, checkpoint = self.ring or KeyRing(key), parse_checkpoint(note.text)
        size = checkpoint.size
        by = [one for one in ring.known if note.signed_by(one)]
        good = [one for one in by if not ring.trusted(one, size)]
        if self.roots.get(size) == checkpoint.root:
            self.seen.update({one: max(size, self.seen.get(one, 0)) for one in good})
        if good:
            return True
        if by and all(ring.withdrawn(one, size) for one in by):
            self.withdrawn.append((place, size, ring.trusted(by[0], size)))
            return False
        keys = ring.signing(size) or (key,)
        expected = f"a valid signature by {' or '.join(f'{one.name} ({one.key_id.hex()})' for one in keys)}"
        strangers = f"signatures by {names_of(note.signatures)}, none of them valid for that key"
        self.find(place, expected, "; ".join(ring.trusted(one, size) for one in by) or strangers)
        return False

    def settle_keys(self, notes: list[str]) -> None:
        """What was signed with a key that was revoked later must be signed again, and a key that follows must have
        been announced under the one before it."""
        newest = max(self.seen.values(), default=0)
        for place, size, why in self.withdrawn:
            if size > newest:
                self.find(place, "a later checkpoint, signed by a key that counts", why)
        if self.withdrawn and newest >= max(size for _, size, _ in self.withdrawn):
            notes.append(
                f"{len(self.withdrawn)} checkpoints count no longer, a later one covers them: {self.withdrawn[0][2]}"
            )
        for one in self.ring.handovers if self.ring else ():
            if one.index is not None and self.seen.get(one.old, 0) <= one.index < self.seen.get(one.new, 0):
                place = f"log/{self.log.folder.name}/{CHECKPOINTS_FILE}"
                expected = (
                    f"a checkpoint signed by {one.old.key_id.hex()} over leaf {one.index}, which names its successor"
                )
                self.find(place, expected, f"only such signed by {one.new.key_id.hex()}", Harm.MISSING)

    def remembered(self, head: SignedHead, roots: Mapping[int, bytes]) -> None:
        """Compare with what the signer, whose memory is kept elsewhere, says to have signed last."""
        root = roots.get(head.size)
        place = f"log/{self.log.folder.name}"
        if root is None:
            self.find(place, f"the {head.size} leaves that were signed", f"{self.log.size}", Harm.MISSING)
        elif root != head.root:
            self.find(place, f"the root {head.root.hex()} at size {head.size}, as signed", root.hex())

    def find(self, place: str, expected: str, found: str, harm: Harm = Harm.ALTERED) -> None:
        self.report(Finding(Step.CHECKPOINTS, harm, "", place, expected, found))
