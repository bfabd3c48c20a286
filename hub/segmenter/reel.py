"""One reel on its way to the disk. Belongs to the writer's thread; a flush only reads from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from hub.errors import StorageError
from hub.metrics import STORAGE_DROPPED, STORAGE_ERRORS
from hub.model import Chunk, Fragment, InitSegment
from hub.segmenter.cutter import Tally
from hub.segmenter.files import Files, reel_name

_MAX_BUFFERS = 512
"""Of one call; Linux allows 1024 (IOV_MAX)."""
_MAX_COPIES = 100


class ReelOwner(Protocol):
    """Who hears of a reel, on the event loop."""

    def chunk_sealed(self, reel: Reel, chunk: Chunk) -> None: ...

    def reel_failed(self, reel: Reel, error: StorageError, from_us: int) -> None: ...

    def reel_closed(self) -> None:
        """Nothing more will be heard of one of its reels."""
        ...


Report = Callable[[], None]
"""A call on the event loop, to be made there."""


@dataclass(slots=True, eq=False)
class Reel:
    """``offset`` is where the next fragment goes; up to ``safe`` every byte is in a chunk and flushed.

    ``number`` counts the owner's reels."""

    owner: ReelOwner
    number: int
    stream_id: str
    run: int
    init: InitSegment
    first_us: int
    fd: int = -1
    name: str = ""
    offset: int = 0
    safe: int = 0
    chunk_start: int = 0
    tally: Tally = field(default_factory=Tally)
    sealed: list[Chunk] = field(default_factory=list)
    """Ended chunks that wait for their flush."""
    folders: list[Path] = field(default_factory=list)
    """Folders whose names must be flushed before the reel's first chunk counts."""
    dirty_since_us: int | None = None
    """When the oldest byte that is not flushed was written, on the monotonic scale."""
    failed: bool = False
    finished: bool = False
    """No fragment comes any more."""
    closed: bool = False
    """Let go: what its owner still sent before it heard of the failure is dropped."""


