"""A stream's trip in one process and without a network: the bytes that a camera sends, read as a socket gives them,
through the hub's own connection, track, pipeline and fragmenter, up to the disk's door.

What it costs is thereby a matter of the code alone. ``hub bench floor`` measures it; ``tests/unit/test_speed_guard.py``
counts what it executes.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

from hub.clock import US_PER_S, Instant, ManualClock
from hub.demo.device import ClockRules, Device, MediaSession
from hub.demo.feed import INTERLEAVE_SIZE, FeedStart, TrackMedia
from hub.demo.rtsp_text import describe
from hub.fleet import TICK_S
from hub.ingest.axis import RunAxis
from hub.ingest.rtsp.connection import RtspConnection
from hub.ingest.rtsp.transport import InterleavedTransport
from hub.ingest.sdp import parse_description
from hub.ingest.sockets import SocketGroup
from hub.ingest.track import RtpTrack
from hub.ingest.whip.answer import AcceptedTrack, Negotiated
from hub.ingest.whip.endpoint import TICK_S as WHIP_TICK_S
from hub.ingest.whip.sdp import OfferedCodec
from hub.ingest.whip.session import WhipSession
from hub.model import Fragment, RtspSource, SessionInfo, Stream, StreamKind, TrackInfo
from hub.monitor.detector import InterruptionDetector
from hub.monitor.events import EventBus
from hub.monitor.live import LiveFeed
from hub.monitor.rules import DetectorRules
from hub.monitor.vitals import Flow
from hub.pipeline import Pipeline, Rooms, Source
from hub.segmenter.reel import Reel
from hub.settings import Settings

SHARED = SocketGroup(ManualClock())
TRANSPORT_CC = 3
"""Id of the header extension with which a browser numbers its packets."""
_RTP_HEADER = 12
_EXTENSION = struct.Struct(">HHBHx")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a device sent at one moment: interleaved frames (RFC 2326 §10.12) of one or more tracks, joined."""

    at: Instant
    data: bytes
    packets: int


def sent_by(tracks: Sequence[TrackMedia], seconds: float) -> list[Sent]:
    """The first seconds of a camera with these tracks, sender reports included."""
    clock = ManualClock(mono_us=10 * US_PER_S)
    device = Device("camera", tracks, clock=ClockRules())
    starts = {n: FeedStart(0x5EED0 + n, 65_000 + n, 90_000 * n, channel=2 * n) for n in range(len(tracks))}
    parts: list[bytes] = []
    count = 0

    def media(_track: int, pairs: list[bytes]) -> None:
        nonlocal count
        parts.extend(pairs)
        count += len(pairs) // 2

    def report(track: int, packet: bytes) -> None:
        parts.append(struct.pack(">BBH", 0x24, 2 * track + 1, len(packet)) + packet)

    session = MediaSession(device, starts, clock.now(), media, report)
    sent: list[Sent] = []
    end_us = clock.mono_us + round(seconds * US_PER_S)
    while session.wake_us < end_us:
        clock.advance(max(0, session.wake_us - clock.mono_us) / US_PER_S)
        session.advance(clock.now())
        if parts:
            sent.append(Sent(clock.now(), b"".join(parts), count))
        parts.clear()
        count = 0
    return sent


class NoDisk:
    """Takes everything at once: what comes after the disk's door costs nothing here."""

    def __init__(self) -> None:
        self.frames = 0
        """Pictures and frames of sound that came to the door."""
        self.waiting_bytes = 0

    def append(self, _reel: Reel, fragment: Fragment) -> bool:
        self.frames += fragment.frames
        return True

    def seal(self, reel: Reel, reason: str) -> None:
        pass

    def finish(self, reel: Reel) -> None:
        reel.owner.reel_closed()

    def has_room(self) -> bool:
        return True


class NoLedger:
    def append(self, *_: object) -> Any:
        return SimpleNamespace(leaf="", t_mono_us=0)

    def next_run(self, _stream_id: str) -> int:
        return 1

    def next_seq(self, _stream_id: str) -> int:
        return 1


class Trip:
    """One stream from its first byte to the disk's door. Made inside a running event loop."""

    def __init__(self, clock: ManualClock, disk: NoDisk | None = None) -> None:
        settings = Settings()
        self.clock = clock
        self.disk = disk or NoDisk()
        self.feed = LiveFeed("camera")
        stream = Stream("camera", "camera", StreamKind.WINDOW, RtspSource("rtsp://camera/"), 0)
        rooms = Rooms(settings, clock, cast(Any, NoLedger()), cast(Any, self.disk), EventBus(), flow=Flow())
        detector = InterruptionDetector(stream, DetectorRules.from_settings(settings))
        self.pipeline = Pipeline(stream, cast(Source, None), detector, self.feed, rooms, None)
        self._tick_us = clock.mono_us

    def tick(self, now: Instant) -> None:
        """As the fleet does."""
        while now.mono_us >= self._tick_us:
            self.pipeline.tick(now)
            self._tick_us += round(TICK_S * US_PER_S)


