"""The ledger: takes facts on the event loop, makes them durable in a thread, signs their log.

:meth:`Ledger.append` makes the entry at once, so that its place in the chain is fixed by the order of
the calls; everything that touches a disk happens later, in one thread (``hub/ledger/writer.py``). The
pauses between commits, checkpoints and flushes pace the disk and are the event loop's; every time that
is *written* comes from the injected clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial

import structlog

from hub.clock import Clock, Instant
from hub.database import Database
from hub.errors import LedgerError
from hub.ledger import reels
from hub.ledger.chain import Head, make_entry
from hub.ledger.chain import Writer as Author
from hub.ledger.entries import HUB_STREAM, BadEntry, Entry, EntryType, JsonValue, is_stream_id
from hub.ledger.keeper import LogKeeper
from hub.ledger.reader import Reader
from hub.ledger.recovery import catch_up, looked_at_from
from hub.ledger.signing.signer import Signers
from hub.ledger.standing import RecoveredStream, as_it_stood, broke_off_us
from hub.ledger.startup import Started, local_signers, start
from hub.ledger.store import EntryFiles
from hub.ledger.timekeeping import Calendar, Timekeeping, boot_id, node_name
from hub.ledger.untold import untold_since
from hub.ledger.writer import Committed, Writer
from hub.metrics import COMMIT_SECONDS
from hub.model import Interruption, InterruptionState
from hub.settings import Settings

TOLD = 20  # reels that were torn, in the log line of a start
MAX_WAITING_BYTES = 128 << 20
"""Entries that neither disk nor database took, after which no more are made: hours of a hundred streams."""

_log = structlog.get_logger(__name__)


class Ledger(LogKeeper):
    """See the module. Made by :meth:`open`; all methods but ``reader``'s are for the event loop."""

    def __init__(self, settings: Settings, clock: Clock, started: Started) -> None:
        index = started.index
        writer = Writer(
            settings.data,
            EntryFiles(settings.data),
            started.log,
            started.log_id,
            index,
            lambda: catch_up(settings.data, index),
        )
        super().__init__(settings, clock, started, writer, Reader(Database.of(settings), settings.data))
        epoch = max((state.epoch for state in index.states.values()), default=-1) + 1
        self._author = Author(started.signer.key.name, node_name(), epoch, boot_id())
        self._timekeeping = Timekeeping()
        self._calendar = Calendar()
        self._heads = {state.stream: Head(state.seq, state.leaf.hex()) for state in index.states.values()}
        self._pending: list[Entry] = []
        self._waiters: list[asyncio.Future[None]] = []
        self.recovered: tuple[RecoveredStream, ...] = ()

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
        untold = await self._call(untold_since, found, self._started.index.states, self.reader)
        self._say_how_it_began()
        for item in found:
            self.append(item.stream_id, EntryType.RECOVERY, item.body)
        if found:  # each is in an entry of its own
            size = sum(int(str(item.body["size"])) for item in found)
            torn = [item.reel for item in found if item.kept]
            _log.warning("open reels were recovered", count=len(found), bytes=size, torn=len(torn), first=torn[:TOLD])
        await self.committed()
        await self._call(reels.finish, self._data, found)
        self.recovered = await self._call(self._what_was_open, untold)
        await self._sign()
        self._start_tasks()

    def _look_at_reels(self, scan: reels.Scan) -> list[reels.Recovered]:
        index = self._started.index
        found = list(reels.open_reels(self._data, index, partial(looked_at_from, index)))
        return reels.recover_reels(self._data, index, found, scan)

    def _what_was_open(self, untold: Mapping[str, int]) -> tuple[RecoveredStream, ...]:
        index = self._started.index
        return tuple(
            RecoveredStream(
                state.stream,
                state.run,
                state.run_open,
                untold.get(state.stream, state.recorded_until_us),
                self._as_it_stood(index.interruption(state.interruption_id)) if state.interruption_id else None,
            )
            for state in sorted(index.states.values(), key=lambda state: state.stream)
            if state.stream != HUB_STREAM
        )

    def _as_it_stood(self, known: Interruption | None) -> Interruption | None:
        if known is None or known.state is not InterruptionState.CONFIRMED:
            return known
        began_us = broke_off_us(known)
        later = [one.from_us for one in self.reader.spans(known.stream_id, began_us, 1 << 62) if one.from_us > began_us]
        return as_it_stood(known, later[0] if later else None)

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
        step_us = self._calendar.step_us(now)
        if step_us:
            self.append(HUB_STREAM, EntryType.CLOCK_STEP, {"step_us": step_us})
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

    def next_run(self, stream_id: str) -> int:
        """The ``seq`` of the entry that the next :meth:`append` for this stream makes (its genesis comes before it)."""
        head = self._heads.get(stream_id)
        return 1 if head is None else head.seq + 1

    async def committed(self) -> None:
        """Everything appended so far is durable. Waits as long as the disk refuses."""
        if not self._pending and not self._waiting_bytes:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._news.set()
        self._hurry.set()
        await waiter

    # -------------------------------------------------------------------------- in the background

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

    def _stand(self) -> Mapping[str, Head]:
        return self._heads

    def _made_until_us(self) -> int:
        # What is pending was made since; a batch under way in the thread is written before the head is signed.
        return self._pending[0].t_hub_us - 1 if self._pending else self._clock.now().utc_us

    def _give_up(self, error: LedgerError) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)
