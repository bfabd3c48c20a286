"""A verification from its first step to its verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hub.errors import HubError, LedgerError
from hub.ledger.anchors.check import Trust
from hub.ledger.entries import HUB_STREAM
from hub.ledger.package.container import is_package
from hub.ledger.verdict import Completeness, Integrity, Provenance, Step, Verdict
from hub.ledger.verify import checkpoints as heads
from hub.ledger.verify import database, deletions, inventory, streams, times
from hub.ledger.verify.context import Context, Options, Progress, Scope
from hub.shelf import Shelf

STEPS: list[tuple[Callable[[Context], None], tuple[Step, ...]]] = [
    (inventory.take, (Step.INVENTORY,)),
    (streams.walk, (Step.ENTRIES, Step.CHAINS)),
    (heads.check_logs, (Step.LOG, Step.CHECKPOINTS)),
    (database.check, (Step.DATABASE,)),
    (streams.read_footage, ()),
    (deletions.settle, ()),
    (streams.undeclared_reels, (Step.FOOTAGE, Step.COMPLETENESS)),
    (deletions.check_signed, ()),
    (times.judge, ()),
]
"""What is done, in this order, and which steps are complete after it. Footage is read by the other threads from the
walk on, and by this one where it would wait; what needs no footage comes before that."""


def verify_path(
    path: Path,
    key: str | None = None,
    progress: Progress | None = None,
    *,
    keys_dir: Path | None = None,
    threads: int = 2,
    checkpoints: Sequence[tuple[str, str]] = (),
    trust: Trust | None = None,
    scope: Scope | None = None,
    archive: Shelf | None = None,
) -> Verdict:
    """Verify a data folder, live, stopped or copied.

    ``key`` is a verifier key as text. Without it the one in ``keys_dir`` (the hub's own folder of keys)
    is used, and with it the signer's memory of what it signed last; failing that the key that lies in
    the data folder, which the verdict says. ``checkpoints`` are notes that were kept elsewhere (on a
    hand-over sheet, by a witness), each as (what to call it, its text): the log must extend them. ``trust``: whom to
    believe about time; without it anchors are compared with the log, and not believed. ``scope``: of which footage the
    bytes are read (None: of all). ``archive``: where reels are read that the folder does not hold. Never
    raises: what cannot be judged is a verdict too.
    """
    verdict = Verdict(str(path))
    begun = time.monotonic()
    options = Options(key, keys_dir, progress, threads, tuple(checkpoints), trust or Trust(), scope, archive)
    try:
        _verify(path, verdict, options)
        _somebody_signed(verdict)
    except (HubError, OSError, ValueError, KeyError, TypeError, RecursionError, MemoryError) as error:
        _give_up(verdict, error)
    except Exception as error:  # a fault of the verifier itself must never read as "ok"
        _give_up(verdict, error)
    finally:
        verdict.seconds = time.monotonic() - begun
    return verdict


def _verify(path: Path, verdict: Verdict, options: Options) -> None:
    """By what lies there. Evidence packages are told from data folders here."""
    if is_package(path):
        # Its steps use some of ours, so that it is imported when it is needed.
        from hub.ledger.package.verify import verify_package

        verify_package(path, verdict, options)
        for name, _ in options.checkpoints:
            verdict.unchecked.append(
                f"the checkpoint given, {name}: a package does not hold the log that must extend it"
            )
    else:
        verify_folder(path, verdict, options)


def verify_folder(data: Path, verdict: Verdict, options: Options) -> None:
    run = Context(data, verdict, options)
    try:
        for step, completed in STEPS:
            step(run)
            verdict.done.extend(one for one in completed if one not in run.skipped)
        _summarise(run)
    finally:
        run.close()


def _somebody_signed(verdict: Verdict) -> None:
    """What is good in itself and signed by nobody proves nothing: anybody can make that up."""
    if verdict.integrity is Integrity.OK and verdict.provenance is Provenance.NONE and not verdict.live:
        verdict.integrity = Integrity.CANNOT_BE_JUDGED
        verdict.unchecked.append("who wrote this: not one signature could be verified")


def _give_up(verdict: Verdict, error: Exception) -> None:
    verdict.integrity = Integrity.CANNOT_BE_JUDGED
    verdict.completeness = Completeness.CANNOT_BE_JUDGED
    verdict.provenance = Provenance.NONE
    last = max(verdict.done, default=None)
    verdict.unchecked.append(f"everything after step {last or 0}: {error.__class__.__name__}: {error}")


def _summarise(run: Context) -> None:
    verdict, results = run.verdict, list(run.results.values())
    verdict.counts.streams = sum(result.stream != HUB_STREAM for result in results)
    verdict.counts.entries = sum(result.count for result in results)
    verdict.counts.pending_entries += sum(result.pending_lines for result in results)
    verdict.counts.interruptions = run.interruptions
    if not verdict.counts.entries:
        raise LedgerError("not one entry could be read")
    for why, count in sorted(run.unreachable.items()):
        run.unchecked(f"{count} reels cannot be read: {why}")
    if run.glanced:
        run.unchecked(f"the bytes of {run.glanced} reels outside of what was asked for: only that they are there")
    verdict.judge(run.interruptions, run.unfilled)