class RtspTrip(Trip):
    """Over RTSP, interleaved in TCP."""

    def __init__(self, clock: ManualClock, tracks: Sequence[TrackMedia], disk: NoDisk | None = None) -> None:
        super().__init__(clock, disk)
        self.connection = RtspConnection(clock, self.pipeline.complaint)
        self._buffer, self._view = SHARED.buffer, SHARED.view
        axis = RunAxis()
        infos = []
        for index, media in enumerate(parse_description(describe("camera", tuple(tracks)).decode(), "").media):
            assert media.info is not None
            infos.append(media.info)
            track = RtpTrack(media.info, axis, self.pipeline, window=None, payload_type=media.payload_type)
            InterleavedTransport(self.connection, index).start(track)
        self.pipeline.opened(SessionInfo("rtsp/tcp", "camera", "", tuple(infos), clock.now()))

    def take(self, sent: Sent) -> None:
        """As a turn does: as much into the buffer as fits behind what was kept, and the word that it is there."""
        self.clock.utc_us, self.clock.mono_us = sent.at.utc_us, sent.at.mono_us
        self.tick(sent.at)
        data, done = sent.data, 0
        connection, buffer, view = self.connection, self._buffer, self._view
        while done < len(data):
            kept = connection.put_back(buffer)
            part = data[done : done + len(buffer) - kept]
            view[kept : kept + len(part)] = part
            connection.take(buffer, view, kept + len(part), sent.at)
            done += len(part)
        if connection.ended.done():
            raise RuntimeError(connection.why())


class WhipTrip(Trip):
    """Over WebRTC, from the datagram in the clear."""

    def __init__(self, clock: ManualClock, tracks: Sequence[TrackMedia], disk: NoDisk | None = None) -> None:
        super().__init__(clock, disk)
        described = parse_description(describe("camera", tuple(tracks)).decode(), "").media
        accepted = tuple(
            _accepted(media.info, media.payload_type, index) for index, media in enumerate(described) if media.info
        )
        agreed = Negotiated(cast(Any, None), accepted, cast(Any, None), ())
        self.session = WhipSession(
            "camera",
            agreed,
            "",
            clock.now(),
            nack_us=400_000,
            reorder_us=100_000,
            began=lambda _: None,
            finished=lambda _: None,
        )
        self.session.peer = cast(Any, SimpleNamespace(round_trip_us=50_000, address="", send_rtcp=lambda _: None))
        self._beat_us = clock.mono_us
        self._delivery: asyncio.Task[str] | None = None

    async def begin(self, first: Sent) -> None:
        """Its first packets, which open the run."""
        self.take(first)
        self._delivery = asyncio.create_task(self.session.deliver(self.pipeline))
        await asyncio.sleep(0)

    async def end(self) -> None:
        self.session.end("over")
        if self._delivery is not None:
            await self._delivery

    def take(self, sent: Sent) -> None:
        """``sent`` holds datagrams, each behind four bytes as in TCP: see :func:`as_datagrams`."""
        self.clock.utc_us, self.clock.mono_us = sent.at.utc_us, sent.at.mono_us
        self.tick(sent.at)
        while sent.at.mono_us >= self._beat_us:
            self.session.tick(sent.at)
            self._beat_us += round(WHIP_TICK_S * US_PER_S)
        for packet in datagrams(sent.data):
            if 192 <= packet[1] <= 223:
                self.session.control(packet, sent.at)
            else:
                self.session.media(packet, sent.at, sent.at.mono_us)


def _accepted(info: TrackInfo, payload_type: int, index: int) -> AcceptedTrack:
    codec = OfferedCodec(payload_type, info.codec.value.upper(), info.timescale, info.channels, {}, frozenset())
    return AcceptedTrack(
        info, index, codec, frozenset({payload_type}), ("nack", "nack pli", "transport-cc"), TRANSPORT_CC, True
    )


def datagrams(data: bytes) -> list[bytes]:
    """Interleaved frames, apart."""
    found, position = [], 0
    while position < len(data):
        end = position + INTERLEAVE_SIZE + (data[position + 2] << 8 | data[position + 3])
        found.append(data[position + INTERLEAVE_SIZE : end])
        position = end
    return found


def numbered(sent: Sequence[Sent]) -> list[Sent]:
    """The same as a browser sends it: each media packet with its number in a header extension (RFC 8285 §4.2)."""
    number = 0
    out = []
    for one in sent:
        parts = []
        for packet in datagrams(one.data):
            if not 192 <= packet[1] <= 223:
                extension = _EXTENSION.pack(0xBEDE, 1, TRANSPORT_CC << 4 | 1, number & 0xFFFF)
                packet = bytes((packet[0] | 0x10,)) + packet[1:_RTP_HEADER] + extension + packet[_RTP_HEADER:]
                number += 1
            parts.append(struct.pack(">BBH", 0x24, 0, len(packet)) + packet)
        out.append(replace(one, data=b"".join(parts)))
    return out
