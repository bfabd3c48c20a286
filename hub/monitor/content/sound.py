"""Whether a microphone gives nothing at all: digital zero, which no quiet hall is. Pure."""

from __future__ import annotations

from collections import deque

from hub.clock import US_PER_S
from hub.model import Codec

ZERO_AMPLITUDE = 2 / 32768
"""−84 dBFS. The noise of a microphone in an empty hall lies at −75 dBFS and above."""
DTX_BYTES = 2
"""An Opus frame this short says that the sender leaves a pause out (RFC 6716 §3.1): no word about the microphone."""
_GATE_MOST_US = 60 * US_PER_S
_GATE_LEAST_US = 2 * US_PER_S
_GATES = 8
_GATES_TO_BELIEVE = 3
"""So many pauses must have ended by themselves before they are a habit of the device; a single one may be a fault."""


def is_zero_g711(data: bytes) -> bool:
    """Whether all code words of a packet are the same: a live converter wavers by one step at least (ITU-T G.711)."""
    return len(data) > 0 and data.count(data[0]) == len(data)


def says_nothing(codec: Codec, data: bytes) -> bool:
    """Frames that are no evidence either way."""
    return not data or (codec is Codec.OPUS and len(data) <= DTX_BYTES)


class Silence:
    """Runs of zero of one stream. A device with a noise gate ends them by itself, again and again: runs as long as
    twice the third longest of the last eight are usual there. Kept over restarts as ``text``."""

    def __init__(self, text: str = "") -> None:
        numbers = [int(part) for part in text.split() if part.isdecimal() and len(part) <= 10]
        self._gates = deque((min(each, _GATE_MOST_US) for each in numbers), maxlen=_GATES)
        self._since_us: int | None = None

    @property
    def usual_us(self) -> int:
        longest = sorted(self._gates, reverse=True)
        return 2 * longest[_GATES_TO_BELIEVE - 1] if len(longest) >= _GATES_TO_BELIEVE else 0

    def text(self) -> str:
        return " ".join(map(str, self._gates))

    def heard(self, zero: bool, at_us: int) -> bool:
        """Whether this is silence beyond what is usual here."""
        if not zero:
            if self._since_us is not None and _GATE_LEAST_US <= at_us - self._since_us <= _GATE_MOST_US:
                self._gates.append(at_us - self._since_us)
            self._since_us = None
            return False
        if self._since_us is None:
            self._since_us = at_us
        return at_us - self._since_us >= self.usual_us

    def began(self) -> None:
        """Another connection."""
        self._since_us = None
