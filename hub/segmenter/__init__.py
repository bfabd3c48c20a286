"""From access units to reels: fMP4 boxes, fragments, chunks, the disk."""
