"""Between a session's tracks and the pipeline: holds what comes before that is there, and watches what passes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from hub.model import AccessUnit, MediaSink, PacketLoss, SenderReport, SessionInfo, TimeLeap

MAX_HELD_BYTES = 16 * 1024 * 1024
"""A minute of 2 Mbit/s: the pipeline closes the run before this one within a second or two."""
MAX_HELD_EVENTS = 8000


class Relay:
    """A MediaSink that keeps everything until :meth:`attach`, then passes it on in the same order.

    What does not fit is dropped from the front, so that the run begins later but has no hole. ``keyframe`` is called
    at each keyframe of the video track, ``lost`` at each given-up loss, ``left`` at a goodbye by RTCP.
    """

    def __init__(
        self,
        video_id: int,
        keyframe: Callable[[AccessUnit], None],
        lost: Callable[[PacketLoss], None],
        left: Callable[[str], None],
    ) -> None:
        self._video_id = video_id
        self._keyframe = keyframe
        self._lost = lost
        self._left = left
        self._sink: MediaSink | None = None
        self._held: deque[tuple[Callable[[MediaSink], None], int]] = deque()
        self._held_bytes = 0
        self._dropped = 0

    def attach(self, sink: MediaSink, session: SessionInfo) -> None:
        """Deliver what was held, then go on directly."""
        sink.opened(session)
        if self._dropped:
            sink.complaint("whip_backlog", f"{self._dropped} pictures and frames came before they could be recorded")
        while self._held:
            deliver, size = self._held.popleft()
            self._held_bytes -= size
            deliver(sink)
        self._sink = sink

    def detach(self) -> None:
        """Nothing more is passed on, or kept."""
        self._sink = None
        self._held.clear()
        self._held_bytes = 0

    def _hold(self, deliver: Callable[[MediaSink], None], size: int = 0) -> None:
        self._held.append((deliver, size))
        self._held_bytes += size
        while self._held_bytes > MAX_HELD_BYTES or len(self._held) > MAX_HELD_EVENTS:
            _, dropped_size = self._held.popleft()
            self._held_bytes -= dropped_size
            self._dropped += dropped_size > 0

    def opened(self, session: SessionInfo) -> None:
        """The tracks do not open anything: the session does, through :meth:`attach`."""
        raise AssertionError(f"a track opened the session of {session.peer}")

    def unit(self, unit: AccessUnit) -> None:
        """Hot path."""
        if unit.keyframe and unit.track_id == self._video_id:
            self._keyframe(unit)
        sink = self._sink
        if sink is not None:
            sink.unit(unit)
        else:
            self._hold(partial(_deliver_unit, unit), len(unit.data))

    def loss(self, loss: PacketLoss) -> None:
        self._lost(loss)
        if self._sink is not None:
            self._sink.loss(loss)
        else:
            self._hold(lambda sink: sink.loss(loss))

    def leap(self, leap: TimeLeap) -> None:
        if self._sink is not None:
            self._sink.leap(leap)
        else:
            self._hold(lambda sink: sink.leap(leap))

    def sender_report(self, report: SenderReport) -> None:
        if self._sink is not None:
            self._sink.sender_report(report)
        else:
            self._hold(lambda sink: sink.sender_report(report))

    def goodbye(self, reason: str) -> None:
        """From a track, at RTCP BYE: the session ends, and passes the goodbye on by :meth:`say_goodbye`."""
        self._left(reason)

    def say_goodbye(self, reason: str) -> None:
        if self._sink is not None:
            self._sink.goodbye(reason)
        else:
            self._hold(lambda sink: sink.goodbye(reason))

    def complaint(self, code: str, message: str) -> None:
        if self._sink is not None:
            self._sink.complaint(code, message)
        else:
            self._hold(lambda sink: sink.complaint(code, message))


def _deliver_unit(unit: AccessUnit, sink: MediaSink) -> None:
    sink.unit(unit)
