"""What a depacketizer gives out, and what every depacketizer can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from hub.clock import Instant
from hub.ingest.rtp import Packet
from hub.model import ParameterSets


class Frame:
    """A coded picture or an audio frame, not yet placed on the axis. Mutable only for speed.

    ``timestamp`` is RTP's, 32 bit. ``duration_ticks`` is 0 for video. ``lost`` packets were missing since
    the frame before. For video: ``reorder`` is the depth that the parameter set states (None: it does
    not), ``poc`` the picture order count within its coded video sequence where it was needed and could
    be read, ``leading``: shown before the keyframe it follows, but predicted across it.
    """

    __slots__ = (
        "arrival",
        "damaged",
        "data",
        "duration_ticks",
        "first_seq",
        "idr",
        "keyframe",
        "last_seq",
        "lost",
        "parameter_sets",
        "poc",
        "reorder",
        "timestamp",
    )

    def __init__(
        self, data: bytes, timestamp: int, duration_ticks: int, first_seq: int, last_seq: int, arrival: Instant
    ) -> None:
        self.data = data
        self.timestamp = timestamp
        self.duration_ticks = duration_ticks
        self.first_seq = first_seq
        self.last_seq = last_seq
        self.arrival = arrival
        self.lost = 0
        self.keyframe = False
        self.idr = False
        self.damaged = False
        self.reorder: int | None = 0
        self.poc: int | None = None
        self.parameter_sets: ParameterSets | None = None


Emit: TypeAlias = Callable[[Frame], None]
Complain: TypeAlias = Callable[[str, str], None]
"""(code, message) of something odd that does not stop the media."""

MAX_UNIT_BYTES = 8 << 20
"""A coded picture larger than this is no picture (4K intra at 400 Mbit/s has 2 MB)."""


class Depacketizer(Protocol):
    """Fed with the payloads of one track in the order of their sequence numbers."""

    def push(
        self, packet: Packet, start: int, end: int, marker: int, timestamp: int, seq: int, arrival: Instant
    ) -> None:
        """Payload ``packet[start:end]``; ``seq`` is extended. What must outlive the call is copied.

        Raises MediaError: this payload is skipped, the next one may follow.
        """
        ...

    def gap(self, count: int) -> None:
        """``count`` packets are missing before the next one (0: unusable rather than missing)."""
        ...

    def flush(self) -> None:
        """Nothing more comes: gives out what is complete."""
        ...
