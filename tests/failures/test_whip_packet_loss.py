"""Packets of a WHIP publisher are lost on the way: asked for again until 400 ms, then a keyframe is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpRtpfbPacket

from hub.clock import Instant, SystemClock
from hub.ingest.whip import WhipEndpoint
from hub.ingest.whip.peer import Peer
from hub.settings import Settings
from tests.real.whip_publishers import Collector, PacketTrack, h264_packets, publishing, sample, until

pytestmark = pytest.mark.real


class LossyPath:
    """Makes peers whose RTP passes ``keep(sequence number, attempt)``, and writes down what they send back."""

    def __init__(self, keep: Callable[[int, int], bool]) -> None:
        self._keep = keep
        self.first: int | None = None
        self.attempts: dict[int, int] = {}
        self.nacked: list[int] = []
        self.keyframe_requests = 0

    def peer(self, *args: Any, **kwargs: Any) -> Peer:
        return LossyPeer(self, *args, **kwargs)

    def passes(self, datagram: bytes) -> bool:
        """Whether an SRTP packet (its header is in the clear) comes through; SRTCP always does."""
        if 192 <= datagram[1] <= 223:
            return True
        number = int.from_bytes(datagram[2:4], "big")
        self.first = number if self.first is None else self.first
        index = number - self.first & 0xFFFF
        self.attempts[index] = self.attempts.get(index, 0) + 1
        return self._keep(index, self.attempts[index])

    def note(self, compound: bytes) -> None:
        for packet in RtcpPacket.parse(compound):
            if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == 1:
                self.nacked += [number - (self.first or 0) & 0xFFFF for number in packet.lost]
            elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == 1:
                self.keyframe_requests += 1


class LossyPeer(Peer):
    """Loses datagrams before SRTP sees them: after it, one sent again would be a replay."""

    def __init__(self, path: LossyPath, *args: Any, **kwargs: Any) -> None:
        self._path = path
        super().__init__(*args, **kwargs)

    def _datagram(self, data: bytes, arrival: Instant, came_us: int) -> None:
        if self._path.passes(data):
            super()._datagram(data, arrival, came_us)

    def send_rtcp(self, packet: bytes) -> None:
        self._path.note(packet)
        super().send_rtcp(packet)


async def publish(path: LossyPath, frames: int) -> tuple[Collector, list[Any]]:
    pictures = h264_packets(frames)
    endpoint = WhipEndpoint(Settings(webrtc_addresses=("127.0.0.1",)), SystemClock(), peer=path.peer)
    sink = Collector()
    run = asyncio.create_task(endpoint.source("a").run_once(sink))
    try:
        video = PacketTrack("video", pictures)
        async with publishing(endpoint, "a", video):
            await video.finished.wait()
            await until(lambda: len(sink.units) >= frames - 1, 3)
        await run
    finally:
        await endpoint.close()
    return sink, pictures


async def test_what_was_lost_once_is_sent_again_and_nothing_is_missing() -> None:
    path = LossyPath(lambda index, attempt: attempt > 1 or index % 10 != 5 or index > 100)
    sink, pictures = await publish(path, 50)
    assert [unit.data for unit in sink.units] == [sample(packet) for packet in pictures]
    assert not sink.losses
    assert path.nacked
    assert set(path.nacked) <= {index for index in path.attempts if index % 10 == 5}


async def test_a_packet_lost_for_good_is_asked_for_until_400_ms_and_then_a_keyframe() -> None:
    gone = 12
    path = LossyPath(lambda index, attempt: index != gone)
    sink, pictures = await publish(path, 50)
    assert [(loss.track_id, loss.count) for loss in sink.losses] == [(1, 1)]
    assert set(path.nacked) == {gone}
    assert 3 <= len(path.nacked) <= 21, "each 20 ms at the most, 400 ms at the longest"
    assert path.keyframe_requests >= 1
    damaged = [index for index, unit in enumerate(sink.units) if unit.damaged]
    assert damaged
    healed = next(index for index, unit in enumerate(sink.units) if unit.keyframe and index > damaged[0])
    assert all(not unit.damaged for unit in sink.units[healed:])
    assert sink.units[-1].data == sample(pictures[-1])
