"""Chromium with its fake camera and microphone as WHIP publisher, against a tiny HTTP face of the endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from playwright.async_api import Page, async_playwright

from hub.ingest.whip import WhipEndpoint

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
_PAGE = """<!doctype html><meta charset="utf-8"><script>
async function publish({width, height, fps, audio, bps}) {
  const media = await navigator.mediaDevices.getUserMedia({audio, video: {width, height, frameRate: fps}});
  const pc = new RTCPeerConnection({iceServers: [], bundlePolicy: "max-bundle"});
  for (const track of media.getTracks()) {
    const transceiver = pc.addTransceiver(track, {direction: "sendonly", streams: [media],
      sendEncodings: track.kind === "video" && bps ? [{maxBitrate: bps}] : undefined});
    if (track.kind === "video") {
      const codecs = RTCRtpSender.getCapabilities("video").codecs;
      codecs.sort((a, b) => (b.mimeType === "video/VP8") - (a.mimeType === "video/VP8"));
      transceiver.setCodecPreferences(codecs);
    }
  }
  await pc.setLocalDescription(await pc.createOffer());
  const response = await fetch("/whip/a", {method: "POST", body: pc.localDescription.sdp,
                                           headers: {"Content-Type": "application/sdp"}});
  if (response.status !== 201) throw new Error(await response.text());
  const location = response.headers.get("Location");
  pc.onicecandidate = ({candidate}) => candidate && fetch(location, {method: "PATCH",
    body: `m=audio 9 UDP/TLS/RTP/SAVPF 0\\r\\na=mid:${candidate.sdpMid}\\r\\na=${candidate.candidate}\\r\\n`});
  await pc.setRemoteDescription({type: "answer", sdp: await response.text()});
  window.pc = pc; window.whip = location;
}
async function stats() {
  const found = {};
  for (const report of (await pc.getStats()).values()) {
    if (report.type === "outbound-rtp" && report.kind === "video") found.video = report;
    if (report.type === "candidate-pair" && report.availableOutgoingBitrate) found.pair = report;
    if (report.type === "remote-inbound-rtp" && report.kind === "video") found.remote = report;
    if (report.type === "codec" && report.mimeType.startsWith("video")) found.codec = report.mimeType;
  }
  return found;
}
</script>"""


@asynccontextmanager
async def http_face(endpoint: WhipEndpoint) -> AsyncIterator[str]:
    """The least a WHIP client needs; yields the address."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=_PAGE, content_type="text/html")

    async def post(request: web.Request) -> web.Response:
        stream_id = request.match_info["id"]
        answer = await endpoint.offer(stream_id, await request.text(), device=request.headers.get("User-Agent", ""))
        location = f"/whip/{stream_id}/{answer.session_id}"
        return web.Response(status=201, text=answer.sdp, content_type="application/sdp", headers={"Location": location})

    async def patch(request: web.Request) -> web.Response:
        await endpoint.trickle(request.match_info["id"], request.match_info["session"], await request.text())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_post("/whip/{id}", post)
    app.router.add_patch("/whip/{id}/{session}", patch)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def browser_publishing(endpoint: WhipEndpoint, **media: Any) -> AsyncIterator[Page]:
    """A page that publishes; ``media`` is what its ``publish`` takes."""
    wanted = {"width": 640, "height": 480, "fps": 25, "audio": True, "bps": 0} | media
    async with http_face(endpoint) as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = await browser.new_page()
            await page.goto(address)
            await page.evaluate("publish", wanted)
            yield page
        finally:
            await browser.close()
