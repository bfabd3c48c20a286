"""HLS (RFC 8216bis) over chunks: what plays a stretch of time across reels, runs and interruptions. Pure.

* A segment is one chunk, or for long ranges several of one reel, joined to about ``join_s``; with pictures it begins
  with a keyframe wherever the recording has one.
* Reels of one run go on in ``tfdt``: DISCONTINUITY stands only before another run or other parameter sets.
* An interruption is a row of EXT-X-GAP segments as long as it was, so that the axis of the player is time.
* Pictures that no browser plays from such a file (VP8) are a gap too: the reel holds them, an export hands them out.
* What two nodes recorded is shown once (:mod:`hub.segmenter.once`): where only the beginning of a chunk is, the
  segment's address says up to where.
* All segments share one set of tracks. Where the sound has holes, the segment's address carries from where to where
  it must be filled (:func:`hub.segmenter.silence.segment_bytes`); all others are byte ranges of reels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from hub.clock import US_PER_S, rfc3339
from hub.errors import InvalidRequest, MediaError
from hub.model import Chunk, MediaKind, TrackRange
from hub.segmenter.once import TWO_CLOCKS_US, Shown, begins_us, main_track, of_kind, shown_once, taking
from hub.segmenter.scan import TrackHeader, read_init
from hub.segmenter.silence import SoundTrack, sound_track, with_sound

MAX_RANGE_US = 24 * 3600 * US_PER_S
"""The longest range of one playlist: a day is 43,200 chunks, joined to 8,640 segments."""
JOINED_S = 10.0
_JOIN_FROM_US = 600 * US_PER_S
_MAX_JOINED_S = 60.0
"""A segment waits no longer than this for a keyframe."""
_TARGET_S = 10
_HOLE_S = 0.5
"""A pause between chunks longer than this is shown as a gap."""
_SOUND_HOLE_S = 0.03
"""A hole in the sound longer than this, about a frame, is filled."""
_STRADDLE_S = 0.25
"""Sound of one moment may lie this far into the next chunk: a fragment's length."""
_CLOCK_DRIFT_US = 20_000
_NOT_PLAYED = frozenset(("vp08",))
"""Sample entries that Media Source Extensions know in WebM alone: one such segment would end the playback of all."""
_OPUS_FRAMES = frozenset({120, 240, 480, 960, 1920, 2880})

Fill = tuple[int, int]
"""From where to where there must be sound, in ``tfdt`` ticks of the sound track."""


class Addresses(Protocol):
    """How the parts of a playlist are asked for; the answers may be relative to the playlist."""

    def reel(self, chunk: Chunk) -> str:
        """The reel's bytes, for byte ranges."""
        ...

    def init(self, chunk: Chunk, sound_from: Chunk | None) -> str:
        """The reel's init segment; with ``sound_from``, that reel's sound track added (``with_sound``)."""
        ...

    def filled(
        self, chunk: Chunk, offset: int, size: int, fill: Fill | None, until_us: int | None, sound_from: Chunk | None
    ) -> str:
        """A stretch of the reel with silence in the holes of its sound (``segment_bytes``), or up to a time of the
        run's axis alone (``trimmed``), or both."""
        ...


def join_for(from_us: int, to_us: int) -> float:
    """How long segments are to be, by the range that was asked for: chunks as they are up to ten minutes.

    Raises InvalidRequest for a range that is empty or longer than a day.
    """
    if not 0 < to_us - from_us <= MAX_RANGE_US:
        raise InvalidRequest(
            f"expected a range of at most 24 hours, found {(to_us - from_us) / 3.6e9:.1f} hours; ask day by day"
        )
    return JOINED_S if to_us - from_us > _JOIN_FROM_US else 0.0


def playlist(
    chunks: Iterable[Chunk],
    inits: Callable[[Chunk], bytes],
    addresses: Addresses,
    *,
    join_s: float,
    complete: bool,
) -> str:
    """The whole text for chunks of one stream in their order. ``inits`` gives the bytes of a chunk's init segment
    and is asked once or twice for each distinct one. Not ``complete``: the range reaches into now and will grow.

    Raises MediaError when an init segment cannot be read.
    """
    listed = list(chunks)
    writer = Playlist(inits, addresses, join_s=join_s, sound_from=first_with_sound(listed, inits))
    writer.add(listed)
    return writer.text(complete=complete)


def first_with_sound(chunks: Sequence[Chunk], inits: Callable[[Chunk], bytes]) -> Chunk | None:
    """The first chunk whose init segment has a sound track."""
    seen: set[str] = set()
    for chunk in chunks:
        if chunk.init_sha256 not in seen:
            seen.add(chunk.init_sha256)
            if any(header.kind is MediaKind.AUDIO for header in read_init(inits(chunk))):
                return chunk
    return None


@dataclass(frozen=True, slots=True)
class _Served:
    """An init segment as the playlist serves it."""

    sound: SoundTrack | None
    sound_from: Chunk | None
    """Where the sound track was taken from, if the reel has none of its own."""
    played: bool = True


