"""What retention asks of the database: which reels there are, what is held, which tombstones stand. Blocking."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, select

from hub.database import Database, open_engine
from hub.ledger import tables as t
from hub.ledger.deletions import TombstonedReel, digest_of

CHUNK_US = 3_600_000_000
"""No chunk is longer: so far back must be looked."""
_STANDS = exists().where(t.gone_reels.c.reel == t.reels.c.path, t.gone_reels.c.state != "kept")


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A ``hold`` entry."""

    stream_id: str
    at_us: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReelRow:
    """A reel as far as entries speak of it. ``reel`` is its path below the data folder."""

    stream_id: str
    reel: str
    size: int
    first_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A tombstone of which reels are still to be deleted."""

    stream_id: str
    id: str
    leaf: str
    entry_id: int
    at_us: int
    body: Mapping[str, Any]
    pending: tuple[TombstonedReel, ...]


class Retained:
    """Questions of its own on a connection of its own; from any thread."""

    def __init__(self, database: Database) -> None:
        self._engine = open_engine(database)

    def holds(self) -> list[HoldRow]:
        """All ``hold`` entries, in the order of each chain."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(t.holds).order_by(t.holds.c.entry_id)).all()
        return [HoldRow(row.stream, row.t_hub_us, json.loads(row.body)) for row in rows]

    def streams(self) -> list[str]:
        """Streams that have entries, retired ones too."""
        with self._engine.connect() as connection:
            return sorted(connection.execute(select(t.heads.c.stream)).scalars())

    def stored(self) -> dict[str, int]:
        """Bytes of each stream's reels that no tombstone stands for."""
        reel = t.reels.c
        query = select(reel.stream, func.sum(reel.size).label("size")).where(~_STANDS).group_by(reel.stream)
        with self._engine.connect() as connection:
            return {row.stream: row.size for row in connection.execute(query)}

    def reels(self, stream_id: str, before: str, after: str, limit: int) -> list[ReelRow]:
        """Reels without a standing tombstone, by path (which is by time), between ``after`` and ``before``."""
        chunk, reel = t.chunks.c, t.reels.c
        page = (
            select(reel.id, reel.path, reel.size)
            .where(reel.path > max(after, f"reels/{stream_id}/"), reel.path < before, ~_STANDS)
            .order_by(reel.path)
            .limit(limit)
            .subquery()
        )
        query = (
            select(
                page.c.path, page.c.size, func.min(chunk.first_us).label("first"), func.max(chunk.end_us).label("end")
            )
            .join(t.chunks, chunk.reel_id == page.c.id)
            .group_by(page.c.path, page.c.size)
            .order_by(page.c.path)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [ReelRow(stream_id, row.path, row.size, row.first, row.end) for row in rows]

    def described(self, reels: Sequence[ReelRow]) -> list[TombstonedReel]:
        """The same as a tombstone speaks of them: with one digest over those of their chunks."""
        found = []
        query = (
            select(t.chunks.c.sha256).join(t.reels, t.reels.c.id == t.chunks.c.reel_id).order_by(t.chunks.c.entry_id)
        )
        with self._engine.connect() as connection:
            for one in reels:
                digests = connection.execute(query.where(t.reels.c.path == one.reel)).scalars().all()
                found.append(
                    TombstonedReel(one.reel, one.size, len(digests), digest_of(digests), one.first_us, one.end_us)
                )
        return found

    def standing(self) -> list[Standing]:
        """Tombstones whose footage is not all deleted, oldest first."""
        gone, stone = t.gone_reels.c, t.tombstones.c
        with self._engine.connect() as connection:
            pending: dict[bytes, set[str]] = {}
            for row in connection.execute(select(gone.tombstone, gone.reel).where(gone.state == "tombstoned")):
                pending.setdefault(row.tombstone, set()).add(row.reel)
            rows = [connection.execute(select(t.tombstones).where(stone.leaf == leaf)).one() for leaf in pending]
        found = []
        for row in sorted(rows, key=lambda row: row.entry_id):
            body = json.loads(row.body)
            reels = tuple(
                TombstonedReel(one["reel"], one["size"], one["chunks"], one["sha256"], one["first_us"], one["end_us"])
                for one in body["reels"]
                if one["reel"] in pending[row.leaf]
            )
            found.append(Standing(row.stream, body["id"], row.leaf.hex(), row.entry_id, row.t_hub_us, body, reels))
        return found

    def any_deleted(self, stream_id: str, from_us: int, to_us: int) -> bool:
        """Whether reels of this time are gone."""
        gone = t.gone_reels.c
        query = select(gone.reel).where(gone.stream == stream_id, gone.state == "deleted")
        with self._engine.connect() as connection:
            return connection.execute(query.where(gone.first_us < to_us, gone.end_us > from_us)).first() is not None

    def any_left(self, stream_id: str, from_us: int, to_us: int) -> bool:
        """Whether footage of this time is there, and no tombstone stands for it."""
        chunk = t.chunks.c
        query = select(chunk.entry_id).join(t.reels, t.reels.c.id == chunk.reel_id)
        query = query.where(chunk.stream == stream_id, chunk.first_us < to_us, chunk.first_us > from_us - CHUNK_US)
        with self._engine.connect() as connection:
            return connection.execute(query.where(chunk.end_us > from_us, ~_STANDS).limit(1)).first() is not None

    def signed_size(self, entry_id: int) -> int | None:
        """The size of the newest checkpoint over this entry; None: no checkpoint covers it yet. Raises LookupError
        where none ever will: its log was given up for another one before it was signed."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(t.logs).order_by(t.logs.c.id)).all()
        own = max((row for row in rows if row.first_entry <= entry_id), key=lambda row: row.id)
        if entry_id - own.first_entry < own.signed_size:
            return int(own.signed_size)
        if own is not rows[-1]:
            raise LookupError(f"the log {own.origin} ended before entry {entry_id} was signed")
        return None

    def close(self) -> None:
        self._engine.dispose()
