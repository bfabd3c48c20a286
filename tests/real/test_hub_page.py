"""Chromium on both ends: it publishes by WHIP with its fake devices, and it watches the wall."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from hub.bench.latency import CHROMIUM, CHROMIUM_FLAGS, PASSWORD, WATCH_JS
from hub.bench.processes import HubProcess
from hub.demo.frame_code import split_frame_number
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.hub_line import SMALL, SOUND, add_camera, recorded, sent_digests, until, until_live

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("chromium")]

FAKE_DEVICES = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")

PUBLISH_JS = """
async ([url, token]) => {
  const media = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: true });
  const peer = new RTCPeerConnection({ iceServers: [] });
  window.publisher = peer;
  for (const track of media.getTracks()) peer.addTransceiver(track, { direction: 'sendonly', streams: [media] });
  await peer.setLocalDescription();
  if (peer.iceGatheringState !== 'complete')
    await new Promise((done) => peer.addEventListener('icegatheringstatechange',
      () => peer.iceGatheringState === 'complete' && done()));
  const answer = await fetch(url, { method: 'POST', body: peer.localDescription.sdp,
    headers: { 'Content-Type': 'application/sdp', Authorization: 'Bearer ' + token } });
  if (answer.status !== 201) throw new Error(answer.status + ' ' + await answer.text());
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  return answer.headers.get('Location');
}
"""
LEAVE_JS = """
async ([url, token]) => {
  const answer = await fetch(url, { method: 'DELETE', headers: { Authorization: 'Bearer ' + token } });
  window.publisher.close();
  return answer.status;
}
"""


@asynccontextmanager
async def signed_in_page(hub: HubProcess, *flags: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_FLAGS, *flags])
        try:
            context = await browser.new_context(viewport={"width": 1280, "height": 720})
            answer = await context.request.post(
                f"{hub.url}/api/session", data={"username": "admin", "password": PASSWORD}
            )
            assert answer.ok, await answer.text()
            page = await context.new_page()
            await page.goto(hub.url)
            yield page
        finally:
            await browser.close()


async def test_the_frame_number_on_the_tile_advances(tmp_path: Path) -> None:
    """What is painted is what the camera sends, and the same bytes are on the disk."""
    config = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND, record=True),))
    data = tmp_path / "data"
    async with Simulators(config) as simulators, HubProcess(data, {"HUB_ADMIN_PASSWORD": PASSWORD}) as hub:
        await add_camera(hub, "cam", simulators.urls[0])
        await until_live(hub, 1)
        async with signed_in_page(hub) as page:
            await page.wait_for_selector("[data-stream=cam][data-state=live]")
            await _playing(page, "cam")
            seen: list[Any] = (await page.evaluate(WATCH_JS, [3, 0]))["seen"]
        assert await hub.stop() == 0
        sent = await simulators.sent("cam")

    numbers = [number for stream, number, *_ in seen if stream == "cam" and number is not None]
    assert len(numbers) > 10, "hardly a picture was painted"
    assert set(numbers) <= {unit.number for unit in sent if unit.kind == "video"}
    frames = SMALL.frames
    steps = [(b - a) % frames for a, b in pairwise(numbers)]
    assert all(0 < (split_frame_number(step)[1] if step else 0) < frames // 2 for step in steps), steps

    found = recorded(data, "cam", "video")
    truth = sent_digests(sent, "video")
    assert found == truth[: len(found)]
    assert len(found) > 50


async def test_chromium_as_recorder_and_as_watcher(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with HubProcess(data, {"HUB_ADMIN_PASSWORD": PASSWORD}) as hub:
        body = {"id": "phone", "name": "手机", "kind": "recorder", "source": {"type": "whip"}}
        token = (await hub.call("POST", "/api/streams", body))["token"]
        async with signed_in_page(hub, *FAKE_DEVICES) as page:
            location = await page.evaluate(PUBLISH_JS, [f"{hub.url}/whip/phone", token])
            assert location.startswith("/whip/phone/")
            await until_live(hub, 1)
            await _playing(page, "phone")
            await asyncio.sleep(4)
            tracks = (await hub.call("GET", "/api/streams/phone"))["status"]["tracks"]
            assert {track["codec"] for track in tracks} == {"h264", "opus"}
            assert await page.evaluate(LEAVE_JS, [hub.url + location, token]) == 200
            await until(lambda: _state_is(hub, "idle"))
            assert await page.evaluate(LEAVE_JS, [hub.url + location, token]) == 404
        assert await hub.call("GET", "/api/interruptions") == [], "a recorder's goodbye is a normal end"
        assert await hub.stop() == 0
    assert verify_path(data, None, keys_dir=hub.keys_dir).exit_code == 0
    assert len(recorded(data, "phone", "video")) > 50
    assert len(recorded(data, "phone", "audio")) > 100


async def _playing(page: Page, stream_id: str) -> None:
    """The page's policy forbids the string that `wait_for_function` would evaluate again and again."""
    position = f"document.querySelector('video[data-stream={stream_id}]').currentTime"
    await until(lambda: page.evaluate(f"() => {position} > 1"))


async def _state_is(hub: HubProcess, state: str) -> bool:
    stream = await hub.call("GET", "/api/streams/phone")
    return bool(stream["status"]["state"] == state)
