"""The hub as a whole: builds the parts, starts them in order, stops them in the reverse order."""

from __future__ import annotations

import asyncio
import gc
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

import structlog
from aiohttp import web
from sqlalchemy import Engine

from hub import __version__
from hub.activities.activities import Activities
from hub.activities.watch import Around, Watch
from hub.anchoring.anchoring import Anchoring
from hub.anchoring.authority import Received
from hub.anchoring.configured import Configured
from hub.anchoring.witness import in_thread
from hub.api.access_entries import keep_change
from hub.api.door import open_door
from hub.api.exports import export_json
from hub.api.server import build_app, serve
from hub.api.services import Complaint, Services, StreamStatus
from hub.api.streams import stream_json
from hub.api.throttle import Throttle
from hub.audit.open_log import Accepted, OpenLog
from hub.audit.opening import open_up
from hub.clock import Clock, SystemClock
from hub.database import create_tables, open_engine
from hub.duty.clock import either
from hub.duty.duty import Around as DutyAround
from hub.duty.findings import Seen
from hub.duty.parts import DutyParts
from hub.evidence.job import Job
from hub.evidence.jobs import Exports
from hub.evidence.spool import Intake
from hub.fleet import Fleet
from hub.followup.explaining import REASONS, Explaining
from hub.followup.followup import Followup
from hub.footage.footage import Footage
from hub.ingest.whip.endpoint import WhipEndpoint
from hub.ledger.entries import HUB_STREAM, EntryType, JsonValue
from hub.ledger.files import DATABASE_FILE
from hub.ledger.ledger import Ledger
from hub.ledger.left_open import left_open
from hub.ledger.retained import Retained
from hub.ledger.startup import remote_signers
from hub.ledger.told import ToldReader
from hub.model import Interruption, InterruptionKind, InterruptionState, MediaKind, Stream
from hub.monitor.content.checks import ContentChecks
from hub.monitor.content.store import NormalStore
from hub.monitor.events import EventBus
from hub.monitor.grouping import Grouping
from hub.monitor.live import LiveFeeds
from hub.monitor.maintenance import Maintenance, Window
from hub.monitor.rules import StreamState
from hub.notices.notices import Notices, Outside
from hub.people.accounts import Accounts
from hub.people.people import People
from hub.people.units import Units
from hub.pipeline import Pipeline, Rooms
from hub.registry import Registry
from hub.retention.retention import Retention
from hub.segmenter.disk import Disk
from hub.segmenter.scan import whole_fragments
from hub.settings import Settings
from hub.telemetry.state import fault_json
from hub.telemetry.store import TelemetryStore
from hub.telemetry.telemetry import LABEL, Surroundings, Telemetry

log = structlog.get_logger(__name__)

EVENT_TICK_S = 1.0
RECENT_INTERRUPTIONS = 1000
"""Those are looked through at a start for what belongs together."""


