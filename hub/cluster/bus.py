"""The bus between nodes: Redis Streams. Changes are handled once each; standing and news are read by all who listen.

What is said waits in bounded queues while Redis is away, and nobody who says something waits at all. A Redis that was
restarted empty gets its streams and its group again from whoever notices first.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from hub import metrics
from hub.clock import Clock, Instant
from hub.cluster.messages import BadMessage, Message, read
from hub.cluster.redis_link import Backoff, RedisAway, RedisLink
from hub.errors import Unavailable
from hub.logging import Repetition

log = structlog.get_logger(__name__)

CHANGES, STANDING, NEWS = "hub:changes", "hub:standing", "hub:news"
GROUP = "office"
FIGURES = ":figures"
"""The kind of what a node tells of itself among how streams are; no stream has this name."""
_FIELD = b"m"

MOST_CHANGES = 10_000
"""Of one node, that wait for Redis: an hour of a thousand cameras that all flicker twice."""
MOST_UNHANDLED = 200_000
"""In Redis: beyond it nodes keep their changes to themselves, and their own bound holds."""
KEPT = {STANDING: 20_000, NEWS: 1_000}
BATCH = 200
BLOCK_MS = 500
CLAIM_IDLE_MS = 10_000
"""What an office took and did not finish for so long is another's: it leads no more, or it is gone."""
CLAIM_EVERY_US = 5_000_000

Handler = Callable[[Message], Awaitable[None]]


class Saying:
    """What this node says. Calls never block; :meth:`run` sends."""

    def __init__(self, link: RedisLink, clock: Clock, node: str, *, most_changes: int = MOST_CHANGES) -> None:
        self._link = link
        self._clock = clock
        self._node = node
        self._most = most_changes
        self._changes: deque[Message] = deque()
        self._standing: dict[str, Message] = {}
        self._news: dict[str, Message] = {}
        self._full = False
        self._dropped = 0
        self._wanted = asyncio.Event()
        self._complaints = Repetition(clock)
        self._prefix = secrets.token_hex(8)
        self._count = 0

    @property
    def waiting(self) -> int:
        return len(self._changes) + len(self._standing) + len(self._news)

    @property
    def problem(self) -> str:
        """In words; empty: none."""
        if self._dropped:
            return f"{self._dropped} changes found no room while Redis was away; the entries tell the office of them"
        return "the office does not handle changes; they wait" if self._full else ""

    def change(self, kind: str, body: Mapping[str, Any], *, ident: str = "") -> None:
        """Handled once by the office. Beyond the bound the oldest goes: counted, and told as a problem."""
        if len(self._changes) >= self._most:
            self._changes.popleft()
            self._dropped += 1
            metrics.BUS_DROPPED.inc()
            if self._complaints.due("dropped") is not None:
                log.error("changes found no room: Redis is away for too long", dropped=self._dropped)
        self._put(self._changes.append, kind, body, ident)

    def standing(self, stream_id: str, body: Mapping[str, Any]) -> None:
        """How a stream is now. Of each stream only the newest waits."""
        self._put(lambda message: self._standing.__setitem__(stream_id, message), "standing", body)

    def figures(self, body: Mapping[str, Any]) -> None:
        """How this node is now. Only the newest waits; it is read where standing is."""
        self._put(lambda message: self._standing.__setitem__(FIGURES, message), FIGURES, body)

    def news(self, kind: str, body: Mapping[str, Any] | None = None) -> None:
        """For all nodes. Of each kind only the newest waits: news says that something is to be read, not what."""
        self._put(lambda message: self._news.__setitem__(kind, message), kind, body or {})

    def _put(self, put: Callable[[Message], None], kind: str, body: Mapping[str, Any], ident: str = "") -> None:
        self._count += 1
        message = Message(
            ident or f"{self._prefix}-{self._count}", kind, self._node, self._clock.now().utc_us, dict(body)
        )
        put(message)
        metrics.BUS_WAITING.set(self.waiting)
        self._wanted.set()

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff()
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                while self.waiting and await self.send():
                    pass
                backoff.reset()
            except RedisAway:
                pass
            except ResponseError as error:
                log.error("Redis refuses what is said", error=str(error))
            if self.waiting:
                await self._clock.sleep(backoff.next_s())
                self._wanted.set()

    async def send(self) -> bool:
        """One batch of what waits. False: nothing can be sent now. What was sent waits no more; of what was not, only
        that which nothing newer has replaced. Raises RedisAway."""
        changes = [] if self._full and not await self._room() else list(self._changes)[:BATCH]
        standing = list(self._standing.items())[:BATCH]
        news = list(self._news.items())
        if not changes and not standing and not news:
            return False
        readable = [(CHANGES, one) for one in changes]
        readable += [(STANDING, one) for _, one in standing] + [(NEWS, one) for _, one in news]
        said = [(topic, data) for topic, one in readable if (data := _data(topic, one)) is not None]
        unhandled = await self._link.ask(lambda redis: _add(redis, said))
        self._full = unhandled >= MOST_UNHANDLED
        sent = {one.id for one in changes}
        while self._changes and self._changes[0].id in sent:
            self._changes.popleft()
        for waiting, done in ((self._standing, standing), (self._news, news)):
            for key, message in done:
                if waiting.get(key) is message:
                    del waiting[key]
        if not self._changes:
            self._dropped = 0  # the metric keeps the count
        metrics.BUS_WAITING.set(self.waiting)
        return True

    async def _room(self) -> bool:
        return await self._link.ask(lambda redis: redis.xlen(CHANGES)) < MOST_UNHANDLED


