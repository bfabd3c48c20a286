"""Sealed reels to the object store in the background, verified there, then off this disk by rule.

All methods are for the event loop; what blocks is done by threads of its own at low priority. A store that is away
changes nothing but this: files wait on the disk, and somebody is told for how long they still can.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from hub import metrics
from hub.archive.book import Book
from hub.archive.pace import Pace
from hub.archive.pending import LEDGER, Ends, Item, Pending
from hub.archive.store import Put, Refused, Store, Stored
from hub.clock import US_PER_S, Clock
from hub.errors import HubError
from hub.ledger.keeping import DAY_US
from hub.outage import Outage
from hub.retention.files import Files
from hub.retention.rules import Rules
from hub.retention.space import Marks
from hub.settings import Settings

PASS_S = 5.0
WHOLE_EVERY_US = 3600 * US_PER_S
"""How often everything is looked at, and the log's next piece goes: 24 small objects a day."""
FIRST_WAIT_S, MOST_WAIT_S = 5.0, 300.0
"""After a call that failed; doubled each time."""
LEAVE_AT_ONCE = 200
_BLOCK = 1 << 20
_NICENESS = 5
_SHORT, _ENOUGH = 3, 4
"""Times the least room: freeing begins and ends there, before retention has to look for room (1.5 times)."""

Tell = Callable[[str, Mapping[str, Any]], None]
_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class _Stopped(Exception):
    """The hub stops in the middle of an upload."""


@dataclass(slots=True)
class Status:
    """As of the last pass. ``waiting_bytes`` are on this disk alone; ``both_bytes`` on it and in the archive;
    ``away_us``: since when the store does not answer, hub UTC; ``days_left``: until the disk is full at the present
    rate, None: nobody can tell."""

    waiting: int = 0
    waiting_bytes: int = 0
    both_bytes: int = 0
    away_us: int | None = None
    problem: str = ""
    days_left: float | None = None


