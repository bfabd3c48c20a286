"""Taking chains: the only place where epochs are made. Blocking."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, text

from hub.cluster.tables import inbox
from hub.ledger import tables as t
from hub.ledger.bodies import chunk_from_body, interruption_from_body
from hub.ledger.entries import ZERO_LEAF, Entry, EntryType, read_entry
from hub.ledger.index import chunk_of, chunk_rows, interruption_of
from hub.ledger.left_open import BESIDE
from hub.ledger.projection import Batch, Ids, StreamState
from hub.ledger.standing import RecoveredStream, as_it_stood, broke_off_us
from hub.ledger.store import Placed
from hub.model import Chunk, Interruption, InterruptionState


@dataclass(frozen=True, slots=True)
class Claimed:
    """A chain that was taken. ``was``: the stream as its last owner left it, entries that no notary has moved into
    the log yet taken into account."""

    stream_id: str
    epoch: int
    was: RecoveredStream


def claim(engine: Engine, stream: str, node: str, known_epoch: int) -> Claimed | None:
    """Take a chain that was taken ``known_epoch`` times (0: never, it may not be there). None: somebody else did."""
    with engine.begin() as connection:
        values = {"stream": stream, "node": node, "known": known_epoch, "leaf": bytes.fromhex(ZERO_LEAF)}
        if known_epoch == 0:
            connection.execute(text(_NEW), values)
        row = connection.execute(text(_CLAIM), values).one_or_none()
        return None if row is None else Claimed(stream, row.epoch, _as_left(connection, [stream])[stream])


def claim_free(engine: Engine, node: str, wanted: Mapping[str, int]) -> Mapping[str, Claimed]:
    """Take many chains in one transaction, each as :func:`claim` does. Not those that somebody else took, and not those
    whose rows another transaction holds just now: one that stands still must not keep the others waiting."""
    with engine.begin() as connection:
        new = [stream for stream, known in wanted.items() if known == 0]
        if new:
            connection.execute(text(_NEW_FREE), {"streams": new, "leaf": bytes.fromhex(ZERO_LEAF)})
        values = {"streams": list(wanted), "known": list(wanted.values()), "node": node}
        epochs: dict[str, int] = {row.stream: row.epoch for row in connection.execute(text(_CLAIM_FREE), values)}
        left = _as_left(connection, epochs)
    return {stream: Claimed(stream, epoch, left[stream]) for stream, epoch in epochs.items()}


_NEW = """
INSERT INTO cluster_chains (stream, owner, epoch, seq, leaf, t_hub_us) VALUES (:stream, '', 0, -1, :leaf, 0)
ON CONFLICT DO NOTHING
"""
_CLAIM = """
UPDATE cluster_chains SET owner = :node, epoch = epoch + 1 WHERE stream = :stream AND epoch = :known RETURNING epoch
"""
# In the order of names, as everybody locks them.
_NEW_FREE = """
INSERT INTO cluster_chains (stream, owner, epoch, seq, leaf, t_hub_us)
SELECT stream, '', 0, -1, :leaf, 0 FROM unnest(CAST(:streams AS text[])) AS new (stream) ORDER BY stream
ON CONFLICT DO NOTHING
"""
_CLAIM_FREE = """
WITH free AS (
  SELECT stream FROM cluster_chains WHERE stream = ANY (CAST(:streams AS text[])) ORDER BY stream FOR UPDATE SKIP LOCKED
)
UPDATE cluster_chains AS c SET owner = :node, epoch = c.epoch + 1
FROM free, unnest(CAST(:streams AS text[]), CAST(:known AS bigint[])) AS wanted (stream, known)
WHERE c.stream = free.stream AND c.stream = wanted.stream AND c.epoch = wanted.known RETURNING c.stream, c.epoch
"""


def _as_left(connection: Connection, streams: Collection[str]) -> Mapping[str, RecoveredStream]:
    """How streams stand by everything that the database holds."""
    names = sorted(streams)
    # The inbox first: what is moved between the two statements is then known twice, and not at all otherwise.
    waiting = _waiting(connection, names)
    states, lasting = _states(connection, names), _lasting_beside(connection, names)
    return {
        one: _stream_as_left(
            connection, states.get(one) or StreamState(one), waiting.get(one, ()), lasting.get(one, ())
        )
        for one in names
    }


def _stream_as_left(
    connection: Connection, state: StreamState, waiting: Sequence[Entry], beside: Sequence[Row[Any]]
) -> RecoveredStream:
    stream = state.stream
    batch = Batch({stream: state}, Ids(), _nothing, _nothing, lambda _stream, _to_us: [])
    for entry in waiting:
        if entry.seq > state.seq:
            batch.add(Placed(entry, "", 0), 0, keep_bytes=False)
    now = batch.changed.get(stream, state)
    lasting, known = _lasting(connection, batch, now), {one.id: interruption_of(one) for one in beside}
    return RecoveredStream(
        stream, now.run, now.run_open, now.recorded_until_us, lasting, _beside(connection, batch, stream, known)
    )


def _nothing(_path: str) -> None:
    """What entries' places and reels are called in the database is of no interest here."""


