"""The shared decoders: at most four threads that look at the newest keyframe of every stream, within a budget.

A stream has one waiting picture at most; a newer one takes its place. Streams are served in turn, so that over the
budget each is looked at less often, and none is forgotten. Recording never waits for any of this.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub import metrics
from hub.clock import US_PER_S, Clock, Instant
from hub.errors import MediaError
from hub.model import Interruption, InterruptionKind, MediaKind
from hub.monitor.content.decoder import Decoder, jpeg, loudest, luma
from hub.monitor.content.features import features
from hub.monitor.content.pictures import AlarmPicture, write_picture
from hub.monitor.content.sound import ZERO_AMPLITUDE
from hub.monitor.content.store import Learnt, NormalStore
from hub.monitor.content.watch import ContentWatch, Found, Job
from hub.monitor.rules import DetectorRules

log = structlog.get_logger(__name__)

MOST_WORKERS = 4
_CREDIT_US = 2 * US_PER_S
"""Work saved up while there was little: a burst may use so much wall time's budget at once."""
_SAVE_EVERY_S = 600.0
_WAITING_WRITES = 64
_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Load:
    """For the system page. ``behind``: more is asked for than the budget allows, and streams are looked at less often
    than every ``interval_us``: each about every ``distance_us``."""

    workers: int
    budget: float
    cpu_s: float
    pictures: int
    undecodable: int
    skipped: int
    behind: bool
    interval_us: int
    distance_us: int


