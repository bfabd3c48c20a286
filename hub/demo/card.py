"""A simulated recorder's own card: what it filmed while nobody could hear it, as the MP4 that it keeps by itself."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from hub.clock import US_PER_S
from hub.demo.encode import CodedLoop
from hub.model import Codec, MediaKind

_START_CODE = b"\0\0\0\1"
_SCALE_HZ = 90_000


def write_card(loops: Sequence[CodedLoop], from_us: int, to_us: int, path: Path) -> tuple[int, int]:
    """Writes the units of ``from_us … to_us`` (UTC), from a keyframe on. The loops follow the clock: unit n of a
    track that has run since 1970. Returns when the first picture was, and how many units there are."""
    units: list[tuple[int, int, int, bool, bytes]] = []
    for track, loop in enumerate(loops):
        step_us = loop.step_ticks * US_PER_S / loop.timescale
        slot = int(from_us // step_us)
        if loop.codec.kind is MediaKind.VIDEO:
            while not loop.units[slot % len(loop.units)].keyframe:
                slot -= 1
        while slot * step_us < to_us:
            index = slot % len(loop.units)
            unit = loop.units[index]
            pts = (slot - index) * loop.step_ticks + unit.pts_ticks
            at_us = round(slot * step_us)
            units.append((at_us, track, round(pts * US_PER_S / loop.timescale), unit.keyframe, unit.data))
            slot += 1
    units.sort()
    first_us = min(at for at, *_ in units)
    with av.open(str(path), "w", format="mp4") as container:
        streams = [_stream(container, loop) for loop in loops]
        for at_us, track, pts_us, keyframe, data in units:
            packet: Any = av.Packet(_annexb(data) if loops[track].codec.kind is MediaKind.VIDEO else data)
            packet.stream = streams[track]
            packet.time_base = Fraction(1, _SCALE_HZ)
            packet.dts = (at_us - first_us) * 9 // 100
            packet.pts = max(packet.dts, (pts_us - first_us) * 9 // 100)
            packet.is_keyframe = keyframe
            container.mux(packet)
    return first_us, len(units)


def _stream(container: Any, loop: CodedLoop) -> Any:
    names = {Codec.H264: "h264", Codec.H265: "hevc", Codec.AAC: "aac", Codec.OPUS: "libopus"}
    if loop.codec.kind is MediaKind.VIDEO:
        stream = container.add_stream(names[loop.codec], rate=25)
        stream.codec_context.extradata = b"".join(_START_CODE + nal for nal in loop.sets)
        stream.time_base = Fraction(1, _SCALE_HZ)
    else:
        stream = container.add_stream(names[loop.codec], rate=loop.timescale)
        if loop.config:
            stream.codec_context.extradata = loop.config
    return stream


def _annexb(data: bytes) -> bytes:
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(_START_CODE + data[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(found)
