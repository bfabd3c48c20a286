"""One timer for all simulated devices: hundreds of sessions share it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from hub.clock import US_PER_S, Clock
from hub.demo.device import MediaSession

_SHORTEST_SLEEP_S = 0.001  # what is due meanwhile is sent in one go


class Pacer:
    """Advances sessions when they are due. ``ended(why)`` of a session is called once, with cut or goodbye."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[int, int, MediaSession, Callable[[str], None]]] = []
        self._tie = count()
        self._timer: asyncio.TimerHandle | None = None
        self._gone: set[MediaSession] = set()

    def add(self, session: MediaSession, ended: Callable[[str], None]) -> None:
        """Advance ``session`` from now on, on the running loop."""
        heapq.heappush(self._heap, (session.wake_us, next(self._tie), session, ended))
        self._arm(_SHORTEST_SLEEP_S)

    def remove(self, session: MediaSession) -> None:
        """Forget a session that was added and has not ended by itself."""
        self._gone.add(session)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._heap.clear()

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._run)

    def _run(self) -> None:
        heap = self._heap
        now = self._clock.now()
        try:
            while heap and heap[0][0] <= now.mono_us:
                _, _, session, ended = heapq.heappop(heap)
                if session in self._gone:
                    self._gone.discard(session)
                    continue
                why = session.advance(now)
                if why:
                    ended(why)
                    self._gone.discard(session)
                else:
                    heapq.heappush(heap, (session.wake_us, next(self._tie), session, ended))
        finally:  # a session that raises is dropped and told by the loop; the others go on
            if heap:
                wait_us = heap[0][0] - self._clock.now().mono_us
                self._arm(max(wait_us / US_PER_S, _SHORTEST_SLEEP_S))
