"""A data folder, read only: what an export needs of entries, footage and logs. A hub may be running on it. Blocking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Engine, Row, Select, select, text
from sqlalchemy.exc import SQLAlchemyError

from hub.database import Database, open_read_only
from hub.errors import LedgerError, NotFound
from hub.ledger import tables as t
from hub.ledger.bodies import INTERRUPTION_TYPES
from hub.ledger.entries import HUB_STREAM, Entry, EntryType, read_entry
from hub.ledger.verify.inventory import is_live
from hub.shelf import LocalShelf, Shelf

DAY_US = 86_400_000_000
NEAR_SEQS = 5000
"""How far from the footage entries of the range other entries of its time can stand."""
_FOOTAGE = (EntryType.CHUNK.value, EntryType.RECOVERY.value)


@dataclass(frozen=True, slots=True)
class EntryRow:
    """Where an entry lies. ``id`` counts over all logs of the folder."""

    id: int
    stream: str
    seq: int
    type: str
    leaf: bytes
    path: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class FootageRow:
    """A footage entry's size and its bytes' size, for planning."""

    seq: int
    reel: str
    run: int
    offset: int
    size: int
    init_size: int
    entry_size: int
    first_us: int
    end_us: int


_NAME = text("SELECT name FROM streams WHERE id = :id")
"""The registry is no part of the ledger, and may be missing."""


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A log of the folder; leaf n is the entry with the id ``first_entry`` + n."""

    origin: str
    first_entry: int


