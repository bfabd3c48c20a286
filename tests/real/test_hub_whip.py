"""Recorders at a real hub, by HTTP as RFC 9725 has it: sound alone, G.711, a bad radio link, a second publisher."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from hub.bench.processes import HubProcess
from hub.demo.device import Device
from hub.demo.encode import AudioSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.demo.whip_publisher import WhipPublisher, whip_media
from hub.ledger.verify import verify_path
from hub.model import Codec
from tests.hub_line import (
    OPUS,
    SMALL,
    add_recorder,
    assert_unbroken,
    recorded,
    recorded_g711,
    sent_digests,
    states,
    until,
    until_live,
)
from tests.unit import whip_offers as offers

pytestmark = pytest.mark.real

PICTURE = replace(SMALL, profile="baseline")
STEREO = replace(OPUS, channels=2)
RECORDERS = (
    DeviceConfig(name="sound-only", audio=STEREO, record=True),
    DeviceConfig(name="pcma", video=PICTURE, audio=AudioSpec(Codec.PCMA, rate=8000, seconds=4), record=True),
    DeviceConfig(name="pcmu", audio=AudioSpec(Codec.PCMU, rate=8000, seconds=4), record=True),
    DeviceConfig(name="bad-link", video=PICTURE, record=True, link_loss=0.05),
)
SECONDS = 8.0
END_OF_CANDIDATES = "a=end-of-candidates\r\n"
PORTS = range(42_000, 42_041)
BEFORE_THE_WAY_IS_OPEN = 75
"""Units that a recorder may have sent before its packets can be read here."""


async def test_sound_alone_g711_and_a_bad_link(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with Simulators(SimulatorsConfig(recorders=RECORDERS)) as simulators, HubProcess(data) as hub:
        for recorder in RECORDERS:
            await add_recorder(hub, simulators, recorder.name)
        await until_live(hub, len(RECORDERS))
        await asyncio.sleep(SECONDS)
        metrics = await (await hub.http.get(f"{hub.url}/metrics")).text()
        assert await hub.stop() == 0
        sent = {recorder.name: await simulators.sent(recorder.name) for recorder in RECORDERS}

    assert verify_path(data, None, keys_dir=hub.keys_dir).exit_code == 0
    asked = re.search(r'hub_rtp_packets_asked_again_total\{stream="bad-link"\} (\d+)', metrics)
    assert asked is not None
    assert int(asked[1]) > 5
    for name, units in sent.items():
        for kind in {unit.kind for unit in units}:
            if name in ("pcma", "pcmu") and kind == "audio":
                found = recorded_g711(data, name, name[-1])
            else:
                found = recorded(data, name, kind)
            assert len(found) > SECONDS * 20
            truth = sent_digests(units, kind)
            assert_unbroken(found, truth, may_miss_at_end=50, may_miss_at_start=BEFORE_THE_WAY_IS_OPEN)


# ------------------------------------------------------------------------------- HTTP, and taking over


class Publisher(WhipPublisher):
    """Knows its own Location, and does not come back after its first session."""

    location = ""

    async def _publish(self, http: aiohttp.ClientSession) -> None:
        await super()._publish(http)
        self._stopping.set()

    async def _post(self, http: aiohttp.ClientSession, offer: str) -> tuple[str, str]:
        self.location, answer = await super()._post(http, offer)
        return self.location, answer


@asynccontextmanager
async def publishing(hub: HubProcess, number: int, token: str) -> AsyncIterator[Publisher]:
    """Each has pictures of its own."""
    tracks = await asyncio.to_thread(lambda: [whip_media(replace(PICTURE, device=number)), whip_media(STEREO)])
    publisher = Publisher(Device(f"publisher-{number}", tracks, record=True), f"{hub.url}/whip/rec", token)
    await publisher.start()
    try:
        await asyncio.wait_for(publisher.connected.wait(), 20)
        yield publisher
    finally:
        await publisher.stop()


async def test_a_second_publisher_takes_over_at_its_first_media(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with HubProcess(data, {"HUB_WEBRTC_PORTS": f"{PORTS[0]}-{PORTS[-1]}"}) as hub:
        body = {"id": "rec", "name": "rec", "kind": "recorder", "source": {"type": "whip"}}
        token = (await hub.call("POST", "/api/streams", body))["token"]
        async with aiohttp.ClientSession() as http:
            await _refusals(http, hub.url, token)
            async with publishing(hub, 1, token) as first:
                await until_live(hub, 1)
                idle = await _offer_without_media(http, hub.url, token)
                await asyncio.sleep(2)
                assert await states(hub) == {"rec": "live"}
                assert await _status(http, "PATCH", first.location, token) == 204, "a POST alone takes nothing over"
                await _session_calls(http, hub.url + idle, token)
                async with publishing(hub, 2, token) as second:
                    await until(lambda: _gone(http, first.location, token))
                    await asyncio.sleep(3)
                    assert await _status(http, "PATCH", second.location, token) == 204
                    assert await states(hub) == {"rec": "live"}
            await until(lambda: _state_is(hub, "idle"))
        interruptions = await hub.call("GET", "/api/interruptions")
        assert await hub.stop() == 0
    assert verify_path(data, None, keys_dir=hub.keys_dir).exit_code == 0
    assert interruptions == [], "the picture was never away for as long as a second"
    found = recorded(data, "rec", "video")
    pictures = [sent_digests(list(publisher.device.sent or ()), "video") for publisher in (first, second)]
    taken_over = next(index for index, digest in enumerate(found) if digest in set(pictures[1]))
    for part, truth in zip((found[:taken_over], found[taken_over:]), pictures, strict=True):
        assert len(part) > 40
        assert_unbroken(part, truth, may_miss_at_end=50, may_miss_at_start=BEFORE_THE_WAY_IS_OPEN)


async def _refusals(http: aiohttp.ClientSession, url: str, token: str) -> None:
    offer = offers.offer(offers.video(offers.MAIN), offers.audio())
    assert await _status(http, "POST", f"{url}/whip/rec", "wrong", offer) == 401
    assert await _status(http, "POST", f"{url}/whip/nobody", "wrong", offer) == 401
    assert await _status(http, "POST", f"{url}/whip/rec", token, "no SDP") == 400
    assert await _status(http, "DELETE", f"{url}/whip/rec/never-was", token) == 404
    async with http.options(f"{url}/whip/rec") as answer:
        assert (answer.status, answer.headers["Accept-Post"]) == (204, "application/sdp")


async def _offer_without_media(http: aiohttp.ClientSession, url: str, token: str) -> str:
    """A POST of somebody who never connects: 201, and its Location."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    offer = offers.offer(offers.video(offers.MAIN), offers.audio())
    async with http.post(f"{url}/whip/rec", data=offer, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (201, "application/sdp")
        ports = [
            int(port) for port in re.findall(r"a=candidate:\S+ \d udp \d+ \S+ (\d+) typ host", await answer.text())
        ]
        assert ports
        assert set(ports) <= set(PORTS)
        return answer.headers["Location"]


async def _session_calls(http: aiohttp.ClientSession, location: str, token: str) -> None:
    restart = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
    assert await _status(http, "PATCH", location, token, restart) == 422
    assert await _status(http, "PATCH", location, "wrong") == 401
    assert await _status(http, "DELETE", location, token) == 200
    assert await _status(http, "DELETE", location, token) == 404
    assert await _status(http, "PATCH", location, token) == 404


async def _status(http: aiohttp.ClientSession, method: str, url: str, token: str, body: str = END_OF_CANDIDATES) -> int:
    kind = "application/trickle-ice-sdpfrag" if method == "PATCH" else "application/sdp"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    async with http.request(method, url, data=body, headers=headers) as answer:
        return answer.status


async def _gone(http: aiohttp.ClientSession, location: str, token: str) -> bool:
    return await _status(http, "PATCH", location, token) == 404


async def _state_is(hub: HubProcess, state: str) -> bool:
    return await states(hub) == {"rec": state}
