"""Chromium as a recorder at a running hub: media and telemetry through one WHIP session; SOS, cue, fault, proof."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from hub.bench.processes import HubProcess
from hub.ledger.verify import verify_path
from tests.hub_line import until, until_live
from tests.real.whip_browser import CHROMIUM, FLAGS

pytestmark = pytest.mark.real

PUBLISH = """async ({url, token}) => {
  const media = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 320, height: 240}});
  const pc = new RTCPeerConnection({iceServers: [], bundlePolicy: "max-bundle"});
  window.said = [];
  window.channel = pc.createDataChannel("telemetry");
  channel.onmessage = ({data}) => said.push(JSON.parse(data));
  for (const track of media.getTracks()) pc.addTransceiver(track, {direction: "sendonly", streams: [media]});
  await pc.setLocalDescription(await pc.createOffer());
  const headers = {"Content-Type": "application/sdp", "Authorization": `Bearer ${token}`};
  const response = await fetch(url, {method: "POST", body: pc.localDescription.sdp, headers});
  if (response.status !== 201) return {status: response.status, body: await response.json()};
  await pc.setRemoteDescription({type: "answer", sdp: await response.text()});
  window.pc = pc;
  return {status: 201, max: pc.sctp.maxMessageSize};
}"""


async def send(page: Page, **message: Any) -> None:
    await page.evaluate("message => channel.send(JSON.stringify(message))", message)


async def test_media_and_telemetry_through_one_session(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with HubProcess(data) as hub, async_playwright() as playwright:
        made = await hub.call(
            "POST", "/api/streams", {"id": "a", "name": "a", "kind": "recorder", "source": {"type": "whip"}}
        )
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = await browser.new_page(bypass_csp=True)
            await page.goto(f"{hub.url}/healthz")
            where = {"url": f"{hub.url}/whip/a", "token": made["token"]}
            assert await page.evaluate(PUBLISH, where) == {"status": 201, "max": 16384}
            await page.wait_for_function("channel.readyState === 'open'")
            await until_live(hub, 1)
            await _talks(page, hub)
            await page.evaluate("pc.close()")
            await _is_disabled(page, hub, where)
        finally:
            await browser.close()
        assert await hub.stop() == 0
    assert verify_path(data, None, keys_dir=hub.keys_dir).exit_code == 0
    kinds = [
        line["type"]
        for path in data.glob("reels/a/*.entries")
        for line in map(json.loads, path.read_text().splitlines())
    ]
    assert kinds.count("telemetry") == 4, "SOS, mark, fault, repair: each once"
    assert kinds.count("explanation") == 2, "what the device reported is followed up"


async def _talks(page: Page, hub: HubProcess) -> None:
    await send(
        page, battery_percent=15, position={"lat": 30.65, "lon": 104.06, "accuracy_m": 5}, recording_locally=True
    )

    async def status() -> Any:
        return (await hub.call("GET", "/api/streams/a"))["status"]["telemetry"]

    state = await until(status)
    assert state["battery_percent"] == 15
    assert state["position"]["lat"] == 30.65
    assert state["alarms"] == {"battery_low": "warning"}
    for _ in range(2):
        await send(page, events=[{"type": "sos", "id": "sos-1"}, {"type": "key_mark", "id": "mark-1"}])
    await page.wait_for_function("said.filter(one => one.type === 'ack').length === 2")
    assert await page.evaluate("said[0].ids") == ["sos-1", "mark-1"]
    shown = await hub.call("GET", "/api/streams/a/telemetry")
    assert shown["sos"]["id"] == "sos-1"
    track = "/api/streams/a/track?from=2020-01-01T00:00:00Z&to=2099-01-01T00:00:00Z"

    async def kept() -> Any:
        return (await hub.call("GET", track))["points"]

    assert [point["lon"] for point in await until(kept)] == [104.06]
    reports = [{"type": "report", "id": "r-1", "reason": "no_power"}, {"type": "report", "id": "r-2", "reason": "odd"}]
    await send(page, events=reports)
    await page.wait_for_function("said.some(one => one.type === 'ack' && one.ids.includes('r-2'))")
    await page.evaluate("channel.send('x'.repeat(16000))")
    await page.wait_for_function("said.some(one => one.type === 'refused')")
    before = await page.evaluate(
        "pc.getStats().then(all => [...all.values()].find(one => one.type === 'outbound-rtp').bytesSent)"
    )
    assert before > 0


async def _is_disabled(page: Page, hub: HubProcess, where: dict[str, str]) -> None:
    await hub.call("POST", "/api/streams/a/faults", {"reason": "picture", "text": "黑屏"})
    refused = await page.evaluate(PUBLISH, where)
    assert refused["status"] == 403
    assert refused["body"]["error"]["code"] == "device_disabled"
    assert (await hub.call("GET", "/api/streams/a"))["status"]["fault"]["text"] == "黑屏"
    assert [one["stream"] for one in await hub.call("GET", "/api/faults")] == ["a"]
    await hub.call("POST", "/api/streams/a/faults/repair", {"service": "华安电子维修站", "work": "更换镜头"})
    assert await hub.call("GET", "/api/faults") == []
    assert (await page.evaluate(PUBLISH, where))["status"] == 201
