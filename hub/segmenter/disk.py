"""All streams' way to the disk: one bounded queue, one writer, flushes for many reels together.

The event loop only appends to a queue. The writer's thread takes what has gathered (20 ms at most, so that a kill costs
no more than the fragment in the making), appends it to the reels and hashes it; both calls release the GIL. A *round*
flushes at once every reel that ended a chunk, was finished, or holds bytes older than ``flush_s`` allows. Then,
and not before, chunks are reported, all of a round in one call on the event loop.

A disk that stalls fills the queue; what does not fit is refused at the door, and the recorder says so.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import structlog

from hub.clock import US_PER_S, Clock, SystemClock
from hub.errors import StorageError
from hub.metrics import DISK_QUEUE, FLUSH_SECONDS
from hub.model import Chunk, Fragment
from hub.segmenter.files import Files, PosixFiles
from hub.segmenter.reel import Reel, ReelWriter, Report
from hub.settings import Settings

_GATHER_S = 0.02
_ROUND_US = 200_000
"""Least distance between two rounds: chunks of many streams end within it."""
_IDLE_S = 0.1
"""How often reels are looked at for old bytes while nothing is written."""
_FLUSH_THREADS = 4
"""Flushes wait for the device, not for the processor; a few at once let the file system join them."""
_MAX_UNFLUSHED = 10_000
"""Chunks that may wait for a flush: a flush that hangs must not fill the memory."""

_log = structlog.get_logger("hub.disk")

_Step = Fragment | str | None
"""Append this; end the chunk for this reason; the reel is finished."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One reel's part in a round, as it stood when the round began."""

    reel: Reel
    fd: int
    chunks: tuple[Chunk, ...]
    folders: tuple[Path, ...]


