"""What the office wants of the nodes that record: one row a stream, read by all of them.

A row holds everything that a pipeline asks of the office, worked out for some days ahead: so a node goes on by itself
while PostgreSQL is away. It holds the camera's password too, as the registry's own table does.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from sqlalchemy import Boolean, Column, Connection, Engine, Table, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from hub import metrics
from hub.clock import US_PER_S, Clock
from hub.cluster.pause import pause
from hub.cluster.redis_link import Backoff
from hub.database import Int64, Text, begin_writing, cluster_metadata, is_postgresql, listed, upsert
from hub.errors import HubError
from hub.model import Capability, Expected, InterruptionKind, RtspSource, Stream, StreamKind, Transport, WhipSource
from hub.monitor.rules import DetectorRules, KindRule

log = structlog.get_logger(__name__)

READ_EVERY_S = 1.0
_ONE_WRITER = 0x6875622D6F726473
"""PostgreSQL's advisory lock of whoever writes orders: versions are seen in the order in which they were made."""

table = Table(
    "cluster_orders",
    cluster_metadata,
    Column("stream", Text, primary_key=True),
    Column("version", Int64, nullable=False, index=True),  # of the newest change, over all streams
    Column("body", Text, nullable=False),
    Column("gone", Boolean, nullable=False),  # the stream is retired; the body is of then
)


class BadOrder(HubError):
    """A row of the orders cannot be read: it is of another version of the hub. What was known of the stream holds."""

    code = "bad_order"


@dataclass(frozen=True, slots=True)
class Due:
    """From ``from_us`` until ``to_us`` the answer is ``expected``: None means that nobody says anything."""

    from_us: int
    to_us: int
    expected: Expected | None


@dataclass(frozen=True, slots=True)
class Maintained:
    """A planned maintenance. Hub UTC, µs; ``to_us`` exclusive."""

    id: str
    from_us: int
    to_us: int


