"""What devices and browsers record by themselves, written by FFmpeg: recorded bit for bit, or refused clearly."""

from __future__ import annotations

import hashlib
import subprocess
from itertools import groupby
from pathlib import Path

import av
import numpy as np
import pytest

from hub.evidence.movie import derived_marks, movie
from hub.evidence.segments import segments
from hub.footage.store import State
from hub.ledger.verdict import Completeness
from hub.shelf import LocalShelf
from tests.footage_support import BREAK, Room, S, room

pytestmark = pytest.mark.real

PICTURES = ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=14")
SOUND = ("-f", "lavfi", "-i", "sine=f=500:d=14")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "100k", "-g", "10")
FILES = {
    "vp8.webm": ("vp8", "opus", ("-c:v", "libvpx", "-deadline", "realtime", "-b:v", "100k", "-g", "10")),
    "vp9.webm": ("vp9", "opus", VP9),
    "av1.mp4": ("av1", "aac", ("-c:v", "libsvtav1", "-preset", "12", "-g", "10")),
    "h265.ts": (
        "hevc",
        "aac",
        ("-c:v", "libx265", "-x265-params", "log-level=none:keyint=10", "-preset", "ultrafast", "-c:a", "aac"),
    ),
    "h264.ts": ("h264", "aac", ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-bf", "2", "-c:a", "aac")),
    "pcm.mov": ("h264", "flac", ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-c:a", "pcm_s16be")),
}


def ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-y", "-v", "error", *map(str, arguments)], check=True, stderr=subprocess.PIPE)


def brought_reels(hub: Room, run: int) -> list[Path]:
    chunks = hub.ledger.reader.chunks("rec", BREAK[0] - S, BREAK[1] + S, 1000)
    return [hub.data / reel for reel, _ in groupby(chunk.reel for chunk in chunks if chunk.run == run)]


def packets(path: Path, kind: str) -> list[str]:
    """The digest of each unit; ADTS headers (seven bytes in a transport stream) left out."""
    with av.open(str(path)) as container:
        (stream, *_) = (one for one in container.streams if one.type == kind)
        adts = path.suffix == ".ts" and kind == "audio"
        found = [bytes(packet) for packet in container.demux(stream) if packet.size]
    return [hashlib.sha256(data[7:] if adts else data).hexdigest() for data in found]


@pytest.mark.parametrize("name", FILES)
async def test_pictures_and_sound_are_recorded_as_they_are(tmp_path: Path, name: str) -> None:
    video, audio, options = FILES[name]
    file = tmp_path / name
    ffmpeg(*PICTURES, *SOUND, *options, file)
    async with room(tmp_path) as hub:
        done = await hub.bring(file, claimed_us=BREAK[0] - 2 * S, clock_us=0)
        assert (done.state, done.result["method"]) == (State.RECORDED, "claimed"), done
        (fill,) = done.result["fills"]
        assert fill["whole"]
        assert abs(fill["from_us"] - BREAK[0]) <= 100_000
        reels = brought_reels(hub, fill["run"])
        if not name.endswith(".ts"):  # start codes became lengths
            _assert_within(reels, file, "video", least=100)
        if audio != "flac":
            _assert_within(reels, file, "audio", least=200)
        _assert_in_a_movie(hub, fill["run"], video, tmp_path / "movie.mp4")
        shown = 0
        for reel in reels:
            with av.open(str(reel)) as container:
                assert {stream.codec_context.codec.canonical_name for stream in container.streams} == {video, audio}
                shown += sum(1 for _ in container.decode(video=0))
        assert 100 <= shown <= 121, "all pictures are decoded, and those before the edge that they need"
    verdict = hub.verify()
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.BACKFILLED), verdict.findings


def _assert_in_a_movie(hub: Room, run: int, video: str, out: Path) -> None:
    """What an evidence package derives for watching; no MP4 of FFmpeg's holds VP8, which costs the others nothing."""
    chunks = hub.ledger.reader.chunks("rec", BREAK[0] - 5 * S, BREAK[1] + S, 1000)
    made = movie(
        segments(LocalShelf(hub.data), chunks), out, derived_marks(digest="", export_id="", recipient="", created="")
    )
    brought = sum(chunk.run == run for chunk in chunks)
    assert made.skipped == (brought if video == "vp8" else 0)
    codecs = set()
    for file in made.files:
        with av.open(str(file.path)) as container:
            assert any(True for _ in container.decode(video=0))
            codecs.add(container.streams.video[0].codec_context.codec.canonical_name)
    assert codecs == {"h264"} | ({video} - {"vp8"})


def _assert_within(reels: list[Path], file: Path, kind: str, *, least: int) -> None:
    found = [digest for reel in reels for digest in packets(reel, kind)]
    whole = packets(file, kind)
    start = whole.index(found[0])
    assert len(found) >= least
    assert whole[start : start + len(found)] == found


@pytest.mark.parametrize(
    ("name", "codec"),
    [("stereo.wav", "flac"), ("a.m4a", "aac"), ("a.ogg", "opus")],
)
async def test_sound_fills_the_break_of_a_stream_without_pictures(tmp_path: Path, name: str, codec: str) -> None:
    file = tmp_path / name
    kind = ("-c:a", "libopus") if codec == "opus" else ("-ar", "44100", "-ac", 2 if "stereo" in name else 1)
    ffmpeg(*SOUND, *kind, file)
    async with room(tmp_path, live=False) as hub:
        done = await hub.bring(file, claimed_us=BREAK[0] - 2 * S, clock_us=0)
        assert (done.state, done.result["fills"][0]["whole"]) == (State.RECORDED, True), done
        reels = brought_reels(hub, done.result["fills"][0]["run"])
        if codec == "flac":
            found, whole = b"".join(map(_samples, reels)), _samples(file)
            start = whole.index(found[:4000])
            assert whole[start : start + len(found)] == found, "every sample as it was"
            assert len(found) >= 9.9 * 44100 * 2 * (2 if "stereo" in name else 1)
            chunks = hub.ledger.reader.chunks("rec", BREAK[0], BREAK[1], 100)
            assert all(track.source_sha256 for chunk in chunks for track in chunk.tracks)
        else:
            _assert_within(reels, file, "audio", least=400)
    verdict = hub.verify()
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.BACKFILLED), verdict.findings


def _samples(path: Path) -> bytes:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return b"".join(np.ascontiguousarray(frame).astype("<i2").tobytes() for frame in frames)


REFUSED = (
    ("a.mp3", ("-c:a", "libmp3lame"), "mp3"),
    ("deep.wav", ("-c:a", "pcm_s24le"), "pcm_s24le"),
    ("a.flac", (), "flac"),
    ("a.mkv", ("-c:a", "libvorbis"), "vorbis"),
    ("wide.wav", ("-ac", "6"), "pcm_s16le"),
    ("old.mp4", ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=1", "-c:v", "mpeg4", "-c:a", "aac"), "mpeg4"),
)


async def test_what_cannot_be_kept_bit_for_bit_is_kept_apart_and_said(tmp_path: Path) -> None:
    async with room(tmp_path, live=False) as hub:
        for name, options, found in REFUSED:
            ffmpeg("-f", "lavfi", "-i", "sine=f=500:d=1", *options, tmp_path / name)
            done = await hub.bring(tmp_path / name, claimed_us=BREAK[0], clock_us=0)
            assert (done.state, done.code) == (State.APART, "unsupported_media"), done
            assert found in done.message.partition("found")[2]
            assert (hub.data / "apart" / done.sha256).read_bytes() == (tmp_path / name).read_bytes()
