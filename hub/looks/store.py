"""Looks in the database. Blocking, from any thread."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Column, Engine, Index, Table, select, tuple_, update

from hub.database import Int64, Text, metadata, upsert
from hub.looks.look import Look, LookState, look_of

table = Table(
    "looks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_us", Int64, nullable=False),
    Column("look", Text, nullable=False),  # JSON, the whole of it
    Index("looks_by_time", "asked_us", "id"),
    Index("looks_by_person", "by", "asked_us", "id"),
    Index("looks_by_state", "state", "asked_us", "id"),
)


class LookStore:
    """Raises SQLAlchemyError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, look: Look) -> None:
        row = {"id": look.id, "by": look.by, "state": str(look.state), "asked_us": look.asked_us}
        row["look"] = json.dumps(look.kept(), ensure_ascii=False)
        statement = upsert(table).values(row).on_conflict_do_update(index_elements=["id"], set_=row)
        with self._engine.begin() as connection:
            connection.execute(statement)

    def end(self, looks: Sequence[Look]) -> None:
        """Those that the clock ended, in one transaction."""
        with self._engine.begin() as connection:
            for look in looks:
                values = {"state": str(look.state), "look": json.dumps(look.kept(), ensure_ascii=False)}
                connection.execute(update(table).where(table.c.id == look.id).values(values))

    def living(self) -> list[Look]:
        with self._engine.connect() as connection:
            states = (LookState.PENDING.value, LookState.OPEN.value)
            rows = connection.execute(select(table.c.look).where(table.c.state.in_(states))).scalars().all()
        return [look_of(json.loads(row)) for row in rows]

    def get(self, ident: str) -> Look | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(table.c.look).where(table.c.id == ident)).scalar_one_or_none()
        return None if row is None else look_of(json.loads(row))

    def page(self, *, state: LookState | None, by: str | None, limit: int, after: str | None) -> list[Look]:
        """Newest first. ``after``: the id of the last one of the page before."""
        query = select(table.c.look)
        if state is not None:
            query = query.where(table.c.state == str(state))
        if by is not None:
            query = query.where(table.c.by == by)
        if after is not None:
            place = select(table.c.asked_us).where(table.c.id == after).scalar_subquery()
            query = query.where(tuple_(table.c.asked_us, table.c.id) < tuple_(place, after))
        query = query.order_by(table.c.asked_us.desc(), table.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [look_of(json.loads(row)) for row in connection.execute(query).scalars()]
