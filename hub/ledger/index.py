"""The database behind the ledger: one transaction a commit, and what a start must know. Blocking."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from hub.database import Database, begin_writing, create_tables, open_engine, upsert
from hub.ledger import tables as t
from hub.ledger.bodies import interruption_from_body, track_from_body
from hub.ledger.entries import EntryType
from hub.ledger.files import SUFFIX
from hub.ledger.merkle import HASH_SIZE, CompactRange
from hub.ledger.projection import Batch, Ids, Reel, StreamState
from hub.ledger.store import Placed
from hub.model import Chunk, Interruption

LOCK_WAIT_S = 2.0
"""How long a commit waits for another writer of the database before the entries stay in their files
alone until the next commit."""
LINES_AT_ONCE = 1000
REMEMBERED_PATHS = 2048
MANY = 50  # entries in a commit, from which on their files and reels are looked up together
PATHS_AT_ONCE = 500
LATE_SPANS = 64
"""More spans than lie within one chunk and before it."""


_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class LogRow:
    """A log of this data folder: its first entry's id, and the head that was signed last."""

    id: int
    origin: str
    first_entry: int
    signed: CompactRange


@dataclass(frozen=True, slots=True)
class Unflushed:
    """An entry whose line may not have reached the disk: where it belongs, and its bytes."""

    path: str
    offset: int
    data: bytes


_INSERT_ENTRIES = insert(t.entries)
_INSERT_UNFLUSHED = insert(t.unflushed)
_INSERT_CHUNKS = insert(t.chunks)
_FILES = upsert(t.entry_files)
_UPSERT_FILES = _FILES.on_conflict_do_update(index_elements=["id"], set_={"size": _FILES.excluded.size})
_REELS = upsert(t.reels)
_UPSERT_REELS = _REELS.on_conflict_do_update(index_elements=["id"], set_={"size": _REELS.excluded.size})
_SPANS = upsert(t.spans)
_UPSERT_SPANS = _SPANS.on_conflict_do_update(index_elements=["id"], set_={"to_us": _SPANS.excluded.to_us})
_HEADS = upsert(t.heads)
_UPSERT_HEADS = _HEADS.on_conflict_do_update(
    index_elements=["stream"],
    set_={column.name: column for column in _HEADS.excluded if column.name != "stream"},
)
_CUTS = upsert(t.interruptions)
_UPSERT_CUTS = _CUTS.on_conflict_do_update(
    index_elements=["id"],
    # The leaf stays that of the entry that opened it.
    set_={column.name: column for column in _CUTS.excluded if column.name not in ("id", "leaf", "stream")},
)


_INSERT_HOLDS = insert(t.holds)
_INSERT_TOMBSTONES = insert(t.tombstones)
_INSERT_TOLD = insert(t.told)
_INSERT_TELEMETRY = insert(t.telemetry)
_INSERT_CALENDARS = insert(t.calendars)
_INSERT_LABELS = insert(t.labels)
_INSERT_ACCESS = insert(t.access)
_INSERT_INSPECTIONS = insert(t.inspections)
_GONE = upsert(t.gone_reels)
_UPSERT_GONE = _GONE.on_conflict_do_update(
    index_elements=["reel"], set_={column.name: column for column in _GONE.excluded if column.name != "reel"}
)
_UPDATE_GONE = update(t.gone_reels).where(t.gone_reels.c.reel == bindparam("of")).values(state=bindparam("now"))


@dataclass(frozen=True, slots=True)
class _Known:
    """What was looked up beforehand, by path; None: the database has none."""

    files: dict[str, int | None]
    reels: dict[str, Reel | None]


