"""Anybody may send datagrams to a WHIP port: they cost nothing but themselves."""

from __future__ import annotations

import asyncio
import random
import re
import socket

import pytest

from hub.clock import SystemClock
from hub.ingest.whip import WhipEndpoint
from hub.settings import Settings
from tests.real.whip_publishers import Collector, PacketTrack, Publisher, opus_packets, until

pytestmark = pytest.mark.real


async def test_garbage_before_and_during_a_session_changes_nothing() -> None:
    endpoint = WhipEndpoint(Settings(webrtc_addresses=("127.0.0.1",)), SystemClock())
    sounds = opus_packets(1.0)
    publisher = Publisher(endpoint, "a", [PacketTrack("audio", sounds)])
    sink = Collector()
    run = asyncio.create_task(endpoint.source("a").run_once(sink))
    noise = random.Random(7)
    try:
        await publisher.publish()
        port = int(re.findall(r"m=audio (\d+)", publisher.answer)[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(40):
                for first in (0, 1, 22, 64, 128, 144, 191, 255):
                    data = bytes((first,)) + noise.randbytes(noise.randrange(0, 1900))
                    stranger.sendto(data, ("127.0.0.1", port))
                await asyncio.sleep(0.01)
        await until(lambda: len(sink.units) == len(sounds))
    finally:
        await publisher.close()
        await run
        await endpoint.close()
    assert [unit.data for unit in sink.units] == [bytes(packet) for packet in sounds]
    assert not sink.complaints
