"""The read side: blocking calls on connections of its own, from any thread."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select, tuple_

from hub.database import Database, listed, open_engine
from hub.ledger import tables as t
from hub.ledger.declared import Bring, Declared, declared, nobody_has_it, with_entries
from hub.ledger.entries import EntryType
from hub.ledger.index import chunk_of, chunk_rows, interruption_of
from hub.model import Chunk, Interruption, InterruptionState, Span

OVERLAP_ROWS = 4
"""How many chunks may overlap a moment: two tracks' edges, or an old run's last chunk beside the first of
the run that took its stream over."""
READ_STEP = 2000
_GONE = exists().where(t.gone_reels.c.reel == t.reels.c.path, t.gone_reels.c.state != "kept")


@dataclass(frozen=True, slots=True)
class StreamHead:
    """A stream's newest entry. ``leaf`` is hex."""

    stream_id: str
    seq: int
    leaf: str
    epoch: int
    t_hub_us: int
    recorded_until_us: int | None


@dataclass(frozen=True, slots=True)
class PastSpans:
    """A stream's time, each kind disjoint and in order."""

    recorded: list[Span]
    backfilled: list[Span]
    gone: list[Span]


class Reader:
    """Questions about what is recorded. All answers come from indexes; none reads the whole history."""

    def __init__(self, database: Database, data: Path, bring: Bring = nobody_has_it) -> None:
        """``bring``: where the first bytes of an entry file are that the data folder lacks."""
        self._data = data
        self._bring = bring
        self._engine = open_engine(database)

    def chunks(self, stream_id: str, from_us: int, to_us: int, limit: int) -> list[Chunk]:
        """Chunks that overlap ``from_us … to_us``, by time; not those of reels that are deleted or about to be.
        For the next page ask from the ``end_us`` of the last one on."""
        with self._engine.connect() as connection:
            query = _footage(connection, chunk_rows(), stream_id, from_us, to_us)
            return [chunk_of(row) for row in connection.execute(query.limit(limit))]

    def declared(self, stream_id: str, from_us: int, to_us: int, limit: int) -> list[Declared]:
        """The same with the entry of each."""
        with self._engine.connect() as connection:
            query = _footage(connection, with_entries(chunk_rows()), stream_id, from_us, to_us)
            return declared(connection, self._data, connection.execute(query.limit(limit)).all(), self._bring)

    def chunks_of(self, reel: str) -> list[Chunk]:
        """Those of one reel (its path below the data folder), by place."""
        query = chunk_rows().where(t.reels.c.path == reel).order_by(t.chunks.c.offset)
        with self._engine.connect() as connection:
            return [chunk_of(row) for row in connection.execute(query)]

    def chunk_at(self, stream_id: str, at_us: int) -> Chunk | None:
        """The chunk that holds this moment."""
        found = self.chunks(stream_id, at_us, at_us + 1, 1)
        return found[0] if found else None

    def spans(self, stream_id: str, from_us: int, to_us: int) -> list[Span]:
        """Recorded time within ``from_us … to_us``, clipped to it, disjoint and in order: as it came, without what
        was brought later."""
        return self._spans(stream_id, from_us, to_us, t.spans.c.origin.is_(None))

    def backfilled(self, stream_id: str, from_us: int, to_us: int) -> list[Span]:
        """The same of what devices recorded by themselves and brought later."""
        return self._spans(stream_id, from_us, to_us, t.spans.c.origin.is_not(None))

    def _spans(self, stream_id: str, from_us: int, to_us: int, kind: ColumnElement[bool]) -> list[Span]:
        span = t.spans.c
        query = select(span.from_us, span.to_us).where(span.stream == stream_id, span.from_us < to_us, kind)
        # Spans lie in order but for steps of the hub's calendar; the last one before the range may reach in.
        before = select(span.from_us).where(span.stream == stream_id, span.from_us <= from_us, kind)
        with self._engine.connect() as connection:
            starts = connection.execute(before.order_by(span.from_us.desc()).limit(OVERLAP_ROWS)).scalars().all()
            query = query.where(span.from_us >= min(starts, default=from_us), span.to_us > from_us)
            rows = connection.execute(query.order_by(span.from_us)).all()
        return _disjoint([(max(row.from_us, from_us), min(row.to_us, to_us)) for row in rows])

    def spans_of_many(self, streams: Collection[str], from_us: int, to_us: int) -> dict[str, PastSpans]:
        """What :meth:`spans`, :meth:`backfilled` and :meth:`gone` say, of many streams at once. Streams of which there
        is nothing are not in it."""
        row, early, name = t.spans.c, t.spans.alias(), select(listed(streams)).subquery()
        one = name.c[0]
        # As in _spans: from the few spans on that may reach into the range. What was brought later is another order.
        before = select(early.c.from_us).where(
            early.c.stream == one, early.c.from_us <= from_us, early.c.origin.is_(None)
        )
        first = before.order_by(early.c.from_us.desc()).limit(1).offset(OVERLAP_ROWS - 1).scalar_subquery()
        within = row.from_us < to_us, row.to_us > from_us
        recorded = select(row.stream, row.from_us, row.to_us, row.origin).join_from(name, t.spans, row.stream == one)
        recorded = recorded.where(*within, row.origin.is_(None), row.from_us >= func.coalesce(first, 0))
        brought = select(row.stream, row.from_us, row.to_us, row.origin)
        brought = brought.where(row.stream.in_(select(one)), *within, row.origin.is_not(None))
        query = recorded.union_all(brought)
        reel = t.gone_reels.c
        deleted = select(reel.stream, reel.first_us, reel.end_us).where(
            reel.stream.in_(select(one)), reel.state != "kept", reel.first_us < to_us, reel.end_us > from_us
        )
        found: defaultdict[str, tuple[list[tuple[int, int]], ...]] = defaultdict(lambda: ([], [], []))
        with self._engine.connect() as connection:
            for stream, begin, end, origin in connection.execute(query.order_by("stream", "from_us")):
                found[stream][0 if origin is None else 1].append((max(begin, from_us), min(end, to_us)))
            for stream, begin, end in connection.execute(deleted.order_by(reel.stream, reel.first_us)):
                found[stream][2].append((max(begin, from_us), min(end, to_us)))
        return {stream: PastSpans(*map(_disjoint, kinds)) for stream, kinds in found.items()}

    def interruptions(
        self,
        *,
        stream: str | None = None,
        state: InterruptionState | str | None = None,
        from_us: int | None = None,
        to_us: int | None = None,
        limit: int = 100,
        after: str | None = None,
        streams: Collection[str] | None = None,
        kinds: Collection[str] | None = None,
    ) -> list[Interruption]:
        """Interruptions that overlap the range, newest first. ``after``: the id of the last one of the page
        before; an id that is not known gives an empty page. ``streams``, ``kinds``: of these alone."""
        cut = t.interruptions.c
        query: Select[tuple[object, ...]] = select(cut.stream, cut.type, cut.body)
        if stream is not None:
            query = query.where(cut.stream == stream)
        if streams is not None:
            query = query.where(cut.stream.in_(select(listed(streams))))
        if kinds is not None:
            query = query.where(cut.kind.in_(list(kinds)))
        if state is not None:
            query = query.where(cut.state == str(state))
        if from_us is not None:
            open_yet = and_(cut.ended_us.is_(None), cut.state != InterruptionState.WITHDRAWN.value)
            query = query.where(or_(cut.started_us >= from_us, cut.ended_us > from_us, open_yet))
        if to_us is not None:
            query = query.where(cut.started_us < to_us)
        if after is not None:
            place = select(cut.started_us, cut.id).where(cut.id == after).subquery()
            query = query.where(
                tuple_(cut.started_us, cut.id) < tuple_(select(place.c.started_us).scalar_subquery(), after)
            )
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(cut.started_us.desc(), cut.id.desc()).limit(limit))
            return [interruption_of(row) for row in rows]

    def interruption(self, ident: str) -> Interruption | None:
        """One interruption as of its newest entry."""
        with self._engine.connect() as connection:
            row = connection.execute(select(t.interruptions).where(t.interruptions.c.id == ident)).one_or_none()
            return None if row is None else interruption_of(row)

    def opened(self, ident: str) -> str | None:
        """The leaf hash (hex) of the entry that opened this interruption: what a ``backfill`` cites."""
        with self._engine.connect() as connection:
            row = connection.execute(select(t.interruptions.c.leaf).where(t.interruptions.c.id == ident)).first()
            return None if row is None else row.leaf.hex()

    def calendars(self) -> list[tuple[int, int, dict[str, Any]]]:
        """Every entry ``calendar``, oldest first: its seq in the chain of the hub, hub UTC (µs) and body."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(t.calendars).order_by(t.calendars.c.entry_id)).all()
        return [(row.seq, row.t_hub_us, json.loads(row.body)) for row in rows]

    def inspections(self) -> list[tuple[int, str, int, dict[str, Any]]]:
        """Every entry ``inspection``, oldest first: its seq in the chain of the hub, leaf (hex), hub UTC (µs), body."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(t.inspections).order_by(t.inspections.c.entry_id)).all()
        return [(row.seq, row.leaf.hex(), row.t_hub_us, json.loads(row.body)) for row in rows]

    def recorded_spans(self, streams: Collection[str], from_us: int, to_us: int) -> list[tuple[str, int, int]]:
        """Recorded time of these streams that touches the range, clipped, disjoint, by stream and time."""
        row, names = t.spans.c, listed(streams)
        query = select(row.stream, row.from_us, row.to_us).where(
            row.stream.in_(select(names)), row.from_us < to_us, row.to_us > from_us
        )
        with self._engine.connect() as connection:
            found = connection.execute(query.order_by(row.stream, row.from_us)).all()
        out: list[tuple[str, int, int]] = []
        for stream, rows in groupby(found, key=lambda one: str(one.stream)):
            times = [(max(one.from_us, from_us), min(one.to_us, to_us)) for one in rows]
            out += [(stream, span.from_us, span.to_us) for span in _disjoint(times)]
        return out

    def labels(self) -> list[tuple[str, int, dict[str, Any]]]:
        """Every entry ``label``, oldest first: its stream, hub UTC (µs) and body."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(t.labels).order_by(t.labels.c.entry_id)).all()
        return [(row.stream, row.t_hub_us, json.loads(row.body)) for row in rows]

    def backfills(self, ident: str) -> list[dict[str, Any]]:
        """The bodies of the entries ``backfill`` of this interruption, oldest first."""
        told = t.told.c
        query = select(told.body).where(told.interruption == ident, told.type == EntryType.BACKFILL.value)
        with self._engine.connect() as connection:
            return [json.loads(text) for text in connection.execute(query.order_by(told.entry_id)).scalars()]

    def uploads_open(self) -> dict[str, dict[int, tuple[int, int] | None]]:
        """Runs of the protocol ``upload`` that were opened and not closed, by stream; with their newest span."""
        query = select(t.heads.c.stream, t.heads.c.upload_runs).where(t.heads.c.upload_runs.is_not(None))
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        found: dict[str, dict[int, tuple[int, int] | None]] = {}
        for row in rows:
            runs = json.loads(row.upload_runs).items()
            found[row.stream] = {int(run): (span[2], span[3]) if span[1] else None for run, span in runs}
        return found

    def gone(self, stream_id: str, from_us: int, to_us: int) -> list[Span]:
        """Time within ``from_us … to_us`` of reels that are lawfully deleted, or about to be: clipped, in order."""
        reel = t.gone_reels.c
        query = select(reel.first_us, reel.end_us).where(
            reel.stream == stream_id, reel.state != "kept", reel.first_us < to_us, reel.end_us > from_us
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(reel.first_us)).all()
        return _disjoint([(max(row.first_us, from_us), min(row.end_us, to_us)) for row in rows])

    def is_gone(self, reel: str) -> bool:
        """Whether a tombstone stands for this reel (its path below the data folder)."""
        row = t.gone_reels.c
        query = select(row.state).where(row.reel == reel, row.state != "kept")
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def reel_end_us(self, reel: str, size: int) -> int:
        """Until when a reel was recorded (hub UTC), if the log speaks of every one of its bytes; else 0."""
        known, chunk = t.reels.c, t.chunks.c
        query = (
            select(func.max(chunk.end_us))
            .join(t.reels, known.id == chunk.reel_id)
            .where(known.path == reel, known.size == size)
        )
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar() or 0)

    def heads(self) -> list[StreamHead]:
        """Where every chain stands, by stream."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(t.heads).order_by(t.heads.c.stream)).all()
        return [
            StreamHead(row.stream, row.seq, row.leaf.hex(), row.epoch, row.t_hub_us, row.recorded_until_us)
            for row in rows
        ]

    def close(self) -> None:
        self._engine.dispose()


def _footage(connection: Connection, rows: Select[Any], stream_id: str, from_us: int, to_us: int) -> Select[Any]:
    chunk = t.chunks.c
    before = select(chunk.first_us).where(chunk.stream == stream_id, chunk.first_us <= from_us)
    starts = connection.execute(before.order_by(chunk.first_us.desc()).limit(OVERLAP_ROWS)).scalars().all()
    query = rows.where(
        chunk.stream == stream_id,
        chunk.first_us >= min(starts, default=from_us),
        chunk.first_us < to_us,
        chunk.end_us > from_us,
        ~_GONE,
    )
    return query.order_by(chunk.first_us, chunk.entry_id)


def _disjoint(ranges: Sequence[tuple[int, int]]) -> list[Span]:
    spans: list[Span] = []
    for start, end in ranges:
        if spans and start <= spans[-1].to_us:
            spans[-1] = Span(spans[-1].from_us, max(end, spans[-1].to_us))
        elif end > start:
            spans.append(Span(start, end))
    return spans
