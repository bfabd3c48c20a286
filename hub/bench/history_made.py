"""A long history, made up: millions of entries written straight into the tables and the log of a hub at rest.

What is measured on it are calls that read rows; the rows are as a hub writes them, the digests in them are random.
Reels and entry files are holes as long as they ought to be; a reel that is played begins with an init segment as the
hub makes it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hub.clock import US_PER_S, Instant
from hub.demo.encode import VideoSpec
from hub.demo.media import load_loop
from hub.ledger.bodies import interruption_body
from hub.ledger.files import DATABASE_FILE, LEAVES_FILE, SUFFIX
from hub.ledger.store import flush
from hub.model import (
    AccessUnit,
    Codec,
    Fragment,
    InitSegment,
    Interruption,
    InterruptionKind,
    InterruptionState,
    ParameterSets,
    TrackInfo,
)
from hub.segmenter.fragmenter import Fragmenter

DAY_US = 86_400 * US_PER_S
REEL_S = 600
CHUNK_BYTES = 250_000
BREAK_US = 20 * US_PER_S
BREAKS_A_DAY = 4
_LINE_BYTES = 900
_SLAB = 1 << 16
_TRACKS = json.dumps(
    [
        {
            "id": 1, "kind": "video", "timescale": 90_000, "first_ticks": 0, "end_ticks": 180_000, "frames": 50,
            "keyframes": 1, "damaged": 0, "first_seq": 0, "last_seq": 400, "lost": 0,
        }
    ],
    separators=(",", ":"),
)  # fmt: skip


_INSERT_ENTRIES = """
INSERT INTO ledger_entries (id, stream, seq, type, leaf, t_hub_us, file_id, offset, size)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)
SELECT :base + i, :stream, i, 'chunk', randomblob(32), :start + (i + 1) * :step, :file + i / :per,
       (i % :per) * (:line + 1), :line FROM n
"""
_INSERT_CHUNKS = """
INSERT INTO ledger_chunks
  (entry_id, stream, reel_id, offset, size, sha256, first_us, end_us, device_us, tracks, reason)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)
