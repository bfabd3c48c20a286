"""One playable MP4 of a range, for people to look at: a derived file, never the evidence itself.

Without a mark nothing is coded anew: coded pictures and sounds go over as they are, with their times moved onto one
axis. With one (``burnt``), pictures are decoded, marked and coded as H.264; sounds still go over as they are. Breaks
keep their length up to two seconds and are shortened to that beyond; a chapter begins after each, named by the real
time. Where the coding changes (size, codec, parameter sets, number of tracks) a further file begins, since players do
not follow such a change within a track. Memory: one chunk, and the muxer's index (some 100 bytes a picture).
"""

from __future__ import annotations

import contextlib
import errno
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType
from av.video.stream import VideoStream

from hub.errors import MediaError, StorageError
from hub.evidence.contents import Cancelled
from hub.evidence.mark import CRF, PRESET, BurntMark, Marker
from hub.evidence.report.words import Clock
from hub.evidence.segments import Segment

MAX_GAP_US = 2_000_000
"""Longer breaks are shown this long: nobody should sit before a still picture for an hour."""
MAX_FILES = 50
"""Further changes of coding are left out and counted: a source that changes this often is broken."""
_MAX_CHAPTERS = 2000
_MICROSECOND = Fraction(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class MovieMarks:
    """What the file says of itself in its metadata: title and comment."""

    title: str
    comment: str


@dataclass(frozen=True, slots=True)
class MovieFile:
    """One file that was written. ``packets`` counts by kind (``video``, ``audio``)."""

    path: Path
    first_us: int
    end_us: int
    duration_us: int
    packets: dict[str, int]


@dataclass(frozen=True, slots=True)
class Movie:
    """All files, in the order of time. ``skipped`` segments could not be read; ``gaps`` is how many were shortened."""

    files: tuple[MovieFile, ...]
    skipped: int
    gaps: int


def derived_marks(*, digest: str, export_id: str, recipient: str, created: str) -> MovieMarks:
    """The marks of a derived copy (派生文件): its source, for whom and when it was made."""
    return MovieMarks(
        title=f"派生文件（非证据原件） {export_id}",
        comment=f"派生文件：仅供观看，以证据包内的录像分段为准。导出编号 {export_id}；源校验值 SHA-256 {digest}；"
        f"领取人 {recipient or '—'}；导出时间 {created}",
    )


def movie(
    segments: Iterable[Segment],
    out: Path,
    marks: MovieMarks,
    *,
    burnt: BurntMark | None = None,
    zone_minutes: int = 480,
    cancelled: Callable[[], bool] = lambda: False,
) -> Movie:
    """Writes ``out``, and ``<stem>-2.mp4`` … where the coding changes. Blocks: run it in a thread.

    ``segments`` are in the order of time; they are read one at a time. Files appear under their names when they are
    whole. Raises MediaError when not one segment can be played, StorageError when the disk does not take it; then
    nothing is left behind.
    """
    work = _Work(out, marks, zone_minutes, burnt)
    try:
        for segment in segments:
            if cancelled():
                raise Cancelled
            work.add(segment)
        files = work.finish()
    except OSError as error:
        work.discard()
        raise StorageError(f"expected room for {out.name}, found: {error}") from error
    except BaseException:
        work.discard()
        raise
    if not files:
        raise MediaError(f"expected footage that can be played, found none in {work.skipped} segments")
    return Movie(tuple(files), work.skipped, work.gaps)


# ------------------------------------------------------------------------------- one file after another


Signature = tuple[tuple[object, ...], ...]
_NOT_IN_MP4 = frozenset(("vp8",))
"""What FFmpeg writes into no MP4; the reels in the package hold it."""


def _codec(stream: Stream) -> str:
    return str(stream.codec_context.codec.canonical_name)


@dataclass(slots=True)
class _Axis:
    """From a run's own axis to the movie's. All microseconds."""

    run: tuple[int, bytes] | None = None
    base: int = 0
    run_end: int = 0
    hub_end: int = 0
    movie_end: int = 0

    def place(self, segment: Segment, start: int, end: int) -> tuple[bool, bool]:
        """Moves the base so that ``start`` (on the run's axis) lies where it belongs. Returns whether a break lies
        before it, and whether that was shortened."""
        run = (segment.run, segment.init)
        first = self.run is None
        goes_on = run == self.run and start > self.run_end - _BREAK_US  # a segment given twice does not
        gap = start - self.run_end if goes_on else max(segment.first_us - self.hub_end, 0)
        shown = 0 if first else min(gap, MAX_GAP_US)
        if not goes_on:
            self.base = self.movie_end + shown - start
        elif gap > MAX_GAP_US:
            self.base -= gap - MAX_GAP_US
        self.run = run
        self.run_end = max(end, self.run_end) if goes_on else end
        self.hub_end = segment.end_us
        self.movie_end = max(self.movie_end, self.base + end)
        return first or gap > _BREAK_US, not first and gap > MAX_GAP_US


_BREAK_US = 500_000
"""A pause shorter than this is no break: no chapter of its own."""


class _Coder:
    """Pictures of one track: decoded, marked, coded anew. Nothing is held back: a chunk's pictures come out with it."""

    def __init__(self, container: OutputContainer, stream: VideoStream, burnt: BurntMark) -> None:
        self._marker = Marker(burnt, stream.codec_context.width, stream.codec_context.height)
        self.stream = container.add_stream("libx264", rate=None, options={"crf": CRF, "preset": PRESET, **_X264})
        self.stream.width, self.stream.height, self.stream.pix_fmt = self._marker.width, self._marker.height, "yuv420p"
        assert stream.time_base is not None
        self._ticks = stream.time_base
        self._last = -1
        self.stream.time_base = self.stream.codec_context.time_base = self._ticks
        self.stream.codec_context.thread_count = 1

    def coded(self, stream: VideoStream, packets: Sequence[Packet[Any]], base_us: int) -> Iterator[Packet[Any]]:
        """Of one chunk, which begins with a key frame; on the movie's axis. One picture is held at a time."""
        shift = round(base_us / 1_000_000 / self._ticks)
        decoder = stream.codec_context
        decoder.thread_count = 1
        for packet in (*packets, None):
            for frame in decoder.decode(packet):
                if frame.pts is None:
                    continue
                self._last = max(frame.pts + shift, self._last + 1)  # an encoder loses what goes back
                key_frame = frame.key_frame
                made = self._marker(frame)
                made.pts, made.time_base = self._last, self._ticks
                made.pict_type = PictureType.I if key_frame else PictureType.NONE
                yield from self.stream.encode(made)

    def rest(self) -> Iterator[Packet[Any]]:
        yield from self.stream.encode(None)


_X264 = {"tune": "zerolatency", "x264-params": "threads=1:lookahead-threads=1:sliced-threads=0"}
"""One thread codes, and without pictures that are held back: a times table of its own is not needed."""


@dataclass(slots=True)
class _File:
    """The file that is being written."""

    path: Path
    container: OutputContainer
    signature: Signature
    first_us: int
    end_us: int = 0
    axis: _Axis = field(default_factory=_Axis)
    last_dts: dict[int, int] = field(default_factory=dict)
    packets: dict[str, int] = field(default_factory=dict)
    chapters: list[tuple[int, str]] = field(default_factory=list)
    coders: dict[int, _Coder] = field(default_factory=dict)
    """Of the tracks whose pictures are marked, by the source's number."""


class _Work:
    def __init__(self, out: Path, marks: MovieMarks, zone_minutes: int, burnt: BurntMark | None = None) -> None:
        self._burnt = burnt
        self._out = out
        self._marks = marks
        self._zone_minutes = zone_minutes
        self._open: _File | None = None
        self._done: list[MovieFile] = []
        self.skipped = 0
        self.gaps = 0

    def add(self, segment: Segment) -> None:
        """One chunk; what cannot be read is left out and counted."""
        if not segment.data:
            self.skipped += 1
            return
        try:
            with av.open(io.BytesIO(segment.init + segment.data), "r", format="mp4") as source:
                packets = [each for each in source.demux() if each.size and each.dts is not None]
                if not packets or any(_codec(stream) in _NOT_IN_MP4 for stream in source.streams):
                    self.skipped += 1
                    return
                self._write(segment, source, packets)
        except av.error.FFmpegError as error:
            if isinstance(error, av.error.OSError) and self._is_ours(error):
                raise
            self.skipped += 1

    @staticmethod
    def _is_ours(error: OSError) -> bool:
        """A full disk is told; broken media is counted (its source is memory, which has no errno of a disk)."""
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES)

    def _write(self, segment: Segment, source: InputContainer, packets: Sequence[Packet[Any]]) -> None:
        signature = _signature(source)
        if self._open is None or self._open.signature != signature:
            self._close()
            if len(self._done) >= MAX_FILES:
                self.skipped += 1
                return
            self._open = self._begin(source, signature, segment)
        file = self._open
        start = min(_us(each.dts, each.time_base) for each in packets)
        end = max(_us((each.dts or 0) + (each.duration or 0), each.time_base) for each in packets)
        broken, shortened = file.axis.place(segment, start, end)
        self.gaps += shortened
        if broken and len(file.chapters) < _MAX_CHAPTERS:
            file.chapters.append((start + file.axis.base, self._chapter(segment, shortened)))
        for packet in packets:
            if packet.stream.index not in file.coders:
                _move(packet, file)
                file.container.mux(packet)
        for index, coder in file.coders.items():
            own = source.streams[index]
            assert isinstance(own, VideoStream)
            for made in coder.coded(own, [one for one in packets if one.stream.index == index], file.axis.base):
                file.container.mux(made)
                file.packets["video"] = file.packets.get("video", 0) + 1
        file.end_us = max(file.end_us, segment.end_us)

    def _begin(self, source: InputContainer, signature: Signature, segment: Segment) -> _File:
        number = len(self._done) + 1
        path = self._out if number == 1 else self._out.with_name(f"{self._out.stem}-{number}{self._out.suffix}")
        part = path.with_name(f"{path.name}.part")
        container = av.open(str(part), "w", format="mp4", options={"fflags": "+bitexact", "strict": "experimental"})
        file = _File(path, container, signature, segment.first_us)
        self._open = file
        for stream in source.streams:
            if self._burnt is not None and isinstance(stream, VideoStream):
                file.coders[stream.index] = _Coder(container, stream, self._burnt)
                continue
            made = container.add_stream_from_template(stream, opaque=_codec(stream) == "av1")  # no encoder of its name
            made.time_base = stream.time_base
            if stream.codec_context.name == "hevc":
                made.codec_context.codec_tag = "hvc1"
        container.metadata.update(title=self._marks.title, comment=self._marks.comment, description=self._marks.comment)
        return file

    def _chapter(self, segment: Segment, shortened: bool) -> str:
        return Clock(self._zone_minutes).second(segment.first_us) + (" 起（此前中断已缩短）" if shortened else " 起")

    def _close(self) -> None:
        file, self._open = self._open, None
        if file is None:
            return
        for coder in file.coders.values():
            for made in coder.rest():
                file.container.mux(made)
                file.packets["video"] = file.packets.get("video", 0) + 1
        if file.chapters:
            file.container.set_chapters(_chapters(file))
        file.container.close()
        file.path.with_name(f"{file.path.name}.part").replace(file.path)
        self._done.append(MovieFile(file.path, file.first_us, file.end_us, file.axis.movie_end, file.packets))

    def finish(self) -> list[MovieFile]:
        self._close()
        return self._done

    def discard(self) -> None:
        """Takes away whatever was begun or written."""
        if self._open is not None:
            part = self._open.path.with_name(f"{self._open.path.name}.part")
            with contextlib.suppress(OSError, av.error.FFmpegError):
                self._open.container.close()
            part.unlink(missing_ok=True)
        for each in self._done:
            each.path.unlink(missing_ok=True)


