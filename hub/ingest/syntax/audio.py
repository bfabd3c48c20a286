"""Lengths of audio frames: AudioSpecificConfig (ISO/IEC 14496-3 §1.6) and Opus TOC (RFC 6716 §3.1)."""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import MediaError
from hub.ingest.syntax.bits import BitReader

_SAMPLE_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_EXPLICIT_RATE = 15
_ESCAPED_TYPE = 31
_SBR, _PS = 5, 29
_GENERAL_AUDIO_TYPES = frozenset((1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23))
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)

OPUS_RATE = 48_000
_OPUS_MAX_TICKS = 5760
"""120 ms: the longest packet (RFC 6716 §3.2.5)."""
_OPUS_SILK_TICKS = (480, 960, 1920, 2880)
_OPUS_HYBRID_TICKS = (480, 960)
_OPUS_CELT_TICKS = (120, 240, 480, 960)


@dataclass(frozen=True, slots=True)
class AacConfig:
    """``sample_rate`` of the core coder; ``frame_samples`` at that rate; ``channels`` 0: told elsewhere."""

    sample_rate: int
    channels: int
    frame_samples: int


def parse_aac_config(config: bytes) -> AacConfig:
    """Reads an AudioSpecificConfig. Raises MediaError (``aac_config``)."""
    try:
        bits = BitReader(config)
        kind = _object_type(bits)
        rate = _sample_rate(bits)
        channels = bits.u(4)
        if kind in (_SBR, _PS):
            _sample_rate(bits)
            kind = _object_type(bits)
        short = kind in _GENERAL_AUDIO_TYPES and bits.u(1) == 1
    except MediaError as error:
        raise MediaError(f"AudioSpecificConfig {config.hex()} is cut off", code="aac_config") from error
    if rate == 0:
        raise MediaError(f"AudioSpecificConfig {config.hex()} names no sample rate", code="aac_config")
    return AacConfig(rate, _CHANNELS[channels] if channels < len(_CHANNELS) else 0, 960 if short else 1024)


def opus_duration_ticks(packet: bytes) -> int:
    """Length of an Opus packet at 48 kHz. Raises MediaError (``opus``)."""
    if not packet:
        raise MediaError("empty Opus packet", code="opus")
    toc = packet[0]
    config, code = toc >> 3, toc & 3
    if config < 12:
        ticks = _OPUS_SILK_TICKS[config & 3]
    elif config < 16:
        ticks = _OPUS_HYBRID_TICKS[config & 1]
    else:
        ticks = _OPUS_CELT_TICKS[config & 3]
    if code == 3 and len(packet) < 2:
        raise MediaError("Opus packet without its frame count", code="opus")
    count = 1 if code == 0 else packet[1] & 0x3F if code == 3 else 2
    if not 0 < ticks * count <= _OPUS_MAX_TICKS:
        raise MediaError(f"Opus packet of {count} frames of {ticks} ticks", code="opus")
    return ticks * count


def _object_type(bits: BitReader) -> int:
    kind = bits.u(5)
    return 32 + bits.u(6) if kind == _ESCAPED_TYPE else kind


def _sample_rate(bits: BitReader) -> int:
    index = bits.u(4)
    if index == _EXPLICIT_RATE:
        return bits.u(24)
    return _SAMPLE_RATES[index] if index < len(_SAMPLE_RATES) else 0
