"""What the demultiplexer's process tells its parent: messages of a length, a kind and bytes. Pure; trusts nothing.

``u32 length · u8 kind · payload``: HEADER and END are JSON; INDEX is a row of fixed records, one a unit; UNIT is one
record and the unit's bytes behind it.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

from hub.bitstream.audio import parse_aac_config
from hub.bitstream.av1 import sequence_header
from hub.bitstream.vpx import parse_vp8, parse_vp9
from hub.errors import MediaError
from hub.model import Codec, MediaKind, ParameterSets

HEADER, INDEX, UNIT, END = range(4)
PREFIX = struct.Struct(">IB")
RECORD = struct.Struct(">BBqqIIQ")
"""Track (from 1), flags, pts, dts, duration (ticks of the track), bytes, digest."""
MAX_MESSAGE = 64 << 20
KEY, HAS_DTS, BAD = 1, 2, 4
VIDEO_HZ = 90_000
_LIMIT_TICKS = 1 << 53
_MAX_TRACKS = 8
_MAX_OTHERS = 100


class Mark(NamedTuple):
    """A unit of a file, without its bytes. ``digest``: of its slices (or of its sound), 64 bits."""

    track: int
    flags: int
    pts: int
    dts: int
    duration: int
    size: int
    digest: int


@dataclass(frozen=True, slots=True)
class FileTrack:
    """A track of a file that a reel can hold, in the order found; ``id`` from 1. ``timescale``: 90000 for pictures,
    the sample rate for sound."""

    id: int
    codec: Codec
    timescale: int
    channels: int = 0
    config: bytes = b""
    sets: ParameterSets | None = None


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What a container says of itself. ``others``: streams that no reel can hold. ``created_us``: its own word on when
    it was made (device time), None if it says nothing. ``tagged``: it carries a position or other notes."""

    container: str
    tracks: tuple[FileTrack, ...]
    others: tuple[str, ...]
    created_us: int | None
    tagged: bool

    @property
    def video(self) -> FileTrack | None:
        return next((track for track in self.tracks if track.codec.kind is MediaKind.VIDEO), None)

    @property
    def main(self) -> FileTrack | None:
        """What tells the time: the pictures if there are any."""
        return self.video or next(iter(self.tracks), None)


def read_header(payload: bytes) -> FileHeader:
    """Raises MediaError, and nothing else."""
    try:
        told = json.loads(payload)
        tracks = tuple(_track(one) for one in told["tracks"][:_MAX_TRACKS])
        if [track.id for track in tracks] != list(range(1, len(tracks) + 1)):
            raise ValueError("track ids out of order")
        created = told["created_us"]
        return FileHeader(
            str(told["container"])[:40],
            tracks,
            tuple(str(one)[:80] for one in told["others"][:_MAX_OTHERS]),
            None if created is None else _bounded(created, 1 << 53),
            bool(told["tagged"]),
        )
    except MediaError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MediaError(f"expected a description of the file, found {error!r:.200}") from error


def _track(told: Any) -> FileTrack:
    codec = Codec(told["codec"])
    config = bytes.fromhex(told["config"])
    timescale, channels = _bounded(told["timescale"], 384_000), _bounded(told["channels"], 64)
    if codec is Codec.AAC:
        parse_aac_config(config)
    sets = ParameterSets(*(tuple(bytes.fromhex(nal) for nal in told[name][:64]) for name in ("sps", "pps", "vps")))
    if timescale < 1:
        raise ValueError("a time scale of zero")
    complete = sets.sps and (sets.pps or not codec.in_nal_units)
    return FileTrack(int(told["id"]), codec, timescale, channels, config, sets if complete else None)


def _bounded(value: object, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"expected a number up to {most}")
    return value


def read_marks(payload: bytes, tracks: int) -> list[Mark]:
    """Records of INDEX. Raises MediaError for any that makes no sense."""
    if len(payload) % RECORD.size:
        raise MediaError("expected whole records from the demultiplexer")
    marks = [Mark(*fields) for fields in RECORD.iter_unpack(payload)]
    for mark in marks:
        check_mark(mark, tracks)
    return marks


def check_mark(mark: Mark, tracks: int) -> None:
    if not 1 <= mark.track <= tracks or abs(mark.pts) > _LIMIT_TICKS or abs(mark.dts) > _LIMIT_TICKS:
        raise MediaError("expected a unit of an announced track at a possible time, found another")


def read_end(payload: bytes) -> str:
    """What the demultiplexer could not read; empty: it came to the end."""
    try:
        return str(json.loads(payload)["problem"])[:300]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MediaError("expected the demultiplexer's last word") from error


def nals_of(data: bytes, length_size: int = 4) -> list[bytes]:
    """NAL units behind lengths (ISO/IEC 14496-15 §5.3.4.2). Raises MediaError where the lengths do not add up."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        if not size or at + size > len(data):
            raise MediaError("expected NAL units that fill the sample")
        found.append(data[at : at + size])
        at += size
    return found


def annexb_nals(data: bytes) -> list[bytes]:
    """NAL units behind start codes (ITU-T H.264 annex B)."""
    parts = data.split(b"\0\0\1")
    return [nal for part in parts[1:] if (nal := part.rstrip(b"\0"))]


def nal_type(codec: Codec, nal: bytes) -> int:
    return nal[0] & 0x1F if codec is Codec.H264 else nal[0] >> 1 & 0x3F


def is_slice(codec: Codec, nal: bytes) -> bool:
    """Coded picture data: H.264 types 1–5 (Table 7-1), H.265 types below 32 (Table 7-1)."""
    kind = nal_type(codec, nal)
    return 1 <= kind <= 5 if codec is Codec.H264 else kind < 32


def is_random_access(codec: Codec, nal: bytes) -> bool:
    """IDR of H.264; IRAP (BLA, IDR, CRA) of H.265."""
    kind = nal_type(codec, nal)
    return kind == 5 if codec is Codec.H264 else 16 <= kind <= 21


def decoded_with(codec: Codec, data: bytes) -> ParameterSets | None:
    """The sets that stand in the bytes of a picture; None where there are none. Raises MediaError."""
    if codec is Codec.AV1:
        header = sequence_header(data)
        return None if header is None else ParameterSets((header,))
    if codec in (Codec.VP8, Codec.VP9):
        config = parse_vp8(data) if codec is Codec.VP8 else parse_vp9(data)
        return None if config is None else ParameterSets((config.pack(),))
    return sets_in(codec, nals_of(data))


def sets_in(codec: Codec, nals: list[bytes]) -> ParameterSets | None:
    """The parameter sets that stand in a picture; None unless it carries SPS and PPS."""
    kinds = (7, 8, -1) if codec is Codec.H264 else (33, 34, 32)
    sps, pps, vps = (tuple(nal for nal in nals if nal_type(codec, nal) == kind) for kind in kinds)
    return ParameterSets(sps, pps, vps) if sps and pps else None
