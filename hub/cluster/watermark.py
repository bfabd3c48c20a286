"""How far numbered facts have come, and who waits until it is far enough. For one event loop."""

from __future__ import annotations

import asyncio
from collections import deque


class Watermark:
    """Only ever rises. ``at``: everything up to this number has come so far."""

    def __init__(self) -> None:
        self.at = 0
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()

    def reached(self, number: int) -> asyncio.Future[None]:
        """Done when it is so far. Asked for with numbers that never fall."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((number, waiter))
        self._release()
        return waiter

    def rise(self, number: int) -> None:
        self.at = max(self.at, number)
        self._release()

    def give_up(self, error: Exception) -> None:
        """It will not rise any more: whoever still waits is told why."""
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _release(self) -> None:
        while self._waiters and self._waiters[0][0] <= self.at:
            waiter = self._waiters.popleft()[1]
            if not waiter.done():
                waiter.set_result(None)