class Archive:
    """``open_reels``: what recorders hold open; ``is_gone``: whether a tombstone stands for a reel (blocks);
    ``bytes_per_s``: how fast footage is written; ``ends``, ``reels_alone``: as :class:`Pending` asks."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        store: Store,
        book: Book,
        files: Files,
        *,
        open_reels: Callable[[], Collection[str]],
        is_gone: Callable[[str], bool],
        bytes_per_s: Callable[[], float | None] = lambda: None,
        tell: Tell = lambda _type, _data: None,
        ends: Ends | None = None,
        reels_alone: bool = False,
    ) -> None:
        self.status = Status()
        self.store = store
        self._settings = settings
        self._data: Path = settings.data
        self._clock = clock
        self._book = book
        self._files = files
        self._open_reels = open_reels
        self._is_gone = is_gone
        self._bytes_per_s = bytes_per_s
        self._tell = tell
        self._rules = Rules.from_settings(settings)
        self._pending = Pending(settings.data, book, open_reels, ends, reels_alone=reels_alone)
        self._pace = Pace(round(settings.archive_rate_mb * (1 << 20)), clock)
        self._uploads: dict[str, asyncio.Task[None]] = {}
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(settings.archive_parallel + 1, "hub-archive", _yield_to_others)
        self._outage = Outage("the archive", clock)
        self._failures = 0
        self._whole_us: int | None = None
        self._swept = False
        self._freeing = False

    # --------------------------------------------------------------------------------- in the background

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                with self._outage.endured():
                    await self.one_pass()
            except (HubError, OSError) as error:
                self._away(error)
            except Exception:
                _log.exception("a pass of the archive failed; it tries again")
                self._failures += 1
            await self._clock.sleep(self.wait_s)

    @property
    def wait_s(self) -> float:
        """Until the next pass."""
        return PASS_S if not self._failures else min(FIRST_WAIT_S * 2 ** (self._failures - 1), MOST_WAIT_S)

    async def close(self) -> None:
        """Uploads in progress end where they are, and begin again at the next start."""
        self._stop.set()
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    def let_go(self) -> None:
        """The same without waiting for a store that hangs: what comes of it then is not noted."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def one_pass(self) -> None:
        """Upload what is finished, oldest first; let leave what may; look at the disk. Raises OSError when the store
        does not answer; the disk was looked at all the same."""
        now_us = self._clock.now().utc_us
        whole = self._whole_us is None or not 0 <= now_us - self._whole_us < WHOLE_EVERY_US
        items = await self._thread(self._pending.look, now_us, whole=whole)
        failed: OSError | None = None
        try:
            if not self._swept:
                await self._thread(self._sweep)
                self._swept = True
            await self._upload_all(items)
        except OSError as error:
            failed = error
        if failed is None and whole:
            self._whole_us = now_us
        await self._thread(self._leave)
        self._report(items, failed)
        if failed is not None:
            raise failed

    def _sweep(self) -> None:
        """What a killed process or a store that broke off left: an upload that was begun is ended, and begins anew."""
        for path in self._book.uploading():
            try:
                if aborted := self.store.abort(path):
                    _log.warning("an unfinished upload was given up", path=path, uploads=aborted)
            except Refused as error:
                _log.warning("unfinished uploads cannot be looked for in the object store", error=str(error))
            self._book.give_up(path)

    async def _upload_all(self, items: list[Item]) -> None:
        """Several at once, in their order. Raises the first error, once those under way have ended."""
        waiting = iter(items)
        failed: list[OSError] = []

        async def work() -> None:
            for item in waiting:
                if failed or self._stop.is_set():
                    return
                try:
                    await self._once(item)
                except OSError as error:
                    failed.append(error)

        await asyncio.gather(*(work() for _ in range(self._settings.archive_parallel)))
        if failed:
            raise failed[0]

    async def _once(self, item: Item) -> None:
        """Of two uploads of one file at the same moment the second would hold the first one's object for deleted."""
        task = self._uploads.get(item.path)
        if task is None:
            task = self._uploads[item.path] = asyncio.create_task(self._thread(self._upload, item))
            task.add_done_callback(partial(self._ended, item.path))
        await asyncio.shield(task)

    def _ended(self, path: str, task: asyncio.Task[None]) -> None:
        del self._uploads[path]
        if not task.cancelled():
            task.exception()  # whoever waited has it; with the hub's end nobody does

    async def take(self, reels: Iterable[str], ends: Ends) -> bool:
        """Upload these reels now, before whatever else waits. Whether they are in the archive: a store that is away is
        not waited for, and the next passes bring them."""
        try:
            for path in reels:
                if self.status.away_us is not None:
                    return False
                item = await self._thread(self._pending.reel, path, ends)
                if item is not None:
                    await self._once(item)
        except OSError as error:
            _log.warning("reels wait on this disk for the archive", error=str(error))
            return False
        return True

    async def _thread(self, work: Callable[..., _T], *args: Any, **named: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **named))

    # ------------------------------------------------------------------------------------ one upload

    def _upload(self, item: Item) -> None:
        """Blocks. Raises OSError; then the row says that it was begun, which the next pass or start finds."""
        if item.begun_us and self._is_gone(item.path):
            return
        now_us = self._clock.now().utc_us
        if not self._book.begin(item.path, item.size, item.begun_us, now_us, reel=bool(item.begun_us)):
            return
        try:
            put, stored = self._put(item)
            until_us = self._lock(item, stored)
            if self._stop.is_set():
                return  # somebody else may have begun it anew already
        except _Stopped:
            return
        except BaseException:
            self._swept = False  # what this upload left in the store is looked for before the next
            if (self._data / item.source).exists():
                raise
            return  # deleted meanwhile
        if not self._book.keep(item.path, put, until_us, self._clock.now().utc_us):
            self.store.remove(item.path)  # lawfully deleted while it was uploaded
            return
        metrics.ARCHIVED_BYTES.inc(put.size)

    def _put(self, item: Item) -> tuple[Put, Stored]:
        there = self.store.holds(item.path, lambda: self._blocks(item), item.size)
        if there is not None:
            return there
        put = self.store.put(item.path, self._blocks(item, paced=True), item.size)
        return put, self.store.check(item.path, put)

    def _blocks(self, item: Item, *, paced: bool = False) -> Iterator[bytes]:
        left = item.size
        with (self._data / item.source).open("rb") as file:
            file.seek(item.offset)
            while left and (block := file.read(min(_BLOCK, left))):
                left -= len(block)
                if self._stop.wait(self._pace.take(len(block)) if paced else 0):
                    raise _Stopped
                yield block
            if hasattr(os, "posix_fadvise"):  # what nobody reads again must not push out what somebody will
                os.posix_fadvise(file.fileno(), item.offset, item.size, os.POSIX_FADV_DONTNEED)

    def _lock(self, item: Item, stored: Stored) -> int:
        """Until when the store keeps it whoever asks; 0: it has no locks."""
        mode = self._settings.archive_lock
        if mode == "off" or not self.store.locks:
            return stored.lock_until_us
        until_us = self._least_us(item)
        if until_us > max(stored.lock_until_us, self._clock.now().utc_us):
            self.store.lock(item.path, stored.version, mode, until_us)
        return max(until_us, stored.lock_until_us)

    def _least_us(self, item: Item) -> int:
        """Nothing may delete it before. Never later than the term of its stream's class: holds, cases and ranges keep
        it longer by the hub's own rules, and end."""
        if item.stream == LEDGER:
            days = max(one.least_days for one in self._rules.classes.values())
            return self._clock.now().utc_us + days * DAY_US
        begin_us = item.end_us or self._clock.now().utc_us
        return begin_us + self._rules.class_of(item.stream).least_days * DAY_US

    # ------------------------------------------------------------------------------ leaving this disk

    def _leave(self) -> None:
        """Blocks. Reels that are in the archive and have been here long enough; while room is short, all of them,
        oldest first."""
        usage = self._files.usage(self._data)
        low = Marks.of(self._settings, usage).low
        free = usage.free
        self._freeing = free < low * (_ENOUGH if self._freeing else _SHORT)
        now_us = self._clock.now().utc_us
        keep_us = round(self._settings.archive_keep_h * 3600 * US_PER_S)
        open_reels = self._open_reels()
        folders = set()
        for noted in self._book.to_leave(now_us if self._freeing else now_us - keep_us, LEAVE_AT_ONCE):
            if noted.begun_us >= now_us - keep_us and free >= low * _ENOUGH:
                break
            path = self._data / noted.path
            size = self._files.size(path)
            if size is not None:
                if noted.path in open_reels or size != noted.size:
                    continue  # it was written to since: it is uploaded again
                self._files.remove(path)
                folders.add(path.parent)
                free += size
            self._book.left(noted.path)
        for folder in folders:
            with suppress(FileNotFoundError):
                self._files.flush_folder(folder)
        self.status.both_bytes = self._book.both_bytes()

    def leaving_bytes(self) -> int:
        """What this disk would be rid of without losing anything, as of the last pass."""
        return self.status.both_bytes

    # ------------------------------------------------------------------------------------ being told

    def _report(self, items: list[Item], failed: OSError | None) -> None:
        status = self.status
        status.waiting = len(items) if failed is not None else 0
        status.waiting_bytes = sum(one.size for one in items) if failed is not None else 0
        rate = self._bytes_per_s()
        usage = self._files.usage(self._data)
        status.days_left = (usage.free + status.both_bytes) / rate / 86_400 if rate else None
        metrics.ARCHIVE_WAITING.set(status.waiting_bytes)
        metrics.ARCHIVE_DAYS_LEFT.set(-1 if status.days_left is None else status.days_left)
        if failed is None:
            self._back()

    def _away(self, error: Exception) -> None:
        self._failures += 1
        status = self.status
        status.problem = str(error)[:300]
        metrics.ARCHIVE_FAILURES.inc()
        metrics.ARCHIVE_UP.set(0)
        if status.away_us is not None:
            return
        status.away_us = self._clock.now().utc_us
        refused = isinstance(error, Refused)
        _log.error("the archive refuses uploads" if refused else "the archive cannot be reached", error=status.problem)
        days = None if status.days_left is None else int(status.days_left)  # the bus of a cluster carries no fractions
        self._tell("archive.away", {"problem": status.problem, "days_left": days})

    def _back(self) -> None:
        self._failures = 0
        metrics.ARCHIVE_UP.set(1)
        if self.status.away_us is None:
            return
        self.status.away_us, self.status.problem = None, ""
        _log.info("the archive takes uploads again")
        self._tell("archive.back", {})

    @property
    def problem(self) -> str:
        """For /readyz and the alarm that follows: "ok", or, since it goes on recording, "ok, but" with what waits and
        for how long it can."""
        status = self.status
        if status.away_us is None:
            return "ok"
        left = "" if status.days_left is None else f"; the disk is full in {status.days_left:.1f} days at today's rate"
        waits = f"{status.waiting_bytes >> 20} MiB wait on the disk{left}"
        return f"ok, but the archive does not take footage ({status.problem}): {waits}"


def _yield_to_others() -> None:
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)  # Linux: of this thread alone