def _batched(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    return (paths[at : at + PATHS_AT_ONCE] for at in range(0, len(paths), PATHS_AT_ONCE))


def _sizes_between(path: Column[str], size: Column[int]) -> Select[str, int]:
    """From one name to before another, and of one file of a whole day, whose name comes before those of its reels."""
    between = and_(path >= bindparam("first"), path < bindparam("beyond"))
    return select(path, size).where(or_(between, path == bindparam("of_day")))


# made once: a start asks them of every stream
_FILE_SIZES = _sizes_between(t.entry_files.c.path, t.entry_files.c.size)
_REEL_SIZES = _sizes_between(t.reels.c.path, t.reels.c.size)


class Index:
    """The ledger's side of the database. One thread writes; :class:`Reader` has its own connections."""

    def __init__(self, database: Database) -> None:
        self.engine: Engine = open_engine(database, lock_wait_s=LOCK_WAIT_S)
        self.embedded = database.embedded
        create_tables(self.engine)
        self.states: dict[str, StreamState] = {}
        self._files: OrderedDict[str, int] = OrderedDict()
        self._reels: OrderedDict[str, Reel] = OrderedDict()
        self._ids = Ids()
        self.next_entry = 1
        self._load()

    def reload(self) -> None:
        """Take up what the database holds: another may have written it, or a commit's answer was lost."""
        self.states.clear()
        self._files.clear()
        self._reels.clear()
        self._load()

    def _load(self) -> None:
        with self.engine.connect() as connection:
            self.next_entry = _next(connection, t.entries.c.id)
            self._ids = Ids(
                _next(connection, t.entry_files.c.id), _next(connection, t.reels.c.id), _next(connection, t.spans.c.id)
            )
            joined = t.heads.outerjoin(t.spans, t.heads.c.span_id == t.spans.c.id)
            for row in connection.execute(select(t.heads, t.spans.c.from_us, t.spans.c.to_us).select_from(joined)):
                values = dict(row._mapping)
                span_from, span_to = values.pop("from_us"), values.pop("to_us")
                self.states[row.stream] = StreamState(**values, span_from_us=span_from or 0, span_to_us=span_to or 0)

    # ---------------------------------------------------------------------------------- writing

    def insert(
        self, placed: Sequence[Placed], *, flushed: bool = False, within: Callable[[Connection], None] | None = None
    ) -> None:
        """One transaction; durable when it returns. ``flushed``: the files are durable already. ``within`` does more in
        the same transaction, or raises, and then nothing is done.

        Raises SQLAlchemyError, and then nothing has changed."""
        with self.engine.begin() as connection:
            begin_writing(connection)
            ids = Ids(self._ids.file, self._ids.reel, self._ids.span)
            known = self._look_up(connection, placed) if len(placed) >= MANY else _Known({}, {})
            batch = Batch(
                self.states,
                ids,
                lambda path: known.files[path] if path in known.files else self._find_file(connection, path),
                lambda path: known.reels[path] if path in known.reels else self._find_reel(connection, path),
                lambda stream, to_us: self._find_spans(connection, stream, to_us),
            )
            if within is not None:
                within(connection)
            for number, item in enumerate(placed, self.next_entry):
                batch.add(item, number, keep_bytes=not flushed)
            self._write(connection, batch)
        self.next_entry += len(placed)
        self._ids = ids
        self.states.update(batch.changed)
        _remember(self._files, batch.files)
        _remember(self._reels, batch.reels)

    def _write(self, connection: Connection, batch: Batch) -> None:
        for statement, rows in (
            (_UPSERT_FILES, list(batch.file_rows.values())),
            (_INSERT_ENTRIES, batch.entries),
            (_INSERT_UNFLUSHED, batch.unflushed),
            (_UPSERT_REELS, list(batch.reel_rows.values())),
            (_INSERT_CHUNKS, batch.chunks),
            (_UPSERT_SPANS, list(batch.spans.values())),
            (_UPSERT_CUTS, list(batch.interruptions.values())),
            (_UPSERT_HEADS, [state.row() for state in batch.changed.values()]),
            (_INSERT_HOLDS, batch.holds),
            (_INSERT_TOMBSTONES, batch.tombstones),
            (_INSERT_TOLD, batch.told),
            (_INSERT_TELEMETRY, batch.telemetry),
            (_INSERT_CALENDARS, batch.calendars),
            (_INSERT_LABELS, batch.labels),
            (_INSERT_ACCESS, batch.access),
            (_INSERT_INSPECTIONS, batch.inspections),
            (_UPSERT_GONE, list(batch.gone.values())),
            (_UPDATE_GONE, [{"of": reel, "now": state} for reel, state in batch.gone_states.items()]),
        ):
            if rows:
                connection.execute(statement, rows)

    def _look_up(self, connection: Connection, placed: Sequence[Placed]) -> _Known:
        """The files and reels of all these entries: a query for many, instead of one for each."""
        paths = {item.path for item in placed} - self._files.keys()
        said = (item.entry.body.get("reel") for item in placed)
        names = {name for name in said if isinstance(name, str)} - self._reels.keys()
        known = _Known(dict.fromkeys(paths), dict.fromkeys(names))
        for some in _batched(sorted(paths)):
            query = select(t.entry_files.c.path, t.entry_files.c.id).where(t.entry_files.c.path.in_(some))
            known.files.update(connection.execute(query).all())
        for some in _batched(sorted(names)):
            found = connection.execute(
                select(t.reels.c.path, t.reels.c.id, t.reels.c.size).where(t.reels.c.path.in_(some))
            )
            known.reels.update((row.path, Reel(row.id, row.size)) for row in found)
        return known

    def _find_file(self, connection: Connection, path: str) -> int | None:
        if path not in self._files:
            found = connection.execute(select(t.entry_files.c.id).where(t.entry_files.c.path == path)).scalar()
            return None if found is None else int(found)
        return self._files[path]

    def _find_reel(self, connection: Connection, path: str) -> Reel | None:
        if path not in self._reels:
            row = connection.execute(select(t.reels.c.id, t.reels.c.size).where(t.reels.c.path == path)).one_or_none()
            return None if row is None else Reel(row.id, row.size)
        return self._reels[path]

    def _find_spans(self, connection: Connection, stream: str, to_us: int) -> list[tuple[int, int, int]]:
        span = t.spans.c
        query = select(span.id, span.from_us, span.to_us).where(
            span.stream == stream, span.from_us <= to_us, span.origin.is_(None)
        )
        rows = connection.execute(query.order_by(span.from_us.desc()).limit(LATE_SPANS))
        return [(row.id, row.from_us, row.to_us) for row in rows]

    def forget_flushed(self, up_to: int) -> None:
        """Entries with an id below ``up_to`` are durable in their files."""
        with self.engine.begin() as connection:
            connection.execute(delete(t.unflushed).where(t.unflushed.c.entry_id < up_to))

    def add_log(self, origin: str, first_entry: int) -> LogRow:
        with self.engine.begin() as connection:
            result = connection.execute(
                insert(t.logs), {"origin": origin, "first_entry": first_entry, "signed_size": 0, "signed_peaks": b""}
            )
            assert result.inserted_primary_key is not None
            return LogRow(int(result.inserted_primary_key[0]), origin, first_entry, CompactRange())

    def set_signed(self, log_id: int, signed: CompactRange) -> None:
        values = {"signed_size": signed.size, "signed_peaks": b"".join(signed.peaks)}
        with self.engine.begin() as connection:
            connection.execute(update(t.logs).where(t.logs.c.id == bindparam("log")).values(values), {"log": log_id})

    # ------------------------------------------------------------------- what a start must know

    def logs(self) -> list[LogRow]:
        """The logs of this data folder, oldest first."""
        with self.engine.connect() as connection:
            return [_log(row) for row in connection.execute(select(t.logs).order_by(t.logs.c.id))]

    def leaves(self, first: int, count: int) -> list[bytes]:
        """Leaf hashes of the entries first … first + count."""
        query = select(t.entries.c.leaf).where(t.entries.c.id >= first, t.entries.c.id < first + count)
        with self.engine.connect() as connection:
            return list(connection.execute(query.order_by(t.entries.c.id)).scalars())

    def unflushed(self) -> Iterator[Unflushed]:
        """Entries whose lines may be missing from their files, in order. A cluster may keep those of a whole day."""
        joined = t.unflushed.join(t.entries, t.entries.c.id == t.unflushed.c.entry_id).join(
            t.entry_files, t.entry_files.c.id == t.entries.c.file_id
        )
        columns = (t.unflushed.c.entry_id, t.entry_files.c.path, t.entries.c.offset, t.unflushed.c.data)
        query = select(*columns).select_from(joined).order_by(t.unflushed.c.entry_id).limit(LINES_AT_ONCE)
        after = -1
        while True:
            with self.engine.connect() as connection:
                rows = connection.execute(query.where(t.unflushed.c.entry_id > after)).all()
            yield from (Unflushed(row.path, row.offset, row.data) for row in rows)
            if len(rows) < LINES_AT_ONCE:
                return
            after = rows[-1].entry_id

    def first_of_unflushed(self) -> dict[str, int]:
        """Where the first of those lines begins, by file."""
        entry, file = t.entries.c, t.entry_files.c
        joined = t.unflushed.join(t.entries, entry.id == t.unflushed.c.entry_id).join(
            t.entry_files, file.id == entry.file_id
        )
        query = select(file.path, func.min(entry.offset).label("first")).select_from(joined).group_by(file.path)
        with self.engine.connect() as connection:
            return {row.path: row.first for row in connection.execute(query)}

    def first_unflushed(self) -> int:
        """The first entry whose line and leaf may be missing from the files; none: the next entry's id."""
        with self.engine.connect() as connection:
            found: int | None = connection.execute(select(func.min(t.unflushed.c.entry_id))).scalar()
            return self.next_entry if found is None else found

    def file_size(self, path: str) -> int:
        """How long this entry file is as far as the database knows."""
        query = select(t.entry_files.c.size).where(t.entry_files.c.path == path)
        with self.engine.connect() as connection:
            return connection.execute(query).scalar() or 0

    def file_sizes(self, folder: str, since: str) -> dict[str, int]:
        """How long each entry file below ``folder`` is as far as the database knows, of those that
        :func:`hub.ledger.recovery.files_since` gives."""
        return self._sizes(_FILE_SIZES, folder, since)

    def reel_sizes(self, folder: str, since: str) -> dict[str, int]:
        """How far entries speak of each reel."""
        return self._sizes(_REEL_SIZES, folder, since)

    def _sizes(self, query: Select[str, int], folder: str, since: str) -> dict[str, int]:
        day, _, _ = since.partition("/")
        between = {
            "first": f"{folder}/{since}", "beyond": f"{folder}/\U0010ffff", "of_day": f"{folder}/{day}{SUFFIX}"
        }  # fmt: skip
        with self.engine.connect() as connection:
            return dict(connection.execute(query, between).all())

    def last_type(self, stream: str) -> str | None:
        """What the stream's newest entry is."""
        query = select(t.entries.c.type).where(t.entries.c.stream == stream).order_by(t.entries.c.seq.desc()).limit(1)
        with self.engine.connect() as connection:
            return connection.execute(query).scalar()

    def places(self, stream: str, types: Sequence[str]) -> list[tuple[str, int, int]]:
        """File, offset and size of the stream's entries of these types, in their order. Looks at each entry of
        the stream."""
        e, f = t.entries.c, t.entry_files.c
        query = select(f.path, e.offset, e.size).join_from(t.entries, t.entry_files, e.file_id == f.id)
        query = query.where(e.stream == stream, e.type.in_(types)).order_by(e.seq)
        with self.engine.connect() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query)]

    def last_footage(self, stream: str, reel: str) -> Chunk | None:
        """The newest footage of this reel; of the stream, where ``reel`` is empty."""
        query = chunk_rows()
        query = query.where(t.reels.c.stream == stream)
        if reel:
            query = query.where(t.reels.c.path == reel)
        with self.engine.connect() as connection:
            row = connection.execute(query.order_by(t.chunks.c.entry_id.desc()).limit(1)).one_or_none()
            return None if row is None else chunk_of(row)

    def interruption(self, ident: str) -> Interruption | None:
        query = select(t.interruptions).where(t.interruptions.c.id == ident)
        with self.engine.connect() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else interruption_of(row)

    def close(self) -> None:
        self.engine.dispose()


