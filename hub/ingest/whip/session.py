"""One publisher: its connection, its tracks, and what is sent back to it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

from hub.clock import US_PER_S, Instant
from hub.ingest.axis import RunAxis
from hub.ingest.reorder import ReorderWindow
from hub.ingest.track import RtpTrack
from hub.ingest.whip.answer import AcceptedTrack, LocalTransport, Negotiated
from hub.ingest.whip.candidates import RemoteCandidate
from hub.ingest.whip.congestion import ArrivalLog
from hub.ingest.whip.feedback import (
    KeyframeWatch,
    NackPlan,
    bit_rate_limit,
    empty_report,
    full_intra_request,
    generic_nack,
    picture_loss,
)
from hub.ingest.whip.relay import Relay
from hub.metrics import PACKETS_ASKED_AGAIN
from hub.model import AccessUnit, MediaKind, MediaSink, PacketLoss, SessionInfo

REPORT_EVERY_US = US_PER_S
"""Receiver reports: RFC 3550 asks for a mean of 5 s, WebRTC senders steer their rate by one a second."""
BIT_RATE_LIMIT = 20_000_000
"""Told to senders that know REMB alone (bit/s): more than any recorder sends. Without it they begin at 0.3 Mbit/s and
rise by 8 % a second."""
MIN_ROUND_TRIP_US = 20_000
"""Nothing is asked for again sooner than the tick that asks."""


class PeerLike(Protocol):
    """What a session needs of its connection; :class:`hub.ingest.whip.peer.Peer` is the real one."""

    @property
    def round_trip_us(self) -> int: ...
    @property
    def address(self) -> str: ...
    async def gather(self) -> LocalTransport: ...
    def start(self) -> None: ...
    async def add_candidates(self, candidates: Sequence[RemoteCandidate]) -> None: ...
    def send_rtcp(self, packet: bytes) -> None: ...
    def send_data(self, label: str, text: str) -> bool: ...
    async def close(self) -> None: ...


class _Line:
    """One track of a session and the feedback that belongs to it."""

    __slots__ = ("_asked_again", "_fir_count", "_nack", "_plan", "_report_us", "_watch", "accepted", "info", "track")

    def __init__(self, stream_id: str, accepted: AcceptedTrack, track: RtpTrack) -> None:
        self._asked_again = PACKETS_ASKED_AGAIN.labels(stream_id)
        self.accepted = accepted
        self.info = accepted.info
        self.track = track
        self._nack = "nack" in accepted.feedback
        self._plan = NackPlan()
        asks = accepted.info.kind is MediaKind.VIDEO
        self._watch = KeyframeWatch() if asks else None
        self._fir_count = 0
        self._report_us = 0

    def keyframe(self, now_us: int) -> None:
        if self._watch is not None:
            self._watch.keyframe(now_us)

    def lost(self) -> None:
        if self._watch is not None:
            self._watch.lost()

    def tick(self, now: Instant, sender: int, round_trip_us: int) -> list[bytes]:
        """RTCP packets to send now, reports first."""
        self.track.tick(now)
        media, now_us = self.track.ssrc, now.mono_us
        if media is None:
            return []
        packets: list[bytes] = []
        if now_us >= self._report_us:
            self._report_us = now_us + REPORT_EVERY_US
            packets.append(self.track.receiver_report(now))
            if "goog-remb" in self.accepted.feedback:
                packets.append(bit_rate_limit(sender, BIT_RATE_LIMIT, (media,)))
        if self._nack:
            due = self._plan.due(self.track.missing(), now_us, round_trip_us)
            if due:
                self._asked_again.inc(len(due))
                packets.append(generic_nack(sender, media, due))
        if self._watch is not None and self._watch.due(now_us, round_trip_us):
            packets.append(self._keyframe_request(sender, media))
        return packets

    def _keyframe_request(self, sender: int, media: int) -> bytes:
        # A sender that offered neither is asked by PLI all the same: RFC 8834 §5.1.2 makes it mandatory.
        if "ccm fir" in self.accepted.feedback and "nack pli" not in self.accepted.feedback:
            self._fir_count += 1
            return full_intra_request(sender, media, self._fir_count)
        return picture_loss(sender, media)


class WhipSession:
    """From an accepted offer to its end. All calls on the event loop.

    ``began(session)`` is called at the first media, ``finished(session)`` once at the end, whatever the reason,
    ``told(session, label, message)`` for each message on a data channel, also before the first media.
    """

    def __init__(
        self,
        stream_id: str,
        agreed: Negotiated,
        device: str,
        created: Instant,
        *,
        nack_us: int,
        reorder_us: int,
        began: Callable[[WhipSession], None],
        finished: Callable[[WhipSession], None],
        told: Callable[[WhipSession, str, str | bytes], None] = lambda _session, _label, _data: None,
    ) -> None:
        self.id = secrets.token_urlsafe(18)
        self.stream_id = stream_id
        self.agreed = agreed
        self.created = created
        self.opened: Instant | None = None
        self.last_media_us = created.mono_us
        self.reason: str | None = None
        self.left = False
        """Whether it ended by the device's own will."""
        self.peer: PeerLike | None = None
        self._device = device
        self._address = ""
        self._began = began
        self._finished = finished
        self._told = told
        self._done = asyncio.Event()
        self._ssrc = secrets.randbits(32)
        video_id = next((track.info.id for track in agreed.tracks if track.info.kind is MediaKind.VIDEO), 0)
        self._relay = Relay(video_id, self._keyframe, self._lost, self._left)
        axis = RunAxis()
        self._lines: dict[int, _Line] = {}
        for accepted in agreed.tracks:
            # What nobody will send again is not waited for as long.
            hold_us = nack_us if "nack" in accepted.feedback else min(nack_us, reorder_us)
            track = RtpTrack(accepted.info, axis, self._relay, window=ReorderWindow(hold_us=hold_us))
            self._lines[accepted.info.id] = _Line(stream_id, accepted, track)
        self._receivers: list[Callable[[bytes, Instant], None] | None] = [None] * 128
        for line in self._lines.values():
            for number in line.accepted.payload_types:
                self._receivers[number] = line.track.receive
        extension = next((track.transport_cc for track in agreed.tracks if track.transport_cc), 0)
        self._arrivals = ArrivalLog(extension) if extension else None
        self._prefix = b"" if all(track.reduced_size for track in agreed.tracks) else empty_report(self._ssrc)

    @property
    def reports_arrivals(self) -> bool:
        """Whether the publisher is told when each packet came."""
        return self._arrivals is not None

    def media(self, packet: bytes, arrival: Instant, came_us: int) -> None:
        """One RTP packet in the clear; ``came_us``: when the kernel had it (monotonic µs), of use where arrivals are
        reported. Hot path."""
        receive = self._receivers[packet[1] & 0x7F]
        if receive is None:
            return
        if self.opened is None:
            self._begin(arrival)
        self.last_media_us = arrival.mono_us
        if self._arrivals is not None:
            self._arrivals.packet(packet, came_us)
        receive(packet, arrival)

    def control(self, packet: bytes, arrival: Instant) -> None:
        """One compound RTCP packet in the clear."""
        for line in self._lines.values():
            # A report may overtake the first media; a track without media would take any report for its own.
            if self.reason is None and line.track.ssrc is not None:
                line.track.receive_rtcp(packet, arrival)

    def tick(self, now: Instant) -> None:
        """Every 20 ms or so: give up what was waited for too long, ask again, report."""
        peer = self.peer
        if self.opened is None or peer is None:
            return
        round_trip_us = max(peer.round_trip_us, MIN_ROUND_TRIP_US)
        packets: list[bytes] = []
        for line in self._lines.values():
            packets += line.tick(now, self._ssrc, round_trip_us)
        if self._arrivals is not None:
            report = self._arrivals.report(self._ssrc, self._media_ssrc(), now.mono_us)
            if report:
                packets.append(report)
        if packets:
            prefix = self._prefix if packets[0][1] != 201 else b""
            peer.send_rtcp(prefix + b"".join(packets))

    def message(self, label: str, data: str | bytes) -> None:
        """One message on a data channel."""
        if self.reason is None:
            self._told(self, label, data)

    def say(self, label: str, text: str) -> bool:
        """Send a message down; False where no such channel is open."""
        return self.reason is None and self.peer is not None and self.peer.send_data(label, text)

    def ended_by_peer(self, reason: str, goodbye: bool) -> None:
        """The connection is gone; ``goodbye``: because the device closed it."""
        self.end(reason, goodbye=goodbye)

    def end(self, reason: str, *, goodbye: bool = False) -> None:
        """What is waited for is given up, the run ends; ``goodbye``: by the device's own will."""
        if self.reason is not None:
            return
        try:
            for line in self._lines.values():
                line.track.end()
        finally:
            self.reason, self.left = reason, goodbye
            self._receivers = [None] * 128
            if goodbye and self.opened is not None:
                self._relay.say_goodbye(reason)
            self._done.set()
            self._finished(self)

    async def deliver(self, sink: MediaSink) -> str:
        """Open the run, deliver what came before this call and from now on; returns why it ended."""
        assert self.opened is not None
        tracks = tuple(line.info for line in self._lines.values())
        self._relay.attach(sink, SessionInfo("whip", self._address, self._device, tracks, self.opened))
        for code, message in self.agreed.complaints:
            sink.complaint(code, message)
        try:
            await self._done.wait()
        finally:
            self._relay.detach()
        return self.reason or ""

    def _media_ssrc(self) -> int:
        return next((line.track.ssrc for line in self._lines.values() if line.track.ssrc is not None), 0)

    def _begin(self, arrival: Instant) -> None:
        self.opened = arrival
        if self.peer is not None:
            self._address = self.peer.address
        self._began(self)

    def _keyframe(self, unit: AccessUnit) -> None:
        if not unit.damaged:
            self._lines[unit.track_id].keyframe(unit.arrival.mono_us)

    def _lost(self, loss: PacketLoss) -> None:
        self._lines[loss.track_id].lost()

    def _left(self, reason: str) -> None:
        self.end(reason or "the device said goodbye", goodbye=True)
