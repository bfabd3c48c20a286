"""One session with one camera: its tracks are set up, played, and delivered until it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from hub.clock import US_PER_S, Clock, Instant
from hub.errors import MediaError, SourceError
from hub.ingest.axis import RunAxis
from hub.ingest.reorder import ReorderWindow
from hub.ingest.rtp import frame_end
from hub.ingest.rtsp.connection import RtspConnection
from hub.ingest.rtsp.dialogue import SESSION_NOT_FOUND, Dialogue, Refused
from hub.ingest.rtsp.message import Message
from hub.ingest.rtsp.transport import InterleavedTransport, TrackTransport, UdpTransport
from hub.ingest.rtsp.url import RtspUrl
from hub.ingest.sdp import MediaDescription, SessionDescription, control_url, parse_description
from hub.ingest.sockets import SocketGroup
from hub.ingest.track import RtpTrack
from hub.model import MediaSink, SessionInfo, TrackInfo

REPORT_S = 5.0
"""Receiver reports: RFC 3550 §6.2 asks for 5 s at least."""
_WINDOW_TICK_S = 0.02
_WATCH_S = 0.25
_KEEPALIVE_LONGEST_S = 25.0
"""Cameras exist that state 60 s and end the session after 30."""
_KEEPALIVE_SHORTEST_S = 0.5
_FORGOTTEN_SILENCE_S = 1.0
"""Silence that ends a session of which the camera says that it has forgotten it."""


@dataclass(frozen=True, slots=True)
class SessionRules:
    """``window``: None over TCP. ``silence_s``: without media for this long the session ends."""

    silence_s: float
    window: ReorderWindow | None


@dataclass(slots=True)
class _Prepared:
    """A track that was set up: what it is and how its packets come."""

    info: TrackInfo
    payload_type: int
    transport: TrackTransport
    rtp: RtpTrack | None = None


def session_description(answer: Message, url: RtspUrl) -> SessionDescription:
    """The SDP of an answer to DESCRIBE. Raises SourceError (``no_media``, ``protocol``)."""
    if not answer.body.strip():
        raise SourceError(f"{url.host} describes its stream with nothing", code="no_media")
    base = answer.first("content-base") or answer.first("content-location")
    # Some name a path only.
    base = control_url(url.request, base)
    try:
        return parse_description(answer.body.decode("utf-8", "replace"), base)
    except MediaError as error:
        raise SourceError(f"{url.host}: {error}", code="protocol") from error


class RtspSession:
    """``stop`` must be called at the end: it closes what was opened."""

    def __init__(
        self,
        connection: RtspConnection,
        dialogue: Dialogue,
        url: RtspUrl,
        sink: MediaSink,
        clock: Clock,
        rules: SessionRules,
        sockets: SocketGroup,
    ) -> None:
        self._connection = connection
        self._dialogue = dialogue
        self._url = url
        self._sink = sink
        self._clock = clock
        self._rules = rules
        self._sockets = sockets
        self._axis = RunAxis()
        self._tracks: list[_Prepared] = []
        self._device = ""
        self._opened = False
        self._forgotten = False
        self._media_mono_us = 0
        """When the last RTP packet came."""

    async def set_up(self, session: SessionDescription, device: str) -> None:
        """SETUP of every track that the hub can record; the others are named in complaints.

        Raises SourceError: ``no_media`` or ``unsupported_codec`` where no track is left, or what the
        camera answered where it refuses all of them.
        """
        self._device = device
        self._dialogue.aggregate(session.control)
        refusal: SourceError | None = None
        for media in session.media:
            if media.info is None:
                self._sink.complaint("unsupported_codec", f"a track is not recorded: {media.why_not}")
                continue
            try:
                self._tracks.append(await self._set_up_track(media, media.info))
            except Refused as error:
                if error.code == "unauthorized":
                    raise
                self._sink.complaint("setup", f"a track ({media.info.codec}) is not recorded: {error}")
                refusal = error
        if not self._tracks:
            raise refusal or _nothing_usable(session)

    async def _set_up_track(self, media: MediaDescription, info: TrackInfo) -> _Prepared:
        transport: TrackTransport
        if self._rules.window is not None:
            transport = UdpTransport(self._connection, self._sockets, self._sink.complaint)
        else:
            transport = InterleavedTransport(self._connection, len(self._tracks))
        try:
            answer = await self._dialogue.request("SETUP", media.control, {"Transport": transport.request})
            transport.accept(answer.first("transport"))
        except BaseException:
            transport.close()
            raise
        self._dialogue.in_session(answer)
        return _Prepared(info, media.payload_type, transport)

    async def play(self) -> None:
        """PLAY. Media may come before its answer; the RTP-Info of that answer is not used: many cameras
        state a time there that is not their media's. What is opened is opened by the first of both."""
        for track in self._tracks:
            rtp = RtpTrack(
                track.info, self._axis, self._sink, window=self._rules.window, payload_type=track.payload_type
            )
            track.rtp = rtp
            track.transport.punch(rtp.receiver_report(self._clock.now()))
            track.transport.start(_Opening(self._open, rtp))
        await self._dialogue.play()
        self._open()

    def _open(self) -> None:
        if self._opened:
            return
        self._opened = True
        now = self._clock.now()
        self._media_mono_us = now.mono_us
        way = "udp" if self._rules.window is not None else "tcp"
        self._sink.opened(
            SessionInfo(
                protocol=f"{'rtsps' if self._url.tls else 'rtsp'}/{way}",
                peer=f"{self._url.host}:{self._url.port}",
                device=self._device,
                tracks=tuple(track.info for track in self._tracks),
                opened=now,
            )
        )
        for track in self._tracks:
            if track.rtp is not None:
                track.transport.start(track.rtp)

    async def deliver(self) -> str:
        """Until the session ends; returns why. Raises SourceError (``silent``, ``protocol``)."""
        duties = [self._keep_alive(), self._watch(), self._report()]
        if self._rules.window is not None:
            duties.append(self._tick())
        tasks: list[asyncio.Future[str]] = [asyncio.ensure_future(duty) for duty in duties]
        try:
            done, _ = await asyncio.wait((self._connection.ended, *tasks), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        # The connection's own reason says most.
        return (self._connection.ended if self._connection.ended in done else done.pop()).result()

    async def _keep_alive(self) -> str:
        """At half the session's timeout. Over TCP a camera that ignores them but sends is let be."""
        pause_s = max(_KEEPALIVE_SHORTEST_S, min(self._dialogue.session_timeout_s / 2, _KEEPALIVE_LONGEST_S))
        while True:
            await self._clock.sleep(pause_s)
            try:
                await self._dialogue.keepalive()
            except SourceError as error:
                self._forgotten = isinstance(error, Refused) and error.status == SESSION_NOT_FOUND
                self._sink.complaint("keepalive", f"the camera does not take the keepalive: {error}")

    async def _watch(self) -> str:
        """Ends the session that has gone silent, or said goodbye. All sessions look at the same moments: the process
        wakes up once for all of them."""
        pause_us = round(min(_WATCH_S, self._rules.silence_s / 4) * US_PER_S)
        while True:
            await self._clock.sleep((pause_us - self._clock.now().mono_us % pause_us) / US_PER_S)
            if self._axis.ended:
                return "the camera said goodbye"
            heard = max((track.rtp.heard_mono_us for track in self._tracks if track.rtp), default=0)
            silence_s = min(self._rules.silence_s, _FORGOTTEN_SILENCE_S) if self._forgotten else self._rules.silence_s
            if self._clock.now().mono_us - max(heard, self._media_mono_us) >= silence_s * US_PER_S:
                hint = " (UDP may be blocked on the way: try tcp)" if self._rules.window and not heard else ""
                raise SourceError(f"no media for {silence_s:g} s{hint}", code="silent")

    async def _report(self) -> str:
        """Receiver reports, and what this machine itself dropped."""
        while True:
            await self._clock.sleep(REPORT_S)
            now = self._clock.now()
            for track in self._tracks:
                if track.rtp is None:
                    continue
                track.transport.send_rtcp(track.rtp.receiver_report(now))
                dropped = track.transport.dropped()
                if dropped:
                    self._sink.complaint("udp_dropped", f"this machine dropped {dropped} datagrams: it is too slow")

    async def _tick(self) -> str:
        """The reordering windows give up in time even when nothing comes."""
        while True:
            await self._clock.sleep(_WINDOW_TICK_S)
            now = self._clock.now()
            for track in self._tracks:
                if track.rtp is not None:
                    track.rtp.tick(now)

    def stop(self) -> None:
        """Gives out what is held, and closes the transports."""
        for track in self._tracks:
            track.transport.close()
            if self._opened and track.rtp is not None:
                track.rtp.end()


@dataclass(frozen=True, slots=True)
class _Opening:
    """Until the session is known to be open, every packet asks."""

    open: Callable[[], None]
    rtp: RtpTrack

    def receive(self, packet: memoryview, arrival: Instant) -> None:
        self.open()
        self.rtp.receive(packet, arrival)

    def receive_rtcp(self, packet: memoryview, arrival: Instant) -> None:
        self.open()
        self.rtp.receive_rtcp(packet, arrival)

    def receive_interleaved(
        self, buffer: bytearray, view: memoryview, position: int, fill: int, arrival: Instant
    ) -> int:
        if frame_end(buffer, position, fill):
            self.open()
        return self.rtp.receive_interleaved(buffer, view, position, fill, arrival)


def _nothing_usable(session: SessionDescription) -> SourceError:
    reasons = [media.why_not for media in session.media if media.kind in ("video", "audio")]
    if not reasons:
        return SourceError("the camera's session has neither picture nor sound", code="no_media")
    return SourceError(f"no track can be recorded: {'; '.join(reasons)}", code="unsupported_codec")