def _data(topic: str, message: Message) -> bytes | None:
    try:
        return message.data()
    except BadMessage as error:
        metrics.BUS_UNREADABLE.labels(topic).inc()
        log.error("a message cannot be said", topic=topic, kind=message.kind, error=str(error))
        return None


async def _add(redis: Redis, said: Sequence[tuple[str, bytes]]) -> int:
    """Returns how many changes nobody has handled yet."""
    async with redis.pipeline(transaction=False) as pipe:
        for topic, data in said:
            most = KEPT.get(topic)
            pipe.xadd(topic, {_FIELD: data}, maxlen=most, approximate=True)
        pipe.xlen(CHANGES)
        answers = await pipe.execute()
    return int(answers[-1])


def _read(topic: str, fields: Mapping[bytes, bytes] | None) -> Message | None:
    if not fields:  # it was deleted meanwhile
        return None
    try:
        return read(fields.get(_FIELD, b""))
    except BadMessage as error:
        metrics.BUS_UNREADABLE.labels(topic).inc()
        log.warning("a message of the bus is skipped", topic=topic, error=str(error))
        return None


Batch = list[tuple[bytes, dict[bytes, bytes] | None]]


class Changes:
    """The office's end: each change is handled, then acknowledged and deleted. ``handler`` goes by the message's id: a
    change comes again when an office ended between the two, or a node did not hear Redis' answer.

    A handler that raises Unavailable is asked again, in order, until it does not; with anything else the message is
    given up: told, and counted.
    """

    def __init__(self, link: RedisLink, clock: Clock, consumer: str, handler: Handler) -> None:
        self._link = link
        self._clock = clock
        self._consumer = consumer
        self._handler = handler
        self._claimed: Instant | None = None

    async def run(self, leads: Callable[[], bool] = lambda: True) -> None:
        """Until cancelled, while this node leads."""
        backoff = Backoff()
        own = "0"  # first what a former life of this consumer took, then what is new
        while True:
            if not leads():
                own = "0"
                await self._clock.sleep(0.2)
                continue
            try:
                batch = await self._claim_left() or await self._read(own)
                if not batch:
                    own = ">"
                await self._handle(batch)
                backoff.reset()
            except (RedisAway, Unavailable) as error:
                if isinstance(error, Unavailable) and not isinstance(error, RedisAway):
                    log.warning("changes wait", error=str(error))
                own = "0"
                await self._clock.sleep(backoff.next_s())
            except ResponseError as error:
                own = "0"
                if "NOGROUP" not in str(error):
                    log.error("Redis refuses to tell changes", error=str(error))
                    await self._clock.sleep(backoff.next_s())
                else:
                    await self._make_group(backoff)

    async def _make_group(self, backoff: Backoff) -> None:
        """From the first change on: what nodes said before there was a group is to be handled too."""
        try:
            await self._link.ask(lambda redis: redis.xgroup_create(CHANGES, GROUP, id="0", mkstream=True))
            log.info("the group of the office was made", stream=CHANGES)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                log.error("Redis refuses the group of the office", error=str(error))
                await self._clock.sleep(backoff.next_s())
        except RedisAway:
            await self._clock.sleep(backoff.next_s())

    async def _read(self, start: str) -> Batch:
        def read_group(redis: Redis) -> Awaitable[Any]:
            return redis.xreadgroup(GROUP, self._consumer, {CHANGES: start}, count=BATCH, block=BLOCK_MS)

        return _entries(await self._link.ask(read_group, wait_s=BLOCK_MS / 1000))

    async def _claim_left(self) -> Batch:
        now = self._clock.now()
        if self._claimed is not None and now.mono_us - self._claimed.mono_us < CLAIM_EVERY_US:
            return []

        def claim(redis: Redis) -> Awaitable[Any]:
            return redis.xautoclaim(CHANGES, GROUP, self._consumer, CLAIM_IDLE_MS, "0-0", count=BATCH)

        answer = await self._link.ask(claim)
        batch: Batch = [(ident, fields) for ident, fields in answer[1] if ident is not None]
        if not batch:
            self._claimed = now
        return batch

    async def _handle(self, batch: Batch) -> None:
        done: list[bytes] = []
        try:
            for ident, fields in batch:
                message = _read(CHANGES, fields)
                if message is not None:
                    await self._handle_one(message)
                done.append(ident)
        finally:
            if done:
                await self._done(done)

    async def _handle_one(self, message: Message) -> None:
        try:
            await self._handler(message)
        except Unavailable:
            raise
        except Exception:
            metrics.BUS_FAILED.labels(CHANGES).inc()
            log.exception("a change could not be handled", kind=message.kind, id=message.id, node=message.node)

    async def _done(self, idents: Sequence[bytes]) -> None:
        async def acknowledge(redis: Redis) -> None:
            async with redis.pipeline(transaction=True) as pipe:
                pipe.xack(CHANGES, GROUP, *idents)
                pipe.xdel(CHANGES, *idents)
                await pipe.execute()

        with suppress(RedisAway):  # they come again, and their handlers know them
            await self._link.ask(acknowledge)


