"""A look at a camera before it is registered: its first keyframe and what it says of itself, or why there is none."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from errno import EACCES, EHOSTDOWN, EHOSTUNREACH, ENETDOWN, ENETUNREACH, EPERM
from itertools import pairwise
from typing import TYPE_CHECKING

from hub.clock import US_PER_S, Clock
from hub.errors import MediaError, SourceError, Unavailable
from hub.ingest.rtsp.client import RtspClient
from hub.model import AccessUnit, MediaKind, PacketLoss, RtspSource, SenderReport, SessionInfo, TimeLeap, TrackInfo

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

LIMIT_S = 8.0
"""Of all of it. Cameras send a keyframe at least each 4 s; most do each second or two."""
AT_ONCE = 2
"""Each decodes a picture beside the recorder's own work."""
_RATE_US = 1 * US_PER_S
"""How much of the stream the frame rate is measured on."""
_MOST_TIMES = 300
_ANSWER_S = 6.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a camera showed. ``codec`` is that of its video; empty: none. Width, height 0: no picture was decoded.

    ``frame_rate`` in pictures a second, None where too few came. ``sound`` is the codec of its sound, empty for none.
    ``problem`` is empty or a word: those of :class:`RtspClient`, and refused no_route unknown_host no_keyframe
    no_video undecodable; ``detail`` says it at length, without secrets.
    """

    codec: str = ""
    width: int = 0
    height: int = 0
    frame_rate: float | None = None
    sound: str = ""
    device: str = ""
    picture: bytes | None = None
    problem: str = ""
    detail: str = ""


class Prober:
    """Looks at a few cameras at once, and refuses more rather than let them wait."""

    def __init__(self, clock: Clock, *, limit_s: float = LIMIT_S, at_once: int = AT_ONCE) -> None:
        self._clock = clock
        self._limit_s = limit_s
        self._at_once = at_once
        self._running = 0

    async def look(self, source: RtspSource, *, whole: bool) -> Seen:
        """``whole``: a picture to look at; else one of 32 pixels, by which one sees only that there is a picture.

        Raises Unavailable (``probe_busy``) when as many as may look do so already. What is wrong with the camera is
        no error but the answer.
        """
        if self._running >= self._at_once:
            raise Unavailable("other cameras are being tried; try again in a few seconds", code="probe_busy")
        self._running += 1
        try:
            return await self._look(source, whole)
        finally:
            self._running -= 1

    async def _look(self, source: RtspSource, whole: bool) -> Seen:
        sink = _FirstPicture()
        client = RtspClient(source, sink, self._clock, timeout_s=_ANSWER_S, silence_s=self._limit_s)
        running = asyncio.create_task(client.run_once())
        failure: SourceError | None = None
        try:
            async with asyncio.timeout(self._limit_s):
                waiting = asyncio.ensure_future(sink.enough.wait())
                try:
                    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waiting.cancel()
        except TimeoutError:
            pass
        finally:
            failure = await _ended(running)
        return await asyncio.to_thread(_judged, sink, failure, whole)


async def _ended(running: asyncio.Task[str]) -> SourceError | None:
    running.cancel()
    try:
        with suppress(asyncio.CancelledError):
            await running
    except SourceError as error:
        return error
    return None


class _FirstPicture:
    """A sink that keeps one keyframe and the times of the pictures after it."""

    def __init__(self) -> None:
        self.session: SessionInfo | None = None
        self.key: AccessUnit | None = None
        self.pictures = 0
        self.heard = False
        self.times: deque[int] = deque(maxlen=_MOST_TIMES)
        self.complaints: list[tuple[str, str]] = []
        self.enough = asyncio.Event()

    @property
    def tracks(self) -> tuple[TrackInfo, ...]:
        return () if self.session is None else self.session.tracks

    def track(self, kind: MediaKind) -> TrackInfo | None:
        return next((one for one in self.tracks if one.kind is kind), None)

    def opened(self, session: SessionInfo) -> None:
        self.session = session
        if self.track(MediaKind.VIDEO) is None:
            self.enough.set()

    def unit(self, unit: AccessUnit) -> None:
        video = self.track(MediaKind.VIDEO)
        if video is None or unit.track_id != video.id:
            self.heard = True
            return
        self.pictures += 1
        self.times.append(unit.pts_ticks * US_PER_S // video.timescale)
        if self.key is None and unit.keyframe and not unit.damaged:
            self.key = unit
        if self.key is not None and max(self.times) - min(self.times) >= _RATE_US:
            self.enough.set()

    def loss(self, loss: PacketLoss) -> None: ...
    def leap(self, leap: TimeLeap) -> None: ...
    def sender_report(self, report: SenderReport) -> None: ...
    def goodbye(self, reason: str) -> None: ...

    def complaint(self, code: str, message: str) -> None:
        if len(self.complaints) < 20:
            self.complaints.append((code, message))

    def frame_rate(self) -> float | None:
        """Median distance of neighbours in time; B pictures come in another order than they are shown."""
        shown = sorted(set(self.times))
        steps = sorted(after - before for before, after in pairwise(shown))
        if len(steps) < 2 or steps[len(steps) // 2] <= 0:
            return None
        return round(US_PER_S / steps[len(steps) // 2], 1)


def _judged(sink: _FirstPicture, failure: SourceError | None, whole: bool) -> Seen:
    """Decodes one picture. For a worker thread."""
    from hub.monitor.content.decoder import Decoder, jpeg, reduced  # only here: it brings FFmpeg

    video, audio = sink.track(MediaKind.VIDEO), sink.track(MediaKind.AUDIO)
    base = Seen(
        codec="" if video is None else video.codec.value,
        sound="" if audio is None else audio.codec.value,
        device="" if sink.session is None else sink.session.device[:100],
        frame_rate=sink.frame_rate(),
    )
    if video is not None and sink.key is not None:
        try:
            frame = Decoder().picture(sink.key, video.codec)
        except MediaError as error:
            return _with(base, problem="undecodable", detail=str(error))
        return _with(base, frame=frame, picture=jpeg(frame) if whole else reduced(frame))
    if failure is not None:
        return _with(base, problem=_word(failure), detail=str(failure))
    if sink.session is None:
        return _with(base, problem="timeout", detail="no answer within the time limit")
    if video is None:
        return _with(base, problem="no_video", detail="the source offers sound alone")
    if sink.pictures == 0:
        return _with(base, problem="silent", detail="connected, but no picture came")
    return _with(base, problem="no_keyframe", detail="pictures came, but no keyframe within the time limit")


def _with(
    base: Seen, *, problem: str = "", detail: str = "", frame: VideoFrame | None = None, picture: bytes | None = None
) -> Seen:
    width, height = (0, 0) if frame is None else (frame.width, frame.height)
    return Seen(base.codec, width, height, base.frame_rate, base.sound, base.device, picture, problem, detail[:500])


_NO_ROUTE = frozenset({EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, EACCES, EPERM})


def _word(failure: SourceError) -> str:
    """``unreachable`` more exactly, so that the page can say what to look at."""
    cause = failure.__cause__
    if failure.code != "unreachable" or cause is None:
        return failure.code
    if isinstance(cause, ConnectionRefusedError):
        return "refused"
    if isinstance(cause, socket.gaierror | UnicodeError):
        return "unknown_host"
    if isinstance(cause, OSError) and cause.errno in _NO_ROUTE:
        return "no_route"
    return failure.code
