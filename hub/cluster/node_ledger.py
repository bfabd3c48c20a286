"""The ledger as a node that records sees it: facts go to PostgreSQL, or to the outbox while that is away.

Nothing here holds up a recording: an append is made on the event loop and never waits; one task hands facts in, in
their order. A database that does not answer is given up after some seconds, and what it was asked is kept in the outbox
before anything else; whether it had been done is found out by asking again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from weakref import WeakValueDictionary

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from hub.clock import Clock, rfc3339
from hub.cluster.chains import Chains, Done, HandOver, Result
from hub.cluster.claims import Claimed, claim, claim_free
from hub.cluster.facts import Fact, Fate
from hub.cluster.making import Appended, Maker
from hub.cluster.outbox import Kept, Outbox
from hub.cluster.own_reels import recover_left, reels_left
from hub.cluster.owners import Owner
from hub.cluster.watermark import Watermark
from hub.errors import LedgerError, Unavailable
from hub.ledger import reels
from hub.ledger.entries import HUB_STREAM, BadEntry, EntryType, JsonValue, is_stream_id
from hub.ledger.seam import Listener
from hub.metrics import COMMIT_SECONDS, FACTS_DROPPED, FACTS_RECOVERED, OUTBOX_BYTES
from hub.model import RUN_BITS
from hub.settings import Settings

PATIENCE_S = 3.0
"""A commit that takes longer is given up, and its facts go to the outbox."""
GIVE_S = 10.0
"""Giving a stream away takes no longer; what was asked and comes later is found in the table of owners."""
RETRY_S = 1.0
AT_ONCE = 500
"""Facts of one transaction."""
DRAIN_PAUSE_S = 0.1
"""Between two transactions of what waited: a cluster's nodes must not all at once take the database's breath away."""
MAX_WAITING_BYTES = 128 << 20
"""Facts that neither the database nor the outbox took, after which no more are made."""

Lost = Callable[[str], None]
"""Called on the event loop with a stream whose epoch is over."""
Refused = Callable[[Fact], None]
"""Called on the event loop with a fact that came too late."""

_Answer = TypeVar("_Answer")
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Held:
    """A stream that is ours: how often it was taken, and how many runs were numbered since."""

    epoch: int
    runs: int = 0
    over: bool = False


@dataclass(slots=True)
class _Giving:
    over: HandOver
    given: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class NodeLedger:
    """See the module. For the event loop. ``lost`` is called once for each stream whose epoch is over."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        engine: Engine,
        outbox: Outbox,
        node: str,
        lost: Lost = lambda _stream: None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._node = node
        self._engine = engine
        self._chains = Chains(engine)
        self._outbox = outbox
        self._lost = lost
        self._maker = Maker(clock, node)
        self._held: dict[str, _Held] = {}
        self._pending: deque[Appended] = deque()
        self._pending_bytes = 0
        self._alive: WeakValueDictionary[int, Appended] = WeakValueDictionary()
        self._decided = Watermark()
        self._safe = Watermark()
        """Of facts that are in the database or in the outbox."""
        self._spooling = asyncio.Lock()
        self._giving: dict[str, _Giving] = {}
        self._listeners: list[Listener] = []
        self._refused: list[Refused] = []
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._stopping = asyncio.Event()
        self._emptied = asyncio.Event()
        self._problem = ""
        self._closing = False
        self._thread = ThreadPoolExecutor(1, "chains")
        self._disk = ThreadPoolExecutor(1, "outbox")
        self._task: asyncio.Task[None] | None = None
        self._recovering: asyncio.Task[None] | None = None
        self._day = ""

    @classmethod
    async def open(
        cls, settings: Settings, clock: Clock, engine: Engine, node: str, lost: Lost, scan: reels.Scan
    ) -> NodeLedger:
        """The ledger of a node with this data folder. What an earlier life left in the outbox is handed in first, and
        then what it left open on the disk; both while recording has begun already."""
        outbox = await asyncio.to_thread(Outbox, settings.data)
        left = await asyncio.to_thread(reels_left, settings.data, outbox.last_day)
        ledger = cls(settings, clock, engine, outbox, node, lost)
        ledger.start()
        ledger._recovering = asyncio.create_task(ledger._recover(left, scan), name="own reels")
        return ledger

    def start(self) -> None:
        if self._outbox.count == 0:
            self._emptied.set()
        else:
            self._news.set()
        self._task = asyncio.create_task(self._committing(), name="facts to the database")

    async def _recover(self, left: frozenset[str], scan: reels.Scan) -> None:
        await self._forget_former_lives()
        await recover_left(self, self._engine, self._settings.data, left, scan)
        self._day = "none yet"

    async def _forget_former_lives(self) -> None:
        """Their rows are there for facts that are asked again; with an empty outbox nobody asks any more."""
        await self._emptied.wait()
        writers = Chains(self._engine)  # beside the one that hands in
        with suppress(SQLAlchemyError):  # or at the next start
            await asyncio.to_thread(writers.forget_former, self._maker.writer)

    async def _note_day(self) -> None:
        """What may be open at the next start is not older than the day before this. Not before what lay here at this
        start is declared."""
        today = rfc3339(self._clock.now().utc_us)[:10]
        if self._day and self._day != today:
            await self._to_disk(partial(self._outbox.lived, today))
            self._day = today

    async def close(self) -> None:
        """Hand in what is left; what is not taken waits in the outbox for the next start."""
        self._closing = True
        self._stopping.set()
        self._news.set()
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.wait([self._recovering])
        if self._task is not None:
            await self._task
        for mark in (self._decided, self._safe):
            mark.give_up(LedgerError("the ledger was closed before the facts were in the database"))
        for giving in self._giving.values():
            if not giving.given.done():
                giving.given.set_result(False)
        self._chains.interrupt()
        await asyncio.to_thread(self._thread.shutdown)
        await self._to_disk(self._outbox.close)
        self._disk.shutdown()

    # ------------------------------------------------------------------------------ the facts

    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> Appended:  # noqa: A002
        """A fact about a stream that this node owns, or (``_hub``) about this node.

        Cheap, never blocks. Raises BadEntry for a body that its type does not allow; LedgerError, code ``not_owner``
        for a stream that was never taken, ``ledger_full`` when nothing could be written for hours.
        """
        if self._closing:
            raise LedgerError("the ledger is closed", code="ledger_closed")
        if self._pending_bytes > MAX_WAITING_BYTES:
            raise LedgerError(f"no more facts until PostgreSQL takes some: {self._problem}", code="ledger_full")
        step_us = self._maker.stepped_us()
        if step_us:
            self._add(HUB_STREAM, EntryType.CLOCK_STEP, {"step_us": step_us}, "", 0)
        if stream_id == HUB_STREAM or type is EntryType.RECOVERY:
            return self._add(stream_id, type, body, "", 0)
        held = self._held.get(stream_id)
        if held is None:
            if not is_stream_id(stream_id):
                raise BadEntry(f"expected a stream id, found {stream_id!r}")
            raise LedgerError(f"this node does not own {stream_id}", code="not_owner")
        return self._add(stream_id, type, body, stream_id, held.epoch)

    def _add(self, stream_id: str, kind: EntryType, body: Mapping[str, JsonValue], fence: str, epoch: int) -> Appended:
        one = self._maker.make(stream_id, kind, body, fence, epoch)
        self._pending.append(one)
        self._pending_bytes += one.size
        self._alive[one.fact.number] = one
        self._news.set()
        return one

    def next_run(self, stream_id: str) -> int:
        """A number that no run of the stream has: how often it was taken, and how many runs there were since."""
        held = self._held.get(stream_id)
        if held is None:
            raise LedgerError(f"this node does not own {stream_id}", code="not_owner")
        held.runs += 1
        return (held.epoch << RUN_BITS) + held.runs

    async def committed(self) -> None:
        """Everything appended so far is in the database. Waits as long as that is away."""
        if self._decided.at < self._maker.made:
            await self._hurried(self._decided)

    async def durable(self) -> None:
        """Everything appended so far is in the database, or, while that is away, in the outbox: a kill loses none of
        it. Waits as long as neither takes it."""
        async with self._spooling:
            if self._outbox.count:  # and so nothing that waits in memory is being handed in
                await self._put_away()
        if self._safe.at < self._maker.made:
            await self._hurried(self._safe)

    async def _hurried(self, mark: Watermark) -> None:
        reached = mark.reached(self._maker.made)
        self._news.set()
        self._hurry.set()
        await reached

    def on_commit(self, listener: Listener) -> None:
        """``listener(entries)`` is called on the event loop with the entries that became of this node's facts."""
        self._listeners.append(listener)

    def on_refused(self, listener: Refused) -> None:
        """``listener(fact)`` is called with each fact that was dropped, those of an earlier life included."""
        self._refused.append(listener)

    @property
    def problem(self) -> str:
        """Why facts do not reach the database at the moment; empty when all is well."""
        return self._problem

    @property
    def waiting_bytes(self) -> int:
        """Of facts that are not in the database yet, those in the outbox included."""
        return self._pending_bytes + self._outbox.bytes

    async def emptied(self) -> None:
        """What an earlier life of this node left in the outbox is in the database."""
        await self._emptied.wait()

    @property
    def facts_wait(self) -> bool:
        """Whether an earlier life of this node left facts that are not in the database yet."""
        return not self._emptied.is_set()

    # ------------------------------------------------------------------------------ ownership

    async def owners(self) -> Mapping[str, Owner]:
        """Of every chain that was ever taken, but the hub's own. Raises Unavailable while the database is away."""
        found = await self._ask(self._chains.owners)
        return {
            one.stream_id: Owner(one.owner, one.epoch) for one in found if one.epoch and one.stream_id != HUB_STREAM
        }

    async def claim(self, stream_id: str, known_epoch: int) -> Claimed | None:
        """Take a stream, if its epoch is still ``known_epoch`` (0: never taken). None: somebody was faster.

        Raises Unavailable while the database is away."""
        claimed = await self._ask(partial(claim, self._engine, stream_id, self._node, known_epoch))
        if claimed is not None:
            self._held[stream_id] = _Held(claimed.epoch)
        return claimed

    async def claim_free(self, wanted: Mapping[str, int]) -> Mapping[str, Claimed]:
        """Take many at once, with the epochs that are known; those that were free. Raises Unavailable."""
        claimed = await self._ask(partial(claim_free, self._engine, self._node, wanted))
        self._held |= {one: _Held(taken.epoch) for one, taken in claimed.items()}
        return claimed

    async def give(self, stream_id: str, epoch: int, to_node: str) -> bool:
        """Let another node own it (empty: nobody), in the same transaction as the last facts about it. False: it was
        not ours any more. Raises Unavailable while the database is away."""
        giving = self._giving[stream_id] = _Giving(HandOver(to_node, epoch))
        self._news.set()
        self._hurry.set()
        try:
            async with asyncio.timeout(GIVE_S):
                given: bool = await giving.given
            return given
        except TimeoutError:
            raise Unavailable(f"PostgreSQL is away: {self._problem}", code="database_away") from None
        finally:
            if self._giving.get(stream_id) is giving:
                del self._giving[stream_id]

    async def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        try:
            return await asyncio.to_thread(question)
        except SQLAlchemyError as error:
            raise Unavailable(f"PostgreSQL is away: {_why(error)}", code="database_away") from error

    # -------------------------------------------------------------------------- in the background

    async def _committing(self) -> None:
        while not self._stopping.is_set():
            await self._news.wait()
            await self._rest_of_interval()
            self._news.clear()
            self._hurry.clear()
            if not await self._round():
                await self._pause(RETRY_S)
                self._news.set()
            elif self._pending or self._outbox.count:
                self._news.set()
        while self._pending and await self._round():
            pass
        if self._pending:
            await self._spool()

    async def _rest_of_interval(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.commit_ms / 1000):
                await self._hurry.wait()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _round(self) -> bool:
        """One transaction; False if the database is away. A fault of ours must not end the recording."""
        try:
            await self._note_day()
            async with self._spooling:
                waiting = self._outbox.count
            if waiting:
                return await self._spool() and await self._drain()
            return await self._hand_in()
        except Exception as error:
            _log.exception("facts could not be handed in; it is tried again")
            self._report(f"a fault of the hub itself: {error!r}")
            return False

    async def _hand_in(self) -> bool:
        batch = [self._pending[at] for at in range(min(AT_ONCE, len(self._pending)))]
        giving = dict(self._giving) if len(batch) == len(self._pending) else {}
        if not batch and not giving:
            return True
        done = await self._try(
            self._maker.writer, [one.fact for one in batch], {stream: one.over for stream, one in giving.items()}
        )
        if done is None:
            await self._spool()
            return False
        self._drop_pending(len(batch))
        self._took(done, self._maker.writer)
        for stream, one in giving.items():
            if not one.given.done():
                one.given.set_result(stream in done.handed)
        return True

    def _drop_pending(self, count: int) -> None:
        for _ in range(count):
            self._pending_bytes -= self._pending.popleft().size

    async def _spool(self) -> bool:
        """What waits in memory, into the outbox. False: it does not take it."""
        async with self._spooling:
            return await self._put_away()

    async def _put_away(self) -> bool:
        batch = list(self._pending)
        if batch:
            try:
                await self._to_disk(partial(self._outbox.put, self._maker.writer, [one.fact for one in batch]))
            except (LedgerError, OSError, sqlite3.Error) as error:
                self._report(f"outbox: {error}")
                return self._outbox.count > 0
            self._drop_pending(len(batch))
            self._emptied_or_not()
            self._safe.rise(batch[-1].fact.number)
        return True

    async def _drain(self) -> bool:
        kept: list[Kept] = await self._to_disk(partial(self._outbox.first, AT_ONCE))
        if not kept:
            return True
        done = await self._try(kept[0].writer, [one.fact for one in kept], {})
        if done is None:
            return False
        await self._to_disk(partial(self._outbox.taken, kept))
        self._took(done, kept[0].writer)
        self._emptied_or_not()
        await self._pause(DRAIN_PAUSE_S)
        return True

    def _emptied_or_not(self) -> None:
        OUTBOX_BYTES.set(self._outbox.bytes)
        if self._outbox.count == 0:
            self._emptied.set()

    async def _try(self, writer: str, facts: Sequence[Fact], giving: Mapping[str, HandOver]) -> Done | None:
        begun = time.perf_counter()
        call = asyncio.get_running_loop().run_in_executor(self._thread, self._chains.commit, writer, facts, giving)
        try:
            async with asyncio.timeout(PATIENCE_S):
                done = await asyncio.shield(call)
        except TimeoutError:
            self._chains.interrupt()
            call.add_done_callback(lambda ended: ended.exception())
            self._report(f"PostgreSQL did not answer for {PATIENCE_S:.0f} s")
            return None
        except (SQLAlchemyError, LedgerError) as error:
            self._report(_why(error))
            return None
        COMMIT_SECONDS.observe(time.perf_counter() - begun)
        self._report("")
        return done

    # ------------------------------------------------------------------------- what became of them

    def _took(self, done: Done, writer: str) -> None:
        for result in done.results:
            if writer == self._maker.writer:
                self._placed(result)
            if result.fate is not Fate.ENTERED:
                _count(result)
            if result.fate is Fate.DROPPED:
                for refused in self._refused:
                    self._call(refused, result.fact)
        for stream, epoch in done.epochs.items():
            held = self._held.get(stream)
            if held is not None and epoch > held.epoch and not held.over:
                held.over = True
                if stream not in done.handed:
                    _log.warning("another node owns this stream now", stream=stream, epoch=epoch)
                    self._call(self._lost, stream)
        entries = [result.entry for result in done.results if result.entry is not None]
        if entries:
            for listener in self._listeners:
                self._call(listener, entries)
        if done.results and writer == self._maker.writer:
            self._decided.rise(done.results[-1].fact.number)
            self._safe.rise(self._decided.at)

    def _placed(self, result: Result) -> None:
        one = self._alive.get(result.fact.number)
        if one is not None and result.entry is not None:
            one.seq, one.leaf = result.entry.seq, result.entry.leaf

    def _call(self, function: Callable[..., object], *args: object) -> None:
        try:
            function(*args)
        except Exception:
            _log.exception("a listener of the ledger failed")

    def _report(self, problem: str) -> None:
        """Once when it begins, once when it is over."""
        if problem and not self._problem:
            _log.error("facts do not reach the database; they wait in the outbox", problem=problem)
        elif self._problem and not problem:
            _log.warning("facts reach the database again", problem=self._problem, waiting=self._outbox.count)
        self._problem = problem

    async def _to_disk(self, work: Callable[[], _Answer]) -> _Answer:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)


def _count(result: Result) -> None:
    stream, kind = result.fact.stream_id, result.fact.type.value
    if result.fate is Fate.RECOVERED:
        FACTS_RECOVERED.inc()
        _log.warning("footage of before another node took the stream is entered as recovered", stream=stream)
    else:
        FACTS_DROPPED.labels(kind).inc()
        _log.warning("a fact came too late: another node owns the stream", stream=stream, type=kind)


def _why(error: Exception) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else error.__class__.__name__
