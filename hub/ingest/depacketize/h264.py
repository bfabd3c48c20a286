"""H.264 over RTP (RFC 6184): single NAL unit packets, STAP-A, FU-A."""

from __future__ import annotations

from hub.bitstream import h264
from hub.clock import Instant
from hub.errors import MediaError
from hub.ingest.depacketize.frame import MAX_UNIT_BYTES, Complain, Emit, Frame
from hub.ingest.depacketize.video import LENGTH_BYTES, VideoDepacketizer
from hub.ingest.rtp import Packet, timestamp_step
from hub.model import ParameterSets

_STAP_A, _FU_A = 24, 28
_LAST_SINGLE = 23
_SLICE = 1
_LATER_PARTITIONS = (3, 4)
_SLICE_HEAD_BYTES = 64
_START, _END = 0x80, 0x40
_FIRST_MB_IS_0 = 0x80
"""First bit of a slice header: ue(v) of first_mb_in_slice is 0."""


class H264Depacketizer(VideoDepacketizer):
    """Fed with payloads in order; see :class:`hub.ingest.depacketize.frame.Depacketizer`."""

    def __init__(self, emit: Emit, complain: Complain, sets: ParameterSets | None) -> None:
        super().__init__(emit, complain, sets)
        self._sps: dict[int, h264.Sps] = {}
        self._sps_of_pps: dict[int, int] = {}
        self._active: h264.Sps | None = None
        self._recovery = False
        self._keyframe_timestamp = 0
        self._leading = False
        self._poc_high = 0
        self._poc_low = 0
        for nal in (*self.sets.initial.sps, *self.sets.initial.pps):
            self._read(nal[0] & 0x1F if nal else 0, nal)

    def push(
        self, packet: Packet, start: int, end: int, marker: int, timestamp: int, seq: int, arrival: Instant
    ) -> None:
        if (
            self._open_at >= 0
            and timestamp == self._timestamp
            and not marker
            and start + 2 < end
            and packet[start] & 0x1F == _FU_A
            and packet[start + 1] < _END
        ):  # the middle of a fragmented NAL unit: nearly all packets of a large picture
            self._buffer += packet[start + 2 : end]
            self._last_seq = seq
            self._arrival = arrival
            if len(self._buffer) > MAX_UNIT_BYTES:
                self._end_packet(marker, seq, arrival)
            return
        if start >= end:
            return
        if timestamp != self._timestamp or not self._buffer:
            self._begin(timestamp, seq)
        kind = packet[start] & 0x1F
        if kind == _FU_A:
            if end - start < 3:
                raise MediaError("FU-A without a fragment", code="fragment")
            header = packet[start + 1]
            if header & _START:
                self._first_fragment(packet, start, end)
            elif self._open_at >= 0:
                self._buffer += packet[start + 2 : end]
            else:
                self._orphan()
            if header & _END:
                self._last_fragment()
        elif 0 < kind <= _LAST_SINGLE:
            self._whole(kind, packet[start:end])
        elif kind == _STAP_A:
            self._aggregate(packet, start + 1, end)
        else:
            raise MediaError(f"H.264 payload of type {kind}: expected a NAL unit, STAP-A or FU-A", code="payload_type")
        self._end_packet(marker, seq, arrival)

    def _first_fragment(self, packet: Packet, start: int, end: int) -> None:
        self._abandon_open()
        kind = packet[start + 1] & 0x1F
        self._announce(kind, packet[start + 2])
        indicator = packet[start]
        self._open(bytes(((indicator & 0xE0) | kind,)), packet[start + 2 : end], bytes((indicator, kind)))

    def _last_fragment(self) -> None:
        at = self._open_at
        self._close()
        if at >= 0:
            kind = self._buffer[at + LENGTH_BYTES] & 0x1F
            if kind in (h264.NAL_SPS, h264.NAL_PPS, h264.NAL_SEI):
                self._read(kind, self._nal_bytes(at))

    def _whole(self, kind: int, nal: Packet) -> None:
        self._abandon_open()
        self._announce(kind, nal[1] if len(nal) > 1 else 0)
        self._add(nal)
        if h264.NAL_SEI <= kind <= h264.NAL_PPS:
            self._read(kind, bytes(nal))

    def _aggregate(self, packet: Packet, position: int, end: int) -> None:
        while position < end:
            size = packet[position] << 8 | packet[position + 1] if position + 2 <= end else 0
            position += 2
            if size == 0 or position + size > end:
                self._broken = True
                raise MediaError(
                    f"STAP-A holds a NAL unit of {size} bytes, {end - position} are left", code="aggregate"
                )
            self._whole(packet[position] & 0x1F, packet[position : position + size])
            position += size

    def _announce(self, kind: int, first_payload: int) -> None:
        """A NAL unit of this kind begins."""
        if _SLICE <= kind <= h264.NAL_IDR:
            self._picture_nal(first_payload >= _FIRST_MB_IS_0 and kind not in _LATER_PARTITIONS)
            if kind == h264.NAL_IDR:
                self._keyframe = self._idr = True
        elif h264.NAL_SEI <= kind <= h264.NAL_AUD:
            self._between_pictures()

    def _read(self, kind: int, nal: bytes) -> None:
        try:
            if kind == h264.NAL_SEI:
                self._recovery = self._recovery or h264.is_recovery_point(nal)
            else:
                self._parameter_set(kind, nal)
        except MediaError as error:
            self._complain("parameter_set", f"H.264 NAL unit of type {kind}: {error}")

    def _parameter_set(self, kind: int, nal: bytes) -> None:
        if self.sets.has(nal):
            return
        if kind == h264.NAL_SPS:
            sps = h264.parse_sps(nal)
            self.sets.put_sps(sps.id, nal)
            self._sps[sps.id] = sps
            self._active = sps
        elif kind == h264.NAL_PPS:
            pps_id, sps_id = h264.parse_pps_ids(nal)
            self.sets.put_pps(pps_id, nal)
            self._sps_of_pps[pps_id] = sps_id

    def _describe(self, frame: Frame) -> None:
        recovery, self._recovery = self._recovery, False
        sps = self._active
        frame.reorder = sps.reorder if sps is not None else None
        if recovery or (frame.reorder is None and sps is not None) or (frame.idr and len(self._sps) > 1):
            self._read_slice(frame, recovery)
        if frame.keyframe:
            self._keyframe_timestamp = frame.timestamp
            self._leading = not frame.idr and self._recovered
        elif self._leading:
            # Shown before the recovery point they follow: their references are missing.
            self._leading = timestamp_step(frame.timestamp, self._keyframe_timestamp) < 0
            frame.damaged = frame.damaged or self._leading

    def _read_slice(self, frame: Frame, recovery: bool) -> None:
        """Which SPS the picture uses, whether it is intra, and its order, from its first slice header."""
        try:
            at = self._slice_at + LENGTH_BYTES
            head, bits = h264.slice_reader(frame.data[at : at + _SLICE_HEAD_BYTES])
            sps = self._sps.get(self._sps_of_pps.get(head.pps_id, -1))
            if sps is None:
                return
            self._active = sps
            frame.reorder = sps.reorder
            if recovery and head.intra and not self._broken:
                frame.keyframe = True
                self._recovered, self._astray = self._astray, False
                frame.damaged = False
            if sps.reorder is None and sps.poc_type == 0 and not frame.damaged:
                frame.poc = self._order(h264.poc_lsb(bits, sps, frame.idr), sps.poc_lsb_bits, frame.idr)
        except MediaError as error:
            self._complain("slice", f"H.264 slice header: {error}")

    def _order(self, low: int, bits: int, idr: bool) -> int:
        """Picture order count of type 0 (H.264 §8.2.1.1), measured from the picture before."""
        if idr:
            self._poc_high = self._poc_low = 0
        half = 1 << (bits - 1)
        if low < self._poc_low and self._poc_low - low >= half:
            self._poc_high += half * 2
        elif low > self._poc_low and low - self._poc_low > half:
            self._poc_high -= half * 2
        self._poc_low = low
        return self._poc_high + low
