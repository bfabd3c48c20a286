"""A UDP socket for one publisher, drained in bursts.

asyncio's datagram endpoint costs a select and a handle per datagram; a picture is a burst of eight or so, and one
wake-up takes them all here, of all publishers in turns. When each came is asked of the kernel where the sender is told:
it finds its bit rate by that, and a turn would be a jitter of its own. Datagrams are told apart by their first byte
(RFC 7983 §7): 128-191 is RTP or RTCP.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hub.clock import US_PER_S, Instant
from hub.ingest.sockets import SocketGroup

if TYPE_CHECKING:
    from typing_extensions import Buffer

RECEIVE_BUFFER_BYTES = 2 * 1024 * 1024
"""Half a second at 32 Mbit/s while the loop is busy; the kernel grants less where rmem_max is smaller."""
_MAX_DATAGRAM = 2048
_MAX_BURST = 64
"""Datagrams taken at one wake-up, so that one flooded socket cannot hold up the others."""
LONGEST_TURN_S = 0.04
"""Half of what cameras wait: a lost packet is asked for after a turn, and must be read in another before it is late."""
_STAMPED = 29
"""SO_TIMESTAMP of Linux, on all processors that we are built for; Python has no name for it."""
_timeval = struct.Struct("qq").unpack
_STAMP_SPACE = socket.CMSG_SPACE(struct.calcsize("qq"))
_BELIEVED_US = US_PER_S
"""A stamp is on the machine's calendar: one further away than this from its arrival was made before that was set."""

Media = Callable[[bytes, Instant, int], None]
"""An RTP or RTCP packet, the arrival of all that was read with it, and when it came (monotonic µs): when the kernel had
it if the socket is stamped, else then."""

_Datagram = tuple[bytes, list[tuple[int, int, bytes]], int, Any]


class PortsExhausted(OSError):
    """No port of the range is free on the address."""


def bind_udp(address: str, ports: tuple[int, int] | None) -> socket.socket:
    """A non-blocking socket on ``address`` and a free port of the range (inclusive; None: any).

    An address that is not this machine's (it stands for the hub outside, behind a 1:1 NAT) is served from the
    wildcard address of its family. Raises PortsExhausted, or OSError.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        wildcard = "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104 (ICE and SRTP authenticate)
        try:
            _bind_in_range(sock, address, ports)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            _bind_in_range(sock, wildcard, ports)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind_in_range(sock: socket.socket, address: str, ports: tuple[int, int] | None) -> None:
    if ports is None:
        sock.bind((address, 0))
        return
    first, last = ports
    count = last - first + 1
    start = random.randrange(count)  # noqa: S311 (spreads the ports; nothing secret)
    for step in range(count):
        try:
            sock.bind((address, first + (start + step) % count))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return
    raise PortsExhausted(errno.EADDRINUSE, f"no free UDP port in {first}-{last} on {address}")


def _came_us(stamp: bytes, arrival: Instant) -> int:
    """When the kernel had a datagram (monotonic µs): the hub may have been busy since."""
    seconds, microseconds = _timeval(stamp)
    later_us = seconds * US_PER_S + microseconds - arrival.utc_us
    return arrival.mono_us + later_us if -_BELIEVED_US < later_us < _BELIEVED_US else arrival.mono_us


class UdpSocket(asyncio.DatagramTransport):
    """The transport under one ICE candidate: ``media`` gets RTP and RTCP, ``other`` (STUN, DTLS) the rest.

    ``stamped``: the kernel is asked when it had each datagram, which makes reading it a third dearer.
    """

    def __init__(
        self,
        sock: socket.socket,
        sockets: SocketGroup,
        media: Media,
        other: Callable[[bytes, tuple[str, int]], None],
        lost: Callable[[Exception | None], None],
        *,
        stamped: bool,
    ) -> None:
        super().__init__({"socket": sock, "sockname": sock.getsockname()})
        self._sock = sock
        self._media = media
        self._other = other
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._stamp_space = 0
        if stamped:
            with contextlib.suppress(OSError):  # then all of a turn came when it began
                sock.setsockopt(socket.SOL_SOCKET, _STAMPED, 1)
                self._stamp_space = _STAMP_SPACE
        self._sockets = sockets
        sockets.add(sock.fileno(), self._drain)

    def _drain(self) -> None:
        burst = self._burst()
        arrival, media = self._sockets.arrived(), self._media
        for data, stamps, _, address in burst:
            if self._closing:
                return
            if not data:
                continue
            if 128 <= data[0] <= 191:
                media(data, arrival, _came_us(stamps[0][2], arrival) if stamps else arrival.mono_us)
            else:
                self._other(data, (address[0], address[1]))

    def _burst(self) -> list[_Datagram]:
        """What waits: read before any of it is worked on, so that one look at the clock does for all."""
        receive, stamp_space, burst = self._sock.recvmsg, self._stamp_space, list[_Datagram]()
        for _ in range(_MAX_BURST):
            try:
                burst.append(receive(_MAX_DATAGRAM, stamp_space))
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                # An ICMP error of an earlier datagram: the next read works again.
                continue
        return burst

    def sendto(self, data: Buffer, addr: tuple[Any, ...] | str | Buffer | None = None) -> None:
        """Send at once; a full buffer or an unreachable peer drops it, as the network might."""
        if self._closing or addr is None:
            return
        try:
            self._sock.sendto(data, addr)
        except OSError:
            return

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._sockets.remove(self._sock.fileno(), self._drain)
            self._sock.close()
            self._loop.call_soon(self._lost, None)

    def abort(self) -> None:
        self.close()
