"""The ledger as the office sees it: what people decide becomes facts like any other, and the leader's log is kept here.

One thread does both in turn: hand in the office's own facts, then move into the log what all nodes handed in. So what
the office is told of as committed is in the log, and every room reads it from the database.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.clock import Clock
from hub.cluster.agreeing import agree, nothing_waits
from hub.cluster.chains import Chains, Done
from hub.cluster.facts import Fate
from hub.cluster.integration import Forget, Integrator, NotLeading
from hub.cluster.making import Appended, Maker
from hub.database import Database
from hub.errors import LedgerError
from hub.ledger.chain import Head
from hub.ledger.declared import Bring, nobody_has_it
from hub.ledger.entries import HUB_STREAM, BadEntry, Entry, EntryType, JsonValue, is_stream_id
from hub.ledger.index import Index
from hub.ledger.keeper import LogKeeper
from hub.ledger.reader import Reader
from hub.ledger.recovery import Repair
from hub.ledger.signing.signer import Signers
from hub.ledger.startup import Started, local_signers, start
from hub.ledger.writer import Committed
from hub.metrics import COMMIT_SECONDS
from hub.model import OFFICE_RUNS, RUN_BITS
from hub.settings import Settings

ROUND_S = 0.2
"""The inbox is looked at so often while the office itself has no news."""
AT_ONCE = 500
MAX_WAITING_BYTES = 64 << 20

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lead:
    """This node leads: it took ``_hub`` (``hub.cluster.claims.claim``), and is told by ``lost`` when another did."""

    node: str
    epoch: int
    lost: Callable[[], None] = lambda: None
    forget: Forget = Index.forget_flushed
    bring: Bring = nobody_has_it


@dataclass(frozen=True, slots=True)
class _Round:
    done: Done | None
    moved: Committed
    problem: str = ""


class OfficeLedger(LogKeeper):
    """See the module. Made by :meth:`open`; all methods but ``reader``'s are for the event loop."""

    def __init__(self, settings: Settings, clock: Clock, started: Started, lead: Lead) -> None:
        index = started.index
        row = next(row for row in index.logs() if row.id == started.log_id)
        writer = Integrator(settings.data, started.log, row, index, lead.epoch, lead.forget, lead.bring)
        reader = Reader(Database.of(settings), settings.data, lead.bring)
        super().__init__(settings, clock, started, writer, reader)
        self._integrator = writer
        self._lead = lead
        self._chains = Chains(index.engine)
        self._maker = Maker(clock, lead.node, "office/")
        self._heads = {state.stream: Head(state.seq, state.leaf.hex()) for state in index.states.values()}
        self._runs: dict[str, int] = {}
        self._pending: deque[Appended] = deque()
        self._entered: dict[str, int] = {}
        """Leaves of own facts that are in the inbox, with their numbers."""
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._complete_us = clock.now().utc_us
        self._lost = False

    # ------------------------------------------------------------------------- begin and end

    @classmethod
    async def open(cls, settings: Settings, clock: Clock, lead: Lead, signers: Signers | None = None) -> OfficeLedger:
        """The log, taken up by a node that leads: its data folder agrees with the database, what waited is in the log,
        and it is signed.

        Raises LedgerError: as :meth:`hub.ledger.ledger.Ledger.open`, and ``lines_missing``, ``not_leading``.
        """
        started = await asyncio.get_running_loop().run_in_executor(
            None, partial(_start, settings, signers or local_signers(settings), lead)
        )
        ledger = cls(settings, clock, started, lead)
        try:
            await ledger._begin()
        except BaseException:
            await ledger._abandon()
            raise
        return ledger

    async def close(self) -> None:
        """Write, sign and flush what is left; of a node that leads no more, nothing."""
        if self._lost:
            await self._abandon()
        else:
            await super().close()

    async def _begin(self) -> None:
        self._tasks.append(asyncio.create_task(self._committing(), name="the log"))
        self._say_how_it_began()
        await self.committed()
        await self._sign()
        self._start_tasks()

    # ------------------------------------------------------------------------------ the facts

    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> Appended:  # noqa: A002
        """A fact of the office, about any stream or the hub (``_hub``); it counts as long as this node leads.

        Cheap, never blocks. Raises BadEntry for a body that its type does not allow, LedgerError with code
        ``ledger_full`` when nothing could be written for long, or once the ledger is closed.
        """
        if self._closing or self._lost:
            raise LedgerError("the ledger is closed", code="ledger_closed")
        if self._waiting_bytes > MAX_WAITING_BYTES:
            raise LedgerError(f"no more facts until PostgreSQL takes some: {self._problem}", code="ledger_full")
        if stream_id != HUB_STREAM and not is_stream_id(stream_id):
            raise BadEntry(f"expected a stream id, found {stream_id!r}")
        step_us = self._maker.stepped_us()
        if step_us:
            self._add(HUB_STREAM, EntryType.CLOCK_STEP, {"step_us": step_us})
        return self._add(stream_id, type, body)

    def _add(self, stream_id: str, kind: EntryType, body: Mapping[str, JsonValue]) -> Appended:
        one = self._maker.make(stream_id, kind, body, HUB_STREAM, self._lead.epoch)
        self._pending.append(one)
        self._waiting_bytes += one.size
        self._news.set()
        return one

    def next_run(self, stream_id: str) -> int:
        """A number that nothing of the stream has yet, its owner's runs included."""
        self._runs[stream_id] = number = self._runs.get(stream_id, 0) + 1
        return self._lead.epoch << RUN_BITS | OFFICE_RUNS | number

    async def committed(self) -> None:
        """Everything appended so far is in the log, and readers see it. Waits as long as the database is away; raises
        LedgerError, code ``not_leading``, if another node leads before."""
        if self._lost:
            raise _not_leading()
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((self._maker.made, waiter))
        self._news.set()
        self._hurry.set()
        await waiter

    # -------------------------------------------------------------------------- in the background

    async def _wait_for_news(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(ROUND_S):
                await self._news.wait()

    async def _commit(self) -> bool:
        if self._lost:
            return True
        batch = [self._pending[at] for at in range(min(AT_ONCE, len(self._pending)))]
        now_us, begun = self._clock.now().utc_us, time.perf_counter()
        try:
            done = await self._call(self._round, batch)
        except NotLeading as error:
            self._lose(str(error))
            return True
        except Exception as error:
            _log.exception("a round of the log failed; it is tried again")
            done = _Round(None, Committed([], 0), f"a fault of the hub itself: {error!r}")
        COMMIT_SECONDS.observe(time.perf_counter() - begun)
        self._report("; ".join(one for one in (done.problem, done.moved.problem) if one))
        if done.done is not None:
            self._take_places(batch, done.done)
        if done.moved.entries:
            self._moved(done.moved.entries)
        if self._problem:
            return False
        if self._integrator.read_all:
            self._complete_us = now_us
        self._wake()
        if self._pending or not self._integrator.read_all:
            self._news.set()
        return True

    def _round(self, batch: list[Appended]) -> _Round:
        """In the thread. Nothing is moved before it is known where the office's own facts lie."""
        done = None
        if batch:
            try:
                done = self._chains.commit(self._maker.writer, [one.fact for one in batch])
            except (SQLAlchemyError, LedgerError) as error:
                return _Round(None, Committed([], 0), f"database: {getattr(error, 'orig', None) or error}")
        return _Round(done, self._integrator.round())

    def _take_places(self, batch: list[Appended], done: Done) -> None:
        for one, result in zip(batch, done.results, strict=True):
            self._pending.popleft()
            self._waiting_bytes -= one.size
            if result.fate is not Fate.ENTERED:
                self._lose("the database took no more of this node's facts")
            elif result.entry is not None:
                one.seq, one.leaf = result.entry.seq, result.entry.leaf
                self._entered[one.leaf] = one.fact.number

    def _moved(self, entries: list[Entry]) -> None:
        for entry in entries:
            self._heads[entry.stream_id] = Head(entry.seq, entry.leaf)
            self._entered.pop(entry.leaf, None)
        self._unsigned.set()
        self._tell(entries)

    def _wake(self) -> None:
        """Whose facts are all in the log."""
        open_yet = [*self._entered.values(), *(one.fact.number for one in list(self._pending)[:1])]
        lowest = min(open_yet, default=self._maker.made + 1)
        ready = [waiter for number, waiter in self._waiters if number < lowest]
        self._waiters = [(number, waiter) for number, waiter in self._waiters if number >= lowest]
        for waiter in ready:
            if not waiter.done():
                waiter.set_result(None)

    def _lose(self, why: str) -> None:
        if self._lost:
            return
        self._lost = True
        self._problem = why
        _log.error("another node leads; this office ends", why=why)
        self._give_up(_not_leading())
        self._lead.lost()

    def _stand(self) -> Mapping[str, Head]:
        return self._heads

    def _made_until_us(self) -> int:
        # What nodes keep in their outboxes is not in the log, however early it was made.
        return self._complete_us

    def _give_up(self, error: LedgerError) -> None:
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)
        self._waiters.clear()


def _start(settings: Settings, signers: Signers, lead: Lead) -> Started:
    def put_in_step(data: Path, index: Index) -> Repair:
        newest = max(index.logs(), key=lambda row: row.id, default=None)
        if newest and settings.log_origin not in ("", newest.origin) and not nothing_waits(index):
            raise LedgerError(
                f"entries wait for the log {newest.origin}: let a node lead once more without another log_origin",
                code="log_unfinished",
            )
        return agree(data, index, lead.bring)

    return start(settings, signers, put_in_step)


def _not_leading() -> NotLeading:
    return NotLeading("another node leads this cluster now")
