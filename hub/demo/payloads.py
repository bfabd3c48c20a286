"""RTP payloads of a loop, cut once. What is left per packet is its header (see ``feed``)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hub.demo.encode import CodedLoop, CodedUnit, is_parameter_set, split_lengths
from hub.model import Codec, MediaKind

ParameterSetPlace = Literal["both", "sdp", "inband"]
_STATIC_TYPES = {Codec.PCMU: 0, Codec.PCMA: 8}  # RFC 3551 §6
_MARKER = 0x80
_AGGREGATE_HEADER = 2  # of H.265; H.264 has one byte less


@dataclass(frozen=True, slots=True)
class PreparedUnit:
    """One coded unit as it travels: per packet the second header byte (marker, payload type) and the payload.

    ``sha256`` is the hex digest of the unit as an :class:`hub.model.AccessUnit` would hold it.
    """

    packets: tuple[tuple[int, bytes], ...]
    pts_ticks: int
    keyframe: bool
    number: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PreparedLoop:
    """A loop ready to be sent; shared by any number of cameras. ``loop`` describes it, without its units."""

    loop: CodedLoop
    payload_type: int
    sets: ParameterSetPlace
    units: tuple[PreparedUnit, ...]

    @property
    def kind(self) -> MediaKind:
        return self.loop.codec.kind


def payload_type(codec: Codec) -> int:
    """The RTP payload type our simulators use: static for G.711, else 96 for video and 97 for audio."""
    return _STATIC_TYPES.get(codec, 96 if codec.kind is MediaKind.VIDEO else 97)


def prepare(
    loop: CodedLoop, *, number: int | None = None, mtu: int = 1400, sets: ParameterSetPlace = "both"
) -> PreparedLoop:
    """Cut a loop into payloads of at most ``mtu`` bytes. ``number`` is a negotiated payload type.

    ``sets``: where parameter sets travel; ``sdp`` takes them out of the pictures.
    """
    kind = payload_type(loop.codec) if number is None else number
    units = tuple(_prepare_unit(loop.codec, unit, kind, mtu, sets) for unit in loop.units)
    return PreparedLoop(replace(loop, units=()), kind, sets, units)


def _prepare_unit(codec: Codec, unit: CodedUnit, kind: int, mtu: int, sets: ParameterSetPlace) -> PreparedUnit:
    data = unit.data
    if codec.kind is MediaKind.VIDEO and sets == "sdp":
        kept = [nal for nal in split_lengths(data) if not is_parameter_set(codec, nal)]
        data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in kept)
    payloads = payloads_of(codec, data, mtu)
    marked = codec.kind is MediaKind.VIDEO or codec is Codec.AAC  # RFC 3551 §4.1: else a talk spurt's start
    last = len(payloads) - 1
    packets = tuple((kind | (_MARKER if marked and n == last else 0), part) for n, part in enumerate(payloads))
    digest = hashlib.sha256(data).hexdigest()
    return PreparedUnit(packets, unit.pts_ticks, unit.keyframe, unit.number, len(data), digest)


def payloads_of(codec: Codec, data: bytes, mtu: int) -> list[bytes]:
    """The RTP payloads of one coded unit, each at most ``mtu`` bytes.

    H.264: RFC 6184 §5.6–5.8; H.265: RFC 7798 §4.4; AAC: RFC 3640 §3.3.6, one frame a packet;
    Opus: RFC 7587 §4.2; G.711: RFC 3551 §4.5.14.
    """
    if codec is Codec.H264:
        return _video_payloads(split_lengths(data), mtu, _stap_a, _fu_a)
    if codec is Codec.H265:
        return _video_payloads(split_lengths(data), mtu, _aggregate_h265, _fragment_h265)
    if codec is Codec.AAC:
        return [b"\x00\x10" + (len(data) << 3).to_bytes(2, "big") + data]
    return [data]


def _video_payloads(
    nals: Sequence[bytes],
    mtu: int,
    aggregate: Callable[[Sequence[bytes]], bytes],
    fragment: Callable[[bytes, int], list[bytes]],
) -> list[bytes]:
    """Small neighbours travel together, what is too large is cut, the rest goes as it is."""
    payloads: list[bytes] = []
    waiting: list[bytes] = []
    size = _AGGREGATE_HEADER

    def flush() -> None:
        nonlocal size
        if waiting:
            payloads.append(waiting[0] if len(waiting) == 1 else aggregate(waiting))
        waiting.clear()
        size = _AGGREGATE_HEADER

    for nal in nals:
        if size + 2 + len(nal) > mtu:
            flush()
        if len(nal) > mtu:
            payloads.extend(fragment(nal, mtu))
        else:
            waiting.append(nal)
            size += 2 + len(nal)
    flush()
    return payloads


def _stap_a(nals: Sequence[bytes]) -> bytes:
    """STAP-A, RFC 6184 §5.7.1: NRI is the highest of its units."""
    header = max(nal[0] & 0x60 for nal in nals) | 24
    return bytes([header]) + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


def _fu_a(nal: bytes, mtu: int) -> list[bytes]:
    """FU-A, RFC 6184 §5.8."""
    indicator = nal[0] & 0x60 | 28
    return _fragments(nal[1:], mtu - 2, bytes([indicator]), nal[0] & 0x1F)


def _aggregate_h265(nals: Sequence[bytes]) -> bytes:
    """AP, RFC 7798 §4.4.2: layer and temporal id are the lowest of its units (ours are all 0 and 1)."""
    header = bytes([48 << 1, min(nal[1] for nal in nals)])
    return header + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


def _fragment_h265(nal: bytes, mtu: int) -> list[bytes]:
    """FU, RFC 7798 §4.4.3."""
    header = bytes([nal[0] & 0x81 | 49 << 1, nal[1]])
    return _fragments(nal[2:], mtu - 3, header, nal[0] >> 1 & 0x3F)


def _fragments(body: bytes, step: int, header: bytes, nal_type: int) -> list[bytes]:
    """Start bit 0x80 on the first, end bit 0x40 on the last."""
    starts = range(0, len(body), step)
    return [
        header
        + bytes([nal_type | (0x80 if start == 0 else 0) | (0x40 if start + step >= len(body) else 0)])
        + body[start : start + step]
        for start in starts
    ]
