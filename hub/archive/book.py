"""Rows about objects. Each step is durable before the next is taken. Blocking, from any thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, Row, delete, func, insert, select, update

from hub.archive.tables import archive_objects as table

if TYPE_CHECKING:
    from hub.archive.store import Put

UPLOADING, KEPT, GONE = "uploading", "kept", "gone"
PAGE = 500


@dataclass(frozen=True, slots=True)
class Noted:
    """See the table."""

    path: str
    size: int
    sha256: str
    state: str
    at_us: int
    begun_us: int
    lock_until_us: int
    refused_us: int
    node: str


class Book:
    """``node`` is the name of this node: rows of what lies on its disk bear it."""

    def __init__(self, engine: Engine, node: str) -> None:
        self._engine = engine
        self.node = node

    def get(self, path: str) -> Noted | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(table).where(table.c.path == path)).first()
        return None if row is None else _noted(row)

    def below(self, folder: str) -> Mapping[str, Noted]:
        """Rows of the objects in a folder and below it, by path."""
        query = select(table).where(table.c.path > f"{folder}/", table.c.path < f"{folder}0")
        with self._engine.connect() as connection:
            return {row.path: _noted(row) for row in connection.execute(query)}

    def begin(self, path: str, size: int, begun_us: int, at_us: int, *, reel: bool) -> bool:
        """Its upload begins. False: it is gone for good, and must not come back."""
        values: dict[str, Any] = {
            "size": size, "sha256": "", "state": UPLOADING, "at_us": at_us, "begun_us": begun_us, "etag": "",
            "version": "", "lock_until_us": 0, "refused_us": 0, "node": self.node, "reel": reel,
        }  # fmt: skip
        with self._engine.begin() as connection:
            known = connection.execute(select(table.c.state).where(table.c.path == path)).scalar()
            if known == GONE:
                return False
            if known is None:
                connection.execute(insert(table).values(path=path, **values))
            else:
                connection.execute(update(table).where(table.c.path == path).values(**values))
        return True

    def keep(self, path: str, put: Put, lock_until_us: int, at_us: int) -> bool:
        """It is there, verified. False: it was deleted meanwhile, so the object must go again."""
        values = {
            "size": put.size, "sha256": put.sha256, "state": KEPT, "at_us": at_us, "etag": put.etag,
            "version": put.version, "lock_until_us": lock_until_us,
        }  # fmt: skip
        with self._engine.begin() as connection:
            where = (table.c.path == path, table.c.state == UPLOADING)
            return connection.execute(update(table).where(*where).values(**values)).rowcount == 1

    def uploading(self) -> list[str]:
        """Uploads of this node that were begun and not ended."""
        query = select(table.c.path).where(table.c.state == UPLOADING, table.c.node == self.node)
        with self._engine.connect() as connection:
            return list(connection.execute(query.order_by(table.c.path)).scalars())

    def give_up(self, path: str) -> None:
        """An upload that came to nothing: as if it had not begun."""
        with self._engine.begin() as connection:
            connection.execute(delete(table).where(table.c.path == path, table.c.state == UPLOADING))

    def to_leave(self, before_us: int, limit: int = PAGE) -> list[Noted]:
        """Reels on this disk that are in the archive and were begun before then, oldest first."""
        mine = (table.c.node == self.node, table.c.reel.is_(True), table.c.state == KEPT)
        query = select(table).where(*mine, table.c.begun_us < before_us).order_by(table.c.begun_us, table.c.path)
        with self._engine.connect() as connection:
            return [_noted(row) for row in connection.execute(query.limit(limit))]

    def both_bytes(self) -> int:
        """Of reels that are in the archive and still on this disk."""
        query = select(func.coalesce(func.sum(table.c.size), 0)).where(
            table.c.node == self.node, table.c.reel.is_(True), table.c.state == KEPT
        )
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def left(self, path: str) -> None:
        """It is no longer on this disk."""
        self._set(path, node="")

    def gone(self, path: str, at_us: int) -> None:
        """It was deleted, here and there, and is never to be uploaded again."""
        values: dict[str, Any] = {"state": GONE, "at_us": at_us, "node": "", "refused_us": 0}
        with self._engine.begin() as connection:
            found = connection.execute(update(table).where(table.c.path == path).values(**values))
            if not found.rowcount:
                rest = {"size": 0, "sha256": "", "begun_us": 0, "etag": "", "version": "", "lock_until_us": 0}
                connection.execute(insert(table).values(path=path, reel=False, **rest, **values))

    def refused(self, path: str, lock_until_us: int, at_us: int) -> None:
        """The store did not delete it."""
        self._set(path, lock_until_us=lock_until_us, refused_us=at_us)

    def _set(self, path: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(table).where(table.c.path == path).values(**values))


def _noted(row: Row[Any]) -> Noted:
    return Noted(
        row.path, row.size, row.sha256, row.state, row.at_us, row.begun_us, row.lock_until_us, row.refused_us, row.node
    )
