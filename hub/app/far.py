"""Recording as an office sees it whose streams are recorded on other nodes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Engine

from hub import metrics
from hub.app.calls import Calls
from hub.app.far_whip import FarWhip
from hub.app.ingest import CUT, GONE, HEARD, REFUSED, TOLD
from hub.app.ingest_door import AT, BLACK
from hub.app.meanwhile import Work
from hub.app.membership import Membership
from hub.app.nodes import FarNodes
from hub.app.recording import Asked, Decided, StreamNow
from hub.app.retired import Retired
from hub.clock import Clock
from hub.cluster.bus import Changes
from hub.cluster.issuing import Issuing, Sources
from hub.cluster.messages import BadMessage, Message
from hub.cluster.orders import Check
from hub.cluster.standing import Standing, interruption_of
from hub.errors import HubError
from hub.ledger.bodies import INTERRUPTION_TYPES, interruption_from_body
from hub.ledger.entries import Entry, EntryType
from hub.ledger.seam import OpenLedger
from hub.model import Interruption, InterruptionState, SessionInfo, Stream
from hub.monitor.content.stills import Still
from hub.monitor.events import interruption_json
from hub.monitor.live import LiveFeed, LiveFeeds
from hub.monitor.rules import DetectorRules, StreamState
from hub.monitor.thresholds import kinds_of
from hub.operations.nodes import MergedFlow, together
from hub.operations.operations import AnyMeasured, MeasuredFar
from hub.settings import Settings
from hub.telemetry.telemetry import LABEL

log = structlog.get_logger(__name__)

MAX_TOLD = 20_000
"""Changes of which is remembered that they were told."""
_DECISIONS = frozenset({EntryType.ACTIVITY, EntryType.CALENDAR, EntryType.MAINTENANCE})
"""Entries after which nodes are to expect other things."""


@dataclass(frozen=True, slots=True)
class FarStream:
    """A stream as its owner told it last."""

    stream: Stream
    told: Standing

    @property
    def state(self) -> StreamState:
        return self.told.state

    @property
    def since_us(self) -> int:
        return self.told.since_us

    @property
    def session(self) -> SessionInfo | None:
        return self.told.session

    @property
    def bitrate_bps(self) -> int:
        return self.told.bitrate_bps

    @property
    def attempts(self) -> int:
        return self.told.attempts

    @property
    def last_complaint(self) -> tuple[str, str, int] | None:
        return self.told.last_complaint

    @property
    def broken(self) -> Interruption | None:
        return self.told.broken

    @property
    def current(self) -> Sequence[Interruption]:
        return self.told.current

    @property
    def absent_tracks(self) -> Sequence[int]:
        return self.told.absent_tracks


class FarPictures:
    """Asked of the node that records; the office keeps none."""

    def __init__(self, calls: Calls, membership: Membership) -> None:
        self._calls = calls
        self._membership = membership

    async def newest(self, stream_id: str) -> Still | None:
        url = self._membership.owner_url(stream_id)
        if url is None:
            return None
        try:
            status, headers, data = await self._calls.bytes("GET", f"{url}/node/still/{stream_id}", timeout_s=5.0)
            if status != 200:
                return None
            black = headers.get(BLACK)
            return Still(data, int(headers[AT]), None if black is None else black == "1")
        except (HubError, KeyError, ValueError) as error:
            log.warning("no picture of a stream can be had", stream=stream_id, problem=str(error))
            return None


class FarRecording:
    """``check`` raises in a transaction where this office leads no more."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        membership: Membership,
        calls: Calls,
        engine: Engine,
        ledger: OpenLedger,
        check: Check,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._membership = membership
        self._calls = calls
        self._engine = engine
        self._ledger = ledger
        self._check = check
        self.feeds = LiveFeeds()
        """Of no use but to be named: pictures pass the office by."""
        self.flow = MergedFlow(settings.node_name)
        self.nodes = FarNodes(membership, calls, settings.drain_s)
        self.whip = FarWhip(
            calls, membership, lambda one: (now := self.now(one)) is not None and now.session is not None
        )
        self.pictures = FarPictures(calls, membership)
        self._previews: dict[str, LiveFeed] = {}
        self._told: OrderedDict[tuple[str, str, int], Interruption] = OrderedDict()

    async def open(self, stack: AsyncExitStack) -> None:
        stack.push_async_callback(self.whip.close)
        stack.push_async_callback(self.nodes.close)
        for told in self._membership.nodes.all():
            self.flow.hear(told)
        stack.callback(self._membership.nodes.on_told(self.flow.hear))

    async def begin(self, _stack: AsyncExitStack, asked: Asked, _streams: Sequence[Stream]) -> None:
        assert asked.decided is not None
        self._asked, self._decided = asked, asked.decided
        self._issuing = Issuing(
            self._engine, self._clock, self._sources(asked, asked.decided), asked.decided.streams,
            self._membership.tell_orders, self._check,
        )  # fmt: skip
        self._changes = Changes(self._membership.link, self._clock, self._settings.node_name, self._hear)
        self._ledger.on_commit(self._committed)

    def _sources(self, asked: Asked, decided: Decided) -> Sources:
        base = DetectorRules.from_settings(self._settings).kinds
        return Sources(
            pieces=decided.pieces,
            activity=decided.activity,
            kinds=lambda stream: kinds_of(base, asked.unit_rules(stream.unit)),
            windows=decided.windows,
            path=decided.path,
        )

    def works(self) -> Sequence[Work]:
        retired = Retired(self._clock, self._ledger, self._ledger.reader, self._retired)
        return (self._issuing.run, partial(self._changes.run, self._membership.lease.held), retired.run)

    def _retired(self, ids: Collection[str]) -> Collection[str]:
        found = {one for one in ids if (stream := self._decided.find(one)) is not None and stream.retired}
        return {one for one in found if self._membership.standing(one) is None}

    def changed(self, before: Stream | None, after: Stream) -> None:
        self._issuing.nudge(after.id)
        if after.retired:
            self._membership.standings.forget(after.id)
            metrics.forget(after.id)
        if before is not None and before.preview != after.preview:
            self._previews.pop(after.id, None)

    def rules_changed(self) -> None:
        self._issuing.nudge()

    def now(self, stream_id: str) -> StreamNow | None:
        stream, told = self._decided.find(stream_id), self._membership.standing(stream_id)
        return None if stream is None or stream.retired or told is None else FarStream(stream, told)

    def all(self) -> Sequence[StreamNow]:
        return [found for one in self._decided.streams() if (found := self.now(one.id)) is not None]

    def measured(self) -> Iterable[AnyMeasured]:
        """As their nodes told them."""
        return [
            MeasuredFar(one.id, told.bitrate_bps, told.figures)
            for one in self._decided.streams()
            if (told := self._membership.standing(one.id)) is not None and told.figures is not None
        ]

    def together(self) -> Mapping[str, float]:
        self.flow.gone(self._membership.nodes.names())
        return together(self._membership.nodes.all())

    async def brought(self, path: str) -> bytes | None:
        for place in self._membership.all_recording():
            try:
                return (await self._calls.bytes("GET", f"{place.url}/node/{path}"))[2]
            except HubError:
                continue
        return None

    def preview(self, stream: Stream) -> LiveFeed | None:
        if stream.preview is None or stream.retired:
            return None
        return self._previews.setdefault(stream.id, LiveFeed(stream.id, preview=True))

    # ------------------------------------------------------------------- what the nodes tell

    async def _hear(self, message: Message) -> None:
        """A change, once or more often: what was told already is not told again."""
        body = message.body
        stream_id = str(body.get("stream", ""))
        if message.kind in (CUT, REFUSED):
            said = body.get("interruption")
            if not isinstance(said, Mapping):
                raise BadMessage("a change of an interruption says of none")
            change = interruption_of(stream_id, said)
            if message.kind == CUT or await asyncio.to_thread(self._ledger.reader.interruption, change.id) is None:
                self._tell(change)
        elif message.kind == GONE:
            self._withdraw(stream_id, body.get("data"))
        elif message.kind == TOLD:
            self._asked.events.publish(str(body["type"]), dict(body["data"]), self._clock.now())
        elif message.kind == HEARD:
            words = body.get("text")
            self.whip.heard(stream_id, LABEL, words if isinstance(words, str) else bytes.fromhex(str(body["hex"])))

    def _tell(self, change: Interruption) -> None:
        key = (change.id, change.state.value, change.count)
        if self._told.get(key) == change:
            return
        first = key not in self._told
        self._told[key] = change
        while len(self._told) > MAX_TOLD:
            self._told.popitem(last=False)
        if first:
            metrics.INTERRUPTIONS.labels(change.kind, change.state).inc()
        now = self._clock.now()
        incident = self._asked.incident(change, now)
        self._asked.events.publish(f"interruption.{change.state}", interruption_json(change, incident), now)

    def _withdraw(self, stream_id: str, data: Any) -> None:
        if isinstance(data, dict) and data.get("stream") == stream_id:
            self._asked.events.publish("interruption.withdrawn", data, self._clock.now())

    def _committed(self, entries: Sequence[Entry]) -> None:
        """What no change announced is announced from the entries; what people decided goes to the nodes."""
        for entry in entries:
            if entry.type in INTERRUPTION_TYPES:
                self._announce(interruption_from_body(entry.stream_id, entry.type, entry.body))
            elif entry.type in _DECISIONS:
                self._issuing.nudge()

    def _announce(self, entered: Interruption) -> None:
        key = (entered.id, entered.state.value, entered.count)
        later = (entered.id, InterruptionState.CLOSED.value, entered.count)
        if key not in self._told and later not in self._told:
            self._tell(entered)
