"""A node that records: streams come and go by who owns them, and what people decided comes as orders.

What recorders say, and every change of an interruption, goes to the office by the bus; the facts themselves go into the
ledger, whoever leads the office, and whether anybody does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol

import structlog
from aiohttp import web
from sqlalchemy import Engine

from hub.app.announcing import Announcing
from hub.app.arrivals import Arrivals
from hub.app.calls import Calls
from hub.app.far_files import OwnFiles
from hub.app.far_rooms import RoomTold
from hub.app.handover import Handover, Owning
from hub.app.here import Here
from hub.app.ingest_door import IngestDoor
from hub.app.meanwhile import Work
from hub.app.membership import Membership
from hub.app.node_figures import TellingOfNode
from hub.app.recorders import Recorders
from hub.app.recording import Asked
from hub.archive.archive import Archive
from hub.archive.book import Book
from hub.archive.store import open_store
from hub.clock import Clock, Instant
from hub.cluster.facts import Fact
from hub.cluster.leases import Member
from hub.cluster.orders import Order, Orders
from hub.cluster.ownership import ChainsOf, Doings, Ownership
from hub.cluster.standing import Telling, Told, interruption_body
from hub.database import Database, open_engine
from hub.ledger.bodies import HANDED_OVER, interruption_from_body
from hub.ledger.entries import Entry, EntryType, is_footage
from hub.ledger.left_open import closed_unseen
from hub.ledger.reader import Reader
from hub.ledger.seam import AnyLedger
from hub.ledger.standing import RecoveredStream
from hub.model import Interruption
from hub.monitor.content.store import content_normals
from hub.monitor.events import EventBus
from hub.monitor.live import LiveFeed
from hub.monitor.rules import DetectorRules
from hub.monitor.vitals import name_of
from hub.retention.files import PosixFiles
from hub.retention.space import Marks
from hub.segmenter.disk import Disk
from hub.settings import Settings
from hub.telemetry.telemetry import LABEL

log = structlog.get_logger(__name__)

NODE_FILE = "node.db"
"""What this node has learnt of pictures: a memory aid, lost without harm."""
CUT, GONE, REFUSED, HEARD, TOLD = "interruption", "suspicion", "refused", "telemetry", "event"
"""Kinds of changes: an interruption that is recorded, a suspicion that came to nothing, what was told and came too late
for the ledger, a recorder's words, and what else pages are told as it is."""


class Taken(Protocol):
    """A stream that is this node's from now on."""

    @property
    def epoch(self) -> int: ...
    @property
    def was(self) -> RecoveredStream: ...


class NodeChains(AnyLedger, ChainsOf[Taken], Protocol):
    """The ledger of a node, and who owns which chain."""

    @property
    def facts_wait(self) -> bool: ...
    async def durable(self) -> None: ...
    def on_refused(self, listener: Callable[[Fact], None]) -> None: ...


class _Outward(EventBus):
    """Events of pipelines: the office makes them anew from changes, but for suspicions, of which none tells."""

    def __init__(self, announcing: Announcing) -> None:
        super().__init__()
        self._announcing = announcing

    def publish(self, type: str, data: Mapping[str, Any], at: Instant) -> None:  # noqa: A002, ARG002
        if type == "interruption.withdrawn":
            self._announcing.tell(GONE, {"stream": data["stream"], "data": dict(data)})