class Hub:
    """A running hub. Made by :meth:`running`, which stops it in order."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.registry: Registry
        self.units: Units
        self.people: People
        self.ledger: Ledger
        self.anchoring: Anchoring
        self.retention: Retention
        self.exports: Exports
        self.telemetry: Telemetry
        self.notices: Notices
        self.fleet: Fleet
        self.content: ContentChecks | None = None
        self.grouping: Grouping
        self.maintenance: Maintenance
        self.followup: Followup
        self.activities: Activities
        self.feeds = LiveFeeds()
        self.events = EventBus(settings.event_queue)
        self.first_password: str | None = None
        """The admin's one-time password, at the very first start only."""
        self.url = ""
        self._states: dict[str, tuple[StreamState, int]] = {}

    @classmethod
    @asynccontextmanager
    async def running(cls, settings: Settings, clock: Clock | None = None) -> AsyncIterator[Hub]:
        """The hub, from the moment that it serves until the block ends."""
        hub = cls(settings, clock or SystemClock())
        async with AsyncExitStack() as stack:
            await hub._start(stack)
            yield hub
            log.info("stopping")

    async def _start(self, stack: AsyncExitStack) -> None:
        settings, clock = self.settings, self.clock
        door = open_door(settings)  # first: what is refused here must leave nothing behind
        stack.callback(door.close)
        outside = await asyncio.to_thread(Configured.read, settings)

        self.ledger = await Ledger.open(settings, clock, whole_fragments, remote_signers(settings))
        stack.push_async_callback(self.ledger.close)
        opening = partial(open_up, settings, self.ledger.checkpoint, self.ledger.vkey)
        opened = await asyncio.to_thread(opening, statements=self.ledger.key_statements)
        stack.callback(opened.log.close)
        asked = outside.authorities(partial(in_thread, opened.log.consistency), _accept(opened.log))
        self.anchoring = Anchoring(settings, clock, self.ledger, asked, visitors=outside.visitors)
        await self.anchoring.start()
        stack.push_async_callback(self.anchoring.close)

        engine = open_engine(settings.data / DATABASE_FILE)
        stack.callback(engine.dispose)
        await asyncio.to_thread(create_tables, engine)
        self.registry = await Registry.open(engine, clock)
        self.units = await Units.open(engine, clock)
        self.people = await People.open(engine, clock, self.units)
        keep = keep_change(self._write_access)
        self.units.on_change(keep)
        self.people.on_change(keep)

        retained = Retained(settings.data / DATABASE_FILE)
        stack.callback(retained.close)
        watched = bool(asked or outside.visitors)
        self.retention = Retention(
            settings, clock, self.ledger, retained, tell=self._tell_retention, authorities=lambda: watched
        )
        await self.retention.start()

        disk = Disk(settings.data, settings)
        await disk.start()
        stack.push_async_callback(disk.close)
        footage = await Footage.open(settings, clock, engine, self.ledger, disk, self._publish)

        whip = WhipEndpoint(settings, clock)
        stack.push_async_callback(whip.close)

        self.telemetry = Telemetry(
            clock,
            self.ledger,
            TelemetryStore(engine),
            self._around_telemetry(whip),
            track_days=settings.telemetry_track_days,
        )
        await self.telemetry.load()
        for stream in self.registry.list(retired=True):
            if stream.retired:
                self.telemetry.forget(stream.id)
        whip.on_message(LABEL, self.telemetry.hear)

        self.maintenance = await Maintenance.open(engine, clock, self._keep_maintenance)
        self.grouping = Grouping(self._due_now, lambda unit: self.units.tree.path(unit), self.events)
        recent = await asyncio.to_thread(self.ledger.reader.interruptions, limit=RECENT_INTERRUPTIONS)
        self.grouping.restore(recent)
        self.activities = await Activities.open(engine, settings.data, clock, self.ledger, self.people, self._publish)
        watch = Watch(self.activities, self._around_activities())
        ranges = self.activities.expected_ranges
        around = DutyAround(lambda: self.registry.list(retired=True), self.units, self._publish)
        duty = await DutyParts.open(settings, clock, self.ledger, engine, around, seen=self._seen, activity_time=ranges)
        rooms = Rooms(settings, clock, self.ledger, disk, self.events, self.grouping.take)
        recovered = {one.stream_id: one for one in self.ledger.recovered}
        self.fleet = Fleet(
            rooms,
            self.feeds,
            whip,
            recovered,
            expected=either(duty.duty.clock.expected, self.activities.expected),
            unit_rules=self._unit_rules,
            maintenance=self._maintained,
            content=await self._watch_content(stack, engine),
        )
        self.units.on_change(lambda _: self.fleet.rules_changed())
        stack.push_async_callback(self.fleet.stop)
        for stream in self.registry.list():
            self.fleet.begin(stream)
        self.registry.on_change(lambda *_: duty.duty.keep_places())  # before the fleet, which asks what is due
        self.registry.on_change(self.fleet.changed)
        self.registry.on_change(self._tell_change)

        told = ToldReader(settings.data / DATABASE_FILE)
        stack.callback(told.close)
        self.followup = Followup(
            clock,
            self.ledger,
            told,
            self.ledger.reader,
            self.units,
            self.registry.find,
            self._present,
            tell=self._publish,
            cue=self._cue,
        )
        await self.followup.start()

        beyond = Outside(
            self.ledger.append, self.registry.find, self._present, self.ledger.reader.interruption, self._ready
        )
        self.notices = await Notices.open(settings, clock, engine, self.events, self.people, beyond)
        self.notices.start()
        stack.push_async_callback(self.notices.close)

        self.exports = await Exports.open(settings, clock, engine, self._tell_export)
        self.exports.start()
        stack.push_async_callback(self.exports.close)
        taken = Intake(settings.data, self.ledger.append, self.ledger.committed)
        works = (
            self.followup.run(),
            self.telemetry.run(),
            self._cue_officers(),
            self.activities.follow(),
            duty.run(),
            watch.run(),
            self.fleet.tick_for_ever(),
            self._tell_states(),
            opened.follow(),
            self.retention.run(),
            taken.run(),
        )
        for work in (*works, footage.run()):
            stack.push_async_callback(_cancelled, asyncio.create_task(work))

        # late: a first password that nobody is shown would lock everybody out
        accounts, self.first_password = await Accounts.open(engine, settings, clock, people=self.people)
        services = Services(
            settings=settings,
            clock=clock,
            registry=self.registry,
            accounts=accounts,
            status=self.status,
            present=self._present,
            reader=self.ledger.reader,
            log=self.ledger,
            events=self.events,
            live=self.feeds,
            whip=whip,
            throttle=Throttle(clock),
            ready=self._ready,
            write_access=self._write_access,
            activities=self.activities,
            activity_watch=watch,
            duty=duty,
            retention=self.retention,
            exports=self.exports,
            telemetry=self.telemetry,
            notices=self.notices,
            footage=footage,
            followup=self.followup,
            explaining=Explaining(self.followup, self.people, settings.data),
            open_log=opened.log,
            cosigned=self._cosigned,
            incidents=self.grouping.all,
            incident_of=self.grouping.of,
            maintenance=self.maintenance,
            log_status=lambda: self.anchoring.status().json(),
            witness=opened.witness,
            witness_for=opened.witness_for,
        )
        runner = await serve(build_app(services, settings), settings, door)
        stack.push_async_callback(runner.cleanup)
        self.url = _url(runner, settings)
        # What lives for ever need not be looked at by every collection.
        gc.collect()
        gc.freeze()
        log.info(
            "serving", url=self.url, version=__version__, data=str(settings.data), streams=len(self.registry.list())
        )

    async def _watch_content(self, stack: AsyncExitStack, engine: Engine) -> ContentChecks | None:
        """Who looks at the pictures; what a killed hub left open of what they showed is closed first."""
        settings = self.settings
        for stream_id, body in await asyncio.to_thread(left_open, self.ledger.reader):
            self.ledger.append(stream_id, EntryType.INTERRUPTION_CLOSE, body)
        if not settings.content_checks:
            return None
        every_s, budget = settings.content_every_s, settings.content_budget
        checks = ContentChecks(self.clock, settings.data, NormalStore(engine), budget=budget, interval_s=every_s)
        await checks.start()
        stack.push_async_callback(checks.close)
        self.content = checks
        return checks

    def _write_access(self, stream_id: str, body: Mapping[str, JsonValue]) -> object:
        return self.ledger.append(stream_id, EntryType.ACCESS, body)

    # ------------------------------------------------------------------------------- answers

    def status(self, stream: Stream) -> StreamStatus:
        """How a stream is at this moment, for the API and the page."""
        pipeline = self.fleet.pipeline(stream.id)
        telemetry, fault = self.telemetry.state_json(stream.id), self.telemetry.faults.of(stream.id)
        if pipeline is None:
            return StreamStatus(state="retired" if stream.retired else "waiting", telemetry=telemetry)
        condition = pipeline.condition
        session = condition.session
        state, since_us = self._state_of(pipeline)
        return StreamStatus(
            state=state.value,
            since_us=since_us,
            tracks=session.tracks if session else (),
            device=session.device if session else "",
            peer=session.peer if session else "",
            bitrate_bps=pipeline.bitrate.bps,
            attempts=condition.attempts,
            complaint=Complaint(*condition.complaint) if condition.complaint else None,
            interruption=pipeline.detector.current,
            telemetry=telemetry,
            fault=None if fault is None else fault_json(fault),
        )

    def _state_of(self, pipeline: Pipeline) -> tuple[StreamState, int]:
        state = pipeline.detector.state
        known = self._states.get(pipeline.stream.id)
        if known is None or known[0] is not state:
            known = self._states[pipeline.stream.id] = (state, self.clock.now().utc_us)
        return known

    def _present(self) -> Sequence[Interruption]:
        """What every detector holds open at this moment."""
        return [one for pipeline in self.fleet.pipelines() for one in pipeline.current if one.recorded]

    def _due_now(self) -> Iterable[Stream]:
        unwatched = (StreamState.IDLE, StreamState.OFF_DUTY)
        return (one.stream for one in self.fleet.pipelines() if one.detector.state not in unwatched)

    def _keep_maintenance(self, window: Window, action: str, by: str) -> None:
        """What people decided is a fact of the ledger; that it began or ended follows from it, and is only told."""
        if action not in ("began", "ended"):
            self.ledger.append(window.stream or HUB_STREAM, EntryType.MAINTENANCE, window.body(action, by))
        self.events.publish(f"maintenance.{action}", window.json(), self.clock.now())

    def _maintained(self, stream: Stream, at_us: int) -> str:
        return self.maintenance.at(stream.id, self.units.tree.path(stream.unit), at_us)

    def _unit_rules(self, unit_id: str) -> Iterable[Mapping[str, Any]]:
        tree = self.units.tree
        above = (tree.get(one) for one in reversed(tree.path(unit_id)))
        return [unit.rules for unit in above if unit is not None]

    def _seen(self) -> Iterable[Seen]:
        """What delivers at this moment, and whether sound is a part of it."""
        for pipeline in self.fleet.pipelines():
            session = pipeline.condition.session
            if session is not None and pipeline.detector.state is StreamState.LIVE:
                absent = pipeline.detector.absent_tracks
                sound = any(one.kind is MediaKind.AUDIO and one.id not in absent for one in session.tracks)
                yield Seen(pipeline.stream, sound)

    def _around_activities(self) -> Around:
        reader = self.ledger.reader

        def live(stream: Stream) -> tuple[str, int | None]:
            status = self.status(stream)
            return status.state, status.since_us

        def followups(cuts: Sequence[Interruption]) -> Mapping[str, str]:
            return {ident: outcome.state.value for ident, outcome in self.followup.outcomes(cuts).items()}

        return Around(reader, self.registry.list, live, followups, reader.backfilled)

    async def _cosigned(self, one: Accepted) -> None:
        """A witness came by itself with its cosignature."""
        root, line = one.root.hex(), one.line.encode()
        await self.anchoring.brought(Received("witness", one.witness, one.size, root, one.time_us, line))

    def _ready(self) -> Mapping[str, str]:
        refused = sorted({one.stream_id for one in self._present() if _not_stored(one)})
        return {
            "ledger": self.ledger.problem or "ok",
            "disk": _disk_space(self.settings),
            "retention": self.retention.problem,
            "reels": f"not stored as it comes: {', '.join(refused[:10])}" if refused else "ok",
        }

    # --------------------------------------------------------------------------------- events

    def _tell_change(self, before: Stream | None, after: Stream) -> None:
        if after.retired:
            self.telemetry.forget(after.id)
        word = "added" if before is None else "retired" if after.retired else "changed"
        self._tell(word, after)

    def _tell(self, word: str, stream: Stream) -> None:
        self.events.publish(f"stream.{word}", stream_json(stream, self.status(stream)), self.clock.now())

    def _tell_export(self, job: Job) -> None:
        self.events.publish(f"export.{job.state.value}", export_json(job), self.clock.now())

    async def _cue_officers(self) -> None:
        """Until cancelled: who records again is asked to say why it broke off, before the entry is written."""
        with self.events.subscribe() as listener:
            async for event in listener:
                if event.type == "interruption.resumed":
                    for fault in self._present():
                        if fault.id == event.data["id"]:
                            self.followup.resumed(fault)

    def _publish(self, kind: str, data: Mapping[str, Any]) -> None:
        self.events.publish(kind, data, self.clock.now())

    def _cue(self, stream_id: str, data: Mapping[str, Any]) -> None:
        """On the recorder's data channel, or with the answer to its next telemetry."""
        self.telemetry.cue(stream_id, "explain", interruption=data["id"], text=data["text"])

    def _around_telemetry(self, whip: WhipEndpoint) -> Surroundings:
        def rules(stream_id: str) -> Any:
            stream = self.registry.find(stream_id)
            return self.units.rule("" if stream is None else stream.unit, "telemetry")

        def live(stream_id: str) -> bool:
            pipeline = self.fleet.pipeline(stream_id)
            return pipeline is not None and pipeline.condition.session is not None

        async def report(stream_id: str, reason: str, text: str) -> None:
            known = reason in REASONS
            words = text if known else " ".join((reason, text)).strip() or "-"
            explaining = Explaining(self.followup, self.people, self.settings.data)
            name = f"device:{stream_id}"
            await explaining.report(self.registry.get(stream_id), reason if known else "other", words, name)

        return Surroundings(live, rules, self.events.publish, partial(_say, whip), report)

    def _tell_retention(self, kind: str, data: Mapping[str, JsonValue]) -> None:
        self.events.publish(kind, data, self.clock.now())

    async def _tell_states(self) -> None:
        """Until cancelled: pages hear of every change of a stream's state, and each second that the hub lives."""
        while True:
            await asyncio.sleep(EVENT_TICK_S)
            self.maintenance.tick()
            for pipeline in self.fleet.pipelines():
                known = self._states.get(pipeline.stream.id)
                pipeline.bitrate.measure(self.clock.now())
                if known != self._state_of(pipeline):
                    self._tell("changed", pipeline.stream)


