"""One track's access units gathered into fragments. Pure.

Time on the axis of the file is the run's axis plus one second, so that sound which lies a little
before the first picture, or a decode time before its presentation, is never negative.
"""

from __future__ import annotations

import hashlib
from collections import deque
from itertools import count, pairwise
from operator import attrgetter
from typing import Protocol

from hub.clock import US_PER_S
from hub.model import AccessUnit, Codec, Fragment, MediaKind, TrackInfo
from hub.segmenter.boxes import fragment
from hub.segmenter.g711 import FlacEncoder

AXIS_OFFSET_S = 1
"""``tfdt`` is this much ahead of the run's axis."""

_FIRST_GUESS_MS = 40
"""Duration of a picture before which there was none."""
_MAX_HOLE_S = 1
"""A hole longer than this is never inside a fragment: what was before it goes out on its own."""
_MAX_BRIDGE_S = 5
"""A hole in decode time up to this is bridged: as long as it takes to confirm an interruption."""
_STRETCH_SLACK_TICKS = 144
"""How far a packet of G.711 may lie from where the one before it ended: 18 ms at 8 kHz, less than a packet."""

_CAPTURE_US = attrgetter("capture_us")


class FragmentTrack(Protocol):
    """What gathers the units of one track."""

    info: TrackInfo

    def aim(self, fragment_ms: int) -> None:
        """How long fragments are to be from now on, the one that is being gathered included."""
        ...

    def push(self, unit: AccessUnit) -> list[Fragment]:
        """Takes a unit; returns what it ends and what it completes."""
        ...

    def flush(self) -> list[Fragment]:
        """Gives up everything that is held. What comes next may be anywhere on the axis."""
        ...

    def idle(self, mono_us: int) -> list[Fragment]:
        """Gives up what has been held since before ``mono_us``."""
        ...


def fragment_track(info: TrackInfo, sequence: count[int], fragment_ms: int) -> FragmentTrack:
    """Raises MediaError for G.711 or PCM of more than two channels."""
    if info.codec in (Codec.PCMA, Codec.PCMU, Codec.PCM):
        return FlacTrack(info, sequence, fragment_ms)
    return SampleTrack(info, sequence, fragment_ms)


