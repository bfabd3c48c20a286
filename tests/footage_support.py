"""A ledger, a disk and footage as the hub has them; a stream that was recorded live around a break of ten seconds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from hub.clock import ManualClock
from hub.database import Database, create_tables, open_engine
from hub.demo.card import write_card
from hub.demo.encode import CodedLoop, VideoSpec
from hub.demo.media import load_loop
from hub.footage.footage import Footage
from hub.footage.store import Brought, State
from hub.ledger.bodies import chunk_body, close_body, interruption_body, open_body
from hub.ledger.entries import EntryType
from hub.ledger.files import DATABASE_FILE
from hub.ledger.ledger import Ledger
from hub.ledger.verdict import Verdict
from hub.ledger.verify import verify_path
from hub.model import (
    AccessUnit,
    Fragment,
    Interruption,
    InterruptionKind,
    InterruptionState,
    ParameterSets,
    SessionInfo,
    TrackInfo,
)
from hub.segmenter.disk import Disk
from hub.segmenter.fragmenter import Fragmenter
from hub.segmenter.recorder import Recorder
from hub.segmenter.scan import whole_fragments
from hub.settings import Settings

S = 1_000_000
T0 = 1_767_225_600 * S
BREAK = (T0 + 6 * S, T0 + 16 * S)
END = T0 + 22 * S
SPEC = VideoSpec(width=160, height=90, fps=10, gop=10, bitrate=80_000, seconds=60)
DEVICE_AHEAD_US = 3_000_000


@dataclass
class Room:
    """What the tests have in hand."""

    data: Path
    keys: Path
    settings: Settings
    clock: ManualClock
    ledger: Ledger
    disk: Disk
    engine: Engine
    footage: Footage
    told: list[tuple[str, Any]] = field(default_factory=list)

    async def bring(self, path: Path, stream: str = "rec", **more: Any) -> Brought:
        """As PUT does, up to what became of it."""
        data = path.read_bytes()  # noqa: ASYNC240
        one = await self.footage.create(stream, len(data), by="device:rec", name=path.name, **more)
        part = self.footage.store.part(one.id)
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        await self.footage.received(one.id)
        return await self.look(one.id)

    async def look(self, ident: str) -> Brought:
        """One pass of the work that waits."""
        for one in self.footage.store.list(states=(State.RECEIVED,), oldest=True):
            await self.footage._take(one)
        return self.footage.store.get(ident)

    def verify(self) -> Verdict:
        return verify_path(self.data, None, keys_dir=self.keys)


def loop_of(spec: VideoSpec = SPEC) -> CodedLoop:
    return load_loop(spec)


def card(path: Path, begin: int, end: int, spec: VideoSpec = SPEC) -> int:
    """What the device kept by itself of ``begin … end``; returns when its first picture was (hub UTC)."""
    return write_card([loop_of(spec)], begin, end, path)[0]


@asynccontextmanager
async def room(
    root: Path, *, spec: VideoSpec = SPEC, fresh: bool = True, closed: bool = True, live: bool = True
) -> AsyncIterator[Room]:
    """Not ``live``: nothing but the break is known of the stream."""
    settings = Settings(
        data=root / "data", keys_dir=root / "keys", log_origin="test/footage", commit_ms=10, min_free_mb=0
    )
    clock = ManualClock(END + 60 * S)
    ledger = await Ledger.open(settings, clock, whole_fragments)
    engine = open_engine(Database(settings.data / DATABASE_FILE))
    create_tables(engine)
    disk = Disk(settings.data, settings)
    await disk.start()
    told: list[tuple[str, Any]] = []
    try:
        if fresh:
            if live:
                await _live(settings, ledger, disk, spec, T0, BREAK[0])
            ledger.append("rec", EntryType.INTERRUPTION_OPEN, interruption_body(cut()))
            if live:
                await _live(settings, ledger, disk, spec, BREAK[1], END)
            if closed:
                close_cut(ledger)
            await ledger.committed()
        footage = await Footage.open(
            settings, clock, engine, ledger, disk, lambda kind, data: told.append((kind, data))
        )
        yield Room(settings.data, root / "keys", settings, clock, ledger, disk, engine, footage, told)
    finally:
        await disk.close()
        await ledger.close()
        engine.dispose()


def cut(state: InterruptionState = InterruptionState.CONFIRMED) -> Interruption:
    ended = BREAK[1] if state is InterruptionState.CLOSED else None
    return Interruption("cut-1", "rec", InterruptionKind.NO_SIGNAL, state, BREAK[0], BREAK[0] + S, ended, 20_000)


def close_cut(ledger: Ledger) -> None:
    ledger.append("rec", EntryType.INTERRUPTION_CLOSE, interruption_body(cut(InterruptionState.CLOSED)))


async def _live(settings: Settings, ledger: Ledger, disk: Disk, spec: VideoSpec, begin: int, end: int) -> None:
    """The loop as it came over the wire, into reels and ledger."""
    loop = loop_of(spec)
    sets = ParameterSets(
        tuple(nal for nal in loop.sets if nal[0] & 0x1F == 7), tuple(nal for nal in loop.sets if nal[0] & 0x1F == 8)
    )
    info = TrackInfo(1, loop.codec, loop.timescale)
    step_us = loop.step_ticks * S // loop.timescale
    run = ledger.next_run("rec")
    session = SessionInfo("rtsp", "peer", "test", (info,), ManualClock(begin).now())
    ledger.append("rec", EntryType.OPEN, open_body(session, run))
    recorder = Recorder(
        "rec", disk, settings,
        sealed=lambda chunk: ledger.append("rec", EntryType.CHUNK, chunk_body(chunk)), failed=_fail,
    )  # fmt: skip
    recorder.begin(run)
    fragmenter = Fragmenter([info], fragment_ms=settings.fragment_ms)
    first = begin // step_us
    lag = max(unit.pts_ticks - number * loop.step_ticks for number, unit in enumerate(loop.units))
    for number, slot in enumerate(range(first, end // step_us)):
        index = slot % len(loop.units)
        unit = loop.units[index]
        pts = (number - index) * loop.step_ticks + unit.pts_ticks
        at_us = begin + pts * S // loop.timescale
        made = AccessUnit(
            1, unit.data, number * loop.step_ticks - lag, pts, loop.step_ticks, unit.keyframe, False, at_us,
            at_us + DEVICE_AHEAD_US, ManualClock(at_us, at_us).now(), number, number,
            parameter_sets=sets if unit.keyframe else None,
        )  # fmt: skip
        for item in fragmenter.push(made):
            recorder.append(item) if isinstance(item, Fragment) else recorder.init(item)
    for item in fragmenter.flush():
        recorder.append(item) if isinstance(item, Fragment) else recorder.init(item)
    await recorder.close("stop")
    ledger.append("rec", EntryType.CLOSE, close_body("gone", run=run))


def _fail(error: Exception, _from_us: int) -> None:
    raise error
