"""The derived movie in ffmpeg and Chromium: every picture is there, bit for bit, and plays through."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, async_playwright

from hub.bench.latency import CHROMIUM, CHROMIUM_FLAGS
from hub.evidence.movie import MAX_GAP_US, derived_marks, movie
from hub.model import Codec
from tests.evidence_footage import at, decoded_without_a_word, probe, record
from tests.segmenter_media import Take, audio, video

pytestmark = pytest.mark.real

MARKS = derived_marks(digest="ab" * 32, export_id="EX-7", recipient="某县人民法院", created="2026-01-05 16:30:05")
PAIRS: dict[str, Callable[[], tuple[Take, ...]]] = {
    "h264-b-frames-aac": lambda: (video(b_frames=2), audio(Codec.AAC)),
    "h265-b-frames-opus": lambda: (video(Codec.H265, b_frames=2), audio(Codec.OPUS)),
    "h264-pcma": lambda: (video(), audio(Codec.PCMA, rate=8000, channels=1)),
    "h264-alone": lambda: (video(),),
    "sound-alone": lambda: (audio(Codec.OPUS),),
}


def coded(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as source:
        return [bytes(each) for each in source.demux(*(s for s in source.streams if s.type == kind)) if each.size]


def of_kind(found: dict[str, Any], kind: str) -> dict[str, Any]:
    (stream,) = (each for each in found["streams"] if each["codec_type"] == kind)
    return dict(stream)


def test_what_two_nodes_recorded_is_in_it_once(tmp_path: Path) -> None:
    """The older one until the newer one begins, in the middle of a chunk, at a keyframe; then that to its end."""
    takes = video(), audio(Codec.AAC)
    whole, tracks = at(0, *takes)
    scales = {take.info.id: take.info.timescale for take in takes}
    later = [each for each in whole if each.dts_ticks >= 3 * scales[each.track_id]]
    footage = record(tmp_path, (whole, tracks), (later, tracks), numbers=(1 << 20 | 1, 2 << 20 | 1))
    assert len(footage) < 8
    (file,) = movie(footage, tmp_path / "movie.mp4", MARKS).files
    decoded_without_a_word(file.path)
    assert coded(file.path, "video") == [each.data for each in takes[0].units]
    sounds = [each.data for each in takes[1].units]
    found = coded(file.path, "audio")
    assert [each for each in found if each in sounds] == found
    assert abs(len(found) - len(sounds)) <= 2, "the edge lies between two frames"


@pytest.mark.parametrize("pair", PAIRS)
def test_every_frame_is_there_bit_for_bit(pair: str, tmp_path: Path) -> None:
    takes = PAIRS[pair]()
    footage = record(tmp_path, at(0, *takes), at(100, *takes))
    made = movie(footage, tmp_path / "movie.mp4", MARKS)
    (file,) = made.files
    assert (made.skipped, made.gaps) == (0, 1)
    decoded_without_a_word(file.path)
    found = probe(file.path)
    for take in takes:
        kind = take.info.kind.value
        stream = of_kind(found, kind)
        assert int(stream["nb_read_packets"]) == file.packets[kind]
        if take.info.codec not in (Codec.PCMA, Codec.PCMU):
            assert coded(file.path, kind) == [each.data for each in take.units] * 2
    # twice 6 s and a break of 94 s, shown as 2 s
    assert float(found["format"]["duration"]) == pytest.approx(14, abs=0.2)
    assert file.duration_us == pytest.approx(14_000_000, abs=200_000)
    assert [each["tags"]["title"] for each in found["chapters"]] == [
        "2026-01-01 08:00:00 起",
        "2026-01-01 08:01:40 起（此前中断已缩短）",
    ]
    assert float(found["chapters"][1]["start_time"]) == pytest.approx(8, abs=0.1)
    assert "派生文件" in found["format"]["tags"]["title"]
    for said in ("派生文件", "ab" * 32, "EX-7", "某县人民法院"):
        assert said in found["format"]["tags"]["comment"]


def test_h265_is_tagged_as_players_want_it(tmp_path: Path) -> None:
    made = movie(record(tmp_path, at(0, video(Codec.H265))), tmp_path / "movie.mp4", MARKS)
    assert of_kind(probe(made.files[0].path), "video")["codec_tag_string"] == "hvc1"


def test_pictures_are_shown_in_their_order_and_at_their_times(tmp_path: Path) -> None:
    take = video(b_frames=2)
    made = movie(record(tmp_path, at(0, take), at(7, take)), tmp_path / "movie.mp4", MARKS)
    with av.open(str(made.files[0].path)) as source:
        times = [float(frame.time or 0) for frame in source.decode(video=0)]
    steps = [after - before for before, after in itertools.pairwise(times)]
    assert len(times) == 300
    assert steps[149] == pytest.approx(1.04, abs=0.1)  # the break of a second keeps its length
    assert [step for number, step in enumerate(steps) if number != 149] == pytest.approx([0.04] * 298, abs=1e-3)


def test_a_break_inside_a_run_is_shortened_for_sound_and_picture_alike(tmp_path: Path) -> None:
    takes = video(seconds=4), audio(Codec.OPUS, seconds=4)

    def later(take: Take, seconds: int) -> Take:
        ticks = seconds * take.info.timescale
        return Take(
            take.info,
            tuple(
                replace(each, dts_ticks=each.dts_ticks + ticks, pts_ticks=each.pts_ticks + ticks,
                        capture_us=each.capture_us + seconds * 1_000_000,
                        arrival=replace(each.arrival, mono_us=each.arrival.mono_us + seconds * 1_000_000))
                for each in take.units
            ),
        )  # fmt: skip

    units = at(0, *takes)[0] + at(0, *(later(take, 64) for take in takes))[0]
    made = movie(record(tmp_path, (units, [take.info for take in takes])), tmp_path / "movie.mp4", MARKS)
    assert made.gaps == 1
    found = probe(made.files[0].path)
    for kind in ("video", "audio"):
        assert float(of_kind(found, kind)["duration"]) == pytest.approx(8 + MAX_GAP_US / 1e6, abs=0.3)
    decoded_without_a_word(made.files[0].path)


def test_another_coding_begins_another_file(tmp_path: Path) -> None:
    footage = record(
        tmp_path, at(0, video(seconds=2)), at(3, video(seconds=2, size=(640, 360))), at(6, video(seconds=2))
    )
    made = movie(footage, tmp_path / "movie.mp4", MARKS)
    assert [each.path.name for each in made.files] == ["movie.mp4", "movie-2.mp4", "movie-3.mp4"]
    sizes = []
    for file in made.files:
        decoded_without_a_word(file.path)
        stream = of_kind(probe(file.path), "video")
        sizes.append((stream["width"], stream["height"], stream["nb_read_packets"]))
    assert sizes == [(320, 240, "50"), (640, 360, "50"), (320, 240, "50")]
    assert made.files[1].first_us - made.files[0].first_us == 3_000_000


def test_the_same_footage_gives_the_same_bytes(tmp_path: Path) -> None:
    footage = record(tmp_path, at(0, video(seconds=2), audio(Codec.AAC, seconds=2)))
    movie(footage, tmp_path / "a.mp4", MARKS)
    movie(footage, tmp_path / "b.mp4", MARKS)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


# ---------------------------------------------------------------------------------- Chromium

PLAY = """async (url) => {
  const video = document.createElement('video'); video.muted = true; video.src = url; document.body.append(video);
  let stalls = 0; video.addEventListener('waiting', () => stalls++);
  await new Promise((done, no) => { video.onloadedmetadata = done; video.onerror = () => no(video.error.message); });
  video.playbackRate = 8;
  await video.play();
  await new Promise(done => { video.addEventListener('ended', done, {once: true}); setTimeout(done, 12000); });
  const result = {error: video.error && video.error.message, ended: video.ended, at: video.currentTime,
                  duration: video.duration, pictures: video.getVideoPlaybackQuality().totalVideoFrames,
                  sound: video.webkitAudioDecodedByteCount, width: video.videoWidth};
  video.remove();
  return result;
}"""


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Page, str]]:
    app = web.Application()
    app.router.add_static("/files", tmp_path)

    async def blank(request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html>", content_type="text/html")

    app.router.add_get("/", blank)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        try:
            page = await browser.new_page()
            address = f"http://127.0.0.1:{runner.addresses[0][1]}/files"
            await page.goto(address.removesuffix("files"))
            yield page, address
        finally:
            await browser.close()
            await runner.cleanup()


@pytest.mark.parametrize("pair", ["h264-b-frames-aac", "h264-pcma", "h264-b-frames-opus"])
async def test_chromium_plays_it_to_its_end(pair: str, served: tuple[Page, str], tmp_path: Path) -> None:
    takes = {**PAIRS, "h264-b-frames-opus": lambda: (video(b_frames=2), audio(Codec.OPUS))}[pair]()
    page, address = served
    footage = await asyncio.to_thread(record, tmp_path, at(0, *takes), at(100, *takes))
    movie(footage, tmp_path / "movie.mp4", MARKS)
    result = await page.evaluate(PLAY, f"{address}/movie.mp4")
    assert result["error"] is None, result
    assert result["ended"], result
    assert result["duration"] == pytest.approx(14.1, abs=0.2), result
    assert result["pictures"] >= 290, result
    assert result["sound"] > 0, result
