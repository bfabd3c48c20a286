"""Cameras and callers that misbehave, all at once, on a hub that records a good camera meanwhile.

Each fault is told in the state of its stream, in the log and in a metric, and costs the good camera nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from hub.bench.processes import HubProcess, usage
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.failures.rtsp_camera import SDP, Camera, frame, reply, running
from tests.hub_line import (
    SMALL,
    SOUND,
    add_camera,
    assert_unbroken,
    recorded,
    sent_digests,
    until,
    until_live,
)
from tests.unit import whip_offers as offers
from tests.unit.ingest_rtp import fu_a, packet

pytestmark = pytest.mark.real

Media = Callable[[asyncio.StreamWriter], Awaitable[None]]
FRAGMENT_BYTES = 60_000
MOST_MB = 250


def again(data: bytes, pause_s: float = 0.05) -> Media:
    """A camera that sends this for ever."""

    async def media(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return media


async def endless_picture(writer: asyncio.StreamWriter) -> None:
    first, middle, _ = fu_a(b"\x65\x88" + bytes(3 * FRAGMENT_BYTES), 3)
    for number in itertools.count():
        writer.write(frame(packet(middle if number else first, number, 0)))
        await writer.drain()
        await asyncio.sleep(0.005)


def sdp(*lines: str) -> Camera:
    return Camera(sdp="\r\n".join(("v=0", "s=camera", "t=0 0", *lines, "")))


BAD_CAMERAS = {
    "truncated-rtp": (Camera(media=again(frame(b"\x80\x60\x00\x01"))), "rtp_truncated"),
    "wrong-padding": (Camera(media=again(frame(b"\xa0" + packet(b"\x65\x88\xff", 0, 0)[1:]))), "rtp_padding"),
    "endless-picture": (Camera(media=endless_picture), "unit_too_large"),
    "strange-channel": (Camera(media=again(frame(b"\x80" * 20, channel=9))), "channel"),
    "garbage": (Camera(media=again(b"\x00\x01\x02\x03" * 65_536, pause_s=0.2)), "protocol"),
    "huge-content-length": (
        Camera(answers={"DESCRIBE": reply("200 OK", "Content-Length: 2147483648", body="v=0")}),
        "protocol",
    ),
    "no-sdp": (Camera(answers={"DESCRIBE": reply("200 OK")}), "no_media"),
    "not-an-sdp": (Camera(sdp="<html>Login</html>"), "protocol"),
    "sdp-without-media": (sdp(), "no_media"),
    "unknown-codecs": (sdp("m=video 0 RTP/AVP 99", "a=rtpmap:99 THEORA/90000"), "unsupported_codec"),
    "lying-sets": (
        Camera(sdp=SDP + "a=fmtp:96 sprop-parameter-sets=Z0I=,aM4=\r\n", media=again(b"")),
        "parameter_set",
    ),
    "no-such-path": (Camera(answers={"DESCRIBE": reply("404 Not Found")}), "not_found"),
    "wants-a-password": (
        Camera(answers={"OPTIONS": reply("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"')}),
        "unauthorized",
    ),
}
GOOD = "good"
RECORDER = "recorder"
PUBLISHED = {
    "bad_sdp": b"GET / HTTP/1.1\r\n",
    "no_media": b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
    "no_h264": offers.offer(offers.video("", codec="VP8")).encode(),
}


async def test_each_fault_is_told_and_costs_nothing_else(tmp_path: Path) -> None:
    config = SimulatorsConfig(cameras=(DeviceConfig(name=GOOD, video=SMALL, audio=SOUND, record=True),))
    data = tmp_path / "data"
    async with AsyncExitStack() as stack:
        simulators = await stack.enter_async_context(Simulators(config))
        for camera, _ in BAD_CAMERAS.values():
            await stack.enter_async_context(running(camera))
        hub = await stack.enter_async_context(HubProcess(data))
        await add_camera(hub, GOOD, simulators.urls[0])
        await until_live(hub, 1)
        for name, (camera, _) in BAD_CAMERAS.items():
            await add_camera(hub, name, f"rtsp://127.0.0.1:{camera.port}/live")
        await _complaints(hub, {name: code for name, (_, code) in BAD_CAMERAS.items()})
        await _bad_calls(hub, tmp_path)
        await asyncio.sleep(3)
        interruptions = await hub.call("GET", f"/api/interruptions?stream={GOOD}")
        rss_mb = usage([hub.pid]).rss_bytes / 1e6
        metrics = await _metrics(hub)
        assert await hub.stop() == 0
        sent = await simulators.sent(GOOD)

    assert interruptions == []
    for kind in ("video", "audio"):
        assert_unbroken(recorded(data, GOOD, kind), sent_digests(sent, kind), may_miss_at_end=50, may_miss_at_start=0)
    assert verify_path(data, None, keys_dir=hub.keys_dir).exit_code == 0
    assert rss_mb < MOST_MB
    _assert_told(hub, metrics)


async def _complaints(hub: HubProcess, expected: dict[str, str]) -> None:
    """Waits until each stream has shown its code: a stream shows the last of several faults."""
    missing = dict(expected)

    async def shown() -> bool:
        for stream in await hub.call("GET", "/api/streams"):
            complaint = stream["status"]["complaint"]
            if complaint is not None and complaint["code"] == missing.get(stream["id"]):
                assert len(complaint["message"]) > 10
                del missing[stream["id"]]
        return not missing

    try:
        await until(shown, 20)
    except TimeoutError:
        pytest.fail(f"never shown: {missing}; {await hub.call('GET', '/api/streams')}")


async def _bad_calls(hub: HubProcess, folder: Path) -> None:
    body = {"id": RECORDER, "name": "recorder", "kind": "recorder", "source": {"type": "whip"}}
    token = (await hub.call("POST", "/api/streams", body))["token"]
    for code, offer in PUBLISHED.items():
        assert await _post(hub, RECORDER, offer, token) == (400, code)
        await _complaints(hub, {RECORDER: code})
    assert await _post(hub, "nobody", PUBLISHED["no_h264"], hub.token) == (404, "not_found")
    assert await _post(hub, RECORDER, PUBLISHED["no_h264"], token[::-1]) == (401, "unauthorized")
    assert await _post(hub, "..%2f..%2fout", PUBLISHED["no_h264"], hub.token) == (404, "not_found")
    async with hub.http.post(f"{hub.url}/api/streams", json={**body, "id": "../../out"}) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, "bad_id")
    assert await _two_gigabytes(hub) == 413
    assert not await asyncio.to_thread(lambda: list(folder.rglob("out")))


async def _post(hub: HubProcess, stream_id: str, offer: bytes, token: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    async with hub.http.post(f"{hub.url}/whip/{stream_id}", data=offer, headers=headers) as answer:
        content: dict[str, Any] = await answer.json()
        return answer.status, content["error"]["code"]


async def _two_gigabytes(hub: HubProcess) -> int:
    """The status of an answer to a body of 2 GB that is announced and does not come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    head = f"POST /whip/{RECORDER} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hub.token}\r\n"
    writer.write(f"{head}Content-Type: application/sdp\r\nContent-Length: {2 << 30}\r\n\r\n".encode())
    status = int((await asyncio.wait_for(reader.readline(), 10)).split()[1])
    writer.close()
    await writer.wait_closed()
    return status


async def _metrics(hub: HubProcess) -> str:
    async with hub.http.get(f"{hub.url}/metrics") as answer:
        return await answer.text()


def _assert_told(hub: HubProcess, metrics: str) -> None:
    """In the log by stream and code, in the metrics by code (calls: by status)."""
    told = {*((name, code) for name, (_, code) in BAD_CAMERAS.items()), *((RECORDER, code) for code in PUBLISHED)}
    lines = [json.loads(line) for line in hub.log_path.read_text().splitlines() if line.startswith("{")]
    logged = {(line.get("stream"), line.get("code")) for line in lines}
    assert told <= logged
    counted = set(re.findall(r'hub_bad_input_total\{code="(\w+)"\} [1-9]', metrics))
    assert {code for _, code in told} <= counted
    for status in (400, 401, 404, 413):
        assert re.search(rf'hub_http_\w+\{{.*route="/whip/{{id}}",status="{status}"\}} [1-9]', metrics), status
