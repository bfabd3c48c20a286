"""Exports in the background: asked for by one person, approved by another, written one at a time in a thread.

All methods are for the event loop. What must outlive a restart is in the database; one that was running begins again.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from hub.clock import Clock
from hub.database import Database, upsert
from hub.errors import Conflict, HubError, InvalidRequest, NotFound, StorageError, Unavailable
from hub.evidence.contents import Cancelled
from hub.evidence.job import OPEN, Job, JobFile, JobState, job_of, jobs
from hub.evidence.package import ExportRequest, PackageResult, new_export_id, trust_of, write_package
from hub.evidence.plan import whole
from hub.evidence.source import Source
from hub.evidence.spool import put
from hub.ledger.package.format import Notes
from hub.settings import Settings
from hub.shelf import Shelf

FOLDER = "exports"
MAX_OPEN = 100
"""Exports that may wait at a time."""
SWEEP_S = 600.0
RETRY_S = 5.0
SIGN_TRIES = 12
PROGRESS_STEP = 0.01
DAY_US = 86_400_000_000
_log = structlog.get_logger(__name__)
Tell = Callable[[Job], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. Times are hub UTC in µs."""

    stream_id: str
    from_us: int
    to_us: int
    notes: Notes
    reason: str
    recipient: str = ""
    split_bytes: int | None = None
    movie: bool = True


