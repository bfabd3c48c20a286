"""What waits to be sent, for each channel by itself: bounded, tried again, and joined into one text when it storms.

Nothing here holds up an alarm: :meth:`Outbox.put` only notes; :meth:`Outbox.drain` sends, one at a time for a channel.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from hub.clock import US_PER_S, Clock
from hub.metrics import NOTICES
from hub.notices.channels import Channel, Channels, SendError
from hub.notices.kept import Notice, NoticeState, NoticeStore
from hub.notices.texts import LISTED, Words

MINUTE_US: Final = 60 * US_PER_S
BACKOFF_S: Final = (10, 60, 300, 900)
"""Pauses between the attempts at one notice; after the last it has failed."""
MAX_WAITING: Final = 200
"""Of one channel; what comes beyond is joined."""
DIGEST: Final = "digest"
SYNC: Final = "alertmanager"
_log = structlog.get_logger(__name__)

Deliver = Callable[[Channel, Notice], Awaitable[None]]
"""Sends one. Raises SendError."""
Digest = Callable[[list[str], int, int, int], Words]
"""Titles, count, from and to (hub UTC, µs)."""


@dataclass(slots=True)
class _Lane:
    """One channel's state."""

    waiting: list[tuple[int, Notice]] = field(default_factory=list)
    recent: dict[bool, deque[int]] = field(default_factory=lambda: {True: deque(), False: deque()})
    """When something was let through: of level 1, which a storm of lesser ones does not hide; and of the rest."""
    joined: list[Notice] = field(default_factory=list)
    joined_count: int = 0
    joined_us: int = 0
    busy: bool = False
    problem: str = ""
    last_ok_us: int | None = None