@dataclass(slots=True)
class _Segment:
    """Chunks in a row in one reel; times in seconds of ``tfdt``."""

    chunks: list[Chunk]
    start_s: float
    end_s: float
    served: _Served
    discontinuity: bool
    hole_s: float
    """Of the recording, before it."""
    sound_due_s: float
    """From where it has to bring the sound."""
    until_us: int | None = None
    """On the run's axis: what comes later of its last chunk is shown by another run."""

    @property
    def size(self) -> int:
        return self.chunks[-1].offset + self.chunks[-1].size - self.chunks[0].offset


@dataclass(slots=True)
class _State:
    lines: list[str] = field(default_factory=list)
    longest_s: float = 1.0
    init: str = ""
    clock_us: float | None = None
    """Hub UTC that a player has counted up to."""


class Playlist:
    """Grows chunk by chunk, so that asking again at the live edge costs only what is new."""

    def __init__(
        self,
        inits: Callable[[Chunk], bytes],
        addresses: Addresses,
        *,
        join_s: float,
        sound_from: Chunk | None,
    ) -> None:
        self._inits = inits
        self._addresses = addresses
        self._join_s = join_s
        self._sound_from = sound_from
        self._served: dict[str, _Served] = {}
        self._segment: _Segment | None = None
        """The last one, which the next chunk may still join or change."""
        self._state = _State()

    def add(self, chunks: Iterable[Chunk]) -> None:
        """The next chunks, in order."""
        for shown in shown_once(chunks):
            self._add(shown)

    def text(self, *, complete: bool) -> str:
        """The playlist as it stands. Not ``complete``: without a joined segment that may still grow."""
        state = _State(list(self._state.lines), self._state.longest_s, self._state.init, self._state.clock_us)
        last = self._segment
        if last is not None and (complete or not self._join_s):
            _write(state, last, None, self._addresses, live_edge=not complete)
        target = math.ceil(state.longest_s) if complete else max(_TARGET_S, math.ceil(state.longest_s))
        head = [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            f"#EXT-X-TARGETDURATION:{target}",
            "#EXT-X-MEDIA-SEQUENCE:0",
            f"#EXT-X-PLAYLIST-TYPE:{'VOD' if complete else 'EVENT'}",
        ]
        tail = ["#EXT-X-ENDLIST"] if complete else []
        return "\n".join([*head, *state.lines, *tail]) + "\n"

    def _add(self, shown: Shown) -> None:
        chunk, until_us = shown.chunk, shown.until_us
        served = self._describe(chunk)
        if not served.played:
            return
        start_s, end_s = _span(chunk)
        last = self._segment
        if last is None:
            self._segment = _Segment([chunk], start_s, end_s, served, False, 0.0, start_s, until_us)
            return
        before = last.chunks[-1]
        if _is_shown(chunk, before):
            return
        same_run = chunk.run == before.run
        same_axis = same_run and chunk.init_sha256 == before.init_sha256
        pause_s = start_s - last.end_s if same_run else (begins_us(chunk) - before.end_us) / US_PER_S
        hole_s = pause_s if pause_s > _HOLE_S else 0.0
        adjoins = chunk.reel == before.reel and chunk.offset == before.offset + before.size
        if same_axis and adjoins and not hole_s and self._wants(last, chunk):
            last.chunks.append(chunk)
            last.end_s, last.until_us = max(end_s, last.end_s), until_us
            return
        follows = same_axis and not hole_s
        upcoming = _Segment([chunk], start_s, end_s, served, not same_axis, hole_s, start_s, until_us)
        sounded_s = _write(self._state, last, upcoming if follows else None, self._addresses, live_edge=False)
        if follows:
            upcoming.sound_due_s = sounded_s
        self._segment = upcoming

    def _wants(self, segment: _Segment, chunk: Chunk) -> bool:
        length_s = segment.end_s - segment.start_s
        if length_s >= _MAX_JOINED_S or segment.until_us is not None:
            return False
        video = of_kind(chunk, MediaKind.VIDEO)
        return length_s < self._join_s or (video is not None and not video.keyframes)

    def _describe(self, chunk: Chunk) -> _Served:
        served = self._served.get(chunk.init_sha256)
        if served is None:
            init = self._inits(chunk)
            headers = read_init(init)
            played = not any(header.codec in _NOT_PLAYED for header in headers)
            sounding = [header for header in headers if header.kind is MediaKind.AUDIO]
            donor = None if sounding else self._sound_from
            if donor is not None:
                extended = with_sound(init, self._inits(donor))
                sounding = [header for header in read_init(extended) if header.kind is MediaKind.AUDIO]
            served = self._served[chunk.init_sha256] = _Served(_silent(sounding), donor, played)
        return served


def _silent(headers: Sequence[TrackHeader]) -> SoundTrack | None:
    """The sound track to be kept whole; none where its silence cannot be written."""
    try:
        return sound_track(headers[0]) if headers else None
    except MediaError:
        return None


