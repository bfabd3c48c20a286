"""The table of owners in PostgreSQL, asked without ever keeping the event loop waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Engine, select, text
from sqlalchemy.exc import SQLAlchemyError

from hub.cluster.claims import Claimed, claim
from hub.cluster.owners import Owner
from hub.cluster.tables import chains
from hub.errors import Unavailable

THREADS = 4
ANSWER_S = 5.0
"""Whoever waits is told after this that PostgreSQL is away. Should it have taken a claim all the same, the stream is
this node's by the table, and is claimed anew: that is how a restarted node finds its streams too."""

T = TypeVar("T")


class DatabaseAway(Unavailable):
    """PostgreSQL did not answer: nothing changes hands."""

    code = "database_away"


class Taking:
    """Of one node. ``engine``: one that waits for a locked row for a second or so (:func:`hub.database.open_engine`): a
    chain whose owner died within a commit must not keep the others waiting."""

    def __init__(self, engine: Engine, node: str) -> None:
        self._engine = engine
        self._node = node
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="taking")

    async def owners(self) -> Mapping[str, Owner]:
        """Of every chain. Raises DatabaseAway."""
        return await self._ask(self._owners)

    async def claim(self, stream_id: str, known_epoch: int) -> Claimed | None:
        """Raises DatabaseAway."""
        return await self._ask(lambda: claim(self._engine, stream_id, self._node, known_epoch))

    async def give(self, stream_id: str, epoch: int, to_node: str) -> bool:
        """Raises DatabaseAway."""
        return await self._ask(lambda: self._give(stream_id, epoch, to_node))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _owners(self) -> Mapping[str, Owner]:
        rows = chains.c
        with self._engine.connect() as connection:
            found = connection.execute(select(rows.stream, rows.owner, rows.epoch))
            return {stream: Owner(owner, epoch) for stream, owner, epoch in found}

    def _give(self, stream_id: str, epoch: int, to_node: str) -> bool:
        values = {"stream": stream_id, "epoch": epoch, "node": self._node, "to": to_node}
        with self._engine.begin() as connection:
            return connection.execute(text(_GIVE), values).rowcount == 1

    async def _ask(self, question: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_S):
                return await loop.run_in_executor(self._threads, question)
        except TimeoutError as error:
            raise DatabaseAway(f"PostgreSQL did not answer within {ANSWER_S:.0f} s") from error
        except SQLAlchemyError as error:
            raise DatabaseAway(f"PostgreSQL did not answer: {type(error).__name__}") from error


_GIVE = """
UPDATE cluster_chains SET owner = :to, epoch = epoch + 1 WHERE stream = :stream AND epoch = :epoch AND owner = :node
"""
