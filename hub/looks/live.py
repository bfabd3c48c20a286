"""The note of who watches what live. A wall that cycles looks thousands of times a shift, and is noted once an hour.

For each person and stream there is at most one window of an hour at a time. It begins with an entry ``live.view``,
before the first picture; what was watched in it is said when it is over, by the next window's entry if the person
watches on, else by ``live.end``. So a person and a stream make at most two entries an hour, however often the wall
cycles or a connection breaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from hub.clock import US_PER_S, Clock
from hub.errors import HubError
from hub.looks.look import Note

log = structlog.get_logger(__name__)

WINDOW_US = 3600 * US_PER_S
SAMPLE_US = 2 * US_PER_S
"""A wall says each second what it shows; who was silent for longer began to look anew."""
TICK_S = 10.0


@dataclass(slots=True)
class _Window:
    """``from_us`` is hub UTC, ``began_us`` and ``seen_us`` monotonic."""

    from_us: int
    began_us: int
    seen_us: int
    watched_us: int = 0
    times: int = 1

    def see(self, now_us: int) -> None:
        passed_us = now_us - self.seen_us
        if passed_us <= SAMPLE_US:
            self.watched_us += passed_us
        else:
            self.times += 1
        self.seen_us = now_us

    def facts(self) -> Mapping[str, Any]:
        until_us = self.from_us + self.seen_us - self.began_us
        return {"from_us": self.from_us, "to_us": until_us, "watched_us": self.watched_us, "times": self.times}


class LiveNotes:
    """On the event loop; cheap, never waits: the entry is on its way while the first picture is."""

    def __init__(self, clock: Clock, note: Note) -> None:
        self._clock = clock
        self._note = note
        self._windows: dict[tuple[str, str], _Window] = {}
        self._refused = False

    def seen(self, by: str, stream: str) -> bool:
        """``by`` watches the stream at this moment; said when it begins and each second after. False: the ledger takes
        no entry of it, and nothing may be shown."""
        now = self._clock.now()
        window = self._windows.get((by, stream))
        if window is not None and now.mono_us - window.began_us < WINDOW_US:
            window.see(now.mono_us)
            return True
        before: Mapping[str, Any] = {}
        if window is not None:
            if now.mono_us - window.seen_us <= SAMPLE_US:
                window.see(now.mono_us)
            before = {"before": dict(window.facts())}
        if not self._write(by, "live.view", stream, before):
            return False
        self._windows[by, stream] = _Window(now.utc_us, now.mono_us, now.mono_us)
        return True

    def _write(self, by: str, what: str, stream: str, facts: Mapping[str, Any]) -> bool:
        try:
            self._note(by, what, stream=stream, **facts)
        except HubError as error:
            if not self._refused:
                log.error("a look at live pictures cannot be noted, so nothing is shown", problem=str(error))
            self._refused = True
            return False
        self._refused = False
        return True

    def tick(self) -> None:
        """Windows that are over, and that nobody goes on watching, are closed."""
        now_us = self._clock.now().mono_us
        for key, window in list(self._windows.items()):
            if now_us - window.began_us >= WINDOW_US + SAMPLE_US and now_us - window.seen_us > SAMPLE_US:
                self._end(key)

    def close(self) -> None:
        """The hub stops: what was watched until now is said."""
        for key in list(self._windows):
            self._end(key)

    def _end(self, key: tuple[str, str]) -> None:
        by, stream = key
        if self._write(by, "live.end", stream, self._windows[key].facts()):
            del self._windows[key]

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(TICK_S)
            self.tick()
