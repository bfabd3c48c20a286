"""Who looked at, took or changed what, as the entries ``access`` say. Blocking, from any thread."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from hub.database import Database, listed, open_engine
from hub.ledger import tables as t


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """An entry ``access``: its place in the chain of ``stream_id`` (``_hub``: hub-wide) and its body. ``id`` is its
    place among all entries, ``at_us`` hub UTC."""

    id: int
    stream_id: str
    seq: int
    leaf: str
    at_us: int
    by: str
    what: str
    body: Mapping[str, Any]


class AccessReader:
    """Questions of its own on a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._engine = open_engine(database)

    def page(
        self,
        *,
        streams: Sequence[str] | None = None,
        by: str | None = None,
        what: str | None = None,
        from_us: int | None = None,
        to_us: int | None = None,
        limit: int = 100,
        after: int | None = None,
    ) -> list[AccessEntry]:
        """Newest first; of these streams alone (None: of all, and of the hub itself). ``after``: the id of the last one
        of the page before. ``what`` is a word as ``playback.view``, or its first part."""
        row = t.access.c
        query = select(t.access)
        if streams is not None:
            names = listed(streams)
            query = query.where(row.stream.in_(select(names)))
        if by is not None:
            query = query.where(row.by == by)
        if what is not None:
            query = query.where((row.what == what) | row.what.startswith(f"{what}.", autoescape=True))
        if from_us is not None:
            query = query.where(row.t_hub_us >= from_us)
        if to_us is not None:
            query = query.where(row.t_hub_us < to_us)
        if after is not None:
            query = query.where(row.entry_id < after)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(row.entry_id.desc()).limit(limit)).all()
        return [
            AccessEntry(
                one.entry_id, one.stream, one.seq, one.leaf.hex(), one.t_hub_us, one.by, one.what, json.loads(one.body)
            )
            for one in rows
        ]

    def close(self) -> None:
        self._engine.dispose()