def _next(connection: Connection, column: Column[int]) -> int:
    found: int | None = connection.execute(select(func.max(column))).scalar()
    return 1 if found is None else found + 1


def _log(row: Row[Any]) -> LogRow:
    peaks = row.signed_peaks
    parts = [peaks[at : at + HASH_SIZE] for at in range(0, len(peaks), HASH_SIZE)]
    return LogRow(row.id, row.origin, row.first_entry, CompactRange(row.signed_size, parts))


def _remember(cache: OrderedDict[str, _Value], found: Mapping[str, _Value]) -> None:
    for path, value in found.items():
        cache[path] = value
        cache.move_to_end(path)
    while len(cache) > REMEMBERED_PATHS:
        cache.popitem(last=False)


def chunk_rows() -> Select[Any]:
    """What :func:`chunk_of` reads."""
    reel = (t.reels.c.path, t.reels.c.run, t.reels.c.init_size, t.reels.c.init_sha256)
    return select(t.chunks, *reel).join(t.reels, t.reels.c.id == t.chunks.c.reel_id)


def chunk_of(row: Row[Any]) -> Chunk:
    """A chunk from a row of chunks joined with reels."""
    return Chunk(
        stream_id=row.stream,
        run=row.run,
        reel=row.path,
        offset=row.offset,
        size=row.size,
        sha256=row.sha256,
        init_size=row.init_size,
        init_sha256=row.init_sha256,
        first_us=row.first_us,
        end_us=row.end_us,
        device_us=row.device_us,
        tracks=tuple(track_from_body(track) for track in json.loads(row.tracks)),
        reason=row.reason,
    )


def interruption_of(row: Row[Any]) -> Interruption:
    return interruption_from_body(row.stream, EntryType(row.type), json.loads(row.body))
