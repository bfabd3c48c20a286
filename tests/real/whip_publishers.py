"""An aiortc peer as WHIP publisher of media that was encoded beforehand, and a sink that keeps what arrives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from hub.ingest.whip import WhipEndpoint
from hub.model import AccessUnit, PacketLoss, SenderReport, SessionInfo, TimeLeap

FPS = 25


class Collector:
    """A MediaSink that keeps everything."""

    def __init__(self) -> None:
        self.sessions: list[SessionInfo] = []
        self.units: list[AccessUnit] = []
        self.losses: list[PacketLoss] = []
        self.leaps: list[TimeLeap] = []
        self.reports: list[SenderReport] = []
        self.goodbyes: list[str] = []
        self.complaints: list[tuple[str, str]] = []

    def opened(self, session: SessionInfo) -> None:
        self.sessions.append(session)

    def unit(self, unit: AccessUnit) -> None:
        self.units.append(unit)

    def loss(self, loss: PacketLoss) -> None:
        self.losses.append(loss)

    def leap(self, leap: TimeLeap) -> None:
        self.leaps.append(leap)

    def sender_report(self, report: SenderReport) -> None:
        self.reports.append(report)

    def goodbye(self, reason: str) -> None:
        self.goodbyes.append(reason)

    def complaint(self, code: str, message: str) -> None:
        self.complaints.append((code, message))

    def of(self, track_id: int) -> list[AccessUnit]:
        return [unit for unit in self.units if unit.track_id == track_id]


class PacketTrack(MediaStreamTrack):
    """A track of coded packets, each handed out when its time has come; ``ended`` after the last."""

    def __init__(self, kind: str, packets: Sequence[av.Packet]) -> None:
        super().__init__()
        self.kind = kind
        self._packets = iter(packets)
        self._began: float | None = None
        self.sent = 0
        self.finished = asyncio.Event()

    async def recv(self) -> av.Packet:
        packet = next(self._packets, None)
        if packet is None:
            self.finished.set()
            await asyncio.Event().wait()
            raise AssertionError
        assert packet.pts is not None
        at = float(packet.pts * packet.time_base)
        now = time.monotonic()
        if self._began is None:
            self._began = now - at
        await asyncio.sleep(max(0.0, self._began + at - now))
        self.sent += 1
        return packet


def h264_packets(
    frames: int,
    *,
    size: tuple[int, int] = (320, 240),
    bit_rate: int = 400_000,
    gop: int = 25,
    profile: str = "Baseline",
) -> list[av.Packet]:
    """Coded pictures with noise in them, so that the bit rate is truly used. Annex B."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height = size
    codec.pix_fmt = "yuv420p"
    codec.time_base = Fraction(1, FPS)
    codec.framerate = Fraction(FPS, 1)
    codec.bit_rate = bit_rate
    codec.options = {"tune": "zerolatency", "preset": "ultrafast", "g": str(gop), "keyint_min": str(gop)}
    codec.profile = profile
    random = np.random.default_rng(1)
    noise = random.integers(0, 255, (size[1] * 2, size[0] * 2, 3), dtype=np.uint8)
    packets: list[av.Packet] = []
    for index in range(frames):
        x, y = index * 7 % size[0], index * 5 % size[1]
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(noise[y : y + size[1], x : x + size[0]]), format="rgb24"
        ).reformat(format="yuv420p")
        frame.pts, frame.time_base = index, codec.time_base
        packets += codec.encode(frame)
    packets += codec.encode(None)
    for packet in packets:
        packet.time_base = Fraction(1, FPS)
    return [packet for packet in packets if packet.size]


def opus_packets(seconds: float) -> list[av.Packet]:
    """A tone in Opus frames of 20 ms."""
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate = 48000
    codec.layout = "stereo"
    codec.format = "s16"
    codec.time_base = Fraction(1, 48000)
    packets: list[av.Packet] = []
    for index in range(int(seconds * 50)):
        times = (np.arange(960) + index * 960) / 48000
        tone = (np.sin(2 * np.pi * 440 * times) * 8000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None, :], format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, index * 960, Fraction(1, 48000)
        packets += codec.encode(frame)
    return [packet for packet in packets if packet.size]


def nal_units(packet: bytes) -> list[bytes]:
    """The NAL units of an Annex B picture."""
    parts = packet.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def sample(packet: av.Packet) -> bytes:
    """A picture as the hub delivers it: NAL units behind 4-byte lengths."""
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in nal_units(bytes(packet)))


class Publisher:
    """One aiortc peer connection that publishes ``tracks`` to a stream."""

    def __init__(self, endpoint: WhipEndpoint, stream_id: str, tracks: Sequence[MediaStreamTrack]) -> None:
        self._endpoint = endpoint
        self._stream_id = stream_id
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for track in tracks:
            self.connection.addTransceiver(track, direction="sendonly")
        self.session_id = ""
        self.answer = ""

    async def publish(self, change: Callable[[str], str] = str) -> None:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        answer = await self._endpoint.offer(
            self._stream_id, change(self.connection.localDescription.sdp), device="test"
        )
        self.session_id, self.answer = answer.session_id, answer.sdp
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=answer.sdp, type="answer"))

    async def close(self) -> None:
        await self.connection.close()


@asynccontextmanager
async def publishing(endpoint: WhipEndpoint, stream_id: str, *tracks: MediaStreamTrack) -> AsyncIterator[Publisher]:
    publisher = Publisher(endpoint, stream_id, tracks)
    try:
        await publisher.publish()
        yield publisher
    finally:
        await publisher.close()


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for a condition; fails after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (what is watched has no event)
            await asyncio.sleep(0.01)
