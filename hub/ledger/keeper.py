"""What keeps one log up, wherever its entries come from: it tells listeners, signs, flushes, and says each minute where
every chain stands.

Two go on from here: the embedded hub's :class:`hub.ledger.ledger.Ledger`, which makes all entries itself, and the
office of a cluster (``hub/cluster/office_ledger.py``), which moves into the log what many nodes made.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub import __version__
from hub.clock import Clock
from hub.errors import LedgerError
from hub.ledger.bodies import close_body
from hub.ledger.chain import Head, heads_digest
from hub.ledger.entries import HUB_STREAM, Entry, EntryType, JsonValue
from hub.ledger.reader import Reader
from hub.ledger.seam import EntryMade, Listener
from hub.ledger.signing.signer import Custody
from hub.ledger.startup import Started
from hub.ledger.store import flush
from hub.ledger.writer import Writer
from hub.metrics import CHECKPOINT_FAILURES, CHECKPOINT_TIME, ENTRIES, LOG_SIZE
from hub.settings import Settings

HEARTBEAT_S = 60.0
FLUSH_S = 30.0
"""How often entry files are flushed; until then the database holds their newest lines."""
RETRY_S = 1.0

_Result = TypeVar("_Result")
_log = structlog.get_logger(__name__)


class LogKeeper(ABC):
    """See the module. All methods but ``reader``'s are for the event loop."""

    def __init__(self, settings: Settings, clock: Clock, started: Started, writer: Writer, reader: Reader) -> None:
        self._settings = settings
        self._clock = clock
        self._started = started
        self._data = settings.data
        self._writer = writer
        self._waiting_bytes = 0
        self._announcer = started.announcer
        self._listeners: list[Listener] = [self._announcer.committed]
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._unsigned = asyncio.Event()
        self._stopping = asyncio.Event()
        self._closing = False
        self._problem = ""
        self._signed_us = 0
        self._sign_problem = ""
        self._asker = ThreadPoolExecutor(1, "ledger-sign")
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._flusher = ThreadPoolExecutor(1, "ledger-flush")
        self._tasks: list[asyncio.Task[None]] = []
        self._counters = {kind: ENTRIES.labels(kind.value) for kind in EntryType}
        self.reader = reader

    # ------------------------------------------------------------------ what the two do differently

    @abstractmethod
    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> EntryMade:  # noqa: A002
        """Make an entry; it becomes durable soon."""

    @abstractmethod
    async def committed(self) -> None:
        """Everything appended so far is durable."""

    @abstractmethod
    async def _commit(self) -> bool:
        """Make durable what waits; False if something of it must be tried again."""

    @abstractmethod
    def _stand(self) -> Mapping[str, Head]:
        """Where every chain stands, for a heartbeat that is made now."""

    @abstractmethod
    def _made_until_us(self) -> int:
        """Hub UTC, µs: what was made until then is signed, if the head is signed that is due now."""

    @abstractmethod
    def _give_up(self, error: LedgerError) -> None:
        """Tell who waits for entries that they will not be durable."""

    # ------------------------------------------------------------------------- begin and end

    def _start_tasks(self) -> None:
        for task in (self._signing(), self._flushing(), self._beating()):
            self._tasks.append(asyncio.create_task(task))

    def _say_how_it_began(self) -> None:
        started = self._started
        if started.new_log:
            body: dict[str, JsonValue] = {
                "of": self._started.signer.key.name,
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
        self._give_up(LedgerError("the ledger was closed before the entries were durable"))
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

    # -------------------------------------------------------------------------- what others ask

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
            await self._wait_for_news()
            await self._rest_of_interval()
            self._news.clear()
            self._hurry.clear()
            if not await self._commit():
                await self._pause(RETRY_S)
                self._news.set()
        await self._commit()

    async def _wait_for_news(self) -> None:
        await self._news.wait()

    async def _rest_of_interval(self) -> None:
        """Gather entries of all streams for one transaction, unless somebody waits for it."""
        if not self._stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.commit_ms / 1000):
                    await self._hurry.wait()

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
        covered_us = self._made_until_us()
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

    def heartbeat(self) -> EntryMade | None:
        """Say where every chain stands: what is missing later can be missing only since then."""
        heads = self._stand()
        seqs: dict[str, JsonValue] = {stream: head.seq for stream, head in heads.items()}
        leaves = {stream: head.leaf for stream, head in heads.items()}
        try:
            body: dict[str, JsonValue] = {"seqs": seqs, "digest": heads_digest(leaves)}
            return self.append(HUB_STREAM, EntryType.HEARTBEAT, body)
        except LedgerError as error:
            _log.error("no heartbeat could be written", error=str(error))
            return None

    async def _call(self, function: Callable[..., _Result], *args: object) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(function, *args))
