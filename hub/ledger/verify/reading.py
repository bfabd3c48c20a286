"""Step 6 of a verification: the reels, read by other threads while the entries are still being walked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from hub.ledger.verify.context import Context
from hub.ledger.verify.footage import Read, ReelJob
from hub.ledger.verify.handover import quick_handovers

JOBS_AT_ONCE = 64
"""Bounded, so that a year of footage does not lie in memory as jobs; and always so many, so that what is found is told
in the same order each time."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A reel whose parts are read, or will be."""

    job: ReelJob
    parts: list[Future[Read]]


class Reels:
    """What is left to be read goes on while the log and the database are compared."""

    def __init__(self, run: Context) -> None:
        self._run = run
        self._waiting: deque[_Reading] = deque()
        self._held = ExitStack()
        self._held.enter_context(quick_handovers())
        self._pool = ThreadPoolExecutor(max(1, run.options.threads), "verify")
        self._held.callback(self._pool.shutdown, cancel_futures=True)

    def read(self, job: ReelJob) -> None:
        """Has this reel read; waits for the oldest one when there are too many."""
        self._waiting.append(_Reading(job, [self._pool.submit(part, self._run.advance) for part in self._parts(job)]))
        while len(self._waiting) > JOBS_AT_ONCE:
            self._collect()

    def finish(self) -> None:
        """Waits until all are read."""
        while self._waiting:
            self._collect()
        self.close()

    def close(self) -> None:
        """No thread reads any more, and what waits is not begun."""
        self._held.close()

    def _parts(self, job: ReelJob) -> list[Callable[[Callable[[int], None]], Read]]:
        scope = self._run.options.scope
        if scope is None or not job.pieces or scope.holds(job.stream, job.first_us, job.end_us):
            return job.parts()
        self._run.glanced += 1
        return [job.glance]

    def _collect(self) -> None:
        """Waits until the oldest is read."""
        reading, run = self._waiting.popleft(), self._run
        counts = run.verdict.counts
        counts.reels += 1
        reads = [part.result() for part in reading.parts]
        unreachable = next((read.unreachable for read in reads if read.unreachable), "")
        if unreachable:  # half read is not judged
            counts.unreachable_reels += 1
            run.unreachable[unreachable] = run.unreachable.get(unreachable, 0) + 1
            reads = []
        counts.bytes += sum(read.bytes for read in reads)
        counts.pending_bytes += sum(read.pending_bytes for read in reads)
        absent = next((read.absent for read in reads if read.absent is not None), None)
        if absent is not None:  # of one that is deleted meanwhile, some parts were still there
            run.absent.append(absent)
        for finding in (*reading.job.findings, *(finding for read in reads for finding in read.findings)):
            run.verdict.add(finding)