class Source:
    """Raises NotFound where there is no hub's data folder, LedgerError where it cannot be read."""

    def __init__(self, data: Path, database: Database, shelf: Shelf | None = None) -> None:
        """``shelf``: where reels are read; None: in the folder alone."""
        self.data = data
        self.shelf = shelf or LocalShelf(data)
        self.live = is_live(data)
        self._engine: Engine = open_read_only(database, still=not self.live and not _write_ahead(database, data))
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(select(t.logs).order_by(t.logs.c.first_entry, t.logs.c.id)).all()
        except SQLAlchemyError as error:
            raise LedgerError(f"cannot read the database {database}: {error}") from error
        self.logs = tuple(LogPlace(row.origin, row.first_entry) for row in rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    # ------------------------------------------------------------------------------------ ranges

    def range_of(self, stream: str, from_us: int, to_us: int) -> tuple[int, int]:
        """First and last entry of the stream that have to do with the range: footage that overlaps it, and what else
        was written in its time. Raises NotFound if there is nothing."""
        footage = self._seqs(
            select(t.entries.c.seq)
            .join(t.chunks, t.chunks.c.entry_id == t.entries.c.id)
            .where(
                t.chunks.c.stream == stream,
                t.chunks.c.first_us >= from_us - DAY_US,
                t.chunks.c.first_us < to_us,
                t.chunks.c.end_us > from_us,
            )
        )
        others = select(t.entries.c.seq).where(
            t.entries.c.stream == stream,
            t.entries.c.type.not_in(_FOOTAGE),
            t.entries.c.t_hub_us >= from_us,
            t.entries.c.t_hub_us < to_us,
        )
        if footage:
            others = others.where(t.entries.c.seq >= footage[0] - NEAR_SEQS, t.entries.c.seq <= footage[-1] + NEAR_SEQS)
        found = sorted([*footage, *self._seqs(others)])
        if not found:
            raise NotFound(f"nothing of {stream} was recorded in this range")
        return found[0], found[-1]

    def _seqs(self, query: Select[Any]) -> list[int]:
        with self._engine.connect() as connection:
            return [row[0] for row in connection.execute(query.order_by(t.entries.c.seq))]

    def footage(self, stream: str, first: int, last: int) -> list[FootageRow]:
        """The footage entries first…last, in the order of the chain."""
        columns = (
            t.entries.c.seq,
            t.reels.c.path,
            t.reels.c.run,
            t.chunks.c.offset,
            t.chunks.c.size,
            t.reels.c.init_size,
            t.entries.c.size,
            t.chunks.c.first_us,
            t.chunks.c.end_us,
        )
        query = (
            select(*columns)
            .select_from(t.entries)
            .join(t.chunks, t.chunks.c.entry_id == t.entries.c.id)
            .join(t.reels, t.reels.c.id == t.chunks.c.reel_id)
            .where(t.entries.c.stream == stream, t.entries.c.seq >= first, t.entries.c.seq <= last)
        )
        with self._engine.connect() as connection:
            return [FootageRow(*row) for row in connection.execute(query.order_by(t.entries.c.seq))]

    # ----------------------------------------------------------------------------------- entries

    def rows(self, stream: str, first: int, last: int) -> Iterator[EntryRow]:
        """Where the entries first…last of a stream lie, in order; a thousand are held at a time."""
        at = first
        while at <= last:
            query = _rows().where(t.entries.c.stream == stream, t.entries.c.seq >= at, t.entries.c.seq <= last)
            found = self._entry_rows(query.order_by(t.entries.c.seq).limit(1000))
            if not found:
                return
            yield from found
            at = found[-1].seq + 1

    def special(self, stream: str, types: Sequence[EntryType]) -> list[EntryRow]:
        """All entries of these types, in order."""
        query = _rows().where(t.entries.c.stream == stream, t.entries.c.type.in_([kind.value for kind in types]))
        return self._entry_rows(query.order_by(t.entries.c.seq))

    def _entry_rows(self, query: Select[Any]) -> list[EntryRow]:
        with self._engine.connect() as connection:
            return [_entry_row(row) for row in connection.execute(query)]

    def _line(self, row: EntryRow) -> bytes:
        """A folder of a cluster's new leader lacks old files: they are in the archive."""
        try:
            return LocalShelf(self.data).read(row.path, row.offset, row.size)
        except FileNotFoundError:
            return self.shelf.read(row.path, row.offset, row.size)

    def read(self, row: EntryRow) -> Entry:
        """The entry, from its file. Raises LedgerError if it is not the one that was committed."""
        try:
            data = self._line(row)
        except OSError as error:
            raise LedgerError(f"cannot read entry {row.seq} of {row.stream} in {row.path}: {error.strerror}") from error
        entry = read_entry(data)
        if bytes.fromhex(entry.leaf) != row.leaf:
            raise LedgerError(
                f"entry {row.seq} of {row.stream} in {row.path} is not what the database says; run `hub verify`"
            )
        return entry

    def place(self, row: EntryRow) -> tuple[str, int]:
        """The log that an entry is in, and its index there."""
        log = max((log for log in self.logs if log.first_entry <= row.id), key=lambda log: log.first_entry)
        return log.origin, row.id - log.first_entry

    def knows(self, stream: str) -> bool:
        """Whether the stream has entries here."""
        with self._engine.connect() as connection:
            return connection.execute(select(t.heads.c.seq).where(t.heads.c.stream == stream)).first() is not None

    def stream_name(self, stream: str) -> str:
        """What people call it, where the hub's registry knows it."""
        with self._engine.connect() as connection:
            try:
                found = connection.execute(_NAME, {"id": stream}).scalar()
            except SQLAlchemyError:
                return ""
        return str(found or "")


def _write_ahead(database: Database, data: Path) -> bool:
    """Whether something waits in the write-ahead log of the folder's own database. Raises NotFound."""
    if database.path is None:
        return False
    if not database.path.is_file():
        raise NotFound(f"expected a hub's data folder with {database.path.name} at {data}, found none")
    wal = database.path.with_name(f"{database.path.name}-wal")
    return wal.exists() and wal.stat().st_size > 0


def context_rows(
    source: Source, stream: str, first: int, last: int, span: tuple[int, int], runs: dict[int, int], gone: set[str]
) -> list[EntryRow]:
    """Entries from outside of first…last that its story needs, by stream and number.

    ``span``: the footage's range; ``runs``: each run's first footage entry; ``gone``: reels whose bytes are not there.
    """
    found = [row for row in _stories(source, stream, span, gone) if not first <= row.seq <= last]
    opens = source.special(stream, [EntryType.OPEN])
    for run, seq in runs.items():
        before = [row for row in opens if row.seq < seq]
        for row in reversed(before):
            if source.read(row).body["run"] == run:
                found += [] if first <= row.seq <= last else [row]
                break
    kept = (EntryType.GENESIS, EntryType.KEY_ROTATE, EntryType.KEY_REVOKE)
    found += source.special(HUB_STREAM, kept)
    for row in source.special(HUB_STREAM, (EntryType.RESTART, EntryType.CLOCK_STEP)):
        if span[0] <= source.read(row).t_hub_us <= span[1]:
            found.append(row)
    return sorted({(row.stream, row.seq): row for row in found}.values(), key=lambda row: (row.stream, row.seq))


def _stories(source: Source, stream: str, span: tuple[int, int], gone: set[str]) -> Iterator[EntryRow]:
    """Edges of interruptions that touch the span, what was said and brought of them, and deletions."""
    later = (EntryType.EXPLANATION, EntryType.BACKFILL, EntryType.TOMBSTONE, EntryType.DELETED, EntryType.HOLD)
    entries = [(row, source.read(row)) for row in source.special(stream, (*sorted(INTERRUPTION_TYPES), *later))]
    touching: set[str] = set()
    for _, entry in entries:
        if entry.type in INTERRUPTION_TYPES:
            body = entry.body
            ended_us = body.get("ended_us")
            if body["started_us"] <= span[1] and (ended_us is None or ended_us >= span[0]):
                touching.add(body["id"])
            elif ended_us is not None:
                touching.discard(body["id"])  # its later entry knows better
    leaves = {entry.leaf for _, entry in entries if entry.type in INTERRUPTION_TYPES and entry.body["id"] in touching}
    for row, entry in entries:
        body = entry.body
        if entry.type in INTERRUPTION_TYPES:
            wanted = body["id"] in touching
        elif entry.type in (EntryType.TOMBSTONE, EntryType.DELETED):
            wanted = bool(gone) and any(reel.encode() in entry.data for reel in gone)
        elif entry.type is EntryType.HOLD:
            wanted = body.get("from_us", 0) <= span[1] and body.get("to_us", 1 << 62) >= span[0]
        else:
            wanted = any(value in leaves or value in touching for value in body.values() if isinstance(value, str))
        if wanted:
            yield row


def _rows() -> Select[Any]:
    columns = (t.entries.c.id, t.entries.c.stream, t.entries.c.seq, t.entries.c.type, t.entries.c.leaf)
    where = (t.entry_files.c.path, t.entries.c.offset, t.entries.c.size)
    return select(*columns, *where).join(t.entry_files, t.entry_files.c.id == t.entries.c.file_id)


def _entry_row(row: Row[Any]) -> EntryRow:
    return EntryRow(row.id, row.stream, row.seq, row.type, row.leaf, row.path, row.offset, row.size)
