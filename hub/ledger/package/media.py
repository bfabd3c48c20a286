"""Step 6 of a package's verification: the footage, each byte read once."""

from __future__ import annotations

import hashlib
from typing import IO

from hub.ledger.entries import EntryType
from hub.ledger.package.container import READ_ERRORS
from hub.ledger.package.format import BadPackage, MediaRow
from hub.ledger.package.run import BLOCK, Footage, PackageRun
from hub.ledger.verdict import Harm, Step


def check_footage(run: PackageRun) -> None:
    """Every reel that the range's entries speak of; what is not there must be declared absent, and deleted."""
    absent = {row.seq: row.why for row in run.manifest.absent}
    files: dict[str, MediaRow] = {}
    for row in run.manifest.media:
        if row.reel in files or row.reel not in run.reels:
            run.add(Step.FOOTAGE, Harm.UNDECLARED, row.file, "footage that entries speak of, once", row.reel)
        files.setdefault(row.reel, row)
    known = {piece.seq for pieces in run.reels.values() for piece in pieces}
    for seq in sorted(set(absent) - known):
        run.add(Step.FOOTAGE, Harm.ALTERED, f"entry {seq}", "an entry of footage, if its bytes are absent", "none")
    gone = _tombstoned_reels(run)
    for reel, pieces in run.reels.items():
        present = [piece for piece in pieces if piece.seq not in absent]
        for piece in pieces:
            if piece.seq in absent:
                _absent(run, piece, absent[piece.seq], gone)
        media = files.get(reel)
        if not present:
            continue
        if media is None or media.file not in run.box.sizes:
            expected = f"the footage of {len(present)} chunks of {reel}"
            place = media.file if media is not None else f"entry {present[0].seq} of {run.manifest.stream}"
            run.add(Step.FOOTAGE, Harm.MISSING, place, expected, "no such file")
            continue
        _compare(run, media.file, present)


def _tombstoned_reels(run: PackageRun) -> dict[str, int]:
    """Reels that a proven tombstone names and no later entry kept, and up to which byte."""
    gone: dict[str, int] = {}
    for entry in sorted(run.retention, key=lambda entry: entry.seq):
        if entry.stream_id != run.manifest.stream:
            continue
        inside = run.manifest.own.first_seq <= entry.seq <= run.manifest.own.last_seq
        if not inside and (entry.stream_id, entry.seq) not in run.proven:
            continue
        if entry.type is EntryType.TOMBSTONE:
            gone.update({one["reel"]: one["size"] for one in entry.body["reels"]})
        else:
            for reel in entry.body["kept"]:
                gone.pop(reel, None)
    return gone


def _absent(run: PackageRun, piece: Footage, why: str, gone: dict[str, int]) -> None:
    place = f"{piece.reel} bytes {piece.offset}-{piece.offset + piece.size} (entry {piece.seq})"
    if piece.offset + piece.size <= gone.get(piece.reel, 0):
        run.tombstoned.add(piece.reel)
        run.verdict.counts.deleted_bytes += piece.size
    else:
        expected = f"{piece.size} bytes, or a tombstone that says why they are gone"
        run.add(Step.FOOTAGE, Harm.MISSING, place, expected, f"neither ({why[:80]!r})")


def _compare(run: PackageRun, name: str, pieces: list[Footage]) -> None:
    whole = hashlib.sha256()
    first = pieces[0]
    inits = {(piece.init_size, piece.init_sha256) for piece in pieces if piece.init_size}
    if len(inits) != 1:
        run.add(Step.FOOTAGE, Harm.ALTERED, name, "one init segment for all of a reel's chunks", f"{len(inits)}")
    init_size, init_sha256 = next(iter(inits), (first.init_size, first.init_sha256))
    size, at = run.box.sizes[name], 0
    try:
        with run.box.open(name) as file:
            for start, length, sha256, place in (
                (0, init_size, init_sha256, f"init segment of {first.reel}"),
                *((piece.offset, piece.size, piece.sha256, _of(piece)) for piece in pieces),
            ):
                if start < 0 or length < 0 or length > size - at:
                    run.add(
                        Step.FOOTAGE, Harm.ALTERED, f"{name} ({place})", f"{length} bytes", f"{max(0, size - at)} left"
                    )
                    break
                digest = _digest(run, file, length, whole)
                if digest != sha256:
                    where = f"{name} bytes {at}-{at + length} ({place})"
                    run.add(Step.FOOTAGE, Harm.ALTERED, where, f"sha256 {sha256}", f"sha256 {digest}")
                at += length
            else:
                if at != size:
                    found = f"{size - at} bytes more"
                    run.add(Step.FOOTAGE, Harm.UNDECLARED, f"{name} bytes {at}-{size}", "the end of the file", found)
            _digest(run, file, size - at, whole)
    except READ_ERRORS as error:
        raise BadPackage(f"cannot read {name}: {error}") from error
    run.digests[name] = whole.hexdigest()
    run.verdict.counts.bytes += size


def _of(piece: Footage) -> str:
    return f"{piece.reel} bytes {piece.offset}-{piece.offset + piece.size}, entry {piece.seq}"


def _digest(run: PackageRun, file: IO[bytes], size: int, whole: hashlib._Hash) -> str:
    digest = hashlib.sha256()
    while size > 0:
        block = file.read(min(size, BLOCK))
        if not block:
            return "of fewer bytes: the file ends before"
        digest.update(block)
        whole.update(block)
        size -= len(block)
        run.advance(len(block))
    return digest.hexdigest()
