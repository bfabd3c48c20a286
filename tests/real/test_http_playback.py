"""Real players over our HTTP: ffprobe counts, and Chromium plays, what a playlist points to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import async_playwright

from hub.clock import rfc3339
from hub.model import Chunk, Codec, StreamKind
from hub.registry import RtspDraft
from hub.segmenter.disk import Disk
from hub.segmenter.recorder import Recorder
from tests.api_support import ADMIN_TOKEN, BEARER, PASSWORD, FakeReader, Hub, running_hub
from tests.segmenter_media import START_US, Log, audio, feed, fragments, interleave, video

pytestmark = pytest.mark.real

HLS_JS = Path(__file__).parents[2] / "web" / "node_modules" / "hls.js" / "dist" / "hls.min.js"
QUERY = {"from": rfc3339(START_US), "to": rfc3339(START_US + 60_000_000)}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    page = tmp_path / "page" / "assets"
    page.mkdir(parents=True)
    (tmp_path / "page" / "index.html").write_text("<!doctype html><video id=v muted></video>")
    if HLS_JS.exists():
        (page / "hls.js").write_bytes(HLS_JS.read_bytes())
    async with running_hub(tmp_path) as hub:
        await hub.services.registry.add("window-01", "1号窗口", StreamKind.WINDOW, RtspDraft("rtsp://h/"))
        hub.clock.advance(3600)
        reader = hub.services.reader
        assert isinstance(reader, FakeReader)
        reader.sealed = await record(hub)
        yield hub


async def record(hub: Hub) -> list[Chunk]:
    """6 s of H.264 with Opus."""
    settings = hub.services.settings
    disk = Disk(settings.data, settings)
    await disk.start()
    log = Log()
    recorder = Recorder("window-01", disk, settings, sealed=log.sealed, failed=log.failed)
    recorder.begin(1)
    picture, sound = video(seconds=6, gop=25), audio(Codec.OPUS, seconds=6)
    feed(recorder, fragments(interleave(picture, sound), picture.info, sound.info))
    await recorder.close("stop")
    await disk.close()
    return log.chunks


async def test_ffmpeg_reads_every_picture(hub: Hub) -> None:
    url = f"{hub.base.origin()}/api/streams/window-01/playback.m3u8?{urlencode(QUERY)}"
    process = await asyncio.create_subprocess_exec(
        "ffprobe", "-v", "error", "-headers", f"Authorization: Bearer {ADMIN_TOKEN}\r\n", "-count_packets",
        "-show_entries", "stream=codec_name,nb_read_packets", "-of", "json", url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await asyncio.wait_for(process.communicate(), 30)
    assert errors == b""
    streams = {one["codec_name"]: int(one["nb_read_packets"]) for one in json.loads(out)["streams"]}
    assert streams == {"h264": 150, "opus": 300}


async def test_a_reel_opens_by_its_address(hub: Hub) -> None:
    reader = hub.services.reader
    assert isinstance(reader, FakeReader)
    reel = reader.sealed[0].reel.removeprefix("reels/window-01/")
    async with hub.stranger.get(f"/api/streams/window-01/reels/{reel}", headers=BEARER) as response:
        assert await response.read() == (hub.services.settings.data / reader.sealed[0].reel).read_bytes()
        assert response.headers["Accept-Ranges"] == "bytes"


@pytest.mark.skipif(not HLS_JS.exists(), reason="the page's packages are not installed")
async def test_chromium_plays_it_to_its_end(hub: Hub) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        try:
            page = await browser.new_page()
            await page.goto(str(hub.base))
            await page.add_script_tag(url="/assets/hls.js")
            seen = await page.evaluate(
                """async ([password, uri]) => {
                    await fetch("/api/session", {method: "POST", headers: {"Content-Type": "application/json"},
                        body: JSON.stringify({username: "admin", password})});
                    const video = document.getElementById("v");
                    const hls = new Hls();
                    const errors = [];
                    hls.on(Hls.Events.ERROR, (_, data) => errors.push(data.details));
                    hls.loadSource(uri);
                    hls.attachMedia(video);
                    video.playbackRate = 4;
                    await video.play();
                    await new Promise((done) => {
                        video.onended = done;
                        setTimeout(done, 15000);
                    });
                    return {errors, ended: video.ended, at: video.currentTime,
                        pictures: video.getVideoPlaybackQuality().totalVideoFrames};
                }""",
                [PASSWORD, f"/api/streams/window-01/playback.m3u8?{urlencode(QUERY)}"],
            )
        finally:
            await browser.close()
    assert seen["errors"] == []
    assert seen["ended"]
    assert seen["at"] >= 5.9
