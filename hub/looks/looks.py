"""Looks: asked for with a reason, opened or decided, used, ended. Each step is in the ledger before it holds."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog

from hub.clock import US_PER_S, Clock
from hub.errors import Conflict, InvalidRequest, LedgerError, NotFound, Refused
from hub.looks.look import MAX_STREAMS, MAX_TEXT, Grant, Look, LookState, Note
from hub.looks.ranges import Range, contains, merged, overlaps
from hub.looks.store import LookStore
from hub.outage import Outage

log = structlog.get_logger(__name__)

HOUR_US = 3600 * US_PER_S
LONGEST_US = 31 * 24 * HOUR_US
"""What one look may be about."""
AHEAD_US = 24 * HOUR_US
"""It may be asked for to the end of today."""
WAITS_US = 7 * 24 * HOUR_US
"""A request that nobody decides."""
MOST_LIVING = 500
"""Of one person. A look that covers what is wanted is used again, so few are needed."""
NOTED_S = 5.0
"""How long the disk may take for the entry before the look is refused."""
TICK_S = 5.0


@dataclass(frozen=True, slots=True)
class Hours:
    """How long a look holds from when it was opened."""

    standing: float = 8.0
    approved: float = 24.0


Tell = Callable[[str, Mapping[str, Any]], None]
"""Type and data of an event."""


class Looks:
    """On the event loop. What lives is in memory, so that a call for bytes asks no database; all of it is kept."""

    def __init__(
        self, store: LookStore, clock: Clock, note: Note, committed: Callable[[], Awaitable[None]], tell: Tell,
        hours: Hours,
    ) -> None:  # fmt: skip
        self._store = store
        self._clock = clock
        self._note = note
        self._committed = committed
        self._tell = tell
        self._hours = hours
        self._living: dict[str, Look] = {}
        self._outage = Outage("looks", clock)
        self._deciding = asyncio.Lock()
        self._using: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._unasked: dict[tuple[str, str], tuple[int, tuple[Range, ...]]] = {}

    @classmethod
    async def open(
        cls, store: LookStore, clock: Clock, note: Note, committed: Callable[[], Awaitable[None]], tell: Tell,
        hours: Hours = Hours(),
    ) -> Looks:  # fmt: skip
        """As they were kept; the tables must exist."""
        self = cls(store, clock, note, committed, tell, hours)
        self._living = {look.id: look for look in await asyncio.to_thread(store.living)}
        return self

    # ------------------------------------------------------------------------------------ reading

    async def get(self, ident: str) -> Look:
        """Raises NotFound."""
        look = self._living.get(ident) or await asyncio.to_thread(self._store.get, ident)
        if look is None:
            raise unknown(ident)
        return self._as_of_now(look)

    async def page(
        self, *, state: LookState | None = None, by: str | None = None, limit: int = 100, after: str | None = None
    ) -> list[Look]:
        """Newest first."""
        found = await asyncio.to_thread(self._store.page, state=state, by=by, limit=limit, after=after)
        return [self._as_of_now(look) for look in found]

    def in_force(self, by: str, stream: str) -> list[Look]:
        """The open looks of this person that are about this stream."""
        now_us = self._clock.now().utc_us
        return [
            look
            for look in self._living.values()
            if look.by == by and look.state is LookState.OPEN and stream in look.streams and now_us < look.ends_us
        ]

    def _as_of_now(self, look: Look) -> Look:
        look = self._living.get(look.id, look)
        return replace(look, state=LookState.ENDED) if look.lives and self._is_over(look) else look

    def _is_over(self, look: Look) -> bool:
        return self._clock.now().utc_us >= look.ends_us

    # ----------------------------------------------------------------------------------- changing

    async def ask(
        self, *, by: str, streams: Sequence[str], from_us: int, to_us: int, reason: str, standing: bool,
        reason_needed: bool = True,
    ) -> Look:  # fmt: skip
        """Ask to play these streams. ``standing``: the person's own right suffices. Raises InvalidRequest, Conflict,
        LedgerError: what cannot be noted is not granted."""
        now_us = self._clock.now().utc_us
        streams = tuple(dict.fromkeys(streams))
        reason = reason.strip()
        if not 1 <= len(streams) <= MAX_STREAMS:
            raise InvalidRequest(f"streams: expected 1 to {MAX_STREAMS} of them", code="bad_look")
        if len(reason) > MAX_TEXT or (not reason and reason_needed):
            raise InvalidRequest(f"reason: expected 1 to {MAX_TEXT} characters", code="no_reason")
        if not from_us < to_us <= from_us + LONGEST_US:
            raise InvalidRequest("to: expected a time after from, 31 days after it at most", code="bad_look")
        if to_us > now_us + AHEAD_US:
            raise InvalidRequest("to: expected a time within a day from now", code="bad_look")
        if sum(look.by == by and not self._is_over(look) for look in self._living.values()) >= MOST_LIVING:
            raise Conflict(f"{MOST_LIVING} looks of yours are open or waiting; end some", code="too_many")
        look = Look(
            id=f"look-{secrets.token_hex(8)}", by=by, streams=streams, from_us=from_us, to_us=to_us, reason=reason,
            asked_us=now_us, grant=Grant.STANDING if standing else Grant.APPROVAL,
            state=LookState.OPEN if standing else LookState.PENDING,
            ends_us=now_us + (round(self._hours.standing * HOUR_US) if standing else WAITS_US),
        )  # fmt: skip
        await self._keep(look, "looks.open" if standing else "looks.ask", by)
        self._tell("look.asked", look.json())
        return look

    async def decide(self, ident: str, *, approve: bool, by: str, note: str = "") -> Look:
        """By another person than who asked; who that is, the caller has made sure of."""
        note = _checked(note)
        async with self._deciding:
            look = await self.get(ident)
            if look.state is not LookState.PENDING:
                raise Conflict(f"this request is {look.state} already", code="decided")
            if by == look.by:
                raise Refused("who asks does not decide; another person does", code="same_person")
            now_us = self._clock.now().utc_us
            state = LookState.OPEN if approve else LookState.REFUSED
            ends_us = now_us + round(self._hours.approved * HOUR_US) if approve else now_us
            decided = replace(look, state=state, decided_by=by, decided_us=now_us, note=note, ends_us=ends_us)
            return await self._changed(decided, "looks.approve" if approve else "looks.refuse", by)

    async def end(self, ident: str, *, by: str) -> Look:
        """Now, open or pending."""
        async with self._deciding:
            look = await self.get(ident)
            if not look.lives:
                raise Conflict(f"this look is {look.state} already", code="decided")
            ended = replace(look, state=LookState.ENDED, ends_us=self._clock.now().utc_us)
            # what takes a right away does not wait for the ledger
            self._living.pop(ident, None)
            await asyncio.to_thread(self._store.keep, ended)
            return await self._changed(ended, "looks.end", by)

    async def _changed(self, look: Look, what: str, by: str) -> Look:
        await self._keep(look, what, by)
        self._tell("look.changed", look.json())
        return look

    async def _keep(self, look: Look, what: str, by: str) -> None:
        """Entry first, in the chain of each stream; then the database, then memory."""
        facts = look.facts() | ({"note": look.note} if look.note else {}) | {"ends_us": look.ends_us}
        for stream in look.streams:
            self._note(by, what, look.reason, stream=stream, **facts)
        await self._durable()
        await asyncio.to_thread(self._store.keep, look)
        if look.lives:
            self._living[look.id] = look
        else:
            self._living.pop(look.id, None)

    async def _durable(self) -> None:
        """The entries made so far are on the disk. Raises LedgerError where the disk does not take them in time."""
        waiting = asyncio.ensure_future(self._committed())
        done, _ = await asyncio.wait({waiting}, timeout=NOTED_S)
        if not done:
            waiting.cancel()
            raise LedgerError("the ledger could not write that this is looked at: try again later", code="not_noted")
        waiting.result()

    # -------------------------------------------------------------------------------------- using

    async def use(self, looks: Sequence[Look], stream: str, wanted: Range) -> None:
        """This is about to be played under these looks: the first time of each is noted, before a byte is served.
        Raises LedgerError."""
        for look in looks:
            if stream not in look.used and overlaps([look.range], wanted):
                await self._once((look.id, stream), partial(self._first_use, look.id, stream))

    async def _once(self, key: tuple[str, str], work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Calls that come at the same moment wait for one entry."""
        task = self._using.get(key)
        if task is None:
            task = self._using[key] = asyncio.create_task(work())
            task.add_done_callback(lambda _: self._using.pop(key, None))
        await asyncio.shield(task)

    async def _first_use(self, ident: str, stream: str) -> None:
        look = self._living[ident]
        if stream in look.used:
            return
        self._note(look.by, "playback.view", look.reason, stream=stream, **look.facts())
        await self._durable()
        look = self._living.get(ident, look)
        used = replace(look, used=(*look.used, stream))
        if ident in self._living:
            self._living[ident] = used
        await asyncio.to_thread(self._store.keep, used)

    async def unasked(self, by: str, stream: str, wanted: Range) -> None:
        """A program, or an administrator, plays without having been asked why: noted as such, once an hour for what
        was noted already. Raises LedgerError."""
        await self._once((by, stream), partial(self._unasked_use, by, stream, wanted))
        if not self.is_noted(by, stream, wanted):  # the entry that was waited for was about another range
            await self._unasked_use(by, stream, wanted)

    def is_noted(self, by: str, stream: str, wanted: Range) -> bool:
        return contains(self.noted(by, stream), wanted)

    def noted(self, by: str, stream: str) -> tuple[Range, ...]:
        """What was noted within the hour of who is not asked."""
        until_us, ranges = self._unasked.get((by, stream), (0, ()))
        return ranges if self._clock.now().mono_us < until_us else ()

    async def _unasked_use(self, by: str, stream: str, wanted: Range) -> None:
        if self.is_noted(by, stream, wanted):
            return
        self._note(by, "playback.view", stream=stream, grant="unasked", from_us=wanted[0], to_us=wanted[1])
        await self._durable()
        before, now_us = self.noted(by, stream), self._clock.now().mono_us
        until_us = self._unasked[by, stream][0] if before else now_us + HOUR_US
        self._unasked[by, stream] = until_us, merged([*before, wanted])

    # --------------------------------------------------------------------------------- by the clock

    async def run(self) -> None:
        """Until cancelled: what is over by the clock is told."""
        while True:
            await self._clock.sleep(TICK_S)
            try:
                with self._outage.endured():
                    await self.tick()
            except Exception:
                log.exception("looks that are over could not be kept as such; tried again")

    async def tick(self) -> None:
        now_us = self._clock.now().mono_us
        self._unasked = {key: kept for key, kept in self._unasked.items() if now_us < kept[0]}
        if not any(map(self._is_over, self._living.values())):
            return
        async with self._deciding:
            over = [replace(one, state=LookState.ENDED) for one in self._living.values() if self._is_over(one)]
            await asyncio.to_thread(self._store.end, over)
            for look in over:
                self._living.pop(look.id, None)
                self._tell("look.changed", look.json())


def unknown(ident: str) -> NotFound:
    return NotFound(f"no look {ident[:63]!r} is known", code="unknown_look")


def _checked(note: str) -> str:
    if len(note) > MAX_TEXT:
        raise InvalidRequest(f"note: expected at most {MAX_TEXT} characters", code="bad_look")
    return note.strip()
