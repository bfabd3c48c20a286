"""What the hub asks of a device: kept until the device says that it was followed, or it is too late."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.clock import US_PER_S, Instant, rfc3339

MAX_CUES = 8
"""Of one device; one more, and the oldest is forgotten."""
LIFE_US = 600 * US_PER_S


@dataclass(slots=True)
class Cue:
    """``kind`` is what is asked for; ``facts`` goes along as it is."""

    id: str
    kind: str
    asked: Instant
    facts: Mapping[str, Any] = field(default_factory=dict)
    sent: bool = False

    def json(self) -> dict[str, Any]:
        return {"type": "cue", "id": self.id, "cue": self.kind, "at": rfc3339(self.asked.utc_us), **self.facts}


class Cues:
    """Of all devices. Devices are bounded by the registry, cues of each by MAX_CUES."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Cue]] = {}

    def ask(self, stream_id: str, cue: Cue) -> None:
        self._waiting.setdefault(stream_id, deque(maxlen=MAX_CUES)).append(cue)

    def waiting(self, stream_id: str, now: Instant) -> list[Cue]:
        """What is still to be followed, oldest first."""
        cues = self._waiting.get(stream_id)
        if not cues:
            return []
        while cues and now.mono_us - cues[0].asked.mono_us > LIFE_US:
            cues.popleft()
        return list(cues)

    def send(self, stream_id: str, now: Instant, say: Callable[[Mapping[str, Any]], bool]) -> None:
        """Send down what was not sent yet, while ``say`` takes it."""
        for cue in self.waiting(stream_id, now):
            if not cue.sent:
                cue.sent = say(cue.json())

    def followed(self, stream_id: str, ident: str) -> Cue | None:
        """The device did it: the cue, which waits no more. None: it is not known, or too late."""
        cues = self._waiting.get(stream_id, deque())
        found = next((cue for cue in cues if cue.id == ident), None)
        if found is not None:
            cues.remove(found)
        return found
