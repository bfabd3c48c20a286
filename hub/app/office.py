"""The office of a cluster: the rooms of a hub, on the node that holds the leader's lease, while it holds it.

Whoever loses the lease stops in order, and begins again when it holds it again. What it still believes meanwhile harms
nobody: every transaction on the database asks first whether the office's epoch is still the present one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

import structlog
from sqlalchemy import Connection, Engine, event, select
from sqlalchemy.exc import SQLAlchemyError

from hub.app.calls import Calls
from hub.app.far import FarRecording
from hub.app.far_files import FarFiles, OwnFiles
from hub.app.far_rooms import FarRooms
from hub.app.front import ByGateways
from hub.app.ground import Ground
from hub.app.hub import Hub
from hub.app.left_reels import left_reels
from hub.app.left_uploads import LeftUploads
from hub.app.lines import FromArchive, forget_archived, forget_nothing
from hub.app.meanwhile import lasting, meanwhile
from hub.app.membership import Membership
from hub.app.node_door import Office, bearer
from hub.app.recording import Recording
from hub.archive.store import open_store
from hub.clock import US_PER_S, Clock
from hub.cluster.claims import claim
from hub.cluster.integration import check_lead
from hub.cluster.node_shelf import NodeShelf
from hub.cluster.office_ledger import Lead, OfficeLedger
from hub.cluster.tables import chains
from hub.database import Database, open_engine
from hub.errors import HubError
from hub.ledger.accesses import AccessReader
from hub.ledger.entries import HUB_STREAM
from hub.ledger.retained import Retained
from hub.ledger.startup import remote_signers
from hub.ledger.told import ToldReader
from hub.segmenter.disk import Disk
from hub.settings import Settings

log = structlog.get_logger(__name__)

LOOK_S = 0.1
RETRY_S = 1.0
FILL_RETRY_S = 60.0
EPOCH_EVERY_US = US_PER_S


class Leading:
    """Runs the office whenever this node leads."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        membership: Membership,
        calls: Calls,
        office: Office,
        engine: Engine,
    ) -> None:
        """``engine``: the node's own, which no epoch fences."""
        self._engine = engine
        self._term = self._epoch = self._asked_us = 0
        self._settings = settings.model_copy(update={"behind_proxy": False})
        self._clock = clock
        self._membership = membership
        self._calls = calls
        self._office = office
        self.hub: Hub | None = None
        self.first_password: Callable[[str], None] = lambda _password: None
        self.problem = ""
        """Why no office runs here although this node leads; empty: one does, or another node leads."""

    def ready(self) -> str:
        """For /readyz of the node. One that waits for its turn is as good as it gets: a rolling update goes on."""
        if self.problem:
            return self.problem
        leader = self._membership.lease.leader()
        if leader is None or leader.node == self._settings.node_name:
            return "ok"
        return f"ok, but it waits: {leader.node} leads the office"

    async def run(self) -> None:
        """Until cancelled; then the office has ended in order."""
        while True:
            try:
                await self._wait_for_turn()
                await self._lead()
                self.problem = ""
            except (HubError, SQLAlchemyError, OSError) as error:
                self.problem = f"the office cannot begin: {error}"
                log.error("the office ended; it begins again when it can", problem=str(error))
                task = asyncio.current_task()
                if task is not None and task.cancelling():  # what it raised as it ended took the cancellation's place
                    return
                await self._clock.sleep(RETRY_S)

    async def _wait_for_turn(self) -> None:
        lease = self._membership.lease
        if lease.held():
            return
        uploads = LeftUploads(self._settings, self._clock, self._engine, self._another_leads)
        async with (
            left_reels(self._settings, self._clock, self._engine),
            meanwhile(lasting(uploads.run, self._clock), "files of an earlier lead"),
        ):
            while not lease.held():
                await self._clock.sleep(LOOK_S)

    def _another_leads(self) -> bool:
        leader = self._membership.lease.leader()
        return leader is not None and leader.node != self._settings.node_name

    async def _lead(self) -> None:
        over = asyncio.Event()
        async with Hub.running(
            self._settings,
            self._clock,
            begin=partial(self._ground, over),
            records=self._records,
            front=lambda _: ByGateways(self._office),
        ) as hub:
            self.hub = hub
            if hub.first_password is not None:
                self.first_password(hub.first_password)
            log.info("this node leads the office", node=self._settings.node_name)
            try:
                while not over.is_set() and await self._goes_on():
                    await self._clock.sleep(LOOK_S)
            finally:
                self.hub = None
        log.info("this node leads no more", node=self._settings.node_name)

    async def _goes_on(self) -> bool:
        """Whether this office still leads. A lease that ran out because Redis is away, or because this process was slow
        (at its own start, too), ends no office as long as nobody else began one: PostgreSQL's epoch says so."""
        members, lease = self._membership.members, self._membership.lease
        if self._membership.leaving or members.me.draining:
            return False
        now_us = self._clock.now().mono_us
        if lease.held() and lease.term == self._term:
            return True
        if now_us - self._asked_us < EPOCH_EVERY_US:
            return True
        self._asked_us, term = now_us, lease.term
        try:
            if await asyncio.to_thread(_epoch_of, self._engine) != self._epoch:
                return False
        except SQLAlchemyError:
            return True  # it can decide nothing meanwhile, and nobody else can begin
        if lease.held():
            self._term = term
        return True

    async def _ground(self, over: asyncio.Event, stack: AsyncExitStack, settings: Settings, clock: Clock) -> Ground:
        database = Database.of(settings)
        engine = open_engine(database)
        stack.callback(engine.dispose)
        self._term = self._membership.lease.term
        epoch = await asyncio.to_thread(_take_lead, engine, settings.node_name)
        store = open_store(settings)
        if store is None:
            lead = Lead(settings.node_name, epoch, over.set, forget=forget_nothing)
        else:
            archive = FromArchive(store, settings.data)
            await asyncio.to_thread(archive.log, engine)
            self._fill_folder(stack, archive)
            lead = Lead(settings.node_name, epoch, over.set, forget_archived, archive.lines)
        ledger = await OfficeLedger.open(settings, clock, lead, remote_signers(settings))
        stack.push_async_callback(ledger.close)
        accesses, retained, told = AccessReader(database), Retained(database), ToldReader(database)
        for reader in (accesses, retained, told):
            stack.callback(reader.close)
        self._epoch = epoch
        fence(engine, epoch)
        shelf = NodeShelf(self._membership.reel_nodes, bearer(settings))
        stack.callback(shelf.close)
        return Ground(
            engine, ledger, accesses, retained, told, (), (shelf,),
            FarFiles(settings.data, shelf, epoch),
            OwnFiles(settings.data, self._membership.places),
            FarRooms(self._membership, shelf, settings.node_name),
        )  # fmt: skip

    def _fill_folder(self, stack: AsyncExitStack, archive: FromArchive) -> None:
        """In the background: entry files that an office does not need to begin."""
        stop = threading.Event()

        async def fill() -> None:
            while not stop.is_set():
                try:
                    await asyncio.to_thread(archive.rest, self._engine, stop.is_set)
                    return
                except (OSError, SQLAlchemyError) as error:
                    log.warning("old entry files are not brought yet", problem=str(error))
                    await self._clock.sleep(FILL_RETRY_S)

        async def end(task: asyncio.Task[None]) -> None:
            stop.set()
            task.cancel()
            await asyncio.wait([task])

        stack.push_async_callback(end, asyncio.create_task(fill(), name="old entry files"))

    def _records(self, settings: Settings, clock: Clock, ground: Ground, _disk: Disk) -> Recording:
        check = partial(check_lead, epoch=self._epoch)
        return FarRecording(settings, clock, self._membership, self._calls, ground.engine, ground.ledger, check)


def _take_lead(engine: Engine, node: str) -> int:
    """The office's epoch from now on. Blocks. Raises SQLAlchemyError, HubError while another is faster."""
    taken = claim(engine, HUB_STREAM, node, _epoch_of(engine))
    if taken is None:
        raise HubError("another node took the lead at the same moment", code="not_leading")
    return taken.epoch


def _epoch_of(engine: Engine) -> int:
    """How often the lead was taken so far. Blocks."""
    with engine.connect() as connection:
        return connection.execute(select(chains.c.epoch).where(chains.c.stream == HUB_STREAM)).scalar() or 0


def fence(engine: Engine, epoch: int) -> None:
    """From now on every transaction of this engine ends where another node has taken the lead."""

    @event.listens_for(engine, "begin")
    def check(connection: Connection) -> None:
        check_lead(connection, epoch)
