"""On whose disk a reel lies: a row of PostgreSQL, from the reel's first entry until it leaves that disk. Blocking.

The row comes with the commit that enters the reel's first chunk, and goes after the file. So where there is none, no
node has the reel, and where one names a node that is away, nobody may say that the reel is not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Engine, delete, select
from sqlalchemy.exc import SQLAlchemyError

from hub.cluster.integration import check_lead
from hub.cluster.tables import reels
from hub.ledger.files import sync_folder

AT_ONCE = 2000
"""Paths of one question."""


class ReelPlaces:
    """From any thread. Raises SQLAlchemyError where PostgreSQL is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, path: str) -> str | None:
        """The name of the node on whose disk it lies; None: on nobody's. Raises OSError where that cannot be told, as a
        :class:`hub.shelf.Shelf` does."""
        try:
            with self._engine.connect() as connection:
                return connection.execute(select(reels.c.node).where(reels.c.path == path)).scalar()
        except SQLAlchemyError as error:
            why = getattr(error, "orig", None) or error
            raise OSError(f"PostgreSQL does not say where a reel lies: {why}") from error

    def of_many(self, paths: Iterable[str]) -> dict[str, str]:
        """The same of several, without those that lie on nobody's. Raises OSError."""
        wanted = list(paths)
        found: dict[str, str] = {}
        try:
            with self._engine.connect() as connection:
                for at in range(0, len(wanted), AT_ONCE):
                    query = select(reels.c.path, reels.c.node).where(reels.c.path.in_(wanted[at : at + AT_ONCE]))
                    found |= {row.path: row.node for row in connection.execute(query)}
        except SQLAlchemyError as error:
            why = getattr(error, "orig", None) or error
            raise OSError(f"PostgreSQL does not say where reels lie: {why}") from error
        return found

    def left(self, path: str) -> None:
        """It is no longer on a disk."""
        with self._engine.begin() as connection:
            connection.execute(delete(reels).where(reels.c.path == path))

    def delete(self, path: str, folders: Iterable[Path], epoch: int) -> None:
        """Delete a reel from this node's disk, asked by the office that leads with ``epoch``; what is gone already is
        gone. No other office begins before this ends. Raises NotLeading where another leads already."""
        with self._engine.begin() as connection:
            check_lead(connection, epoch)
            for folder in folders:
                full = folder / path
                full.unlink(missing_ok=True)
                if full.parent.is_dir():
                    sync_folder(full.parent)
            connection.execute(delete(reels).where(reels.c.path == path))
