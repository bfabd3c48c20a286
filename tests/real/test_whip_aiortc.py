"""aiortc publishes pre-encoded media to the hub over loopback: what arrives is what was sent, bit for bit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hub.clock import SystemClock
from hub.errors import NotFound, Unavailable
from hub.ingest.whip import WhipEndpoint
from hub.model import Codec
from hub.settings import Settings
from tests.real.whip_publishers import (
    Collector,
    PacketTrack,
    h264_packets,
    opus_packets,
    publishing,
    sample,
    until,
)
from tests.unit import whip_offers as offers

pytestmark = pytest.mark.real


@pytest.fixture
async def endpoint() -> AsyncIterator[WhipEndpoint]:
    endpoint = WhipEndpoint(Settings(webrtc_addresses=("127.0.0.1",)), SystemClock())
    yield endpoint
    await endpoint.close()


async def test_pictures_and_sound_arrive_bit_for_bit(endpoint: WhipEndpoint) -> None:
    pictures, sounds = h264_packets(50), opus_packets(2.0)
    video, audio = PacketTrack("video", pictures), PacketTrack("audio", sounds)
    sink = Collector()
    run = asyncio.create_task(endpoint.source("a").run_once(sink))
    async with publishing(endpoint, "a", video, audio):
        await asyncio.gather(video.finished.wait(), audio.finished.wait())
        await until(lambda: len(sink.of(1)) >= len(pictures) - 1)
        assert not run.done()
    assert await run == "RTCP BYE"
    session = sink.sessions[0]
    assert (session.protocol, session.device) == ("whip", "test")
    assert [track.codec for track in session.tracks] == [Codec.H264, Codec.OPUS]
    assert session.peer.startswith("127.0.0.1:") or session.peer
    assert [unit.data for unit in sink.of(1)] == [sample(packet) for packet in pictures]
    assert [unit.data for unit in sink.of(2)] == [bytes(packet) for packet in sounds]
    assert [unit.keyframe for unit in sink.of(1)] == [packet.is_keyframe for packet in pictures]
    assert not sink.losses
    assert not sink.complaints
    assert {report.track_id for report in sink.reports} == {1, 2}
    assert len(sink.goodbyes) == 1


async def test_sound_alone(endpoint: WhipEndpoint) -> None:
    sounds = opus_packets(0.5)
    audio = PacketTrack("audio", sounds)
    sink = Collector()
    run = asyncio.create_task(endpoint.source("a").run_once(sink))
    async with publishing(endpoint, "a", audio):
        await audio.finished.wait()
        await until(lambda: len(sink.units) == len(sounds))
    await run
    assert [unit.data for unit in sink.units] == [bytes(packet) for packet in sounds]


async def test_delete_is_a_goodbye_and_the_location_is_gone(endpoint: WhipEndpoint) -> None:
    sink = Collector()
    run = asyncio.create_task(endpoint.source("a").run_once(sink))
    async with publishing(endpoint, "a", PacketTrack("audio", opus_packets(5.0))) as publisher:
        await until(lambda: sink.units)
        await endpoint.end("a", publisher.session_id)
        assert await run == "the device ended the session"
        assert sink.goodbyes == ["the device ended the session"]
        with pytest.raises(NotFound):
            await endpoint.end("a", publisher.session_id)
        await until(lambda: publisher.connection.connectionState == "closed")


async def test_a_new_publisher_takes_over_at_its_first_media(endpoint: WhipEndpoint) -> None:
    inlet, first_sink, second_sink = endpoint.source("a"), Collector(), Collector()
    first_run = asyncio.create_task(inlet.run_once(first_sink))
    async with publishing(endpoint, "a", PacketTrack("audio", opus_packets(8.0))) as first:
        await until(lambda: first_sink.units)
        silent = PacketTrack("audio", [])
        async with publishing(endpoint, "a", silent) as idle:
            await until(lambda: idle.connection.connectionState == "connected")
            assert not first_run.done()
            sounds = opus_packets(1.0)
            async with publishing(endpoint, "a", PacketTrack("audio", sounds)) as second:
                assert await first_run == "superseded by another publisher"
                assert not first_sink.goodbyes
                with pytest.raises(NotFound):
                    await endpoint.trickle("a", first.session_id, "a=end-of-candidates\r\n")
                await asyncio.sleep(0.3)
                second_run = asyncio.create_task(inlet.run_once(second_sink))
                await until(lambda: len(second_sink.units) == len(sounds))
                await endpoint.end("a", second.session_id)
                await second_run
    assert [unit.data for unit in second_sink.units] == [bytes(packet) for packet in sounds]


async def test_ports_stay_in_their_range() -> None:
    settings = Settings(webrtc_addresses=("127.0.0.1",), webrtc_ports="42100-42101")
    endpoint = WhipEndpoint(settings, SystemClock())
    one, two = PacketTrack("audio", opus_packets(0.2)), PacketTrack("audio", opus_packets(0.2))
    async with publishing(endpoint, "a", one) as first, publishing(endpoint, "b", two) as second:
        answers = first.answer + second.answer
        with pytest.raises(Unavailable) as caught:
            await endpoint.offer("c", offers.offer(offers.audio()))
        await endpoint.close()
    assert caught.value.code == "no_udp_port"
    assert {line.split()[1] for line in answers.splitlines() if line.startswith("m=")} == {"42100", "42101"}
