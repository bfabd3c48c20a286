"""Each moment once, where two nodes recorded it. Pure.

A node that stood still past its lease wakes up with footage in its kernel's buffers, which comes in as ``recovery``
while another node has the stream; and where a camera gives each client other bytes, a taker begins before the cut. Both
stay in the ledger. Players and copies for people are shown

* the chain of the newest taking (of the node that owns the stream since): what was shown before the other woke up stays
  as it was, and what it recorded was watched as it came;
* of older takings, and of what was brought later, only what fills its holes.

A decoder begins with a keyframe, so what is trimmed is always the end of what comes before: an older chunk ends where
the newer one begins; and where a newer one breaks off within an older chunk, that is shown from its keyframe on.
Runs of one taking are never compared: one node records one at a time, and where they seem to overlap its calendar was
set back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from hub.clock import US_PER_S
from hub.model import OFFICE_RUNS, RUN_BITS, Chunk, MediaKind, TrackRange

TWO_CLOCKS_US = 200_000
"""What two connections make of the time of one picture differs by less: a shorter overlap is none, and is left."""
_LEAST_US = 100_000
"""What is left of a chunk is not shown if it is shorter: a picture or two."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A chunk, or its beginning: then times and tracks of ``chunk`` end there (its bytes do not), and ``until_us`` is
    where, in µs of its run's axis (``tfdt``)."""

    chunk: Chunk
    until_us: int | None = None


def taking(run: int) -> int:
    """Which taking of its chain a run is of; 0: of a hub that is alone, or nobody's (brought later)."""
    return 0 if is_brought(run) else run >> RUN_BITS


def is_brought(run: int) -> bool:
    """Whether an office brought it in, into a chain that others own."""
    return run >> RUN_BITS > 0 and bool(run & OFFICE_RUNS)


def shown_once(chunks: Iterable[Chunk]) -> list[Shown]:
    """Chunks of one stream, by ``first_us``, without what is there twice; in the order of time."""
    found: list[Shown] = []
    for island in _islands(chunks):
        if len({_rank(one)[1:] for one in island}) == 1:
            found += [Shown(one) for one in island]
        else:
            found += [one.shown() for one in _settled(island)]
    return found


def main_track(chunk: Chunk) -> TrackRange:
    """What tells the chunk's time: the picture if there is one."""
    return of_kind(chunk, MediaKind.VIDEO) or chunk.tracks[0]


def of_kind(chunk: Chunk, kind: MediaKind) -> TrackRange | None:
    return next((each for each in chunk.tracks if each.kind is kind), None)


def begins_us(chunk: Chunk) -> int:
    """Hub UTC at which the chunk's main track begins; ``first_us`` is that of its earliest track."""
    main = main_track(chunk)
    earliest_s = min(each.first_ticks / each.timescale for each in chunk.tracks)
    return chunk.first_us + round((main.first_ticks / main.timescale - earliest_s) * US_PER_S)


