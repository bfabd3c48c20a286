"""Real encodes as access units, for the tests of the segmenter. Encoded once a process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from hub.clock import Instant
from hub.model import AccessUnit, Codec, ParameterSets, TrackInfo

START_US = 1_767_225_600_000_000
VIDEO, AUDIO = 1, 2


@dataclass(frozen=True)
class Take:
    """One encoded track: its announcement and its units in decode order."""

    info: TrackInfo
    units: tuple[AccessUnit, ...]


def nals(annexb: bytes) -> list[bytes]:
    """The NAL units between the start codes."""
    parts = annexb.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def lengthen(units: list[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def _sets(codec: Codec, units: list[bytes]) -> ParameterSets | None:
    def of(kind: int) -> tuple[bytes, ...]:
        if codec is Codec.H264:
            return tuple(unit for unit in units if unit[0] & 31 == kind)
        return tuple(unit for unit in units if unit[0] >> 1 & 63 == kind)

    found = ParameterSets(of(7), of(8)) if codec is Codec.H264 else ParameterSets(of(33), of(34), of(32))
    return found if found.sps else None


def unit(track: int, data: bytes, dts: int, pts: int, duration: int, scale: int, **fields: object) -> AccessUnit:
    at_us = START_US + pts * 1_000_000 // scale
    made = AccessUnit(
        track_id=track,
        data=data,
        dts_ticks=dts,
        pts_ticks=pts,
        duration_ticks=duration,
        keyframe=True,
        damaged=False,
        capture_us=at_us,
        device_us=None,
        arrival=Instant(at_us, 1_000_000 + dts * 1_000_000 // scale),
        first_seq=0,
        last_seq=0,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


@cache
def video(
    codec: Codec = Codec.H264,
    *,
    seconds: float = 6,
    gop: int = 25,
    b_frames: int = 0,
    size: tuple[int, int] = (320, 240),
    fps: int = 25,
    seed: int = 0,
) -> Take:
    """Moving noise on a gradient, so that no two pictures are alike."""
    name = {Codec.H264: "libx264", Codec.H265: "libx265"}[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = Fraction(fps)
    encoder.time_base = Fraction(1, fps)
    encoder.gop_size = gop
    encoder.max_b_frames = b_frames
    encoder.thread_count = 1
    if codec is Codec.H264:
        encoder.options = {"preset": "ultrafast", "x264-params": f"scenecut=0:keyint={gop}:min-keyint={gop}:bframes={b_frames}:annexb=1:repeat-headers=1"}  # fmt: skip # noqa: E501
    else:
        encoder.options = {"preset": "ultrafast", "x265-params": f"log-level=error:keyint={gop}:min-keyint={gop}:bframes={b_frames}:repeat-headers=1:pools=1:scenecut=0:open-gop=0"}  # fmt: skip # noqa: E501
    tick = 90_000 // fps
    random = np.random.default_rng(seed)
    packets = []
    for number in range(int(seconds * fps)):
        picture = np.zeros((size[1] * 3 // 2, size[0]), np.uint8)
        picture[: size[1]] = np.linspace(0, 200, size[0], dtype=np.uint8)[None, :]
        picture[8:40, 8 + number % 200 : 40 + number % 200] = random.integers(0, 255, (32, 32))
        picture[size[1] :] = 128
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    units = []
    sets: ParameterSets | None = None
    for number, packet in enumerate(packets):
        parts = nals(bytes(packet))
        fresh = _sets(codec, parts) if packet.is_keyframe else None
        sets = sets if sets == fresh else fresh or sets
        assert packet.pts is not None
        assert packet.dts is not None
        units.append(
            unit(
                VIDEO, lengthen(parts), packet.dts * tick, packet.pts * tick, tick, 90_000,
                keyframe=packet.is_keyframe, parameter_sets=sets if packet.is_keyframe else None,
                first_seq=number * 8, last_seq=number * 8 + 7,
            )
        )  # fmt: skip
    return Take(TrackInfo(VIDEO, codec, 90_000), tuple(units))


@cache
def audio(codec: Codec, *, seconds: float = 6, rate: int = 48_000, channels: int = 2, track: int = AUDIO) -> Take:
    """A tone with some noise on it."""
    name = {Codec.AAC: "aac", Codec.OPUS: "libopus", Codec.PCMA: "pcm_alaw", Codec.PCMU: "pcm_mulaw"}[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate = rate
    encoder.layout = "mono" if channels == 1 else "stereo"
    encoder.format = {"aac": "fltp", "libopus": "flt"}.get(name, "s16")
    encoder.time_base = Fraction(1, rate)
    encoder.open()
    block = encoder.frame_size or rate // 50
    random = np.random.default_rng(1)
    wave = np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 440 / rate) * 0.3
    wave += random.standard_normal(len(wave)) * 0.01
    units = []
    at = sequence = 0
    for start in range(0, len(wave) // block * block, block):
        part = wave[start : start + block]
        if encoder.format.name == "s16":
            samples = np.repeat((part * 32767).astype(np.int16), channels)[None, :]
        elif encoder.format.name == "flt":
            samples = np.repeat(part.astype(np.float32), channels)[None, :]
        else:
            samples = np.tile(part.astype(np.float32), (channels, 1))
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples), format=encoder.format.name, layout=encoder.layout.name
        )
        frame.sample_rate = rate
        frame.pts = start
        for packet in encoder.encode(frame):
            units.append(unit(track, bytes(packet), at, at, block, rate, first_seq=sequence, last_seq=sequence))
            at += block
            sequence += 1
    config = bytes(encoder.extradata or b"") if codec is Codec.AAC else b""
    return Take(TrackInfo(track, codec, rate, channels, config), tuple(units))


def interleave(*takes: Take) -> list[AccessUnit]:
    """In the order of arrival, as a session delivers them."""
    return sorted((each for take in takes for each in take.units), key=lambda each: each.arrival.mono_us)