class Budget:
    """A share of one core, as a bucket that fills with time. Pure but for its own numbers."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._paid_until_us: int | None = None

    def wait_us(self, mono_us: int) -> int:
        """How long until the next picture may be looked at; 0: now."""
        return 0 if self._paid_until_us is None else max(0, self._paid_until_us - mono_us)

    def spend(self, cpu_us: int, mono_us: int) -> None:
        since_us = mono_us - _CREDIT_US
        since_us = since_us if self._paid_until_us is None else max(self._paid_until_us, since_us)
        self._paid_until_us = since_us + round(cpu_us / self._share)


class ContentChecks:
    """Of the whole hub. All methods but the workers' own are for the event loop."""

    def __init__(
        self,
        clock: Clock,
        data: Path,
        store: NormalStore | None = None,
        *,
        budget: float = 0.5,
        interval_s: float = 2.0,
        workers: int | None = None,
    ) -> None:
        self.interval_us = round(interval_s * US_PER_S)
        self._clock = clock
        self._data = data
        self._store = store
        self._share = budget
        self._budget = Budget(budget)
        self._workers = workers or max(1, min(MOST_WORKERS, (os.cpu_count() or 2) - 1))
        self._learnt: dict[str, Learnt] = {}
        self._watches: dict[str, ContentWatch] = {}
        self._turns: deque[ContentWatch] = deque()
        self._busy: set[ContentWatch] = set()
        self._lock = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._saving: asyncio.Task[None] | None = None
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="alarm-pictures")
        self._writes = 0
        self._cpu_s = 0.0
        self._pictures = self._undecodable = self._skipped = 0
        self._newly_skipped_mono_us: int | None = None

    # ------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Read what was learnt, start the workers."""
        self._loop = asyncio.get_running_loop()
        metrics.CONTENT_DISTANCE.set_function(lambda: self.load().distance_us / US_PER_S)
        if self._store is not None:
            self._learnt = await asyncio.to_thread(self._store.read)
            self._saving = asyncio.create_task(self._save_for_ever())
        for number in range(self._workers):
            thread = threading.Thread(target=self._work, name=f"content-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    async def close(self) -> None:
        """Stop, and keep what was learnt."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
        if self._saving is not None:
            self._saving.cancel()
            with suppress(asyncio.CancelledError):
                await self._saving
        await asyncio.to_thread(self._join)
        await self._save()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(_STOP_S)
        self._disk.shutdown(wait=True)

    def watch(
        self, stream_id: str, rules: DetectorRules, tell: Callable[[Sequence[Interruption]], None]
    ) -> ContentWatch:
        """Watch a stream; what was learnt of it before is known."""
        before = self._watches.get(stream_id)
        learnt = before.learnt(self._clock.now()) if before is not None else self._learnt.get(stream_id)
        watch = self._watches[stream_id] = ContentWatch(stream_id, rules, self, tell, learnt)
        return watch

    async def forget(self, stream_id: str) -> None:
        """The stream is retired."""
        self._watches.pop(stream_id, None)
        self._learnt.pop(stream_id, None)
        if self._store is not None:
            await asyncio.to_thread(self._store.forget, stream_id)

    def load(self) -> Load:
        behind = (
            self._newly_skipped_mono_us is not None
            and self._clock.now().mono_us - self._newly_skipped_mono_us < 5 * self.interval_us
        )
        per_picture_us = self._cpu_s * US_PER_S / max(self._pictures, 1)
        needed_us = round(per_picture_us * len(self._watches) / self._share)
        return Load(
            self._workers,
            self._share,
            round(self._cpu_s, 3),
            self._pictures,
            self._undecodable,
            self._skipped,
            behind,
            self.interval_us,
            max(self.interval_us, needed_us) if behind else self.interval_us,
        )

    # ------------------------------------------------------------------ what watches ask for

    def now(self) -> Instant:
        return self._clock.now()

    def offer(self, watch: ContentWatch, job: Job) -> None:
        """Look at it when a worker is free; what waits for the same is dropped."""
        slot = "picture" if job.picture_of else job.track.kind.value
        with self._lock:
            if watch.waiting.pop(slot, None) is not None and slot != "picture":
                self._skipped += 1
                self._newly_skipped_mono_us = job.unit.arrival.mono_us
                metrics.CONTENT_SKIPPED.inc()
            waits = bool(watch.waiting)
            watch.waiting[slot] = job
            if not waits and watch not in self._busy:
                self._turns.append(watch)
                self._lock.notify()

    def withdraw(self, watch: ContentWatch) -> None:
        """The connection is gone: what of it still waits is not looked at. Alarms' pictures are."""
        with self._lock:
            for slot in ("video", "audio"):
                watch.waiting.pop(slot, None)
            if not watch.waiting and watch in self._turns:
                self._turns.remove(watch)

    def store(self, picture: AlarmPicture) -> None:
        """Write it beside the event loop. Too many at once: the disk is ill, and it is dropped, with a word."""
        if self._loop is None or self._writes >= _WAITING_WRITES or self._stopping:
            log.warning("a picture of an alarm was not stored", picture=picture.path)
            return
        self._writes += 1
        future = self._loop.run_in_executor(self._disk, write_picture, self._data, picture)
        future.add_done_callback(partial(self._stored, picture.path))

    def _stored(self, path: str, done: asyncio.Future[None]) -> None:
        self._writes -= 1
        error = None if done.cancelled() else done.exception()
        if error is not None:
            log.error("a picture of an alarm was not stored", picture=path, error=str(error))

    # ------------------------------------------------------------------------ the workers

    def _work(self) -> None:
        decoder = Decoder()
        while True:
            taken = self._next()
            if taken is None:
                return
            watch, job = taken
            before_s = time.thread_time()
            found = self._look(decoder, watch, job)
            self._done(watch, found, time.thread_time() - before_s)

    def _next(self) -> tuple[ContentWatch, Job] | None:
        """The next stream's turn, once the budget allows it. None: the hub stops."""
        with self._lock:
            while not self._stopping:
                wait_us = self._budget.wait_us(self._clock.now().mono_us) if self._turns else None
                if wait_us == 0:
                    watch = self._turns.popleft()
                    self._busy.add(watch)
                    slot = next(iter(watch.waiting))
                    return watch, watch.waiting.pop(slot)
                self._lock.wait(None if wait_us is None else min(wait_us / US_PER_S, 0.25))
        return None

    def _done(self, watch: ContentWatch, found: Found | None, cpu_s: float) -> None:
        with self._lock:
            self._budget.spend(round(cpu_s * US_PER_S), self._clock.now().mono_us)
            self._cpu_s += cpu_s
            self._pictures += 1
            self._undecodable += found is None
            self._busy.discard(watch)
            if watch.waiting:
                self._turns.append(watch)
                self._lock.notify()
        metrics.CONTENT_CHECKS.inc()
        metrics.CONTENT_CPU.inc(cpu_s)
        if found is None:
            metrics.CONTENT_UNDECODABLE.inc()
        elif self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(watch.found, found)

    def _look(self, decoder: Decoder, watch: ContentWatch, job: Job) -> Found | None:
        """None: it cannot be decoded. A fault of our own ends no worker."""
        try:
            return look(decoder, watch, job)
        except MediaError as error:
            log.debug("not looked at", stream=watch.stream_id, error=str(error))
        except Exception:
            log.exception("a content check failed", stream=watch.stream_id)
        return None

    # ------------------------------------------------------------------------ what was learnt

    async def _save_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SAVE_EVERY_S)
            await self._save()

    async def _save(self) -> None:
        if self._store is None:
            return
        now = self._clock.now()
        learnt = {ident: watch.learnt(now) for ident, watch in self._watches.items() if watch.learnt_anew}
        try:
            await asyncio.to_thread(self._store.write, learnt)
        except SQLAlchemyError as error:
            log.warning("what cameras usually show was not stored", error=str(error))


def look(decoder: Decoder, watch: ContentWatch, job: Job) -> Found:
    """One check, in a worker: one stream is never with two of them. Raises MediaError for what cannot be decoded."""
    if job.track.kind is MediaKind.AUDIO:
        watch.learnt_anew = True
        return Found(job, zero=loudest(job.unit, job.track) <= ZERO_AMPLITUDE)
    frame = decoder.picture(job.unit, job.track.codec)
    if job.picture_of:
        return Found(job, jpeg=jpeg(frame))
    if watch.judged_session != job.session:
        watch.judged_session = job.session
        watch.judge.began()
    measured = features(luma(frame))
    if measured is None:
        raise MediaError(f"a picture of {frame.width}x{frame.height} is too small to be judged", code="too_small")
    verdict = watch.judge.judge(measured, job.unit.capture_us)
    watch.learnt_anew = True
    kind = verdict.kind or (InterruptionKind.BLURRED if verdict.blurred else None)
    first = kind is not None and watch.last_kind != (job.session, kind)
    if not verdict.unsure:
        watch.last_kind = (job.session, kind)
    return Found(job, verdict, jpeg=jpeg(frame) if first else None)
