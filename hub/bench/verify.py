"""``hub bench verify``: how fast a data folder is verified, against plain SHA-256 of the same files.

A folder is made by the real ledger from made-up footage, in a temporary place, and is in the page cache when
it is measured: what is compared is computing, not a disk. Plain SHA-256 reads the reels and hashes each as a
whole, and does nothing else. Both are measured in turns, since other work on the machine comes and goes; each
figure is the median of its turns. Lost is what the folder holds and the verifier did not look at.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from hub.bench.report import Report, Result
from hub.clock import ManualClock
from hub.ledger.bodies import chunk_body
from hub.ledger.entries import EntryType
from hub.ledger.ledger import Ledger
from hub.ledger.verdict import Verdict
from hub.ledger.verify import verify_path
from hub.model import Chunk, MediaKind, TrackRange
from hub.settings import Settings

_BLOCK = 1 << 20
_CHUNK_US = 2_000_000
_TICKS = 180_000
_INIT = b"init" * 200
_REEL_BYTES = 75_000_000
_START_US = 1_767_225_600_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", type=float, default=4.0, metavar="GB", help="footage to verify (default 4)")
    parser.add_argument("--chunk", type=int, default=500, metavar="KB", help="size of a chunk (default 500)")
    parser.add_argument("--entries", type=int, default=20_000, help="entries of the folder without much footage")
    parser.add_argument("--turns", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="all threads (default: the CPUs)")
    parser.add_argument("--folder", type=Path, help="where to make the data (default: the temporary folder)")


def run(options: argparse.Namespace) -> Report:
    """Make the folders, take the turns, compare."""
    results: list[Result] = []
    lost = 0
    with tempfile.TemporaryDirectory(prefix="hub-bench-", dir=options.folder) as place:
        footage = _Made(Path(place) / "footage", round(options.size * 1e9), options.chunk * 1000)
        for threads in sorted({1, options.threads}):
            plain, verify = _turns(footage, threads, options.turns)
            lost += footage.lost(verify.verdict)
            speed, most = footage.footage_bytes / verify.seconds, footage.footage_bytes / plain.seconds
            name = f"{threads} thread{'s' if threads > 1 else ''}"
            results += [
                Result(f"SHA-256, {name}", most / 1e6, "MB/s"),
                Result(f"verify, {name}", speed / 1e6, "MB/s", f"SHA-256, {name}", speed / most),
            ]
        entries = _Made(Path(place) / "entries", options.entries * 1000, 1000)
        times = [_timed(lambda: entries.verify(options.threads)) for _ in range(options.turns)]
        lost += entries.lost(times[0].verdict)
        each_s = statistics.median(turn.seconds for turn in times) / entries.chunks
        results.append(Result("entries alone", 1 / each_s, "1/s"))
        results.append(Result("an entry", each_s * 1e6, "µs"))
    notes = [
        f"{footage.chunks} chunks of {options.chunk} kB and {entries.chunks} of 1 kB, in the page cache; "
        f"medians of {options.turns} turns, taken in alternation"
    ]
    return Report("verify", results, lost, notes)


@dataclass(frozen=True, slots=True)
class _Turn:
    seconds: float
    verdict: Verdict | None = None


def _turns(made: _Made, threads: int, count: int) -> tuple[_Turn, _Turn]:
    plain, verify = [], []
    os.sync()  # writing it back takes a core's share for as long as a minute
    made.hash(threads)  # into the page cache
    for _ in range(count):
        plain.append(_timed(lambda: made.hash(threads)).seconds)
        verify.append(_timed(lambda: made.verify(threads)))
    verdicts = [turn.verdict for turn in verify if made.lost(turn.verdict)] or [verify[0].verdict]
    return _Turn(statistics.median(plain)), _Turn(statistics.median(turn.seconds for turn in verify), verdicts[0])


def _timed(work: Callable[[], Verdict | None]) -> _Turn:
    begun = time.perf_counter()
    verdict = work()
    return _Turn(time.perf_counter() - begun, verdict)


# ---------------------------------------------------------------------------------- a data folder


class _Made:
    """A data folder of made-up footage: ``total`` bytes in chunks of ``chunk``."""

    def __init__(self, root: Path, total: int, chunk: int) -> None:
        self.data, self.keys = root / "data", root / "keys"
        self.chunk = chunk
        self.chunks = max(1, total // chunk)
        asyncio.run(self._make())
        self.reels = sorted(self.data.glob("reels/*/*/*.mp4"))
        self.footage_bytes = sum(path.stat().st_size for path in self.reels)

    def hash(self, threads: int) -> None:
        """Plain SHA-256 of each reel as a whole."""
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(_hash, self.reels):
                pass

    def verify(self, threads: int) -> Verdict:
        return verify_path(self.data, keys_dir=self.keys, threads=threads)

    def lost(self, verdict: Verdict | None) -> int:
        """Chunks that were not verified; all of them, if the folder was not found intact."""
        if verdict is None or verdict.exit_code or verdict.counts.bytes != self.footage_bytes:
            return self.chunks
        return self.chunks - verdict.counts.chunks

    async def _make(self) -> None:
        clock = ManualClock(_START_US)
        settings = Settings(data=self.data, keys_dir=self.keys, log_origin="bench.example/log")
        ledger = await Ledger.open(settings, clock, _no_reel_is_open)
        for number, chunk in enumerate(self._chunks()):
            clock.advance(_CHUNK_US / 1e6)
            ledger.append("cam-a", EntryType.CHUNK, chunk_body(chunk))
            if number % 1000 == 0:
                await ledger.committed()
        await ledger.close()

    def _chunks(self) -> Iterator[Chunk]:
        """Footage that does not compress, written reel by reel as it is told of."""
        block = os.urandom(self.chunk)
        per_reel = max(1, min(_REEL_BYTES // self.chunk, 2000))
        init_sha256 = hashlib.sha256(_INIT).hexdigest()
        for first in range(0, self.chunks, per_reel):
            name = f"reels/cam-a/2026-01-01/{first:08d}.mp4"
            path = self.data / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(_INIT)
                for number in range(first, min(first + per_reel, self.chunks)):
                    data = number.to_bytes(8, "big") + block[8:]
                    offset = file.tell()
                    file.write(data)
                    file.flush()
                    start_us = _START_US + number * _CHUNK_US
                    at = number * _TICKS
                    track = TrackRange(1, MediaKind.VIDEO, 90_000, at, at + _TICKS, 50, 1, 0, number, number, 0)
                    yield Chunk(
                        "cam-a", 1, name, offset, len(data), hashlib.sha256(data).hexdigest(), len(_INIT),
                        init_sha256, start_us, start_us + _CHUNK_US, None, (track,), "keyframe",
                    )  # fmt: skip


def _no_reel_is_open(path: Path, offset: int) -> NoReturn:
    raise AssertionError(f"{path} was left open at {offset}")


def _hash(path: Path) -> bytes:
    block = memoryview(bytearray(_BLOCK))
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            digest.update(block[:count])
    return digest.digest()
