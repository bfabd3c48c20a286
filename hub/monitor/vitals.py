"""What an engineer wants to know of a stream and of all of them together: counted where it happens, kept for a day.

Every count has a place where it must turn up again: what came in must go out, what went out must lie in a sealed
chunk, and each chunk must be in the ledger. :class:`Flow` holds both sides, so that what differs can be shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from hub.clock import US_PER_S, Instant
from hub.model import AccessUnit, Chunk, Fragment, MediaKind, SenderReport, SessionInfo

MINUTE_US = 60 * US_PER_S
DAY_MINUTES = 1440
_LEAP_US = US_PER_S
"""The device's clock was set: what was learnt of its rate is void."""
_RATE_LEAST_MINUTES = 5
_RATE_MINUTES = 30
_JITTER_SHIFT = 4
_MOST_WAITING = 20_000
"""Fragments of a track that may wait to be sealed: more than an hour; a disk that is gone must not fill the memory."""


class MinuteCounts:
    """How often something happened, by minute, for a day. Empty minutes take no room."""

    __slots__ = ("_minutes", "total")

    def __init__(self) -> None:
        self._minutes: deque[list[int]] = deque(maxlen=DAY_MINUTES)
        self.total = 0

    def add(self, now: Instant, count: int = 1) -> None:
        """``now`` never goes back: it is taken by its monotonic side."""
        minute = now.mono_us // MINUTE_US
        self.total += count
        if self._minutes and self._minutes[-1][0] == minute:
            self._minutes[-1][1] += count
        else:
            self._minutes.append([minute, count])

    def within(self, now: Instant, minutes: int) -> int:
        """Of the last ``minutes``, the one that runs included."""
        first = now.mono_us // MINUTE_US - minutes
        found = 0
        for minute, count in reversed(self._minutes):
            if minute <= first:
                break
            found += count
        return found


class Bitrate:
    """Bytes of coded media received, as bits per second over the last few seconds."""

    def __init__(self) -> None:
        self.bytes = 0
        self.bps = 0
        self._marks: deque[tuple[int, int]] = deque(maxlen=6)

    def measure(self, now: Instant) -> None:
        """Once a second."""
        self._marks.append((now.mono_us, self.bytes))
        first_us, first_bytes = self._marks[0]
        if now.mono_us > first_us:
            self.bps = (self.bytes - first_bytes) * 8 * US_PER_S // (now.mono_us - first_us)


class Jitter:
    """Interarrival jitter (RFC 3550 §6.4.1, §A.8) taken per picture, in µs; of one track.

    Pictures that were read at one moment came at moments that nobody knows: of these the first one counts."""

    __slots__ = ("_jitter16", "_last_us", "_read_us")

    def __init__(self) -> None:
        self._jitter16 = 0
        self._last_us: int | None = None
        self._read_us: int | None = None

    def arrival(self, mono_us: int, media_us: int) -> None:
        if mono_us == self._read_us:
            return
        self._read_us = mono_us
        apart_us = mono_us - media_us
        if self._last_us is not None:
            self._jitter16 += abs(apart_us - self._last_us) - (self._jitter16 + 8 >> _JITTER_SHIFT)
        self._last_us = apart_us

    @property
    def us(self) -> int:
        return self._jitter16 >> _JITTER_SHIFT


class DeviceClock:
    """How far the device's clock is from the hub's, and how fast it runs: the smallest offset of each minute has the
    least of the network's delay in it."""

    __slots__ = ("_least", "offset_us")

    def __init__(self) -> None:
        self.offset_us: int | None = None
        """Hub minus device, of the newest sender report, delay included; None: it has sent none."""
        self._least: deque[list[int]] = deque(maxlen=_RATE_MINUTES)

    def report(self, report: SenderReport) -> None:
        offset_us, minute = report.offset_us, report.arrival.mono_us // MINUTE_US
        if self.offset_us is not None and abs(offset_us - self.offset_us) > _LEAP_US:
            self._least.clear()
        self.offset_us = offset_us
        if self._least and self._least[-1][0] == minute:
            self._least[-1][1] = min(self._least[-1][1], offset_us)
        else:
            self._least.append([minute, offset_us])

    @property
    def ppm(self) -> float | None:
        """Positive: the device's clock is slow. None: too early to tell."""
        if not self._least or self._least[-1][0] - self._least[0][0] < _RATE_LEAST_MINUTES:
            return None
        minutes = self._least[-1][0] - self._least[0][0]
        return round((self._least[-1][1] - self._least[0][1]) / (minutes * 60), 1)


@dataclass(slots=True)
class Flow:
    """Both sides of every account, of all streams since the hub began. ``settled``: frames of fragments that were
    heard of again, sealed or not; ``settled - recorded`` is what the disk did not take."""

    bytes: int = 0
    lost_packets: int = 0
    connections: int = 0
    pictures_in: int = 0
    pictures_out: int = 0
    pictures_given_up: int = 0
    frames: int = 0
    settled: int = 0
    recorded: int = 0
    chunks: int = 0
    chunk_bytes: int = 0
    chunk_entries: int = 0
    """Of them, those whose entry is durable in the ledger."""
    owed: dict[str, int] = field(default_factory=dict)
    """Chunks whose entries are not durable yet: by reel and offset, when they were made (monotonic, µs)."""

    viewer_drops: int = 0
    """Of other processes: fragments not sent to viewers that were too slow."""

    @property
    def waiting(self) -> int:
        """Frames on their way into a chunk."""
        return self.frames - self.settled

    def missing(self, before_us: int) -> int:
        """Chunks that were sealed by then (monotonic), or of which the ledger never took the entry, and which no
        durable entry names."""
        late = sum(made_us <= before_us for made_us in self.owed.values())
        return late + self.chunks - self.chunk_entries - len(self.owed)

    @property
    def unrecorded(self) -> int:
        return self.settled - self.recorded

    def owes(self, chunk: Chunk, now: Instant) -> None:
        """The chunk's entry is on its way."""
        self.owed[name_of(chunk.reel, chunk.offset)] = now.mono_us

    def entered(self, names: Iterable[str]) -> None:
        """Entries of chunks are durable: those of footage that was brought later are none of these."""
        for name in names:
            if self.owed.pop(name, None) is not None:
                self.chunk_entries += 1


