"""Step 6 of a verification: the reels, shared among the threads. The one that walks the entries is one of them: it
reads where it would have to wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

from hub.ledger.verify.context import Context
from hub.ledger.verify.footage import Progress, Read, ReelJob
from hub.ledger.verify.interpreter import set_for_verifying

JOBS_AT_ONCE = 64
"""Bounded, so that a year of footage does not lie in memory as jobs; and always so many, so that what is found is told
in the same order each time."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Of a reel: read by whoever comes first."""

    work: Callable[[Progress], Read]
    read: Future[Read] = field(default_factory=Future)

    def do(self, progress: Progress) -> None:
        try:
            self.read.set_result(self.work(progress))
        except Exception as error:  # belongs to whoever asks for the result
            self.read.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A reel whose parts are read, or will be."""

    job: ReelJob
    parts: list[_Part]


class Reels:
    """Reels that were handed in are read by ``threads`` in all, the caller's own among them: one more than there are
    cores would take the lock of the interpreter to sleep with it."""

    def __init__(self, run: Context) -> None:
        self._run = run
        self._waiting: deque[_Reading] = deque()
        self._unread: SimpleQueue[_Part | None] = SimpleQueue()
        """Of those that wait; None: no more will come."""
        self._held = ExitStack()
        self._held.enter_context(set_for_verifying())
        self._others = [Thread(target=self._work, name="verify", daemon=True) for _ in range(run.options.threads - 1)]
        for thread in self._others:
            thread.start()

    def read(self, job: ReelJob) -> None:
        """Has this reel read; when there are too many, the oldest is read before this returns."""
        reading = _Reading(job, [_Part(work) for work in self._parts(job)])
        self._waiting.append(reading)
        for part in reading.parts:
            self._unread.put(part)
        while len(self._waiting) > JOBS_AT_ONCE:
            self._collect()

    def finish(self) -> None:
        """Returns once all are read."""
        while self._waiting:
            self._collect()
        self.close()

    def close(self) -> None:
        """No thread reads any more, and what waits is not begun."""
        while self._next() is not None:
            pass
        for _ in self._others:
            self._unread.put(None)
        for thread in self._others:
            thread.join()
        self._others.clear()
        self._held.close()

    def _work(self) -> None:
        while (part := self._unread.get()) is not None:
            part.do(self._run.advance)

    def _next(self) -> _Part | None:
        """The oldest that nobody has begun."""
        try:
            return self._unread.get_nowait()
        except Empty:
            return None

    def _result(self, part: _Part) -> Read:
        """What the part came to; until then this thread reads as well."""
        while not part.read.done() and (other := self._next()) is not None:
            other.do(self._run.advance)
        return part.read.result()

    def _parts(self, job: ReelJob) -> list[Callable[[Progress], Read]]:
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
        reads = [self._result(part) for part in reading.parts]
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
