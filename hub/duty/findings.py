"""A window without a sound track (R04: 音视频监控设备): found while it is due, once a day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Engine, select

from hub.clock import Clock
from hub.database import upsert
from hub.duty.clock import DutyClock
from hub.duty.duty import Tell
from hub.duty.hours import day_of
from hub.duty.tables import findings as table
from hub.model import Stream, StreamKind

NO_SOUND = "no_sound"
LOOK_S = 30.0
LOOKS = 2
"""So many looks in a row must agree: a source that has just connected has not sent everything yet."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A stream that delivers at this moment, and whether sound is a part of it."""

    stream: Stream
    sound: bool


@dataclass(frozen=True, slots=True)
class Finding:
    stream_id: str
    day: str
    kind: str
    at_us: int


class Findings:
    """Kept in a table: the tracks themselves stand in the ledger, in the entry ``open`` of each run."""

    def __init__(
        self, engine: Engine, clock: Clock, duty: DutyClock, zone: str, seen: Callable[[], Iterable[Seen]], tell: Tell
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._duty = duty
        self._zone = zone
        self._seen = seen
        self._tell = tell
        self._silent: dict[str, int] = {}
        self._found: dict[str, str] = {}

    async def run(self) -> None:
        """Until cancelled. Raises SQLAlchemyError; what was seen so far is kept until it begins again."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_S)

    async def look(self) -> None:
        now_us = self._clock.now().utc_us
        today = day_of(self._zone, now_us).isoformat()
        windows = [one for one in self._seen() if one.stream.kind is StreamKind.WINDOW]
        silent = {one.stream.id for one in windows if not one.sound and self._due(one.stream.id, now_us)}
        self._silent = {ident: self._silent.get(ident, 0) + 1 for ident in silent}
        for one in windows:
            ident = one.stream.id
            if one.sound and self._found.pop(ident, None) is not None:
                self._tell("duty.cleared", {"kind": NO_SOUND, "key": ident, "stream": ident, "unit": one.stream.unit})
            if self._silent.get(ident, 0) >= LOOKS and self._found.get(ident) != today:
                finding = Finding(ident, today, NO_SOUND, now_us)
                if await asyncio.to_thread(self._keep, finding):
                    text = "窗口没有声音轨道 (no sound track)"
                    data = {"kind": NO_SOUND, "key": ident, "stream": ident, "unit": one.stream.unit, "text": text}
                    self._tell("duty.finding", data | {"day": today})
                self._found[ident] = today

    def _due(self, stream_id: str, at_us: int) -> bool:
        answer = self._duty.expected(stream_id, at_us)
        return answer is None or answer.due

    async def between(self, streams: Collection[str], first: str, last: str) -> list[Finding]:
        """Findings of these streams and days (as 2026-11-20, both included), by day."""
        found = await asyncio.to_thread(self._list, first, last)
        return [one for one in found if one.stream_id in streams]

    def _list(self, first: str, last: str) -> list[Finding]:
        row = table.c
        query = select(row.stream, row.day, row.kind, row.at_us).where(row.day >= first, row.day <= last)
        with self._engine.connect() as connection:
            return [Finding(*one) for one in connection.execute(query.order_by(row.day, row.stream))]

    def _keep(self, one: Finding) -> bool:
        """False where it is known: the hub has begun anew on the same day."""
        row = {"stream": one.stream_id, "day": one.day, "kind": one.kind, "at_us": one.at_us}
        with self._engine.begin() as connection:
            return bool(connection.execute(upsert(table).on_conflict_do_nothing(), row).rowcount)
