"""One stream's recording: fragments to chunks to reels, and what happens when the disk refuses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from hub.clock import US_PER_S
from hub.errors import InvalidRequest, StorageError
from hub.metrics import BYTES_RECORDED, CHUNKS, STORAGE_DROPPED
from hub.model import Chunk, Fragment, InitSegment, MediaKind
from hub.segmenter.cutter import Cutter, Verdict
from hub.segmenter.disk import Disk
from hub.segmenter.reel import Reel
from hub.settings import Settings

_STREAM_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_RETRY_US = US_PER_S
"""After a failure the disk is tried again this much later, at a keyframe."""
_RETRY_ANYWHERE_US = 10 * US_PER_S
"""… and after this even without one."""
_CLOSE_TIMEOUT_S = 30.0


class Recorder:
    """Lives on the event loop; never blocks it and never raises because of the disk.

    ``sealed(chunk)``: the chunk's bytes are flushed. ``failed(error, from_us)``: footage from ``from_us`` on
    (hub UTC of the capture) is not recorded. It is called once for an outage, which ends with the next ``sealed``
    chunk of a later reel; the disk is tried again by itself. Both are called on the event loop, never from
    within ``append``.

    Raises InvalidRequest for a stream id that could climb out of the data folder.
    """

    def __init__(
        self,
        stream_id: str,
        disk: Disk,
        settings: Settings,
        *,
        sealed: Callable[[Chunk], None],
        failed: Callable[[StorageError, int], None],
    ) -> None:
        if not _STREAM_ID.fullmatch(stream_id):
            raise InvalidRequest(f"expected a stream id as in window-01, found {stream_id!r}")
        self._stream_id = stream_id
        self._disk = disk
        self._on_sealed = sealed
        self._on_failed = failed
        self._cutter = Cutter(settings)
        self._run = 0
        self._init: InitSegment | None = None
        self._has_video = False
        self._reel: Reel | None = None
        self._reels_begun = 0
        self._reels_open = 0
        self._all_closed = asyncio.Event()
        self._all_closed.set()
        self._last_us = 0
        self._refused_at_us: int | None = None
        """Capture time at which the disk was last found not to take footage; None: it does."""
        self._outage: int | None = None
        """Number of the last reel that failed in this outage; None: all is well."""

    def begin(self, run: int) -> None:
        """A run begins; reels are named for it."""
        self.cut("discontinuity")
        self._run = run
        self._init = None

    def init(self, init: InitSegment) -> None:
        """The next fragment begins a new reel."""
        self.cut("codec")
        self._init = init
        self._has_video = any(track.kind is MediaKind.VIDEO for track in init.tracks)

    def append(self, fragment: Fragment) -> None:
        """Takes the run's next fragment. Its init segment must have come before it."""
        if self._init is None:
            raise RuntimeError("a fragment came before its init segment: call init first")
        self._last_us = fragment.first_us
        if self._refused_at_us is not None and not self._may_retry(fragment):
            STORAGE_DROPPED.labels(self._stream_id).inc()
            return
        if self._reel is None:
            self._reel = self._new_reel(self._init, fragment)
        else:
            verdict, rolls = self._cutter.judge(fragment)
            if verdict is not Verdict.NOTHING:
                self._disk.seal(self._reel, verdict.value)
            if rolls:
                self._disk.finish(self._reel)
                self._reel = self._new_reel(self._init, fragment)
        if not self._disk.append(self._reel, fragment):
            self._refused(self._reel, fragment)

    def cut(self, reason: str) -> None:
        """Chunk and reel end here: a discontinuity, a stop."""
        if self._reel is not None:
            self._disk.seal(self._reel, reason)
            self._disk.finish(self._reel)
            self._reel = None

    async def close(self, reason: str) -> None:
        """Ends the reel; everything appended is sealed (or its failure told) when it returns.

        Raises StorageError when the disk does not answer within 30 s.
        """
        self.cut(reason)
        try:
            await asyncio.wait_for(self._all_closed.wait(), _CLOSE_TIMEOUT_S)
        except TimeoutError:
            raise StorageError(
                f"expected the disk to flush {self._stream_id} within {_CLOSE_TIMEOUT_S:.0f} s, found it stalled; "
                "what is not flushed is found again at the next start"
            ) from None

    @property
    def failing(self) -> bool:
        """The disk refused, and has taken no chunk since that was appended later."""
        return self._outage is not None

    # ------------------------------------------------------------------- heard from the disk

    def chunk_sealed(self, reel: Reel, chunk: Chunk) -> None:
        if self._outage is not None and reel.number > self._outage:
            self._outage = None
        BYTES_RECORDED.labels(self._stream_id).inc(chunk.size)
        CHUNKS.labels(self._stream_id).inc()
        self._on_sealed(chunk)

    def reel_failed(self, reel: Reel, error: StorageError, from_us: int) -> None:
        if reel is self._reel:
            self._disk.finish(reel)
            self._reel = None
            self._refused_at_us = self._last_us
        self._fail(reel.number, error, from_us)

    def reel_closed(self) -> None:
        self._reels_open -= 1
        if not self._reels_open:
            self._all_closed.set()

    # ------------------------------------------------------------------------------- inside

    def _new_reel(self, init: InitSegment, first: Fragment) -> Reel:
        self._refused_at_us = None
        self._reels_begun += 1
        self._reels_open += 1
        self._all_closed.clear()
        self._cutter.begin(init)
        self._cutter.judge(first)
        return Reel(self, self._reels_begun, self._stream_id, self._run, init, first.first_us)

    def _may_retry(self, fragment: Fragment) -> bool:
        assert self._refused_at_us is not None
        waited_us = abs(fragment.first_us - self._refused_at_us)  # a calendar set back must not stop the retries
        if waited_us < _RETRY_US or not self._disk.has_room():
            return False
        playable = fragment.keyframe and (fragment.kind is MediaKind.VIDEO or not self._has_video)
        return playable or waited_us >= _RETRY_ANYWHERE_US

    def _refused(self, reel: Reel, fragment: Fragment) -> None:
        """The queue is full: the disk has stalled."""
        STORAGE_DROPPED.labels(self._stream_id).inc()
        self.cut("discontinuity")
        self._refused_at_us = fragment.first_us
        error = StorageError(
            f"expected the disk to keep up, found {self._disk.waiting_bytes >> 20} MiB waiting for it; "
            "recording goes on by itself when it does"
        )
        number, from_us = reel.number, fragment.first_us
        asyncio.get_running_loop().call_soon(lambda: self._fail(number, error, from_us))

    def _fail(self, number: int, error: StorageError, from_us: int) -> None:
        first = self._outage is None
        self._outage = max(number, self._outage or 0)
        if first:
            self._on_failed(error, from_us)
