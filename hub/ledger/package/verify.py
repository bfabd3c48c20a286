"""``hub verify PACKAGE.zip``: whether a package is what the hub recorded, told by the package alone.

The steps have the numbers of :class:`hub.ledger.verdict.Step`, and mean here:

1. *Inventory*: the zip hides nothing, its files are those of the manifest, each of the size it says.
2. *Entries*: each line is canonical JSON and well formed.
3. *Chains*: the range's entries are numbered without a gap and name each other's leaf hashes.
4. *Log* (``binding.py``): inclusion proofs for the first and the last entry and for each that is no footage lead to the
   root of a checkpoint; ``prev`` binds the rest.
5. *Checkpoints* (``binding.py``): a trusted key has signed them, and those of one log are one tree.
6. *Footage* (``media.py``): init segments and chunks hash to what the entries say; what is absent was lawfully deleted.
   So do the written statements that entries speak of (``statements.py``).
7. *Completeness*: no time is missing within the range without an interruption.
8. *Manifest* (in place of the database): what it says of range, reels and digests is what is there.

The zip is read as it is, never unpacked. Standard library and ``cryptography`` only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hub.errors import LedgerError
from hub.ledger.entries import HUB_STREAM, ZERO_LEAF, Entry, EntryType
from hub.ledger.package.binding import check_log, judge_time
from hub.ledger.package.container import READ_ERRORS, Container, open_package
from hub.ledger.package.format import (
    CONTEXT,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    BadPackage,
    Manifest,
    read_manifest,
)
from hub.ledger.package.media import check_footage
from hub.ledger.package.run import Leaf, PackageRun, footage_of
from hub.ledger.package.statements import check_statements, heard
from hub.ledger.verdict import Harm, Step, Verdict
from hub.ledger.verify.context import Options
from hub.ledger.verify.gaps import Gaps

MAX_CONTEXT = 100_000
"""Entries from outside of the range: far more than any honest package has, and few enough to hold."""


def verify_package(path: Path, verdict: Verdict, options: Options) -> None:
    """Fill in the verdict. Raises BadPackage for what cannot be opened or must not be; the caller turns whatever is
    raised into "cannot be judged"."""
    with open_package(path) as box:
        verify_container(box, verdict, options)


def verify_container(
    box: Container, verdict: Verdict, options: Options, *, manifest: bytes | None = None
) -> PackageRun:
    """The same for open files. ``manifest`` stands in for one that is not written yet: a package is verified before
    its report is made."""
    run = PackageRun(box, verdict, options, _manifest(box) if manifest is None else read_manifest(manifest))
    verdict.package = True
    for step, completed in STEPS:
        step(run)
        verdict.done.extend(completed)
    _summarise(run)
    return run


# ------------------------------------------------------------------------------------ 1. inventory


def _manifest(box: Container) -> Manifest:
    size = box.sizes.get(MANIFEST)
    if size is None:
        raise BadPackage(f"expected an evidence package with a {MANIFEST}, found none")
    if size > MAX_MANIFEST_BYTES:
        raise BadPackage(f"expected at most {MAX_MANIFEST_BYTES} bytes in {MANIFEST}, found {size}")
    try:
        with box.open(MANIFEST) as file:
            return read_manifest(file.read(MAX_MANIFEST_BYTES + 1))
    except READ_ERRORS as error:
        raise BadPackage(f"cannot read {MANIFEST}: {error}") from error


def _inventory(run: PackageRun) -> None:
    listed = {row.name: row for row in run.manifest.files}
    for name, row in listed.items():
        size = run.box.sizes.get(name)
        if size is None:
            run.add(Step.INVENTORY, Harm.MISSING, name, f"a file of {row.size} bytes, as listed", "no such file")
        elif size != row.size:
            run.add(Step.INVENTORY, Harm.ALTERED, name, f"{row.size} bytes, as listed", f"{size}")
    for name in run.box.sizes:
        if name not in listed and name != MANIFEST:
            run.add(Step.INVENTORY, Harm.UNDECLARED, name, "only files that the manifest lists", "one that it does not")
    for name in (run.manifest.entries_file, CONTEXT):
        if name not in run.box.sizes:
            raise BadPackage(f"expected the entries in {name}, found no such file")
    run.advance(0)


# ---------------------------------------------------------------------- 2. entries, 3. chain, 7. gaps


def _entries(run: PackageRun) -> None:
    """One pass over the range; the context is read first, since interruptions may begin before the range."""
    context = _context(run)
    own = run.manifest.own
    run.gaps = Gaps(run.manifest.stream, whole=False)
    outside = [(entry, place) for entry, place in context if entry.stream_id == run.manifest.stream]
    for entry, place in outside:
        if entry.seq < own.first_seq:
            run.gaps.entry(entry, place)
    _range(run)
    for entry, place in outside:
        if entry.seq > own.last_seq:
            run.gaps.entry(entry, place)
    for entry, place in context:
        run.needed.append(Leaf(entry.stream_id, entry.seq, entry.origin, entry.leaf, place))


def _context(run: PackageRun) -> list[tuple[Entry, str]]:
    found: list[tuple[Entry, str]] = []
    own = run.manifest.own
    for entry, place in run.lines(CONTEXT):
        if len(found) == MAX_CONTEXT:
            raise BadPackage(f"expected at most {MAX_CONTEXT} entries in {CONTEXT}, found more")
        inside = entry.stream_id == run.manifest.stream and own.first_seq <= entry.seq <= own.last_seq
        if inside or entry.stream_id not in (HUB_STREAM, run.manifest.stream) or footage_of(entry) is not None:
            run.add(Step.ENTRIES, Harm.ALTERED, place, "an entry from outside of the range, no footage", "another")
            continue
        if found and (entry.stream_id, entry.seq) <= (found[-1][0].stream_id, found[-1][0].seq):
            run.add(Step.ENTRIES, Harm.ALTERED, place, "entries in their order, each once", "another order")
            continue
        found.append((entry, place))
        heard(run, entry)
        if entry.type in (EntryType.KEY_ROTATE, EntryType.KEY_REVOKE) and entry.stream_id == HUB_STREAM:
            run.key_entries.append(entry)
        elif entry.type in (EntryType.TOMBSTONE, EntryType.DELETED):
            run.retention.append(entry)
    return found


def _range(run: PackageRun) -> None:
    manifest, own = run.manifest, run.manifest.own
    before: Entry | None = None
    before_place = ""
    for entry, place in run.lines(manifest.entries_file):
        if entry.stream_id != manifest.stream:
            run.add(Step.CHAINS, Harm.ALTERED, place, f"an entry of {manifest.stream}", f"one of {entry.stream_id}")
            continue
        _link(run, before, entry, place)
        if before is not None and before.origin != entry.origin:
            _need(run, before, before_place)  # the last one of its log
        changed = before is None or before.origin != entry.origin
        if changed or entry.type not in (EntryType.CHUNK,):
            _need(run, entry, place)
        if entry.origin not in run.origins:
            run.origins.append(entry.origin)
        _take(run, entry, place)
        before, before_place = entry, place
        run.count += 1
    if before is None:
        raise BadPackage(f"expected the entries {own.first_seq} to {own.last_seq}, found not one that can be read")
    _need(run, before, before_place)
    if before.seq < own.last_seq:
        missing = f"entries {before.seq + 1} to {own.last_seq}"
        run.add(Step.CHAINS, Harm.MISSING, f"the end of {manifest.entries_file}", missing, "none")
    if before.leaf != manifest.last_leaf:
        run.add(Step.CHAINS, Harm.ALTERED, before_place, f"the leaf hash {manifest.last_leaf}", before.leaf)


def _need(run: PackageRun, entry: Entry, place: str) -> None:
    if not run.needed or (run.needed[-1].seq, run.needed[-1].leaf) != (entry.seq, entry.leaf):
        run.needed.append(Leaf(entry.stream_id, entry.seq, entry.origin, entry.leaf, place))


def _link(run: PackageRun, before: Entry | None, entry: Entry, place: str) -> None:
    expected = run.manifest.own.first_seq if before is None else before.seq + 1
    if entry.seq != expected:
        harm = Harm.MISSING if entry.seq > expected else Harm.ALTERED
        run.add(Step.CHAINS, harm, place, f"entry {expected} next", f"entry {entry.seq}")
    elif before is None:
        if entry.leaf != run.manifest.first_leaf:
            run.add(Step.CHAINS, Harm.ALTERED, place, f"the leaf hash {run.manifest.first_leaf}", entry.leaf)
        if entry.seq == 0 and (entry.prev != ZERO_LEAF or entry.type is not EntryType.GENESIS):
            run.add(Step.CHAINS, Harm.ALTERED, place, "a genesis", f"a {entry.type}")
    elif entry.prev != before.leaf:
        run.add(Step.CHAINS, Harm.ALTERED, place, f"prev {before.leaf}", entry.prev)
    elif entry.epoch < before.epoch:
        run.add(Step.CHAINS, Harm.ALTERED, place, f"an epoch from {before.epoch} on", f"epoch {entry.epoch}")


def _take(run: PackageRun, entry: Entry, place: str) -> None:
    run.gaps.entry(entry, place)
    heard(run, entry)
    if entry.type in (EntryType.TOMBSTONE, EntryType.DELETED):
        run.retention.append(entry)
    footage = footage_of(entry)
    if footage is not None:
        run.reels.setdefault(footage.reel, []).append(footage)
        first, end = run.bounds_us or (entry.body["first_us"], entry.body["end_us"])
        run.bounds_us = min(first, entry.body["first_us"]), max(end, entry.body["end_us"])


def _completeness(run: PackageRun) -> None:
    for finding in run.gaps.findings():
        run.verdict.add(finding)


# ------------------------------------------------------------------------------------- 8. manifest


def _agree(run: PackageRun) -> None:
    """Digests of all files that were not read yet, and what the manifest says of the range."""
    manifest = run.manifest
    for row in manifest.files:
        if row.name not in run.box.sizes:
            continue
        if row.name not in run.digests:
            for _ in run.blocks(row.name):
                pass
        if run.digests[row.name] != row.sha256:
            expected, found = f"sha256 {row.sha256}", f"sha256 {run.digests[row.name]}"
            run.add(Step.DATABASE, Harm.ALTERED, row.name, expected, found)
    if run.bounds_us is not None and manifest.given != run.bounds_us:
        expected = f"the range {run.bounds_us[0]} to {run.bounds_us[1]} µs, as the entries say"
        run.add(Step.DATABASE, Harm.ALTERED, MANIFEST, expected, f"{manifest.given[0]} to {manifest.given[1]} µs")
    if manifest.notes.missing():
        run.add(Step.DATABASE, Harm.MISSING, MANIFEST, ", ".join(manifest.notes.missing()), "empty notes")


STEPS: list[tuple[Callable[[PackageRun], None], tuple[Step, ...]]] = [
    (_inventory, (Step.INVENTORY,)),
    (_entries, (Step.ENTRIES, Step.CHAINS)),
    (check_log, (Step.LOG, Step.CHECKPOINTS)),
    (check_statements, ()),
    (check_footage, (Step.FOOTAGE,)),
    (_completeness, (Step.COMPLETENESS,)),
    (_agree, (Step.DATABASE,)),
    (judge_time, ()),
]


def _summarise(run: PackageRun) -> None:
    verdict, manifest, counts = run.verdict, run.manifest, run.verdict.counts
    counts.streams = 1
    counts.entries = run.count
    counts.chunks = sum(len(pieces) for pieces in run.reels.values())
    counts.reels = len(run.reels)
    counts.interruptions = run.gaps.interruptions
    if not run.count:
        raise LedgerError("not one entry could be read")
    counts.deleted_reels = len(run.tombstoned)
    verdict.judge(counts.interruptions, run.gaps.unfilled)
    verdict.notes.append("notes, recipient, report, picture and movie are the exporter's word: no signature binds them")
    if len(manifest.parts) > 1:
        verdict.notes.append(f"this is part {manifest.part} of {len(manifest.parts)}; each is verified by itself")
    if run.bounds_us is not None and (
        run.bounds_us[0] > manifest.own.from_us + 1_000_000 or run.bounds_us[1] < manifest.own.to_us - 1_000_000
    ):
        verdict.notes.append("the footage does not reach both ends of the range; before and after it is not judged")
