"""Every notice that was sent, or was not, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Engine, Index, RowMapping, Table, delete, select

from hub.clock import rfc3339
from hub.database import Int64, Text, metadata, upsert

MAX_QUEUED = 2000
"""Read back after a restart."""


class NoticeState(StrEnum):
    """``joined``: told of in a digest, not by itself."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    JOINED = "joined"


@dataclass(frozen=True, slots=True)
class Notice:
    """One text for one channel. ``alarm`` is empty for a digest. ``problem`` holds no secret."""

    id: str
    at_us: int
    channel: str
    alarm: str
    unit: str
    level: int
    reason: str
    title: str
    body: str
    state: NoticeState = NoticeState.QUEUED
    attempts: int = 0
    problem: str = ""
    done_us: int | None = None

    def json(self) -> dict[str, Any]:
        return {
            "id": self.id, "at": rfc3339(self.at_us), "channel": self.channel, "alarm": self.alarm, "unit": self.unit,
            "level": self.level, "reason": self.reason, "title": self.title, "body": self.body,
            "state": self.state.value, "attempts": self.attempts, "problem": self.problem,
            "done_at": None if self.done_us is None else rfc3339(self.done_us),
        }  # fmt: skip


notices = Table(
    "notices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at_us", Int64, nullable=False),
    Column("channel", Text, nullable=False),
    Column("alarm", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("level", Int64, nullable=False),
    Column("reason", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Int64, nullable=False),
    Column("problem", Text, nullable=False),
    Column("done_us", Int64, nullable=True),
)
Index("notices_at", notices.c.at_us)
Index("notices_alarm", notices.c.alarm)
Index("notices_state", notices.c.state)


class NoticeStore:
    """The table. All calls block: they are made in a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, changed: list[Notice]) -> None:
        with self._engine.begin() as connection:
            for notice in changed:
                row = {name: getattr(notice, name) for name in Notice.__dataclass_fields__}
                row["state"] = notice.state.value
                connection.execute(upsert(notices).values(row).on_conflict_do_update(index_elements=["id"], set_=row))

    def queued(self) -> list[Notice]:
        return self._read(
            select(notices).where(notices.c.state == "queued").order_by(notices.c.at_us).limit(MAX_QUEUED)
        )

    def newest(self, *, before_us: int, limit: int, alarm: str = "", state: str = "") -> list[Notice]:
        """Older than ``before_us``, newest first."""
        query = select(notices).where(notices.c.at_us < before_us)
        if alarm:
            query = query.where(notices.c.alarm == alarm)
        if state:
            query = query.where(notices.c.state == state)
        return self._read(query.order_by(notices.c.at_us.desc(), notices.c.id).limit(limit))

    def prune(self, before_us: int) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(notices).where(notices.c.at_us < before_us))

    def _read(self, query: Any) -> list[Notice]:
        with self._engine.connect() as connection:
            return [_notice(row) for row in connection.execute(query).mappings()]


def _notice(row: RowMapping) -> Notice:
    values = {name: row[name] for name in Notice.__dataclass_fields__}
    values["state"] = NoticeState(values["state"])
    return Notice(**values)