def clipped(chunk: Chunk, to_us: int) -> Shown:
    """Its beginning, up to that hub UTC."""
    main = main_track(chunk)
    until_us = round(main.first_ticks * US_PER_S / main.timescale) + to_us - begins_us(chunk)
    ends = [(each, min(each.end_ticks, until_us * each.timescale // US_PER_S)) for each in chunk.tracks]
    tracks = tuple(replace(each, end_ticks=end) for each, end in ends if end > each.first_ticks)
    return Shown(replace(chunk, end_us=to_us, tracks=tracks), until_us)


def _islands(chunks: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """Chunks that hang together by overlaps; nearly always one."""
    island: list[Chunk] = []
    end_us = 0
    for chunk in chunks:
        if island and chunk.first_us >= end_us - TWO_CLOCKS_US:
            yield island
            island, end_us = [], 0
        island.append(chunk)
        end_us = max(end_us, chunk.end_us)
    if island:
        yield island


def _rank(chunk: Chunk) -> tuple[bool, bool, int]:
    """What is shown before what: pictures, then what came live, then who owned the stream last."""
    return of_kind(chunk, MediaKind.VIDEO) is not None, not is_brought(chunk.run), taking(chunk.run)


@dataclass(slots=True)
class _Piece:
    """Chunks that only decode in a row: all but the first have pictures, and no keyframe."""

    chunks: list[Chunk]
    begin_us: int
    end_us: int

    @property
    def has_pictures(self) -> bool:
        return of_kind(self.chunks[0], MediaKind.VIDEO) is not None


def _settled(island: Sequence[Chunk]) -> list[_Single]:
    layers: dict[tuple[bool, bool, int], list[Chunk]] = {}
    for chunk in island:
        layers.setdefault(_rank(chunk), []).append(chunk)
    first, *others = sorted(layers, reverse=True)
    shown = _Row([_single(chunk) for chunk in layers[first]])
    for rank in others:
        for piece in _pieces(layers[rank]):
            shown.fill(piece)
    return shown.pieces


@dataclass(slots=True)
class _Single:
    chunk: Chunk
    begin_us: int
    end_us: int

    def shown(self) -> Shown:
        return Shown(self.chunk) if self.end_us >= self.chunk.end_us else clipped(self.chunk, self.end_us)


def _single(chunk: Chunk) -> _Single:
    return _Single(chunk, begins_us(chunk), chunk.end_us)


def _pieces(chunks: Sequence[Chunk]) -> Iterator[_Piece]:
    piece: _Piece | None = None
    for chunk in chunks:
        pictures = of_kind(chunk, MediaKind.VIDEO)
        goes_on = pictures is not None and not pictures.keyframes
        if piece is not None and goes_on and chunk.run == piece.chunks[-1].run:
            piece.chunks.append(chunk)
            piece.end_us = chunk.end_us
            continue
        if piece is not None:
            yield piece
        piece = _Piece([chunk], begins_us(chunk), chunk.end_us)
    if piece is not None:
        yield piece


class _Row:
    """What is shown, in the order of time, hardly overlapping."""

    def __init__(self, pieces: list[_Single]) -> None:
        self.pieces = sorted(pieces, key=_begin)

    def fill(self, piece: _Piece) -> None:
        """Shows it from its beginning to the end of the last hole that it covers, if it covers one."""
        holes = self._holes(piece.begin_us, piece.end_us)
        if not holes or (not piece.has_pictures and holes[0][0] > piece.begin_us + TWO_CLOCKS_US):
            return
        to_us = holes[-1][1]
        self._clear(piece.begin_us, to_us)
        for chunk in piece.chunks:
            one = _single(chunk)
            if to_us - one.begin_us > _LEAST_US:
                one.end_us = min(one.end_us, to_us)
                self.pieces.insert(bisect_left(self.pieces, one.begin_us, key=_begin), one)

    def _near(self, from_us: int, to_us: int) -> tuple[int, int]:
        """Which pieces may reach into a stretch: from, up to."""
        low = bisect_left(self.pieces, from_us, key=_begin)
        while low and self.pieces[low - 1].end_us > from_us:
            low -= 1
        return low, bisect_left(self.pieces, to_us, key=_begin)

    def _holes(self, from_us: int, to_us: int) -> list[tuple[int, int]]:
        low, high = self._near(from_us, to_us)
        found, at_us = [], from_us
        for one in self.pieces[low:high]:
            if one.begin_us - at_us > TWO_CLOCKS_US:
                found.append((at_us, one.begin_us))
            at_us = max(at_us, one.end_us)
        if to_us - at_us > TWO_CLOCKS_US:
            found.append((at_us, to_us))
        return found

    def _clear(self, from_us: int, to_us: int) -> None:
        """Nothing else is shown there. What ends a little later than it begins stays: two clocks."""
        low, high = self._near(from_us, to_us)
        kept = []
        for one in self.pieces[low:high]:
            if one.end_us > from_us + TWO_CLOCKS_US:
                one.end_us = from_us
            if one.end_us - one.begin_us > _LEAST_US:
                kept.append(one)
        self.pieces[low:high] = kept


def _begin(one: _Single) -> int:
    return one.begin_us
