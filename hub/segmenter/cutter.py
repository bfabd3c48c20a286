"""Where chunks and reels end. Pure: fragments in, verdicts out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import Enum

from hub.model import Fragment, InitSegment, MediaKind, TrackRange
from hub.settings import Settings

_OVERDUE_REEL = 1.5
"""A reel whose keyframe does not come ends without one after this many times its length."""


class Verdict(Enum):
    """What ends before a fragment."""

    NOTHING = ""
    KEYFRAME = "keyframe"
    LIMIT = "limit"


class Cutter:
    """Follows one reel's fragments. A chunk runs from a keyframe of the first video track to its next one at
    least ``chunk_min_s`` later (without video: that long); it ends after ``chunk_max_s`` or
    ``chunk_max_mb`` in any case, and what began without a keyframe ends at the first one. So a chunk
    that holds a keyframe begins with one. Measured in media time.
    """

    def __init__(self, settings: Settings) -> None:
        self._min_s = settings.chunk_min_s
        self._max_s = settings.chunk_max_s
        self._max_bytes = int(settings.chunk_max_mb * (1 << 20))
        self._reel_s = settings.reel_minutes * 60
        self._main = 0
        self._has_video = False
        self._size = 0
        self._keyed = False
        self._firsts: dict[int, int] = {}
        """``tfdt`` of each track's first fragment in the chunk."""
        self._reel_firsts: dict[int, int] = {}

    def begin(self, init: InitSegment) -> None:
        """A new reel with these tracks."""
        video = [track.id for track in init.tracks if track.kind is MediaKind.VIDEO]
        self._has_video = bool(video)
        self._main = video[0] if video else init.tracks[0].id
        self._reel_firsts = {}
        self._begin_chunk()

    def judge(self, fragment: Fragment) -> tuple[Verdict, bool]:
        """Takes the next fragment; says what ends before it, and whether the reel ends there too."""
        verdict = self._verdict(fragment)
        rolls = verdict is not Verdict.NOTHING and self._reel_is_due(fragment, verdict)
        if verdict is not Verdict.NOTHING:
            self._begin_chunk()
        if rolls:
            self._reel_firsts = {}
        self._size += len(fragment.data)
        self._firsts.setdefault(fragment.track_id, fragment.tfdt_ticks)
        self._reel_firsts.setdefault(fragment.track_id, fragment.tfdt_ticks)
        if fragment.keyframe and fragment.track_id == self._main:
            self._keyed = True
        return verdict, rolls

    def _begin_chunk(self) -> None:
        self._size = 0
        self._keyed = False
        self._firsts = {}

    def _verdict(self, fragment: Fragment) -> Verdict:
        if not self._size:
            return Verdict.NOTHING
        elapsed_s = _elapsed_s(self._firsts, fragment)
        at_key = fragment.track_id == self._main and fragment.keyframe
        if at_key and (elapsed_s >= self._min_s or (self._has_video and not self._keyed)):
            return Verdict.KEYFRAME
        if elapsed_s >= self._max_s or self._size + len(fragment.data) > self._max_bytes:
            return Verdict.LIMIT
        return Verdict.NOTHING

    def _reel_is_due(self, fragment: Fragment, verdict: Verdict) -> bool:
        due_s = self._reel_s if verdict is Verdict.KEYFRAME else self._reel_s * _OVERDUE_REEL
        return _elapsed_s(self._reel_firsts, fragment) >= due_s


def _elapsed_s(firsts: dict[int, int], fragment: Fragment) -> float:
    first = firsts.get(fragment.track_id)
    return 0.0 if first is None else (fragment.tfdt_ticks - first) / fragment.timescale


class _TrackTally:
    __slots__ = ("damaged", "end_ticks", "first", "frames", "keyframes", "last_seq", "lost", "source")

    def __init__(self, first: Fragment) -> None:
        self.first = first
        self.end_ticks = 0
        self.frames = self.keyframes = self.damaged = self.lost = 0
        self.last_seq = first.last_seq
        self.source = hashlib.sha256() if first.source else None

    def add(self, fragment: Fragment) -> None:
        self.end_ticks = max(self.end_ticks, fragment.tfdt_ticks + fragment.duration_ticks)
        self.frames += fragment.frames
        self.keyframes += fragment.keyframes
        self.damaged += fragment.damaged
        self.lost += fragment.lost
        self.last_seq = max(self.last_seq, fragment.last_seq)
        if self.source is not None:
            self.source.update(fragment.source)

    def range(self) -> TrackRange:
        first = self.first
        return TrackRange(
            track_id=first.track_id,
            kind=first.kind,
            timescale=first.timescale,
            first_ticks=first.tfdt_ticks,
            end_ticks=self.end_ticks,
            frames=self.frames,
            keyframes=self.keyframes,
            damaged=self.damaged,
            first_seq=first.first_seq,
            last_seq=self.last_seq,
            lost=self.lost,
            source_sha256=self.source.hexdigest() if self.source is not None else "",
        )


class Tally:
    """What a chunk holds, added up from the fragments that reached the disk."""

    __slots__ = ("_tracks", "device_us", "digest", "end_us", "first_us", "size")

    def __init__(self) -> None:
        self._tracks: dict[int, _TrackTally] = {}
        self.digest = hashlib.sha256()
        self.size = 0
        self.first_us = self.end_us = 0
        self.device_us: int | None = None

    def add(self, fragments: Sequence[Fragment]) -> None:
        for fragment in fragments:
            self.digest.update(fragment.data)
            tally = self._tracks.get(fragment.track_id)
            if tally is None:
                tally = self._tracks[fragment.track_id] = _TrackTally(fragment)
            tally.add(fragment)
            if not self.size or fragment.first_us < self.first_us:
                self.first_us, self.device_us = fragment.first_us, fragment.device_us
            self.end_us = max(self.end_us, fragment.end_us) if self.size else fragment.end_us
            self.size += len(fragment.data)

    def ranges(self) -> tuple[TrackRange, ...]:
        return tuple(self._tracks[track_id].range() for track_id in sorted(self._tracks))