def _waiting(connection: Connection, streams: Sequence[str]) -> Mapping[str, Sequence[Entry]]:
    query = (
        select(inbox.c.stream, inbox.c.data).where(inbox.c.stream.in_(streams)).order_by(inbox.c.stream, inbox.c.seq)
    )
    found: dict[str, list[Entry]] = {}
    for stream, data in connection.execute(query):
        found.setdefault(stream, []).append(read_entry(bytes(data)))
    return found


def _states(connection: Connection, streams: Sequence[str]) -> Mapping[str, StreamState]:
    joined = t.heads.outerjoin(t.spans, t.heads.c.span_id == t.spans.c.id)
    query = select(t.heads, t.spans.c.from_us, t.spans.c.to_us).select_from(joined).where(t.heads.c.stream.in_(streams))
    found = {}
    for row in connection.execute(query):
        values = dict(row._mapping)
        from_us, to_us = values.pop("from_us"), values.pop("to_us")
        found[row.stream] = StreamState(**values, span_from_us=from_us or 0, span_to_us=to_us or 0)
    return found


def _lasting_beside(connection: Connection, streams: Sequence[str]) -> Mapping[str, Sequence[Row[Any]]]:
    row = t.interruptions.c
    query = select(t.interruptions).where(
        row.stream.in_(streams), row.state == InterruptionState.CONFIRMED.value, row.kind.in_(BESIDE)
    )
    found: dict[str, list[Row[Any]]] = {}
    for one in connection.execute(query):
        found.setdefault(one.stream, []).append(one)
    return found


def _lasting(connection: Connection, batch: Batch, state: StreamState) -> Interruption | None:
    """The break of the recording that lasts, or has ended without an entry that says so yet."""
    ident = state.interruption_id
    if ident is None:
        return None
    made = batch.interruptions.get(ident)
    if made is not None:
        known = interruption_from_body(state.stream, EntryType(made["type"]), json.loads(made["body"]))
    else:
        query = select(t.interruptions).where(t.interruptions.c.id == ident)
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        known = interruption_of(row)
    began_us, span = broke_off_us(known), t.spans.c
    later = select(func.min(span.from_us)).where(
        span.stream == state.stream, span.origin.is_(None), span.from_us > began_us
    )
    starts = [one["from_us"] for one in batch.spans.values() if one["origin"] is None and one["from_us"] > began_us]
    found = connection.execute(later).scalar()
    return as_it_stood(known, min(starts if found is None else [*starts, found], default=None))


def _beside(
    connection: Connection, batch: Batch, stream: str, known: dict[str, Interruption]
) -> tuple[tuple[Interruption, int | None], ...]:
    """What lasts beside a break, with the end of the recording that it was seen in. ``known``: what the log says."""
    for ident, made in batch.interruptions.items():
        known[ident] = interruption_from_body(stream, EntryType(made["type"]), json.loads(made["body"]))
    lasting = [one for one in known.values() if one.state is InterruptionState.CONFIRMED and one.kind in BESIDE]
    return tuple((one, _recorded_around(connection, batch, one)) for one in sorted(lasting, key=lambda one: one.id))


def _recorded_around(connection: Connection, batch: Batch, one: Interruption) -> int | None:
    span, at_us = t.spans.c, one.started_us
    query = select(func.max(span.to_us)).where(
        span.stream == one.stream_id, span.origin.is_(None), span.from_us <= at_us, span.to_us > at_us
    )
    found = connection.execute(query).scalar()
    made = (row for row in batch.spans.values() if row["origin"] is None and row["from_us"] <= at_us < row["to_us"])
    return max((row["to_us"] for row in made), default=found)


# ----------------------------------------------------------------------------- a node's own reels


class Declared:
    """What the database knows of reels: the log's chunks, and the inbox. What ``hub/ledger/reels.py`` asks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def reel_sizes(self, folder: str, since: str) -> dict[str, int]:
        """How far entries speak of each reel."""
        low, high = f"{folder}/{since}", f"{folder}/\U0010ffff"
        waiting = select(inbox.c.reel, inbox.c.reel_end).where(inbox.c.reel >= low, inbox.c.reel < high)
        known = select(t.reels.c.path, t.reels.c.size).where(t.reels.c.path >= low, t.reels.c.path < high)
        sizes: dict[str, int] = {}
        with self._engine.connect() as connection:
            for reel, end in [*connection.execute(waiting), *connection.execute(known)]:
                sizes[reel] = max(end, sizes.get(reel, 0))
        return sizes

    def last_footage(self, stream: str, reel: str) -> Chunk | None:
        """The newest footage of this reel."""
        with self._engine.connect() as connection:
            query = select(inbox.c.data).where(inbox.c.reel == reel).order_by(inbox.c.seq.desc()).limit(1)
            waiting = connection.execute(query).scalar()
            if waiting is not None:
                return chunk_from_body(stream, read_entry(bytes(waiting)).body)
            rows = chunk_rows().where(t.reels.c.path == reel, t.reels.c.stream == stream)
            row = connection.execute(rows.order_by(t.chunks.c.entry_id.desc()).limit(1)).one_or_none()
            return None if row is None else chunk_of(row)
