"""The office's orders: worked out from what people decided, and written where the nodes read them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from hub.clock import US_PER_S, Clock
from hub.cluster.orders import Check, Due, Maintained, Order, ordered_streams, write_orders
from hub.cluster.pause import pause
from hub.cluster.redis_link import Backoff
from hub.duty.clock import reason_of
from hub.duty.plan import Piece
from hub.model import Expected, InterruptionKind, Stream
from hub.monitor.maintenance import Window
from hub.monitor.rules import KindRule
from hub.pipeline import ExpectedAt

log = structlog.get_logger(__name__)

DAY_US = 86_400 * US_PER_S
BEHIND_DAYS, AHEAD_DAYS = 2, 4
"""Around the present day (UTC), so that an order stays the same all day, and always knows 72 hours ahead. Behind: a
node asks what was due when a stream was recorded last."""
EDGES_DAYS = (4, 20)
"""How far around that the edges of what is due are looked for; the last is longer than any holiday."""
ALL_EVERY_S = 600.0
AT_ONCE = 20
"""Orders that are worked out before the event loop gets its turn."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What an order is made of; everything answers from memory.

    ``pieces``: of a stream's calendar, in order and without holes (:meth:`hub.duty.clock.DutyClock.pieces`), empty
    where no calendar is in use. ``activity``: what open activities say of a moment. ``kinds``: a stream's thresholds.
    ``windows``: planned maintenance. ``path``: a unit and what is above it.
    """

    pieces: Callable[[str, int, int], Sequence[Piece]]
    activity: ExpectedAt
    kinds: Callable[[Stream], Mapping[InterruptionKind, KindRule]]
    windows: Callable[[], Iterable[Window]]
    path: Callable[[str], Sequence[str]]


def order_of(stream: Stream, sources: Sources, now_us: int) -> Order:
    """What the nodes are to know of a stream. Pure."""
    today_us = now_us // DAY_US * DAY_US
    first_us, last_us = today_us - BEHIND_DAYS * DAY_US, today_us + AHEAD_DAYS * DAY_US
    return Order(
        stream,
        dict(sources.kinds(stream)),
        _due(stream.id, sources, first_us, last_us),
        last_us,
        sources.activity(stream.id, now_us),
        _maintenance(stream, sources, now_us, last_us),
    )


def _due(stream_id: str, sources: Sources, first_us: int, last_us: int) -> tuple[Due, ...]:
    for days in EDGES_DAYS:
        begin_us, end_us = first_us - days * DAY_US, last_us + days * DAY_US
        pieces = sources.pieces(stream_id, begin_us, end_us)
        joined = _joined(pieces)
        found = [
            Due(piece.from_us, piece.to_us, _answer(piece, edges, begin_us, end_us))
            for piece, edges in zip(pieces, joined, strict=True)
            if piece.due is not None and piece.to_us > first_us and piece.from_us < last_us
        ]
        if all(one.expected is None or None not in (one.expected.from_us, one.expected.to_us) for one in found):
            break
    return tuple(Due(max(one.from_us, first_us), min(one.to_us, last_us), one.expected) for one in found)


def _joined(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """For each piece, from when until when it is due, or not due, as it is itself."""
    edges: list[tuple[int, int]] = []
    begin = 0
    for place, piece in enumerate(pieces):
        if place + 1 == len(pieces) or pieces[place + 1].due is not piece.due:
            edges += [(pieces[begin].from_us, piece.to_us)] * (place + 1 - begin)
            begin = place + 1
    return edges


def _answer(piece: Piece, edges: tuple[int, int], begin_us: int, end_us: int) -> Expected:
    from_us, to_us = edges
    assert piece.due is not None
    return Expected(
        piece.due, None if from_us == begin_us else from_us, None if to_us == end_us else to_us, reason_of(piece)
    )


def _maintenance(stream: Stream, sources: Sources, now_us: int, last_us: int) -> tuple[Maintained, ...]:
    units = sources.path(stream.unit)
    found = [
        Maintained(one.id, one.from_us, one.to_us)
        for one in sources.windows()
        if one.in_force
        and one.to_us > now_us
        and one.from_us < last_us
        and (one.stream == stream.id or (one.unit and one.unit in units))
    ]
    return tuple(sorted(found, key=lambda one: (one.from_us, one.id)))


class Issuing:
    """Writes orders when something changed, and all of them from time to time: a new day begins.

    ``streams``: those that are registered; ``check``: raises in the transaction where this office leads no more;
    ``told``: says to the nodes that there is something to read.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        sources: Sources,
        streams: Callable[[], Sequence[Stream]],
        told: Callable[[], None],
        check: Check | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._sources = sources
        self._streams = streams
        self._told = told
        self._check = check
        self._some: set[str] = set()
        self._all = True
        self._wanted = asyncio.Event()
        self.problem = ""
        """Why the nodes do not learn what was decided; empty: they do."""

    def nudge(self, stream_id: str = "") -> None:
        """Something was decided about a stream; empty: about many, or nobody knows which."""
        if stream_id:
            self._some.add(stream_id)
        else:
            self._all = True
        self._wanted.set()

    async def issue(self) -> int:
        """Write what changed; returns how many orders. Raises SQLAlchemyError, and whatever ``check`` raises."""
        whole, self._all = self._all, False
        some, self._some = self._some, set()
        try:
            changed = await self._issue(whole, some)
        except BaseException:
            self._all = self._all or whole
            self._some |= some
            raise
        if changed:
            self._told()
        return changed

    async def _issue(self, whole: bool, some: set[str]) -> int:
        present = {one.id: one for one in self._streams()}
        orders: dict[str, Order] = {}
        for number, stream in enumerate(one for one in present.values() if whole or one.id in some):
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            orders[stream.id] = order_of(stream, self._sources, self._clock.now().utc_us)
        gone = await asyncio.to_thread(ordered_streams, self._engine) if whole else some
        return await asyncio.to_thread(write_orders, self._engine, orders, gone - present.keys(), self._check)

    async def run(self) -> None:
        """Until cancelled, or until this office leads no more."""
        backoff = Backoff()
        wait_s = 0.0
        while True:
            await pause(self._clock, wait_s, self._wanted)
            if not self._wanted.is_set() and not self.problem:
                self._all = True
            self._wanted.clear()
            try:
                await self.issue()
            except SQLAlchemyError as error:
                if not self.problem:
                    log.warning("orders cannot be written; the nodes go on with those they know", error=str(error))
                self.problem = "PostgreSQL does not take the nodes' orders"
                wait_s = backoff.next_s()
            else:
                self.problem = ""
                backoff.reset()
                wait_s = ALL_EVERY_S
