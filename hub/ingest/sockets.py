"""Sockets of many streams, read together: one wake-up of the process for all that came in the last few milliseconds.

A hundred cameras make thousands of readable sockets a second. Woken for each, the process finds code and data gone from
the processor's caches every time, and that is most of what a picture costs (docs/design/speed.md). So it is done as
network cards do it with their interrupts: what comes after a pause is read at once, then nothing for some milliseconds,
then all that came meanwhile in one go. With few sockets that is short, because nothing would be saved.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
from collections.abc import Callable

from hub.clock import Clock, Instant

LONGEST_TURN_S = 0.08
"""The longest that a packet waits in its socket, and how far its arrival may be off: two pictures' distance at 25 a
second, so that a turn finds two pictures of each camera."""
_TURN_S_PER_SOCKET = 0.001
_FEW = 20
"""Of each socket beyond these a turn is three times as much longer. A wall's tiles stand further back by about a turn:
few cameras are seen sooner instead, for they cost little anyway."""
SHARED_BYTES = 256 << 10
_PER_TURN = 1024
"""Sockets read before the event loop is let go on; the others are read right after."""
_READABLE = select.EPOLLIN

_ONE_MOMENT_US = 1000
"""What is read in so long arrived at one moment."""

Drain = Callable[[], None]
"""Reads its socket, and asks :meth:`SocketGroup.arrived` once it has. What it leaves is offered again."""


class SocketGroup:
    """Of one event loop, bound to it by the first socket. ``buffer`` may be read into by every :data:`Drain`, and
    holds nothing after it. ``longest_turn_s``: of senders that are answered, who cannot be left waiting so long."""

    def __init__(self, clock: Clock, *, longest_turn_s: float = LONGEST_TURN_S) -> None:
        self._clock = clock
        self._longest_turn_s = longest_turn_s
        self._arrived = Instant(0, 0)
        self._drains: dict[int, Drain] = {}
        self._limits: dict[int, float] = {}
        """Of sockets that hold less than the longest turn's worth."""
        self.turn_s = 0.0
        """How long what comes waits, at most."""
        self._epoll: select.epoll | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn: asyncio.TimerHandle | None = None
        self.buffer = bytearray(SHARED_BYTES)
        self.view = memoryview(self.buffer)

    def arrived(self) -> Instant:
        """The arrival of what was read just now: asked for after the reading, never before.

        Between a look at the clock and the reading the process may lose its processor, and other sockets have their
        turn. What came meanwhile would have come before it was sent, and such a picture is believed for minutes: by
        the smallest delay seen all others get the time at which they were captured."""
        if self._clock.passed_us(self._arrived) > _ONE_MOMENT_US:
            self._arrived = self._clock.now()
        return self._arrived

    def add(self, fd: int, drain: Drain, *, longest_s: float | None = None) -> None:
        """Call ``drain`` when the descriptor is readable, at an end, or broken. ``longest_s``: what comes in more time
        than that does not fit into its receive buffer."""
        if self._epoll is None:
            self._epoll = select.epoll()
            self._loop = asyncio.get_running_loop()
            self._rest()
        if fd in self._drains:
            with contextlib.suppress(OSError):  # another's, closed without a word
                self._epoll.unregister(fd)
        self._epoll.register(fd, _READABLE)
        self._drains[fd] = drain
        self._limits.pop(fd, None)
        if longest_s is not None:
            self._limits[fd] = longest_s
        self._set_turn()

    def remove(self, fd: int, drain: Drain) -> None:
        """Before the descriptor is closed. Safe to call twice, and when its number is another's by now."""
        if self._drains.get(fd) != drain:
            return
        del self._drains[fd]
        self._limits.pop(fd, None)
        self._set_turn()
        epoll = self._epoll
        assert epoll is not None
        with contextlib.suppress(OSError):  # closed first, and the kernel has forgotten it
            epoll.unregister(fd)
        if not self._drains:
            self._close()

    def _set_turn(self) -> None:
        count = len(self._drains)
        wanted_s = _TURN_S_PER_SOCKET * (count + 2 * max(0, count - _FEW))
        self.turn_s = min(wanted_s, self._longest_turn_s, *self._limits.values())

    def _rest(self) -> None:
        """Nothing came in the last turn: wait for the next packet, and read it at once."""
        assert self._loop is not None
        assert self._epoll is not None
        self._turn = None
        self._loop.add_reader(self._epoll.fileno(), self._woken)

    def _woken(self) -> None:
        assert self._loop is not None
        assert self._epoll is not None
        self._loop.remove_reader(self._epoll.fileno())
        self._read()

    def _read(self) -> None:
        """One turn."""
        epoll, loop, drains = self._epoll, self._loop, self._drains
        if epoll is None or loop is None:
            return
        ready = epoll.poll(0, _PER_TURN)
        if not ready:
            self._rest()
            return
        self._arrived = self._clock.now()
        for fd, _ in ready:
            drain = drains.get(fd)
            if drain is None:
                continue  # removed by one before it
            try:
                drain()
            except Exception as error:
                # A mistake of ours with one socket: the others are read all the same.
                loop.call_exception_handler({"message": f"reading socket {fd} failed", "exception": error})
        if self._epoll is epoll:  # else all were removed meanwhile
            self._turn = loop.call_later(0 if len(ready) == _PER_TURN else self.turn_s, self._read)

    def _close(self) -> None:
        assert self._loop is not None
        assert self._epoll is not None
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        else:
            self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._epoll = self._loop = None
