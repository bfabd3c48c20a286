"""Which sender a track listens to: one SSRC, until it falls silent and another goes on (RFC 3550 §8.2)."""

from __future__ import annotations

from hub.clock import Instant

SILENT_US = 300_000
"""A camera that restarts its encoder changes its SSRC; the old one is then silent at once. A stranger
beside a living sender is heard for as long as it takes the living one to send its next picture."""
_STRANGER_PACKETS = 1024


class SourceGuard:
    """Keeps what a stranger sends until it is known whether the sender restarted: its first packets
    are usually a keyframe, and without it nothing after can be seen."""

    __slots__ = ("_packets", "_told", "ssrc")

    def __init__(self) -> None:
        self.ssrc: int | None = None
        self._packets: list[tuple[bytes, Instant]] = []
        self._told: int | None = None

    def stranger(
        self, ssrc: int, packet: bytes, arrival: Instant, heard_us: int, silent_us: int
    ) -> list[tuple[bytes, Instant]]:
        """A packet of another SSRC came; ours was last heard at ``heard_us`` and counts as gone after
        ``silent_us``. Returns the packets to take in if the sender has restarted."""
        packets = self._packets
        if packets and packets[0][0][8:12] != packet[8:12]:
            packets.clear()
        packets.append((packet, arrival))
        if packets[0][1].mono_us < heard_us or len(packets) > _STRANGER_PACKETS:
            # The one we listen to has been heard since: drop what lies before.
            packets[:] = packets[-1:]
        if len(packets) < 2 or arrival.mono_us - heard_us < silent_us:
            return []
        taken, self._packets = packets, []
        self.ssrc = ssrc
        self._told = None
        return taken

    def worth_telling(self, ssrc: int) -> bool:
        """Whether nothing was said of this stranger yet."""
        if ssrc == self._told:
            return False
        self._told = ssrc
        return True
