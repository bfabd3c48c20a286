"""H.265 over RTP (RFC 7798): single NAL unit packets, AP, FU; without DONL fields."""

from __future__ import annotations

from hub.bitstream import h265
from hub.clock import Instant
from hub.errors import MediaError
from hub.ingest.depacketize.frame import MAX_UNIT_BYTES, Complain, Emit, Frame
from hub.ingest.depacketize.video import LENGTH_BYTES, VideoDepacketizer
from hub.ingest.rtp import Packet
from hub.model import ParameterSets

_AP, _FU = 48, 49
_HEADER_BYTES = 2
_START, _END = 0x80, 0x40
_FIRST_SLICE = 0x80
"""First bit of a slice header: first_slice_segment_in_pic_flag."""
_BEFORE_PICTURE = frozenset((32, 33, 34, 35, 39, 41, 42, 43, 44, *range(48, 56)))
"""NAL unit types that begin the next access unit after a picture (H.265 §7.4.2.4.4)."""


class H265Depacketizer(VideoDepacketizer):
    """Fed with payloads in order; see :class:`hub.ingest.depacketize.frame.Depacketizer`."""

    def __init__(self, emit: Emit, complain: Complain, sets: ParameterSets | None) -> None:
        super().__init__(emit, complain, sets)
        self._reorder: dict[int, int] = {}
        self._kind = 0
        """NAL unit type of the picture's first slice."""
        self._rasl_astray = True
        initial = self.sets.initial
        for nal in (*initial.vps, *initial.sps, *initial.pps):
            self._read(nal[0] >> 1 & 0x3F if nal else 0, nal)

    def push(
        self, packet: Packet, start: int, end: int, marker: int, timestamp: int, seq: int, arrival: Instant
    ) -> None:
        if (
            self._open_at >= 0
            and timestamp == self._timestamp
            and not marker
            and start + 3 < end
            and packet[start] >> 1 & 0x3F == _FU
            and packet[start + 2] < _END
        ):  # the middle of a fragmented NAL unit: nearly all packets of a large picture
            self._buffer += packet[start + 3 : end]
            self._last_seq = seq
            self._arrival = arrival
            if len(self._buffer) > MAX_UNIT_BYTES:
                self._end_packet(marker, seq, arrival)
            return
        if end - start <= _HEADER_BYTES:
            raise MediaError(f"H.265 payload of {end - start} bytes", code="payload_type")
        if timestamp != self._timestamp or not self._buffer:
            self._begin(timestamp, seq)
        kind = packet[start] >> 1 & 0x3F
        if kind == _FU:
            header = packet[start + 2]
            if header & _START:
                self._first_fragment(packet, start, end)
            elif self._open_at >= 0:
                self._buffer += packet[start + 3 : end]
            else:
                self._orphan()
            if header & _END:
                self._last_fragment()
        elif kind < _AP:
            self._whole(kind, packet[start:end])
        elif kind == _AP:
            self._aggregate(packet, start + _HEADER_BYTES, end)
        else:
            raise MediaError(f"H.265 payload of type {kind}: expected a NAL unit, AP or FU", code="payload_type")
        self._end_packet(marker, seq, arrival)

    def _first_fragment(self, packet: Packet, start: int, end: int) -> None:
        if end - start < 4:
            raise MediaError("FU without a fragment", code="fragment")
        self._abandon_open()
        kind = packet[start + 2] & 0x3F
        self._announce(kind, packet[start + 3])
        first, second = packet[start], packet[start + 1]
        middle = bytes((first, second, kind))
        self._open(bytes(((first & 0x81) | kind << 1, second)), packet[start + 3 : end], middle)

    def _last_fragment(self) -> None:
        at = self._open_at
        self._close()
        if at >= 0:
            kind = self._buffer[at + LENGTH_BYTES] >> 1 & 0x3F
            if h265.NAL_VPS <= kind <= h265.NAL_PPS:
                self._read(kind, self._nal_bytes(at))

    def _whole(self, kind: int, nal: Packet) -> None:
        self._abandon_open()
        self._announce(kind, nal[_HEADER_BYTES] if len(nal) > _HEADER_BYTES else 0)
        self._add(nal)
        if h265.NAL_VPS <= kind <= h265.NAL_PPS:
            self._read(kind, bytes(nal))

    def _aggregate(self, packet: Packet, position: int, end: int) -> None:
        while position < end:
            size = packet[position] << 8 | packet[position + 1] if position + 2 <= end else 0
            position += 2
            if size < _HEADER_BYTES or position + size > end:
                self._broken = True
                raise MediaError(f"AP holds a NAL unit of {size} bytes, {end - position} are left", code="aggregate")
            self._whole(packet[position] >> 1 & 0x3F, packet[position : position + size])
            position += size

    def _announce(self, kind: int, first_payload: int) -> None:
        """A NAL unit of this kind begins."""
        if kind <= h265.NAL_VCL_LAST:
            self._picture_nal(first_payload >= _FIRST_SLICE)
            self._kind = kind
            if h265.NAL_IRAP_FIRST <= kind <= h265.NAL_IRAP_LAST:
                self._keyframe = True
                self._idr = kind in (h265.NAL_IDR_W_RADL, h265.NAL_IDR_N_LP)
        elif kind in _BEFORE_PICTURE:
            self._between_pictures()

    def _read(self, kind: int, nal: bytes) -> None:
        try:
            self._parameter_set(kind, nal)
        except MediaError as error:
            self._complain("parameter_set", f"H.265 NAL unit of type {kind}: {error}")

    def _parameter_set(self, kind: int, nal: bytes) -> None:
        if self.sets.has(nal):
            return
        if kind == h265.NAL_SPS:
            sps = h265.parse_sps(nal)
            self.sets.put_sps(sps.id, nal)
            self._reorder[sps.id] = sps.reorder
        elif kind == h265.NAL_PPS:
            self.sets.put_pps(h265.parse_pps_id(nal), nal)
        elif kind == h265.NAL_VPS:
            self.sets.put_vps(h265.vps_id(nal), nal)

    def _describe(self, frame: Frame) -> None:
        # With several sets the deepest holds for all: a decode time earlier than needed is harmless.
        frame.reorder = max(self._reorder.values(), default=None)
        if frame.keyframe:
            self._rasl_astray = self._recovered
        elif self._rasl_astray and self._kind in (h265.NAL_RASL_N, h265.NAL_RASL_R):
            frame.damaged = True
