"""What the faces need of the hub, and no more. ``app`` fills it with the real parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from aiohttp import web

from hub.activities.activities import Activities
from hub.activities.watch import Watch
from hub.api.throttle import Throttle
from hub.audit.open_log import Accepted, OpenLog
from hub.audit.witness import Witness
from hub.clock import Clock
from hub.devices.probe import Prober
from hub.duty.parts import DutyParts
from hub.evidence.jobs import Exports
from hub.followup.explaining import Explaining
from hub.followup.followup import Followup
from hub.footage.footage import Footage
from hub.inspection.inspections import Inspections
from hub.inspection.records import Records
from hub.labels.labels import Labels
from hub.ledger.accesses import AccessReader
from hub.ledger.declared import Declared
from hub.ledger.entries import JsonValue
from hub.ledger.notes import VerifierKey
from hub.ledger.reader import PastSpans
from hub.looks.live import LiveNotes
from hub.looks.looks import Looks
from hub.model import Chunk, Interruption, InterruptionState, Span, Stream, TrackInfo
from hub.monitor.content.stills import Still
from hub.monitor.events import EventBus
from hub.monitor.incidents import Incident
from hub.monitor.live import LiveFeed, LiveFeeds
from hub.monitor.maintenance import Maintenance
from hub.notices.notices import Notices
from hub.oidc.provider import Oidc
from hub.operations.nodes import NodeNow
from hub.operations.operations import Operations
from hub.people.accounts import Accounts
from hub.people.people import People
from hub.people.units import Units
from hub.registry import Registry
from hub.retention.retention import Retention
from hub.settings import Settings
from hub.shelf import LocalShelf, Shelf
from hub.telemetry.telemetry import Telemetry
from hub.walls.walls import Walls

StreamStateName = Literal["live", "suspected", "interrupted", "waiting", "idle", "off_duty", "retired"]


@dataclass(frozen=True, slots=True)
class Complaint:
    """What was last wrong with a source. ``at_us`` is hub UTC."""

    code: str
    message: str
    at_us: int


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How a stream is at this moment. ``since_us`` is when ``state`` began (hub UTC, None: unknown)."""

    state: StreamStateName
    since_us: int | None = None
    tracks: Sequence[TrackInfo] = ()
    device: str = ""
    peer: str = ""
    bitrate_bps: int = 0
    attempts: int = 0
    complaint: Complaint | None = None
    interruption: Interruption | None = None
    telemetry: Mapping[str, Any] | None = None
    """The newest that its device said, as ``GET /api/streams/{id}/telemetry``."""
    session_us: int | None = None
    """When the source began to deliver, of the connection that lasts (hub UTC)."""
    label: str | None = None
    """The gravest kind of label over this moment (R31)."""
    fault: Mapping[str, Any] | None = None
    """Why its device is not to be used (故障停用), as in ``GET /api/faults``."""


class WhipAnswer(Protocol):
    @property
    def session_id(self) -> str: ...
    @property
    def sdp(self) -> str: ...


class WhipEndpoint(Protocol):
    """RFC 9725 without HTTP. Refusals are HubErrors; an ICE restart has the code ``ice_restart``."""

    async def offer(self, stream_id: str, sdp: str, *, device: str = "") -> WhipAnswer: ...
    async def trickle(self, stream_id: str, session_id: str, fragment: str) -> None: ...
    async def end(self, stream_id: str, session_id: str) -> None: ...


class Pictures(Protocol):
    """The newest picture of each stream, small; None: none has come, or it cannot be decoded."""

    async def newest(self, stream_id: str) -> Still | None: ...


class Nodes(Protocol):
    """The machines of a cluster."""

    def all(self) -> Sequence[NodeNow]: ...

    async def drain(self, name: str) -> None:
        """Begin to give its streams away. Raises NotFound, Conflict."""
        ...


class FootageReader(Protocol):
    """The read side of the ledger. Calls block: they are made in a thread."""

    def chunks(self, stream_id: str, from_us: int, to_us: int, limit: int) -> list[Chunk]: ...
    def declared(self, stream_id: str, from_us: int, to_us: int, limit: int) -> list[Declared]: ...
    def chunks_of(self, reel: str) -> list[Chunk]: ...
    def spans(self, stream_id: str, from_us: int, to_us: int) -> list[Span]: ...
    def backfilled(self, stream_id: str, from_us: int, to_us: int) -> list[Span]: ...
    def spans_of_many(self, streams: Collection[str], from_us: int, to_us: int) -> dict[str, PastSpans]: ...
    def recorded_spans(self, streams: Collection[str], from_us: int, to_us: int) -> list[tuple[str, int, int]]: ...
    def gone(self, stream_id: str, from_us: int, to_us: int) -> list[Span]: ...
    def is_gone(self, reel: str) -> bool: ...
    def interruption(self, ident: str) -> Interruption | None: ...
    def interruptions(
        self,
        *,
        stream: str | None = None,
        state: InterruptionState | None = None,
        from_us: int | None = None,
        to_us: int | None = None,
        limit: int = 100,
        after: str | None = None,
        streams: Collection[str] | None = None,
        kinds: Collection[str] | None = None,
    ) -> list[Interruption]: ...


