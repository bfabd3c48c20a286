"""One keyframe, decoded by libavcodec, as a luma plane; and as a small JPEG. For worker threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from hub.errors import MediaError
from hub.model import AccessUnit, Codec, TrackInfo
from hub.monitor.content.features import Bytes

MAX_JPEG_BYTES = 100_000
REDUCED_WIDTH = 32
_MAX_PIXELS = 16_777_216
"""A greater picture is refused before memory is taken for it. No camera of today has one."""
_MAX_NAL_BYTES = 8 << 20
_CONTEXTS = 6
"""Kept by a worker: one of each codec and parameter sets; cameras of one model share theirs."""
_OPTIONS = {"flags": "low_delay", "flags2": "fast", "skip_loop_filter": "all", "max_pixels": str(_MAX_PIXELS)}
_SIZES = ((960, 6), (960, 10), (640, 10), (480, 14), (320, 20))
"""Width in pixels and quantiser of mjpeg, tried until the JPEG is small enough."""
_EIGHT_BITS = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray", "nv12"})
_TEN_BITS = frozenset({"yuv420p10le", "yuv422p10le", "yuv444p10le", "gray10le"})
_START = b"\0\0\0\1"

FAULTS = (av.error.FFmpegError, ValueError, MemoryError, ArithmeticError, EOFError)
"""What libavcodec raises for what media contain."""


def annexb(unit: AccessUnit) -> bytes:
    """The picture as a byte stream (ITU-T H.264 annex B), its newest parameter sets before it.

    Raises MediaError for lengths that do not add up.
    """
    parts: list[bytes] = []
    sets = unit.parameter_sets
    if sets is not None:
        parts += [*sets.vps, *sets.sps, *sets.pps]
    data, position = unit.data, 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if position + 4 + size > len(data) or not 0 < size <= _MAX_NAL_BYTES:
            raise MediaError("expected NAL units behind their lengths, found another length", code="bad_unit")
        parts.append(data[position + 4 : position + 4 + size])
        position += 4 + size
    return b"".join(_START + part for part in parts)


class Decoder:
    """Of one worker: contexts with one thread each, used again for pictures of the same codec and sets."""

    def __init__(self) -> None:
        self._contexts: OrderedDict[tuple[Codec, object], VideoCodecContext] = OrderedDict()

    def picture(self, unit: AccessUnit, codec: Codec) -> VideoFrame:
        """The keyframe decoded. Raises MediaError for what cannot be."""
        packet = av.Packet(annexb(unit))
        key = (codec, unit.parameter_sets)
        context = self._contexts.pop(key, None) or _video(codec)
        try:
            frames = context.decode(packet) or context.decode(None)
            context.flush_buffers()
        except FAULTS as error:
            raise MediaError(f"a keyframe cannot be decoded: {error}", code="undecodable") from error
        if not frames:
            raise MediaError("a keyframe gave no picture", code="undecodable")
        self._contexts[key] = context
        if len(self._contexts) > _CONTEXTS:
            self._contexts.popitem(last=False)
        return frames[0]


def _video(codec: Codec) -> VideoCodecContext:
    context = VideoCodecContext.create("h264" if codec is Codec.H264 else "hevc", "r")
    context.thread_count = 1
    context.options = dict(_OPTIONS)
    return context


def luma(frame: VideoFrame) -> Bytes:
    """The luma plane where it lies, without a copy: height × width, 8 bits. Raises MediaError for other formats."""
    name = frame.format.name
    plane = frame.planes[0]
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    if name in _EIGHT_BITS:
        return lines[: frame.height, : frame.width]
    if name in _TEN_BITS:
        return np.asarray(lines.view("<u2")[: frame.height, : frame.width] >> 2, dtype=np.uint8)
    raise MediaError(f"expected a picture with 8 or 10 bits of luma, found {name}", code="pixel_format")


def jpeg(frame: VideoFrame, sizes: Sequence[tuple[int, int]] = _SIZES) -> bytes | None:
    """The picture as a JPEG of 100 kB at most; None where it cannot be made. ``sizes``: greatest width in pixels and
    quantiser, tried in turn."""
    try:
        for limit, quantiser in sizes:
            width = max(min(frame.width, limit) // 2 * 2, 2)
            height = max(round(frame.height * width / frame.width) // 2 * 2, 2)
            made = _encoded(frame, width, height, quantiser)
            if len(made) <= MAX_JPEG_BYTES:
                return made
    except FAULTS:
        return None
    return None


def reduced(frame: VideoFrame) -> bytes | None:
    """The picture as a JPEG of 32 pixels across: one sees that there is one, and whether it is light or dark, but
    neither face nor writing. None where it cannot be made."""
    height = min(max(round(frame.height * REDUCED_WIDTH / max(frame.width, 1)) // 2 * 2, 2), REDUCED_WIDTH * 2)
    try:
        return _encoded(frame, REDUCED_WIDTH, height, 5)
    except FAULTS:
        return None


def _encoded(frame: VideoFrame, width: int, height: int, quantiser: int) -> bytes:
    encoder = VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"flags": "+qscale+bitexact", "global_quality": str(quantiser * 118)}
    encoder.thread_count = 1
    picture = frame.reformat(width=width, height=height, format="yuvj420p", dst_color_range=ColorRange.JPEG)
    picture.pts = 0
    return b"".join(bytes(each) for each in [*encoder.encode(picture), *encoder.encode(None)])


def loudest(unit: AccessUnit, track: TrackInfo) -> float:
    """The greatest amplitude of one AAC or Opus frame, 0 to 1. Raises MediaError for what cannot be decoded."""
    try:
        context = AudioCodecContext.create("aac" if track.codec is Codec.AAC else "opus", "r")
        if track.config:
            context.extradata = track.config
        elif track.codec is Codec.OPUS:
            context.sample_rate, context.layout = 48_000, "stereo" if track.channels > 1 else "mono"
        packet = av.Packet(unit.data)
        sounds = [*context.decode(packet), *context.decode(None)]
        return max((float(np.abs(_amplitudes(sound.to_ndarray())).max(initial=0.0)) for sound in sounds), default=0.0)
    except FAULTS as error:
        raise MediaError(f"a sound frame cannot be decoded: {error}", code="undecodable") from error


def _amplitudes(samples: NDArray[Any]) -> NDArray[np.float32]:
    if samples.dtype.kind == "f":
        return np.nan_to_num(samples.astype(np.float32))
    return samples.astype(np.float32) / float(np.iinfo(samples.dtype).max)
