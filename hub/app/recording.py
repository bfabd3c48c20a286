"""The seam between the office and what records: streams here in this process, or on the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from hub.api.services import Nodes, Pictures, WhipEndpoint
from hub.app.meanwhile import Work
from hub.clock import Instant
from hub.duty.plan import Piece
from hub.ledger.standing import RecoveredStream
from hub.model import Interruption, SessionInfo, Stream
from hub.monitor.events import EventBus
from hub.monitor.live import LiveFeed, LiveFeeds
from hub.monitor.maintenance import Window
from hub.monitor.rules import DetectorRules, StreamState
from hub.monitor.vitals import Flow
from hub.operations.operations import AnyMeasured
from hub.pipeline import ExpectedAt

Told = Callable[[str, str | bytes, Callable[[str], bool]], None]
"""A stream's id, what its recorder said on a data channel, and a way to answer there. On the event loop."""


class StreamNow(Protocol):
    """One stream at this moment. Read on the event loop; never blocks."""

    @property
    def stream(self) -> Stream: ...
    @property
    def state(self) -> StreamState: ...
    @property
    def since_us(self) -> int:
        """When the state began (hub UTC)."""
        ...

    @property
    def session(self) -> SessionInfo | None:
        """Of the connection that lasts; None: none does."""
        ...

    @property
    def bitrate_bps(self) -> int: ...
    @property
    def attempts(self) -> int: ...
    @property
    def last_complaint(self) -> tuple[str, str, int] | None:
        """Code, message, and when (hub UTC, µs)."""
        ...

    @property
    def broken(self) -> Interruption | None:
        """What breaks the recording off, if anything does."""
        ...

    @property
    def current(self) -> Sequence[Interruption]:
        """Every interruption that lasts, or whose edge is still open: ``broken`` first, then what pictures show."""
        ...

    @property
    def absent_tracks(self) -> Sequence[int]: ...


class Whip(WhipEndpoint, Protocol):
    """Recorders' door, and their data channels."""

    def on_message(self, label: str, listener: Told) -> None: ...

    def say(self, stream_id: str, label: str, text: str) -> bool:
        """False: the recorder has no open channel of that label."""
        ...


@dataclass(frozen=True, slots=True)
class Decided:
    """What people decided about streams, from memory: that of which nodes are told ahead of its time."""

    pieces: Callable[[str, int, int], Sequence[Piece]]
    """Of a stream's calendar, in order and without holes."""
    activity: ExpectedAt
    windows: Callable[[], Iterable[Window]]
    path: Callable[[str], Sequence[str]]
    """A unit and what is above it, innermost first."""
    find: Callable[[str], Stream | None]
    streams: Callable[[], Sequence[Stream]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What those who record ask of the office, from memory, and what they tell it."""

    expected: ExpectedAt
    unit_rules: Callable[[str], Iterable[Mapping[str, Any]]]
    """The rules of the units from the root down to the one of that id."""
    maintenance: Callable[[Stream, int], str]
    """The planned maintenance that holds for a stream at a moment (hub UTC, µs), by id; empty: none."""
    incident: Callable[[Interruption, Instant], str | None]
    """Told of each change of an interruption that is recorded; the incident that it belongs to."""
    events: EventBus
    recovered: Mapping[str, RecoveredStream]
    """How the last life left each stream."""
    rules_of: Callable[[str], DetectorRules] | None = None
    """Of each stream, where they come as they are and not by unit."""
    decided: Decided | None = None
    """What nodes elsewhere are told for days ahead; None: nobody asks."""


class Recording(Protocol):
    """What records, as the office sees it. Calls are made on the event loop, and never block."""

    @property
    def feeds(self) -> LiveFeeds: ...
    @property
    def flow(self) -> Flow: ...
    @property
    def whip(self) -> Whip: ...
    @property
    def pictures(self) -> Pictures: ...

    async def open(self, stack: AsyncExitStack) -> None:
        """Recorders may be heard from here on; ``stack`` ends what begins here."""
        ...

    async def begin(self, stack: AsyncExitStack, asked: Asked, streams: Sequence[Stream], /) -> None:
        """These streams are recorded from here on."""
        ...

    def works(self) -> Sequence[Work]:
        """What goes on in the background, each until it is cancelled."""
        ...

    def changed(self, before: Stream | None, after: Stream) -> None:
        """The registry's word: a stream is new, is another, or is retired."""
        ...

    def rules_changed(self) -> None:
        """A unit has other rules."""
        ...

    def now(self, stream_id: str) -> StreamNow | None:
        """None: nobody records it."""
        ...

    def all(self) -> Sequence[StreamNow]: ...

    def measured(self) -> Iterable[AnyMeasured]:
        """The figures of what is recorded."""
        ...

    def together(self) -> Mapping[str, float]:
        """Series of all processes of a cluster as one; empty: this process is all there is."""
        ...

    @property
    def nodes(self) -> Nodes | None:
        """The machines of a cluster; None: there is this one alone."""
        ...

    async def brought(self, path: str) -> bytes | None:
        """A picture of an alarm that does not lie on this machine, by its path below the data folder; None: nobody has
        it."""
        ...

    def preview(self, stream: Stream) -> LiveFeed | None:
        """Where to watch a camera's sub-stream; None: it has none."""
        ...
