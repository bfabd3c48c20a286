"""Every stream's pipeline: begins, ends and replaces them as the registry changes, and feeds them their ticks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import replace

import structlog

from hub import metrics
from hub.ingest.rtsp.client import RtspClient
from hub.ingest.whip.endpoint import WhipEndpoint
from hub.ledger.ledger import RecoveredStream
from hub.model import MediaSink, RtspSource, Stream
from hub.monitor.detector import InterruptionDetector
from hub.monitor.live import LiveFeeds
from hub.monitor.rules import DetectorRules, StreamState
from hub.pipeline import Pipeline, Retry, Rooms, Source

log = structlog.get_logger(__name__)

TICK_S = 0.1
"""How often silence is looked at: a break is suspected within a second, so it gets ten looks."""


class Fleet:
    """All pipelines of this process."""

    def __init__(
        self, rooms: Rooms, feeds: LiveFeeds, whip: WhipEndpoint, recovered: Mapping[str, RecoveredStream]
    ) -> None:
        self._rooms = rooms
        self._feeds = feeds
        self._whip = whip
        self._recovered = dict(recovered)
        self._rules = DetectorRules.from_settings(rooms.settings)
        self._pipelines: dict[str, Pipeline] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changes: set[asyncio.Task[None]] = set()
        self._locks: dict[str, asyncio.Lock] = {}

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

    async def _replace(self, before: Stream | None, after: Stream) -> None:
        running = self._pipelines.get(after.id)
        if running is not None and before is not None and replace(before, name=after.name) == after:
            running.stream = after
            return
        async with self._locks.setdefault(after.id, asyncio.Lock()):
            reason = "stream retired" if after.retired else "stream changed"
            await self._end(after.id, reason)
            self._whip.forget(after.id, reason)
            if after.retired:
                metrics.forget(after.id)
            else:
                self.begin(after)

    def begin(self, stream: Stream) -> None:
        """Start recording a stream."""
        recovered = self._recovered.pop(stream.id, None)
        detector = InterruptionDetector(
            stream,
            self._rules,
            restored=recovered.interruption if recovered else None,
            recorded_until_us=recovered.recorded_until_us if recovered else None,
        )
        source, retry = self._source(stream)
        pipeline = Pipeline(stream, source, detector, self._feeds.feed(stream.id), self._rooms, retry)
        self._pipelines[stream.id] = pipeline
        self._tasks[stream.id] = asyncio.create_task(pipeline.run(), name=f"pipeline {stream.id}")

    def _source(self, stream: Stream) -> tuple[Source, Retry | None]:
        if isinstance(stream.source, RtspSource):
            return Camera(stream.source, self._rooms), Retry(random.Random())  # noqa: S311  jitter is no secret
        return self._whip.source(stream.id), None

    async def _end(self, stream_id: str, reason: str) -> None:
        task = self._tasks.pop(stream_id, None)
        pipeline = self._pipelines.pop(stream_id, None)
        if task is None or pipeline is None:
            return
        pipeline.stopping(reason)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a pipeline ended badly", stream=stream_id, exc_info=error)
        self._feeds.ended(stream_id)

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
        states = dict.fromkeys(StreamState, 0)
        for pipeline in self._pipelines.values():
            pipeline.tick(now)
            states[pipeline.detector.state] += 1
        for state, count in states.items():
            metrics.STREAMS.labels(state).set(count)

    async def stop(self) -> None:
        """Every stream is sealed and closed with its reason before this returns."""
        if self._changes:
            await asyncio.wait(self._changes)
        await asyncio.gather(*(self._end(stream_id, "hub stopped") for stream_id in list(self._pipelines)))


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
        )
        return await client.run_once()