@dataclass(frozen=True, slots=True)
class Order:
    """Of one stream. ``due``: by the calendar, in order, until ``known_until_us``; outside of it nobody says anything,
    and the stream is due as its kind is. ``activity``: the one that is open, whose end is not known. ``kinds``: the
    thresholds, the units' taken into account."""

    stream: Stream
    kinds: Mapping[InterruptionKind, KindRule] = field(default_factory=dict)
    due: tuple[Due, ...] = ()
    known_until_us: int = 0
    activity: Expected | None = None
    maintenance: tuple[Maintained, ...] = ()

    def expected(self, at_us: int) -> Expected | None:
        """What the office would answer (hub UTC, µs), see :data:`hub.pipeline.ExpectedAt`."""
        by_hours = self._by_hours(at_us)
        open_one = self.activity
        if open_one is None or at_us < (open_one.from_us or 0) or (by_hours is not None and by_hours.due):
            return by_hours
        return open_one

    def _by_hours(self, at_us: int) -> Expected | None:
        place = bisect_right(self.due, at_us, key=lambda one: one.from_us) - 1
        if place < 0 or at_us >= self.due[place].to_us:
            return None
        return self.due[place].expected

    def maintained(self, at_us: int) -> str:
        """Id of the maintenance that holds at a moment; empty: none."""
        return next((one.id for one in self.maintenance if one.from_us <= at_us < one.to_us), "")

    def rules(self, base: DetectorRules) -> DetectorRules:
        return base.with_kinds(dict(self.kinds)) if self.kinds else base

    # -------------------------------------------------------------------------------------- JSON

    def text(self) -> str:
        """The same text for the same order."""
        body = {
            "v": 1,
            "stream": _stream_json(self.stream),
            "kinds": {
                kind.value: [rule.record_from_us, rule.ring_from_us, rule.explain_from_us]
                for kind, rule in self.kinds.items()
            },
            "due": [[one.from_us, one.to_us, _expected_json(one.expected)] for one in self.due],
            "known_until_us": self.known_until_us,
            "activity": _expected_json(self.activity),
            "maintenance": [[one.id, one.from_us, one.to_us] for one in self.maintenance],
        }
        return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Order:
        """Raises BadOrder."""
        try:
            body = json.loads(text)
            if body["v"] != 1:
                raise BadOrder(f"expected an order of version 1, found {str(body['v'])[:20]!r}")
            return cls(
                _stream_of(body["stream"]),
                {InterruptionKind(kind): KindRule(*values) for kind, values in body["kinds"].items()},
                tuple(Due(from_us, to_us, _expected_of(said)) for from_us, to_us, said in body["due"]),
                int(body["known_until_us"]),
                _expected_of(body["activity"]),
                tuple(Maintained(*one) for one in body["maintenance"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadOrder(f"expected an order, found what cannot be read: {type(error).__name__}") from error


def _expected_json(one: Expected | None) -> list[Any] | None:
    return None if one is None else [one.due, one.from_us, one.to_us, one.reason]


def _expected_of(said: Sequence[Any] | None) -> Expected | None:
    return None if said is None else Expected(*said)


def _stream_json(stream: Stream) -> dict[str, Any]:
    return {
        "id": stream.id,
        "name": stream.name,
        "kind": stream.kind.value,
        "source": _source_json(stream.source),
        "created_us": stream.created_us,
        "retired": stream.retired,
        "unit": stream.unit,
        "device_number": stream.device_number,
        "custodian": stream.custodian,
        "capabilities": sorted(stream.capabilities),
        "managed_by_others": stream.managed_by_others,
        "preview": None if stream.preview is None else _source_json(stream.preview),
    }


def _source_json(source: RtspSource | WhipSource) -> dict[str, str]:
    if isinstance(source, WhipSource):
        return {"token_sha256": source.token_sha256}
    return {"url": source.url, "transport": source.transport.value}


def _rtsp_of(said: Mapping[str, str]) -> RtspSource:
    return RtspSource(said["url"], Transport(said["transport"]))


def _stream_of(said: Mapping[str, Any]) -> Stream:
    source = said["source"]
    return Stream(
        said["id"],
        said["name"],
        StreamKind(said["kind"]),
        WhipSource(source["token_sha256"]) if "token_sha256" in source else _rtsp_of(source),
        said["created_us"],
        said["retired"],
        said["unit"],
        said["device_number"],
        said["custodian"],
        frozenset(Capability(one) for one in said["capabilities"] if one in set(Capability)),
        said["managed_by_others"],
        None if said["preview"] is None else _rtsp_of(said["preview"]),
    )


# --------------------------------------------------------------------------------- the office's side

Check = Callable[[Connection], None]
"""Within a transaction: raises where this office leads no more."""


def write_orders(
    engine: Engine, orders: Mapping[str, Order], gone: Collection[str] = (), check: Check | None = None
) -> int:
    """Enter these, and that those streams are gone; returns how many rows changed. Blocks. Raises SQLAlchemyError.

    Rows that say it already stay as they are: the nodes read again only what changed.
    """
    with engine.begin() as connection:
        begin_writing(connection)
        if check is not None:
            check(connection)
        if is_postgresql(connection):
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ONE_WRITER})
        concerned = select(table.c.stream, table.c.body, table.c.gone).where(
            table.c.stream.in_(select(listed([*orders, *gone])))
        )
        said = {stream: (body, is_gone) for stream, body, is_gone in connection.execute(concerned)}
        wanted = {stream_id: (one.text(), False) for stream_id, one in orders.items()}
        wanted |= {stream: (said[stream][0], True) for stream in gone if stream in said and stream not in orders}
        changed = {stream: one for stream, one in wanted.items() if said.get(stream) != one}
        version = connection.execute(select(func.coalesce(func.max(table.c.version), 0))).scalar_one()
        for number, (stream, (body, is_gone)) in enumerate(sorted(changed.items()), version + 1):
            row = {"stream": stream, "version": number, "body": body, "gone": is_gone}
            statement = upsert(table).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=["stream"], set_=row))
        return len(changed)


def ordered_streams(engine: Engine) -> set[str]:
    """Streams that the table has and that are not gone. Blocks. Raises SQLAlchemyError."""
    with engine.connect() as connection:
        return set(connection.execute(select(table.c.stream).where(~table.c.gone)).scalars())


# -------------------------------------------------------------------------------- the nodes' side

