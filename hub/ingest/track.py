"""One RTP stream of one session: packets in, access units out. Knows no socket and no clock.

The trip of a packet: header → sender → order (window) → depacketizer → axis → decode time → sink.
"""

from __future__ import annotations

import secrets

from hub.clock import US_PER_S, Instant
from hub.errors import MediaError
from hub.ingest.axis import LEAP_US, RunAxis
from hub.ingest.decode_time import DecodeClock
from hub.ingest.depacketize.choose import depacketizer_for
from hub.ingest.depacketize.frame import Frame
from hub.ingest.depacketize.video import VideoDepacketizer
from hub.ingest.reception import ReceptionStatistics
from hub.ingest.reorder import HeldPackets, ReorderWindow
from hub.ingest.rtcp import Goodbye, SenderInfo, parse_compound
from hub.ingest.rtp import (
    ALIKE_BYTES,
    EXTENDED,
    EXTENDED_BYTES,
    FRAME_HEADER_BYTES,
    HEADER_BYTES,
    IDENTITY_AT,
    PLAIN,
    Packet,
    frame_end,
    frames_in_a_row,
    payload_bounds,
    sequence_step,
    unpack_frame,
    unpack_header,
)
from hub.ingest.source import SILENT_US, SourceGuard
from hub.model import AccessUnit, MediaKind, MediaSink, PacketLoss, TimeLeap, TrackInfo

_LATE_PACKETS = 512
"""A number this far behind is a copy or came late; further behind, the sender may count anew."""
_FRAME_AND_HEADER = FRAME_HEADER_BYTES + HEADER_BYTES
_MARKER = 0x80
_HEAD_MARKER = _MARKER << 16
_PAYLOAD_TYPE = 0x7F
_SILENT_DISTANCES = 3
"""A sender of one picture a second is not silent after 300 ms."""
_DEFAULT_FPS = 25
_FIRST_LEAD_S = 0.9
"""Fragments lie one second after the axis: decode times before its start must fit in there."""