SELECT :base + i, :stream, :reel + i / :per, :init + (i % :per) * :size, :size, :digest, :start + i * :step,
       :start + (i + 1) * :step, NULL, :tracks, 'keyframe' FROM n
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A stream with chunks one after the other from ``start_us`` on, ``chunk_s`` each."""

    stream: str
    start_us: int
    chunk_s: int
    chunks: int

    @property
    def end_us(self) -> int:
        return self.start_us + self.chunks * self.chunk_s * US_PER_S

    @property
    def per_reel(self) -> int:
        return REEL_S // self.chunk_s

    def reel(self, number: int) -> str:
        """The name of its reel of that number, below the data folder."""
        at = datetime.fromtimestamp(self.start_us / US_PER_S + number * REEL_S, UTC)
        return f"reels/{self.stream}/{at:%Y-%m-%d}/{at:%H%M%S}.000Z-1.mp4"


def media() -> tuple[InitSegment, Fragment]:
    """An init segment and a whole fragment, as the hub makes them of a camera of 720p."""
    loop = load_loop(VideoSpec())
    sets = ParameterSets(loop.sets[:1], loop.sets[1:])
    fragmenter = Fragmenter((TrackInfo(1, Codec.H264, 90_000, parameter_sets=sets),), fragment_ms=200)
    made: list[InitSegment | Fragment] = []
    for n, unit in enumerate(loop.units[:15]):
        at, ticks = Instant(n * 40_000, n * 40_000), n * 3600
        made += fragmenter.push(
            AccessUnit(
                1, unit.data, ticks, ticks, 3600, unit.keyframe, False, at.utc_us, None, at, n, n, 0,
                sets if unit.keyframe else None,
            )
        )  # fmt: skip
    init = next(one for one in made if isinstance(one, InitSegment))
    return init, next(one for one in made if isinstance(one, Fragment))


class History:
    """Writes into ``data``, which holds a hub that was started once and stands still."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.init, self.fragment = media()

    def add(self, told: list[Told]) -> int:
        """All of them, and their leaves behind those of the log. Returns how many entries. Blocks for long: until it is
        on the disk, since gigabytes that are written back later would be waited for by each flush that is measured."""
        path = self._data / DATABASE_FILE
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000", "temp_store=MEMORY"):
                database.execute(f"PRAGMA {pragma}")
            first = _next(database, "ledger_entries")
            database.execute("BEGIN")
            for one in told:
                self._entries(database, one)
                self._rows(database, one)
            database.execute("COMMIT")
            database.execute("PRAGMA optimize")
            leaves = self._leaves(database, first)
            count = _next(database, "ledger_entries") - first
        for one in told:
            self._files(one)
        flush(self._data, [DATABASE_FILE, leaves.relative_to(self._data).as_posix()], [])
        return count

    def _entries(self, database: sqlite3.Connection, one: Told) -> None:
        base, reel, file = (_next(database, f"ledger_{name}") for name in ("entries", "reels", "files"))
        values = {
            "base": base, "stream": one.stream, "start": one.start_us, "step": one.chunk_s * US_PER_S, "file": file,
            "count": one.chunks, "reel": reel, "per": one.per_reel, "size": CHUNK_BYTES, "line": _LINE_BYTES,
            "init": len(self.init.data), "tracks": _TRACKS, "digest": "0" * 64,
        }  # fmt: skip
        database.execute(_INSERT_ENTRIES, values)
        database.execute(_INSERT_CHUNKS, values)
        reels = range(-(-one.chunks // one.per_reel))
        whole = len(self.init.data) + one.per_reel * CHUNK_BYTES
        database.executemany(
            "INSERT INTO ledger_reels (id, stream, path, run, init_size, init_sha256, size) "
            "VALUES (?, ?, ?, 1, ?, ?, ?)",
            ((reel + n, one.stream, one.reel(n), len(self.init.data), self.init.sha256, whole) for n in reels),
        )
        database.executemany(
            "INSERT INTO ledger_files (id, path, size) VALUES (?, ?, ?)",
            ((file + n, f"{one.reel(n)}{SUFFIX}", one.per_reel * (_LINE_BYTES + 1)) for n in reels),
        )

    def _rows(self, database: sqlite3.Connection, one: Told) -> None:
        """Spans with breaks between them, the interruptions that tell of the breaks, and where the chain stands."""
        span = _next(database, "ledger_spans")
        begin_us = one.start_us
        for cut in _breaks(one):
            database.execute(
                "INSERT INTO ledger_spans (id, stream, from_us, to_us) VALUES (?, ?, ?, ?)",
                (span, one.stream, begin_us, cut.started_us),
            )
            body = json.dumps(interruption_body(cut), separators=(",", ":"))
            database.execute(
                "INSERT INTO ledger_interruptions (id, stream, kind, state, started_us, ended_us, body, type, leaf) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, 'interruption_close', randomblob(32))",
                (cut.id, one.stream, cut.kind.value, cut.state.value, cut.started_us, cut.ended_us, body),
            )
            span, begin_us = span + 1, cut.ended_us or 0
        database.execute(
            "INSERT INTO ledger_spans (id, stream, from_us, to_us) VALUES (?, ?, ?, ?)",
            (span, one.stream, begin_us, one.end_us),
        )
        database.execute(
            "INSERT INTO ledger_heads (stream, seq, leaf, epoch, t_hub_us, run, run_open, recorded_until_us, span_id) "
            "SELECT stream, seq, leaf, 0, t_hub_us, 1, 0, ?, ? FROM ledger_entries WHERE stream = ? AND seq = ?",
            (one.end_us, span, one.stream, one.chunks - 1),
        )

    def _leaves(self, database: sqlite3.Connection, first: int) -> Path:
        path = next(self._data.glob(f"log/*/{LEAVES_FILE}"))
        rows = database.execute("SELECT leaf FROM ledger_entries WHERE id >= ? ORDER BY id", (first,))
        with path.open("ab") as file:
            while slab := rows.fetchmany(_SLAB):
                file.write(b"".join(leaf for (leaf,) in slab))
        return path

    # -------------------------------------------------------------------------------------- files

    def _files(self, one: Told) -> None:
        """All of its reels and entry files, as long as the database knows them and without anything in them: a start
        looks whether they are longer."""
        whole = len(self.init.data) + one.per_reel * CHUNK_BYTES
        for number in range(-(-one.chunks // one.per_reel)):
            reel = self._data / one.reel(number)
            if number == 0 or reel.name.startswith("00"):  # of a new day, for sure
                reel.parent.mkdir(parents=True, exist_ok=True)
            _hole(str(reel), whole)
            _hole(f"{reel}{SUFFIX}", one.per_reel * (_LINE_BYTES + 1))

    def reel_file(self, one: Told, number: int) -> None:
        """A reel with a hole where its chunks would be."""
        path = self._data / one.reel(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(self.init.data)
            file.truncate(len(self.init.data) + one.per_reel * CHUNK_BYTES)

    def open_reel(self, stream: str, at_us: int) -> None:
        """A reel that no entry speaks of yet: as a hub leaves it that is killed a moment after it began one."""
        at = datetime.fromtimestamp(at_us / US_PER_S, UTC)
        path = self._data / f"reels/{stream}/{at:%Y-%m-%d}/{at:%H%M%S}.{at.microsecond // 1000:03d}Z-9.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.init.data + self.fragment.data)


def _hole(path: str, size: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        os.ftruncate(handle, size)
    finally:
        os.close(handle)


def _breaks(one: Told) -> Iterator[Interruption]:
    at_us, number = one.start_us + DAY_US // BREAKS_A_DAY, 0
    while at_us + BREAK_US < one.end_us:
        yield Interruption(
            f"{one.stream}-{number}", one.stream, InterruptionKind.STALL, InterruptionState.CLOSED, at_us,
            at_us + US_PER_S, at_us + BREAK_US,
        )  # fmt: skip
        at_us, number = at_us + DAY_US // BREAKS_A_DAY, number + 1


def _next(database: sqlite3.Connection, table: str) -> int:
    (found,) = database.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()  # noqa: S608  our own name
    return int(found)