def _signature(source: InputContainer) -> Signature:
    """What must be the same for two segments to lie in one track each."""
    found: list[tuple[object, ...]] = []
    for stream in source.streams:
        context: Any = stream.codec_context
        shape: tuple[object, ...] = (
            (context.width, context.height) if stream.type == "video" else (context.sample_rate, context.channels)
        )
        found.append((stream.type, context.name, context.extradata, stream.time_base, *shape))
    return tuple(found)


def _us(ticks: int | None, time_base: Fraction | None) -> int:
    return int((ticks or 0) * (time_base or _MICROSECOND) * 1_000_000)


def _move(packet: Packet[Any], file: _File) -> None:
    """Onto the movie's axis and into its stream; a decode time never goes back."""
    stream = packet.stream
    assert packet.dts is not None
    assert stream.time_base is not None
    shift = round(file.axis.base / 1_000_000 / stream.time_base)
    dts = packet.dts + shift
    late = max(file.last_dts.get(stream.index, dts - 1) + 1 - dts, 0)
    packet.pts = (packet.dts if packet.pts is None else packet.pts) + shift + late
    packet.dts = dts + late
    file.last_dts[stream.index] = packet.dts
    file.packets[stream.type] = file.packets.get(stream.type, 0) + 1
    packet.stream = file.container.streams[stream.index]


def _chapters(file: _File) -> list[Any]:
    ends = [start for start, _ in file.chapters[1:]] + [file.axis.movie_end]
    return [
        {
            "id": number,
            "start": max(start, 0),
            "end": max(end, start),
            "time_base": _MICROSECOND,
            "metadata": {"title": title},
        }
        for number, ((start, title), end) in enumerate(zip(file.chapters, ends, strict=True), 1)
    ]
