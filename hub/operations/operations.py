"""The hub's own figures over time, of all streams and of each, and the balance of what came in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from hub.clock import US_PER_S, Clock, Instant
from hub.metrics import VIEWER_DROPS
from hub.monitor.figures import Figures
from hub.monitor.vitals import Flow, Vitals, pictures
from hub.operations.reading import SERIES, Gauges, Reader, disk_free, value_of
from hub.operations.ring import Fold, Points, Ring
from hub.operations.said import Listening

log = structlog.get_logger(__name__)

EVERY_S = 5.0
FINE_US, FINE_SLOTS = 5 * US_PER_S, 1440
"""Two hours."""
COARSE_US, COARSE_SLOTS = 300 * US_PER_S, 2016
"""Seven days."""
STREAM_US, STREAM_SLOTS = 10 * US_PER_S, 180
"""Half an hour of each stream: 12 kB."""
STREAM_SERIES: Mapping[str, Fold] = {
    "bitrate_bps": Fold.MEAN,
    "lost_packets": Fold.MOST,
    "jitter_us": Fold.MOST,
    "offset_us": Fold.MEAN,
}
ENTRY_GRACE_S = 30.0
"""A chunk's entry is durable within a commit (250 ms) while all is well."""
_DAY_US = 86_400 * US_PER_S
_MARKS = 300
"""Of a day, one each five minutes."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Both sides of each account at a moment, since the hub began."""

    at_us: int
    pictures_in: int = 0
    pictures_out: int = 0
    given_up: int = 0
    frames: int = 0
    settled: int = 0
    recorded: int = 0
    chunks: int = 0
    chunk_entries: int = 0
    viewer_drops: int = 0

    def since(self, before: Sums) -> Sums:
        """What was counted after ``before``; ``at_us`` is where it begins."""
        grown = {name: getattr(self, name) - getattr(before, name) for name in _COUNTS}
        return replace(before, **grown)


_COUNTS = tuple(name for name in Sums.__dataclass_fields__ if name != "at_us")


class AnyMeasured(Protocol):
    """One stream as it is read, wherever it is recorded."""

    @property
    def stream_id(self) -> str: ...
    @property
    def bitrate_bps(self) -> int: ...
    @property
    def lost_total(self) -> int: ...
    @property
    def jitter_us(self) -> int: ...
    @property
    def offset_us(self) -> int | None: ...
    @property
    def pictures_of_run(self) -> tuple[int, int]:
        """Received and handed to the recorder, where the flow has them not yet."""
        ...

    def figures(self, now: Instant, /) -> Figures: ...


@dataclass(frozen=True, slots=True)
class Measured:
    """Of a stream that is recorded in this process: its vitals and how much it delivers."""

    vitals: Vitals
    bitrate_bps: int

    @property
    def stream_id(self) -> str:
        return self.vitals.stream_id

    @property
    def lost_total(self) -> int:
        return self.vitals.lost.total

    @property
    def jitter_us(self) -> int:
        return self.vitals.jitter.us

    @property
    def offset_us(self) -> int | None:
        return self.vitals.clock.offset_us

    @property
    def pictures_of_run(self) -> tuple[int, int]:
        return self.vitals.pictures_of_run

    def figures(self, now: Instant) -> Figures:
        return Figures.of(self.vitals, now)


@dataclass(frozen=True, slots=True)
class MeasuredFar:
    """Of a stream that another node records, as it was told last."""

    stream_id: str
    bitrate_bps: int
    told: Figures

    @property
    def lost_total(self) -> int:
        return self.told.lost_total

    @property
    def jitter_us(self) -> int:
        return self.told.jitter_us

    @property
    def offset_us(self) -> int | None:
        return self.told.offset_us

    @property
    def pictures_of_run(self) -> tuple[int, int]:
        return 0, 0

    def figures(self, _now: Instant) -> Figures:
        return self.told


