"""A small data folder made by the real ledger, with reels of made-up bytes, and hands to damage it with."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.clock import ManualClock
from hub.ledger.bodies import chunk_body, close_body, interruption_body, open_body
from hub.ledger.entries import Entry, EntryType, canonical, read_entry
from hub.ledger.ledger import Ledger
from hub.ledger.verdict import Verdict
from hub.ledger.verify import verify_path
from hub.model import (
    Chunk,
    Codec,
    Interruption,
    InterruptionKind,
    InterruptionState,
    MediaKind,
    SessionInfo,
    TrackInfo,
    TrackRange,
)
from hub.settings import Settings

START_US = 1_767_225_600_000_000
CHUNK_US = 2_000_000
CHUNK_TICKS = 180_000
ORIGIN = "test.example/log"
FRAGMENT_HEAD = 8


@dataclass(frozen=True)
class Folder:
    """A data folder and the keys beside it."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def settings(self) -> Settings:
        return Settings(data=self.data, keys_dir=self.keys, log_origin=ORIGIN, commit_ms=10)

    def copy(self, to: Path) -> Folder:
        shutil.copytree(self.root, to, dirs_exist_ok=True)
        return Folder(to)

    def verify(self, **options: Any) -> Verdict:
        options.setdefault("keys_dir", self.keys)
        return verify_path(self.data, **options)

    def reels(self, stream: str) -> list[Path]:
        return sorted(self.data.glob(f"reels/{stream}/*/*.mp4"))

    def entry_files(self, stream: str) -> list[Path]:
        """Files with the entries of the stream's footage."""
        return sorted(self.data.glob(f"reels/{stream}/*/*.entries"))

    def name(self, path: Path) -> str:
        return path.relative_to(self.data).as_posix()

    async def open(self, clock: ManualClock | None = None) -> Ledger:
        return await Ledger.open(self.settings, clock or ManualClock(START_US + 10**9), scan_fake)

    @property
    def log(self) -> Path:
        return next(path for path in (self.data / "log").iterdir() if path.is_dir())


def fragment(rng: random.Random, size: int) -> bytes:
    """A made-up fragment: ``frag``, its length, bytes."""
    return b"frag" + size.to_bytes(4, "big") + rng.randbytes(size)


@dataclass(frozen=True)
class FakeSummary:
    init_size: int
    tracks: tuple[TrackRange, ...]


def scan_fake(path: Path, offset: int) -> tuple[int, FakeSummary]:
    """Whole fragments of a made-up reel, as the segmenter's scan tells of real ones. Init: ``init``, length."""
    data = path.read_bytes()
    init_size = int.from_bytes(data[4:8], "big") if data[:4] == b"init" and len(data) >= 8 else 0
    if not init_size or len(data) < init_size:
        return 0, FakeSummary(0, ())
    at = offset or init_size
    count = 0
    while data[at : at + 4] == b"frag" and len(data) >= at + 8:
        size = FRAGMENT_HEAD + int.from_bytes(data[at + 4 : at + 8], "big")
        if len(data) < at + size:
            break
        at += size
        count += 1
    return at, FakeSummary(init_size, (video(5 * CHUNK_TICKS, count, ticks=18_000 * count),) if count else ())


def video(first: int, frames: int = 50, *, ticks: int = CHUNK_TICKS, first_seq: int = 0) -> TrackRange:
    return TrackRange(1, MediaKind.VIDEO, 90_000, first, first + ticks, frames, 1, 0, first_seq, first_seq + 99, 0)


class Reel:
    """Writes a made-up reel and tells of its chunks."""

    def __init__(self, data: Path, stream: str, run: int, number: int, start_us: int, rng: random.Random) -> None:
        self.stream, self.run, self.rng = stream, run, rng
        self.name = f"reels/{stream}/2026-01-01/{number:06d}.000Z-{run}.mp4"
        self.path = data / self.name
        self.path.parent.mkdir(parents=True, exist_ok=True)
        body = rng.randbytes(92)
        self.init = b"init" + (100).to_bytes(4, "big") + body
        self.path.write_bytes(self.init)
        self.offset = len(self.init)
        self.at_us = start_us

    def write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def chunk(self, index: int, size: int = 3000) -> Chunk:
        data = fragment(self.rng, size // 2) + fragment(self.rng, size // 2)
        self.write(data)
        first_us, self.at_us = self.at_us, self.at_us + CHUNK_US
        offset, self.offset = self.offset, self.offset + len(data)
        return Chunk(
            stream_id=self.stream,
            run=self.run,
            reel=self.name,
            offset=offset,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            init_size=len(self.init),
            init_sha256=hashlib.sha256(self.init).hexdigest(),
            first_us=first_us,
            end_us=self.at_us,
            device_us=None,
            tracks=(video(index * CHUNK_TICKS, first_seq=index * 100),),
            reason="keyframe",
        )


def session(clock: ManualClock) -> SessionInfo:
    return SessionInfo("rtsp", "192.0.2.7", "Camera/1", (TrackInfo(1, Codec.H264, 90_000),), clock.now())


def interruption(stream: str, state: InterruptionState, start_us: int, end_us: int | None = None) -> Interruption:
    return Interruption(
        id=f"{stream}-1",
        stream_id=stream,
        kind=InterruptionKind.NO_SIGNAL,
        state=state,
        started_us=start_us,
        detected_us=start_us + 1_000_000,
        ended_us=end_us,
        evidence={"silent_ms": 1000},
    )


async def build(
    root: Path, *, streams: tuple[str, ...] = ("cam-a", "cam-b"), reels: int = 2, chunks: int = 3
) -> Folder:
    """A folder with two streams of two reels, an interruption between the reels, ended in order."""
    folder = Folder(root)
    clock = ManualClock(START_US)
    ledger = await folder.open(clock)
    for stream in streams:
        await record(ledger, folder, clock, stream, reels, chunks)
    clock.advance(1)
    ledger.heartbeat()
    await ledger.close()
    return folder


async def record(
    ledger: Ledger, folder: Folder, clock: ManualClock, stream: str, reels: int = 2, chunks: int = 3, run: int = 1
) -> None:
    rng = random.Random(stream + str(run))
    at_us, index = START_US, 0
    ledger.append(stream, EntryType.OPEN, open_body(session(clock), run))
    for number in range(reels):
        reel = Reel(folder.data, stream, run, number, at_us, rng)
        for _ in range(chunks):
            clock.advance(2)
            ledger.append(stream, EntryType.CHUNK, chunk_body(reel.chunk(index)))
            index += 1
        end_us, at_us = reel.at_us, reel.at_us + 7_000_000
        if number + 1 < reels:
            opened = interruption(stream, InterruptionState.CONFIRMED, end_us)
            closed = interruption(stream, InterruptionState.CLOSED, end_us, at_us)
            ledger.append(stream, EntryType.INTERRUPTION_OPEN, interruption_body(opened))
            ledger.append(stream, EntryType.INTERRUPTION_CLOSE, interruption_body(closed))
            index += 5
    ledger.append(stream, EntryType.CLOSE, close_body("stop", run=run))
    await ledger.committed()


# ------------------------------------------------------------------------------------- damaging it


def flip(path: Path, offset: int, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= bit
    path.write_bytes(data)


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")[:-1]


def put_lines(path: Path, content: list[bytes]) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in content))


def edit(path: Path, number: int, change: Callable[[dict[str, Any]], None]) -> Entry:
    """Rewrite one entry as canonical JSON, as a careful forger would."""
    content = lines(path)
    value = json.loads(content[number])
    change(value)
    content[number] = canonical(value)
    put_lines(path, content)
    return read_entry(content[number])
