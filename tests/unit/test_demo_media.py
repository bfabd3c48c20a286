"""Loops: encoded once, kept on disk, seamless."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from hub.demo import media
from hub.demo.encode import AudioSpec, VideoSpec, split_lengths
from hub.demo.frame_code import frame_number, read_frame_number
from hub.demo.media import join, load_loop
from hub.model import Codec

SMALL = VideoSpec(width=320, height=180, bitrate=400_000, gop=5, seconds=1, device=3)


def decode(codec: str, units: list[bytes]) -> list[int | None]:
    """The frame numbers that a decoder sees, in the order shown."""
    context = cast(VideoCodecContext, av.CodecContext.create(codec, "r"))
    numbers: list[int | None] = []
    for unit in [*units, None]:
        packet = None if unit is None else av.Packet(b"".join(b"\0\0\0\1" + nal for nal in split_lengths(unit)))
        numbers += [read_frame_number(frame.to_ndarray(format="gray")) for frame in context.decode(packet)]
    return numbers


@pytest.mark.parametrize(
    "spec",
    [SMALL, replace(SMALL, bframes=2, slices=2, profile="high"), replace(SMALL, codec=Codec.H265, bframes=2)],
    ids=["h264", "h264-b", "h265-b"],
)
def test_numbers_survive_the_codec_and_the_seam(spec: VideoSpec, tmp_path: Path) -> None:
    loop = load_loop(spec, tmp_path)
    assert [n for n, unit in enumerate(loop.units) if unit.keyframe] == [0, 5, 10, 15, 20]
    numbers = decode("h264" if spec.codec is Codec.H264 else "hevc", [unit.data for unit in loop.units] * 2)
    assert numbers == [frame_number(3, n) for n in range(25)] * 2


def test_the_second_time_comes_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = AudioSpec(Codec.PCMA, rate=8000, seconds=1)
    first = load_loop(spec, tmp_path)
    monkeypatch.delattr(media, "encode_audio")
    assert load_loop(spec, tmp_path) == first


def test_a_spoilt_file_is_made_again(tmp_path: Path) -> None:
    spec = AudioSpec(Codec.PCMU, rate=8000, seconds=1)
    first = load_loop(spec, tmp_path)
    (path,) = tmp_path.iterdir()
    for spoilt in (b"", path.read_bytes()[:-1], path.read_bytes().replace(b"pcmu", b"pcma")):
        path.write_bytes(spoilt)
        assert load_loop(spec, tmp_path) == first


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert load_loop(AudioSpec(Codec.PCMU, rate=8000, seconds=1), tmp_path / "file" / "below").units


@pytest.mark.parametrize(
    ("spec", "units", "step"),
    [
        (AudioSpec(Codec.AAC, rate=32_000, seconds=4), 125, 1024),
        (AudioSpec(Codec.OPUS, channels=2, seconds=2), 100, 960),
        (AudioSpec(Codec.PCMA, rate=8000, seconds=2), 100, 160),
    ],
    ids=["aac", "opus", "pcma"],
)
def test_sound_loops_without_a_click(spec: AudioSpec, units: int, step: int, tmp_path: Path) -> None:
    loop = load_loop(spec, tmp_path)
    assert (len(loop.units), loop.step_ticks) == (units, step)
    sound = sound_of(spec, loop.config, [unit.data for unit in loop.units] * 2)
    assert np.abs(sound).max() > 0.1
    # The sound repeats every second, so what is heard around the seam is heard a second later too.
    second, seam = spec.rate * spec.channels, len(sound) // 2
    around = sound[seam - second // 4 : seam + second // 4]
    later = sound[seam + second - second // 4 : seam + second + second // 4]
    assert np.abs(around - later).max() < 0.02


def test_silence_has_no_signal(tmp_path: Path) -> None:
    for spec in (AudioSpec(Codec.PCMA, rate=8000, seconds=1), AudioSpec(Codec.OPUS, channels=2, seconds=1)):
        silent = replace(spec, content="silence")
        loop = load_loop(silent, tmp_path)
        assert np.abs(sound_of(silent, b"", [unit.data for unit in loop.units])).max() < 0.001


def sound_of(spec: AudioSpec, config: bytes, units: list[bytes]) -> np.ndarray:
    names = {Codec.AAC: "aac", Codec.OPUS: "libopus", Codec.PCMA: "pcm_alaw"}
    context = cast(AudioCodecContext, av.CodecContext.create(names[spec.codec], "r"))
    context.sample_rate, context.layout = spec.rate, "mono" if spec.channels == 1 else "stereo"
    if config:
        context.extradata = config
    parts = [frame.to_ndarray() for unit in units for frame in context.decode(av.Packet(unit))]
    flat = np.concatenate([part.astype(np.float64).reshape(-1) for part in parts])
    return flat if parts[0].dtype == np.float32 else flat / 32768


def test_loops_of_two_sizes_join(tmp_path: Path) -> None:
    large = load_loop(SMALL, tmp_path)
    small = load_loop(replace(SMALL, width=160, height=90), tmp_path)
    both = join(large, small)
    assert [unit.pts_ticks // 3600 for unit in both.units] == list(range(50))
    assert split_lengths(both.units[0].data)[0] != split_lengths(both.units[25].data)[0]  # another SPS
    with pytest.raises(ValueError, match="one codec"):
        join(large, load_loop(replace(SMALL, fps=50, seconds=1), tmp_path))


@pytest.mark.parametrize(
    "wrong",
    [AudioSpec(Codec.OPUS, rate=16_000), AudioSpec(Codec.PCMA, rate=16_000), AudioSpec(Codec.AAC, seconds=1)],
)
def test_sound_that_cannot_be_is_refused(wrong: AudioSpec, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        load_loop(wrong, tmp_path)
