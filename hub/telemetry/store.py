"""Telemetry in the database: the newest of each stream, and tracks for as long as they are kept. Blocking."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Engine, Index, Table, delete, insert, select

from hub.database import Int64, Text, metadata, upsert
from hub.ledger import tables as t
from hub.telemetry.track import Point

PRUNE_ROWS = 5000
"""A transaction holds up the ledger's: it stays short."""

newest = Table(
    "telemetry_now",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("at_us", Int64, nullable=False),
    Column("state", Text, nullable=False),  # JSON
)
track = Table(
    "telemetry_track",
    metadata,
    Column("id", Int64, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("at_us", Int64, nullable=False),
    Column("lat_e7", Int64, nullable=False),
    Column("lon_e7", Int64, nullable=False),
    Column("accuracy_dm", Int64),
    Index("telemetry_track_by_time", "stream", "at_us"),
    Index("telemetry_track_by_age", "at_us"),
)
_NOW = upsert(newest)
_KEEP_NOW = _NOW.on_conflict_do_update(
    index_elements=["stream"], set_={"at_us": _NOW.excluded.at_us, "state": _NOW.excluded.state}
)


@dataclass(frozen=True, slots=True)
class Fact:
    """An entry of type ``telemetry``."""

    stream_id: str
    kind: str
    id: str
    written_us: int
    body: Mapping[str, Any]


class TelemetryStore:
    """From any thread. Raises SQLAlchemyError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def states(self) -> dict[str, dict[str, Any]]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(newest.c.stream, newest.c.state)).all()
        return {row.stream: json.loads(row.state) for row in rows}

    def keep(self, states: Mapping[str, tuple[int, Mapping[str, Any]]], points: Sequence[tuple[str, Point]]) -> None:
        """One transaction."""
        with self._engine.begin() as connection:
            if states:
                rows = [{"stream": s, "at_us": at, "state": json.dumps(one)} for s, (at, one) in states.items()]
                connection.execute(_KEEP_NOW, rows)
            if points:
                connection.execute(insert(track), [_row(stream, point) for stream, point in points])

    def points(self, stream_id: str, from_us: int, to_us: int, limit: int) -> list[Point]:
        """The kept positions of ``from_us … to_us``, oldest first."""
        row = track.c
        query = select(row.at_us, row.lat_e7, row.lon_e7, row.accuracy_dm)
        query = query.where(row.stream == stream_id, row.at_us >= from_us, row.at_us < to_us)
        with self._engine.connect() as connection:
            return [Point(*one) for one in connection.execute(query.order_by(row.at_us, row.id).limit(limit))]

    def prune(self, before_us: int) -> int:
        """Forget positions older than that, PRUNE_ROWS at most; returns how many went."""
        old = select(track.c.id).where(track.c.at_us < before_us).limit(PRUNE_ROWS)
        with self._engine.begin() as connection:
            return connection.execute(delete(track).where(track.c.id.in_(old))).rowcount

    # ------------------------------------------------------------------------- what the ledger holds

    def is_written(self, stream_id: str, ident: str) -> bool:
        """Whether an entry with the device's id is in the chain."""
        row = t.telemetry.c
        query = select(row.entry_id).where(row.stream == stream_id, row.ident == ident).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def facts(self, kinds: Sequence[str], *, stream_id: str | None = None, limit: int | None = None) -> list[Fact]:
        """The newest entries of these kinds, newest first."""
        row = t.telemetry.c
        query = select(row.stream, row.kind, row.ident, row.t_hub_us, row.body).where(row.kind.in_(kinds))
        if stream_id is not None:
            query = query.where(row.stream == stream_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(row.entry_id.desc()).limit(limit)).all()
        return [Fact(one.stream, one.kind, one.ident, one.t_hub_us, json.loads(one.body)) for one in rows]

    def marks(self, stream_id: str, from_us: int, to_us: int, limit: int) -> list[Fact]:
        """SOS and key marks whose moment lies in ``from_us … to_us``, oldest first. What a device sent late is found
        by its moment all the same."""
        found = self.facts(("sos", "key_mark"), stream_id=stream_id)
        marks = [one for one in found if from_us <= one.body["at_us"] < to_us]
        return sorted(marks, key=lambda one: int(one.body["at_us"]))[:limit]


def _row(stream: str, point: Point) -> dict[str, Any]:
    return {
        "stream": stream,
        "at_us": point.at_us,
        "lat_e7": point.lat_e7,
        "lon_e7": point.lon_e7,
        "accuracy_dm": point.accuracy_dm,
    }
