"""The learnt normals in the hub's database: a memory aid, no evidence. Lost, it is learnt again in half a minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Column, Engine, Table, delete, select

from hub.database import Int64, Text, metadata, upsert

content_normals = Table(
    "content_normals",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("normal", Text, nullable=False),
    Column("gates_us", Text, nullable=False, server_default=""),
    Column("updated_us", Int64, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is kept of a stream: see ``Normal.text`` and ``Silence.text``."""

    normal: str
    gates_us: str
    updated_us: int


class NormalStore:
    """Calls block. The table must exist (``create_tables``)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self) -> dict[str, Learnt]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(content_normals)).mappings()
            return {row["stream"]: Learnt(row["normal"], row["gates_us"], row["updated_us"]) for row in rows}

    def write(self, learnt: Mapping[str, Learnt]) -> None:
        if not learnt:
            return
        rows = [
            {"stream": stream, "normal": each.normal, "gates_us": each.gates_us, "updated_us": each.updated_us}
            for stream, each in learnt.items()
        ]
        insert = upsert(content_normals)
        fresh = insert.excluded
        statement = insert.on_conflict_do_update(
            index_elements=["stream"],
            set_={"normal": fresh.normal, "gates_us": fresh.gates_us, "updated_us": fresh.updated_us},
        )
        with self._engine.begin() as connection:
            connection.execute(statement, rows)

    def forget(self, stream_id: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(content_normals).where(content_normals.c.stream == stream_id))
