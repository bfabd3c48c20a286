"""The depacketizer for a track."""

from __future__ import annotations

from hub.bitstream.audio import parse_aac_config
from hub.errors import MediaError
from hub.ingest.depacketize.aac import AacDepacketizer
from hub.ingest.depacketize.frame import Complain, Depacketizer, Emit
from hub.ingest.depacketize.g711 import G711Depacketizer
from hub.ingest.depacketize.h264 import H264Depacketizer
from hub.ingest.depacketize.h265 import H265Depacketizer
from hub.ingest.depacketize.opus import OpusDepacketizer
from hub.model import Codec, TrackInfo


def depacketizer_for(info: TrackInfo, emit: Emit, complain: Complain) -> Depacketizer:
    """Raises MediaError where the description of the track cannot be used (AAC without configuration)."""
    match info.codec:
        case Codec.H264:
            return H264Depacketizer(emit, complain, info.parameter_sets)
        case Codec.H265:
            return H265Depacketizer(emit, complain, info.parameter_sets)
        case Codec.AAC:
            config = parse_aac_config(info.config)
            return AacDepacketizer(emit, max(1, config.frame_samples * info.timescale // config.sample_rate))
        case Codec.OPUS:
            return OpusDepacketizer(emit)
        case Codec.PCMA | Codec.PCMU:
            return G711Depacketizer(emit, info.channels)
        case _:
            raise MediaError(f"no depacketizer for {info.codec}", code="unsupported_codec")
