"""Fragments become chunks in reels: cut where they must be, hashed, flushed, told in order."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub.errors import InvalidRequest
from hub.model import Chunk, Codec, TrackInfo
from hub.segmenter.disk import Disk
from hub.segmenter.files import reel_name
from hub.segmenter.recorder import Recorder
from hub.settings import Settings
from tests.segmenter_media import (
    AUDIO,
    OPUS_INFO,
    SETS_640,
    START_US,
    VIDEO,
    VIDEO_INFO,
    FaultyFiles,
    Log,
    by_arrival,
    check_reels,
    feed,
    fragments,
    pictures,
    samples,
    sounds,
    unit,
)

NAMES = "reels/window-01/2026-01-01/000000.000Z-1.mp4"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", keys_dir=tmp_path / "keys")


@pytest.fixture
async def disk(settings: Settings) -> AsyncIterator[Disk]:
    disk = Disk(settings.data, settings)
    await disk.start()
    yield disk
    await disk.close()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def recorder(disk: Disk, settings: Settings, log: Log) -> Recorder:
    recorder = Recorder("window-01", disk, settings, sealed=log.sealed, failed=log.failed)
    recorder.begin(1)
    return recorder


async def test_chunks_run_from_keyframe_to_keyframe(recorder: Recorder, log: Log, settings: Settings) -> None:
    units = by_arrival(pictures(151), sounds(303))
    feed(recorder, fragments(units, VIDEO_INFO, OPUS_INFO))
    await recorder.close("stop")
    assert [chunk.reason for chunk in log.chunks] == ["keyframe", "keyframe", "keyframe", "stop"]
    assert [chunk.tracks[0].frames for chunk in log.chunks] == [50, 50, 50, 1]
    assert [chunk.tracks[0].keyframes for chunk in log.chunks] == [2, 2, 2, 1]
    assert {chunk.reel for chunk in log.chunks} == {NAMES}
    media = samples(check_reels(settings.data, log.chunks))
    for track in (VIDEO, AUDIO):
        assert [each.data for each in media if each.track_id == track] == [
            each.data for each in units if each.track_id == track
        ]


async def test_a_chunk_says_what_it_holds(recorder: Recorder, log: Log) -> None:
    units = pictures(50)
    units[7] = replace(units[7], lost=2, damaged=True)
    feed(recorder, fragments(units, VIDEO_INFO))
    await recorder.close("stop")
    (chunk,) = log.chunks
    (track,) = chunk.tracks
    assert (chunk.first_us, chunk.end_us) == (START_US, START_US + 2_000_000)
    assert (track.first_ticks, track.end_ticks) == (90_000, 270_000)
    assert (track.first_seq, track.last_seq, track.lost, track.damaged) == (0, 99, 2, 1)
    assert (chunk.run, chunk.stream_id, chunk.offset) == (1, "window-01", chunk.init_size)


async def test_sound_alone_is_cut_every_two_seconds(recorder: Recorder, log: Log) -> None:
    feed(recorder, fragments(sounds(250), OPUS_INFO))
    await recorder.close("stop")
    assert [chunk.tracks[0].frames for chunk in log.chunks] == [100, 100, 50]


async def test_a_chunk_ends_after_ten_seconds_without_a_keyframe(recorder: Recorder, log: Log) -> None:
    feed(recorder, fragments(pictures(625, gop=600), VIDEO_INFO))
    await recorder.close("stop")
    assert [chunk.reason for chunk in log.chunks] == ["limit", "limit", "keyframe", "stop"]
    assert [chunk.tracks[0].frames for chunk in log.chunks] == [250, 250, 100, 25]
    assert [chunk.tracks[0].keyframes for chunk in log.chunks] == [1, 0, 0, 1]


async def test_a_chunk_ends_at_its_size(disk: Disk, settings: Settings, log: Log) -> None:
    small = settings.model_copy(update={"chunk_max_mb": 1.0})
    recorder = Recorder("window-01", disk, small, sealed=log.sealed, failed=log.failed)
    recorder.begin(1)
    feed(recorder, fragments(pictures(100, gop=100, size=50_000), VIDEO_INFO))
    await recorder.close("stop")
    assert all(chunk.size <= 1 << 20 for chunk in log.chunks)
    assert [chunk.reason for chunk in log.chunks] == ["limit"] * 4 + ["stop"]


async def test_pictures_before_the_first_keyframe_are_a_chunk_of_their_own(recorder: Recorder, log: Log) -> None:
    feed(recorder, fragments(pictures(60, first=15), VIDEO_INFO))
    await recorder.close("stop")
    assert [(chunk.tracks[0].frames, chunk.tracks[0].keyframes) for chunk in log.chunks] == [(10, 0), (50, 2)]


async def test_a_new_reel_after_its_minutes(disk: Disk, settings: Settings, log: Log) -> None:
    brief = settings.model_copy(update={"reel_minutes": 0.1})
    recorder = Recorder("window-01", disk, brief, sealed=log.sealed, failed=log.failed)
    recorder.begin(1)
    feed(recorder, fragments(pictures(400), VIDEO_INFO))
    await recorder.close("stop")
    starts = ["000000.000", "000006.000", "000012.000"]
    reels = [f"reels/window-01/2026-01-01/{start}Z-1.mp4" for start in starts]
    assert list(dict.fromkeys(chunk.reel for chunk in log.chunks)) == reels
    check_reels(settings.data, log.chunks)


async def test_other_parameter_sets_begin_a_reel(recorder: Recorder, log: Log, settings: Settings) -> None:
    units = [*pictures(25), *pictures(25, first=25, sets=SETS_640)]
    feed(recorder, fragments(units, VIDEO_INFO))
    await recorder.close("stop")
    assert [chunk.reason for chunk in log.chunks] == ["codec", "stop"]
    assert len({chunk.reel for chunk in log.chunks}) == 2
    assert len({chunk.init_sha256 for chunk in log.chunks}) == 2
    assert len(samples(check_reels(settings.data, log.chunks))) == 50


async def test_a_cut_ends_chunk_and_reel(recorder: Recorder, log: Log) -> None:
    out = fragments(pictures(50), VIDEO_INFO)
    feed(recorder, out[:6])
    recorder.cut("discontinuity")
    feed(recorder, out[6:])
    await recorder.close("stop")
    assert [chunk.reason for chunk in log.chunks] == ["discontinuity", "stop"]
    assert len({chunk.reel for chunk in log.chunks}) == 2


async def test_two_reels_of_one_moment_have_two_names(recorder: Recorder, log: Log, settings: Settings) -> None:
    out = fragments(pictures(50), VIDEO_INFO)
    for _ in range(3):
        feed(recorder, out)
        recorder.cut("discontinuity")
    await recorder.close("stop")
    assert [chunk.reel for chunk in log.chunks] == [
        NAMES,
        NAMES.replace("-1.mp4", "-1-1.mp4"),
        NAMES.replace("-1.mp4", "-1-2.mp4"),
    ]
    check_reels(settings.data, log.chunks)


async def test_nothing_is_written_for_a_run_without_media(recorder: Recorder, log: Log, settings: Settings) -> None:
    feed(recorder, fragments(pictures(5), VIDEO_INFO)[:1])
    await recorder.close("stop")
    assert log.chunks == []
    assert list(settings.data.rglob("*.mp4")) == []


async def test_a_chunk_is_told_only_after_its_flush(settings: Settings, log: Log) -> None:
    told_at_flush: list[int] = []
    files = FaultyFiles()
    files.fault = lambda name: told_at_flush.append(len(log.chunks)) if name == "flush" else None
    disk = Disk(settings.data, settings, files=files)
    await disk.start()
    recorder = Recorder("window-01", disk, settings, sealed=log.sealed, failed=log.failed)
    recorder.begin(1)
    feed(recorder, fragments(pictures(50), VIDEO_INFO))
    await recorder.close("stop")
    await disk.close()
    assert told_at_flush[0] == 0
    assert len(log.chunks) == 1
    assert files.calls.index("flush_folder") < files.calls.index("flush")


async def test_reels_of_one_stream_that_are_flushed_together_are_told_in_order(settings: Settings, log: Log) -> None:
    """A disk that was slow has more than one reel of a stream to flush, by more than one thread."""
    goes_on = threading.Event()

    def stalls(name: str) -> None:
        if name == "flush":
            goes_on.wait(20)

    files = FaultyFiles(stalls)
    disk = Disk(settings.data, settings, files=files)
    await disk.start()
    recorder = Recorder("window-01", disk, settings, sealed=log.sealed, failed=log.failed)
    recorder.begin(1)
    out = fragments(pictures(50), VIDEO_INFO)
    for _ in range(10):
        feed(recorder, out)
        recorder.cut("discontinuity")
    async with asyncio.timeout(20):
        while disk.waiting_bytes or "flush" not in files.calls:  # noqa: ASYNC110  it is another thread that changes
            await asyncio.sleep(0.01)
    goes_on.set()
    await recorder.close("stop")
    await disk.close()
    numbers = [f"-1-{number}.mp4" if number else "-1.mp4" for number in range(10)]
    assert [chunk.reel for chunk in log.chunks] == [NAMES.replace("-1.mp4", number) for number in numbers]


async def test_many_streams_each_in_order(disk: Disk, settings: Settings) -> None:
    logs = [Log() for _ in range(20)]
    recorders = [
        Recorder(f"window-{n}", disk, settings, sealed=log.sealed, failed=log.failed) for n, log in enumerate(logs)
    ]
    out = fragments(pictures(200), VIDEO_INFO)
    for recorder in recorders:
        recorder.begin(1)
    for each in out:
        for recorder in recorders:
            feed(recorder, [each])
    for recorder in recorders:
        await recorder.close("stop")
    for log in logs:
        assert [chunk.tracks[0].frames for chunk in log.chunks] == [50, 50, 50, 50]
        assert [chunk.offset for chunk in log.chunks] == sorted(chunk.offset for chunk in log.chunks)
    chunks: list[Chunk] = [chunk for log in logs for chunk in log.chunks]
    check_reels(settings.data, chunks)


async def test_closing_the_disk_ends_what_is_open(settings: Settings, log: Log) -> None:
    disk = Disk(settings.data, settings)
    await disk.start()
    recorder = Recorder("window-01", disk, settings, sealed=log.sealed, failed=log.failed)
    recorder.begin(1)
    feed(recorder, fragments(pictures(60), VIDEO_INFO))
    await disk.close()
    assert [(chunk.reason, chunk.tracks[0].frames) for chunk in log.chunks] == [("keyframe", 50), ("stop", 10)]


async def test_the_digest_of_received_code_words_runs_over_the_chunk(recorder: Recorder, log: Log) -> None:
    info = TrackInfo(AUDIO, Codec.PCMU, 8000, 1)
    words = [bytes((n * 7 + k) & 0xFF for k in range(160)) for n in range(180)]  # 3.6 s: 50 whole frames of FLAC
    units = [unit(AUDIO, data, n * 160, n * 160, 160, 8000, first_seq=n, last_seq=n) for n, data in enumerate(words)]
    feed(recorder, fragments(units, info))
    await recorder.close("stop")
    assert len(log.chunks) == 2
    joined = b"".join(words)
    cut = log.chunks[0].tracks[0].end_ticks - 8000
    assert [chunk.tracks[0].source_sha256 for chunk in log.chunks] == [
        hashlib.sha256(joined[:cut]).hexdigest(),
        hashlib.sha256(joined[cut:]).hexdigest(),
    ]


@pytest.mark.parametrize("name", ["../up", "a/b", "", "A", "a" * 64, "-a", "a\n", "."])
async def test_an_id_that_could_climb_is_refused(name: str, disk: Disk, settings: Settings, log: Log) -> None:
    with pytest.raises(InvalidRequest):
        Recorder(name, disk, settings, sealed=log.sealed, failed=log.failed)


def test_names_of_reels() -> None:
    assert reel_name("a", START_US + 3_661_999_999, 12) == "reels/a/2026-01-01/010101.999Z-12.mp4"
    assert reel_name("a", -5, 1) == "reels/a/1970-01-01/000000.000Z-1.mp4"
    assert reel_name("a", 1 << 62, 1).startswith("reels/a/9999-12-31/")
