"""Every stream's pipeline: begins, ends and replaces them as the registry changes, and feeds them their ticks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog

from hub import metrics
from hub.clock import US_PER_S, Instant
from hub.ingest.retry import Retry
from hub.ingest.rtsp.client import RtspClient
from hub.ingest.whip.endpoint import WhipEndpoint
from hub.ledger.bodies import HUB_STOPPED
from hub.ledger.standing import RecoveredStream
from hub.ledger.timekeeping import Timekeeping
from hub.model import HubClock, Interruption, MediaSink, RtspSource, Stream
from hub.monitor.detector import InterruptionDetector
from hub.monitor.live import LiveFeeds
from hub.monitor.rules import DetectorRules, StreamState
from hub.monitor.thresholds import kinds_of
from hub.pipeline import ExpectedAt, Pipeline, Rooms, Source, nobody_says

if TYPE_CHECKING:
    from hub.monitor.content.checks import ContentChecks

log = structlog.get_logger(__name__)

TICK_S = 0.1
"""How often silence is looked at: a break is suspected within a second, so it gets ten looks."""


ASK_EVERY_US = US_PER_S
"""How often the calendar and the activities are asked what is due."""


@dataclass(frozen=True, slots=True)
class Before:
    """How a stream stood before this pipeline: what was open, and until when it was recorded (None: not due)."""

    interruption: Interruption | None = None
    recorded_until_us: int | None = None


UnitRules = Callable[[str], Iterable[Mapping[str, Any]]]
"""The rules of the units from the root down to the one of that id."""


MaintainedAt = Callable[[Stream, int], str]
"""The planned maintenance that holds for a stream at a moment (hub UTC, µs), by id; empty: none. From memory."""


def _never_maintained(_stream: Stream, _at_us: int) -> str:
    return ""


def _no_rules(_unit: str) -> Iterable[Mapping[str, Any]]:
    return ()


class Fleet:
    """All pipelines of this process."""

    def __init__(
        self,
        rooms: Rooms,
        feeds: LiveFeeds,
        whip: WhipEndpoint,
        recovered: Mapping[str, RecoveredStream],
        expected: ExpectedAt = nobody_says,
        unit_rules: UnitRules = _no_rules,
        content: ContentChecks | None = None,
        maintenance: MaintainedAt = _never_maintained,
        rules_of: Callable[[str], DetectorRules] | None = None,
    ) -> None:
        """``rules_of``: the rules of each stream as they are, where no units are known."""
        self._rules_of = rules_of
        self._maintenance = maintenance
        self._unit_rules = unit_rules
        self._content = content
        self._expected = expected
        self._asked_mono_us = 0
        self._timekeeping = Timekeeping()
        self._rooms = rooms
        self._feeds = feeds
        self._whip = whip
        self._recovered = dict(recovered)
        self._rules = DetectorRules.from_settings(rooms.settings)
        self._pipelines: dict[str, Pipeline] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changes: set[asyncio.Task[None]] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self.movable: Callable[[Stream, Source], Source] = lambda _stream, source: source
        """Made of each source as its stream begins: where streams move between nodes, one that can."""

    def camera(self, source: RtspSource) -> Source:
        return Camera(source, self._rooms)

    def pipeline(self, stream_id: str) -> Pipeline | None:
        """The pipeline of a stream, None when it is retired."""
        return self._pipelines.get(stream_id)

    def pipelines(self) -> tuple[Pipeline, ...]:
        return tuple(self._pipelines.values())

    def changed(self, before: Stream | None, after: Stream) -> None:
        """The registry's word: a stream is new, is another, or is retired."""
        task = asyncio.create_task(self._replace(before, after))
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    async def take(self, stream: Stream, was: RecoveredStream) -> None:
        """A stream that was recorded elsewhere until now goes on here, from how its last writer left it."""
        async with self._locks.setdefault(stream.id, asyncio.Lock()):
            await self._end(stream.id, HUB_STOPPED)
            self.begin(stream, self._before(stream, was))

    async def give_up(self, stream_id: str, reason: str) -> None:
        """A stream goes on elsewhere: sealed and closed here before this returns."""
        async with self._locks.setdefault(stream_id, asyncio.Lock()):
            await self._end(stream_id, reason)
            self._whip.forget(stream_id, reason)

    async def _replace(self, before: Stream | None, after: Stream) -> None:
        running = self._pipelines.get(after.id)
        if running is not None and before is not None and _same_source(before, after):
            running.stream = after
            running.use(self._rules_for(after))
            return
        async with self._locks.setdefault(after.id, asyncio.Lock()):
            if after.retired:
                await self._end(after.id, None)
                metrics.forget(after.id)
                if self._content is not None:
                    await self._content.forget(after.id)
            else:
                self.begin(after, await self._end(after.id, "stream changed"))
            self._whip.forget(after.id, "the stream was retired or changed")

    def begin(self, stream: Stream, before: Before | None = None) -> None:
        """Start recording a stream: anew, or going on from how it stood ``before``."""
        if before is None:
            before = self._before(stream, self._recovered.pop(stream.id, None))
        detector = InterruptionDetector(
            stream, self._rules_for(stream), restored=before.interruption, recorded_until_us=before.recorded_until_us
        )
        source, retry = self._source(stream)
        pipeline = Pipeline(stream, source, detector, self._feeds.feed(stream.id), self._rooms, retry, self._expected)
        if self._content is not None:
            pipeline.look(self._content, self._rules_for(stream))
        now = self._rooms.clock.now()
        pipeline.maintain(self._maintenance(stream, now.utc_us))
        pipeline.ask()
        self._pipelines[stream.id] = pipeline
        self._tasks[stream.id] = asyncio.create_task(pipeline.run(), name=f"pipeline {stream.id}")

    def rules_changed(self) -> None:
        """A unit has other rules: every detector judges by them from now on."""
        for pipeline in self._pipelines.values():
            pipeline.use(self._rules_for(pipeline.stream))

    def _rules_for(self, stream: Stream) -> DetectorRules:
        if self._rules_of is not None:
            return self._rules_of(stream.id)
        return self._rules.with_kinds(kinds_of(self._rules.kinds, self._unit_rules(stream.unit)))

    def _before(self, stream: Stream, recovered: RecoveredStream | None) -> Before:
        """A recorder that had said goodbye was not due: the hub's absence is no interruption of it."""
        if recovered is None:
            return Before()
        due = stream.kind.always_expected or recovered.open
        until_us = recovered.recorded_until_us if due else None
        return Before(recovered.interruption, self._missing_since(stream, until_us))

    def _missing_since(self, stream: Stream, recorded_until_us: int | None) -> int | None:
        """Where nothing was due when the recording ended, it was missing from when it was due again."""
        if recorded_until_us is None or not stream.kind.always_expected:
            return recorded_until_us
        answer = self._expected(stream.id, recorded_until_us)
        if answer is None or answer.due:
            return recorded_until_us
        again_us = answer.to_us
        return again_us if again_us is not None and again_us < self._rooms.clock.now().utc_us else None

    def _source(self, stream: Stream) -> tuple[Source, Retry | None]:
        if isinstance(stream.source, RtspSource):
            camera = self.movable(stream, self.camera(stream.source))
            return camera, Retry(random.Random())  # noqa: S311  jitter is no secret
        return self.movable(stream, self._whip.source(stream.id)), None

    async def _end(self, stream_id: str, reason: str | None) -> Before:
        """Seal and close a stream; None: it is retired. Returns what a pipeline in its place must know."""
        task = self._tasks.pop(stream_id, None)
        pipeline = self._pipelines.pop(stream_id, None)
        if task is None or pipeline is None:
            return Before()
        due = pipeline.stream.kind.always_expected or pipeline.condition.session is not None
        if reason is None:
            pipeline.retiring()
        else:
            pipeline.stopping(reason)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a pipeline ended badly", stream=stream_id, exc_info=error)
        self._feeds.ended(stream_id)
        return Before(pipeline.detector.current, pipeline.recorded_until_us if due else None)

    async def tick_for_ever(self) -> None:
        """Until cancelled: every pipeline hears the clock, and the loop's own lag is measured."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += TICK_S
            await asyncio.sleep(max(0.0, due - loop.time()))
            lag = loop.time() - due
            metrics.LOOP_LAG.observe(max(0.0, lag))
            if lag > 1.0:
                due = loop.time()
            self.tick()

    def tick(self) -> None:
        now = self._rooms.clock.now()
        asks = now.mono_us - self._asked_mono_us >= ASK_EVERY_US
        if asks:
            self._asked_mono_us = now.mono_us
            clock = self._hub_clock(now)
        for pipeline in self._pipelines.values():
            if asks:
                pipeline.detector.hub_clock(clock)
                pipeline.maintain(self._maintenance(pipeline.stream, now.utc_us))
                pipeline.ask()
                pipeline.bitrate.measure(now)
            pipeline.tick(now)
        if asks:
            self._count_states()

    def _count_states(self) -> None:
        """For who watches the hub itself; alarms are told by events."""
        states = dict.fromkeys(StreamState, 0)
        for pipeline in self._pipelines.values():
            states[pipeline.detector.state] += 1
        for state, count in states.items():
            metrics.STREAMS.labels(state).set(count)

    def _hub_clock(self, now: Instant) -> HubClock:
        kept = self._timekeeping.state(now.mono_us)
        offset_us, error_us = kept.get("offset_us", 0), kept.get("error_us", 0)
        assert isinstance(offset_us, int)
        assert isinstance(error_us, int)
        return HubClock(str(kept["source"]), offset_us, error_us)

    async def stop(self) -> None:
        """Every stream is sealed and closed with its reason before this returns."""
        if self._changes:
            await asyncio.wait(self._changes)
        await asyncio.gather(*(self._end(stream_id, HUB_STOPPED) for stream_id in list(self._pipelines)))


def _same_source(before: Stream, after: Stream) -> bool:
    """Whether recording goes on untouched: only what people call it, and whose it is, was changed."""
    named = replace(before, name=after.name, unit=after.unit, capabilities=after.capabilities)
    named = replace(named, managed_by_others=after.managed_by_others, preview=after.preview)
    return replace(named, device_number=after.device_number, custodian=after.custodian) == after


class Camera:
    """An RTSP camera as a source: a new client for every attempt."""

    def __init__(self, source: RtspSource, rooms: Rooms) -> None:
        self._source = source
        self._rooms = rooms

    async def run_once(self, sink: MediaSink) -> str:
        settings = self._rooms.settings
        client = RtspClient(
            self._source,
            sink,
            self._rooms.clock,
            timeout_s=settings.rtsp_timeout_s,
            silence_s=settings.rtsp_silence_s,
            reorder_ms=settings.reorder_ms,
            verify_tls=settings.rtsp_verify_tls,
            sockets=self._rooms.sockets,
        )
        return await client.run_once()
