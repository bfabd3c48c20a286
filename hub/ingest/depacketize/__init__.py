"""One depacketizer per codec: from the payloads of a track, in order, to coded pictures and audio frames."""