class Disk:
    """Raises StorageError from ``start`` when the data folder cannot be made."""

    def __init__(
        self, data: Path, settings: Settings, *, files: Files | None = None, clock: Clock | None = None
    ) -> None:
        self._data = data
        self._files = files or PosixFiles()
        self._clock = clock or SystemClock()
        self._limit = settings.disk_queue_mb << 20
        self._max_age_us = round(settings.flush_s * 0.75 * US_PER_S)  # the rest is for waiting and flushing
        self._writer = ReelWriter(data, self._files, self._note)
        self._steps: deque[tuple[Reel, _Step]] = deque()
        self._queued = 0
        """Bytes ever put into the queue; only the event loop writes it."""
        self._taken = 0
        """Bytes ever taken out of it; only the writer writes it."""
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._thread: threading.Thread | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # From here on the writer's thread alone
        self._reels: dict[Reel, None] = {}
        self._reports: list[Report] = []
        self._jobs: Sequence[_Job] = []
        """Of the round that is under way."""
        self._flushes: list[Future[list[Exception | None]]] = []
        """One a thread, each with every so many-th of the jobs."""
        self._round_began_us = 0
        self._unflushed = 0

    # ------------------------------------------------------------------------ the event loop

    async def start(self) -> None:
        try:
            await asyncio.to_thread(self._files.make_folder, self._data / "reels")
        except OSError as error:
            raise StorageError(f"expected to make the folder {self._data}/reels, found: {error.strerror}") from error
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(_FLUSH_THREADS, "hub-flush")
        self._thread = threading.Thread(target=self._run, name="hub-disk", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Writes and flushes everything, ends reels that are still open (reason ``stop``), and reports."""
        if self._thread is None:
            return
        self._urgent.set()
        self._wake.set()
        await asyncio.to_thread(self._thread.join)
        self._thread = None
        assert self._pool is not None
        self._pool.shutdown()
        await asyncio.sleep(0)  # the last reports, which are on their way

    @property
    def waiting_bytes(self) -> int:
        return self._queued - self._taken

    def open_reels(self) -> set[str]:
        """Paths below the data folder of the reels that are written to at this moment. From any thread."""
        return {reel.name for reel in list(self._reels) if reel.name}

    def has_room(self) -> bool:
        """Whether one who was refused may come again: half of the queue is empty."""
        return self.waiting_bytes * 2 <= self._limit and self._unflushed * 2 <= _MAX_UNFLUSHED

    def append(self, reel: Reel, fragment: Fragment) -> bool:
        """Queues a fragment for its reel, which the first one creates. False: the queue is full."""
        size = len(fragment.data)
        if self._queued - self._taken + size > self._limit or self._unflushed > _MAX_UNFLUSHED:
            return False
        self._queued += size
        self._put(reel, fragment)
        return True

    def seal(self, reel: Reel, reason: str) -> None:
        """The chunk ends after the fragments appended so far."""
        self._put(reel, reason)

    def finish(self, reel: Reel) -> None:
        """The reel ends; ``reel_closed`` tells when all of it is flushed and reported."""
        self._put(reel, None)

    def _put(self, reel: Reel, step: _Step) -> None:
        self._steps.append((reel, step))
        if not self._wake.is_set():
            self._wake.set()

    # --------------------------------------------------------------------- the writer's thread

    def _run(self) -> None:
        closing = False
        while not (closing and not self._reels and not self._steps):
            if not self._wake.wait(_IDLE_S if self._reels else None):
                self._pass(closing)
                continue
            closing = self._urgent.wait(_GATHER_S)
            self._wake.clear()
            self._pass(closing)
            if closing:
                self._wake.wait(_GATHER_S)
                self._wake.set()

    def _pass(self, closing: bool) -> None:
        try:
            now_us = self._clock.now().mono_us
            self._drain(now_us)
            if closing:
                self._end_all()
            self._end_round(now_us)
            self._begin_round(now_us, closing)
        except Exception as error:
            # No OSError, those are handled where they arise: a mistake of ours. Nobody knows what was half done, so
            # every reel ends at its last flushed chunk, and says so; new ones begin.
            _log.exception("disk_pass_failed")
            for reel in self._reels:
                self._writer.distrust(reel, OSError(f"an error inside the hub: {error!r}"))
        self._deliver()

    def _drain(self, now_us: int) -> None:
        """Takes what is queued now: the fragments of a reel between two ends in one write."""
        batches: dict[Reel, list[Fragment]] = {}
        size = 0
        try:
            for _ in range(len(self._steps)):
                reel, step = self._steps.popleft()
                if isinstance(step, Fragment):
                    batches.setdefault(reel, []).append(step)
                    size += len(step.data)
                if not reel.closed:
                    self._reels.setdefault(reel)
                if isinstance(step, Fragment) or reel.closed:
                    continue
                if batch := batches.pop(reel, None):
                    self._writer.write(reel, batch, now_us)
                if step is None:
                    reel.finished = True
                else:
                    self._writer.seal(reel, step)
            for reel, batch in batches.items():
                self._writer.write(reel, batch, now_us)
        finally:
            self._taken += size
            DISK_QUEUE.set(self._queued - self._taken)

    def _end_all(self) -> None:
        for reel in self._reels:
            self._writer.seal(reel, "stop")
            reel.finished = True

    def _begin_round(self, now_us: int, closing: bool) -> None:
        # Somebody waits for a reel that is finished; chunks can wait for others
        hurried = closing or any(reel.finished for reel in self._reels)
        if self._flushes or (now_us - self._round_began_us < _ROUND_US and not hurried):
            return
        oldest_us = now_us - self._max_age_us
        jobs = []
        for reel in list(self._reels):
            aged = reel.dirty_since_us is not None and reel.dirty_since_us <= oldest_us
            if reel.fd < 0:
                if reel.finished:
                    self._let_go(reel)
            elif reel.sealed or aged or (reel.finished and reel.dirty_since_us is not None):
                jobs.append(_Job(reel, reel.fd, tuple(reel.sealed), tuple(reel.folders)))
                reel.dirty_since_us = None
            elif reel.finished:
                self._let_go(reel)
        self._unflushed = sum(len(reel.sealed) for reel in self._reels)
        if jobs:
            self._round_began_us = now_us
            folders = {folder for job in jobs for folder in job.folders}
            assert self._pool is not None
            names = self._pool.submit(self._flush_folders, folders)
            parts = [jobs[first::_FLUSH_THREADS] for first in range(min(len(jobs), _FLUSH_THREADS))]
            self._jobs, self._flushes = jobs, [self._pool.submit(self._flush, part, names) for part in parts]
            for future in self._flushes:
                future.add_done_callback(lambda _: self._wake.set())

    def _end_round(self, now_us: int) -> None:
        """In the order of the jobs: a stream's next reel may be flushed in the same round as the one before,
        and its chunks belong behind that one's in the ledger."""
        if not self._flushes or not all(future.done() for future in self._flushes):
            return
        FLUSH_SECONDS.observe((now_us - self._round_began_us) / US_PER_S)
        jobs, results = self._jobs, [future.result() for future in self._flushes]
        self._jobs, self._flushes = [], []
        for place, job in enumerate(jobs):
            self._end_job(job, results[place % _FLUSH_THREADS][place // _FLUSH_THREADS])

    def _end_job(self, job: _Job, error: Exception | None) -> None:
        reel = job.reel
        if error is not None:
            reason = error if isinstance(error, OSError) else OSError(str(error))
            self._writer.distrust(reel, reason)
            return
        if job.chunks and (not reel.sealed or reel.sealed[0] is not job.chunks[0]):
            return  # no longer trusted since
        del reel.sealed[: len(job.chunks)]
        del reel.folders[: len(job.folders)]
        for chunk in job.chunks:
            reel.safe = chunk.offset + chunk.size
            self._note(_sealed(reel, chunk))

    def _let_go(self, reel: Reel) -> None:
        del self._reels[reel]
        self._writer.close(reel)

    def _flush(self, jobs: Sequence[_Job], names: Future[None]) -> list[Exception | None]:
        """One thread's part of a round, one after the other: what each of them raised."""
        return [self._flush_one(job, names) for job in jobs]

    def _flush_one(self, job: _Job, names: Future[None]) -> Exception | None:
        try:
            if job.folders:
                names.result()
            self._files.flush(job.fd)
        except Exception as error:
            return error
        return None

    def _flush_folders(self, folders: Sequence[Path] | set[Path]) -> None:
        for folder in folders:
            self._files.flush_folder(folder)

    def _note(self, report: Report) -> None:
        self._reports.append(report)

    def _deliver(self) -> None:
        if not self._reports:
            return
        reports, self._reports = self._reports, []
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(_call_all, reports)
        except RuntimeError:
            _log.warning("disk_reports_lost", reports=len(reports), why="the event loop is closed")


def _sealed(reel: Reel, chunk: Chunk) -> Report:
    return lambda: reel.owner.chunk_sealed(reel, chunk)


def _call_all(reports: Sequence[Report]) -> None:
    for report in reports:
        report()
