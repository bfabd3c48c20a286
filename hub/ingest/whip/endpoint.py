"""The WHIP endpoint (RFC 9725), without its HTTP face: offers in, sessions kept, publishers handed to the pipeline."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import structlog

from hub.clock import US_PER_S, Clock, Instant
from hub.errors import HubError, InvalidRequest, NotFound, Unavailable
from hub.ingest.sockets import SocketGroup
from hub.ingest.whip.answer import negotiate, write_answer
from hub.ingest.whip.candidates import parse_fragment
from hub.ingest.whip.sdp import parse_offer
from hub.ingest.whip.session import PeerLike, WhipSession
from hub.ingest.whip.udp import LONGEST_TURN_S
from hub.metrics import WHIP_SESSIONS
from hub.model import MediaSink
from hub.settings import Settings

US_PER_MS = 1000
TICK_S = 0.02
OFFER_LIFE_US = 30 * US_PER_S
"""An offer that brought no media by then is forgotten."""
SILENCE_US = 60 * US_PER_S
"""A connected publisher that sends nothing at all for this long is let go; it may post anew. Whether that is an
interruption was decided long before, by the ticks of the pipeline."""
MAX_OFFERS_PER_STREAM = 4
"""Offers of one stream without media; one more, and the oldest is forgotten: a device that tries again is served."""
MAX_SESSIONS = 500
MAX_WAITING_RUNS = 4
"""Publishers of one stream whose media came and that the pipeline has not taken yet."""

Told = Callable[[str, str | bytes, Callable[[str], bool]], None]
"""Called on the event loop with a stream's id, what its recorder said on a data channel, and a way to answer there.
Must not block."""

_PEERS = "hub.ingest.whip.peer"
"""Loaded with the first offer: aiortc and what it needs are 25 MB, which a hub without recorders does not have."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WhipAnswer:
    """What ``POST /whip/{id}`` answers: ``201``, ``Location: …/{session_id}``, ``sdp`` as application/sdp."""

    session_id: str
    sdp: str


async def _close(peer: PeerLike) -> None:
    try:
        await peer.close()
    except Exception:
        log.exception("whip_close_failed")


class _Desk:
    """One stream's publishers."""

    def __init__(self) -> None:
        self.sessions: dict[str, WhipSession] = {}
        self.current: WhipSession | None = None
        self.waiting: deque[WhipSession] = deque()
        self.arrived = asyncio.Event()
        self.sink: MediaSink | None = None
        """The pipeline's side, while it listens: offers that come to nothing are told there too."""

    def complain(self, code: str, message: str) -> None:
        if self.sink is not None:
            self.sink.complaint(code, message)


class WhipInlet:
    """One stream's side towards the pipeline."""

    def __init__(self, desk: _Desk) -> None:
        self._desk = desk

    async def run_once(self, sink: MediaSink) -> str:
        """Wait for the next publisher's first media, then open the run and deliver until it ends; returns why.

        Media that came between two calls is delivered by the later one. Cancelling it ends the session.
        """
        desk = self._desk
        desk.sink = sink
        try:
            while not desk.waiting:
                desk.arrived.clear()
                await desk.arrived.wait()
            session = desk.waiting.popleft()
            try:
                return await session.deliver(sink)
            finally:
                session.end("the hub stopped recording the stream")
        finally:
            desk.sink = None


