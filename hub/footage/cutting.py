"""Which units of a file fill a hole, and the access units that they become. Pure.

Pictures begin at the keyframe at or before the hole. Those before the hole are needed to decode what follows and came
live already: they are recorded bit for bit, in one tick each directly before the edge, so that a player shows them for
no time and nothing is seen twice. The last is the last that begins before the hole ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.bitstream.audio import opus_duration_ticks, parse_aac_config
from hub.clock import US_PER_S, Instant
from hub.errors import MediaError
from hub.footage import wire
from hub.footage.wire import BAD, HAS_DTS, KEY, FileHeader, FileTrack, Mark
from hub.model import AccessUnit, Codec, MediaKind, ParameterSets


@dataclass(frozen=True, slots=True)
class Cut:
    """The units ``first … last`` of a track that go into a hole; ``lead`` of them only help to decode."""

    first: int
    last: int
    lead: int = 0


@dataclass(frozen=True, slots=True)
class TrackIndex:
    """A track's marks in the order of the file, with decode times for all of them, and presentation times in µs."""

    track: FileTrack
    marks: Sequence[Mark]
    dts: Sequence[int]
    pts_us: Sequence[int]


def index_tracks(header: FileHeader, marks: Sequence[Mark]) -> dict[int, TrackIndex]:
    """By track id. Matroska has no decode times: they are made from the order of presentation."""
    found = {}
    for track in header.tracks:
        own = [mark for mark in marks if mark.track == track.id]
        pts_us = [mark.pts * US_PER_S // track.timescale for mark in own]
        dts = [mark.dts for mark in own]
        if any(not mark.flags & HAS_DTS for mark in own):
            ordered = sorted(mark.pts for mark in own)
            shift = max((at - mark.pts for at, mark in zip(ordered, own, strict=True)), default=0)
            dts = [at - shift for at in ordered]
        found[track.id] = TrackIndex(track, own, dts, pts_us)
    return found


def cut(index: TrackIndex, from_us: int, to_us: int) -> Cut | None:
    """The units for the hole ``from_us … to_us`` (the file's own time); None where the file has none."""
    inside = [number for number, at in enumerate(index.pts_us) if from_us <= at < to_us and _usable(index, number)]
    if not inside:
        return None
    first, last = inside[0], inside[-1]
    if index.track.codec.kind is MediaKind.AUDIO:
        return Cut(first, last)
    keys = [number for number in range(first, -1, -1) if _is_key(index, number)]
    if keys:
        begin = keys[0]
    else:
        later = next((number for number in inside if _is_key(index, number)), None)
        if later is None:
            return None
        begin = later
    lead = 0
    while begin + lead <= last and index.pts_us[begin + lead] < from_us:
        lead += 1
    return Cut(begin, last, lead)


def _usable(index: TrackIndex, number: int) -> bool:
    return not index.marks[number].flags & BAD


def _is_key(index: TrackIndex, number: int) -> bool:
    return bool(index.marks[number].flags & KEY) and _usable(index, number)


@dataclass(slots=True)
class Maker:
    """Makes the access units of one track. ``zero_us``: the moment of the file at which the run's axis is 0;
    ``offset_us``: hub − file; ``device_offset_us``: device − file, None where no device time is known."""

    index: TrackIndex
    cut: Cut
    zero_us: int
    offset_us: int
    device_offset_us: int | None
    sets: ParameterSets | None = None
    _number: int = field(init=False)
    _leads: dict[int, int] = field(init=False)
    _edge: int = field(init=False)
    _expected: int | None = None

    def __post_init__(self) -> None:
        cut, index = self.cut, self.index
        self._number = cut.first
        self.sets = self.sets or index.track.sets
        leads = sorted(range(cut.first, cut.first + cut.lead), key=lambda number: index.marks[number].pts)
        self._leads = {number: rank for rank, number in enumerate(leads)}
        after = min(cut.first + cut.lead, cut.last)
        self._edge = min(self._ticks(index.marks[after].pts), self._ticks(index.dts[after]))

    def _ticks(self, value: int) -> int:
        return value - self.zero_us * self.index.track.timescale // US_PER_S

    def unit(self, mark: Mark, data: bytes, now: Instant) -> AccessUnit | None:
        """The next one; None for one that cannot be used."""
        number, self._number = self._number, self._number + 1
        track = self.index.track
        if mark.flags & BAD or not data:
            return None
        pts, dts = self._ticks(mark.pts), self._ticks(self.index.dts[number])
        keyframe = track.codec.kind is MediaKind.AUDIO or bool(mark.flags & KEY)
        sets = None
        if track.codec.kind is MediaKind.VIDEO:
            keyframe, sets = self._look(data, keyframe)
            count = self.cut.lead
            if number in self._leads:
                pts = self._edge - count + self._leads[number]
                dts = self._edge - 2 * count + number - self.cut.first
        else:
            pts = dts = self._steady(pts, data)
        at_us = self.zero_us + pts * US_PER_S // track.timescale
        return AccessUnit(
            track_id=track.id,
            data=data,
            dts_ticks=dts,
            pts_ticks=pts,
            duration_ticks=1 if number in self._leads else self._duration(mark, data),
            keyframe=keyframe,
            damaged=False,
            capture_us=at_us + self.offset_us,
            device_us=None if self.device_offset_us is None else at_us + self.device_offset_us,
            arrival=now,
            first_seq=number,
            last_seq=number,
            parameter_sets=sets,
        )

    def _look(self, data: bytes, keyframe: bool) -> tuple[bool, ParameterSets | None]:
        if not keyframe:
            return False, None
        codec = self.index.track.codec
        try:
            own = wire.decoded_with(codec, data)
        except MediaError:
            return False, None
        if own is not None and own != self.sets:
            self.sets = own
        return True, self.sets

    def _steady(self, pts: int, data: bytes) -> int:
        """Matroska rounds times to milliseconds: sound that goes on, goes on exactly."""
        expected, duration = self._expected, self._length(data)
        if expected is not None and duration and abs(pts - expected) * 2 < duration:
            pts = expected
        self._expected = pts + duration if duration else None
        return pts

    def _duration(self, mark: Mark, data: bytes) -> int:
        return self._length(data) or mark.duration

    def _length(self, data: bytes) -> int:
        track = self.index.track
        if track.codec is Codec.AAC:
            config = parse_aac_config(track.config)
            return config.frame_samples * max(1, track.timescale // config.sample_rate)
        if track.codec is Codec.OPUS:
            try:
                return opus_duration_ticks(data)
            except MediaError:
                return 0
        if track.codec in (Codec.PCMA, Codec.PCMU, Codec.PCM):
            return len(data) // max(1, track.channels) // (2 if track.codec is Codec.PCM else 1)
        return 0
