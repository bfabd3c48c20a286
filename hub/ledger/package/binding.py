"""Steps 4 and 5 of a package's verification: the entries are in the log, and the log's head is signed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from hub.errors import LedgerError
from hub.ledger.anchors.check import TIMESTAMP, UNCHECKED, WITNESS, AnchorTime, check_anchor
from hub.ledger.anchors.cosignature import to_line
from hub.ledger.files import VKEY_FILE, log_slug
from hub.ledger.merkle import verify_consistency
from hub.ledger.notes import BadNote, Checkpoint, Note, VerifierKey, names_of, parse_checkpoint, parse_note, parse_vkey
from hub.ledger.package.format import CONTEXT, AnchorRow, BadPackage, HeadRow, LogRow, proof_file
from hub.ledger.package.run import Leaf, PackageRun
from hub.ledger.proofs import BadProof, parse_addition, parse_tlog_proof, verify_inclusion
from hub.ledger.signing.keyring import KeyRing
from hub.ledger.verdict import Anchored, Harm, Provenance, Step, TimeSource

PACKAGE_KEY = "the package itself"


@dataclass
class Head:
    """The signed head of a log that the proofs must lead to."""

    row: LogRow
    note: Note
    checkpoint: Checkpoint
    text: str
    """The note as it lies in the package."""
    trusted: bool = False
    others: list[tuple[Note, Checkpoint]] = field(default_factory=list)
    """Further heads that were found to be of the same tree."""

    @property
    def main(self) -> tuple[Note, Checkpoint]:
        return self.note, self.checkpoint

    def of_size(self, size: int) -> Note | None:
        return next((note for note, checkpoint in (self.main, *self.others) if checkpoint.size == size), None)


def check_log(run: PackageRun) -> None:
    """Steps 4 and 5."""
    heads: dict[str, Head] = {}
    for row in run.manifest.logs:
        if row.origin in heads:
            raise BadPackage(f"expected each log once in the manifest, found {row.origin[:80]!r} twice")
        head = _head(run, row)
        if head is not None:
            heads[row.origin] = head
    _prove(run, heads)
    _signatures(run, heads)


def _head(run: PackageRun, row: LogRow) -> Head | None:
    read = [_note(run, row, head) for head in row.heads]
    if read[0] is None:
        return None
    head = Head(row, *read[0])
    for other, found in zip(row.heads[1:], read[1:], strict=True):
        if found is not None and _one_tree(run, head.checkpoint, other, found[1]):
            head.others.append(found[:2])
    return head


def _note(run: PackageRun, row: LogRow, head: HeadRow) -> tuple[Note, Checkpoint, str] | None:
    data = run.small(head.file)
    if data is None:
        run.add(Step.CHECKPOINTS, Harm.MISSING, head.file, f"a checkpoint of {row.origin}", "no such file")
        return None
    try:
        note = parse_note(data)
        checkpoint = parse_checkpoint(note.text)
    except BadNote as error:
        run.add(Step.CHECKPOINTS, Harm.ALTERED, head.file, "a signed checkpoint", str(error))
        return None
    if (checkpoint.origin, checkpoint.size) != (row.origin, head.size):
        expected, found = f"{row.origin} at size {head.size}", f"{checkpoint.origin} at size {checkpoint.size}"
        run.add(Step.CHECKPOINTS, Harm.ALTERED, head.file, expected, found)
        return None
    run.verdict.counts.checkpoints += 1
    return note, checkpoint, data.decode()


def _one_tree(run: PackageRun, main: Checkpoint, row: HeadRow, other: Checkpoint) -> bool:
    data = run.small(row.consistency) if row.consistency else None
    old, new = sorted((main, other), key=lambda head: head.size)
    try:
        hashes = () if data is None else parse_addition(data).hashes
        good = verify_consistency(old.size, new.size, old.root, new.root, hashes)
    except BadProof:
        good = False
    if not good:
        expected = f"a proof that the log of {new.size} leaves begins with that of {old.size}"
        run.add(Step.CHECKPOINTS, Harm.ALTERED, row.consistency or row.file, expected, "none that holds")
    return good


# ------------------------------------------------------------------------------- 4. inclusion proofs


def _prove(run: PackageRun, heads: dict[str, Head]) -> None:
    unproven = set(run.manifest.unproven)
    index_before: dict[tuple[str, str], tuple[int, int]] = {}
    for leaf in run.needed:
        name = proof_file(leaf.stream, leaf.seq)
        data = run.small(name)
        if data is None:
            if leaf.seq not in unproven or leaf.stream != run.manifest.stream:
                run.add(Step.LOG, Harm.MISSING, leaf.place, f"an inclusion proof in {name}", "no such file")
            continue
        index = _proof(run, heads, leaf, name, data)
        if index is None:
            continue
        run.proven[leaf.stream, leaf.seq] = index
        run.indexes.append((leaf, index))
        before = index_before.get((leaf.origin, leaf.stream))
        if before is not None and (index > before[1]) != (leaf.seq > before[0]):
            expected = f"entries of {leaf.stream} in the order of their chain"
            run.add(Step.LOG, Harm.ALTERED, name, expected, f"leaf {index} for entry {leaf.seq}")
        index_before[leaf.origin, leaf.stream] = leaf.seq, index
    _bound(run, unproven)


def _proof(run: PackageRun, heads: dict[str, Head], leaf: Leaf, name: str, data: bytes) -> int | None:
    """The entry's place in its log, once the proof is found to hold."""
    head = heads.get(leaf.origin)
    if head is None:
        expected = f"a checkpoint of the log {leaf.origin}"
        run.add(Step.LOG, Harm.MISSING, leaf.place, expected, "none in the package")
        return None
    checkpoint = head.checkpoint
    try:
        proof = parse_tlog_proof(data)
        said = parse_checkpoint(parse_note(proof.note).text)
    except (BadProof, BadNote) as error:
        run.add(Step.LOG, Harm.ALTERED, name, "an inclusion proof", str(error))
        return None
    if said != checkpoint or proof.note != head.text:
        expected = f"a proof towards {head.row.heads[0].file}"
        run.add(Step.LOG, Harm.ALTERED, name, expected, "one towards another checkpoint")
        return None
    if not verify_inclusion(bytes.fromhex(leaf.leaf), proof.index, checkpoint.size, checkpoint.root, proof.hashes):
        expected = f"a proof that leaf {leaf.leaf} is in the log at {proof.index}"
        run.add(Step.LOG, Harm.ALTERED, name, expected, f"one that does not lead to the root at {checkpoint.size}")
        return None
    return proof.index


