"""Reels in Chromium: through MSE as a wall tile gets them, and through hls.js as playback does."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, async_playwright

from hub.clock import Instant
from hub.model import AccessUnit, Chunk, Codec, Fragment, InitSegment, TrackInfo
from hub.segmenter.disk import Disk
from hub.segmenter.playlist import Fill, playlist
from hub.segmenter.recorder import Recorder
from hub.segmenter.silence import segment_bytes, with_sound
from hub.settings import Settings
from tests.segmenter_media import AUDIO, VIDEO, Log, Take, audio, feed, fragments, interleave, video

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

HLS_JS = Path(__file__).parents[2] / "web/node_modules/hls.js/dist/hls.js"

PLAY_MSE = """async (buffers) => {
  const video = document.createElement('video'); video.muted = true; document.body.append(video);
  const source = new MediaSource(); video.src = URL.createObjectURL(source);
  await new Promise(done => source.addEventListener('sourceopen', done, {once: true}));
  const ranges = [];
  const opened = buffers.map(([mime, parts]) => [source.addSourceBuffer(mime), parts]);
  for (const [buffer, parts] of opened) {
    for (const part of parts) {
      buffer.appendBuffer(Uint8Array.from(atob(part), c => c.charCodeAt(0)));
      await new Promise(done => buffer.addEventListener('updateend', done, {once: true}));
      if (video.error) return {error: video.error.message};
    }
    for (let i = 0; i < buffer.buffered.length; i++) ranges.push([buffer.buffered.start(i), buffer.buffered.end(i)]);
  }
  source.endOfStream();
  video.currentTime = ranges[0][0]; video.playbackRate = 6;
  await video.play();
  await new Promise(done => { video.addEventListener('ended', done, {once: true}); setTimeout(done, 8000); });
  const result = {error: video.error && video.error.message, ended: video.ended, ranges,
                  pictures: video.getVideoPlaybackQuality().totalVideoFrames, sound: video.webkitAudioDecodedByteCount};
  video.remove();
  return result;
}"""

PLAY_HLS = """async ([url, seconds]) => {
  const video = document.createElement('video'); video.muted = true; document.body.append(video);
  const hls = new Hls({enableWorker: false}); const errors = []; const jumps = []; let last = 0;
  hls.on(Hls.Events.ERROR, (_, e) => errors.push(e.details));
  hls.loadSource(url); hls.attachMedia(video);
  await new Promise(done => hls.on(Hls.Events.MANIFEST_PARSED, done));
  video.playbackRate = 5; video.play();
  video.addEventListener('timeupdate', () => {
    if (video.currentTime - last > 2.4) jumps.push([last, video.currentTime]);
    last = video.currentTime;
  });
  await new Promise(done => { video.addEventListener('ended', done, {once: true}); setTimeout(done, seconds * 1000); });
  const result = {errors, jumps, ended: video.ended, at: video.currentTime, error: video.error && video.error.message,
                  pictures: video.getVideoPlaybackQuality().totalVideoFrames, width: video.videoWidth,
                  sound: video.webkitAudioDecodedByteCount};
  hls.destroy(); video.remove();
  return result;
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page() -> AsyncIterator[Page]:
    """One browser for all: starting it takes longer than most tests."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--headless=new", "--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
        )
        page = await browser.new_page()
        yield page
        await browser.close()


def texts(parts: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(part).decode() for part in parts]


def moved(take: Take, seconds: float, track: int | None = None) -> Take:
    """The same later, on the axis and on the calendar."""
    ticks, us = round(seconds * take.info.timescale), round(seconds * 1_000_000)
    units = [
        replace(
            each,
            dts_ticks=each.dts_ticks + ticks,
            pts_ticks=each.pts_ticks + ticks,
            capture_us=each.capture_us + us,
            arrival=Instant(each.arrival.utc_us + us, each.arrival.mono_us + us),
        )
        for each in take.units
    ]
    return Take(take.info, tuple(units))


# -------------------------------------------------------------------------------------- MSE


@pytest.mark.parametrize(
    "sound",
    [lambda: audio(Codec.AAC, seconds=4), lambda: audio(Codec.OPUS, seconds=4),
     lambda: audio(Codec.PCMU, seconds=4, rate=8000, channels=1)],
    ids=["aac", "opus", "g711"],
)  # fmt: skip
async def test_a_reel_plays_through_mse_to_its_end(page: Page, sound: Callable[[], Take]) -> None:
    takes = video(seconds=4, b_frames=2), sound()
    out = fragments(interleave(*takes), *(take.info for take in takes))
    init = out[0]
    assert isinstance(init, InitSegment)
    codecs = ",".join(track.mime.split('"')[1] for track in init.tracks)
    result = await page.evaluate(PLAY_MSE, [[f'video/mp4; codecs="{codecs}"', texts([each.data for each in out])]])
    assert result["error"] is None, result
    assert result["ended"], result
    assert result["pictures"] >= 100
    assert len(result["ranges"]) == 1
    assert result["sound"] > 0


async def test_a_reel_cut_off_anywhere_plays_through_mse(page: Page) -> None:
    takes = video(seconds=2), audio(Codec.OPUS, seconds=2)
    out = fragments(interleave(*takes), *(take.info for take in takes))
    assert isinstance(out[0], InitSegment)
    codecs = ",".join(track.mime.split('"')[1] for track in out[0].tracks)
    whole = b"".join(each.data for each in out)
    inside = len(whole) - len(out[-1].data)
    for size in (inside - 100, inside + 20, inside + 42, inside + 110, len(whole) - 5):
        result = await page.evaluate(PLAY_MSE, [[f'video/mp4; codecs="{codecs}"', texts([whole[:size]])]])
        assert result["error"] is None, (size, result)
        assert result["pictures"] >= 40, (size, result)


async def test_single_tracks_play_in_two_source_buffers(page: Page) -> None:
    takes = video(seconds=4), audio(Codec.AAC, seconds=4)
    out = fragments(interleave(*takes), *(take.info for take in takes))
    init = out[0]
    assert isinstance(init, InitSegment)
    buffers = []
    for track in init.tracks:
        own = [each.data for each in out if isinstance(each, Fragment) and each.track_id == track.id]
        buffers.append([track.mime, texts([track.init, *own])])
    result = await page.evaluate(PLAY_MSE, buffers)
    assert result["error"] is None, result
    assert result["ended"], result
    assert result["pictures"] >= 100


async def test_a_varying_rate_of_pictures_loses_none_to_the_browser(page: Page) -> None:
    """Without a bridged decode time Chromium throws away all pictures from the hole to the next keyframe."""
    take = video(seconds=4, gop=100)
    late = moved(Take(take.info, take.units[20:]), 0.2)
    units = [*take.units[:20], *late.units]
    out = fragments(units, take.info)
    assert isinstance(out[0], InitSegment)
    result = await page.evaluate(PLAY_MSE, [[out[0].tracks[0].mime, texts([each.data for each in out])]])
    assert result["error"] is None, result
    assert result["pictures"] >= 100, result
    assert result["ranges"] == [[1, pytest.approx(5.2)]]


# -------------------------------------------------------------------------------------- HLS


@dataclass
class Shown:
    """A recording, and a server that plays it."""

    data: Path
    chunks: list[Chunk]

    def init_of(self, chunk: Chunk) -> bytes:
        return (self.data / chunk.reel).read_bytes()[: chunk.init_size]

    def reel(self, chunk: Chunk) -> str:
        return f"/data/{chunk.reel}"

    def init(self, chunk: Chunk, sound_from: Chunk | None) -> str:
        return f"/init/{self.chunks.index(chunk)}/{self.chunks.index(sound_from) if sound_from else '-'}"

    def filled(
        self, chunk: Chunk, offset: int, size: int, fill: Fill | None, until_us: int | None, sound_from: Chunk | None
    ) -> str:
        assert fill is not None
        assert until_us is None
        return f"{self.init(chunk, sound_from)}/{offset}/{size}/{fill[0]}/{fill[1]}".replace("/init/", "/segment/")

    def served_init(self, request: web.Request) -> bytes:
        init = self.init_of(self.chunks[int(request.match_info["chunk"])])
        donor = request.match_info["donor"]
        return init if donor == "-" else with_sound(init, self.init_of(self.chunks[int(donor)]))

    async def answer(self, request: web.Request) -> web.Response:
        init = self.served_init(request)
        if "offset" not in request.match_info:
            return web.Response(body=init)
        offset, size, start, end = (int(request.match_info[name]) for name in ("offset", "size", "start", "end"))
        whole = (self.data / self.chunks[int(request.match_info["chunk"])].reel).read_bytes()
        return web.Response(body=segment_bytes(whole[offset : offset + size], init, (start, end)))

    async def playlist(self, request: web.Request) -> web.Response:
        text = playlist(self.chunks, self.init_of, self, join_s=float(request.query["join"]), complete=True)
        return web.Response(text=text, content_type="application/vnd.apple.mpegurl")

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(text="<script src=/hls.js></script>", content_type="text/html")

    async def script(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(HLS_JS)


Part = tuple[int, Sequence[AccessUnit], Sequence[TrackInfo]]


async def record(tmp: Path, parts: Sequence[Part]) -> Shown:
    """Each part is a run of its own number; equal numbers go on in one run."""
    settings = Settings(data=tmp / "data", keys_dir=tmp / "keys")
    disk = Disk(settings.data, settings)
    await disk.start()
    log = Log()
    recorder = Recorder("window-01", disk, settings, sealed=log.sealed, failed=log.failed)
    for run, units, tracks in parts:
        recorder.begin(run)
        feed(recorder, fragments(units, *tracks))
        recorder.cut("discontinuity")
    await recorder.close("stop")
    await disk.close()
    assert not log.failures
    return Shown(settings.data, log.chunks)


async def play(page: Page, shown: Shown, join_s: float = 0, seconds: float = 15) -> dict[str, Any]:
    app = web.Application()
    app.router.add_static("/data", shown.data)
    app.router.add_get("/init/{chunk}/{donor}", shown.answer)
    app.router.add_get("/segment/{chunk}/{donor}/{offset}/{size}/{start}/{end}", shown.answer)
    app.router.add_get("/list.m3u8", shown.playlist)
    app.router.add_get("/hls.js", shown.script)
    app.router.add_get("/", shown.page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        await page.goto(f"http://127.0.0.1:{port}/")
        result: dict[str, Any] = await page.evaluate(PLAY_HLS, [f"/list.m3u8?join={join_s}", seconds])
        return result
    finally:
        await page.goto("about:blank")
        await runner.cleanup()


def both(*takes: Take) -> tuple[list[AccessUnit], list[TrackInfo]]:
    return interleave(*takes), [take.info for take in takes]


hls = pytest.mark.skipif(not HLS_JS.exists(), reason="needs web/node_modules/hls.js (npm ci in web/)")


@hls
@pytest.mark.parametrize("join_s", [0, 10])
async def test_hls_plays_a_reel(page: Page, tmp_path: Path, join_s: float) -> None:
    shown = await record(tmp_path, [(1, *both(video(seconds=8), audio(Codec.AAC, seconds=8)))])
    result = await play(page, shown, join_s)
    assert result["ended"], result
    assert not result["errors"], result
    assert not result["jumps"], result
    assert result["pictures"] >= 195, result


@hls
async def test_hls_plays_over_an_interruption_into_another_size(page: Page, tmp_path: Path) -> None:
    second = video(seconds=4, size=(640, 360), seed=1), audio(Codec.OPUS, seconds=4)
    # 7 s later on the calendar, while the axis of the new run begins at 0 again
    later = [replace(each, capture_us=each.capture_us + 7_000_000) for each in interleave(*second)]
    shown = await record(
        tmp_path,
        [
            (1, *both(video(seconds=4), audio(Codec.OPUS, seconds=4))),
            (2, later, [take.info for take in second]),
        ],
    )
    result = await play(page, shown)
    assert result["ended"], result
    assert result["width"] == 640
    assert result["at"] == pytest.approx(11, abs=0.3)
    assert result["pictures"] >= 195, result
    assert result["error"] is None


@hls
@pytest.mark.parametrize("codec", [Codec.AAC, Codec.OPUS, Codec.PCMA])
async def test_sound_that_ends_early_does_not_stop_the_picture(page: Page, tmp_path: Path, codec: Codec) -> None:
    rate, channels = (8000, 1) if codec is Codec.PCMA else (48_000, 2)
    sound = audio(codec, seconds=3, rate=rate, channels=channels)
    shown = await record(tmp_path, [(1, *both(video(seconds=8), sound))])
    result = await play(page, shown)
    assert result["ended"], result
    assert not result["errors"], result
    assert not result["jumps"], result
    assert result["pictures"] >= 195, result


@hls
async def test_a_hole_in_the_sound_costs_no_picture(page: Page, tmp_path: Path) -> None:
    sound = audio(Codec.AAC, seconds=8)
    holed = Take(sound.info, tuple(each for n, each in enumerate(sound.units) if not 30 < n < 60))
    shown = await record(tmp_path, [(1, *both(video(seconds=8, gop=100), holed))])
    result = await play(page, shown)
    assert result["ended"], result
    assert not result["errors"], result
    assert result["pictures"] >= 195, result


@hls
async def test_a_reel_without_sound_between_reels_with_sound(page: Page, tmp_path: Path) -> None:
    plain = moved(video(seconds=4, seed=2), 4)
    last = moved(video(seconds=4, seed=3), 8), moved(audio(Codec.AAC, seconds=4), 8)
    shown = await record(
        tmp_path,
        [
            (1, *both(video(seconds=4), audio(Codec.AAC, seconds=4))),
            (2, *both(plain)),
            (3, *both(*last)),
        ],
    )
    assert len({chunk.init_sha256 for chunk in shown.chunks}) == 2
    result = await play(page, shown, seconds=20)
    assert result["ended"], result
    assert not result["errors"], result
    assert result["pictures"] >= 290, result


@hls
async def test_the_size_changes_within_a_run(page: Page, tmp_path: Path) -> None:
    second = moved(video(seconds=4, size=(640, 360), seed=1), 4)
    units = interleave(video(seconds=4), second, audio(Codec.AAC, seconds=8))
    info = TrackInfo(VIDEO, Codec.H264, 90_000)
    shown = await record(tmp_path, [(1, units, [info, audio(Codec.AAC, seconds=8).info])])
    assert {each.track_id for chunk in shown.chunks for each in chunk.tracks} == {VIDEO, AUDIO}
    result = await play(page, shown)
    assert result["ended"], result
    assert result["width"] == 640
    assert result["pictures"] >= 195, result
