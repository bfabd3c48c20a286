"""Units of a file into the reels of a stream: the same segmenter as live, in a run of the protocol ``upload``.

Recording never waits for it: it takes a small part of the disk's queue and a quarter of the event loop at most.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hub.clock import Clock
from hub.errors import HubError, StorageError
from hub.footage.cutting import Cut, Maker, TrackIndex
from hub.footage.reading import Piece, read_units
from hub.footage.wire import FileHeader
from hub.ledger.bodies import UPLOAD, chunk_body, open_body
from hub.ledger.entries import EntryType, JsonValue
from hub.ledger.seam import OpenLedger
from hub.model import AccessUnit, Chunk, Fragment, InitSegment, SessionInfo, TrackInfo
from hub.segmenter.disk import Disk
from hub.segmenter.fragmenter import Fragmenter
from hub.segmenter.recorder import Recorder
from hub.settings import Settings

QUEUE_BYTES = 8 << 20
"""Of the disk's queue; the rest is for what is recorded live."""
REST = 3.0
"""For each moment of work on the event loop, three of rest."""
_UNITS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch of an interruption that a file fills: hub UTC, µs, and the units of each track, by its id."""

    from_us: int
    to_us: int
    cuts: Mapping[int, Cut]


@dataclass(frozen=True, slots=True)
class Plan:
    """What of a file goes where."""

    stream: str
    pieces: Sequence[Piece]
    header: FileHeader
    indexes: Mapping[int, TrackIndex]
    offset_us: int
    device_offset_us: int | None
    by: str
    name: str
    facts: Mapping[str, JsonValue]
    """For the run's ``open`` entry: which file it is, and what it fills."""


@dataclass(slots=True)
class Filled:
    """What is in the reels now: the run, and the time of its chunks."""

    run: int = 0
    spans: list[tuple[int, int]] = field(default_factory=list)
    reels: set[str] = field(default_factory=set)
    units: int = 0


class Filling:
    """One run. Made anew for each interruption."""

    def __init__(self, settings: Settings, clock: Clock, ledger: OpenLedger, disk: Disk, plan: Plan) -> None:
        self._clock, self._ledger, self._disk, self._plan = clock, ledger, disk, plan
        self._fragment_ms = settings.fragment_ms
        self._recorder = Recorder(plan.stream, disk, settings, sealed=self._sealed, failed=self._failed)
        self._tracks = tuple(
            TrackInfo(track.id, track.codec, track.timescale, track.channels, track.config, track.sets)
            for track in plan.header.tracks
        )
        self._problem: HubError | None = None
        self.filled = Filled()

    async def fill(self, holes: Sequence[Hole]) -> Filled:
        """Records the holes one after the other. Raises StorageError, LedgerError, MediaError; what was recorded until
        then stays, in ``filled``. The run is still open then: its ``close`` follows its ``backfill``, so that a run
        which nobody told of is known by being open."""
        try:
            for hole in holes:
                await self._fill(hole)
                self._recorder.cut("discontinuity")
        finally:
            if self.filled.run:
                await self._recorder.close("stop")
        self._check()
        return self.filled

    async def _fill(self, hole: Hole) -> None:
        plan = self._plan
        zero_us = (self._zero_us or hole.from_us) - plan.offset_us
        makers = {
            track: Maker(plan.indexes[track], cut, zero_us, plan.offset_us, plan.device_offset_us)
            for track, cut in hole.cuts.items()
        }
        infos = [info for info in self._tracks if info.id in makers]
        fragmenter = Fragmenter(infos, fragment_ms=self._fragment_ms)
        wanted = {track: (cut.first, cut.last) for track, cut in hole.cuts.items()}
        worked, since = 0, time.monotonic()
        async for mark, data in read_units(plan.pieces, wanted, len(plan.header.tracks)):
            unit = makers[mark.track].unit(mark, data, self._clock.now()) if mark.track in makers else None
            if unit is not None:
                await self._push(fragmenter, unit, hole)
                self.filled.units += 1
            worked += 1
            if worked % _UNITS_AT_ONCE == 0:
                await asyncio.sleep(min(0.2, (time.monotonic() - since) * REST))
                since = time.monotonic()
        for item in fragmenter.flush():
            await self._take(item, hole)

    _zero_us: int | None = None

    async def _push(self, fragmenter: Fragmenter, unit: AccessUnit, hole: Hole) -> None:
        for item in fragmenter.push(unit):
            await self._take(item, hole)

    async def _take(self, item: InitSegment | Fragment, hole: Hole) -> None:
        self._check()
        while self._disk.waiting_bytes > QUEUE_BYTES:  # noqa: ASYNC110  the disk tells nobody when it has room
            await asyncio.sleep(0.05)
        if isinstance(item, Fragment):
            self._recorder.append(item)
            return
        if not self.filled.run:
            await self._open(item, hole)
        self._recorder.init(item)

    async def _open(self, init: InitSegment, hole: Hole) -> None:
        plan = self._plan
        self._zero_us = hole.from_us
        session = SessionInfo(UPLOAD, plan.by, plan.name, self._tracks, self._clock.now())
        self.filled.run = run = self._ledger.next_run(plan.stream)
        body = open_body(session, run, init_sha256=init.sha256) | {"from_us": hole.from_us, **plan.facts}
        self._ledger.append(plan.stream, EntryType.OPEN, body)
        # first of all: after a kill the chunks of this run must not be taken for what was recorded as it came
        await self._ledger.committed()
        self._recorder.begin(run)

    def _sealed(self, chunk: Chunk) -> None:
        try:
            self._ledger.append(self._plan.stream, EntryType.CHUNK, chunk_body(chunk))
        except HubError as error:
            self._problem = error
            return
        self.filled.spans.append((chunk.first_us, chunk.end_us))
        self.filled.reels.add(chunk.reel)

    def _failed(self, error: StorageError, _from_us: int) -> None:
        self._problem = error

    def _check(self) -> None:
        if self._problem is not None:
            raise self._problem