class ReelWriter:
    """What the writer's thread does to reels. Every OSError ends in a reel that is whole, and a report."""

    def __init__(self, data: Path, files: Files, report: Callable[[Report], None]) -> None:
        self._data = data
        self._files = files
        self._report = report

    def write(self, reel: Reel, fragments: Sequence[Fragment], now_us: int) -> None:
        """Appends whole fragments; after an error, none any more."""
        if reel.failed:
            STORAGE_DROPPED.labels(reel.stream_id).inc(len(fragments))
            return
        written = 0
        error: OSError | None = None
        try:
            if reel.fd < 0:
                self._open(reel)
        except OSError as refused:
            error = refused
        if reel.dirty_since_us is None:
            reel.dirty_since_us = now_us
        while error is None and written < len(fragments):
            batch = fragments[written : written + _MAX_BUFFERS]
            count, error = self._append(reel, batch)
            written += count
        if error is not None:
            self._fail(reel, error, fragments[written:])

    def _open(self, reel: Reel) -> None:
        for copy in range(_MAX_COPIES):
            name = reel_name(reel.stream_id, reel.first_us, reel.run, copy)
            path = self._data / name
            folders = self._files.make_folder(path.parent)
            try:
                reel.fd = self._files.create(path)
            except FileExistsError:
                continue
            reel.name = name
            reel.folders = [path.parent, *folders]
            size, error = self._write(reel, [reel.init.data])
            if error is not None:
                raise error
            reel.offset = reel.chunk_start = size
            return
        raise FileExistsError(f"{_MAX_COPIES} reels of run {reel.run} begin at {reel.first_us}")

    def _append(self, reel: Reel, fragments: Sequence[Fragment]) -> tuple[int, OSError | None]:
        """How many whole fragments the disk took, and why not all of them."""
        size, error = self._write(reel, [fragment.data for fragment in fragments])
        count = len(fragments)
        if error is not None:
            ends = accumulate(len(fragment.data) for fragment in fragments)
            count = sum(end <= size for end in ends)
        whole = fragments[:count]
        reel.tally.add(whole)
        reel.offset += sum(len(fragment.data) for fragment in whole)
        return count, error

    def _write(self, reel: Reel, buffers: Sequence[bytes]) -> tuple[int, OSError | None]:
        """Writes at ``offset``, without moving it; how many bytes the disk took, and why not all."""
        pending: list[bytes | memoryview] = list(buffers)
        written = 0
        while pending:
            try:
                count = self._files.write(reel.fd, pending, reel.offset + written)
            except OSError as error:
                return written, error
            if count <= 0:
                return written, OSError("the disk took no byte and gave no reason")
            written += count
            while pending and count >= len(pending[0]):
                count -= len(pending.pop(0))
            if count:
                pending[0] = memoryview(pending[0])[count:]
        return written, None

    def seal(self, reel: Reel, reason: str) -> None:
        """Ends the chunk; it is reported when it is flushed."""
        tally = reel.tally
        if reel.failed or not tally.size:
            return
        reel.sealed.append(
            Chunk(
                stream_id=reel.stream_id,
                run=reel.run,
                reel=reel.name,
                offset=reel.chunk_start,
                size=tally.size,
                sha256=tally.digest.hexdigest(),
                init_size=len(reel.init.data),
                init_sha256=reel.init.sha256,
                first_us=tally.first_us,
                end_us=tally.end_us,
                device_us=tally.device_us,
                tracks=tally.ranges(),
                reason=reason,
            )
        )
        reel.chunk_start = reel.offset
        reel.tally = Tally()

    def _fail(self, reel: Reel, error: OSError, lost: Sequence[Fragment]) -> None:
        """A write failed: the file is cut back to its last whole fragment, what is whole becomes a chunk."""
        STORAGE_ERRORS.inc()
        STORAGE_DROPPED.labels(reel.stream_id).inc(len(lost))
        self.seal(reel, "discontinuity")
        reel.failed = reel.finished = True
        self._cut_back(reel, reel.offset)
        self._tell(reel, error, lost[0].first_us)

    def distrust(self, reel: Reel, error: OSError) -> None:
        """A flush failed. The kernel may have thrown away any page since the last good one, and
        the next flush would not say so: those bytes were never promised, and go."""
        STORAGE_ERRORS.inc()
        unsure = [chunk.first_us for chunk in reel.sealed]
        if reel.tally.size:
            unsure.append(reel.tally.first_us)
        reel.sealed.clear()
        reel.tally = Tally()
        already = reel.failed
        reel.failed = reel.finished = True
        reel.dirty_since_us = None
        reel.offset = reel.chunk_start = reel.safe
        self._cut_back(reel, reel.safe)
        if unsure or not already:
            self._tell(reel, error, min(unsure, default=reel.first_us))

    def close(self, reel: Reel) -> None:
        """Lets go of the file. One that holds no chunk is removed."""
        if reel.fd >= 0:
            try:
                self._files.close(reel.fd)
                if not reel.safe:
                    self._files.remove(self._data / reel.name)
            except OSError:
                STORAGE_ERRORS.inc()  # nothing promised depends on it: every sealed chunk is flushed
            reel.fd = -1
        reel.closed = True
        self._report(reel.owner.reel_closed)

    def _cut_back(self, reel: Reel, size: int) -> None:
        if reel.fd < 0:
            return
        try:
            self._files.truncate(reel.fd, size)
        except OSError:
            STORAGE_ERRORS.inc()  # bytes beyond the last chunk: recovery moves them to quarantine

    def _tell(self, reel: Reel, error: OSError, from_us: int) -> None:
        reason = error.strerror or str(error)
        failure = StorageError(
            f"expected the disk to take footage of {reel.stream_id}, found: {reason}; "
            "recording goes on by itself when the disk takes bytes again"
        )
        self._report(lambda: reel.owner.reel_failed(reel, failure, from_us))
