"""The one pass over all entries: steps 2 and 3 as they are read, step 6 in other threads meanwhile, and what
step 7 remembers of each stream."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from hub.ledger.deletions import Deletions
from hub.ledger.entries import HUB_STREAM, EntryType
from hub.ledger.verdict import Harm, Step
from hub.ledger.verify import beside, heartbeats, statements
from hub.ledger.verify.context import Context
from hub.ledger.verify.footage import ReelJob
from hub.ledger.verify.gaps import Gaps
from hub.ledger.verify.lines import Line, Stretch
from hub.ledger.verify.reading import Reels
from hub.ledger.verify.walk import StreamWalk
from hub.shelf import Shelf

_CHUNK = EntryType.CHUNK
REELS_AT_ONCE = 8
"""Kept for what a live hub appends meanwhile. A reel of which entries are still to come is kept longer."""


def walk(run: Context) -> None:
    """One pass over each stream; its reels are read in other threads meanwhile. The hub's own stream
    comes last, since its heartbeats speak of all others."""
    reels = run.reels = Reels(run)
    for stream in sorted(run.files, key=lambda stream: (stream == HUB_STREAM, stream)):
        for job in _walk_stream(run, stream):
            reels.read(job)


def read_footage(run: Context) -> None:
    """Waits until all reels are read, and looks at what lies beside them."""
    if run.reels is not None:
        run.reels.finish()
    beside.check(run)


def _walk_stream(run: Context, stream: str) -> Iterator[ReelJob]:
    chain = StreamWalk(stream, run.files[stream], run.live, run.verdict.add, run.in_log, run.origin_number)
    run.results[stream] = chain.result
    gaps = Gaps(stream)
    deletions = run.deletions[stream] = Deletions(stream)
    jobs: OrderedDict[str, ReelJob] = OrderedDict()
    for found in chain.lines():
        line = found.first
        entry = line.entry
        if isinstance(found, Stretch):
            gaps.stretch(found)
            deletions.chunks(entry.body["reel"], found.sha256s, found.furthest, max(found.end_us))
        else:
            gaps.entry(entry, line)
            deletions.entry(entry, line)
        if entry.type is not _CHUNK:
            statements.check(run, line)
            beside.note(run, line)
        if (entry.type is _CHUNK or entry.type is EntryType.RECOVERY) and "reel" in entry.body:
            reel = entry.body["reel"]
            job = jobs.get(reel) or _new_job(run, jobs, line)
            if isinstance(found, Stretch):
                job.stretch(found)
            else:
                job.add(entry.body, line.number, entry.seq)
            job.told = found.last
            if found.last and not run.live:
                yield jobs.pop(reel)  # nothing more can be said of it
            elif len(jobs) > REELS_AT_ONCE:
                yield from _oldest_told(jobs)
        elif stream == HUB_STREAM:
            _hub_entry(run, line)
    for job in jobs.values():
        job.open = run.live
        run.newest_reels[stream] = max(job.reel, run.newest_reels.get(stream, ""))
        yield job
    run.advance(sum(file.size for file in run.files[stream]))
    run.interruptions += gaps.interruptions
    run.unfilled += gaps.unfilled
    run.uploading[stream] = gaps.uploading
    run.verdict.counts.chunks += gaps.chunks
    deletions.finish()
    for finding in gaps.findings():
        run.verdict.add(finding)


def _oldest_told(jobs: OrderedDict[str, ReelJob]) -> Iterator[ReelJob]:
    """Not one of which entries are still to come: a node that woke up tells of its last reel when others have been
    recorded for hours."""
    oldest = next((reel for reel, job in jobs.items() if job.told), None)
    if oldest is not None:
        yield jobs.pop(oldest)


def _hub_entry(run: Context, line: Line) -> None:
    kind = line.entry.type
    if kind is EntryType.HEARTBEAT:
        heartbeats.check(run, line)
    elif kind in (EntryType.GENESIS, EntryType.RESTART):
        run.verdict.custody = str(line.entry.body.get("signer", ""))
    elif kind in (EntryType.KEY_ROTATE, EntryType.KEY_REVOKE):
        run.keys.append(line.entry)
    elif kind is EntryType.ANCHOR:
        run.anchors.append(line.entry)


def _new_job(run: Context, jobs: OrderedDict[str, ReelJob], line: Line) -> ReelJob:
    reel = line.entry.body["reel"]
    if reel in run.declared_reels:
        expected, found = "the entries of a reel together", "the reel again after later ones"
        run.add(Step.CHAINS, Harm.ALTERED, line.entry.stream_id, str(line), expected, found)
    run.declared_reels.add(reel)
    job = jobs[reel] = ReelJob(run.data, reel, line.entry.stream_id, _elsewhere(run, reel))
    return job


def _elsewhere(run: Context, reel: str) -> Shelf | None:
    """Where a reel is read that the folder does not hold. One that was begun since places were listed may be there."""
    begun_since = run.live and reel > run.newest_archived.get(reel.split("/")[1], "")
    return run.options.archive if reel in run.archived or begun_since else None


def _is_uploaded(reel: str, runs: set[int] | None) -> bool:
    """Whether the reel is of a run in which footage is brought at this moment: it lies in the past."""
    digits = reel.rpartition("Z-")[2].removesuffix(".mp4").partition("-")[0]
    return bool(runs) and digits.isascii() and digits.isdigit() and int(digits) in (runs or ())


def undeclared_reels(run: Context) -> None:
    """Step 6: reels that no entry speaks of. An empty one, of a hub that was killed as it made it, holds nothing."""
    for reel, size in run.reel_files.items():
        if reel in run.declared_reels or size == 0:
            continue
        stream = reel.split("/")[1]
        if run.live and (reel > run.newest_reels.get(stream, "") or _is_uploaded(reel, run.uploading.get(stream))):
            run.verdict.counts.pending_bytes += size
        else:
            place, found = f"{reel} bytes 0-{size}", "a reel that no entry speaks of"
            run.add(Step.FOOTAGE, Harm.UNDECLARED, stream, place, "entries", found)
    later = len(run.archived.keys() - run.declared_reels - run.reel_files.keys())
    if later:  # the archive goes on while a copy of the folder stands still
        run.unchecked(f"{later} reels of the archive: no entry of this folder speaks of them")
