"""The hub: which parts there are, in which order they start, and what each is given."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import structlog
from sqlalchemy import Engine

from hub import __version__
from hub.activities.activities import Activities
from hub.activities.watch import Watch
from hub.anchoring.anchoring import Anchoring
from hub.anchoring.configured import Configured
from hub.anchoring.witness import in_thread
from hub.api.access_entries import keep_change, write_access
from hub.api.server import build_app
from hub.api.services import Services
from hub.api.throttle import Throttle
from hub.app import surroundings
from hub.app.answers import Answers
from hub.app.archiving import Archiving
from hub.app.beside import beside
from hub.app.front import Front, PublicDoor
from hub.app.ground import Begin, Ground, OfficeLog, Recorders, embedded, recorded_here
from hub.app.meanwhile import Work, lasting
from hub.app.operating import listening, operating
from hub.app.recording import Asked, Decided, Recording
from hub.app.telling import Telling
from hub.audit.opening import Opened, open_up
from hub.clock import Clock, SystemClock
from hub.database import Database
from hub.devices.probe import Prober
from hub.duty.clock import either
from hub.duty.duty import Around as DutyAround
from hub.duty.parts import DutyParts
from hub.evidence.jobs import Exports
from hub.evidence.spool import Intake
from hub.followup.explaining import Explaining
from hub.followup.followup import Followup
from hub.footage.footage import Footage
from hub.inspection.inspections import Inspections
from hub.inspection.records import Records
from hub.labels.labels import Labels
from hub.ledger.accesses import AccessReader
from hub.looks.live import LiveNotes
from hub.looks.looks import Hours, Looks
from hub.looks.store import LookStore
from hub.monitor.events import EventBus
from hub.monitor.grouping import Grouping
from hub.monitor.maintenance import Maintenance
from hub.notices.notices import Notices, Outside
from hub.oidc.provider import open_oidc
from hub.operations.operations import Operations
from hub.people.accounts import Accounts
from hub.people.people import People
from hub.people.units import Units
from hub.registry import Registry
from hub.retention.beside import Beside
from hub.retention.retention import Retention
from hub.segmenter.disk import Disk
from hub.settings import Settings
from hub.telemetry.store import TelemetryStore
from hub.telemetry.telemetry import LABEL, Telemetry
from hub.walls.walls import Walls

log = structlog.get_logger(__name__)

COLLECT_AT = (10_000, 20, 20)
"""Thresholds of the collector of cycles. Media makes none; at Python's 700 objects it runs for every few pictures."""
RECENT_INTERRUPTIONS = 1000
"""Those are looked through at a start for what belongs together."""


