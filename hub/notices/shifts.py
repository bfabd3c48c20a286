"""Who is on duty at which unit (值班), as it is kept. What a hand-over asks for is decided in ``notices``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Engine, Index, Table, select

from hub.clock import rfc3339
from hub.database import Int64, Text, metadata


@dataclass(frozen=True, slots=True)
class Shift:
    """One person's time of watch at a unit. ``from_whom``: who handed over; empty: taken without a hand-over."""

    id: str
    unit: str
    username: str
    since_us: int
    ended_us: int | None = None
    from_whom: str = ""

    def json(self) -> dict[str, Any]:
        return {
            "id": self.id, "unit": self.unit, "username": self.username, "since": rfc3339(self.since_us),
            "ended_at": None if self.ended_us is None else rfc3339(self.ended_us), "from_whom": self.from_whom,
        }  # fmt: skip


shifts = Table(
    "shifts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("since_us", Int64, nullable=False),
    Column("ended_us", Int64, nullable=True),
    Column("from_whom", Text, nullable=False),
)
Index("shifts_ended", shifts.c.ended_us)


class ShiftStore:
    """The table. All calls block: they are made in a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def present(self) -> list[Shift]:
        query = select(shifts).where(shifts.c.ended_us.is_(None)).order_by(shifts.c.since_us)
        with self._engine.connect() as connection:
            return [Shift(**row) for row in connection.execute(query).mappings()]

    def change(self, ended: list[Shift], begun: list[Shift]) -> None:
        """All or nothing: nobody is without a watch in between."""
        with self._engine.begin() as connection:
            for one in ended:
                connection.execute(shifts.update().where(shifts.c.id == one.id).values(ended_us=one.ended_us))
            for one in begun:
                row = {name: getattr(one, name) for name in Shift.__dataclass_fields__}
                connection.execute(shifts.insert().values(row))