def _bound(run: PackageRun, unproven: set[int]) -> None:
    """An entry without a proof of its own is bound by ``prev`` if a later one of the range is proven."""
    stream = run.manifest.stream
    last = max((seq for name, seq in run.proven if name == stream and seq <= run.manifest.own.last_seq), default=-1)
    loose = [seq for seq in unproven if seq >= last]
    if loose:
        run.add(
            Step.LOG, Harm.MISSING, f"entry {min(loose)} of {stream}", "a proven entry after it", "none in the package"
        )
    if unproven:
        run.verdict.unchecked.append(
            f"inclusion of {len(unproven)} entries whose log no checkpoint reaches: later entries bind them"
        )


# ------------------------------------------------------------------------------------- 5. signatures


def _signatures(run: PackageRun, heads: dict[str, Head]) -> None:
    verdict = run.verdict
    for origin, head in heads.items():
        key, source = _key(run, head)
        if key is None:
            verdict.unchecked.append(f"signatures of the log {origin}: {source}")
            continue
        ring = _ring(run, key)
        for row, (note, checkpoint) in zip(head.row.heads, (head.main, *head.others), strict=False):
            if not any(note.signed_by(one) for one in ring.signing(checkpoint.size)):
                expected = f"a valid signature by {key.name} ({key.key_id.hex()}), or by a key that it handed on to"
                found = f"signatures by {names_of(note.signatures)}, none of them valid at size {checkpoint.size}"
                run.add(Step.CHECKPOINTS, Harm.ALTERED, row.file, expected, found)
                break
        else:
            head.trusted = True
            verdict.key, verdict.key_source = str(key), source
    last = heads.get(run.origins[-1])
    if last is None:
        return
    verdict.origin, verdict.size = last.checkpoint.origin, last.checkpoint.size
    verdict.root = last.checkpoint.root.hex()
    run.newest = last
    if last.trusted:
        # The range's newest entry is proven under this head, and ``prev`` binds all before it.
        verdict.provenance = Provenance.HUB_KEY
    elif run.options.key is not None and not run.verdict.harms:
        expected = "a checkpoint of the newest log signed by the key given, or one that it handed on to"
        found = f"one of {last.checkpoint.origin}, which that key says nothing of"
        run.add(Step.CHECKPOINTS, Harm.ALTERED, last.row.heads[0].file, expected, found)