class Operations:
    """Made once; ``run`` reads for ever. Everything is called on the event loop."""

    def __init__(
        self,
        data: Path,
        clock: Clock,
        flow: Flow,
        gauges: Gauges,
        streams: Callable[[], Iterable[AnyMeasured]],
        said: Listening | None = None,
    ) -> None:
        self.said = said
        self.flow = flow
        self.started_us = clock.now().utc_us
        self._data = data
        self._clock = clock
        self._streams = streams
        self._reader = Reader(flow, gauges)
        self._fine = Ring(SERIES, step_us=FINE_US, slots=FINE_SLOTS)
        self._coarse = Ring(SERIES, step_us=COARSE_US, slots=COARSE_SLOTS)
        self._of_stream: dict[str, tuple[Ring, int]] = {}
        self._sums: deque[Sums] = deque([Sums(self.started_us)], maxlen=_MARKS)
        self._drops_before = value_of(VIEWER_DROPS)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            free = await asyncio.to_thread(disk_free, self._data)
            try:
                self.sample(self._clock.now(), free)
            except Exception:  # figures are never worth the hub
                log.exception("a reading failed")
            await self._clock.sleep(EVERY_S)

    def sample(self, now: Instant, free: int | None) -> None:
        """One reading of everything."""
        reading = self._reader.read(now, free)
        self._fine.add(now.utc_us, reading)
        self._coarse.add(now.utc_us, reading)
        present = set()
        for one in self._streams():
            present.add(one.stream_id)
            self._sample_stream(one, now)
        for gone in self._of_stream.keys() - present:
            del self._of_stream[gone]
        if now.utc_us - self._sums[-1].at_us >= COARSE_US or now.utc_us < self._sums[-1].at_us:
            self._sums.append(self._now(now))

    def _sample_stream(self, one: AnyMeasured, now: Instant) -> None:
        ring, lost = self._of_stream.get(one.stream_id) or (
            Ring(STREAM_SERIES, step_us=STREAM_US, slots=STREAM_SLOTS),
            one.lost_total,
        )
        reading = {
            "bitrate_bps": one.bitrate_bps,
            "lost_packets": max(0, one.lost_total - lost),
            "jitter_us": one.jitter_us,
            "offset_us": one.offset_us,
        }
        ring.add(now.utc_us, reading)
        self._of_stream[one.stream_id] = (ring, one.lost_total)

    def vitals(self) -> dict[str, AnyMeasured]:
        """Of each stream that records or tries to."""
        return {one.stream_id: one for one in self._streams()}

    # ----------------------------------------------------------------------------- over time

    def series(self, names: Sequence[str], from_us: int, to_us: int) -> Points:
        """Of 5 s where all of it is still there, else of 5 min."""
        fine = from_us >= self._clock.now().utc_us - FINE_US * FINE_SLOTS
        return (self._fine if fine else self._coarse).points(names, from_us, to_us)

    def series_of(self, stream_id: str) -> Points:
        """Of the last half hour."""
        ring = self._of_stream.get(stream_id, (None, 0))[0]
        if ring is None:
            return Points(STREAM_US, (), dict.fromkeys(STREAM_SERIES, ()))
        now_us = self._clock.now().utc_us
        return ring.points(tuple(STREAM_SERIES), now_us - STREAM_US * STREAM_SLOTS, now_us + STREAM_US)

    @property
    def nbytes(self) -> int:
        """Of all that is kept over time."""
        return self._fine.nbytes + self._coarse.nbytes + sum(ring.nbytes for ring, _ in self._of_stream.values())

    # --------------------------------------------------------------------------- the balance

    def balance(self) -> Sums:
        """Of the last 24 hours, or since the hub began."""
        now = self._clock.now()
        before = next((one for one in self._sums if one.at_us >= now.utc_us - _DAY_US), self._sums[-1])
        return self._now(now).since(before)

    @property
    def entries_missing(self) -> int:
        """Chunks that were sealed half a minute ago or more and have no durable entry."""
        return self.flow.missing(self._clock.now().mono_us - round(ENTRY_GRACE_S * US_PER_S))

    def _now(self, now: Instant) -> Sums:
        flow = self.flow
        came, went = pictures(flow, self._streams())
        return Sums(
            now.utc_us,
            pictures_in=came,
            pictures_out=went,
            given_up=flow.pictures_given_up,
            frames=flow.frames,
            settled=flow.settled,
            recorded=flow.recorded,
            chunks=flow.chunks,
            chunk_entries=flow.chunk_entries,
            viewer_drops=round(value_of(VIEWER_DROPS) - self._drops_before) + flow.viewer_drops,
        )
