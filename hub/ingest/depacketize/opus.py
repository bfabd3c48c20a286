"""Opus over RTP (RFC 7587): one packet, one frame of the track. Silence that is not sent (DTX) is a gap."""

from __future__ import annotations

from hub.bitstream.audio import opus_duration_ticks
from hub.clock import Instant
from hub.ingest.depacketize.frame import Emit, Frame
from hub.ingest.rtp import Packet


class OpusDepacketizer:
    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._lost = 0

    def push(
        self, packet: Packet, start: int, end: int, marker: int, timestamp: int, seq: int, arrival: Instant
    ) -> None:
        del marker
        if start == end:
            return
        data = bytes(packet[start:end])
        frame = Frame(data, timestamp, opus_duration_ticks(data), seq, seq, arrival)
        frame.lost, self._lost = self._lost, 0
        frame.keyframe = True
        self._emit(frame)

    def gap(self, count: int) -> None:
        self._lost += count

    def flush(self) -> None:
        """Nothing is ever held."""