class Exports:
    """See the module. ``tell`` is called on the event loop with each job that changed."""

    def __init__(self, settings: Settings, clock: Clock, engine: Engine, tell: Tell, shelf: Shelf | None) -> None:
        self._settings = settings
        self._shelf = shelf
        self._clock = clock
        self._engine = engine
        self._tell = tell
        self._jobs: dict[str, Job] = {}
        self._news = asyncio.Event()
        self._stop = threading.Event()
        self._cancelled: threading.Event | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls, settings: Settings, clock: Clock, engine: Engine, tell: Tell, *, shelf: Shelf | None = None
    ) -> Exports:
        """The exports of this hub, as they stood; :meth:`start` sets them going."""
        made = cls(settings, clock, engine, tell, shelf)
        for job in await asyncio.to_thread(made._load):
            made._jobs[job.id] = job
        return made

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._sweep_for_ever())]
        self._news.set()

    async def close(self) -> None:
        """What is being written is given up, and begun again at the next start."""
        self._stop.set()
        self._news.set()
        if self._tasks:
            self._tasks[1].cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._tasks.clear()

    # ----------------------------------------------------------------------------------- what is asked

    def all(self) -> list[Job]:
        """Newest first."""
        return sorted(self._jobs.values(), key=lambda job: (job.requested_us, job.id), reverse=True)

    def find(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def get(self, job_id: str) -> Job:
        job = self._jobs.get(job_id)
        if job is None:
            raise NotFound(f"no export {job_id[:80]!r} is known")
        return job

    async def request(self, wanted: Wanted, by: str) -> Job:
        """Raises InvalidRequest for what no package can be made of, Unavailable while too many wait."""
        if wanted.notes.missing():
            raise InvalidRequest(f"expected all five notes, found none of: {', '.join(wanted.notes.missing())}")
        if not wanted.reason.strip():
            raise InvalidRequest("expected a reason for the export, found none")
        if wanted.from_us >= wanted.to_us:
            raise InvalidRequest("expected from before to, found them the other way round or equal")
        if sum(job.state in OPEN for job in self._jobs.values()) >= MAX_OPEN:
            raise Unavailable(f"{MAX_OPEN} exports wait already; decide on those first")
        job = Job(
            new_export_id(),
            wanted.stream_id,
            wanted.from_us,
            wanted.to_us,
            wanted.notes,
            wanted.reason,
            wanted.recipient,
            by,
            self._clock.now().utc_us,
            wanted.split_bytes,
            wanted.movie,
        )
        return await self._keep(job)

    async def approve(self, job_id: str, by: str) -> Job:
        """The caller knows that ``by`` is another person than the one who asked; the same name is refused here too."""
        job = self._in_state(job_id, JobState.REQUESTED)
        if by == job.requested_by:
            raise Conflict("an export is approved by another person than the one who asked for it", code="same_person")
        now_us = self._clock.now().utc_us
        kept = await self._keep(replace(job, state=JobState.APPROVED, decided_by=by, decided_us=now_us))
        self._news.set()
        return kept

    async def reject(self, job_id: str, by: str, why: str) -> Job:
        job = self._in_state(job_id, JobState.REQUESTED)
        now_us = self._clock.now().utc_us
        return await self._keep(
            replace(job, state=JobState.REJECTED, decided_by=by, decided_us=now_us, finished_us=now_us, problem=why)
        )

    async def remove(self, job_id: str) -> Job:
        """Give up what waits or runs; delete the files of what is ready. That it was asked for stays known."""
        job = self.get(job_id)
        if job.state is JobState.RUNNING:
            if self._cancelled is not None:
                self._cancelled.set()
            return job
        if job.state in OPEN:
            return await self._keep(replace(job, state=JobState.CANCELLED, finished_us=self._clock.now().utc_us))
        if job.state is JobState.READY:
            await asyncio.to_thread(self._remove_files, job)
            return await self._keep(replace(job, state=JobState.REMOVED))
        raise Conflict(f"this export is {job.state}: there is nothing to give up", code="export_state")

    def file(self, job_id: str, number: int) -> tuple[Path, JobFile]:
        """Part ``number`` (from 1) of a package that is ready."""
        job = self._in_state(job_id, JobState.READY)
        if not 1 <= number <= len(job.files):
            raise NotFound(f"expected a part from 1 to {len(job.files)}, found {number}")
        file = job.files[number - 1]
        return self._folder(job) / file.name, file

    def _in_state(self, job_id: str, state: JobState) -> Job:
        job = self.get(job_id)
        if job.state is not state:
            raise Conflict(f"expected an export that is {state}, this one is {job.state}", code="export_state")
        return job

    # ------------------------------------------------------------------------------------ in the background

    async def _work(self) -> None:
        while not self._stop.is_set():
            await self._news.wait()
            self._news.clear()
            while not self._stop.is_set() and (job := self._next()) is not None:
                try:
                    await self._run(job)
                except SQLAlchemyError as error:
                    _log.warning("an export waits for the database", export=job.id, error=str(error))
                    self._jobs[job.id] = replace(job, state=JobState.APPROVED)
                    await self._clock.sleep(RETRY_S)

    def _next(self) -> Job | None:
        waiting = [job for job in self._jobs.values() if job.state is JobState.APPROVED]
        return min(waiting, key=lambda job: (job.decided_us or 0, job.id), default=None)

    async def _run(self, job: Job) -> None:
        job = await self._keep(replace(job, state=JobState.RUNNING, progress=0.0))
        self._cancelled = threading.Event()
        try:
            result = await self._write(job)
        except Cancelled:
            if self._stop.is_set():
                return  # in the database it is running still: begun again at the next start
            await asyncio.to_thread(self._remove_files, job)
            await self._end(job, JobState.CANCELLED, "")
        except (HubError, OSError) as error:
            await self._end(job, JobState.FAILED, str(error))
        except Exception:
            _log.exception("an export failed", export=job.id)
            await self._end(job, JobState.FAILED, "a fault of the hub itself; its log says more")
        else:
            files = tuple(JobFile(part.path.name, part.size, part.sha256) for part in result.parts)
            await self._end(replace(job, files=files, progress=1.0), JobState.READY, "; ".join(result.warnings))
        finally:
            self._cancelled = None

    async def _end(self, job: Job, state: JobState, problem: str) -> None:
        await self._keep(replace(job, state=state, problem=problem, finished_us=self._clock.now().utc_us))

    async def _write(self, job: Job) -> PackageResult:
        """Waits for the next checkpoint where the newest entries are not signed yet."""
        loop = asyncio.get_running_loop()
        for tries_left in reversed(range(SIGN_TRIES)):
            try:
                return await asyncio.to_thread(self._write_now, job, loop)
            except Unavailable as error:
                if error.code != "not_signed_yet" or not tries_left:
                    raise
            if self._gone():
                raise Cancelled
            await self._clock.sleep(self._settings.checkpoint_s / 4)
        raise AssertionError("the last try raises")

    def _write_now(self, job: Job, loop: asyncio.AbstractEventLoop) -> PackageResult:
        folder = self._folder(job)
        self._remove_files(job)
        self._check_room(job)
        folder.mkdir(parents=True, exist_ok=True)
        request = ExportRequest(
            export_id=job.id,
            stream_id=job.stream_id,
            from_us=job.from_us,
            to_us=job.to_us,
            notes=job.notes,
            by=job.requested_by,
            approved_by=job.decided_by,
            recipient=job.recipient,
            reason=job.reason,
            split_bytes=job.split_bytes,
            movie=job.movie,
        )
        told = 0.0

        def progress(fraction: float) -> None:
            nonlocal told
            if fraction - told >= PROGRESS_STEP:
                told = fraction
                loop.call_soon_threadsafe(self._advance, job.id, fraction)

        settings = self._settings
        result = write_package(
            request,
            settings.data,
            folder / f"{job.id}.zip",
            self._clock,
            database=Database.of(settings),
            keys_dir=settings.keys_dir,
            shelf=self._shelf,
            trust=trust_of(settings),
            progress=progress,
            cancelled=self._gone,
        )
        put(settings.data, result)
        return result

    def _gone(self) -> bool:
        return self._stop.is_set() or (self._cancelled is not None and self._cancelled.is_set())

    def _check_room(self, job: Job) -> None:
        """An export must not fill the disk that the hub records on."""
        with Source(self._settings.data, Database.of(self._settings), self._shelf) as source:
            part = whole(source, job.stream_id, (job.from_us, job.to_us))
        # The package, and while it is made the movie once more.
        wanted = part.media_bytes * (3 if job.movie else 1) + (16 << 20)
        free = shutil.disk_usage(self._settings.data).free - (self._settings.min_free_mb << 20)
        if wanted > free:
            raise StorageError(f"expected {wanted >> 20} MiB of free disk for this export, found {max(0, free) >> 20}")

    def _advance(self, job_id: str, fraction: float) -> None:
        job = self._jobs.get(job_id)
        if job is not None and job.state is JobState.RUNNING:
            self._jobs[job_id] = replace(job, progress=round(fraction, 3))
            self._tell(self._jobs[job_id])

    # ---------------------------------------------------------------------------------------- files

    def _folder(self, job: Job) -> Path:
        return self._settings.data / FOLDER / job.id

    def _remove_files(self, job: Job) -> None:
        shutil.rmtree(self._folder(job), ignore_errors=True)

    async def _sweep_for_ever(self) -> None:
        while True:
            with contextlib.suppress(OSError, SQLAlchemyError):
                await self.sweep()
            await self._clock.sleep(SWEEP_S)

    async def sweep(self) -> None:
        """Remove packages that nobody fetched for ``export_days``."""
        before_us = self._clock.now().utc_us - round(self._settings.export_days * DAY_US)
        for job in list(self._jobs.values()):
            if job.state is JobState.READY and (job.finished_us or 0) < before_us:
                await self.remove(job.id)

    # ------------------------------------------------------------------------------------- the table

    def _load(self) -> list[Job]:
        with self._engine.connect() as connection:
            found = [job_of(dict(row._mapping)) for row in connection.execute(select(jobs))]
        return [replace(job, state=JobState.APPROVED) if job.state is JobState.RUNNING else job for job in found]

    async def _keep(self, job: Job) -> Job:
        await asyncio.to_thread(self._save, job)
        self._jobs[job.id] = job
        self._tell(job)
        return job

    def _save(self, job: Job) -> None:
        row = job.row()
        with self._engine.begin() as connection:
            connection.execute(upsert(jobs).values(row).on_conflict_do_update(index_elements=["id"], set_=row))
