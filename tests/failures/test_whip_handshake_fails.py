"""A WHIP connection that never comes to be: wrong DTLS certificate, wrong ICE password, no candidates at all."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from hub.clock import SystemClock
from hub.errors import NotFound
from hub.ingest.whip import WhipEndpoint
from hub.ingest.whip import endpoint as endpoint_module
from hub.settings import Settings
from tests.real.whip_publishers import Collector, PacketTrack, Publisher, opus_packets, until

pytestmark = pytest.mark.real


@pytest.fixture
async def endpoint() -> AsyncIterator[WhipEndpoint]:
    endpoint = WhipEndpoint(Settings(webrtc_addresses=("127.0.0.1",)), SystemClock())
    yield endpoint
    await endpoint.close()


async def gone(endpoint: WhipEndpoint, session_id: str) -> bool:
    try:
        await endpoint.trickle("a", session_id, "a=end-of-candidates\r\n")
    except NotFound:
        return True
    return False


async def until_gone(endpoint: WhipEndpoint, session_id: str) -> None:
    async with asyncio.timeout(10):
        while not await gone(endpoint, session_id):  # noqa: ASYNC110 (a Location has no event)
            await asyncio.sleep(0.02)


async def test_a_certificate_that_is_not_the_offered_one_ends_the_session(endpoint: WhipEndpoint) -> None:
    publisher = Publisher(endpoint, "a", [PacketTrack("audio", opus_packets(1.0))])
    sink = Collector()
    run = asyncio.create_task(endpoint.source("a").run_once(sink))
    try:
        await publisher.publish(lambda sdp: re.sub(r"(fingerprint:sha-\d+ )..", r"\g<1>00", sdp))
        await until_gone(endpoint, publisher.session_id)
    finally:
        await publisher.close()
        run.cancel()
    assert not sink.sessions


async def test_a_wrong_ice_password_brings_no_media_and_expires(
    endpoint: WhipEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_module, "OFFER_LIFE_US", 700_000)
    publisher = Publisher(endpoint, "a", [PacketTrack("audio", opus_packets(1.0))])
    try:
        await publisher.publish(lambda sdp: re.sub(r"ice-pwd:.{4}", "ice-pwd:0000", sdp))
        assert not await gone(endpoint, publisher.session_id)
        await until_gone(endpoint, publisher.session_id)
    finally:
        await publisher.close()


async def test_an_offer_without_candidates_connects_all_the_same(endpoint: WhipEndpoint) -> None:
    """As browsers that hide addresses behind mDNS names: the publisher's own checks show where it is."""
    publisher = Publisher(endpoint, "a", [PacketTrack("audio", opus_packets(3.0))])
    sink = Collector()
    run = asyncio.create_task(endpoint.source("a").run_once(sink))
    try:
        await publisher.publish(
            lambda sdp: re.sub(r"a=candidate:.*\r\n", "a=candidate:1 1 udp 1 9d3e.local 5000 typ host\r\n", sdp)
        )
        await until(lambda: sink.units)
    finally:
        await publisher.close()
        await run
