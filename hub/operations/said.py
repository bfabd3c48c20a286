"""The newest warnings of the process, and those of its start, without secrets: what else only the log file has."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.clock import Clock
from hub.logging import redact_event

_FIRST = 50
_NEWEST = 100
_LONGEST = 400
_LEFT_OUT = frozenset({"event", "level", "logger", "timestamp", "exc_info", "_record", "_from_structlog"})


@dataclass(frozen=True, slots=True)
class Said:
    """``at_us`` hub UTC; ``facts`` as short texts."""

    at_us: int
    level: str
    event: str
    facts: Mapping[str, str]


class Listening(logging.Handler):
    """Keeps the first 50 of the life of the process, and the newest 100. From any thread."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._first: list[Said] = []
        self._newest: deque[Said] = deque(maxlen=_NEWEST)

    def emit(self, record: logging.LogRecord) -> None:
        said = Said(self._clock.now().utc_us, record.levelname.lower(), *_told(record))
        if len(self._first) < _FIRST:
            self._first.append(said)
        else:
            self._newest.append(said)

    def all(self) -> list[Said]:
        """Oldest first."""
        self.acquire()
        try:
            return [*self._first, *self._newest]
        finally:
            self.release()


def _told(record: logging.LogRecord) -> tuple[str, dict[str, str]]:
    given: Any = record.msg
    event = dict(given) if isinstance(given, Mapping) else {"event": record.getMessage()}
    plain = redact_event(None, "", event)
    facts = {name: str(value)[:_LONGEST] for name, value in plain.items() if name not in _LEFT_OUT}
    return str(plain.get("event", ""))[:_LONGEST], facts