class Outbox:
    """See the module. ``changed`` hears of each notice that was sent or given up."""

    def __init__(
        self,
        clock: Clock,
        channels: Channels,
        store: NoticeStore,
        deliver: Deliver,
        digest: Digest,
        *,
        storm_per_min: int,
        changed: Callable[[Notice], None] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._channels = channels
        self._store = store
        self._deliver = deliver
        self._digest = digest
        self._storm = storm_per_min
        self._changed = changed
        self._lanes: dict[str, _Lane] = {}
        self._dirty: dict[str, Notice] = {}
        self._flushing = asyncio.Lock()

    async def load(self) -> None:
        """What an earlier run could not send is sent now."""
        for notice in await asyncio.to_thread(self._store.queued):
            lane = self._lane(notice.channel)
            if len(lane.waiting) < MAX_WAITING:
                lane.waiting.append((self._clock.now().mono_us, notice))
            else:
                self._join(lane, notice)

    # -------------------------------------------------------------------------------------- asking

    def put(self, channel: str, alarm: str, unit: str, level: int, reason: str, words: Words) -> Notice:
        """Never blocks. The notice waits, or is joined with others of this minute."""
        now = self._clock.now()
        notice = Notice(secrets.token_hex(8), now.utc_us, channel, alarm, unit, level, reason, words.title, words.body)
        lane = self._lane(channel)
        recent = lane.recent[level == 1]
        while recent and now.mono_us - recent[0] >= MINUTE_US:
            recent.popleft()
        if len(recent) >= self._storm or len(lane.waiting) >= MAX_WAITING:
            return self._join(lane, notice)
        recent.append(now.mono_us)
        lane.waiting.append((now.mono_us, notice))
        self._note(notice)
        return notice

    def _join(self, lane: _Lane, notice: Notice) -> Notice:
        joined = replace(notice, state=NoticeState.JOINED)
        self._dirty[joined.id] = joined
        if not lane.joined_count:
            lane.joined_us = self._clock.now().mono_us
        lane.joined_count += 1
        lane.joined = sorted([*lane.joined, joined], key=lambda one: (one.level, one.at_us))[:LISTED]
        return joined

    def health(self, channel: str) -> tuple[str, int | None, int]:
        """The last problem (empty: none), when it last worked (hub UTC, µs), how many wait."""
        lane = self._lane(channel)
        return lane.problem, lane.last_ok_us, len(lane.waiting) + lane.joined_count

    def forget(self, channel: str) -> None:
        """The channel is gone: what waits for it is given up."""
        lane = self._lanes.pop(channel, _Lane())
        for _, notice in lane.waiting:
            self._end(notice, NoticeState.FAILED, "the channel was removed")

    # ------------------------------------------------------------------------------------- sending

    def ready(self) -> list[str]:
        """Channels that have something due and nothing under way."""
        now_us = self._clock.now().mono_us
        return [
            name
            for name, lane in self._lanes.items()
            if not lane.busy
            and (
                any(due_us <= now_us for due_us, _ in lane.waiting)
                or (lane.joined_count and now_us - lane.joined_us >= MINUTE_US)
            )
        ]

    async def drain(self, channel: str) -> None:
        """Send what is due, the gravest first. One at a time for a channel: a second call returns at once."""
        lane = self._lane(channel)
        if lane.busy:
            return
        lane.busy = True
        try:
            self._close_digest(channel, lane)
            while (found := self._next(lane)) is not None:
                lane.waiting.remove(found)
                await self._try(lane, found[1])
        finally:
            lane.busy = False
            await self.flush()

    async def drain_all(self) -> None:
        await asyncio.gather(*(self.drain(name) for name in self.ready()))

    def _next(self, lane: _Lane) -> tuple[int, Notice] | None:
        now_us = self._clock.now().mono_us
        due = [one for one in lane.waiting if one[0] <= now_us]
        return min(due, key=lambda one: (one[1].level, one[0], one[1].at_us), default=None)

    def _close_digest(self, channel: str, lane: _Lane) -> None:
        now = self._clock.now()
        if not lane.joined_count or now.mono_us - lane.joined_us < MINUTE_US:
            return
        from_us = now.utc_us - (now.mono_us - lane.joined_us)
        words = self._digest([one.title for one in lane.joined], lane.joined_count, from_us, now.utc_us)
        unit, level = lane.joined[0].unit, lane.joined[0].level
        notice = Notice(secrets.token_hex(8), now.utc_us, channel, "", unit, level, DIGEST, words.title, words.body)
        lane.joined, lane.joined_count = [], 0
        lane.waiting.append((now.mono_us, notice))
        self._dirty[notice.id] = notice

    async def _try(self, lane: _Lane, notice: Notice) -> None:
        channel = self._channels.find(notice.channel)
        if channel is None:
            self._end(notice, NoticeState.FAILED, "the channel was removed")
            return
        notice = replace(notice, attempts=notice.attempts + 1)
        try:
            await self._deliver(channel, notice)
        except SendError as error:
            self._failed(lane, notice, str(error))
        except Exception as error:
            # the class alone: the message of a fault of our own could hold the URL
            _log.error("a notice could not be sent for a fault of the hub itself", fault=type(error).__name__)
            self._failed(lane, notice, f"a fault of the hub itself: {type(error).__name__}")
        else:
            lane.problem, lane.last_ok_us = "", self._clock.now().utc_us
            self._end(notice, NoticeState.SENT, "")

    def _failed(self, lane: _Lane, notice: Notice, problem: str) -> None:
        lane.problem = problem
        if notice.attempts > len(BACKOFF_S):
            self._end(notice, NoticeState.FAILED, problem)
            return
        due_us = self._clock.now().mono_us + BACKOFF_S[notice.attempts - 1] * US_PER_S
        waiting = replace(notice, problem=problem)
        lane.waiting.append((due_us, waiting))
        self._note(waiting)
        _log.warning("a notice was not taken; it is tried again", channel=notice.channel, problem=problem)

    def _end(self, notice: Notice, state: NoticeState, problem: str) -> None:
        ended = replace(notice, state=state, problem=problem, done_us=self._clock.now().utc_us)
        self._note(ended)
        NOTICES.labels(state.value).inc()
        if state is NoticeState.FAILED:
            _log.error("a notice was given up", channel=notice.channel, attempts=notice.attempts, problem=problem)
        self._changed(ended)

    def _note(self, notice: Notice) -> None:
        """To be kept. Alertmanager is told the same again each minute: of that only what failed is worth a row."""
        if notice.reason != SYNC or notice.state is NoticeState.FAILED:
            self._dirty[notice.id] = notice

    def _lane(self, channel: str) -> _Lane:
        return self._lanes.setdefault(channel, _Lane())

    # ------------------------------------------------------------------------------------- keeping

    async def flush(self) -> None:
        """Keep what changed. What the database refuses is kept with the next."""
        async with self._flushing:
            changed, self._dirty = self._dirty, {}
            if not changed:
                return
            try:
                await asyncio.to_thread(self._store.keep, list(changed.values()))
            except Exception as error:
                self._dirty = changed | self._dirty
                _log.error("notices could not be kept; tried again", error=type(error).__name__)
