"""From bytes on the wire to access units: RTSP, WHIP, RTP, the depacketizers, the time axis."""
