"""AAC over RTP in the mode AAC-hbr (RFC 3640 §3.3.6): several access units a packet, or one over several."""

from __future__ import annotations

from hub.clock import Instant
from hub.errors import MediaError
from hub.ingest.depacketize.frame import Emit, Frame
from hub.ingest.rtp import Packet

_HEADER_BITS = 16
_SIZE_SHIFT = 3
_ONE_UNIT_AT = 4
"""Where the data begins of a packet with one access unit: behind the length of the headers, and its own."""
MAX_FRAME_BYTES = 1 << 13
"""AU-size has 13 bits."""


class AacDepacketizer:
    """Made for sizeLength=13, indexLength=3, indexDeltaLength=3: the SDP was checked for that.

    ``frame_ticks``: the length of one access unit on the RTP clock.
    """

    def __init__(self, emit: Emit, frame_ticks: int) -> None:
        self._emit = emit
        self._frame_ticks = frame_ticks
        self._lost = 0
        self._part = bytearray()
        self._part_size = 0
        self._part_timestamp = 0
        self._part_seq = 0

    def push(
        self, packet: Packet, start: int, end: int, marker: int, timestamp: int, seq: int, arrival: Instant
    ) -> None:
        if end - start < 2:
            raise MediaError(f"AAC payload of {end - start} bytes", code="aac")
        header_bits = packet[start] << 8 | packet[start + 1]
        if header_bits == _HEADER_BITS and end - start > _ONE_UNIT_AT and not self._part:
            size = (packet[start + 2] << 8 | packet[start + 3]) >> _SIZE_SHIFT
            if start + _ONE_UNIT_AT + size == end:  # nearly all packets: one access unit and nothing else
                self._out(bytes(packet[start + _ONE_UNIT_AT : end]), timestamp, seq, seq, arrival)
                return
        count, odd = divmod(header_bits, _HEADER_BITS)
        data = start + 2 + 2 * count
        if odd or count == 0 or data > end:
            raise MediaError(f"AU-headers of {header_bits} bits in a payload of {end - start} bytes", code="aac")
        first_size = (packet[start + 2] << 8 | packet[start + 3]) >> _SIZE_SHIFT
        if count == 1 and (first_size > end - data or self._part):
            self._fragment(packet, data, end, first_size, marker, timestamp, seq, arrival)
            return
        self._part.clear()
        for index in range(count):
            at = start + 2 + 2 * index
            size = (packet[at] << 8 | packet[at + 1]) >> _SIZE_SHIFT
            if data + size > end:
                raise MediaError(f"an AAC access unit of {size} bytes, {end - data} are left", code="aac")
            unit_timestamp = (timestamp + index * self._frame_ticks) & 0xFFFFFFFF
            self._out(bytes(packet[data : data + size]), unit_timestamp, seq, seq, arrival)
            data += size

    def gap(self, count: int) -> None:
        self._lost += count
        self._part.clear()

    def flush(self) -> None:
        """A part of an access unit is of no use."""
        self._part.clear()

    def _fragment(
        self,
        packet: Packet,
        data: int,
        end: int,
        size: int,
        marker: int,
        timestamp: int,
        seq: int,
        arrival: Instant,
    ) -> None:
        """A part of one access unit: each part states the size of the whole (RFC 3640 §3.2.3.1)."""
        part = self._part
        if part and (timestamp != self._part_timestamp or size != self._part_size):
            part.clear()
            raise MediaError("a fragmented AAC access unit was not completed", code="aac")
        if not part:
            self._part_timestamp, self._part_size, self._part_seq = timestamp, size, seq
        part += packet[data:end]
        if len(part) > size or (marker and len(part) != size):
            found = len(part)
            part.clear()
            raise MediaError(f"fragments of an AAC access unit have {found} bytes together, {size} said", code="aac")
        if len(part) == size:
            whole = bytes(part)
            part.clear()
            self._out(whole, timestamp, self._part_seq, seq, arrival)

    def _out(self, data: bytes, timestamp: int, first_seq: int, seq: int, arrival: Instant) -> None:
        frame = Frame(data, timestamp, self._frame_ticks, first_seq, seq, arrival)
        frame.lost, self._lost = self._lost, 0
        frame.keyframe = True
        self._emit(frame)