def _write(
    state: _State, segment: _Segment, upcoming: _Segment | None, addresses: Addresses, *, live_edge: bool
) -> float:
    """Adds a segment and what stands before it. ``upcoming`` follows it without a hole; None: nothing does,
    or not yet (``live_edge``). Returns up to where the segment brings the sound, in seconds of ``tfdt``."""
    first = segment.chunks[0]
    if segment.hole_s:
        _write_gap(state, segment.hole_s)
    if segment.discontinuity:
        state.lines.append("#EXT-X-DISCONTINUITY")
    if segment.discontinuity or state.init != first.init_sha256:
        state.init = first.init_sha256
        state.lines.append(f'#EXT-X-MAP:URI="{addresses.init(first, segment.served.sound_from)}"')
    at_us = begins_us(first)
    if state.clock_us is None or segment.discontinuity or abs(at_us - state.clock_us) > _CLOCK_DRIFT_US:
        state.lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(at_us)}")
        state.clock_us = at_us
    end_s = upcoming.start_s if upcoming else segment.end_s
    length_s = max(end_s - segment.start_s, 0.001)
    state.lines.append(f"#EXTINF:{length_s:.6f},")
    state.clock_us += length_s * US_PER_S
    state.longest_s = max(state.longest_s, length_s)
    fill, sounded_s = _fill(segment, upcoming, live_edge)
    if fill is None and segment.until_us is None:
        state.lines.append(f"#EXT-X-BYTERANGE:{segment.size}@{first.offset}")
        state.lines.append(addresses.reel(first))
    else:
        donor = segment.served.sound_from
        state.lines.append(addresses.filled(first, first.offset, segment.size, fill, segment.until_us, donor))
    return sounded_s


def _write_gap(state: _State, hole_s: float) -> None:
    """An interruption as segments that nobody loads (§4.4.4.7), none longer than the others."""
    count = math.ceil(hole_s / _TARGET_S)
    for _ in range(count):
        state.lines += ["#EXT-X-GAP", f"#EXTINF:{hole_s / count:.6f},", "gap.mp4"]
    state.longest_s = max(state.longest_s, hole_s / count)
    if state.clock_us is not None:
        state.clock_us += hole_s * US_PER_S


def _fill(segment: _Segment, upcoming: _Segment | None, live_edge: bool) -> tuple[Fill | None, float]:
    """Where silence is needed, if anywhere, and up to where there will be sound then."""
    sound = segment.served.sound
    if sound is None:
        return None, segment.end_s
    due_from_s, due_to_s = segment.sound_due_s, upcoming.start_s if upcoming else segment.end_s
    own = [each for chunk in segment.chunks for each in chunk.tracks if each.track_id == sound.id]
    coming = next((each for each in upcoming.chunks[0].tracks if each.track_id == sound.id), None) if upcoming else None
    if coming is not None:
        coming_s = coming.first_ticks / coming.timescale
        if abs(coming_s - due_to_s) <= _STRADDLE_S:
            due_to_s = coming_s
    if own:
        end_s = own[-1].end_ticks / sound.timescale
        if live_edge and due_to_s - end_s < _HOLE_S:
            due_to_s = end_s  # the rest of this sound is on its way
        late_s = own[0].first_ticks / sound.timescale - due_from_s
        whole = segment.until_us is None and all(_solid(each, sound) for each in own) and not _pauses(own)
        if whole and late_s <= _SOUND_HOLE_S and due_to_s - end_s <= _SOUND_HOLE_S:
            return None, end_s
        sounded_s = max(end_s, due_to_s)
    else:
        sounded_s = max(due_from_s, due_to_s)
    return (round(due_from_s * sound.timescale), round(due_to_s * sound.timescale)), sounded_s


def _solid(sound: TrackRange, track: SoundTrack) -> bool:
    """Whether a chunk's sound has no hole inside, as far as its numbers prove it."""
    span = sound.end_ticks - sound.first_ticks
    if track.codec == "mp4a":
        return abs(span - sound.frames * track.frame_ticks) * 2 < track.frame_ticks
    if track.codec == "Opus":
        return span % sound.frames == 0 and span // sound.frames in _OPUS_FRAMES
    return span <= sound.frames * track.frame_ticks


def _pauses(ranges: Sequence[TrackRange]) -> bool:
    """Whether sound is missing between joined chunks."""
    return any(
        after.first_ticks - before.end_ticks > _SOUND_HOLE_S * before.timescale for before, after in pairwise(ranges)
    )


def _is_shown(chunk: Chunk, before: Chunk) -> bool:
    """Whether this chunk's time stands before it already, of another run. It has sound alone: after a break that often
    comes first, and footage that was brought later has that time whole. Or another node recorded it, and told of it
    when a playlist had already said the other: what it said stays."""
    if chunk.run == before.run or of_kind(before, MediaKind.VIDEO) is None:
        return False
    if of_kind(chunk, MediaKind.VIDEO) is None:
        return chunk.end_us <= before.end_us + _CLOCK_DRIFT_US
    return taking(chunk.run) != taking(before.run) and chunk.end_us <= before.end_us + TWO_CLOCKS_US


def _span(chunk: Chunk) -> tuple[float, float]:
    main = main_track(chunk)
    return main.first_ticks / main.timescale, main.end_ticks / main.timescale