class SampleTrack:
    """Units that become samples as they are: pictures, AAC, Opus."""

    def __init__(self, info: TrackInfo, sequence: count[int], fragment_ms: int) -> None:
        self.info = info
        self._sequence = sequence
        self._is_video = info.kind is MediaKind.VIDEO
        self._axis_ticks = info.timescale * AXIS_OFFSET_S
        self.aim(fragment_ms)
        self._max_hole_ticks = info.timescale * _MAX_HOLE_S
        self._units: list[AccessUnit] = []
        self._dts: list[int] = []
        self._guess = info.timescale * _FIRST_GUESS_MS // 1000
        """How long the last unit is, as far as one can know before the next."""
        self._distance = 0
        self._last_dts: int | None = None
        self._decoded: int | None = None
        """Where decoding stands after the last fragment, on the run's axis."""

    def aim(self, fragment_ms: int) -> None:
        self._target_ticks = self.info.timescale * fragment_ms // 1000

    def push(self, unit: AccessUnit) -> list[Fragment]:
        done: list[Fragment] = []
        dts = max(unit.dts_ticks, -self._axis_ticks)  # nothing is decoded before 0 in the file
        if self._last_dts is not None:
            distance = dts - self._last_dts
            if self._units and self._breaks(unit, distance):
                done.append(self._emit())
            if distance <= 0:
                dts, distance = self._last_dts + 1, 1  # decode times rise (ISO/IEC 14496-12 §8.6.1.2); pts stays true
            self._guess = self._expect(unit, distance)
            self._distance = distance
        elif unit.duration_ticks > 0:
            self._guess = unit.duration_ticks
        self._last_dts = dts
        self._units.append(unit)
        self._dts.append(dts)
        # To the nearest number of units: time stamps of cameras jitter by a few ticks
        if dts - self._dts[0] + self._guess + (self._guess >> 1) >= self._target_ticks:
            done.append(self._emit())
        return done

    def _expect(self, unit: AccessUnit, distance: int) -> int:
        duration = unit.duration_ticks
        if not self._is_video:
            return duration if duration > 0 else self._guess
        # The smaller of the last two distances: one late picture must not make the guess for the next one long
        steady = min(distance, self._distance) if self._distance else distance
        return min(duration, steady) if duration > 0 else steady

    def _breaks(self, unit: AccessUnit, distance: int) -> bool:
        """Whether ``unit`` cannot stand in one fragment with what is held."""
        if self._is_video:
            return unit.keyframe or distance > self._max_hole_ticks
        return abs(distance - self._guess) * 2 > self._guess

    def flush(self) -> list[Fragment]:
        done = [self._emit()] if self._units else []
        self._last_dts = self._decoded = None
        return done

    def idle(self, mono_us: int) -> list[Fragment]:
        if self._units and self._units[0].arrival.mono_us <= mono_us:
            return [self._emit()]
        return []

    def _bridge(self, start: int) -> int:
        """The decode time of a fragment that begins with a delta picture.

        A hole in decode time makes MSE drop every picture up to the next keyframe (Media Source Extensions
        §3.5.8 step 6), though none is missing when the rate of pictures varies. So decoding goes on without the hole
        and the composition offset grows by it: presentation tells the truth.
        """
        decoded = self._decoded
        if decoded is not None and decoded < start <= decoded + _MAX_BRIDGE_S * self.info.timescale:
            return decoded
        return start

    def _emit(self) -> Fragment:
        units, dts, guess = self._units, self._dts, self._guess
        self._units, self._dts = [], []
        is_video = self._is_video
        keyframe = not is_video or units[0].keyframe
        if not keyframe:
            dts[0] = self._bridge(dts[0])
        offsets = None
        if is_video:
            offsets = [unit.pts_ticks - at for unit, at in zip(units, dts, strict=True)]
            if not any(offsets):
                offsets = None
        durations = [after - before for before, after in pairwise(dts)]
        durations.append(guess)
        self._decoded = dts[-1] + guess
        tfdt = dts[0] + self._axis_ticks
        earliest, latest = min(units, key=_CAPTURE_US), max(units, key=_CAPTURE_US)
        return Fragment(
            track_id=self.info.id,
            kind=self.info.kind,
            data=fragment(
                next(self._sequence),
                self.info.id,
                tfdt,
                durations,
                offsets,
                [unit.data for unit in units],
                sync_first=keyframe,
                sync_rest=not is_video,
            ),
            keyframe=keyframe,
            tfdt_ticks=tfdt,
            duration_ticks=self._decoded - dts[0],
            timescale=self.info.timescale,
            frames=len(units),
            keyframes=1 if is_video and keyframe else 0,
            damaged=sum([unit.damaged for unit in units]),
            first_us=earliest.capture_us,
            end_us=latest.capture_us + guess * US_PER_S // self.info.timescale,
            device_us=earliest.device_us,
            first_seq=units[0].first_seq,
            last_seq=units[-1].last_seq,
            lost=sum([unit.lost for unit in units]),
        )


