"""What was brought, in a real browser: recorded by its own MediaRecorder, and played through on the page."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest
from playwright.async_api import async_playwright

from hub.bench.latency import CHROMIUM, CHROMIUM_FLAGS
from hub.bench.processes import HubProcess
from hub.clock import rfc3339
from hub.footage.store import State
from hub.ledger.verdict import Completeness
from tests.footage_support import BREAK, Room, S, card, room
from tests.hub_line import until
from tests.page_support import HUB_ENVIRON, open_page, sign_in, until_true
from tests.real.test_footage_codecs import PICTURES, SOUND, VP9, brought_reels, ffmpeg

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("chromium")]

FAKE_DEVICES = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
RECORDED = {
    "video/webm;codecs=vp8,opus": "vp8",
    "video/webm;codecs=vp9,opus": "vp9",
    "video/x-matroska;codecs=avc1,opus": "h264",
    "video/mp4;codecs=av01.0.01M.08,opus": "av1",
}
RECORD_JS = """async ([types, ms]) => {
  const video = { width: 160, height: 120, frameRate: 10 };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video });
  const recorded = types.map((mimeType) => new Promise((resolve) => {
    const recorder = new MediaRecorder(stream, { mimeType });
    const parts = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = async () => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.split(',')[1]);
      reader.readAsDataURL(new Blob(parts));
    };
    recorder.start(500);
    setTimeout(() => recorder.stop(), ms);
  }));
  return await Promise.all(recorded);
}"""
CLOCK = "Number(document.querySelector('[data-clock]')?.dataset.clock ?? 0)"
WATCH_JS = """() => {
  window.seen = [];
  const video = document.querySelector('[data-playback] video');
  for (const type of ['seeking', 'error']) {  // it may wait on a busy machine, but a player that leaps met a hole
    video.addEventListener(type, () => window.seen.push(`${type} at ${video.currentTime}`));
  }
}"""
BLUE_JS = """() => {
  const canvas = document.querySelector('[data-playback] .strip canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let blue = 0;
  for (let at = 0; at < data.length; at += 4) blue += data[at + 2] > 180 && data[at + 2] - data[at] > 90;
  return blue;
}"""


async def test_files_of_a_browsers_recorder_fill_a_break(tmp_path: Path) -> None:
    files = await _recorded_by_a_browser(tmp_path, 2400)
    async with room(tmp_path) as hub:
        at = BREAK[0]
        for name, file in files.items():
            done = await hub.bring(file, claimed_us=at, clock_us=0)
            assert done.state is State.RECORDED, (name, done)
            (fill,) = done.result["fills"]
            assert fill["to_us"] - fill["from_us"] > 1_500_000, (name, fill)
            at = fill["to_us"]
            assert _decoded(hub, fill["run"]) == {name}
    assert hub.verify().exit_code == 0


def _decoded(hub: Room, run: int) -> set[str]:
    """The codecs of the pictures that a run's reels hold, each of them decoded."""
    codecs = set()
    for reel in brought_reels(hub, run):
        with av.open(str(reel)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 10
            codecs.add(container.streams.video[0].codec_context.codec.canonical_name)
    return codecs


async def _recorded_by_a_browser(folder: Path, ms: int) -> dict[str, Path]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_FLAGS, *FAKE_DEVICES])
        try:
            page = await browser.new_page()
            await page.route(
                "http://localhost/", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html")
            )
            await page.goto("http://localhost/")
            recorded = await page.evaluate(RECORD_JS, [list(RECORDED), ms])
        finally:
            await browser.close()
    files = {}
    for name, data in zip(RECORDED.values(), recorded, strict=True):
        files[name] = folder / name
        files[name].write_bytes(base64.b64decode(data))
    return files


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HubProcess]:
    """A hub whose stream has a break that three files of different codecs fill."""
    async with room(tmp_path) as before:
        third = (BREAK[1] - BREAK[0]) // 3 // 100_000 * 100_000
        first_us = card(tmp_path / "card.mp4", BREAK[0] - 2 * S, BREAK[0] + third)
        ffmpeg(*PICTURES, *SOUND, *VP9, "-c:a", "libopus", "-t", third / S, tmp_path / "vp9.webm")
        ffmpeg(*PICTURES, "-c:v", "libsvtav1", "-preset", "12", "-g", "10", "-t", 8, tmp_path / "av1.mp4")
        claims = {"card.mp4": first_us, "vp9.webm": BREAK[0] + third, "av1.mp4": BREAK[0] + 2 * third}
        for name, claimed_us in claims.items():
            done = await before.bring(tmp_path / name, claimed_us=claimed_us, clock_us=0)
            assert done.state is State.RECORDED, done
        assert done.result["fills"][0]["whole"]
    assert before.verify().completeness is Completeness.BACKFILLED
    (tmp_path / "keys").rename(tmp_path / "data.keys")
    async with HubProcess(tmp_path / "data", {**HUB_ENVIRON, "HUB_LOG_ORIGIN": "test/footage"}) as hub:
        body = {"id": "rec", "name": "rec", "kind": "recorder", "source": {"type": "whip"}}
        await hub.call("POST", "/api/streams", body)
        yield hub


async def _read_on_kept_connections(hub: HubProcess, span: str) -> list[str]:
    """FFmpeg asks for segments with silence, that have no range, by the range of the one before: it must not hang."""
    process = await asyncio.create_subprocess_exec(
        "ffprobe", "-v", "error", "-headers", f"Authorization: Bearer {hub.token}\r\n",
        "-http_persistent", "1", "-multiple_requests", "1", "-select_streams", "v",
        "-show_entries", "packet=pts_time", "-of", "csv=p=0", f"{hub.url}/api/streams/rec/playback.m3u8?{span}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
    return out.decode().split()


async def test_live_and_brought_footage_of_other_codecs_is_played_through(hub: HubProcess) -> None:
    span = f"from={rfc3339(BREAK[0] - 5 * S)}&to={rfc3339(BREAK[1] + 5 * S)}"
    playlist = await until(lambda: hub.call("GET", f"/api/streams/rec/playback.m3u8?{span}"))
    assert "EXT-X-GAP" not in playlist
    assert playlist.count("#EXT-X-MAP") == 5
    assert len(await _read_on_kept_connections(hub, span)) > 200
    async with open_page(hub) as page:
        await page.wait_for_selector("input[name=username]")
        await sign_in(page)
        row = "li[data-stream=rec]"
        await page.wait_for_selector(row)
        await page.hover(row)
        await page.click(f"{row} button.play")
        await page.wait_for_selector("[data-playback][data-status=ready]")
        await until_true(page, f"{CLOCK} > 0 && {CLOCK} < {BREAK[0] / 1000}")
        await until_true(page, f"({BLUE_JS})() > 0")
        await until_true(page, "document.querySelector('[data-playback] video').readyState >= 3")
        await page.evaluate(WATCH_JS)
        await page.click("[data-playback] .group button:nth-of-type(3)")
        await until_true(page, f"{CLOCK} > {BREAK[1] / 1000 + 2000}")
        assert await page.evaluate("() => window.seen") == []
        assert await page.locator("[data-playback] .skip").count() == 0
