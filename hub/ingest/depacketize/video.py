"""What H.264 and H.265 share: collecting NAL units into access units, their end, and their damage.

An access unit ends at the RTP marker bit (RFC 6184 §5.1, RFC 7798 §4.1). Where a camera forgets it, the
next time stamp or the first NAL unit of a next picture ends it (H.264 §7.4.1.2.3, H.265 §7.4.2.4.4);
where a camera sets it on every slice, that is noticed and the marker is no longer believed.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.clock import Instant
from hub.errors import MediaError
from hub.ingest.depacketize.frame import MAX_UNIT_BYTES, Complain, Emit, Frame
from hub.ingest.depacketize.parameter_sets import ParameterSetStore
from hub.ingest.rtp import Packet
from hub.model import ParameterSets

LENGTH_BYTES = 4
_NO_LENGTH = bytes(LENGTH_BYTES)
_MAX_HEADLESS_BYTES = 1 << 16
"""NAL units without a picture (parameter sets, SEI) that may wait for theirs."""


class VideoDepacketizer:
    """Base of the two: they read the NAL unit headers, this keeps the unit."""

    def __init__(self, emit: Emit, complain: Complain, sets: ParameterSets | None) -> None:
        self._emit = emit
        self._complain = complain
        self.sets = ParameterSetStore(sets)
        self._buffer = bytearray()
        self._timestamp = -1
        self._first_seq = 0
        self._last_seq = 0
        self._arrival = Instant(0, 0)
        self._lost = 0
        self._open_at = -1
        """Where the length of the NAL unit lies that fragments are being added to; −1: none."""
        self.middle = b""
        """With what a payload begins that does nothing but go on with that NAL unit; empty: none is open."""
        self._has_picture = False
        self._slice_at = 0
        """Where the length of the first NAL unit of the picture lies, for its header."""
        self._keyframe = False
        self._idr = False
        self._broken = False
        """Packets of this unit are missing."""
        self._astray = True
        """A picture that the next ones are predicted from is damaged, lost, or was never sent."""
        self._recovered = True
        """The newest keyframe ended that: what is shown before it may still lack its references."""
        self._after_gap = False
        self._marker_ends = True
        self._ended_timestamp = -1

    # -- what the codec calls ------------------------------------------------------------------

    def _begin(self, timestamp: int, seq: int) -> None:
        """Another time stamp, or the first packet of a unit."""
        if self._buffer and timestamp != self._timestamp:
            self._end_unit()
        if not self._buffer:
            self._first_seq = seq
            if timestamp != self._timestamp:
                self._broken = False  # what is missing was of the unit before
        self._timestamp = timestamp

    def _add(self, nal: Packet) -> int:
        """A whole NAL unit; returns where its length lies."""
        buffer = self._buffer
        at = len(buffer)
        buffer += len(nal).to_bytes(LENGTH_BYTES, "big")
        buffer += nal
        return at

    def _open(self, header: bytes, payload: Packet, middle: bytes) -> None:
        """The first fragment of a NAL unit; ``middle``: with what each fragment begins that is not the last."""
        buffer = self._buffer
        self.middle = middle
        self._open_at = len(buffer)
        buffer += _NO_LENGTH
        buffer += header
        buffer += payload

    def _close(self) -> None:
        """The last fragment came: writes the length of the open NAL unit, if there is one."""
        at = self._open_at
        if at < 0:
            return
        buffer = self._buffer
        buffer[at : at + LENGTH_BYTES] = (len(buffer) - at - LENGTH_BYTES).to_bytes(LENGTH_BYTES, "big")
        self._open_at = -1
        self.middle = b""

    def _abandon_open(self) -> None:
        """A NAL unit begins while fragments of another are awaited: that one stays short."""
        if self._open_at >= 0:
            self._close()
            self._broken = True

    def _nal_bytes(self, at: int) -> bytes:
        """The NAL unit whose length lies at ``at``, which is the last one."""
        return bytes(self._buffer[at + LENGTH_BYTES :])

    def _orphan(self) -> None:
        """A fragment whose first part is missing."""
        self._broken = True
        if not self._after_gap:
            self._complain("fragment", "a fragment came without the first one of its NAL unit")
            self._after_gap = True

    def _picture_nal(self, first_slice: bool) -> None:
        """A NAL unit of a picture begins; ``first_slice``: it is its first."""
        if first_slice:
            if self._has_picture:
                self._end_unit()
        elif not self._has_picture:
            self._headless_slice()
        if not self._has_picture:
            self._slice_at = len(self._buffer)
        self._has_picture = True
        self._after_gap = False

    def _headless_slice(self) -> None:
        if self._after_gap or self._ended_timestamp != self._timestamp or not self._marker_ends:
            self._broken = True
            return
        self._marker_ends = False
        self._complain("marker", "the marker bit is set within pictures: they are told apart by their slices instead")

    def _between_pictures(self) -> None:
        """A NAL unit that can only stand before a picture begins."""
        if self._has_picture:
            self._end_unit()

    def _end_packet(self, marker: int, seq: int, arrival: Instant) -> None:
        self._last_seq = seq
        self._arrival = arrival
        if marker and self._marker_ends:
            self._end_unit()
            self._ended_timestamp = self._timestamp
        elif len(self._buffer) > MAX_UNIT_BYTES:
            size = len(self._buffer)
            self._discard()
            raise MediaError(f"a picture of more than {size} bytes was dropped", code="unit_too_large")

    # -- the depacketizer's face ---------------------------------------------------------------

    def go_on(self, parts: Sequence[bytes], seq: int, arrival: Instant) -> None:
        """Payloads that began with :attr:`middle`, each without it; ``seq`` is that of the last. Raises as ``push``."""
        for part in parts:
            self._buffer += part
        self._end_packet(0, seq, arrival)

    def gap(self, count: int) -> None:
        self._lost += count
        self._after_gap = True
        self._astray = True
        self._close()
        if self._has_picture:
            self._broken = True

    def flush(self) -> None:
        self._end_unit()

    # -- the unit ------------------------------------------------------------------------------

    def _end_unit(self) -> None:
        self._abandon_open()
        if not self._has_picture:
            self._broken = False
            if len(self._buffer) > _MAX_HEADLESS_BYTES:
                self._discard()
            return
        frame = Frame(bytes(self._buffer), self._timestamp, 0, self._first_seq, self._last_seq, self._arrival)
        frame.keyframe = self._keyframe
        frame.idr = self._idr
        frame.lost = self._lost
        if self._broken:
            self._astray = True
        elif self._keyframe:
            self._recovered, self._astray = self._astray, False
        frame.damaged = self._astray
        self._describe(frame)
        if frame.keyframe:
            frame.parameter_sets = self.sets.current()
            if frame.parameter_sets is None:
                self._complain("parameter_set", "a keyframe came before any parameter sets: it cannot be decoded")
        self._buffer.clear()
        self._lost = 0
        self._has_picture = self._keyframe = self._idr = self._broken = False
        self._emit(frame)

    def _discard(self) -> None:
        self._buffer.clear()
        self._open_at = -1
        self.middle = b""
        self._has_picture = self._keyframe = self._idr = self._broken = False
        self._astray = self._after_gap = True

    def _describe(self, frame: Frame) -> None:
        """Adds what only the codec knows: reordering, recovery points, leading pictures."""
        raise NotImplementedError