class FlacTrack:
    """Packets of G.711 or PCM that become FLAC frames. Frames and packets do not share their edges.

    A packet counts (sequence number, loss, damage) in the fragment that its first code word lies in.
    """

    def __init__(self, info: TrackInfo, sequence: count[int], fragment_ms: int) -> None:
        self.info = info
        self._sequence = sequence
        self._encoder = FlacEncoder(info)
        self._step = self._encoder.step_bytes
        self._block = self._encoder.block_bytes
        self.aim(fragment_ms)
        self._words = bytearray()
        """Received and not yet encoded."""
        self._packets: deque[tuple[int, AccessUnit]] = deque()
        """Packets of which words are not yet in a fragment, each with the position of its first byte."""
        self._frames: list[bytes] = []
        self._durations: list[int] = []
        self._encoded = bytearray()
        """The words of ``_frames``."""
        self._position = 0
        """Bytes of this stretch that went out in fragments."""
        self._start_ticks = 0
        """Where the stretch begins on the run's axis; a stretch has no loss and no leap inside."""
        self._received = 0

    def aim(self, fragment_ms: int) -> None:
        self._target_ticks = self.info.timescale * fragment_ms // 1000

    def push(self, unit: AccessUnit) -> list[Fragment]:
        done = self.flush() if self._received and self._breaks(unit) else []
        if not unit.data:
            return done
        if not self._received:
            self._start_ticks = unit.dts_ticks
        self._packets.append((self._received, unit))
        self._received += len(unit.data)
        self._words += unit.data
        while len(self._words) >= self._block:
            words = bytes(self._words[: self._block])
            del self._words[: self._block]
            self._keep(words, self._encoder.encode(words))
            if (len(self._encoded) + self._block // 2) // self._step >= self._target_ticks:
                done.append(self._emit())
        return done

    def _breaks(self, unit: AccessUnit) -> bool:
        expected = self._start_ticks + self._received // self._step
        return unit.lost > 0 or unit.damaged or abs(unit.dts_ticks - expected) > _STRETCH_SLACK_TICKS

    def flush(self) -> list[Fragment]:
        """Ends the stretch: what is left over becomes a shorter frame, the next one a new encoder's."""
        whole = len(self._words) // self._step * self._step
        if whole:
            words = bytes(self._words[:whole])
            self._keep(words, self._encoder.finish(words))
        done = [self._emit()] if self._frames else []
        self._encoder.restart()
        self._words.clear()
        self._packets.clear()
        self._position = self._received = 0
        return done

    def idle(self, mono_us: int) -> list[Fragment]:
        return self.flush() if self._packets and self._packets[0][1].arrival.mono_us <= mono_us else []

    def _keep(self, words: bytes, frame: bytes) -> None:
        self._encoded += words
        self._frames.append(frame)
        self._durations.append(len(words) // self._step)

    def _emit(self) -> Fragment:
        source = bytes(self._encoded)
        begin, end = self._position, self._position + len(source)
        packets = [(at, unit) for at, unit in self._packets if at < end]
        began = [unit for at, unit in packets if at >= begin]
        (first_at, first), (last_at, last) = packets[0], packets[-1]
        start = self._start_ticks + begin // self._step
        tfdt = max(0, start + self.info.timescale * AXIS_OFFSET_S)
        emitted = Fragment(
            track_id=self.info.id,
            kind=self.info.kind,
            data=fragment(
                next(self._sequence),
                self.info.id,
                tfdt,
                self._durations,
                None,
                self._frames,
                sync_first=True,
                sync_rest=True,
            ),
            keyframe=True,
            tfdt_ticks=tfdt,
            duration_ticks=len(source) // self._step,
            timescale=self.info.timescale,
            frames=len(self._frames),
            keyframes=0,
            damaged=sum([unit.damaged for unit in began]),
            first_us=first.capture_us + self._us(begin - first_at),
            end_us=last.capture_us + self._us(end - last_at),
            device_us=None if first.device_us is None else first.device_us + self._us(begin - first_at),
            first_seq=first.first_seq,
            last_seq=last.last_seq,
            lost=sum([unit.lost for unit in began]),
            source_sha256=hashlib.sha256(source).hexdigest(),
            source=source,
        )
        self._drop_until(end)
        self._frames, self._durations = [], []
        self._encoded.clear()
        return emitted

    def _drop_until(self, end: int) -> None:
        self._position = end
        while self._packets and self._packets[0][0] + len(self._packets[0][1].data) <= end:
            self._packets.popleft()

    def _us(self, size: int) -> int:
        return size // self._step * US_PER_S // self.info.timescale
