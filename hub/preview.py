"""A camera's sub-stream (子码流), pulled while somebody watches it. It reads top to bottom.

::

    first watcher ─> source ─> access unit ─> fragment ─> live feed ─> tiles labelled 预览·非留存
    nobody for 10 s ─> the connection ends

And that is all: no reel, no entry, no interruption. Evidence is the main stream, which knows nothing of this one: a
sub-stream that fails is a word on the tiles that wait for it, and is tried again while they do.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from hub import metrics
from hub.clock import US_PER_S, Clock, Instant
from hub.errors import SourceError
from hub.ingest.retry import Retry
from hub.logging import Repetition
from hub.model import (
    AccessUnit,
    Fragment,
    InitSegment,
    PacketLoss,
    RtspSource,
    SenderReport,
    SessionInfo,
    Stream,
    TimeLeap,
)
from hub.monitor.live import LiveFeed
from hub.pipeline import COMPLAINT_EVERY_S, Source
from hub.segmenter.fragmenter import Fragmenter

log = structlog.get_logger(__name__)

TICK_S = 0.1
LINGER_US = 10 * US_PER_S
"""Who turns a page of the wall and turns back finds the picture still moving."""
REFUSED_US = 60 * US_PER_S
"""Cameras lock out an address after a few wrong passwords, and the main stream comes from the same address."""
TOO_MANY = "too_many_previews"

Dial = Callable[[RtspSource], Source]
"""The source of an address: each ``run_once`` is one attempt at it."""


class Session:
    """One attempt at a sub-stream, from its connection to its end: what it delivers goes to the feed."""

    def __init__(self, feed: LiveFeed, *, fragment_ms: int, complaints: Repetition) -> None:
        self._feed = feed
        self._fragment_ms = fragment_ms
        self._complaints = complaints
        self._fragmenter: Fragmenter | None = None
        self.delivered = False
        self.over = False
        """Nobody watches any more, or the address is another: what still comes is passed over."""

    async def run(self, source: Source) -> str:
        """Until it ends; why, empty for the peer's own end. Its code is what the tiles say."""
        try:
            await source.run_once(self)
        except SourceError as error:
            self.complaint(error.code, str(error))
            return error.code
        except Exception:
            log.exception("preview failed", stream=self._feed.stream_id)
            return "internal"
        return ""

    def tick(self, now: Instant) -> None:
        if self._fragmenter is not None and not self.over:
            self._publish(self._fragmenter.tick(now))

    def _publish(self, items: Iterable[InitSegment | Fragment]) -> None:
        for item in items:
            if isinstance(item, Fragment):
                self._feed.publish(item)
            else:
                self._feed.init(item)

    # ------------------------------------------------------- what the source tells (MediaSink)

    def opened(self, session: SessionInfo) -> None:
        self._fragmenter = Fragmenter(session.tracks, fragment_ms=self._fragment_ms)

    def unit(self, unit: AccessUnit) -> None:
        if self._fragmenter is None or self.over:
            return
        self.delivered = True
        metrics.PREVIEW_BYTES.inc(len(unit.data))
        self._publish(self._fragmenter.push(unit))

    def loss(self, loss: PacketLoss) -> None:
        """Nothing is kept, so nothing is missing."""

    def leap(self, leap: TimeLeap) -> None: ...

    def sender_report(self, report: SenderReport) -> None: ...

    def goodbye(self, reason: str) -> None: ...

    def complaint(self, code: str, message: str) -> None:
        quiet = self._complaints.due(f"{self._feed.stream_id} {code}")
        if quiet is not None:
            log.warning("preview complaint", stream=self._feed.stream_id, code=code, message=message, like_it=quiet)


@dataclass(slots=True)
class _Watched:
    """A sub-stream that somebody watches, or watched."""

    address: RtspSource
    feed: LiveFeed
    retry: Retry
    seen_us: int = 0
    """When somebody watched it last (monotonic)."""
    not_before_us: int = 0
    session: Session | None = None
    task: asyncio.Task[None] | None = field(default=None)


class Previews:
    """Every sub-stream that is watched. On the event loop; ``tick`` alone begins and ends connections.

    ``most``: so many are pulled at once; whoever wants another hears ``too_many_previews`` until one is free.
    """

    def __init__(self, dial: Dial, clock: Clock, *, fragment_ms: int, most: int) -> None:
        self._dial = dial
        self._clock = clock
        self._fragment_ms = fragment_ms
        self._most = most
        self._watched: dict[str, _Watched] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._complaints = Repetition(clock, every_s=COMPLAINT_EVERY_S, keys=200)

    def feed(self, stream: Stream) -> LiveFeed | None:
        """Where to watch the stream's preview; None: it has none."""
        if stream.preview is None or stream.retired:
            return None
        known = self._watched.get(stream.id)
        if known is None:
            retry = Retry(random.Random())  # noqa: S311  jitter is no secret
            known = _Watched(stream.preview, LiveFeed(stream.id, preview=True), retry)
            self._watched[stream.id] = known
        return known.feed

    def changed(self, _before: Stream | None, after: Stream) -> None:
        """The registry's word: the address is another, is taken away, or the stream is retired."""
        known = self._watched.get(after.id)
        if known is None or (known.address == after.preview and not after.retired):
            return
        self._end(known)
        if after.preview is None or after.retired:
            del self._watched[after.id]
        else:
            known.address, known.not_before_us = after.preview, 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self.tick(self._clock.now())

    def tick(self, now: Instant) -> None:
        """Begins what is watched, ends what nobody watches."""
        for one in self._watched.values():
            watched = one.feed.viewers > 0
            if watched:
                one.seen_us = now.mono_us
            if one.session is None:
                if watched and now.mono_us >= one.not_before_us:
                    self._begin(one)
            elif now.mono_us - one.seen_us >= LINGER_US:
                self._end(one)
            else:
                one.session.tick(now)

    async def close(self) -> None:
        """Every connection has said goodbye before this returns."""
        for one in self._watched.values():
            self._end(one)
        if self._ending:
            await asyncio.wait(self._ending)

    def _begin(self, one: _Watched) -> None:
        if sum(other.session is not None for other in self._watched.values()) >= self._most:
            one.not_before_us = self._clock.now().mono_us + US_PER_S
            one.feed.ended(TOO_MANY)
            return
        one.session = Session(one.feed, fragment_ms=self._fragment_ms, complaints=self._complaints)
        one.task = asyncio.create_task(self._attempt(one, one.session), name=f"preview {one.feed.stream_id}")
        metrics.PREVIEWS.inc()

    async def _attempt(self, one: _Watched, session: Session) -> None:
        why = await session.run(self._dial(one.address))
        if session.over:
            return
        if session.delivered:
            one.retry.succeeded()
        now = self._clock.now()
        wait_us = REFUSED_US if why == "unauthorized" else round(one.retry.delay_s(now) * US_PER_S)
        one.not_before_us = now.mono_us + wait_us
        metrics.PREVIEW_FAILURES.labels(why or "ended").inc()
        self._forget(one)
        one.feed.ended(why or "ended")

    def _end(self, one: _Watched) -> None:
        """Nobody waits for its goodbye."""
        if one.session is None or one.task is None:
            return
        one.session.over = True
        one.task.cancel()
        self._ending.add(one.task)
        one.task.add_done_callback(self._ending.discard)
        self._forget(one)
        one.feed.ended()

    def _forget(self, one: _Watched) -> None:
        one.session = one.task = None
        metrics.PREVIEWS.dec()