class RtpTrack:
    """A track of a run.

    ``window``: None where the transport keeps the order. ``payload_type``: packets of another one
    (retransmission, FEC, events on the same SSRC) are counted and skipped; None: all are this codec.
    Raises MediaError if the track's description cannot be used.
    """

    def __init__(
        self,
        info: TrackInfo,
        axis: RunAxis,
        sink: MediaSink,
        *,
        window: ReorderWindow | None,
        payload_type: int | None = None,
    ) -> None:
        self.info = info
        self._sink = sink
        self._axis = axis
        self._clock = axis.clock(info)
        self._video = info.kind is MediaKind.VIDEO
        self._decode = DecodeClock(info.timescale // _DEFAULT_FPS, int(info.timescale * _FIRST_LEAD_S))
        self._payload_type = payload_type
        self._type, self._type_mask = (0, 0) if payload_type is None else (payload_type, _PAYLOAD_TYPE)
        # The first four octets of a header as one number: version and flags, the type without the marker, the sequence
        self._plain_head, self._head_mask = PLAIN << 24 | self._type << 16, 0xFF00FFFF | self._type_mask << 16
        self._depacketizer = depacketizer_for(info, self._frame, sink.complaint)
        self._push = self._depacketizer.push
        self._pictures = self._depacketizer if isinstance(self._depacketizer, VideoDepacketizer) else None
        self._held = HeldPackets(window) if window is not None else None
        self._waiting = self._held.held if self._held is not None else {}
        self._guard = SourceGuard()
        self._next = -1
        """Extended sequence number expected next; −1: none came yet."""
        self._settled_us = 0
        """Until then (monotonic) the track may begin before its first packet; 0: it has begun."""
        self._behind: tuple[int, bytes, Instant] | None = None
        """A packet whose number lay far behind: one that follows it means the sender counts anew."""
        self.heard_mono_us = 0
        """When the last packet of this track came, on the monotonic scale."""
        self._last_ticks = -1 << 62
        self._statistics = ReceptionStatistics(info.timescale)
        self._own_ssrc = secrets.randbits(32)

    @property
    def ssrc(self) -> int | None:
        """The sender's; None until its first packet."""
        return self._guard.ssrc

    # -- packets in ----------------------------------------------------------------------------

    def receive_interleaved(
        self, buffer: bytearray, view: memoryview, position: int, fill: int, arrival: Instant
    ) -> int:
        """The packets of this track that lie in ``buffer[position:fill]`` one after the other, each behind its frame
        header; returns where what follows them begins. ``view`` is of the buffer, which is not kept.

        The hot path: what is in order, plain and of our codec goes to the depacketizer as it lies there.
        """
        push, began, mark = self._push, position, buffer[position] << 8 | buffer[position + 1]
        mask, known, expected = self._head_mask, self._guard.ssrc, self._next
        plain, pictures = self._plain_head, self._pictures
        while position + _FRAME_AND_HEADER <= fill:
            found, size, head, timestamp, ssrc = unpack_frame(buffer, position)
            end = position + FRAME_HEADER_BYTES + size
            if found != mark or end > fill:
                break
            if head & mask == plain | expected & 0xFFFF and ssrc == known and size > HEADER_BYTES:
                self._next, self.heard_mono_us = expected + 1, arrival.mono_us
                try:
                    push(view, position + _FRAME_AND_HEADER, end, head & _HEAD_MARKER, timestamp, expected, arrival)
                    if pictures is not None and pictures.middle:
                        end = self._go_on(pictures, view, position, end, fill, arrival)
                except MediaError as error:
                    self._unusable(error)
                expected = self._next
            else:
                self.receive(view[position + FRAME_HEADER_BYTES : end], arrival)
                known, expected = self._guard.ssrc, self._next
            position = end
        if position == began and (end := frame_end(buffer, position, fill)):
            self.receive(view[position + FRAME_HEADER_BYTES : end], arrival)  # shorter than a header
            return end
        return position

    def _go_on(
        self, pictures: VideoDepacketizer, view: memoryview, before: int, position: int, fill: int, arrival: Instant
    ) -> int:
        """Most packets of a large picture: behind the one at ``before``, as large as it, and nothing but the next part
        of the same NAL unit. Taken together; returns where what follows them begins."""
        alike, middle = view[before : before + ALIKE_BYTES], pictures.middle
        if view[position : position + ALIKE_BYTES] != alike:
            return position
        size = position - before
        same = bytes(view[before + IDENTITY_AT : before + _FRAME_AND_HEADER]) + middle
        wanted = self._next & 0xFFFF
        parts: list[bytes] = []
        whole = fill - (fill - position) % size
        for frame, seq, identity, part in frames_in_a_row(size, len(middle))(view[position:whole]):
            if seq != wanted or identity != same or frame != alike:
                break
            parts.append(part)
            wanted += 1  # past 65,535 it fits no packet, which goes the other way
        if parts:
            self._next += len(parts)
            pictures.go_on(parts, self._next - 1, arrival)
        return position + len(parts) * size

    def receive(self, packet: Packet, arrival: Instant) -> None:
        """One RTP packet. Never raises for what is in it; a memoryview is not kept."""
        if len(packet) < HEADER_BYTES:
            self._sink.complaint("rtp_truncated", f"RTP packet of {len(packet)} bytes on track {self.info.id}")
            return
        first, second, seq, timestamp, ssrc = unpack_header(packet)
        if ssrc != self._guard.ssrc and not self._admit(packet, arrival):
            return
        expected = self._next
        if seq != expected & 0xFFFF or self._waiting:
            self._out_of_order(packet, seq, arrival)
            return
        self._next = expected + 1
        self.heard_mono_us = arrival.mono_us
        self._deliver(packet, first, second, timestamp, expected, arrival)

    def _deliver(self, packet: Packet, first: int, second: int, timestamp: int, seq: int, arrival: Instant) -> None:
        """One packet, in order, whatever its header holds."""
        try:
            if first == PLAIN:
                start, end = HEADER_BYTES, len(packet)
            elif first == EXTENDED and len(packet) >= EXTENDED_BYTES:
                start, end = EXTENDED_BYTES + 4 * (packet[14] << 8 | packet[15]), len(packet)
                if start > end:
                    start, end = payload_bounds(packet)  # which says what is wrong
            else:
                start, end = payload_bounds(packet)
            if second & self._type_mask == self._type:
                self._push(packet, start, end, second & _MARKER, timestamp, seq, arrival)
        except MediaError as error:
            self._unusable(error)

    def _unusable(self, error: MediaError) -> None:
        self._sink.complaint(error.code, f"track {self.info.id} ({self.info.codec}): {error}")
        self._depacketizer.gap(0)

    def _admit(self, packet: Packet, arrival: Instant) -> bool:
        """A packet of an SSRC that is not the track's: its first one, a stranger, or the sender anew."""
        first, second, seq, _, ssrc = unpack_header(packet)
        if first >> 6 != 2:
            self._sink.complaint("rtp_version", f"RTP version {first >> 6} on track {self.info.id}, expected 2")
            return False
        if self._payload_type not in (None, second & _PAYLOAD_TYPE):
            self._sink.complaint(
                "payload_type",
                f"payload type {second & _PAYLOAD_TYPE} on track {self.info.id}, expected {self._payload_type}",
            )
            return False
        guard = self._guard
        if guard.ssrc is None:
            guard.ssrc = ssrc
            return self._first(packet, seq, arrival)
        known = guard.ssrc
        silent_us = max(SILENT_US, _SILENT_DISTANCES * self._clock.microseconds(self._clock.distance_ticks))
        taken = guard.stranger(ssrc, bytes(packet), arrival, self.heard_mono_us, silent_us)
        if taken:
            self._sink.complaint(
                "ssrc_changed", f"track {self.info.id}: SSRC {known:08x} fell silent, {ssrc:08x} goes on"
            )
            self._restart(unpack_header(taken[0][0])[2])
            for kept, came in taken:
                self.receive(kept, came)
        elif guard.worth_telling(ssrc):
            self._sink.complaint("foreign_ssrc", f"track {self.info.id}: packets of {ssrc:08x} beside {known:08x}")
        return False

    def _first(self, packet: Packet, seq: int, arrival: Instant) -> bool:
        """The first packet of all. Returns whether it is to be delivered now, rather than held."""
        held = self._held
        self._next = seq
        if held is None or not held.window.settle_us:
            self._statistics.begin(seq)
            return True
        if seq < _LATE_PACKETS:
            self._next += 1 << 16  # those before it shall be no negative numbers
        self._settled_us = arrival.mono_us + held.window.settle_us
        self.heard_mono_us = arrival.mono_us
        held.put(self._next, bytes(packet), arrival)
        return False

    def _settle(self, held: HeldPackets) -> None:
        """The track begins with the lowest number that came."""
        self._settled_us = 0
        self._next = held.first()
        self._statistics.begin(self._next)

    def _out_of_order(self, packet: Packet, seq: int, arrival: Instant) -> None:
        expected = self._next
        step = sequence_step(seq, expected & 0xFFFF)
        if step < 0 and not (self._settled_us and -step <= _LATE_PACKETS):
            self._late(packet, seq, step, arrival)
            return
        self._behind = None
        self.heard_mono_us = arrival.mono_us
        held = self._held
        if held is None:
            self._lose(step, arrival)
            self._next += 1
            first, second, _, timestamp, _ = unpack_header(packet)
            self._deliver(packet, first, second, timestamp, self._next - 1, arrival)
            return
        held.put(expected + step, bytes(packet), arrival)
        self._release(arrival)

    def _late(self, packet: Packet, seq: int, step: int, arrival: Instant) -> None:
        """A copy, one that was given up, or a sender that counts anew (RFC 3550 §A.1)."""
        if -step <= _LATE_PACKETS:
            self._statistics.late += 1
            return
        behind, self._behind = self._behind, (seq, bytes(packet), arrival)
        if behind is None or seq != behind[0] + 1 & 0xFFFF:
            return
        self._sink.complaint("seq_restart", f"track {self.info.id}: sequence numbers began anew at {behind[0]}")
        self._restart(behind[0])
        self.receive(behind[1], behind[2])
        self.receive(packet, arrival)

    def _restart(self, seq: int) -> None:
        """The same track of a sender that began anew: numbers stay ascending, pictures start over."""
        self._drain()
        if self._held is not None:
            self._held.clear()
        self._next = ((self._next >> 16) + 1 << 16) + seq
        self._behind = None
        self._depacketizer.flush()
        self._depacketizer.gap(0)
        self._decode.restart()
        self._clock.restart()
        self._statistics.begin(self._next)

    def _lose(self, count: int, now: Instant) -> None:
        first = self._next
        self._next += count
        self._statistics.lost += count
        self._sink.loss(PacketLoss(self.info.id, first, count, now))
        self._depacketizer.gap(count)

    # -- the window ----------------------------------------------------------------------------

    def tick(self, now: Instant) -> None:
        """Gives up what the window has waited for too long. Every 20 ms or so where there is a window."""
        if self._held:
            self._release(now)

    def missing(self) -> list[int]:
        """16-bit sequence numbers that are waited for, ascending: what a NACK asks for."""
        held = self._held
        return [seq & 0xFFFF for seq in held.missing(self._next)] if held else []

    def _release(self, now: Instant) -> None:
        """Delivers what is in order; gives up gaps that are overdue."""
        held = self._held
        if self._settled_us and held:
            if now.mono_us < self._settled_us:
                return
            self._settle(held)
        while held:
            kept = held.pop(self._next)
            if kept is None:
                if not held.overdue(self._next, now):
                    return
                self._lose(held.first() - self._next, now)
                continue
            self._next += 1
            packet, arrival = kept
            first, second, _, timestamp, _ = unpack_header(packet)
            self._deliver(packet, first, second, timestamp, self._next - 1, arrival)

    def _drain(self) -> None:
        """Delivers all that is held, gaps or not."""
        held = self._held
        if self._settled_us and held:
            self._settle(held)
        while held:
            seq = held.first()
            packet, arrival = held.pop(seq) or (b"", Instant(0, 0))
            if seq > self._next:
                self._lose(seq - self._next, arrival)
            self._next = seq + 1
            first, second, _, timestamp, _ = unpack_header(packet)
            self._deliver(packet, first, second, timestamp, seq, arrival)

    def end(self) -> None:
        """The run is over: gives out what is held and what is complete."""
        self._drain()
        self._depacketizer.flush()

    # -- reports -------------------------------------------------------------------------------

    def receive_rtcp(self, packet: Packet, arrival: Instant) -> None:
        """A compound RTCP packet: sender reports and BYE. Reports of other SSRCs are passed over."""
        try:
            messages = parse_compound(packet)
        except MediaError as error:
            self._sink.complaint(error.code, f"track {self.info.id}: {error}")
            return
        for message in messages:
            if isinstance(message, SenderInfo):
                self._sender_report(message, arrival)
            elif self.ssrc in message.ssrcs:
                self._goodbye(message)

    def _sender_report(self, info: SenderInfo, arrival: Instant) -> None:
        if self.ssrc is not None and info.ssrc != self.ssrc:
            return
        self._statistics.sender_report(info.lsr, arrival)
        report = self._clock.report(info, arrival)
        if report is not None:
            self._sink.sender_report(report)

    def _goodbye(self, message: Goodbye) -> None:
        if self._clock.goodbye:
            return
        self._clock.goodbye = True
        if self._axis.ended:
            self.end()
            self._sink.goodbye(message.reason or "RTCP BYE")

    def receiver_report(self, now: Instant) -> bytes:
        """RTCP RR and SDES for this track (RFC 3550 §6.4.2), for what came since the last call."""
        return self._statistics.report(self._own_ssrc, self.ssrc, self._next, now)

    # -- frames out ----------------------------------------------------------------------------

    def _frame(self, frame: Frame) -> None:
        """A depacketized frame: its place, its decode time, and off it goes."""
        clock, arrival = self._clock, frame.arrival
        realigned = frame.keyframe and self._axis.realign(clock.kind)
        if self._video:
            pts, dts = self._place_picture(frame, realigned)
            duration = self._decode.distance_ticks
        else:
            pts = clock.place(frame.timestamp, arrival, lost=frame.lost, reordered=False)
            self._last_ticks = dts = pts = max(pts, self._last_ticks + 1)
            clock.distance_ticks = duration = frame.duration_ticks
        if abs(clock.leap_us) >= LEAP_US:
            self._sink.leap(TimeLeap(self.info.id, clock.leap_us, arrival))
        if clock.early_report_waits:
            self._early_report()
        axis, at_us = self._axis, pts * US_PER_S // self.info.timescale
        if axis.measuring and arrival.mono_us - at_us < clock.least_us:
            clock.least_us = arrival.mono_us - at_us
        self._statistics.arrival(frame.timestamp, arrival)
        self._sink.unit(
            AccessUnit(
                self.info.id,
                frame.data,
                dts,
                pts,
                duration,
                frame.keyframe,
                frame.damaged,
                axis.capture_us(at_us, arrival),
                clock.device_us(pts),
                arrival,
                frame.first_seq,
                frame.last_seq,
                frame.lost,
                frame.parameter_sets,
                realigned,
            )
        )

    def _place_picture(self, frame: Frame, realigned: bool) -> tuple[int, int]:
        """Presentation and decode time of a picture, in ticks of the axis."""
        clock, decode = self._clock, self._decode
        reordered = bool(frame.reorder) or (frame.reorder is None and decode.goes_back(frame.poc))
        first = not clock.started
        pts = clock.place(frame.timestamp, frame.arrival, lost=frame.lost, reordered=reordered)
        broken = first or realigned or clock.leap_us != 0
        if broken:
            decode.restart()
        dts = decode.next(pts, frame.reorder, frame.poc, frame.idr, steady=not broken and not frame.lost)
        if decode.measured:
            clock.distance_ticks = decode.distance_ticks
        return max(pts, dts), dts

    def _early_report(self) -> None:
        report = self._clock.early_report()
        if report is not None:
            self._sink.sender_report(report)
