"""A process of a cluster: the parts of its roles, side by side. They speak with each other as if they were apart."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import web

from hub import __version__
from hub.api.door import Door, open_door, open_node_door
from hub.api.gauges import OfNode, snapshot_of_node
from hub.api.server import serve_at
from hub.app.calls import Calls, cluster_session
from hub.app.gateway import Gateway, healthz, node_metrics
from hub.app.hub import COLLECT_AT, Hub
from hub.app.ingest import IngestNode
from hub.app.ingest_door import DiskDoor
from hub.app.meanwhile import Work, lasting, meanwhile
from hub.app.membership import LEADS, SERVES, Membership
from hub.app.node_door import Office, bearer, node_app
from hub.app.node_figures import TellingOfNode
from hub.app.office import Leading
from hub.archive.store import open_store
from hub.clock import Clock, SystemClock
from hub.cluster.node_ledger import NodeLedger
from hub.cluster.node_shelf import NodeShelf
from hub.cluster.ownership import STARTS
from hub.cluster.redis_link import RedisLink
from hub.cluster.reel_places import ReelPlaces
from hub.database import Database, create_tables, open_engine
from hub.segmenter.scan import whole_fragments
from hub.settings import Settings
from hub.shelf import Shelf, Shelves

log = structlog.get_logger(__name__)
LOCK_WAIT_S = IDLE_S = 2.0
"""Of what a node asks of PostgreSQL."""


class ClusterNode:
    """Made by :meth:`running`. What it does not play is None."""

    ingest: IngestNode | None = None
    leading: Leading | None = None
    gateway: Gateway | None = None

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.node_url = ""
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where a browser finds the page; empty on a node that serves nobody."""
        return "" if self.gateway is None else self.gateway.url

    @property
    def hub(self) -> Hub | None:
        """The office, while it is led here."""
        return None if self.leading is None else self.leading.hub

    @classmethod
    @asynccontextmanager
    async def running(
        cls, settings: Settings, clock: Clock | None = None, *, first_password: Callable[[str], None] = lambda _: None
    ) -> AsyncIterator[ClusterNode]:
        """The node, from the moment that its doors are open until the block ends. ``first_password``: told the one-time
        password of the user admin, by the very first office."""
        node = cls(settings, clock or SystemClock())
        async with node._stack:
            await node._start(first_password)
            yield node
            log.info("stopping")
            node.membership.leaving = True

    async def _start(self, first_password: Callable[[str], None]) -> None:
        settings, stack = self.settings, self._stack
        # first: what is refused here must leave nothing behind
        node_door = open_node_door(settings)
        stack.callback(node_door.close)
        public = open_door(settings) if settings.plays(SERVES) else None
        if public is not None:
            stack.callback(public.close)
        self.node_url = settings.node_url or _url_of(node_door, settings)
        await self._join()
        office = Office()
        routes = DiskDoor(self._folders(), self.membership.places, self._open_reels).routes()
        if settings.plays(STARTS):
            routes += await self._open_ingest()
        app = node_app(settings, office, routes, self._public())
        runner = await serve_at(app, node_door, None)
        stack.push_async_callback(runner.cleanup)
        for work in self.membership.works():
            self._work(work)
        self._work(self._telling().run)
        if settings.plays(LEADS):
            self.leading = Leading(settings, self.clock, self.membership, self.calls, office, self.engine)
            self.leading.first_password = first_password
            await stack.enter_async_context(meanwhile(self.leading.run(), "office"))
        if public is not None:
            self.gateway = await stack.enter_async_context(
                Gateway.running(
                    settings,
                    self.clock,
                    public,
                    leader=self.membership.leader_url,
                    owner=self.membership.owner_url,
                    node_headers=bearer(settings),
                    shelf=self._shelf(),
                )
            )
        # What lives for ever need not be looked at by every collection.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT_AT)
        log.info("serving", url=self.url, node=settings.node_name, at=self.node_url, version=__version__)

    async def _join(self) -> None:
        """Database, Redis, and a way to call other nodes."""
        settings, stack = self.settings, self._stack
        assert settings.redis_url is not None
        # a node that is stopped within a commit must not keep others from its streams
        self.engine = open_engine(Database.of(settings), lock_wait_s=LOCK_WAIT_S, idle_s=IDLE_S)
        stack.callback(self.engine.dispose)
        await asyncio.to_thread(create_tables, self.engine)
        link = RedisLink(settings.redis_url, self.clock)
        stack.push_async_callback(link.close)
        self.membership = Membership(settings, self.clock, link, self.node_url, ReelPlaces(self.engine))
        stack.push_async_callback(self.membership.members.leave)
        stack.push_async_callback(self.membership.lease.release)
        session = await stack.enter_async_context(cluster_session(bearer(settings)))
        self.calls = Calls(session)

    async def _open_ingest(self) -> list[web.RouteDef]:
        settings, stack = self._of_ingest(), self._stack
        ledger = await NodeLedger.open(
            settings, self.clock, self.engine, settings.node_name, self._epoch_over, whole_fragments
        )
        stack.push_async_callback(ledger.close)
        self.ingest = IngestNode(settings, self.clock, self.membership, ledger, self.engine, self.calls)
        await self.ingest.open(stack)
        for work in self.ingest.works():
            self._work(work)
        return self.ingest.routes()

    def _telling(self) -> TellingOfNode:
        if self.ingest is not None:
            return self.ingest.telling()
        return TellingOfNode(self.clock, self.settings.data, self.membership.saying.figures)

    def _of_ingest(self) -> Settings:
        """Beside an office its own folder: each of the two looks after what lies in its own."""
        both = self.settings.plays(LEADS) and self.settings.plays(STARTS)
        return self.settings.model_copy(update={"data": self.settings.data / "ingest"}) if both else self.settings

    def _folders(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys((self._of_ingest().data, self.settings.data)))

    def _open_reels(self) -> Collection[str]:
        """What is being written on this machine."""
        disks = [one.disk for one in (self.ingest, self.hub) if one is not None]
        return {reel for disk in disks for reel in disk.open_reels()}

    def _shelf(self) -> Shelf:
        """Reels wherever they are: on other nodes' disks as long as they are new, in the archive afterwards."""
        nodes = NodeShelf(self.membership.reel_nodes, bearer(self.settings))
        self._stack.callback(nodes.close)
        store = open_store(self.settings)
        return nodes if store is None else Shelves((nodes, store))

    def _epoch_over(self, _stream_id: str) -> None:
        """The database refused what was written about a stream: who owns it is looked at, and its pipeline ends."""
        if self.ingest is not None:
            self.ingest.ownership.nudge()

    def _public(self) -> list[web.RouteDef]:
        return [web.get("/healthz", healthz), web.get("/readyz", self._readyz), web.get("/metrics", self._metrics)]

    async def _readyz(self, _request: web.Request) -> web.Response:
        """Of this node. An office elsewhere, and servers that are away, take no node out of service: it goes on."""
        checks = dict(self.ready())
        ready = all(_goes_on(result) for result in checks.values())
        return web.json_response({"ready": ready, "checks": checks}, status=200 if ready else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        """GET /metrics: of this process, and of the office while it is here."""
        office, ingest = self.hub, self.ingest
        now = OfNode(
            self._of_ingest().data,
            {name: _goes_on(result) for name, result in self.ready().items()},
            ledger_waiting_bytes=0 if ingest is None else ingest.waiting_bytes,
            epochs={} if ingest is None else ingest.ownership.held(),
            leads=office is not None,
            postgresql_away=ingest is not None and ingest.postgresql_away,
        )
        return await node_metrics(snapshot_of_node(now, None if office is None else office.services))

    def ready(self) -> Mapping[str, str]:
        """Each check's name with ``ok`` or what is wrong."""
        problem = self.membership.members.problem
        checks = {"lease": problem or "ok"}
        if away := self.membership.link.problem:
            checks["redis"] = f"ok, but {away}"
        if self.ingest is not None:
            checks |= self.ingest.ready()
        if self.leading is not None:
            checks["office"] = self.leading.ready()
        return checks

    async def drain(self) -> int:
        """Give all streams to other nodes, and the lead; how many streams stayed."""
        self.membership.leaving = True
        self.membership.members.say(draining=True)
        return 0 if self.ingest is None else await self.ingest.drain()

    def _work(self, work: Work) -> None:
        self._stack.push_async_callback(_cancelled, asyncio.create_task(lasting(work, self.clock)))


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _goes_on(result: str) -> bool:
    """What wants attention while the node goes on has metrics of its own."""
    return result == "ok" or result.startswith("ok, but ")


def _url_of(door: Door, settings: Settings) -> str:
    """Port 0 means that the system chose one."""
    host = settings.node_listen.rpartition(":")[0]
    return f"http://{host}:{door.sockets[0].getsockname()[1]}"
