"""How a stream is, as its owner tells the office: on change, and each five seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from hub.clock import US_PER_S, Clock, Instant
from hub.cluster.messages import BadMessage, Message
from hub.model import Codec, Interruption, InterruptionKind, InterruptionState, SessionInfo, Stream, TrackInfo
from hub.monitor.figures import Figures, FiguresBody
from hub.monitor.rules import StreamState
from hub.monitor.vitals import Vitals

log = structlog.get_logger(__name__)

EVERY_US = 5 * US_PER_S
STALE_US = 3 * EVERY_US
"""Who has said nothing for so long says nothing of now."""


class Told(Protocol):
    """What is read of a pipeline."""

    @property
    def stream(self) -> Stream: ...
    @property
    def state(self) -> StreamState: ...
    @property
    def since_us(self) -> int: ...
    @property
    def session(self) -> SessionInfo | None: ...
    @property
    def bitrate_bps(self) -> int: ...
    @property
    def attempts(self) -> int: ...
    @property
    def last_complaint(self) -> tuple[str, str, int] | None: ...
    @property
    def broken(self) -> Interruption | None: ...
    @property
    def current(self) -> Sequence[Interruption]: ...
    @property
    def absent_tracks(self) -> Sequence[int]: ...
    @property
    def recorded_until_us(self) -> int | None: ...
    @property
    def vitals(self) -> Vitals: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """One stream at ``at_us`` by the clock of its owner. Times are hub UTC, µs; the names are those of a pipeline.

    ``current``: every interruption that lasts or whose edge is open, in full; ``broken``: the one that breaks the
    recording off, which may not be recorded yet. Of a session's tracks the parameter sets are left out.
    """

    stream_id: str
    node: str
    epoch: int
    at_us: int
    state: StreamState
    since_us: int
    session: SessionInfo | None = None
    bitrate_bps: int = 0
    attempts: int = 0
    last_complaint: tuple[str, str, int] | None = None
    broken: Interruption | None = None
    current: tuple[Interruption, ...] = ()
    absent_tracks: tuple[int, ...] = ()
    recorded_until_us: int | None = None
    figures: Figures | None = None
    """For the engineer, as of then; None: not told."""

    @classmethod
    def of(cls, told: Told, node: str, epoch: int, now: Instant) -> Standing:
        return cls(
            told.stream.id,
            node,
            epoch,
            now.utc_us,
            told.state,
            told.since_us,
            told.session,
            told.bitrate_bps,
            told.attempts,
            told.last_complaint,
            told.broken,
            tuple(told.current),
            tuple(told.absent_tracks),
            told.recorded_until_us,
        )

    def body(self) -> dict[str, Any]:
        """JSON of the ledger's profile: integers, text, lists and objects."""
        session = self.session
        return {
            "stream": self.stream_id,
            "epoch": self.epoch,
            "state": self.state.value,
            "since_us": self.since_us,
            "session": None if session is None else _session_body(session),
            "bitrate_bps": self.bitrate_bps,
            "attempts": self.attempts,
            "complaint": None if self.last_complaint is None else list(self.last_complaint),
            "broken": None if self.broken is None else interruption_body(self.broken),
            "current": [interruption_body(one) for one in self.current],
            "absent_tracks": list(self.absent_tracks),
            "recorded_until_us": self.recorded_until_us,
            "figures": None if self.figures is None else self.figures.body(),
        }

    def changed_from(self, before: Standing | None) -> bool:
        """Whether it is another than ``before`` in what somebody waits for; figures are told in their time."""
        return before is None or self._waited_for() != before._waited_for()

    def _waited_for(self) -> tuple[object, ...]:
        session = self.session
        return (
            self.epoch, self.state, None if session is None else (session.opened.utc_us, session.tracks),
            self.broken, self.current, self.absent_tracks, self.last_complaint and self.last_complaint[:2],
        )  # fmt: skip


def interruption_body(one: Interruption) -> dict[str, Any]:
    """Everything of it, as :func:`interruption_of` reads it again."""
    return {
        "id": one.id,
        "kind": one.kind.value,
        "state": one.state.value,
        "started_us": one.started_us,
        "detected_us": one.detected_us,
        "ended_us": one.ended_us,
        "edge_error_us": one.edge_error_us,
        "tracks": list(one.tracks),
        "count": one.count,
        "needs_explanation": one.needs_explanation,
        "rings": one.rings,
        "evidence": dict(one.evidence),
        "recorded": one.recorded,
    }


def interruption_of(stream_id: str, body: Mapping[str, Any]) -> Interruption:
    """Raises BadMessage."""
    return _checked(_Interruption, body).model(stream_id)


def standing_of(message: Message) -> Standing:
    """What a node said. Raises BadMessage."""
    said = _checked(_Standing, message.body)
    return Standing(
        said.stream,
        message.node,
        said.epoch,
        message.at_us,
        said.state,
        said.since_us,
        None if said.session is None else said.session.model(),
        said.bitrate_bps,
        said.attempts,
        said.complaint,
        None if said.broken is None else said.broken.model(said.stream),
        tuple(one.model(said.stream) for one in said.current),
        said.absent_tracks,
        said.recorded_until_us,
        None if said.figures is None else said.figures.model(),
    )


