"""AudioSpecificConfig (ISO/IEC 14496-3 §1.6), and the length of an Opus packet by its TOC (RFC 6716 §3.1)."""

from __future__ import annotations

from dataclasses import dataclass

from hub.bitstream.bits import BitReader, BitWriter
from hub.errors import MediaError

_SAMPLE_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_EXPLICIT_RATE = 15
_ESCAPED_TYPE = 31
AAC_LC, AAC_SBR, AAC_PS = 2, 5, 29
"""Object types: Low Complexity, and High Efficiency in its two versions, which double the core's rate."""
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
    """``object_type`` as it stands first: that of the extension where there is one. ``sample_rate`` of the core
    coder; ``frame_samples`` at that rate. ``layout`` is channelConfiguration, ``channels`` what it means; 0: told
    elsewhere."""

    object_type: int
    sample_rate: int
    layout: int
    channels: int
    frame_samples: int


def parse_aac_config(config: bytes) -> AacConfig:
    """Reads an AudioSpecificConfig. Raises MediaError (``aac_config``)."""
    try:
        bits = BitReader(config)
        kind = core = _object_type(bits)
        rate = _sample_rate(bits)
        layout = bits.u(4)
        if kind in (AAC_SBR, AAC_PS):
            _sample_rate(bits)
            core = _object_type(bits)
        short = core in _GENERAL_AUDIO_TYPES and bits.u(1) == 1
    except MediaError as error:
        raise MediaError(f"AudioSpecificConfig {config.hex()} is cut off", code="aac_config") from error
    if rate == 0:
        raise MediaError(f"AudioSpecificConfig {config.hex()} names no sample rate", code="aac_config")
    channels = _CHANNELS[layout] if layout < len(_CHANNELS) else 0
    return AacConfig(kind, rate, layout, channels, 960 if short else 1024)


def aac_lc_config(sample_rate: int, layout: int) -> bytes:
    """The AudioSpecificConfig of AAC-LC with frames of 1024 samples (§1.6.2.1)."""
    writer = BitWriter().put(AAC_LC, 5)
    if sample_rate in _SAMPLE_RATES:
        writer.put(_SAMPLE_RATES.index(sample_rate), 4)
    else:
        writer.put(_EXPLICIT_RATE, 4).put(sample_rate, 24)
    return writer.put(layout, 4).put(0, 3).to_bytes()


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