class Hub:
    """A running hub. Made by :meth:`running`, which stops it in order."""

    ledger: OfficeLog
    anchoring: Anchoring
    registry: Registry
    units: Units
    people: People
    retention: Retention
    footage: Footage
    telemetry: Telemetry
    maintenance: Maintenance
    grouping: Grouping
    activities: Activities
    recording: Recording
    followup: Followup
    notices: Notices
    exports: Exports
    inspections: Inspections
    labels: Labels
    looks: Looks
    live_notes: LiveNotes
    accesses: AccessReader
    operations: Operations
    archiving: Archiving
    disk: Disk
    """The office's own."""
    services: Services
    """What calls are answered from; the last that is made."""

    def __init__(
        self, settings: Settings, clock: Clock, begin: Begin, records: Recorders, front: Callable[[Settings], Front]
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._begin = begin
        self._records = records
        self._front = front
        self.events = EventBus(settings.event_queue)
        self.answers = Answers(self)
        self.telling = Telling(self)
        self.first_password: str | None = None
        """The admin's one-time password, at the very first start only."""
        self.url = ""
        self._stack = AsyncExitStack()

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        settings: Settings,
        clock: Clock | None = None,
        *,
        begin: Begin = embedded,
        records: Recorders = recorded_here,
        front: Callable[[Settings], Front] = PublicDoor,
    ) -> AsyncIterator[Hub]:
        """The hub, from the moment that it serves until the block ends. ``begin`` says what it stands on, ``records``
        who records, ``front`` where calls come in; as they are given here, all of it is in this process."""
        hub = cls(settings, clock or SystemClock(), begin, records, front)
        async with hub._stack:
            await hub._start()
            yield hub
            log.info("stopping")

    async def _start(self) -> None:
        said = self._stack.enter_context(listening(self.clock))
        front = self._front(self.settings)  # first: what is refused here must leave nothing behind
        self._stack.callback(front.close)
        outside = await asyncio.to_thread(Configured.read, self.settings)
        ground = await self._begin(self._stack, self.settings, self.clock)
        self.ledger, engine, self._recovered = ground.ledger, ground.engine, ground.recovered
        opened, watched = await self._open_log(outside)
        await self._open_people(engine)
        await self._open_looks(ground)
        await self._open_retention(ground, watched)
        disk = await self._open_devices(ground)
        duty, watch = await self._open_expectations(engine)
        await self._begin_streams(duty)
        await self._open_care(ground)
        self.operations = operating(self, disk, said)
        self._work(duty, watch, opened)
        await self._serve(front, engine, opened, duty, watch)
        # What lives for ever need not be looked at by every collection.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT_AT)
        streams = len(self.registry.list())
        log.info("serving", url=self.url, version=__version__, data=str(self.settings.data), streams=streams)

    # ------------------------------------------------------------------------ evidence and people

    async def _open_log(self, outside: Configured) -> tuple[Opened, bool]:
        """The log open to outsiders, and whether any of them is asked or comes by itself."""
        settings, stack = self.settings, self._stack
        opening = partial(open_up, settings, self.ledger.checkpoint, self.ledger.vkey)
        opened = await asyncio.to_thread(opening, statements=self.ledger.key_statements)
        stack.callback(opened.log.close)
        asked = outside.authorities(partial(in_thread, opened.log.consistency), surroundings.accept(opened.log))
        self.anchoring = Anchoring(settings, self.clock, self.ledger, asked, visitors=outside.visitors)
        await self.anchoring.start()
        stack.push_async_callback(self.anchoring.close)
        return opened, bool(asked or outside.visitors)

    async def _open_people(self, engine: Engine) -> None:
        """Who and what is registered."""
        self.registry = await Registry.open(engine, self.clock)
        self.units = await Units.open(engine, self.clock)
        self.people = await People.open(engine, self.clock, self.units)
        keep = keep_change(self.telling.access)
        self.units.on_change(keep)
        self.people.on_change(keep)

    async def _open_looks(self, ground: Ground) -> None:
        """Who looks at what: what is noted before it is shown, and read again afterwards."""
        settings, ledger = self.settings, self.ledger
        note = partial(write_access, self.telling.access)
        hours = Hours(settings.look_hours, settings.look_approved_hours)
        store = LookStore(ground.engine)
        self.looks = await Looks.open(store, self.clock, note, ledger.committed, self.telling.publish, hours)
        self.live_notes = LiveNotes(self.clock, note)
        self._stack.callback(self.live_notes.close)
        self.accesses = ground.accesses

    async def _open_retention(self, ground: Ground, watched: bool) -> None:
        tell = self.telling.publish
        self.archiving = Archiving(self, self._stack, ground)
        archive = self.archiving.archive
        self.retention = Retention(
            self.settings,
            self.clock,
            self.ledger,
            ground.retained,
            tell=tell,
            authorities=lambda: watched,
            beside=self._beside,
            files=self.archiving.files,
            leaving=None if archive is None else archive.leaving_bytes,
            rooms=ground.rooms,
        )
        await self.retention.start()

    def _beside(self, stream_id: str, until_us: int) -> Sequence[Beside]:
        return beside(self.archiving.beside, self.ledger.reader, self.footage.store, stream_id, until_us)

    # ---------------------------------------------------------------------------------- recording

    async def _open_devices(self, ground: Ground) -> Disk:
        """Where footage goes, who records, and how recorders say how they are."""
        settings = self.settings
        disk = self.disk = Disk(settings.data, settings)
        await disk.start()
        self._stack.push_async_callback(disk.close)
        self.footage = await Footage.open(
            settings, self.clock, ground.engine, self.ledger, disk, self.telling.publish,
            shelf=self.archiving.shelf, away=self.archiving.away,
        )  # fmt: skip
        self.recording = self._records(settings, self.clock, ground, disk)
        await self.recording.open(self._stack)
        whip = self.recording.whip
        around, store = surroundings.of_telemetry(self, whip), TelemetryStore(ground.engine)
        self.telemetry = Telemetry(self.clock, self.ledger, store, around, track_days=settings.telemetry_track_days)
        await self.telemetry.load()
        for stream in self.registry.list(retired=True):
            if stream.retired:
                self.telemetry.forget(stream.id)
        whip.on_message(LABEL, self.telemetry.hear)
        return disk

    async def _open_expectations(self, engine: Engine) -> tuple[DutyParts, Watch]:
        """What is due when, what is under maintenance, and what belongs together."""
        settings, publish = self.settings, self.telling.publish
        self.maintenance = await Maintenance.open(engine, self.clock, self.telling.maintenance)
        self.grouping = Grouping(self.answers.due, lambda unit: self.units.tree.path(unit), self.events)
        self.activities = await Activities.open(engine, settings.data, self.clock, self.ledger, self.people, publish)
        self.labels = await surroundings.labels(self)
        around = DutyAround(lambda: self.registry.list(retired=True), self.units, publish)
        duty = await DutyParts.open(
            settings, self.clock, self.ledger, engine, around,
            seen=self.answers.delivering, activity_time=self.activities.expected_ranges,
        )  # fmt: skip
        return duty, Watch(self.activities, surroundings.of_activities(self, duty.duty))

    async def _begin_streams(self, duty: DutyParts) -> None:
        recording, ledger = self.recording, self.ledger
        asked = Asked(
            expected=either(duty.duty.clock.expected, self.activities.expected),
            unit_rules=partial(surroundings.unit_rules, self),
            maintenance=partial(surroundings.maintained, self),
            incident=self.grouping.take,
            events=self.events,
            recovered={one.stream_id: one for one in self._recovered},
            decided=Decided(
                duty.duty.clock.pieces,
                self.activities.expected,
                self.maintenance.all,
                lambda unit: self.units.tree.path(unit),
                self.registry.find,
                self.registry.list,
            ),
        )
        recent = await asyncio.to_thread(ledger.reader.interruptions, limit=RECENT_INTERRUPTIONS)
        await recording.begin(self._stack, asked, self.registry.list())
        self.units.on_change(lambda _: recording.rules_changed())
        self.grouping.restore(recent)  # what is still open asks which streams are due, and only who records knows
        self.registry.on_change(lambda *_: duty.duty.keep_places())  # before who records, who asks what is due
        self.registry.on_change(recording.changed)
        self.registry.on_change(self.telling.stream_changed)

    # ------------------------------------------------------------------------- what follows from it

    async def _open_care(self, ground: Ground) -> None:
        """What becomes of interruptions, who is told, and what leaves the hub."""
        settings, stack, ledger, engine = self.settings, self._stack, self.ledger, ground.engine
        self.followup = Followup(
            self.clock, ledger, ground.told, ledger.reader, self.units, self.registry.find, self.answers.present,
            tell=self.telling.publish, cue=self.telling.cue,
        )  # fmt: skip
        await self.followup.start()

        present, ready = self.answers.present, self.answers.ready
        late = surroundings.late(self)
        find, stands = self.registry.find, surroundings.standing(self)
        beyond = Outside(ledger.append, find, present, ledger.reader.interruption, ready, late, stands)
        self.notices = await Notices.open(settings, self.clock, engine, self.events, self.people, beyond)
        self.notices.start()
        stack.push_async_callback(self.notices.close)

        shelf = self.archiving.shelf
        self.exports = await Exports.open(settings, self.clock, engine, self.telling.export, shelf=shelf)
        self.exports.start()
        stack.push_async_callback(self.exports.close)

        self.inspections = await Inspections.open(
            settings, self.clock, ledger, ledger.reader, self.telling.publish, self.archiving.beside
        )
        stack.push_async_callback(self.inspections.checks.close)

    def _work(self, duty: DutyParts, watch: Watch, opened: Opened) -> None:
        """What goes on in the background until the hub stops."""
        taken = Intake(self.settings.data, Database.of(self.settings), self.ledger.append, self.ledger.committed)
        works: tuple[Work, ...] = (
            self.followup.run,
            self.telemetry.run,
            self.telling.cue_officers,
            self.activities.follow,
            *duty.works(),
            watch.run,
            *self.recording.works(),
            self.telling.states,
            opened.follow,
            self.retention.run,
            *self.archiving.works(),
            taken.run,
            self.footage.run,
            self.looks.run,
            self.live_notes.run,
            self.operations.run,
        )
        for work in works:
            self._stack.push_async_callback(_cancelled, asyncio.create_task(lasting(work, self.clock)))

    async def _serve(self, front: Front, engine: Engine, opened: Opened, duty: DutyParts, watch: Watch) -> None:
        settings, clock = self.settings, self.clock
        # late: a first password that nobody is shown would lock everybody out
        accounts, self.first_password = await Accounts.open(engine, settings, clock, people=self.people)
        self.services = services = Services(
            settings=settings,
            clock=clock,
            shelf=self.archiving.shelf,
            brought=self.recording.brought,
            registry=self.registry,
            accounts=accounts,
            status=self.answers.status,
            present=self.answers.present,
            ready=self.answers.ready,
            write_access=self.telling.access,
            reader=self.ledger.reader,
            log=self.ledger,
            events=self.events,
            live=self.recording.feeds,
            preview=self.recording.preview,
            stills=self.recording.pictures,
            whip=self.recording.whip,
            throttle=Throttle(clock),
            activities=self.activities,
            activity_watch=watch,
            duty=duty,
            retention=self.retention,
            exports=self.exports,
            telemetry=self.telemetry,
            notices=self.notices,
            inspections=self.inspections,
            records=Records(engine, self.followup),
            walls=await Walls.open(engine, clock, self.telling.publish),
            oidc=open_oidc(settings, clock, engine),
            footage=self.footage,
            followup=self.followup,
            labels=self.labels,
            looks=self.looks,
            live_notes=self.live_notes,
            accesses=self.accesses,
            explaining=Explaining(self.followup, self.people, settings.data, self.archiving.shelf),
            open_log=opened.log,
            cosigned=surroundings.cosigned(self),
            incidents=self.grouping.all,
            incident_of=self.grouping.of,
            maintenance=self.maintenance,
            prober=Prober(clock),
            operations=self.operations,
            nodes=self.recording.nodes,
            standing=partial(surroundings.log_standing, self),
            log_status=lambda: self.anchoring.status().json(),
            witness=opened.witness,
            witness_for=opened.witness_for,
        )
        # in a thread: a fifth of a second, and in a cluster a lease runs meanwhile
        app = await asyncio.to_thread(build_app, services, settings)
        self.url = await front.serve(app, self._stack)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
