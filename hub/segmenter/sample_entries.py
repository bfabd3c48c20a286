"""How a track's codec is described in ``stsd`` and to a browser. Pure.

H.264 and H.265 after ISO/IEC 14496-15, AAC after 14496-14, the others after their ISO BMFF bindings: VP8 and VP9
("VP Codec ISO Media File Format Binding" 1.0), AV1 ("AV1 Codec ISO Media File Format Binding" 1.2), Opus, FLAC.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hub.bitstream import h264, h265
from hub.bitstream.audio import aac_lc_config, parse_aac_config
from hub.bitstream.av1 import parse_sequence_header
from hub.bitstream.vpx import VpxConfig
from hub.errors import MediaError
from hub.model import Codec, ParameterSets, TrackInfo
from hub.segmenter.boxes import box, full_box

FLAC_BLOCK = 1600
"""Samples in a FLAC frame of ours: 200 ms at 8 kHz, a fragment's worth. A frame costs much the same whatever its
length, and longer ones compress better (docs/design/speed.md)."""
_FLAC_DEPTH = 16
_VPX_LEVELS = (
    (36_864, 10), (73_728, 11), (122_880, 20), (245_760, 21), (552_960, 30), (983_040, 31), (2_228_224, 41),
    (8_912_896, 52),
)  # fmt: skip
"""Samples of a picture, and the level that allows them at an ordinary rate (VP9 levels; the rate is not known)."""
_VPX_TOP_LEVEL = 62
_VPX_COLORS = {1: (6, 6, 6), 2: (1, 1, 1), 3: (6, 6, 6), 4: (7, 7, 7), 5: (9, 14, 9), 7: (1, 13, 0)}
"""Primaries, transfer and matrix (ISO/IEC 23091-2) of VP9's color_space."""
_WITH_RANGE_EXTENSION = frozenset({100, 110, 122, 144, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """``data`` is the sample entry box; ``mime`` the full type for MSE; ``size`` as shown, None for sound."""

    data: bytes
    mime: str
    size: tuple[int, int] | None = None


def describe(track: TrackInfo, sets: ParameterSets | None) -> SampleEntry:
    """The sample entry of a track; for video with the sets it is decoded with.

    Raises MediaError when the sets are missing or broken, or the sound cannot be described.
    """
    match track.codec:
        case Codec.H264:
            return _avc1(_complete(track, sets))
        case Codec.H265:
            return _hvc1(_complete(track, sets))
        case Codec.VP8 | Codec.VP9:
            return _vpx(track.codec, _first_set(track, sets))
        case Codec.AV1:
            return _av01(_first_set(track, sets))
        case Codec.AAC:
            return _mp4a(track)
        case Codec.OPUS:
            return _opus(track)
        case Codec.PCMA | Codec.PCMU | Codec.PCM:
            return _flac(track)


def _complete(track: TrackInfo, sets: ParameterSets | None) -> ParameterSets:
    if sets is None or not sets.sps or not sets.pps or (track.codec is Codec.H265 and not sets.vps):
        raise MediaError(f"expected the parameter sets of track {track.id} ({track.codec}), found them incomplete")
    return sets


def _first_set(track: TrackInfo, sets: ParameterSets | None) -> bytes:
    if sets is None or not sets.sps:
        raise MediaError(f"expected what track {track.id} ({track.codec}) is decoded with, found nothing")
    return sets.sps[0]


def _visual(kind: bytes, width: int, height: int, config: bytes, aspect: tuple[int, int] = (1, 1)) -> bytes:
    """VisualSampleEntry (ISO/IEC 14496-12 §12.1.3)."""
    head = struct.pack(">6xH16xHHIIIH32xHh", 1, width, height, 0x480000, 0x480000, 0, 1, 24, -1)
    pasp = b"" if aspect == (1, 1) else box(b"pasp", struct.pack(">II", *aspect))
    return box(kind, head, config, pasp)


def _sound(kind: bytes, channels: int, rate_hz: int, config: bytes) -> bytes:
    """AudioSampleEntry (ISO/IEC 14496-12 §12.2.3); the rate is 16.16 and 0 where it does not fit."""
    head = struct.pack(">6xH8xHH4xI", 1, channels, 16, (rate_hz << 16) if rate_hz < 1 << 16 else 0)
    return box(kind, head, config)


def _avc1(sets: ParameterSets) -> SampleEntry:
    sps = h264.parse_sps(sets.sps[0])
    if len(sets.sps) > 31 or len(sets.pps) > 255:
        raise MediaError(f"expected at most 31 SPS and 255 PPS, found {len(sets.sps)} and {len(sets.pps)}")
    profile = bytes((sps.profile, sps.constraints, sps.level))
    record = b"".join(
        (
            b"\x01",
            profile,
            bytes((0xFF, 0xE0 | len(sets.sps))),  # 4-byte lengths
            *map(_prefixed, sets.sps),
            bytes((len(sets.pps),)),
            *map(_prefixed, sets.pps),
        )
    )
    if sps.profile in _WITH_RANGE_EXTENSION:
        record += bytes((0xFC | sps.chroma_format, 0xF8 | sps.luma_depth - 8, 0xF8 | sps.chroma_depth - 8, 0))
    data = _visual(b"avc1", sps.width, sps.height, box(b"avcC", record), sps.aspect)
    wide, high = sps.aspect
    shown = (min(round(sps.width * wide / high), 0xFFFF), sps.height)
    return SampleEntry(data, f'video/mp4; codecs="avc1.{profile.hex()}"', shown)


def _hvc1(sets: ParameterSets) -> SampleEntry:
    sps = h265.parse_sps(sets.sps[0])
    record = b"".join(
        (
            b"\x01",
            sps.profile_tier_level,
            b"\xf0\x00\xfc",  # no spatial segmentation known; parallelism unknown
            bytes((0xFC | sps.chroma_format, 0xF8 | sps.luma_depth - 8, 0xF8 | sps.chroma_depth - 8)),
            b"\x00\x00",  # average frame rate unknown
            bytes((sps.sub_layers << 3 | sps.nested << 2 | 3, 3)),
            _h265_array(h265.NAL_VPS, sets.vps),
            _h265_array(h265.NAL_SPS, sets.sps),
            _h265_array(h265.NAL_PPS, sets.pps),
        )
    )
    data = _visual(b"hvc1", sps.width, sps.height, box(b"hvcC", record))
    mime = f'video/mp4; codecs="{_h265_codec(sps.profile_tier_level)}"'
    return SampleEntry(data, mime, (sps.width, sps.height))


def _prefixed(nal: bytes) -> bytes:
    if len(nal) > 0xFFFF:
        raise MediaError(f"expected a parameter set of at most 65535 bytes, found {len(nal)}")
    return struct.pack(">H", len(nal)) + nal


def _h265_array(nal_type: int, nals: tuple[bytes, ...]) -> bytes:
    return bytes((0x80 | nal_type,)) + struct.pack(">H", len(nals)) + b"".join(map(_prefixed, nals))


def _h265_codec(profile_tier_level: bytes) -> str:
    """ISO/IEC 14496-15 Annex E: space and profile, compatibility flags reversed, tier and level, constraints."""
    first = profile_tier_level[0]
    space = ("", "A", "B", "C")[first >> 6]
    flags = int(f"{int.from_bytes(profile_tier_level[1:5], 'big'):032b}"[::-1], 2)
    tier = "H" if first & 0x20 else "L"
    constraints = profile_tier_level[5:11].rstrip(b"\0")
    parts = [f"hvc1.{space}{first & 0x1F}", f"{flags:x}", f"{tier}{profile_tier_level[11]}"]
    return ".".join(parts + [f"{byte:x}" for byte in constraints])


def _vpx(codec: Codec, record: bytes) -> SampleEntry:
    """VP8SampleEntry, VP9SampleEntry with ``vpcC``. Raises MediaError for colour with half the lines alone (4:4:0),
    which the binding has no number for."""
    config = VpxConfig.unpack(record)
    sampling = {(1, 1): 1, (1, 0): 2, (0, 0): 3}.get(config.subsampling)
    if sampling is None:
        raise MediaError("expected VP9 in 4:2:0, 4:2:2 or 4:4:4, found 4:4:0")
    samples = config.width * config.height
    level = next((level for most, level in _VPX_LEVELS if samples <= most), _VPX_TOP_LEVEL)
    colors = _VPX_COLORS.get(config.color_space, (2, 2, 2))
    packed = config.bit_depth << 4 | sampling << 1 | config.full_range
    vpcc = full_box(b"vpcC", 1, 0, bytes((config.profile, level, packed, *colors, 0, 0)))
    kind = b"vp08" if codec is Codec.VP8 else b"vp09"
    codecs = f"{kind.decode()}.{config.profile:02d}.{level:02d}.{config.bit_depth:02d}"
    data = _visual(kind, config.width, config.height, vpcc)
    return SampleEntry(data, f'video/mp4; codecs="{codecs}"', (config.width, config.height))


def _av01(header: bytes) -> SampleEntry:
    """AV1SampleEntry with ``av1C``, the sequence header in it."""
    config = parse_sequence_header(header)
    x, y = config.subsampling
    flags = config.tier << 7 | (config.bit_depth > 8) << 6 | (config.bit_depth == 12) << 5 | config.mono << 4
    record = bytes((0x81, config.profile << 5 | config.level, flags | x << 3 | y << 2 | config.sample_position, 0))
    codecs = f"av01.{config.profile}.{config.level:02d}{'H' if config.tier else 'M'}.{config.bit_depth:02d}"
    data = _visual(b"av01", config.width, config.height, box(b"av1C", record, header))
    return SampleEntry(data, f'video/mp4; codecs="{codecs}"', (config.width, config.height))


# -------------------------------------------------------------------------------------- sound


def _descriptor(tag: int, *parts: bytes) -> bytes:
    """ISO/IEC 14496-1 §8.3.3, the length in its 4-byte form as everybody writes it."""
    payload = b"".join(parts)
    size = len(payload)
    return (
        bytes((tag, 0x80 | size >> 21 & 0x7F, 0x80 | size >> 14 & 0x7F, 0x80 | size >> 7 & 0x7F, size & 0x7F)) + payload
    )


def _mp4a(track: TrackInfo) -> SampleEntry:
    """Made for AAC-LC where the session said nothing of its configuration."""
    config = track.config or aac_lc_config(track.timescale, min(max(1, track.channels), 7))
    parsed = parse_aac_config(config)
    decoder = _descriptor(4, struct.pack(">BB3xII", 0x40, 0x15, 0, 0), _descriptor(5, config))
    esds = full_box(b"esds", 0, 0, _descriptor(3, struct.pack(">HB", track.id, 0), decoder, _descriptor(6, b"\x02")))
    channels = track.channels or parsed.channels or 2
    data = _sound(b"mp4a", channels, track.timescale, esds)
    return SampleEntry(data, f'audio/mp4; codecs="mp4a.40.{parsed.object_type}"')


def _opus(track: TrackInfo) -> SampleEntry:
    """Opus in ISO BMFF §4.3: RTP carries no pre-skip and one stereo or mono stream (family 0)."""
    channels = min(track.channels or 2, 2)
    dops = box(b"dOps", struct.pack(">BBHIhB", 0, channels, 0, 48000, 0, 0))
    return SampleEntry(_sound(b"Opus", channels, 48000, dops), 'audio/mp4; codecs="opus"')


def _flac(track: TrackInfo) -> SampleEntry:
    """FLAC in ISO BMFF §3.3: the STREAMINFO alone, last of its blocks."""
    channels = max(1, track.channels)
    if channels > 8 or not 0 < track.timescale < 1 << 20:
        raise MediaError(f"expected sound of at most 8 channels, found {channels} at {track.timescale} Hz")
    info = struct.pack(">HH6x", FLAC_BLOCK, FLAC_BLOCK)
    packed = track.timescale << 44 | (channels - 1) << 41 | (_FLAC_DEPTH - 1) << 36
    info += packed.to_bytes(8, "big") + bytes(16)
    dfla = full_box(b"dfLa", 0, 0, b"\x80", len(info).to_bytes(3, "big"), info)
    return SampleEntry(_sound(b"fLaC", channels, track.timescale, dfla), 'audio/mp4; codecs="flac"')