def _accept(opened: OpenLog) -> Callable[[str], Awaitable[None]]:
    """What was asked of a witness is handed out with the head, as what came by itself."""

    async def accept(note: str) -> None:
        await asyncio.to_thread(opened.accept, note)

    return accept


def _say(whip: WhipEndpoint, stream_id: str, text: str) -> bool:
    return whip.say(stream_id, LABEL, text)


def _not_stored(interruption: Interruption) -> bool:
    """The disk refuses at this moment."""
    return interruption.kind is InterruptionKind.STORAGE and interruption.state is not InterruptionState.RESUMED


def _disk_space(settings: Settings) -> str:
    try:
        free_mb = shutil.disk_usage(settings.data).free >> 20
    except OSError as error:
        return f"the data folder cannot be looked at: {error.strerror}"
    if free_mb < settings.min_free_mb:
        return f"{free_mb} MiB free, fewer than the {settings.min_free_mb} MiB of min_free_mb"
    return "ok"


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _url(runner: web.AppRunner, settings: Settings) -> str:
    """Where a browser finds the page. Port 0 means that the system chose one."""
    scheme = "https" if settings.tls_cert else "http"
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104  compared, not bound
    port = runner.addresses[0][1]
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"


def stop_signal() -> asyncio.Event:
    """Set once SIGTERM or SIGINT comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def run_until_signalled(settings: Settings, ready: Callable[[Hub], None]) -> None:
    """Serve until SIGTERM or SIGINT, then stop in order: everything sealed, every stream closed with its reason."""
    stop = stop_signal()
    async with Hub.running(settings) as hub:
        ready(hub)
        await stop.wait()
