"""WHIP ingest (RFC 9725): publishers push by WebRTC, the hub receives RTP."""

from hub.ingest.whip.endpoint import WhipAnswer, WhipEndpoint, WhipInlet

__all__ = ["WhipAnswer", "WhipEndpoint", "WhipInlet"]
