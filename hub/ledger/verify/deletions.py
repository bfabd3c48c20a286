"""Step 6 of a verification: footage that is not there. Missing, or lawfully deleted with its digest known.

What can be told: whether a tombstone named the reel before it went, with the digests that its entries declared; whether
a hold, an open case or the class's least term forbade it; whether the tombstone was signed before the hub said
"deleted". What cannot: when the bytes really vanished. A hub that lost a reel and then writes a tombstone for it is
found out only by a verification that saw the reel missing before.
"""

from __future__ import annotations

from hub.ledger.deletions import Deletion
from hub.ledger.files import log_slug
from hub.ledger.verdict import Harm, Step
from hub.ledger.verify.context import Absent, Context


def settle(run: Context) -> None:
    """Judge what is absent, once every entry was read: a tombstone comes after the chunks it speaks of."""
    for deletions in run.deletions.values():
        for finding in deletions.findings():
            run.verdict.add(finding)
        there = run.archived | run.reel_files
        for reel in sorted(deletions.all_deleted & there.keys()):
            place, found = f"{reel} bytes 0-{there[reel]}", "a file"
            expected = "no such file: an entry says that it was deleted"
            run.add(Step.FOOTAGE, Harm.UNDECLARED, deletions.stream, place, expected, found)
    for absent in run.absent:
        _judge(run, absent)


def _judge(run: Context, absent: Absent) -> None:
    deletions = run.deletions[absent.stream]
    tombstone = deletions.tombstoned(absent.reel, 0, absent.size)
    if tombstone is None:
        if run.live and (absent.reel in run.reel_files or absent.reel in run.archived):
            run.unchecked(f"{absent.reel}: it went while this verification ran; verify again")
            return
        if run.live and run.options.archive is not None and run.options.archive.size(absent.reel) is not None:
            run.unchecked(f"{absent.reel}: it came while this verification ran; verify again")
            return
        expected = f"a reel with {absent.chunks} chunks, or a tombstone for it"
        run.add(Step.FOOTAGE, Harm.MISSING, absent.stream, absent.reel, expected, "neither")
        return
    run.verdict.counts.deleted_reels += 1
    run.verdict.counts.deleted_bytes += absent.size
    if deletions.deleted(absent.reel):
        return
    why = deletions.unlawful(absent.reel, tombstone)
    if why:
        run.add(Step.FOOTAGE, Harm.UNLAWFUL, absent.stream, absent.reel, f"a reel to be kept: {why}", "no such file")
    else:
        run.verdict.notes.append(
            f"{absent.reel} is gone by the tombstone {tombstone.id}; the hub was stopped before it could say so"
        )


def check_signed(run: Context) -> None:
    """Whether each tombstone was in a signed log before its footage was said to be deleted (with step 5)."""
    wanted: dict[str, list[Deletion]] = {}
    for one in (one for deletions in run.deletions.values() for one in deletions.deletions):
        wanted.setdefault(one.origin, []).append(one)
    for origin, deletions in wanted.items():
        places = _positions(run, origin, {leaf for one in deletions for leaf in (one.tombstone, one.leaf)})
        for one in deletions:
            at = places.get(one.tombstone)
            if at is None:
                continue  # not in its log: step 4 says so
            said_at = places.get(one.leaf, one.signed_size)
            signed = any(at < size <= said_at for size in run.signed_sizes.get(origin, ()))
            if not (at < one.signed_size <= said_at and signed):
                expected = f"a checkpoint over the tombstone (leaf {at}) before leaf {said_at}, which says deleted"
                found = f"one of {one.signed_size} leaves, as it says" if signed else "none"
                run.add(Step.CHECKPOINTS, Harm.UNLAWFUL, one.stream_id, one.place, expected, found)


def _positions(run: Context, origin: str, leaves: set[str]) -> dict[str, int]:
    log = run.logs.get(log_slug(origin))
    if log is None:
        return {}
    wanted = {bytes.fromhex(leaf) for leaf in leaves}
    return {leaf.hex(): at for at, leaf in enumerate(log.leaves()) if leaf in wanted}