def _ring(run: PackageRun, key: VerifierKey) -> KeyRing:
    """Every key that counts for somebody who trusts ``key``, by what the package's proven entries say of keys."""
    ring = KeyRing(key)
    for entry in run.key_entries:
        index = run.proven.get((entry.stream_id, entry.seq))
        if index is not None:
            ring.entry(entry, index if entry.origin == key.name else None)
    for problem in ring.problems:
        run.add(Step.CHECKPOINTS, Harm.ALTERED, CONTEXT, "a statement signed by the log's keys", problem)
    return ring


def _key(run: PackageRun, head: Head) -> tuple[VerifierKey | None, str]:
    """The key to trust first, and where it is from; none, and why."""
    options, origin = run.options, head.row.origin
    if options.key is not None:
        key = parse_vkey(options.key)
        if key.name == origin or len(run.manifest.logs) == 1:
            return key, "given"
        return None, f"the key given is for {key.name}"
    path = None if options.keys_dir is None else options.keys_dir / log_slug(origin) / VKEY_FILE
    if path is not None and os.access(path, os.R_OK):
        return parse_vkey(path.read_text(encoding="utf-8")), f"the configured verifier key ({path})"
    data = run.small(head.row.keys)
    if data is None:
        return None, "no verifier key"
    try:
        keys = [parse_vkey(line) for line in data.decode().splitlines()]
    except (UnicodeDecodeError, BadNote) as error:
        run.add(Step.CHECKPOINTS, Harm.ALTERED, head.row.keys, "verifier keys, one a line", str(error))
        return None, "no verifier key that can be read"
    if not keys:
        return None, "no verifier key"
    run.verdict.notes.append(
        f"the verifier key of {origin} was taken from the package itself: it proves nothing against whoever made the "
        "package; give the key that was handed out by another way with --key"
    )
    return keys[0], PACKAGE_KEY


# --------------------------------------------------------------------------------------------- time

_SOURCES = {TIMESTAMP: TimeSource.AUTHORITY, WITNESS: TimeSource.WITNESS}


def judge_time(run: PackageRun) -> None:
    """The fourth axis: the span of the footage by the hub's own clock, and by when outsiders had seen its entries."""
    verdict = run.verdict
    verdict.time = TimeSource.HUB_CLOCK
    verdict.from_us, verdict.until_us = run.bounds_us or run.manifest.given
    last = run.newest
    if last is None or not last.trusted:
        return
    covered = max((index for leaf, index in run.indexes if leaf.origin == last.row.origin), default=-1)
    found: dict[str, list[tuple[AnchorTime, int]]] = {}
    for row in last.row.anchors:
        note = last.of_size(row.size)
        if note is None or row.size <= covered:
            run.add(Step.CHECKPOINTS, Harm.ALTERED, row.file, "an anchor of a checkpoint of this package", "another")
            continue
        for one in _anchor(run, row, note):
            found.setdefault(one.kind, []).append((one, row.size))
    for kind, times in found.items():
        best, size = min(times, key=lambda item: item[0].until_us)
        verdict.anchored.append(Anchored(_SOURCES[kind], best.authority, size, best.until_us, len(times)))
    verdict.anchored.sort(key=lambda one: one.source is not TimeSource.AUTHORITY)
    if verdict.anchored:
        verdict.time = verdict.anchored[0].source


def _anchor(run: PackageRun, row: AnchorRow, note: Note) -> Iterator[AnchorTime]:
    """What this anchor proves; nothing where it does not hold, or nobody is trusted who could say so."""
    text = note.text.encode()
    if row.kind == TIMESTAMP:
        pieces = [run.small(row.file)]
    else:
        pieces = [to_line(line).encode() for line in note.signatures if line.name == row.authority]
    for data in pieces or [None]:
        if data is None:
            run.add(Step.CHECKPOINTS, Harm.MISSING, row.file, f"an anchor by {row.authority}", "none")
            continue
        try:
            yield check_anchor(data, row.kind, text, run.options.trust, row.authority)
        except LedgerError as error:
            if error.code in UNCHECKED:
                run.verdict.unchecked.append(f"an anchor by {row.authority} in {row.file}: {error}")
            else:
                run.add(
                    Step.CHECKPOINTS, Harm.ALTERED, row.file, f"an anchor by {row.authority} that holds", str(error)
                )
