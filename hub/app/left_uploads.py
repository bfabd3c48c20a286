"""What a node that led once has of files that were brought, and does not need any more: who leads now has received them
anew, or has them on its own disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy import Engine

from hub.clock import Clock
from hub.errors import NotFound
from hub.footage.store import State, Store
from hub.settings import Settings

EVERY_S = 60.0


class LeftUploads:
    """``elsewhere``: whether another node leads; before that is known nothing goes, for this one may lead again."""

    def __init__(self, settings: Settings, clock: Clock, engine: Engine, elsewhere: Callable[[], bool]) -> None:
        self._data = settings.data
        self._clock = clock
        self._store = Store(settings, engine)
        self._elsewhere = elsewhere

    async def run(self) -> None:
        """Until cancelled. Raises SQLAlchemyError where the database is away."""
        while True:
            if self._elsewhere():
                await asyncio.to_thread(self.look)
            await self._clock.sleep(EVERY_S)

    def look(self) -> None:
        """Blocks. A file that is received and not looked at yet stays, and one that is kept apart: they are brought
        from here."""
        for kept in (self._data / "apart").glob("*"):
            if not self._store.list(sha256=kept.stem, states=(State.APART,), limit=1):
                kept.unlink(missing_ok=True)
        for part in (self._data / "uploads").glob("*.part"):
            try:
                wanted = self._store.get(part.stem).state is State.RECEIVED
            except NotFound:
                wanted = False
            if not wanted:
                part.unlink(missing_ok=True)
