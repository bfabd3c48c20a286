"""Reels of real encodes in ffmpeg: every picture and sound comes back bit for bit, whole or cut off."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from hub.model import Codec, Fragment, InitSegment, TrackInfo
from hub.segmenter.g711 import samples_of
from hub.segmenter.scan import whole_fragments
from tests.segmenter_media import (
    AUDIO,
    VIDEO,
    Take,
    audio,
    fragments,
    interleave,
    samples,
    unit,
    video,
)

pytestmark = pytest.mark.real

PAIRS = {
    "h264-aac": lambda: (video(), audio(Codec.AAC)),
    "h264-b-frames-opus": lambda: (video(b_frames=2), audio(Codec.OPUS)),
    "h265-b-frames-pcma": lambda: (video(Codec.H265, b_frames=2), audio(Codec.PCMA, rate=8000, channels=1)),
    "h265-pcmu-stereo": lambda: (video(Codec.H265), audio(Codec.PCMU, rate=8000, channels=2)),
    "sound-alone": lambda: (audio(Codec.PCMA, rate=8000, channels=1),),
}


def reel(*takes: Take) -> bytes:
    out = fragments(interleave(*takes), *(take.info for take in takes))
    assert len([each for each in out if isinstance(each, InitSegment)]) == 1
    return b"".join(each.data for each in out)


def packets(path: Path, kind: str) -> list[tuple[int, int, bool, bytes]]:
    with av.open(str(path)) as container:
        stream = next(each for each in container.streams if each.type == kind)
        found = []
        for packet in container.demux(stream):
            if packet.size:
                assert packet.pts is not None
                assert packet.dts is not None
                found.append((packet.dts, packet.pts, packet.is_keyframe, bytes(packet)))
        return found


@pytest.mark.parametrize("pair", PAIRS)
def test_every_unit_comes_back(pair: str, tmp_path: Path) -> None:
    takes = PAIRS[pair]()
    path = tmp_path / "reel.mp4"
    path.write_bytes(reel(*takes))
    for take in takes:
        if take.info.codec in (Codec.PCMA, Codec.PCMU):
            continue
        scale = take.info.timescale
        assert packets(path, take.info.kind) == [
            (each.dts_ticks + scale, each.pts_ticks + scale, each.keyframe, each.data) for each in take.units
        ]
    run = subprocess.run(
        ["ffmpeg", "-v", "warning", "-xerror", "-i", path, "-f", "null", "-"], capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("codec", [Codec.PCMA, Codec.PCMU])
@pytest.mark.parametrize("channels", [1, 2])
def test_g711_comes_back_sample_for_sample_over_losses(codec: Codec, channels: int, tmp_path: Path) -> None:
    take = audio(codec, rate=8000, channels=channels)
    units = list(take.units)
    kept = [each for number, each in enumerate(units) if number not in (40, 41, 133)]
    for number in (40, 131):
        kept[number] = replace(kept[number], lost=1)
    out = fragments(kept, take.info)
    path = tmp_path / "reel.mp4"
    path.write_bytes(b"".join(each.data for each in out))
    decoder = av.CodecContext.create("pcm_alaw" if codec is Codec.PCMA else "pcm_mulaw", "r")
    decoder.sample_rate = 8000
    decoder.layout = "mono" if channels == 1 else "stereo"
    expected = b"".join(frame.to_ndarray().tobytes() for each in kept for frame in decoder.decode(av.Packet(each.data)))
    with av.open(str(path)) as container:
        found = b"".join(frame.to_ndarray().tobytes() for frame in container.decode(audio=0))
    assert found == expected
    starts = {each.dts for each in samples(path.read_bytes())}
    assert {8000 + 42 * 160, 8000 + 134 * 160} <= starts


def test_all_256_code_words_decode_as_ffmpeg_does() -> None:
    for codec, name in ((Codec.PCMA, "pcm_alaw"), (Codec.PCMU, "pcm_mulaw")):
        decoder = av.CodecContext.create(name, "r")
        decoder.sample_rate, decoder.layout = 8000, "mono"
        (frame,) = decoder.decode(av.Packet(bytes(range(256))))
        assert np.array_equal(frame.to_ndarray()[0], samples_of(codec))


def torn_moof(out: list[InitSegment | Fragment], size: int) -> bool:
    """Whether a cut there leaves a part of a ``moof``."""
    at = 0
    for each in out:
        if at < size < at + int.from_bytes(each.data[:4], "big"):
            return isinstance(each, Fragment)
        at += len(each.data)
    return False


def played(path: Path) -> list[bytes]:
    """The pictures that FFmpeg gives out when it is told not to read all of the file first (``-fflags +ignidx``)."""
    found: list[bytes] = []
    with av.open(str(path), options={"fflags": "+ignidx"}) as container, contextlib.suppress(av.FFmpegError):
        found.extend(bytes(packet) for packet in container.demux(container.streams.video[0]))  # up to the error
    return [data for data in found if data]


def test_cut_off_at_every_byte_of_a_fragments_head(tmp_path: Path) -> None:
    takes = PAIRS["h264-b-frames-opus"]()
    out = fragments(interleave(*takes), *(take.info for take in takes))
    whole = b"".join(each.data for each in out[:12])
    start = len(whole) - len(out[11].data)
    expected = [each.data for each in samples(whole[:start]) if each.track_id == VIDEO]
    path = tmp_path / "reel.mp4"
    for size in range(start + 1, start + int.from_bytes(out[11].data[:4], "big") + 9):
        path.write_bytes(whole[:size])
        assert played(path) == expected


@pytest.mark.parametrize("pair", ["h264-b-frames-opus", "h265-pcmu-stereo"])
def test_cut_off_anywhere_it_opens_and_gives_what_was_whole(pair: str, tmp_path: Path) -> None:
    """FFmpeg reads every ``moof`` of a file before it plays any, and gives up on half of one (mov_read_trun), unless
    it is told not to; that is what recovery cuts off at the next start. Everywhere else the file opens as it lies."""
    takes = PAIRS[pair]()
    out = fragments(interleave(*takes), *(take.info for take in takes))
    whole = b"".join(each.data for each in out)
    first = len(out[0].data) + len(out[1].data)
    path = tmp_path / "reel.mp4"
    for size in sorted({*range(first, len(whole), len(whole) // 60), first + 1, first + 8, first + 120}):
        path.write_bytes(whole[:size])
        end, summary = whole_fragments(path, 0)
        if torn_moof(out, size):
            path.write_bytes(whole[:end])
        expected = [each.data for each in samples(whole[:end]) if each.track_id == VIDEO]
        found = [data for _, _, _, data in packets(path, "video")]
        assert found[: len(expected)] == expected  # what follows is torn, and the player's to judge
        assert summary.torn_bytes == size - end
    run = subprocess.run(["ffprobe", "-v", "error", "-show_streams", path], capture_output=True, text=True)
    assert run.returncode == 0
    assert run.stdout.count("[STREAM]") == 2


def test_the_size_changes_in_the_middle_and_no_picture_is_missing(tmp_path: Path) -> None:
    first, second = video(seconds=2), video(seconds=2, size=(640, 360), seed=1)
    moved = [
        unit(
            VIDEO, each.data, each.dts_ticks + 180_000, each.pts_ticks + 180_000, 3600, 90_000,
            keyframe=each.keyframe, parameter_sets=each.parameter_sets,
        )
        for each in second.units
    ]  # fmt: skip
    out = fragments([*first.units, *moved], TrackInfo(VIDEO, Codec.H264, 90_000))
    at = [number for number, each in enumerate(out) if isinstance(each, InitSegment)]
    assert len(at) == 2
    for number, (part, take) in enumerate(((out[: at[1]], first), (out[at[1] :], second))):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(b"".join(each.data for each in part))
        assert [data for _, _, _, data in packets(path, "video")] == [each.data for each in take.units]
        with av.open(str(path)) as container:
            assert len(list(container.decode(video=0))) == 50


def test_pictures_from_the_middle_of_a_group_do_not_keep_the_rest_from_playing(tmp_path: Path) -> None:
    take = video(seconds=4)
    path = tmp_path / "reel.mp4"
    path.write_bytes(b"".join(each.data for each in fragments(take.units[10:], take.info)))
    assert [data for _, _, _, data in packets(path, "video")] == [each.data for each in take.units[10:]]
    run = subprocess.run(["ffprobe", "-v", "quiet", "-count_frames", "-show_entries", "stream=nb_read_frames",
                          "-of", "csv=p=0", path], capture_output=True, text=True)  # fmt: skip
    assert int(run.stdout.strip().strip(",")) >= 75


def test_the_track_ids_are_those_of_the_session(tmp_path: Path) -> None:
    take = audio(Codec.OPUS, track=5)
    path = tmp_path / "reel.mp4"
    path.write_bytes(reel(take))
    with av.open(str(path)) as container:
        assert [stream.id for stream in container.streams] == [5]
    assert AUDIO != 5
