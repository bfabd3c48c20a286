"""Changes of interruptions go to the office once the facts that they tell of are durable.

A node that is killed right after it told of something nobody can ask any more: an alarm that no entry bears would ring
for ever. So a word waits for its entry (or for the outbox, while the database is away), and what was told before stays
before it. What is not told because the node ended is told by the entry itself, which the office reads.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hub import metrics
from hub.cluster.bus import MOST_CHANGES


class Announcing:
    """On the event loop. ``durable`` waits until what was appended so far is; ``say`` hands a change to the bus."""

    def __init__(self, durable: Callable[[], Awaitable[None]], say: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._durable = durable
        self._say = say
        self._waiting: deque[tuple[str, Mapping[str, Any]]] = deque()
        self._news = asyncio.Event()

    def tell(self, kind: str, body: Mapping[str, Any]) -> None:
        """Never blocks. The facts of it are appended before. Beyond the bound the oldest goes: its entry tells."""
        if len(self._waiting) >= MOST_CHANGES:
            self._waiting.popleft()
            metrics.BUS_DROPPED.inc()
        self._waiting.append((kind, body))
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            told = self._waiting
            self._waiting = deque()
            await self._durable()
            for kind, body in told:
                self._say(kind, body)
