"""What is proven of time: the fourth axis of the verdict, given as an interval.

By the hub's own clock each entry says when it was made. An anchor, where it holds, says that all entries before its
size existed no later than the time of whoever gave it. What is newer than the newest anchor rests on the hub alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hub.errors import LedgerError
from hub.ledger.anchors.check import TIMESTAMP, UNCHECKED, AnchorTime
from hub.ledger.anchors.stored import StoredAnchor, anchor_of, check_stored
from hub.ledger.anchors.window import Cover, unanchored_window
from hub.ledger.entries import HUB_STREAM, Entry
from hub.ledger.files import log_slug
from hub.ledger.verdict import Anchored, Harm, Step, TimeSource
from hub.ledger.verify.context import Context

CLOCK_TOLERANCE_US = 2_000_000
"""Two clocks that are each kept within a second may differ so much."""


@dataclass(frozen=True, slots=True)
class _Held:
    """An anchor that holds."""

    stored: StoredAnchor
    found: AnchorTime


def judge(run: Context) -> None:
    """The span of the entries by the hub's own clock, and what others attest of it."""
    verdict, results = run.verdict, list(run.results.values())
    verdict.from_us = min((result.first_us for result in results if result.first_us is not None), default=None)
    verdict.until_us = max((result.last_us for result in results if result.last_us is not None), default=None)
    verdict.time = TimeSource.HUB_CLOCK
    held = _held(run)
    newest = [one for one in held if one.stored.origin == verdict.origin]
    for kind, source in (("timestamp", TimeSource.AUTHORITY), ("witness", TimeSource.WITNESS)):
        of_kind = [one for one in newest if one.found.kind == kind]
        if of_kind:
            best = max(of_kind, key=lambda one: (one.stored.size, -one.found.until_us))
            by_us = min(one.found.until_us for one in of_kind if one.stored.size == best.stored.size)
            verdict.anchored.append(Anchored(source, best.found.authority, best.stored.size, by_us, len(of_kind)))
    if verdict.anchored:
        verdict.time = verdict.anchored[0].source
        _window(run, newest)
        _compare_clocks(run, newest)


def _held(run: Context) -> list[_Held]:
    """Check every anchor entry; what is wrong becomes a finding, what cannot be checked is said once per reason."""
    held: list[_Held] = []
    unchecked: Counter[str] = Counter()
    for entry in run.anchors:
        folder = f"log/{log_slug(entry.origin)}"
        place = f"entry {entry.seq} of {HUB_STREAM}"
        try:
            stored = anchor_of(entry)
            place = f"{folder}/{stored.file} ({place})"
            if not _is_of_the_log(run, entry, stored, place):
                continue
            found = check_stored(run.data / folder, stored, run.options.trust)
            if not found.from_us <= stored.time_us <= found.until_us:
                raise LedgerError(f"expected the time {stored.time_us} that its entry states, found {found.from_us}")
            held.append(_Held(stored, found))
        except LedgerError as error:
            if error.code in UNCHECKED:
                unchecked[f"{entry.body['kind']} {entry.body['authority']}: {_reason(error.code)}"] += 1
            else:
                harm = Harm.MISSING if error.code == "missing" else Harm.ALTERED
                run.add(Step.CHECKPOINTS, harm, "", place, "an anchor that holds, as its entry says", str(error))
    for text, count in unchecked.items():
        run.unchecked(f"{count} anchors by {text}")
    return held


def _reason(code: str) -> str:
    return {
        "no_library": "rfc3161-client is not installed here",
        "no_trust": "no key or root certificate was given for it",
    }.get(code, "it is not among those that are trusted here")


def _is_of_the_log(run: Context, entry: Entry, stored: StoredAnchor, place: str) -> bool:
    """Whether what was anchored is this log at that size."""
    log = run.logs.get(log_slug(entry.origin))
    root = run.roots.get(entry.origin, {}).get(stored.size)
    if root is None:
        if log is None or (run.live and stored.size > log.size):
            return False  # no log: that is a finding already; live: anchored since we looked at the leaves
        expected, found = f"at least {stored.size} leaves in the log, as was anchored", f"{log.size} leaves"
        run.add(Step.CHECKPOINTS, Harm.MISSING, "", place, expected, found)
        return False
    if root != stored.root:
        expected, found = f"the root {root.hex()} at size {stored.size}", f"an anchor of {stored.root.hex()}"
        run.add(Step.CHECKPOINTS, Harm.ALTERED, "", place, expected, found)
        return False
    return True


def _window(run: Context, held: list[_Held]) -> None:
    """How long something stood unanchored. Until when an anchor covers is told by the hub's clock."""
    verdict = run.verdict
    if verdict.from_us is None or verdict.until_us is None:
        return
    covers = [Cover(one.stored.signed_us, one.found.until_us) for one in held if one.stored.signed_us]
    window = unanchored_window(covers, verdict.from_us, verdict.until_us, verdict.until_us)
    verdict.longest_unanchored_us, verdict.unanchored_since_us = window.longest_us, window.open_since_us


def _compare_clocks(run: Context, held: list[_Held]) -> None:
    """An authority's time lies between the hub's signing and its entry, or the clocks disagree."""
    worst_us, text = CLOCK_TOLERANCE_US, ""
    for one in (one for one in held if one.found.kind == TIMESTAMP):
        ahead_us = one.stored.signed_us - one.found.until_us
        behind_us = one.found.from_us - one.stored.t_hub_us
        if max(ahead_us, behind_us) > worst_us:
            worst_us = max(ahead_us, behind_us)
            word = "ahead of" if ahead_us > behind_us else "behind"
            text = f"the hub's clock was {word} {one.found.authority} by at least {worst_us / 1e6:.1f} s at an anchor"
    if text:
        run.verdict.notes.append(text)