def name_of(reel: object, offset: object) -> str:
    """Of a chunk."""
    return f"{reel}+{offset}"


@dataclass(slots=True)
class FrameAccount:
    """Of one run: which frames went to the recorder, and which lie in sealed chunks. Chunks come in the order of
    their media, so a chunk settles everything of its tracks that came before its end."""

    flow: Flow
    unrecorded: int = 0
    waiting: int = 0
    """Frames on their way into a chunk."""
    _waiting: dict[int, deque[tuple[int, int]]] = field(default_factory=dict)

    def made(self, fragment: Fragment) -> None:
        waiting = self._waiting.setdefault(fragment.track_id, deque())
        waiting.append((fragment.tfdt_ticks, fragment.frames))
        self.flow.frames += fragment.frames
        self.waiting += fragment.frames
        if len(waiting) > _MOST_WAITING:
            self._settle(waiting.popleft()[1], 0)

    def sealed(self, chunk: Chunk) -> None:
        for track in chunk.tracks:
            waiting = self._waiting.get(track.track_id, deque())
            found = 0
            while waiting and waiting[0][0] < track.end_ticks:
                found += waiting.popleft()[1]
            self._settle(found, track.frames)

    def ended(self) -> None:
        """Whatever was not heard of by now is not recorded."""
        for waiting in self._waiting.values():
            self._settle(sum(frames for _, frames in waiting), 0)
        self._waiting.clear()

    def _settle(self, frames: int, recorded: int) -> None:
        self.flow.settled += frames
        self.flow.recorded += recorded
        self.unrecorded += frames - recorded
        self.waiting -= frames


class Vitals:
    """Of one stream, as long as its pipeline lives. Everything is called on the event loop."""

    def __init__(self, flow: Flow, stream_id: str = "") -> None:
        self.stream_id = stream_id
        self.flow = flow
        self.connections = MinuteCounts()
        self.attempts = MinuteCounts()
        self.lost = MinuteCounts()
        self.jitter = Jitter()
        self.clock = DeviceClock()
        self.pictures = 0
        self.unrecorded = 0
        self.arrived_us: int | None = None
        """Hub UTC of the newest fragment's making."""
        self.sealed_us: int | None = None
        self.size: tuple[int, int] | None = None
        """Of the pictures of the newest reel."""
        self.account = FrameAccount(flow)
        self._timed = 0
        self._timescale = 1
        self._video: frozenset[int] = frozenset()
        self._out = 0
        self._in = 0

    def opened(self, session: SessionInfo, now: Instant) -> None:
        self.connections.add(now)
        self.flow.connections += 1
        self.jitter = Jitter()
        self._video = frozenset(one.id for one in session.tracks if one.kind is MediaKind.VIDEO)
        timed = next((one for one in session.tracks if one.kind is MediaKind.VIDEO), None)
        timed = timed or next(iter(session.tracks), None)
        self._timed, self._timescale = (timed.id, timed.timescale) if timed else (0, 1)
        self.account = FrameAccount(self.flow)
        self._in = self._out = 0

    def unit(self, unit: AccessUnit) -> None:
        if unit.track_id == self._timed:
            self.jitter.arrival(unit.arrival.mono_us, unit.dts_ticks * US_PER_S // self._timescale)
        if unit.track_id in self._video:
            self._in += 1

    def loss(self, count: int, now: Instant) -> None:
        self.lost.add(now, count)
        self.flow.lost_packets += count

    def made(self, fragment: Fragment) -> None:
        if fragment.track_id in self._video:
            self._out += fragment.frames
        self.arrived_us = fragment.end_us
        self.account.made(fragment)

    def sealed(self, chunk: Chunk) -> None:
        self.account.sealed(chunk)
        self.flow.chunks += 1
        self.flow.chunk_bytes += chunk.size
        self.sealed_us = chunk.end_us

    def ended(self) -> None:
        """The run is over, and all of it was heard of. Pictures that nothing describes were given up."""
        self.account.ended()
        self.unrecorded += self.account.unrecorded
        self.account = FrameAccount(self.flow)
        self.pictures += self._in
        self.flow.pictures_in += self._in
        self.flow.pictures_out += self._out
        self.flow.pictures_given_up += self._in - self._out
        self._in = self._out = 0

    @property
    def pictures_in(self) -> int:
        """Of all connections of this pipeline."""
        return self.pictures + self._in

    @property
    def pictures_of_run(self) -> tuple[int, int]:
        """Received and handed to the recorder, of the connection that lasts: in no sum of the flow yet."""
        return self._in, self._out

    @property
    def not_recorded(self) -> int:
        return self.unrecorded + self.account.unrecorded


class Running(Protocol):
    """A stream whose connection may last."""

    @property
    def pictures_of_run(self) -> tuple[int, int]: ...


def pictures(flow: Flow, running: Iterable[Running]) -> tuple[int, int]:
    """Received, and handed to the recorder, of all streams, those that run included."""
    came, went = flow.pictures_in, flow.pictures_out
    for one in running:
        more_in, more_out = one.pictures_of_run
        came, went = came + more_in, went + more_out
    return came, went
