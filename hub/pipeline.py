"""One stream's trip, from its source to the ledger. It reads top to bottom.

::

    source ─> access unit ─┬─> detector ─> interruption ─> ledger entry, event
                           └─> fragment ─┬─> live feed
                                         └─> reel ─> chunk ─> ledger entry

Everything here runs on the event loop and never waits for the disk, the database or a viewer: those
have bounded queues of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import structlog

from hub import metrics
from hub.clock import Clock, Instant
from hub.errors import SourceError, StorageError
from hub.ingest.retry import Retry
from hub.ingest.sockets import SocketGroup
from hub.ledger.bodies import HUB_STOPPED, chunk_body, close_body, interruption_body, open_body
from hub.ledger.entries import EntryType, JsonValue
from hub.logging import Repetition
from hub.model import (
    AccessUnit,
    Chunk,
    Expected,
    Fragment,
    InitSegment,
    Interruption,
    InterruptionClass,
    InterruptionState,
    MediaSink,
    PacketLoss,
    SenderReport,
    SessionInfo,
    Stream,
    TimeLeap,
)
from hub.monitor.detector import InterruptionDetector
from hub.monitor.events import EventBus, interruption_json
from hub.monitor.live import LiveFeed
from hub.monitor.rules import DetectorRules, StreamState
from hub.monitor.vitals import Bitrate, Flow, Vitals
from hub.segmenter.disk import Disk
from hub.segmenter.fragmenter import Fragmenter
from hub.segmenter.recorder import Recorder
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.monitor.content.checks import ContentChecks
    from hub.monitor.content.watch import ContentWatch

log = structlog.get_logger(__name__)

COMPLAINT_EVERY_S = 10.0
"""A camera that sends garbage sends it with every packet: one line of the log per reason and so long."""

ExpectedAt = Callable[[str, int], Expected | None]
"""Whether a stream is to record at a moment (hub UTC, µs); None: nobody says, and it is due as its kind is. From
memory: it is asked for every stream once a second, on the event loop."""


def nobody_says(_stream_id: str, _at_us: int) -> Expected | None:
    return None


_BREAKS_THE_REEL = frozenset({InterruptionClass.TRANSPORT, InterruptionClass.PLATFORM})
"""Classes after which a new reel begins. Lost packets leave the time line of a reel unbroken."""


class Source(Protocol):
    """Where the media comes from: a camera that is pulled, or an inlet that recorders push to."""

    async def run_once(self, sink: MediaSink) -> str:
        """Deliver one session from its opening to its end; returns why it ended.

        Raises SourceError when it could not begin, or broke.
        """
        ...


class StreamLedger(Protocol):
    """What a pipeline writes to: its facts become entries, now or as soon as the ledger can. Neither call waits."""

    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> object: ...  # noqa: A002

    def next_run(self, stream_id: str) -> int:
        """A number that no run of the stream has had."""
        ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """What every pipeline shares with the others."""

    settings: Settings
    clock: Clock
    ledger: StreamLedger
    disk: Disk
    events: EventBus
    incident: Callable[[Interruption, Instant], str | None] = lambda _one, _now: None
    """Told of each change that is recorded; the incident that the interruption belongs to."""
    flow: Flow = field(default_factory=Flow)
    """What came in and what became of it, of all streams."""
    sockets: SocketGroup | None = None
    """What the sockets of all cameras are read together with."""


@dataclass(slots=True)
class Condition:
    """What the engineer sees of a source: its newest session, and what was last wrong with it."""

    session: SessionInfo | None = None
    attempts: int = 0
    complaint: tuple[str, str, int] | None = None
    """Code, message, and when (hub UTC, µs)."""


class Run:
    """The recording of one connection: from its first picture to its last, under one ``open`` entry."""

    def __init__(self, stream: Stream, session: SessionInfo, rooms: Rooms, feed: LiveFeed, pipeline: Pipeline) -> None:
        self._stream = stream
        self._session = session
        self._ledger = rooms.ledger
        self._feed = feed
        self._fragment_ms = rooms.settings.fragment_ms
        self._live_ms = min(self._fragment_ms, rooms.settings.live_fragment_ms)
        self._fragmenter = Fragmenter(session.tracks, fragment_ms=self._fragment_ms)
        self._recorder = Recorder(
            stream.id, rooms.disk, rooms.settings, sealed=self._sealed, failed=pipeline.not_stored
        )
        self._pipeline = pipeline
        self.number: int | None = None

    def unit(self, unit: AccessUnit) -> None:
        made = self._fragmenter.push(unit)
        if made:  # one picture in five completes a fragment
            self._take(made)

    def tick(self, now: Instant) -> None:
        # Who watches waits for the whole of a fragment; unwatched, short ones would cost for nothing
        self._fragmenter.aim(self._live_ms if self._feed.watched else self._fragment_ms)
        made = self._fragmenter.tick(now)
        if made:
            self._take(made)

    def cut(self, reason: str) -> None:
        """A discontinuity: what was received so far is sealed, and a new reel begins."""
        self._take(self._fragmenter.flush())
        self._recorder.cut(reason)

    async def end(self, reason: str) -> None:
        """Seal everything, then write down why the run ended."""
        self._take(self._fragmenter.flush())
        try:
            await self._recorder.close(reason)
        finally:
            self._pipeline.vitals.ended()
        if self.number is not None:
            self._ledger.append(self._stream.id, EntryType.CLOSE, close_body(reason, run=self.number))

    def _sealed(self, chunk: Chunk) -> None:
        self._pipeline.sealed(chunk, disk_takes=not self._recorder.failing)

    def _take(self, items: Iterable[InitSegment | Fragment]) -> None:
        for item in items:
            if isinstance(item, Fragment):
                self._pipeline.vitals.made(item)
                self._recorder.append(item)
                self._feed.publish(item)
            else:
                self._begin_reel(item)

    def _begin_reel(self, init: InitSegment) -> None:
        if self.number is None:
            self.number = self._ledger.next_run(self._stream.id)
            opening = open_body(self._session, self.number, init_sha256=init.sha256)
            self._ledger.append(self._stream.id, EntryType.OPEN, opening)
            self._recorder.begin(self.number)
        self._pipeline.vitals.size = self._fragmenter.picture_size
        self._recorder.init(init)
        self._feed.init(init)


class Pipeline:
    """A stream as long as it is registered. ``run`` tries again and again; ``run_once`` is the story."""

    def __init__(
        self,
        stream: Stream,
        source: Source,
        detector: InterruptionDetector,
        feed: LiveFeed,
        rooms: Rooms,
        retry: Retry | None,
        expected: ExpectedAt = nobody_says,
    ) -> None:
        self._expected = expected
        self.stream = stream
        self.feed = feed
        self.detector = detector
        self.condition = Condition()
        self._source = source
        self._rooms = rooms
        self._clock = rooms.clock
        self._retry = retry
        self._run: Run | None = None
        restored = detector.current
        self._written = {} if restored is None else {restored.id: (restored.count, restored.needs_explanation)}
        """How many breaks of an interruption the ledger has, and whether it has that it asks for an explanation; the
        hub's last life wrote those of a restored one."""
        self._told: tuple[str, InterruptionState] | None = None
        self._storage_failed = False
        self.recorded_until_us: int | None = None
        self._end_reason = HUB_STOPPED
        self._since: tuple[StreamState, int] | None = None
        self._units = metrics.UNITS.labels(stream.id)
        self._new_units = self._new_bytes = 0
        """Received since they were counted last."""
        self.bitrate = Bitrate()
        self.vitals = Vitals(rooms.flow, stream.id)
        self._complaints = Repetition(rooms.clock, every_s=COMPLAINT_EVERY_S, keys=50)
        self.content: ContentWatch | None = None
        """Who looks at the pictures and listens; None: nobody."""

    # ---------------------------------------------------------------- how it is at this moment

    @property
    def state(self) -> StreamState:
        return self.detector.state

    @property
    def since_us(self) -> int:
        """When the state began, as far as anybody asked: hub UTC."""
        state = self.detector.state
        if self._since is None or self._since[0] is not state:
            self._since = (state, self._clock.now().utc_us)
        return self._since[1]

    @property
    def session(self) -> SessionInfo | None:
        return self.condition.session

    @property
    def attempts(self) -> int:
        return self.condition.attempts

    @property
    def last_complaint(self) -> tuple[str, str, int] | None:
        """Code, message, and when (hub UTC, µs)."""
        return self.condition.complaint

    @property
    def bitrate_bps(self) -> int:
        return self.bitrate.bps

    @property
    def broken(self) -> Interruption | None:
        return self.detector.current

    @property
    def absent_tracks(self) -> Sequence[int]:
        return self.detector.absent_tracks

    @property
    def current(self) -> Sequence[Interruption]:
        """Every interruption that lasts, or whose edge is still open: of the stream first, then of what it shows."""
        broken = self.detector.current
        shown = () if self.content is None else self.content.current
        return shown if broken is None else (self._with_picture(broken), *shown)

    def look(self, checks: ContentChecks, rules: DetectorRules) -> None:
        """Have what the stream shows looked at."""
        self.content = checks.watch(self.stream.id, rules, self._apply)

    def use(self, rules: DetectorRules) -> None:
        """Judge by these thresholds from now on."""
        self.detector.use(rules)
        if self.content is not None:
            self.content.use(self.detector.rules)

    def maintain(self, ident: str) -> None:
        """The planned maintenance that runs, by id; empty: none does."""
        if ident != self.detector.maintenance:
            self.detector.maintain(ident)
            if self.content is not None:
                self.content.maintain(ident)
                self.content.use(self.detector.rules)

    # ------------------------------------------------------------------------------ the story

    async def run(self) -> None:
        """Until cancelled: one session after the other. A source without ``retry`` waits by itself.

        A fault of our own ends a session, never the recording: it is logged, and the next attempt begins.
        """
        while True:
            self.condition.attempts += 1
            metrics.RECONNECTS.labels(self.stream.id).inc()
            self.vitals.attempts.add(self._clock.now())
            try:
                reason = await self.run_once()
                log.info("source ended", stream=self.stream.id, reason=reason)
            except SourceError as error:
                self.complaint(error.code, str(error))
            except Exception:
                log.exception("session failed", stream=self.stream.id)
                self.complaint("internal", "the hub itself failed here; see its log")
                await self._clock.sleep(Retry.FIRST_S)
            if self._retry is not None:
                await self._clock.sleep(self._retry.delay_s(self._clock.now()))

    async def run_once(self) -> str:
        """One session, from its opening to the entry that says why it ended."""
        reason = "internal"
        try:
            reason = await self._source.run_once(self)
        except SourceError as error:
            reason = error.code
            raise
        except asyncio.CancelledError:
            reason = self._end_reason
            raise
        finally:
            await self._end_session(reason)
        return reason

    async def _end_session(self, reason: str) -> None:
        session, self.condition.session = self.condition.session, None
        run, self._run = self._run, None
        if self._new_units:
            self._count()
        if self.content is not None:
            self.content.ended(reason)
        if session is not None:
            self._apply(self.detector.closed(self._clock.now(), reason))
        if run is not None:
            await run.end(reason)

    # ------------------------------------------------------- what the source tells (MediaSink)

    def opened(self, session: SessionInfo) -> None:
        self.condition.session = session
        self.vitals.opened(session, session.opened)
        self._run = Run(self.stream, session, self._rooms, self.feed, self)
        self._apply(self.detector.opened(session))
        if self.content is not None:
            self.content.opened(session)

    def unit(self, unit: AccessUnit) -> None:
        self._new_units += 1
        self._new_bytes += len(unit.data)
        self.vitals.unit(unit)
        changes = self.detector.unit(unit)
        if changes:
            self._apply(changes)
        if self._run is not None:
            self._run.unit(unit)
        if unit.keyframe and self.content is not None:
            self.content.keyframe(unit)

    def loss(self, loss: PacketLoss) -> None:
        metrics.PACKETS_LOST.labels(self.stream.id).inc(loss.count)
        self.vitals.loss(loss.count, loss.noticed)
        self._apply(self.detector.loss(loss))

    def leap(self, leap: TimeLeap) -> None:
        self._apply(self.detector.leap(leap))

    def sender_report(self, report: SenderReport) -> None:
        self.vitals.clock.report(report)
        self._apply(self.detector.sender_report(report))

    def goodbye(self, reason: str) -> None:
        self.ask()  # an activity may have ended since the last second's question: then it may
        self._apply(self.detector.goodbye(reason, self._clock.now()))

    def complaint(self, code: str, message: str) -> None:
        metrics.BAD_INPUT.labels(code).inc()
        quiet = self._complaints.due(code)
        if quiet is not None:
            log.warning("source complaint", stream=self.stream.id, code=code, message=message, like_it=quiet)
        self.condition.complaint = (code, message, self._clock.now().utc_us)

    # -------------------------------------------------------------- what the hub tells

    def tick(self, now: Instant) -> None:
        """Silence is input: ten times a second, whether media comes or not."""
        self._apply(self.detector.tick(now))
        if self._new_units:
            self._count()
        if self._run is not None:
            self._run.tick(now)
        if self.content is not None:
            self.content.tick(now, off_duty=self.detector.state is StreamState.OFF_DUTY)

    def _count(self) -> None:
        """What came since the last tick: a counter takes a lock, which is not for every picture."""
        self._units.inc(self._new_units)
        self.bitrate.bytes += self._new_bytes
        self._rooms.flow.bytes += self._new_bytes
        self._new_units = self._new_bytes = 0
        if self._retry is not None:
            self._retry.succeeded()

    def ask(self) -> None:
        """Whether the stream is to record, by calendar or activity; about once a second."""
        now = self._clock.now()
        changes = self.detector.due(self._expected(self.stream.id, now.utc_us), now)
        if changes:
            self._apply(changes)

    def sealed(self, chunk: Chunk, *, disk_takes: bool) -> None:
        """A chunk is on the disk: its line goes into the ledger. Not ``disk_takes``: it is of before the disk refused,
        and says nothing of now."""
        self.vitals.sealed(chunk)
        self._rooms.ledger.append(self.stream.id, EntryType.CHUNK, chunk_body(chunk))
        self._rooms.flow.owes(chunk, self._clock.now())
        self.recorded_until_us = chunk.end_us
        if self._storage_failed and disk_takes:
            self._storage_failed = False
            self._apply(self.detector.storage(True, self._clock.now()))

    def not_stored(self, error: StorageError, from_us: int) -> None:
        """The disk refused: said as an interruption, tried again by the disk itself."""
        self._storage_failed = True
        log.error("not stored", stream=self.stream.id, error=str(error), from_us=from_us)
        self._apply(self.detector.storage(False, Instant(from_us, self._clock.now().mono_us)))

    async def rest(self, reason: str) -> None:
        """Seal and close what was recorded, while the source goes on behind a shut gate: the stream may go on at
        another node. What lasts is taken up again there."""
        self.stopping(reason)
        run, self._run = self._run, None
        if run is not None:
            await run.end(reason)

    def go_on(self) -> None:
        """It does not: a new run of the session that lasts. The gate is opened next."""
        self._end_reason = HUB_STOPPED
        if self.condition.session is not None:
            self.opened(replace(self.condition.session, opened=self._clock.now()))

    def stopping(self, reason: str) -> None:
        """The hub stops, or the stream is changed: what lasts is taken up again. ``run`` is cancelled next."""
        self._end_reason = reason
        self._apply(self.detector.stopped(self._clock.now()))

    def retiring(self) -> None:
        """The stream ends for good, and what lasts with it. ``run`` is cancelled next."""
        self._end_reason = "stream retired"
        self._apply(self.detector.retired(self._clock.now()))

    # ------------------------------------------------------------------------ interruptions

    def _apply(self, changes: Iterable[Interruption]) -> None:
        for change in changes:
            if not change.recorded:
                self._pass_over(change)
                continue
            change = self._with_picture(change)
            self._write_down(change)
            if (change.id, change.state) != self._told:  # not each time that its kind or its end became clearer
                metrics.INTERRUPTIONS.labels(change.kind, change.state).inc()
            self._told = (change.id, change.state)
            now = self._clock.now()
            incident = self._rooms.incident(change, now)
            self._rooms.events.publish(f"interruption.{change.state}", interruption_json(change, incident), now)

    def _with_picture(self, change: Interruption) -> Interruption:
        """What was seen last before a break is stored a moment after it was confirmed: known from then on."""
        picture = {} if self.content is None else self.content.evidence_of(change.id)
        return replace(change, evidence={**change.evidence, **picture}) if picture else change

    def _pass_over(self, change: Interruption) -> None:
        """So short a fault is no interruption here: it is counted, and the chunk's figures have it."""
        if change.state is InterruptionState.CLOSED:
            metrics.UNRECORDED.labels(change.kind).inc()
        elif change.state is InterruptionState.RESUMED:  # whoever saw the suspicion hears that it is over
            gone = replace(change, state=InterruptionState.WITHDRAWN, ended_us=None)
            self._rooms.events.publish("interruption.withdrawn", interruption_json(gone), self._clock.now())

    def _write_down(self, change: Interruption) -> None:
        """What was confirmed is in the ledger, each of its breaks, and its end, or that it was none. A fault that lasts
        until it asks for an explanation is entered once more: who follows up hears of it before its end."""
        known = self._written.get(change.id)
        now = (change.count, change.needs_explanation)
        if change.state is InterruptionState.CONFIRMED and now > (known or (0, False)):
            self._written[change.id] = now
            self._append(EntryType.INTERRUPTION_OPEN, change)
            if known is not None and change.count == known[0]:
                return
            if change.kind.interruption_class in _BREAKS_THE_REEL and self._run is not None:
                self._run.cut("interruption")
            if self.content is not None:
                self.content.confirmed(change)
        elif known and change.state is InterruptionState.CLOSED:
            del self._written[change.id]
            self._append(EntryType.INTERRUPTION_CLOSE, change)
        elif known and change.state is InterruptionState.WITHDRAWN:
            del self._written[change.id]
            self._append(EntryType.INTERRUPTION_WITHDRAWN, change)

    def _append(self, kind: EntryType, change: Interruption) -> None:
        log.info("interruption", stream=self.stream.id, id=change.id, kind=change.kind.value, state=change.state.value)
        self._rooms.ledger.append(self.stream.id, kind, interruption_body(change))
