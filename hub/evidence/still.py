"""A representative picture of a range: a whole keyframe, decoded, as a JPEG that a report can carry."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from hub.evidence.facts import Still
from hub.evidence.segments import Segment

MAX_JPEG_BYTES = 200_000
_LOOKED_AT = 8
"""Segments from which the picture is chosen, the first ones of what is given."""
_ENOUGH = 0.6
"""The first whole keyframe is taken when it shows this share of the most detailed one's detail."""
_WIDEST = 1280
_SIZES = ((_WIDEST, 4), (_WIDEST, 8), (960, 8), (640, 8), (480, 12), (320, 20))
"""Width in pixels and mjpeg quantiser (2 best … 31), tried until the JPEG is small enough."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Candidate:
    frame: VideoFrame
    at_us: int
    detail: float
    damaged: bool


def still(segments: Iterable[Segment]) -> Still:
    """The first whole keyframe of the first few segments, or the most detailed of them where the first shows little.

    Blocks (decodes a handful of pictures). Never raises for what media contain: then ``jpeg`` is None, with the reason
    in Chinese, for the report.
    """
    reason = "范围内没有录像"
    found: list[_Candidate] = []
    for segment in islice(segments, _LOOKED_AT):
        try:
            candidate = _keyframe(segment)
        except (av.error.FFmpegError, ValueError, MemoryError, ArithmeticError) as error:
            log.info("no still from the segment at %d: %s", segment.first_us, error)
            reason = "录像分段无法解码"
            continue
        if candidate is None:
            reason = "范围内没有可显示的画面（仅有声音，或录像不可读）"
        else:
            found.append(candidate)
    if not found:
        return Still(None, reason=reason)
    chosen = _choose(found)
    try:
        return _encoded(chosen)
    except (av.error.FFmpegError, ValueError, MemoryError) as error:
        log.info("no still: %s", error)
        return Still(None, reason="画面无法编码为截图")


def _choose(found: list[_Candidate]) -> _Candidate:
    """Whole pictures before damaged ones, the earliest that shows enough."""
    whole = [each for each in found if not each.damaged] or found
    most = max(each.detail for each in whole)
    return next(each for each in whole if each.detail >= most * _ENOUGH)


def _keyframe(segment: Segment) -> _Candidate | None:
    """The segment's first keyframe; None where it has no video."""
    if not segment.data:
        return None
    with av.open(io.BytesIO(segment.init + segment.data), "r", format="mp4") as source:
        if not source.streams.video:
            return None
        stream = source.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        start: float | None = None
        for packet in source.demux(stream):
            if packet.pts is not None and packet.time_base is not None and start is None:
                start = float(packet.pts * packet.time_base)
            for frame in packet.decode():
                if isinstance(frame, VideoFrame) and frame.key_frame and frame.width and frame.height:
                    after = 0.0 if frame.time is None or start is None else max(frame.time - start, 0.0)
                    at_us = segment.first_us + round(after * 1_000_000)
                    return _Candidate(frame, at_us, _detail(frame), frame.is_corrupt or bool(segment.damaged))
    return None


def _detail(frame: VideoFrame) -> float:
    """How much there is to see: the mean step between neighbouring pixels of a small grey copy."""
    small = frame.reformat(width=160, height=90, format="gray8").to_ndarray().astype(np.int16)
    return float(np.abs(np.diff(small, axis=0)).mean() + np.abs(np.diff(small, axis=1)).mean())


def _encoded(chosen: _Candidate) -> Still:
    frame = chosen.frame
    wide = frame.width
    for limit, quantiser in _SIZES:
        width = min(wide, limit) // 2 * 2 or 2
        height = round(frame.height * width / wide) // 2 * 2 or 2
        jpeg = _jpeg(frame, width, height, quantiser)
        if len(jpeg) <= MAX_JPEG_BYTES:
            return Still(jpeg, chosen.at_us, frame.width, frame.height)
    return Still(None, reason="截图超过大小上限")


def _jpeg(frame: VideoFrame, width: int, height: int, quantiser: int) -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"flags": "+qscale+bitexact", "global_quality": str(quantiser * 118)}
    encoder.thread_count = 1
    picture = frame.reformat(width=width, height=height, format="yuvj420p", dst_color_range=ColorRange.JPEG)
    picture.pts = 0
    return b"".join(bytes(each) for each in [*encoder.encode(picture), *encoder.encode(None)])
