"""The simulated recorder against a WHIP endpoint made of aiortc's own receiving side."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aioice.ice
import pytest
from aiohttp import web
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtcpByePacket, RtcpPacket, RtcpPsfbPacket, RtcpRtpfbPacket, RtcpSrPacket

from hub.clock import SystemClock
from hub.demo.device import ClockRules, Device
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.faults import Fault, FaultKind, FaultScript
from hub.demo.whip_peer import offered_payload_type
from hub.demo.whip_publisher import WhipPublisher, whip_media
from hub.model import Codec

pytestmark = pytest.mark.real
VIDEO = VideoSpec(width=320, height=180, bitrate=300_000, gop=10, seconds=2, profile="baseline")
AUDIO = AudioSpec(Codec.OPUS, channels=2, bitrate=32_000, seconds=2)


class Endpoint:
    """Takes one publisher after the other and keeps what comes."""

    def __init__(self) -> None:
        self.peers: list[RTCPeerConnection] = []
        self.rtp: list[list[bytes]] = []
        self.rtcp: list[list[Any]] = []
        self.calls: list[tuple[str, str]] = []
        self.url = ""

    async def post(self, request: web.Request) -> web.Response:
        self.calls.append(("POST", request.headers.get("Authorization", "")))
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        packets: list[bytes] = []
        reports: list[Any] = []
        await peer.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))

        async def on_rtp(data: bytes, arrival_time_ms: int) -> None:
            packets.append(data)

        async def on_rtcp(data: bytes) -> None:
            reports.extend(RtcpPacket.parse(data))

        for transceiver in peer.getTransceivers():
            transport: Any = transceiver.receiver.transport
            transport._handle_rtp_data, transport._handle_rtcp_data = on_rtp, on_rtcp
        await peer.setLocalDescription(await peer.createAnswer())
        self.peers.append(peer)
        self.rtp.append(packets)
        self.rtcp.append(reports)
        location = {"Location": f"/whip/body-01/{len(self.peers)}"}
        return web.Response(status=201, text=peer.localDescription.sdp, headers=location)

    async def delete(self, request: web.Request) -> web.Response:
        self.calls.append(("DELETE", request.path))
        return web.Response()

    async def send_rtcp(self, peer: int, packet: Any) -> None:
        transport: Any = self.peers[peer].getTransceivers()[0].receiver.transport
        await transport._send_rtp(bytes(packet))


@pytest.fixture
async def endpoint(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Endpoint]:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    made = Endpoint()
    app = web.Application()
    app.router.add_post("/whip/body-01", made.post)
    app.router.add_delete("/whip/body-01/{session}", made.delete)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/whip/body-01"
    yield made
    for peer in made.peers:
        await peer.close()
    await runner.cleanup()


def recorder(folder: Path, *, aligned: bool = False) -> Device:
    tracks = [whip_media(spec, folder=folder) for spec in (VIDEO, AUDIO)]
    return Device("执法记录仪01", tracks, record=True, aligned=aligned, clock=ClockRules(0, 0.1, 0.5))


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


def of_type(packets: list[bytes], number: int) -> list[bytes]:
    return [packet for packet in packets if packet[1] & 0x7F == number]


def pictures(packets: list[bytes]) -> list[str]:
    """SHA-256 of each picture between two markers, put together by RFC 6184."""
    digests, nals = [], []
    for packet in packets:
        payload = packet[12:]
        kind = payload[0] & 0x1F
        if kind == 24:
            position = 1
            while position < len(payload):
                size = int.from_bytes(payload[position : position + 2], "big")
                nals.append(payload[position + 2 : position + 2 + size])
                position += 2 + size
        elif kind == 28:
            if payload[1] & 0x80:
                nals.append(bytes([payload[0] & 0xE0 | payload[1] & 0x1F]))
            nals[-1] += payload[2:]
        else:
            nals.append(payload)
        if packet[1] & 0x80:
            digests.append(hashlib.sha256(b"".join(len(n).to_bytes(4, "big") + n for n in nals)).hexdigest())
            nals = []
    return digests


async def test_a_recorder_publishes_and_ends_in_order(endpoint: Endpoint, tmp_path: Path) -> None:
    device = recorder(tmp_path)
    publisher = WhipPublisher(device, endpoint.url, "secret")
    await publisher.start()
    await until(lambda: bool(endpoint.rtp) and len(of_type(endpoint.rtp[0], offered_payload_type(Codec.H264))) > 60)
    await publisher.stop()
    await until(lambda: any(isinstance(report, RtcpByePacket) for report in endpoint.rtcp[0]))

    assert endpoint.calls == [("POST", "Bearer secret"), ("DELETE", "/whip/body-01/1")]
    assert device.sent is not None
    sent = [unit.sha256 for unit in device.sent if unit.kind == "video"]
    got = pictures(of_type(endpoint.rtp[0], offered_payload_type(Codec.H264)))
    assert len(got) > 20
    assert got == sent[: len(got)]
    assert len(sent) - len(got) <= 1
    sounds = of_type(endpoint.rtp[0], offered_payload_type(Codec.OPUS))
    assert [hashlib.sha256(p[12:]).hexdigest() for p in sounds] == [
        unit.sha256 for unit in device.sent if unit.kind == "audio"
    ][: len(sounds)]
    assert {type(report) for report in endpoint.rtcp[0]} >= {RtcpSrPacket, RtcpByePacket}


async def test_what_the_link_lost_is_sent_again_on_request(endpoint: Endpoint, tmp_path: Path) -> None:
    publisher = WhipPublisher(recorder(tmp_path), endpoint.url, link_loss=0.2)
    await publisher.start()
    await publisher.connected.wait()
    number = offered_payload_type(Codec.OPUS)

    def missing() -> list[int]:
        seen = {int.from_bytes(packet[2:4], "big") for packet in of_type(endpoint.rtp[0], number)}
        return [seq for seq in range(min(seen), max(seen)) if seq not in seen] if seen else []

    await until(lambda: len(missing()) > 2)
    wanted = missing()
    ssrc = int.from_bytes(of_type(endpoint.rtp[0], number)[0][8:12], "big")
    for _ in range(40):  # a packet sent again may be lost again
        if still := sorted(set(wanted) & set(missing())):
            await endpoint.send_rtcp(0, RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=ssrc, lost=still))
            await asyncio.sleep(0.05)
    assert not set(wanted) & set(missing())
    await publisher.stop()


async def test_a_keyframe_comes_when_it_is_asked_for(endpoint: Endpoint, tmp_path: Path) -> None:
    long_gop = replace(VIDEO, gop=50, seconds=4)
    device = Device("body", [whip_media(long_gop, folder=tmp_path)], record=True)
    publisher = WhipPublisher(device, endpoint.url)
    await publisher.start()
    assert device.sent is not None
    sent = device.sent
    await until(lambda: len(sent) > 12 and bool(endpoint.rtp[0]))
    before = len(sent)
    ssrc = int.from_bytes(endpoint.rtp[0][0][8:12], "big")
    await endpoint.send_rtcp(0, RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=ssrc))
    await until(lambda: any(unit.keyframe for unit in list(sent)[before:]))
    await publisher.stop()
    units = list(sent)
    again = next(n for n, unit in enumerate(units) if n >= before and unit.keyframe)
    assert again < 45  # by itself it comes at 50
    steps = {b.rtp_ticks - a.rtp_ticks & 0xFFFFFFFF for a, b in itertools.pairwise(units)}
    assert steps == {3600}


async def test_a_cut_says_nothing_and_comes_back(endpoint: Endpoint, tmp_path: Path) -> None:
    device = recorder(tmp_path)
    publisher = WhipPublisher(device, endpoint.url)
    await publisher.start()
    await publisher.connected.wait()
    device.play(FaultScript([Fault(FaultKind.CUT, 0.4, 0.5)]), SystemClock().now())
    await until(lambda: len(endpoint.rtp) == 2 and len(endpoint.rtp[1]) > 20)
    assert [call for call, _ in endpoint.calls] == ["POST", "POST"]
    assert not any(isinstance(report, RtcpByePacket) for report in endpoint.rtcp[0])
    assert endpoint.peers[0].connectionState == "connected"  # nobody told it
    await publisher.stop()
    assert [call for call, _ in endpoint.calls] == ["POST", "POST", "DELETE"]


async def test_a_refusal_is_told_and_tried_again(endpoint: Endpoint, tmp_path: Path) -> None:
    publisher = WhipPublisher(recorder(tmp_path), endpoint.url + "-unknown")
    await publisher.start()
    await until(lambda: "404" in publisher.last_error)
    await publisher.stop()