def _session_body(session: SessionInfo) -> dict[str, Any]:
    return {
        "protocol": session.protocol,
        "peer": session.peer,
        "device": session.device,
        "opened_us": session.opened.utc_us,
        "tracks": [
            {
                "id": one.id,
                "codec": one.codec.value,
                "timescale": one.timescale,
                "channels": one.channels,
                "config": one.config.hex(),
            }
            for one in session.tracks
        ],
    }


# ------------------------------------------------------------------------------------ read strictly


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_B = TypeVar("_B", bound=_Body)


class _Track(_Body):
    id: StrictInt
    codec: Codec
    timescale: StrictInt
    channels: StrictInt
    config: str = Field(pattern=r"^([0-9a-f]{2})*$")


class _Session(_Body):
    protocol: str
    peer: str
    device: str
    opened_us: StrictInt
    tracks: tuple[_Track, ...]

    def model(self) -> SessionInfo:
        tracks = tuple(
            TrackInfo(one.id, one.codec, one.timescale, one.channels, bytes.fromhex(one.config)) for one in self.tracks
        )
        return SessionInfo(self.protocol, self.peer, self.device, tracks, Instant(self.opened_us, 0))


class _Interruption(_Body):
    id: str
    kind: InterruptionKind
    state: InterruptionState
    started_us: StrictInt
    detected_us: StrictInt
    ended_us: StrictInt | None
    edge_error_us: StrictInt
    tracks: tuple[StrictInt, ...]
    count: StrictInt
    needs_explanation: StrictBool
    rings: StrictBool
    evidence: dict[str, StrictInt | str]
    recorded: StrictBool

    def model(self, stream_id: str) -> Interruption:
        return Interruption(
            self.id,
            stream_id,
            self.kind,
            self.state,
            self.started_us,
            self.detected_us,
            self.ended_us,
            self.edge_error_us,
            self.tracks,
            self.count,
            self.needs_explanation,
            self.rings,
            self.evidence,
            self.recorded,
        )


class _Standing(_Body):
    stream: str
    epoch: StrictInt
    state: StreamState
    since_us: StrictInt
    session: _Session | None
    bitrate_bps: StrictInt
    attempts: StrictInt
    complaint: tuple[str, str, StrictInt] | None
    broken: _Interruption | None
    current: tuple[_Interruption, ...]
    absent_tracks: tuple[StrictInt, ...]
    recorded_until_us: StrictInt | None
    figures: FiguresBody | None


def _checked(kind: type[_B], body: Mapping[str, Any]) -> _B:
    try:
        return kind.model_validate(dict(body))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise BadMessage(f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}") from error


# ------------------------------------------------------------------------------- told, and kept


class Telling:
    """The owner's side. ``say``: puts a body on the bus; ``epoch``: with which this node owns a stream; None: it does
    not, and says nothing of it."""

    def __init__(
        self,
        clock: Clock,
        node: str,
        all_told: Callable[[], Iterable[Told]],
        epoch: Callable[[str], int | None],
        say: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self._clock = clock
        self._node = node
        self._all = all_told
        self._epoch = epoch
        self._say = say
        self._said: dict[str, Standing] = {}
        self._said_us: dict[str, int] = {}

    def tick(self) -> None:
        """Several times a second."""
        now = self._clock.now()
        present: set[str] = set()
        for told in self._all():
            stream_id = told.stream.id
            epoch = self._epoch(stream_id)
            if epoch is None:
                continue
            present.add(stream_id)
            standing = Standing.of(told, self._node, epoch, now)
            due = now.mono_us - self._said_us.get(stream_id, 0) >= EVERY_US
            if due or standing.changed_from(self._said.get(stream_id)):
                self._said[stream_id], self._said_us[stream_id] = standing, now.mono_us
                self._say(stream_id, replace(standing, figures=Figures.of(told.vitals, now)).body())
        for gone in self._said.keys() - present:
            del self._said[gone], self._said_us[gone]

    async def run(self, every_s: float = 0.2) -> None:
        """Until cancelled."""
        while True:
            self.tick()
            await self._clock.sleep(every_s)


class Standings:
    """The office's side: the newest of each stream. What an owner says whose epoch is over counts no more."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[Standing, int]] = {}

    def hear(self, message: Message) -> Standing | None:
        """From the bus; None: it is older than what is known. Raises BadMessage."""
        standing = standing_of(message)
        known = self._kept.get(standing.stream_id)
        if known is not None and _order(standing) < _order(known[0]):
            return None
        self._kept[standing.stream_id] = (standing, self._clock.now().mono_us)
        return standing

    def of(self, stream_id: str) -> Standing | None:
        """As it was told last; None: never, or not for a while."""
        kept = self._kept.get(stream_id)
        if kept is None or self._clock.now().mono_us - kept[1] > STALE_US:
            return None
        return kept[0]

    def all(self) -> Sequence[Standing]:
        """Of every stream that is spoken of."""
        return [one for stream_id in self._kept if (one := self.of(stream_id)) is not None]

    def forget(self, stream_id: str) -> None:
        """It was retired."""
        self._kept.pop(stream_id, None)


def _order(standing: Standing) -> tuple[int, int]:
    return standing.epoch, standing.at_us