Listener = Callable[[Order | None, Order], None]
"""The order as it was (None: new) and as it is; ``stream.retired``: it is gone. On the event loop."""


class Orders:
    """What the office wants, in memory. :meth:`run` keeps it new; while PostgreSQL is away what is known holds."""

    def __init__(self, engine: Engine, clock: Clock, base: DetectorRules) -> None:
        self._engine = engine
        self._clock = clock
        self._base = base
        self._known: dict[str, Order] = {}
        self._version = 0
        self._listeners: list[Listener] = []
        self._wanted = asyncio.Event()
        self._away_since_us: int | None = None

    # ------------------------------------------------------------------------------------- asked

    def streams(self) -> Mapping[str, bool]:
        """All that are registered, and whether each may be moved: a camera is pulled from anywhere."""
        return {stream_id: isinstance(one.stream.source, RtspSource) for stream_id, one in self._known.items()}

    def get(self, stream_id: str) -> Order | None:
        return self._known.get(stream_id)

    def stream(self, stream_id: str) -> Stream | None:
        """As registered; None: it is not, or no more."""
        order = self._known.get(stream_id)
        return None if order is None else order.stream

    def expected(self, stream_id: str, at_us: int) -> Expected | None:
        """Whether a stream is to record at a moment: :data:`hub.pipeline.ExpectedAt`."""
        order = self._known.get(stream_id)
        return None if order is None else order.expected(at_us)

    def rules(self, stream_id: str) -> DetectorRules:
        """The thresholds of a stream."""
        order = self._known.get(stream_id)
        return self._base if order is None else order.rules(self._base)

    def maintained_at(self, stream: Stream, at_us: int) -> str:
        """:data:`hub.fleet.MaintainedAt`."""
        order = self._known.get(stream.id)
        return "" if order is None else order.maintained(at_us)

    @property
    def away_since_us(self) -> int | None:
        """Since when PostgreSQL told nothing (hub UTC, µs); None: it does."""
        return self._away_since_us

    # -------------------------------------------------------------------------------------- told

    def on_change(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def nudge(self) -> None:
        """There is news: read at once."""
        self._wanted.set()

    async def read(self) -> int:
        """What changed since; returns how many rows. Raises SQLAlchemyError."""
        rows = await asyncio.to_thread(self._rows)
        for stream_id, version, body, gone in rows:
            self._version = max(self._version, version)
            self._take(stream_id, body, gone)
        self._away_since_us = None
        metrics.ORDERS_SEEN.set(self._clock.now().utc_us / US_PER_S)
        return len(rows)

    def _rows(self) -> Sequence[tuple[str, int, str, bool]]:
        newer = select(table.c.stream, table.c.version, table.c.body, table.c.gone).where(
            table.c.version > self._version
        )
        with self._engine.connect() as connection:
            return [(row[0], row[1], row[2], row[3]) for row in connection.execute(newer.order_by(table.c.version))]

    def _take(self, stream_id: str, body: str, gone: bool) -> None:
        before = self._known.get(stream_id)
        try:
            order = Order.read(body)
        except BadOrder as error:
            log.error("an order is passed over", stream=stream_id, error=str(error))
            if gone:
                self._known.pop(stream_id, None)
            return
        if gone:
            if self._known.pop(stream_id, None) is not None:
                self._tell(before, replace(order, stream=replace(order.stream, retired=True)))
        else:
            self._known[stream_id] = order
            self._tell(before, order)

    def _tell(self, before: Order | None, after: Order) -> None:
        for listener in self._listeners:
            try:
                listener(before, after)
            except Exception:
                log.exception("a change of orders failed", stream=after.stream.id)

    async def run(self) -> None:
        """Until cancelled: each second, and at once on news."""
        backoff = Backoff()
        while True:
            self._wanted.clear()
            wait_s = READ_EVERY_S
            try:
                await self.read()
                backoff.reset()
            except SQLAlchemyError as error:
                if self._away_since_us is None:
                    self._away_since_us = self._clock.now().utc_us
                    log.warning("no orders are to be had; those that are known hold", error=str(error))
                wait_s = backoff.next_s()
            await pause(self._clock, wait_s, self._wanted)