class Log(Protocol):
    """The signed log, as far as outsiders ask for it, and how far it lags behind."""

    @property
    def waiting_bytes(self) -> int: ...

    def checkpoint(self) -> str: ...
    def vkey(self) -> str: ...


@dataclass(slots=True)
class Services:
    """The hub, as the faces see it. The callables are called on the event loop and never block.

    ``status`` answers for any registered stream, ``present`` gives what every stream's detector holds open at
    this moment (suspected, confirmed, resumed), ``ready`` each check's name with ``"ok"`` or what is wrong.
    """

    settings: Settings
    clock: Clock
    registry: Registry
    accounts: Accounts
    status: Callable[[Stream], StreamStatus]
    present: Callable[[], Sequence[Interruption]]
    reader: FootageReader
    log: Log
    events: EventBus
    live: LiveFeeds
    whip: WhipEndpoint
    throttle: Throttle
    shelf: Shelf | None = None
    brought: Callable[[str], Awaitable[bytes | None]] | None = None
    """A picture that does not lie here, by its path below the data folder, of the node that made it."""
    """Where reels are read; None: on the data folder's disk alone."""
    preview: Callable[[Stream], LiveFeed | None] = field(default=lambda _stream: None)
    """Where to watch a camera's sub-stream; None: it has none."""
    ready: Callable[[], Mapping[str, str]] = field(default=dict)

    write_access: Callable[[str, Mapping[str, JsonValue]], object] = field(default=lambda _stream, _body: None)
    """Makes an entry ``access`` of that body in a stream's chain (``_hub``: hub-wide). Not for handlers: they call
    ``hub.api.access_entries``."""

    labels: Labels | None = None
    """What is hidden from whom (``hub.api.labelled``); None: nothing is."""
    looks: Looks | None = None
    """None: nothing recorded is played."""
    live_notes: LiveNotes | None = None
    """None: nothing is shown live."""
    accesses: AccessReader | None = None
    """Its calls block: they are made in a thread."""
    open_log: OpenLog | None = None
    """Its calls block: they are made in a thread."""
    witness: Witness | None = None
    """This hub as a witness of the logs ``witness_for``; None: of none. Its calls block."""
    witness_for: tuple[VerifierKey, ...] = ()
    activities: Activities | None = None
    activity_watch: Watch | None = None
    duty: DutyParts | None = None
    retention: Retention | None = None
    exports: Exports | None = None
    telemetry: Telemetry | None = None
    followup: Followup | None = None
    explaining: Explaining | None = None
    footage: Footage | None = None
    inspections: Inspections | None = None
    records: Records | None = None
    """Its calls block: they are made in a thread."""
    notices: Notices | None = None
    walls: Walls | None = None
    oidc: Oidc | None = None
    """The organisation's own sign-in; None: passwords alone."""
    prober: Prober | None = None
    """Looks at cameras that are not registered yet."""
    stills: Pictures | None = None
    cosigned: Callable[[Accepted], Awaitable[None]] | None = None
    """Told of each cosignature that a witness brought by itself."""
    incidents: Callable[[], Sequence[Incident]] = field(default=tuple)
    """What many streams had in common, newest first."""
    maintenance: Maintenance | None = None
    incident_of: Callable[[str], str | None] = field(default=lambda _id: None)
    log_status: Callable[[], Mapping[str, object]] = field(default=dict)
    """How far outsiders vouch for the log."""

    operations: Operations | None = None
    """The hub's figures over time; None: none are kept."""
    nodes: Nodes | None = None
    """The machines of a cluster; None: this hub is one process."""
    standing: Callable[[], Mapping[str, object]] = field(default=dict)
    """Who signs the log, with which key, and how far that has got."""

    @property
    def reels(self) -> Shelf:
        """Where reels are read, wherever they are. Its calls block: they are made in a thread."""
        return self.shelf or LocalShelf(self.settings.data)

    @property
    def people(self) -> People:
        return self.accounts.people

    @property
    def units(self) -> Units:
        return self.accounts.people.units


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