class Listening:
    """Reads ``topic`` from the newest on, as everybody who listens does. A handler that fails loses its message."""

    def __init__(self, link: RedisLink, clock: Clock, topic: str, handler: Callable[[Message], None]) -> None:
        self._link = link
        self._clock = clock
        self._topic = topic
        self._handler = handler
        self._last: bytes | None = None

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff()
        while True:
            try:
                await self.read()
                backoff.reset()
            except RedisAway:
                await self._clock.sleep(backoff.next_s())
            except ResponseError as error:
                log.error("Redis refuses to be read", topic=self._topic, error=str(error))
                await self._clock.sleep(backoff.next_s())

    async def read(self) -> int:
        """What came since, or within half a second; returns how many. Raises RedisAway."""
        if self._last is None:
            self._last = await self._newest()
        last = self._last

        def ask(redis: Redis) -> Awaitable[Any]:
            return redis.xread({self._topic: last}, count=BATCH, block=BLOCK_MS)

        batch = _entries(await self._link.ask(ask, wait_s=BLOCK_MS / 1000))
        if not batch and _order(await self._newest()) < _order(last):
            log.info("Redis began anew", topic=self._topic)  # its clock may be behind what it was
            self._last = b"0-0"
        for ident, fields in batch:
            self._last = ident
            message = _read(self._topic, fields)
            if message is not None:
                self._handle(message)
        return len(batch)

    def _handle(self, message: Message) -> None:
        try:
            self._handler(message)
        except Exception:
            metrics.BUS_FAILED.labels(self._topic).inc()
            log.exception("a message could not be handled", topic=self._topic, kind=message.kind)

    async def _newest(self) -> bytes:
        found: Any = await self._link.ask(lambda redis: redis.xrevrange(self._topic, count=1))
        ident: bytes = found[0][0] if found else b"0-0"
        return ident


def _order(ident: bytes) -> tuple[int, int]:
    milliseconds, _, count = ident.partition(b"-")
    return int(milliseconds), int(count)


def _entries(answer: Any) -> Batch:
    """Of one stream, as RESP2 tells it: ``[[name, [(id, fields), …]]]``."""
    return [(bytes(ident), fields) for _, rows in answer or [] for ident, fields in rows]
