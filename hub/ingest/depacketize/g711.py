"""G.711 A-law and µ-law over RTP (RFC 3551 §4.5.14): the code words of a packet are a frame."""

from __future__ import annotations

from hub.clock import Instant
from hub.ingest.depacketize.frame import Emit, Frame
from hub.ingest.rtp import Packet


class G711Depacketizer:
    """``channels`` code words, interleaved, are one tick."""

    def __init__(self, emit: Emit, channels: int) -> None:
        self._emit = emit
        self._channels = max(channels, 1)
        self._lost = 0

    def push(
        self, packet: Packet, start: int, end: int, marker: int, timestamp: int, seq: int, arrival: Instant
    ) -> None:
        del marker
        ticks = (end - start) // self._channels
        if ticks == 0:
            return
        frame = Frame(bytes(packet[start:end]), timestamp, ticks, seq, seq, arrival)
        frame.lost, self._lost = self._lost, 0
        frame.keyframe = True
        self._emit(frame)

    def gap(self, count: int) -> None:
        self._lost += count

    def flush(self) -> None:
        """Nothing is ever held."""