class IngestNode:
    """``chains`` is this node's ledger; ``engine`` the cluster's database, for the orders."""

    def __init__(
        self, settings: Settings, clock: Clock, membership: Membership, chains: NodeChains, engine: Engine, calls: Calls
    ) -> None:
        self._calls = calls
        self._settings = settings
        self._clock = clock
        self._membership = membership
        self._chains = chains
        self._engine = engine
        self.archive: Archive | None = None
        self.orders = Orders(engine, clock, DetectorRules.from_settings(settings))
        self.disk = Disk(settings.data, settings)
        self.ownership: Ownership[Taken] = Ownership(
            clock, membership.members, chains, self.orders.streams,
            Doings(self._taken, self._lost, self._ended, self._hand_over), drain_s=settings.drain_s,
            facts_wait=lambda: chains.facts_wait,
        )  # fmt: skip
        self._telling = Telling(clock, settings.node_name, self._told, self.ownership.epoch, membership.saying.standing)
        self._announcing = Announcing(chains.durable, membership.saying.change)

    async def open(self, stack: AsyncExitStack) -> None:
        """Streams may be taken from here on; the stack ends them in order."""
        await self.disk.start()
        stack.push_async_callback(self.disk.close)
        normals = await asyncio.to_thread(_own_engine, self._settings)
        stack.callback(normals.dispose)
        self.here = Here(self._settings, self._clock, self._chains, normals, self.disk)
        await self.here.open(stack)
        self._chains.on_commit(self._entered)
        self._chains.on_refused(self._refused)
        self.here.whip.on_message(LABEL, self._heard)
        asked = Asked(
            expected=self.orders.expected,
            unit_rules=lambda _unit: (),
            maintenance=self.orders.maintained_at,
            incident=self._change,
            events=_Outward(self._announcing),
            recovered={},
            rules_of=self.orders.rules,
        )
        await self.here.begin(stack, asked, ())
        fleet, owned = self.here.fleet, self.ownership
        self._arrivals = Arrivals(self._clock, self.orders.stream, fleet.camera, self._refuses, owned.given)
        stack.push_async_callback(self._arrivals.close)
        members = self._membership.members
        self._handover = Handover(
            self._clock, self._calls, fleet, self._arrivals,
            Owning(owned.epoch, self._chains.give, owned.release, members.seen),
            say=lambda stream_id, text: self.here.whip.say(stream_id, LABEL, text),
        )  # fmt: skip
        self._recorders = Recorders(
            self._clock, self._calls, self.here.whip, self._arrivals, owned, members, self.orders.stream
        )
        stack.push_async_callback(self._recorders.close)
        self._open_archive(stack)
        self.orders.on_change(self._ordered)
        self._membership.on_orders(self.orders.nudge)

    def _open_archive(self, stack: AsyncExitStack) -> None:
        """Sealed reels of this disk go to the object store, and leave the disk by rule."""
        store = open_store(self._settings)
        if store is None:
            return
        reader = Reader(Database.of(self._settings), self._settings.data)
        stack.callback(reader.close)
        places = self._membership.places
        self.archive = Archive(
            self._settings, self._clock, store, Book(self._engine, f"{self._settings.node_name}/ingest"),
            OwnFiles(self._settings.data, places),
            open_reels=self.disk.open_reels,
            is_gone=reader.is_gone,
            ends=reader.reel_end_us,
            bytes_per_s=self._bytes_per_s,
            tell=lambda kind, data: self._membership.saying.change(TOLD, {"type": kind, "data": dict(data)}),
        )  # fmt: skip
        stack.push_async_callback(self.archive.close)

    def works(self) -> Sequence[Work]:
        archiving = () if self.archive is None else (self.archive.run,)
        return (
            *self.here.works(),
            self.orders.run,
            self.ownership.run,
            self._telling.run,
            self._announcing.run,
            *archiving,
        )

    def routes(self) -> list[web.RouteDef]:
        door = IngestDoor(
            self._recorders, self.here.whip, self.here.pictures, self.find, self._clock, self.drain, self.room
        )
        return [*door.routes(), *self._handover.routes()]

    def find(self, stream_id: str, preview: bool) -> LiveFeed | None:
        """Where to watch; of a stream that is not here yet, what will come."""
        if not preview:
            return self.here.feeds.feed(stream_id)
        stream = self.orders.stream(stream_id) if self.ownership.epoch(stream_id) is not None else None
        return None if stream is None else self.here.preview(stream)

    async def drain(self) -> int:
        """Give everything away; how many streams stayed."""
        await self.ownership.drain()
        return len(self.ownership.held())

    def _bytes_per_s(self) -> float:
        return sum(one.bitrate_bps for one in self.here.all()) / 8

    async def room(self) -> RoomTold:
        """Of this disk."""
        usage = await asyncio.to_thread(PosixFiles().usage, self._settings.data)
        return RoomTold(
            total_bytes=usage.total,
            free_bytes=usage.free,
            low_bytes=Marks.of(self._settings, usage).low,
            bytes_per_s=round(self._bytes_per_s()),
            leaving_bytes=None if self.archive is None else self.archive.leaving_bytes(),
        )

    def ready(self) -> Mapping[str, str]:
        waits = self.orders.away_since_us
        archive = {} if self.archive is None else {"archive": self.archive.problem}
        return archive | {
            "ledger": (self._chains.problem and f"ok, but {self._chains.problem}") or "ok",
            "owners": f"ok, but {self.ownership.problem}" if self.ownership.problem else "ok",
            "orders": "ok" if waits is None else "ok, but PostgreSQL tells no orders",
            "bus": f"ok, but {self._membership.saying.problem}" if self._membership.saying.problem else "ok",
        }

    # ------------------------------------------------------------------------------------- owned

    async def _taken(self, stream_id: str, claimed: Taken) -> None:
        for left, seen_until_us in claimed.was.beside:
            body = closed_unseen(left, seen_until_us)
            self._chains.append(stream_id, EntryType.INTERRUPTION_CLOSE, body)
        stream = self.orders.stream(stream_id)
        if stream is not None:
            await self.here.fleet.take(stream, self._arrivals.arrived(stream, claimed.was))

    async def _hand_over(self, stream_id: str, to: Member) -> bool:
        return await self._handover.hand_over(stream_id, to)

    def _refuses(self, stream_id: str) -> str:
        if self._membership.members.me.draining:
            return "this node drains"
        return "" if self.ownership.epoch(stream_id) is None else "the stream is recorded here"

    async def _lost(self, stream_id: str) -> None:
        await self.here.fleet.give_up(stream_id, "another node records the stream")

    async def _ended(self, stream_id: str) -> None:
        await self.here.fleet.give_up(stream_id, HANDED_OVER)

    def _ordered(self, before: Order | None, after: Order) -> None:
        """Of a stream that is here its pipeline follows; of any other it may be our turn to take it."""
        stream = after.stream
        if self.ownership.epoch(stream.id) is None:
            self.ownership.nudge()
            return
        self.here.changed(None if before is None else before.stream, stream)
        if before is not None and before.kinds != after.kinds:
            self.here.rules_changed()

    # --------------------------------------------------------------------------------------- told

    def _told(self) -> Sequence[Told]:
        return self.here.fleet.pipelines()

    @property
    def waiting_bytes(self) -> int:
        """Facts that are not in the database yet."""
        return self._chains.waiting_bytes

    @property
    def postgresql_away(self) -> bool:
        return self.orders.away_since_us is not None or bool(self._chains.problem)

    def telling(self) -> TellingOfNode:
        """How this node is."""
        return TellingOfNode(
            self._clock, self._settings.data, self._membership.saying.figures, self.here.flow, self.here.measured,
            disk_queue=lambda: self.disk.waiting_bytes,
            ledger_queue=lambda: self._chains.waiting_bytes,
            problems=lambda: {name: result for name, result in self.ready().items() if result != "ok"},
        )  # fmt: skip

    def _entered(self, entries: Sequence[Entry]) -> None:
        """What was sealed here is durable."""
        chunks = (one.body for one in entries if is_footage(one.type, one.body))
        self.here.flow.entered(name_of(one["reel"], one["offset"]) for one in chunks)

    def _change(self, change: Interruption, _now: Instant) -> None:
        self._announcing.tell(CUT, {"stream": change.stream_id, "interruption": interruption_body(change)})

    def _refused(self, fact: Fact) -> None:
        """It was told, maybe, while the database was away."""
        if fact.type is EntryType.INTERRUPTION_OPEN:
            none = interruption_from_body(fact.stream_id, EntryType.INTERRUPTION_WITHDRAWN, fact.body)
            self._announcing.tell(REFUSED, {"stream": fact.stream_id, "interruption": interruption_body(none)})

    def _heard(self, stream_id: str, data: str | bytes, _answer: object) -> None:
        words = {"text": data} if isinstance(data, str) else {"hex": data.hex()}
        self._membership.saying.change(HEARD, {"stream": stream_id, **words})


def _own_engine(settings: Settings) -> Engine:
    engine = open_engine(Database(settings.data / NODE_FILE))
    content_normals.create(engine, checkfirst=True)
    return engine
