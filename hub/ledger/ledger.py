"""The ledger: takes facts on the event loop, makes them durable in a thread, signs their log.

:meth:`Ledger.append` makes the entry at once, so that its place in the chain is fixed by the order of
the calls; everything that touches a disk happens later, in one thread (``hub/ledger/writer.py``). The
pauses between commits, checkpoints and flushes pace the disk and are the event loop's; every time that
is *written* comes from the injected clock.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub import __version__
from hub.clock import Clock, Instant
from hub.database import Database
from hub.errors import LedgerError
from hub.ledger import reels
from hub.ledger.bodies import close_body
from hub.ledger.chain import Head, heads_digest, make_entry
from hub.ledger.chain import Writer as Author
from hub.ledger.entries import HUB_STREAM, BadEntry, Entry, EntryType, JsonValue, is_stream_id
from hub.ledger.reader import Reader
from hub.ledger.recovery import catch_up
from hub.ledger.signing.signer import Custody, Signers
from hub.ledger.startup import Started, local_signers, start
from hub.ledger.store import EntryFiles, flush
from hub.ledger.timekeeping import Timekeeping, boot_id, node_name
from hub.ledger.writer import Committed, Writer
from hub.metrics import CHECKPOINT_FAILURES, CHECKPOINT_TIME, COMMIT_SECONDS, ENTRIES, LOG_SIZE
from hub.model import Interruption, InterruptionState
from hub.settings import Settings

HEARTBEAT_S = 60.0
FLUSH_S = 30.0
"""How often entry files are flushed; until then the database holds their newest lines."""
RETRY_S = 1.0
MAX_WAITING_BYTES = 128 << 20
"""Entries that neither disk nor database took, after which no more are made: hours of a hundred streams."""
STEP_US = 500_000
"""A calendar that leaps this far against monotonic time was set, not slewed."""

Listener = Callable[[Sequence[Entry]], None]
_Result = TypeVar("_Result")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RecoveredStream:
    """A stream as the last run of the hub left it. ``open``: a run of it was under way, which
    its source had not ended."""

    stream_id: str
    run: int
    open: bool
    recorded_until_us: int | None
    interruption: Interruption | None


class Ledger:
    """See the module. Made by :meth:`open`; all methods but ``reader``'s are for the event loop."""

    def __init__(self, settings: Settings, clock: Clock, started: Started) -> None:
        self._settings = settings
        self._clock = clock
        self._started = started
        self._data = settings.data
        index = started.index
        epoch = max((state.epoch for state in index.states.values()), default=-1) + 1
        self._author = Author(started.signer.key.name, node_name(), epoch, boot_id())
        self._timekeeping = Timekeeping()
        self._heads = {state.stream: Head(state.seq, state.leaf.hex()) for state in index.states.values()}
        self._writer = Writer(
            settings.data,
            EntryFiles(settings.data),
            started.log,
            started.log_id,
            index,
            lambda: catch_up(settings.data, index),
        )
        self._pending: list[Entry] = []
        self._waiting_bytes = 0
        self._offset_us: int | None = None
        self._listeners: list[Listener] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._unsigned = asyncio.Event()
        self._stopping = asyncio.Event()
        self._closing = False
        self._problem = ""
        self._signed_us = 0
        self._sign_problem = ""
        self._announcer = started.announcer
        self._listeners.append(self._announcer.committed)
        self._asker = ThreadPoolExecutor(1, "ledger-sign")
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._flusher = ThreadPoolExecutor(1, "ledger-flush")
        self._tasks: list[asyncio.Task[None]] = []
        self._counters = {kind: ENTRIES.labels(kind.value) for kind in EntryType}
        self.recovered: tuple[RecoveredStream, ...] = ()
        self.reader = Reader(Database.of(settings), settings.data)

    # ------------------------------------------------------------------------- begin and end

    @classmethod
    async def open(cls, settings: Settings, clock: Clock, scan: reels.Scan, signers: Signers | None = None) -> Ledger:
        """The ledger of a data folder, repaired and checked; ``scan`` finds the whole fragments of a reel
        that was open when the hub ended. Without ``signers`` this process holds the key; they end with the
        ledger.

        Raises LedgerError: code ``rollback`` if the log is not what was signed last, ``in_use`` if
        another hub runs on the folder, ``key_missing`` if the log's key is gone.
        """
        started = await asyncio.get_running_loop().run_in_executor(
            None, start, settings, signers or local_signers(settings)
        )
        ledger = cls(settings, clock, started)
        try:
            await ledger._begin(scan)
        except BaseException:
            await ledger._abandon()
            raise
        return ledger

    async def _begin(self, scan: reels.Scan) -> None:
        self._tasks.append(asyncio.create_task(self._committing(), name="ledger commits"))
        found = await self._call(self._look_at_reels, scan)
        self._say_how_it_began()
        for item in found:
            self.append(item.stream_id, EntryType.RECOVERY, item.body)
            _log.warning("an open reel was recovered", reel=item.reel, bytes=item.body["size"], cut_at=item.cut_at)
        await self.committed()
        for item in found:
            await self._call(reels.finish, self._data, item)
        self.recovered = await self._call(self._what_was_open)
        await self._sign()
        for task in (self._signing(), self._flushing(), self._beating()):
            self._tasks.append(asyncio.create_task(task))

    def _look_at_reels(self, scan: reels.Scan) -> list[reels.Recovered]:
        index = self._started.index
        return [reels.recover_reel(self._data, index, item, scan) for item in list(reels.open_reels(self._data, index))]

    def _say_how_it_began(self) -> None:
        started = self._started
        if started.new_log:
            body: dict[str, JsonValue] = {
                "of": self._author.origin,
                "vkey": self.vkey(),
                "version": __version__,
                "signer": self.custody.value,
            }
            if started.cites is not None:
                body["cites"] = dict(started.cites)
            self.append(HUB_STREAM, EntryType.GENESIS, body)
        if started.ended:
            done = started.repair
            body = {
                "ended": started.ended,
                "last_us": max((state.t_hub_us for state in started.index.states.values()), default=0),
                "version": __version__,
                "database": "rebuilt" if started.rebuilt else "kept",
                "completed": done.completed,
                "reinserted": done.reinserted,
                "signer": self.custody.value,
            }
            self.append(HUB_STREAM, EntryType.RESTART, body)
        for item in started.repair.quarantined:
            self.append(HUB_STREAM, EntryType.RECOVERY, {"what": "entries", "file": item.path, **item.body()})

    def _what_was_open(self) -> tuple[RecoveredStream, ...]:
        index = self._started.index
        return tuple(
            RecoveredStream(
                state.stream,
                state.run,
                state.run_open,
                state.recorded_until_us,
                self._as_it_stood(index.interruption(state.interruption_id)) if state.interruption_id else None,
            )
            for state in sorted(index.states.values(), key=lambda state: state.stream)
            if state.stream != HUB_STREAM
        )

    def _as_it_stood(self, known: Interruption | None) -> Interruption | None:
        """Of a resume there is no entry, only of the close that follows it. Footage after the break tells of it."""
        if known is None or known.state is not InterruptionState.CONFIRMED:
            return known
        # "begin-end begin-": of a flapping link the newest break alone lasts
        newest = str(known.evidence.get("breaks", known.started_us)).split()[-1]
        began_us = int(newest.partition("-")[0])
        spans = self.reader.spans(known.stream_id, began_us, 1 << 62)
        later = [span for span in spans if span.from_us > began_us]
        return replace(known, state=InterruptionState.RESUMED, ended_us=later[0].from_us) if later else known

    async def close(self) -> None:
        """Write, sign and flush what is left. What the disk refuses now is found again at the next start."""
        if self._closing:
            return
        self.append(HUB_STREAM, EntryType.CLOSE, close_body("stop"))
        self._closing = True
        await self._stop_tasks()
        try:
            if self._writer.waiting:
                _log.error("entries were left unwritten at the end", count=self._writer.waiting, problem=self._problem)
            if not await self._sign():
                await self._sign()  # a signer that died meanwhile is started again
            await self._flush()
        finally:
            await self._abandon()

    async def _stop_tasks(self) -> None:
        """Let what is under way in a thread come to its end: none is cancelled."""
        self._stopping.set()
        self._news.set()
        self._unsigned.set()
        await asyncio.gather(*self._tasks)
        self._tasks.clear()

    async def _abandon(self) -> None:
        self._closing = True
        await self._stop_tasks()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(LedgerError("the ledger was closed before the entries were durable"))
        await self._call(self._writer.close)
        self._thread.shutdown()
        self._flusher.shutdown()
        await asyncio.get_running_loop().run_in_executor(self._asker, self._started.signers.close)
        self._asker.shutdown()
        self.reader.close()
        os.close(self._started.lock)

    async def _pause(self, seconds: float) -> bool:
        """Wait that long, or until the ledger is to stop; whether it is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()

    # ------------------------------------------------------------------------------ the facts

    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> Entry:  # noqa: A002
        """Make the next entry of a stream (``_hub`` for hub-wide ones); it becomes durable soon.

        Cheap, never blocks. Raises BadEntry for a body that its type does not allow, LedgerError with
        code ``ledger_full`` when nothing could be written for hours, or once the ledger is closed.
        """
        if self._closing:
            raise LedgerError("the ledger is closed", code="ledger_closed")
        if self._waiting_bytes > MAX_WAITING_BYTES:
            raise LedgerError(
                f"the ledger takes no more entries until the disk does: {self._problem}", code="ledger_full"
            )
        now = self._clock.now()
        self._watch_calendar(now)
        head = self._heads.get(stream_id)
        if head is None:
            if stream_id == HUB_STREAM:
                head = Head()
            elif is_stream_id(stream_id):
                genesis = self._make(stream_id, Head(), EntryType.GENESIS, {"of": stream_id}, now)
                head = Head(genesis.seq, genesis.leaf)
            else:
                raise BadEntry(f"expected a stream id, found {stream_id!r}")
        return self._make(stream_id, head, type, body, now)

    def _make(self, stream_id: str, head: Head, kind: EntryType, body: Mapping[str, JsonValue], now: Instant) -> Entry:
        clock = self._timekeeping.state(now.mono_us)
        entry = make_entry(self._author, head, stream_id, kind, body, now, clock)
        self._heads[stream_id] = Head(entry.seq, entry.leaf)
        self._pending.append(entry)
        self._waiting_bytes += len(entry.data)
        self._counters[kind].inc()
        self._news.set()
        return entry

    def _watch_calendar(self, now: Instant) -> None:
        """A calendar that was set is a fact of its own."""
        offset_us = now.utc_us - now.mono_us
        before, self._offset_us = self._offset_us, offset_us
        if before is not None and abs(offset_us - before) > STEP_US:
            self.append(HUB_STREAM, EntryType.CLOCK_STEP, {"step_us": offset_us - before})

    def next_seq(self, stream_id: str) -> int:
        """The ``seq`` of the entry that the next :meth:`append` for this stream makes (its genesis comes before it)."""
        head = self._heads.get(stream_id)
        return 1 if head is None else head.seq + 1

    next_run = next_seq
    """A run bears the number of its ``open`` entry."""

    @property
    def problem(self) -> str:
        """Why entries cannot be written, or their log not signed, at the moment; empty when all is well."""
        return self._problem or self._sign_problem

    @property
    def custody(self) -> Custody:
        """Where the signing key is kept."""
        return self._started.signer.custody

    @property
    def waiting_bytes(self) -> int:
        """Bytes of entries that are not durable yet."""
        return self._waiting_bytes

    async def committed(self) -> None:
        """Everything appended so far is durable. Waits as long as the disk refuses."""
        if not self._pending and not self._waiting_bytes:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._news.set()
        self._hurry.set()
        await waiter

    def on_commit(self, listener: Listener) -> None:
        """``listener(entries)`` is called on the event loop after each commit, and must not block."""
        self._listeners.append(listener)

    def checkpoint(self) -> str:
        """The newest signed checkpoint: a C2SP note."""
        return self._writer.log.note

    @property
    def signed_us(self) -> int:
        """Hub UTC, µs: every entry made until then is under the newest checkpoint. 0: nothing signed in this run."""
        return self._signed_us

    def vkey(self) -> str:
        """The verifier key of the checkpoints."""
        return str(self._started.signer.key)

    def key_statements(self) -> tuple[str, ...]:
        """Signed notes about the log's keys, oldest first."""
        return self._started.signer.statements

    # -------------------------------------------------------------------------- in the background

    async def _committing(self) -> None:
        while not self._stopping.is_set():
            await self._news.wait()
            await self._rest_of_interval()
            self._news.clear()
            self._hurry.clear()
            if not await self._commit():
                await self._pause(RETRY_S)
                self._news.set()
        await self._commit()

    async def _rest_of_interval(self) -> None:
        """Gather entries of all streams for one transaction, unless somebody waits for it."""
        if not self._stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.commit_ms / 1000):
                    await self._hurry.wait()

    async def _commit(self) -> bool:
        """One commit; False if something of it must be tried again."""
        batch, self._pending = self._pending, []
        waiters, self._waiters = self._waiters, []
        begun = time.perf_counter()
        try:
            done = await self._call(self._writer.commit, batch)
        except Exception as error:
            # The writer holds on to what it was given: a fault of ours must not end the recording.
            _log.exception("a commit failed; it is tried again")
            done = Committed([], len(batch) + 1, f"a fault of the hub itself: {error!r}")
        COMMIT_SECONDS.observe(time.perf_counter() - begun)
        self._report(done.problem)
        if done.entries:
            self._waiting_bytes -= sum(len(entry.data) for entry in done.entries)
            self._unsigned.set()
            self._tell(done.entries)
        if done.waiting:
            self._waiters = waiters + self._waiters
        else:
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
        return not done.waiting and not done.problem

    def _tell(self, entries: list[Entry]) -> None:
        for listener in self._listeners:
            try:
                listener(entries)
            except Exception:
                _log.exception("a listener of the ledger failed")

    def _report(self, problem: str) -> None:
        """Once when it begins, once when it is over: a disk that is full says so every second."""
        if problem and not self._problem:
            _log.error("the ledger could not write as it should; it goes on trying", problem=problem)
        elif self._problem and not problem:
            _log.warning("the ledger writes again", problem=self._problem)
        self._problem = problem

    async def _signing(self) -> None:
        while not self._stopping.is_set():
            await self._unsigned.wait()
            if await self._pause(self._settings.checkpoint_s):
                return
            self._unsigned.clear()
            if not await self._sign():
                self._unsigned.set()

    async def _sign(self) -> bool:
        """Whether the log is signed as far as it can be. Commits go on while the signer is waited for."""
        # What is pending was made since; a batch under way in the thread is written before the head is signed.
        covered_us = self._pending[0].t_hub_us - 1 if self._pending else self._clock.now().utc_us
        loop, signer, log = asyncio.get_running_loop(), self._started.signer, self._writer.log
        try:
            await loop.run_in_executor(self._asker, signer.refresh)
            due = await self._call(self._writer.due, self._announcer.announced)
            if due is not None:
                note = await loop.run_in_executor(self._asker, log.ask, due)
                await self._call(self._writer.signed, due, note)
                self._signed_us = covered_us
                LOG_SIZE.set(log.signed.size)
                CHECKPOINT_TIME.set(self._clock.now().utc_us / 1e6)
            self._announce()
        except (LedgerError, OSError, SQLAlchemyError) as error:
            CHECKPOINT_FAILURES.inc()
            if not self._sign_problem:
                _log.error("no checkpoint could be signed; it is tried again", error=str(error))
            self._sign_problem = f"no checkpoint could be signed: {error}"
            return False
        if self._sign_problem:
            _log.warning("checkpoints are signed again", problem=self._sign_problem)
        self._sign_problem = ""
        return True

    def _announce(self) -> None:
        """What the signer says of its keys becomes entries. Raises LedgerError."""
        for note, signed in self._announcer.due(self._started.signer.statements):
            if not self._closing:
                said = signed.statement
                self.append(HUB_STREAM, said.entry_type, said.body(note))
                self._announcer.made(note)
                _log.warning("the log's keys have changed", what=said.what.value, key=str(said.key), size=said.size)

    async def _flushing(self) -> None:
        while not await self._pause(FLUSH_S):
            await self._flush()

    async def _flush(self) -> None:
        """Flush the entry files in a thread of its own, so that commits go on meanwhile."""
        dirty, new, up_to = await self._call(self._writer.begin_flush)
        problem = None
        try:
            await asyncio.get_running_loop().run_in_executor(self._flusher, self._flush_files, dirty, new)
        except OSError as error:
            problem = error
            _log.error("entry files could not be flushed", error=str(error))
        try:
            await self._call(self._writer.end_flush, dirty, new, up_to, problem)
        except SQLAlchemyError as error:
            _log.warning("flushed entries stay in the database for now", error=str(error))

    def _flush_files(self, dirty: set[str], new: set[str]) -> None:
        flush(self._data, dirty, new)
        self._writer.log.leaves.sync()

    async def _beating(self) -> None:
        while not await self._pause(HEARTBEAT_S):
            self.heartbeat()

    def heartbeat(self) -> Entry | None:
        """Say where every chain stands: what is missing later can be missing only since then."""
        seqs = {stream: head.seq for stream, head in self._heads.items()}
        leaves = {stream: head.leaf for stream, head in self._heads.items()}
        try:
            body: dict[str, JsonValue] = {"seqs": seqs, "digest": heads_digest(leaves)}
            return self.append(HUB_STREAM, EntryType.HEARTBEAT, body)
        except LedgerError as error:
            _log.error("no heartbeat could be written", error=str(error))
            return None

    async def _call(self, function: Callable[..., _Result], *args: object) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(function, *args))
