"""Codecs, once per loop: pictures and sound in, coded units that loop without a seam out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from hub.demo.frame_code import frame_number
from hub.demo.picture import Scene, black
from hub.demo.sound import silence, tone
from hub.model import Codec

VIDEO_CLOCK_HZ = 90_000
LOOP_S = 16
"""16 s is 750 AAC frames of 1024 samples at 48 kHz, and a whole number of everything else."""
G711_FRAME = 160  # 20 ms


@dataclass(frozen=True, slots=True)
class VideoSpec:
    """What a loop of pictures is. ``bitrate`` in bit/s, ``gop`` in pictures (closed, no scene cuts).

    ``content``: the moving scene, one picture again and again (one GOP), or black (one GOP).
    ``slices``: NAL units per picture. ``bframes`` > 0 gives reordered pictures.
    """

    codec: Codec = Codec.H264
    width: int = 1280
    height: int = 720
    fps: int = 25
    bitrate: int = 2_000_000
    gop: int = 25
    bframes: int = 0
    slices: int = 1
    seconds: int = LOOP_S
    profile: Literal["baseline", "main", "high"] = "main"
    content: Literal["scene", "frozen", "black"] = "scene"
    device: int = 0
    title: str = ""

    @property
    def frames(self) -> int:
        """Pictures in the loop: a whole number of GOPs."""
        return self.gop if self.content != "scene" else max(self.seconds * self.fps // self.gop, 1) * self.gop


@dataclass(frozen=True, slots=True)
class AudioSpec:
    """What a loop of sound is. ``rate`` in Hz (G.711: 8000, Opus: 48000), ``bitrate`` in bit/s."""

    codec: Codec = Codec.AAC
    rate: int = 48_000
    channels: int = 1
    bitrate: int = 64_000
    seconds: int = LOOP_S
    content: Literal["tone", "silence"] = "tone"
    device: int = 0


@dataclass(frozen=True, slots=True)
class CodedUnit:
    """One coded picture or audio frame of a loop, in decode order.

    ``data`` is as in :class:`hub.model.AccessUnit`: NAL units behind 4-byte lengths, or the bare audio
    frame. ``pts_ticks`` counts from the loop's start; ``number`` is the frame number a picture shows.
    """

    data: bytes
    pts_ticks: int
    keyframe: bool
    number: int


@dataclass(frozen=True, slots=True)
class CodedLoop:
    """A loop: ``step_ticks`` from one unit to the next in decode order, at ``timescale``.

    ``sets`` are the parameter sets of the first keyframe (VPS, SPS, PPS in this order), ``config`` the
    AudioSpecificConfig of AAC.
    """

    codec: Codec
    timescale: int
    step_ticks: int
    channels: int
    units: tuple[CodedUnit, ...]
    sets: tuple[bytes, ...] = ()
    config: bytes = b""


def split_annexb(data: bytes) -> list[bytes]:
    """The NAL units of a byte stream (ITU-T H.264 annex B), without start codes and trailing zeros."""
    units, position = [], data.find(b"\0\0\1")
    while position >= 0:
        following = data.find(b"\0\0\1", position + 3)
        unit = data[position + 3 : following if following >= 0 else len(data)].rstrip(b"\0")
        if unit:
            units.append(unit)
        position = following
    return units


def split_lengths(data: bytes) -> list[bytes]:
    """The NAL units of a sample whose units stand behind 4-byte lengths."""
    units, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        units.append(data[position + 4 : position + 4 + size])
        position += 4 + size
    return units


def is_parameter_set(codec: Codec, unit: bytes) -> bool:
    """SPS or PPS of H.264 (types 7, 8); VPS, SPS or PPS of H.265 (types 32–34)."""
    return unit[0] & 0x1F in (7, 8) if codec is Codec.H264 else 32 <= unit[0] >> 1 & 0x3F <= 34


def encode_video(spec: VideoSpec) -> CodedLoop:
    """Encode a loop of pictures. Costs seconds of CPU: see :func:`hub.demo.media.video_loop`."""
    context = _video_context(spec)
    units: list[CodedUnit] = []
    sets: tuple[bytes, ...] = ()
    ticks = VIDEO_CLOCK_HZ // spec.fps
    for packet in _coded_pictures(spec, context):
        nals = split_annexb(bytes(packet))
        if not sets:
            sets = tuple(unit for unit in nals if is_parameter_set(spec.codec, unit))
        index = cast(int, packet.pts)
        number = frame_number(spec.device, index) if spec.content == "scene" else frame_number(spec.device, 0)
        data = b"".join(len(unit).to_bytes(4, "big") + unit for unit in nals)
        units.append(CodedUnit(data, index * ticks, packet.is_keyframe, number))
    return CodedLoop(spec.codec, VIDEO_CLOCK_HZ, ticks, 0, tuple(units), sets)


def _coded_pictures(spec: VideoSpec, context: VideoCodecContext) -> Iterator[av.Packet[av.VideoStream]]:
    scene = Scene(spec.width, spec.height, max(spec.seconds * spec.fps, spec.gop), spec.fps, spec.device, spec.title)
    still = black(spec.width, spec.height) if spec.content == "black" else scene.picture(0)
    for index in range(spec.frames):
        pixels = scene.picture(index) if spec.content == "scene" else still
        frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, spec.fps)
        yield from context.encode(frame)
    yield from context.encode(None)


def _video_context(spec: VideoSpec) -> VideoCodecContext:
    h264 = spec.codec is Codec.H264
    context = VideoCodecContext.create("libx264" if h264 else "libx265", "w")
    context.width, context.height, context.pix_fmt = spec.width, spec.height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, spec.fps), Fraction(spec.fps, 1)
    context.bit_rate, context.gop_size, context.max_b_frames = spec.bitrate, spec.gop, spec.bframes
    context.thread_count = 1  # x264 makes a slice per thread under zerolatency
    kbit = spec.bitrate // 1000
    common = f"keyint={spec.gop}:min-keyint={spec.gop}:scenecut=0:open-gop=0:bframes={spec.bframes}"
    if h264:
        parameters = f"{common}:b-adapt=0:slices={spec.slices}:vbv-maxrate={kbit}:vbv-bufsize={kbit}:repeat-headers=1"
        profile = "main" if spec.bframes and spec.profile == "baseline" else spec.profile
        options = {"preset": "veryfast", "profile": profile, "x264-params": parameters, "forced-idr": "1"}
    else:
        # pools and frame-threads: one thread, like above; log-level: x265 talks on stderr otherwise.
        parameters = f"{common}:b-adapt=0:repeat-headers=1:pools=none:frame-threads=1:log-level=none"
        options = {"preset": "ultrafast", "x265-params": f"{parameters}:vbv-maxrate={kbit}:vbv-bufsize={kbit}"}
    if not spec.bframes:
        options["tune"] = "zerolatency"
    context.options = options
    return context


def encode_audio(spec: AudioSpec) -> CodedLoop:
    """Encode a loop of sound. Raises ValueError for a rate the codec has no use for on the wire."""
    if spec.codec in (Codec.PCMA, Codec.PCMU):
        return _encode_g711(spec)
    if spec.codec is Codec.OPUS and spec.rate != 48_000:
        raise ValueError(f"expected 48000 Hz, the only RTP clock of Opus (RFC 7587 §4.1), found {spec.rate}")
    frame = 960 if spec.codec is Codec.OPUS else 1024
    if spec.rate * spec.seconds % frame:
        raise ValueError(f"{spec.seconds} s at {spec.rate} Hz are no whole number of frames of {frame} samples")
    wanted = spec.rate * spec.seconds // frame
    context = _audio_context(spec)
    # Three rounds of the same sound; the middle one is steady at both ends: it loops without a seam.
    samples = np.tile(_samples(spec), 3)
    packets = list(_coded_sound(context, samples, spec, frame))[wanted : 2 * wanted]
    units = tuple(CodedUnit(bytes(packet), n * frame, True, n) for n, packet in enumerate(packets))
    config = bytes(context.extradata or b"") if spec.codec is Codec.AAC else b""
    return CodedLoop(spec.codec, spec.rate, frame, spec.channels, units, config=config)


def _coded_sound(
    context: AudioCodecContext, samples: NDArray[np.int16], spec: AudioSpec, frame: int
) -> Iterator[av.Packet[av.AudioStream]]:
    layout = "mono" if spec.channels == 1 else "stereo"
    planar = spec.codec is Codec.AAC
    for start in range(0, len(samples), frame):
        part = samples[start : start + frame]
        if planar:
            pixels: NDArray[np.generic] = np.tile((part / 32768).astype(np.float32), (spec.channels, 1))
        else:
            pixels = np.repeat(part, spec.channels)[None, :]
        sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(pixels), "fltp" if planar else "s16", layout)
        sound.sample_rate, sound.pts = spec.rate, start
        yield from context.encode(sound)
    yield from context.encode(None)


def _audio_context(spec: AudioSpec) -> AudioCodecContext:
    aac = spec.codec is Codec.AAC
    context = AudioCodecContext.create("aac" if aac else "libopus", "w")
    context.sample_rate, context.bit_rate = spec.rate, spec.bitrate
    context.layout = "mono" if spec.channels == 1 else "stereo"
    context.format = "fltp" if aac else "s16"
    context.time_base = Fraction(1, spec.rate)
    if not aac:
        context.options = {"frame_duration": "20", "application": "audio"}
    context.open()
    return context


def _samples(spec: AudioSpec) -> NDArray[np.int16]:
    if spec.content == "silence":
        return silence(spec.rate, spec.seconds)
    return tone(spec.rate, spec.seconds, spec.device)


def _encode_g711(spec: AudioSpec) -> CodedLoop:
    if (spec.rate, spec.channels) != (8000, 1):
        raise ValueError(f"expected G.711 at 8000 Hz, one channel, found {spec.rate} Hz, {spec.channels}")
    name = "pcm_alaw" if spec.codec is Codec.PCMA else "pcm_mulaw"
    context = cast(AudioCodecContext, av.CodecContext.create(name, "w"))
    context.sample_rate, context.layout, context.format = 8000, "mono", "s16"
    context.time_base = Fraction(1, 8000)
    sound = av.AudioFrame.from_ndarray(_samples(spec)[None, :], "s16", "mono")
    sound.sample_rate, sound.pts = 8000, 0
    code = b"".join(bytes(packet) for packet in [*context.encode(sound), *context.encode(None)])
    units = tuple(
        CodedUnit(code[start : start + G711_FRAME], start, True, start // G711_FRAME)
        for start in range(0, len(code), G711_FRAME)
    )
    return CodedLoop(spec.codec, 8000, G711_FRAME, 1, units)
