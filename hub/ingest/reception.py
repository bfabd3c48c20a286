"""What a receiver report says of a track's reception (RFC 3550 §6.4.1, §A.3, §A.8)."""

from __future__ import annotations

from hub.clock import US_PER_S, Instant
from hub.ingest.rtcp import Reception, receiver_report
from hub.ingest.rtp import timestamp_step

CNAME = "recorder-hub"
_JITTER_SHIFT = 4


class ReceptionStatistics:
    """Counts by differences, so that the hot path counts nothing."""

    __slots__ = (
        "_base",
        "_expected_before",
        "_jitter16",
        "_last",
        "_lost_before",
        "_lsr",
        "_lsr_mono_us",
        "_rate",
        "late",
        "lost",
    )

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self.lost = 0
        self.late = 0
        """Packets that came again, or after they were given up."""
        self._base = 0
        self._expected_before = 0
        self._lost_before = 0
        self._jitter16 = 0
        self._last: tuple[int, int] | None = None
        self._lsr = 0
        self._lsr_mono_us = 0

    def begin(self, seq: int) -> None:
        """The first (extended) sequence number of a sender."""
        self._base = seq
        self._expected_before = self.lost = self._lost_before = 0
        self._last = None

    def arrival(self, timestamp: int, arrival: Instant) -> None:
        """A frame came: the interarrival jitter, taken per frame instead of per packet, and of frames that were read at
        one moment by the first."""
        ticks = arrival.mono_us * self._rate // US_PER_S
        if self._last is not None:
            if ticks == self._last[0]:
                return
            moved = abs(ticks - self._last[0] - timestamp_step(timestamp, self._last[1]))
            self._jitter16 += moved - (self._jitter16 + 8 >> _JITTER_SHIFT)
        self._last = (ticks, timestamp)

    def sender_report(self, lsr: int, arrival: Instant) -> None:
        self._lsr, self._lsr_mono_us = lsr, arrival.mono_us

    def report(self, own_ssrc: int, ssrc: int | None, next_seq: int, now: Instant) -> bytes:
        """The report on what came since the last one; ``next_seq`` is the extended number expected."""
        if ssrc is None:
            return receiver_report(own_ssrc, None, CNAME)
        expected = next_seq - self._base
        interval = expected - self._expected_before
        lost = self.lost - self._lost_before
        self._expected_before, self._lost_before = expected, self.lost
        delay = (now.mono_us - self._lsr_mono_us << 16) // US_PER_S if self._lsr else 0
        reception = Reception(
            ssrc=ssrc,
            fraction_lost=(lost << 8) // interval if interval > 0 else 0,
            cumulative_lost=self.lost,
            highest_seq=next_seq - 1,
            jitter_ticks=self._jitter16 >> _JITTER_SHIFT,
            lsr=self._lsr,
            delay_since_sr=delay,
        )
        return receiver_report(own_ssrc, reception, CNAME)