class WhipEndpoint:
    """All WHIP sessions of the hub. Lives on one event loop; :meth:`close` before that ends."""

    def __init__(self, settings: Settings, clock: Clock, *, peer: Callable[..., PeerLike] | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._peer = peer
        self._sockets = SocketGroup(clock, longest_turn_s=LONGEST_TURN_S)
        self._desks: dict[str, _Desk] = {}
        self._listeners: dict[str, Told] = {}
        self._count = 0
        self._ticker: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def offer(self, stream_id: str, sdp: str, *, device: str = "") -> WhipAnswer:
        """Answer a publisher's offer. ``device`` is its User-Agent. A refusal is told to the stream's pipeline too.

        Raises InvalidRequest (``bad_sdp``, ``no_media``, ``no_h264``, ``no_audio_codec``, ``too_many_tracks``,
        ``unsupported_sdp``) and Unavailable (``too_many_sessions``, ``no_udp_port``).
        """
        desk = self._desk(stream_id)
        if self._peer is None:
            self._peer = (await asyncio.to_thread(import_module, _PEERS)).Peer
        from hub.ingest.whip.peer import host_addresses

        try:
            parsed = parse_offer(sdp)
            agreed = negotiate(parsed)
            if self._count >= MAX_SESSIONS:
                raise Unavailable(f"{MAX_SESSIONS} WHIP sessions are open; try again later", code="too_many_sessions")
        except HubError as refusal:
            desk.complain(refusal.code, f"an offer was refused: {refusal}")
            raise
        session = WhipSession(
            stream_id,
            agreed,
            device or parsed.tool,
            self._clock.now(),
            nack_us=self._settings.webrtc_nack_ms * US_PER_MS,
            reorder_us=self._settings.reorder_ms * US_PER_MS,
            began=self._session_began,
            finished=self._session_finished,
            told=self._session_told,
        )
        peer = self._peer(
            agreed.remote,
            self._clock,
            addresses=host_addresses(self._settings.webrtc_addresses),
            ports=self._settings.webrtc_port_range,
            media=session.media,
            control=session.control,
            ended=session.ended_by_peer,
            data=agreed.data,
            message=session.message,
            sockets=self._sockets,
            stamped=session.reports_arrivals,
        )
        session.peer = peer
        self._count += 1
        WHIP_SESSIONS.inc()
        desk.sessions[session.id] = session
        try:
            local = await peer.gather()
        except BaseException:
            session.end("no UDP socket")
            raise
        self._make_room(desk)
        peer.start()
        self._tick_from_now_on()
        return WhipAnswer(session.id, write_answer(agreed, local, secrets.randbits(62)))

    async def trickle(self, stream_id: str, session_id: str, fragment: str) -> None:
        """``PATCH`` with application/trickle-ice-sdpfrag (RFC 9725 §4.3.1).

        Raises NotFound, InvalidRequest ``bad_sdp``, and InvalidRequest ``ice_restart`` (HTTP 422) when the fragment
        brings other ICE credentials: the publisher should post a new offer instead.
        """
        session = self._session(stream_id, session_id)
        parsed = parse_fragment(fragment)
        remote = session.agreed.remote
        if (parsed.ufrag or remote.ufrag) != remote.ufrag or (parsed.password or remote.password) != remote.password:
            raise InvalidRequest("an ICE restart is not supported: post a new offer", code="ice_restart")
        if session.peer is not None:
            await session.peer.add_candidates(parsed.candidates)

    async def end(self, stream_id: str, session_id: str) -> None:
        """``DELETE``: the device says goodbye. Raises NotFound for a Location that is no more."""
        self._session(stream_id, session_id).end("the device ended the session", goodbye=True)

    def on_message(self, label: str, listener: Told) -> None:
        """Who hears what comes on data channels of that label; others are read and forgotten."""
        self._listeners[label] = listener

    def say(self, stream_id: str, label: str, text: str) -> bool:
        """Send a message to the stream's recorder; False where it has no open channel of that label."""
        desk = self._desks.get(stream_id)
        return desk is not None and desk.current is not None and desk.current.say(label, text)

    def knows(self, stream_id: str) -> bool:
        """Whether anybody has offered this stream, and not ended."""
        desk = self._desks.get(stream_id)
        return desk is not None and bool(desk.sessions)

    def source(self, stream_id: str) -> WhipInlet:
        """What the pipeline of the stream runs, one call at a time."""
        return WhipInlet(self._desk(stream_id))

    def forget(self, stream_id: str, reason: str = "the stream was retired") -> None:
        """End every session of a stream."""
        desk = self._desks.get(stream_id)
        for session in list(desk.sessions.values()) if desk is not None else ():
            session.end(reason)

    async def close(self) -> None:
        """End all sessions and free their sockets."""
        for stream_id in list(self._desks):
            self.forget(stream_id, "the hub stops")
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
            self._ticker = None
        await asyncio.gather(*self._tasks)

    def tick(self, now: Instant) -> None:
        """One beat of all sessions; called by the endpoint's own timer."""
        for desk in self._desks.values():
            for session in list(desk.sessions.values()):
                try:
                    self._tick_session(session, now)
                except Exception:
                    # A fault in one session must not stop the timer of all.
                    log.exception("whip_tick_failed", stream=session.stream_id)
                    session.end("an error of the hub")

    def _tick_session(self, session: WhipSession, now: Instant) -> None:
        if session.opened is None:
            if now.mono_us - session.created.mono_us > OFFER_LIFE_US:
                session.end("no media came after the offer")
            return
        session.tick(now)
        if now.mono_us - session.last_media_us > SILENCE_US:
            session.end("the device sent nothing for a minute")

    def _desk(self, stream_id: str) -> _Desk:
        return self._desks.setdefault(stream_id, _Desk())

    def _session(self, stream_id: str, session_id: str) -> WhipSession:
        desk = self._desks.get(stream_id)
        session = desk.sessions.get(session_id) if desk is not None else None
        if session is None:
            raise NotFound(f"no WHIP session {session_id!r} of stream {stream_id!r}: it has ended or never was")
        return session

    def _make_room(self, desk: _Desk) -> None:
        offers = [session for session in desk.sessions.values() if session.opened is None]
        for session in offers[:-MAX_OFFERS_PER_STREAM]:
            session.end("too many offers without media")

    def _session_began(self, session: WhipSession) -> None:
        """Its first media: it takes the stream over."""
        desk = self._desk(session.stream_id)
        before, desk.current = desk.current, session
        if before is not None:
            before.end("superseded by another publisher")
        if len(desk.waiting) >= MAX_WAITING_RUNS:
            desk.waiting.popleft()
            log.warning("whip_run_dropped", stream=session.stream_id)
        desk.waiting.append(session)
        desk.arrived.set()

    def _session_told(self, session: WhipSession, label: str, data: str | bytes) -> None:
        listener = self._listeners.get(label)
        if listener is None:
            return
        try:
            listener(session.stream_id, data, lambda text: session.say(label, text))
        except Exception:
            # A fault of the hub's own: the channel lives on, the next message may be an SOS.
            log.exception("whip_message_failed", stream=session.stream_id)

    def _session_finished(self, session: WhipSession) -> None:
        desk = self._desk(session.stream_id)
        if desk.sessions.pop(session.id, None) is not None:
            self._count -= 1
            WHIP_SESSIONS.dec()
        if desk.current is session:
            desk.current = None
        media = session.opened is not None
        log.info("whip_session_ended", stream=session.stream_id, reason=session.reason, media=media)
        if not media and not session.left:
            desk.complain("whip_no_media", f"a recorder was answered, but no media came: {session.reason}")
        if session.peer is not None:
            task = asyncio.create_task(_close(session.peer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _tick_from_now_on(self) -> None:
        if self._ticker is None or self._ticker.done():
            self._ticker = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while self._count:
            await self._clock.sleep(TICK_S)
            self.tick(self._clock.now())
