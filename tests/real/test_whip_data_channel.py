"""aiortc beside its media: messages on a data channel, answers on it, and channels that are broken on purpose."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiortc import RTCDataChannel
from aiortc.rtcsctptransport import SCTP_DATA_FIRST_FRAG, WEBRTC_STRING, DataChunk

from hub.clock import SystemClock
from hub.ingest.whip import WhipEndpoint
from hub.ingest.whip.answer import MAX_MESSAGE_BYTES
from hub.settings import Settings
from tests.real.whip_publishers import Collector, PacketTrack, Publisher, opus_packets, until

pytestmark = pytest.mark.real

SECONDS = 1.5


class Stage:
    """An endpoint, what it heard, and one publisher of sound with a channel."""

    def __init__(self) -> None:
        self.endpoint = WhipEndpoint(Settings(webrtc_addresses=("127.0.0.1",)), SystemClock())
        self.heard: list[tuple[str, str | bytes]] = []
        self.sounds = opus_packets(SECONDS)
        self.track = PacketTrack("audio", self.sounds)
        self.publisher = Publisher(self.endpoint, "a", [self.track])
        self.sink = Collector()
        self.run = asyncio.create_task(self.endpoint.source("a").run_once(self.sink))
        self.endpoint.on_message("telemetry", self.hear)

    def hear(self, stream_id: str, data: str | bytes, answer: Callable[[str], bool]) -> None:
        self.heard.append((stream_id, data))
        answer(json.dumps({"you": len(data)}))

    def channel(self, label: str = "telemetry", **options: Any) -> tuple[RTCDataChannel, list[Any]]:
        channel = self.publisher.connection.createDataChannel(label, **options)
        received: list[Any] = []
        channel.on("message", received.append)
        return channel, received

    @property
    def sctp(self) -> Any:
        return self.publisher.connection.sctp

    async def all_sound_arrived(self) -> None:
        """What was sent before, with and after the trouble: nothing of the media is missing."""
        await self.track.finished.wait()
        await until(lambda: len(self.sink.units) == len(self.sounds))
        assert [unit.data for unit in self.sink.units] == [bytes(packet) for packet in self.sounds]
        assert not self.run.done()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.publisher.close()
    await stage.endpoint.close()
    stage.run.cancel()
    await asyncio.gather(stage.run, return_exceptions=True)


async def opened(channel: RTCDataChannel) -> None:
    await until(lambda: channel.readyState == "open")


async def test_messages_go_both_ways_beside_the_media(stage: Stage) -> None:
    channel, received = stage.channel()
    other, _ = stage.channel("chat")
    assert not stage.endpoint.say("a", "telemetry", "nobody is there")
    await stage.publisher.publish()
    await opened(channel)
    await opened(other)
    channel.send('{"battery_percent": 80}')
    channel.send("b" * MAX_MESSAGE_BYTES)
    channel.send(b"bytes")
    other.send("not for us")
    await until(lambda: len(stage.heard) == 3)
    assert stage.heard == [("a", '{"battery_percent": 80}'), ("a", "b" * MAX_MESSAGE_BYTES), ("a", b"bytes")]
    await until(lambda: len(received) == 3)
    assert received == ['{"you": 23}', f'{{"you": {MAX_MESSAGE_BYTES}}}', '{"you": 5}']
    await until(lambda: stage.sink.units)
    assert stage.endpoint.say("a", "telemetry", "a cue")
    assert not stage.endpoint.say("a", "nothing", "a cue")
    assert not stage.endpoint.say("b", "telemetry", "a cue")
    await until(lambda: received[-1] == "a cue")
    await stage.all_sound_arrived()


async def test_a_channel_may_be_closed_and_opened_again(stage: Stage) -> None:
    channel, _ = stage.channel()
    await stage.publisher.publish()
    await opened(channel)
    for round_number in range(10):
        channel.send(str(round_number))
        await until(lambda: len(stage.heard) == round_number + 1)  # noqa: B023
        channel.close()
        await until(lambda: channel.readyState == "closed")  # noqa: B023
        channel, _ = stage.channel()
        await opened(channel)
    await stage.all_sound_arrived()


async def test_an_unordered_channel_that_may_lose_works_too(stage: Stage) -> None:
    channel, received = stage.channel(ordered=False, maxRetransmits=0)
    await stage.publisher.publish()
    await opened(channel)
    channel.send("x")
    await until(lambda: received == ['{"you": 1}'])


async def _too_long(stage: Stage, channel: RTCDataChannel) -> None:
    stage.sctp._remote_max_message_size = 0
    channel.send("x" * (MAX_MESSAGE_BYTES + 1))


async def _no_text(stage: Stage, channel: RTCDataChannel) -> None:
    await stage.sctp._send(channel.id, WEBRTC_STRING, b"\xff\xfe")


async def _parts_without_end(stage: Stage, channel: RTCDataChannel) -> None:
    sctp = stage.sctp
    for _ in range(300):
        chunk = DataChunk(flags=SCTP_DATA_FIRST_FRAG)
        chunk.tsn, chunk.stream_id, chunk.stream_seq, chunk.protocol = sctp._local_tsn, channel.id, 9, WEBRTC_STRING
        chunk.user_data = b"x" * 400
        sctp._local_tsn = (sctp._local_tsn + 1) % 2**32
        await sctp._send_chunk(chunk)


async def _holes(stage: Stage, channel: RTCDataChannel) -> None:
    for number in range(300):
        chunk = DataChunk(flags=SCTP_DATA_FIRST_FRAG)
        chunk.tsn, chunk.stream_id = (stage.sctp._local_tsn + 1000 + 2 * number) % 2**32, channel.id
        chunk.stream_seq, chunk.protocol, chunk.user_data = number, WEBRTC_STRING, b"y"
        await stage.sctp._send_chunk(chunk)


async def _many_streams(stage: Stage, _channel: RTCDataChannel) -> None:
    for number in range(20):
        await stage.sctp._send(100 + number, WEBRTC_STRING, b"z")


async def _garbage(stage: Stage, _channel: RTCDataChannel) -> None:
    for size in (0, 1, 11, 12, 16, 40, 400):
        await stage.sctp.transport._send_data(b"\xff" * size if size else b"\0")
    packet = bytes.fromhex("13881388") + stage.sctp._remote_verification_tag.to_bytes(4, "big") + bytes(4)
    await stage.sctp.transport._send_data(packet + b"\x01\x00\x00\x04" * 3)


@pytest.mark.parametrize("harm", [_too_long, _no_text, _parts_without_end, _holes, _many_streams])
async def test_a_channel_that_is_broken_ends_and_costs_no_media(stage: Stage, harm: Any) -> None:
    channel, _ = stage.channel()
    await stage.publisher.publish()
    await opened(channel)
    channel.send("before")
    await until(lambda: stage.heard)
    await harm(stage, channel)
    await until(lambda: channel.readyState == "closed")
    assert stage.heard == [("a", "before")]
    assert not stage.endpoint.say("a", "telemetry", "still there?")
    await stage.all_sound_arrived()


async def test_garbage_under_dtls_costs_no_media(stage: Stage) -> None:
    channel, _ = stage.channel()
    await stage.publisher.publish()
    await opened(channel)
    await _garbage(stage, channel)
    await stage.all_sound_arrived()


async def test_a_listener_that_fails_costs_neither_channel_nor_media(stage: Stage) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the hub's own")

    channel, received = stage.channel()
    stage.endpoint.on_message("telemetry", fail)
    await stage.publisher.publish()
    await opened(channel)
    channel.send("one")
    await asyncio.sleep(0.3)
    stage.endpoint.on_message("telemetry", stage.hear)
    channel.send("two")
    await until(lambda: received == ['{"you": 3}'])
    await stage.all_sound_arrived()


async def test_who_takes_nothing_is_sent_only_so_much(stage: Stage) -> None:
    channel, received = stage.channel()
    await stage.publisher.publish()
    await opened(channel)
    await until(lambda: stage.sink.units)
    taken = [stage.endpoint.say("a", "telemetry", "x" * 1000) for _ in range(200)]
    assert taken.count(True) <= 70
    assert taken[0]
    assert not taken[-1]
    await until(lambda: len(received) == taken.count(True))
    assert stage.endpoint.say("a", "telemetry", "again")
