"""RTP and RTCP over UDP: a pair of ports, a large receive buffer, and the drops that the kernel counts."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import struct
from collections.abc import Callable, Collection
from functools import partial

from hub.clock import Instant
from hub.errors import SourceError
from hub.ingest.sockets import Drain, SocketGroup

RECEIVE_BUFFER_BYTES = 2 << 20
"""A keyframe of a large picture arrives as one burst of some hundred packets."""
_SMALL_BUFFER_TURN_S = 0.02
"""What the kernel grants unasked holds what a camera sends in so long over 100 Mbit/s."""
_PORT_TRIES = 64
_BATCH = 512
"""Datagrams read in one turn, so that one flood does not starve the others: 60 Mbit/s in turns of 80 ms."""
_SO_RCVBUFFORCE = 33
_SO_MEMINFO, _SO_MEMINFO_BYTES, _MEMINFO_DROPS_AT = 55, 36, 32
"""Linux: an array of counters of the socket; its ninth is the number of dropped datagrams."""

DatagramHandler = Callable[[memoryview, Instant], None]


class UdpPair:
    """An even port for RTP and the odd one above it for RTCP (RFC 3550 §11), on one local address."""

    def __init__(self, sockets: SocketGroup, complain: Callable[[str, str], None], local: str) -> None:
        self._sockets = sockets
        self._complain = complain
        self._rtp, self._rtcp = _bind_pair(local)
        self._drains: dict[socket.socket, Drain] = {}
        self._hosts: Collection[str] = ()
        self._remote: tuple[str, int, int] | None = None
        self._check_ports = False
        self._foreign_told = False
        self._drops = 0
        self.ports: tuple[int, int] = (self._rtp.getsockname()[1], self._rtcp.getsockname()[1])
        granted = _enlarge(self._rtp)
        _enlarge(self._rtcp)
        self._longest_s: float | None = None
        if granted < RECEIVE_BUFFER_BYTES:
            self._longest_s = _SMALL_BUFFER_TURN_S
            complain(
                "udp_buffer",
                f"the kernel grants a UDP buffer of {granted} bytes, {RECEIVE_BUFFER_BYTES} are wanted:"
                " raise net.core.rmem_max, or bursts will be lost",
            )

    def expect(self, hosts: Collection[str], remote_host: str, server_ports: tuple[int, int] | None) -> None:
        """Datagrams are taken from ``hosts`` alone and, if the camera named its ports, from those alone."""
        self._hosts = frozenset(_plain_address(host) for host in hosts)
        if server_ports is not None:
            self._remote = (remote_host, *server_ports)
        self._check_ports = server_ports is not None

    def start(self, rtp: DatagramHandler, rtcp: DatagramHandler) -> None:
        """Delivers from now on."""
        for sock, handler, index in ((self._rtp, rtp, 1), (self._rtcp, rtcp, 2)):
            self._drains[sock] = partial(self._read, sock, handler, index)
            self._sockets.add(sock.fileno(), self._drains[sock], longest_s=self._longest_s)

    def punch(self, rtp: bytes, rtcp: bytes) -> None:
        """Opens the way through a NAT or firewall on our side: one datagram to each port of the camera."""
        self._send(self._rtp, rtp, 1)
        self.send_rtcp(rtcp)

    def send_rtcp(self, packet: bytes) -> None:
        self._send(self._rtcp, packet, 2)

    def dropped(self) -> int:
        """Datagrams that the kernel dropped since the last call, both sockets; 0 where it does not tell."""
        total = _kernel_drops(self._rtp) + _kernel_drops(self._rtcp)
        news, self._drops = total - self._drops, total
        return news

    def close(self) -> None:
        for sock in (self._rtp, self._rtcp):
            if sock in self._drains:
                self._sockets.remove(sock.fileno(), self._drains.pop(sock))
            sock.close()

    def _send(self, sock: socket.socket, packet: bytes, index: int) -> None:
        if self._remote is None:
            return
        try:
            sock.sendto(packet, (self._remote[0], self._remote[index]))
        except OSError:
            # A report that cannot be sent changes nothing for what is received.
            return

    def _read(self, sock: socket.socket, handler: DatagramHandler, port_index: int) -> None:
        """All waiting datagrams."""
        view, receive, arrived = self._sockets.view, sock.recvfrom_into, self._sockets.arrived
        for _ in range(_BATCH):
            try:
                size, address = receive(view)
            except BlockingIOError:
                return
            except OSError as error:
                # ICMP errors of our own reports come back here; the camera's silence is judged elsewhere.
                self._complain("udp", f"receiving failed: {error.strerror}")
                return
            if address[0] in self._hosts and self._port_fits(address[1], port_index):
                handler(view[:size], arrived())
            else:
                self._foreign(address)

    def _port_fits(self, port: int, index: int) -> bool:
        return not self._check_ports or self._remote is None or port == self._remote[index]

    def _foreign(self, address: tuple[str, int]) -> None:
        if not self._foreign_told:
            self._foreign_told = True
            self._complain(
                "foreign_sender", f"datagrams from {address[0]}:{address[1]}, which is not the camera: ignored"
            )


def _bind_pair(local: str) -> tuple[socket.socket, socket.socket]:
    """Two free ports, even and odd. Raises SourceError (``protocol``) when there are none."""
    family = socket.AF_INET6 if ":" in local else socket.AF_INET
    for attempt in range(_PORT_TRIES):
        # First what the kernel offers, then anywhere: its offers may be odd for long.
        wanted = 0 if attempt < _PORT_TRIES // 2 else 20_000 + 2 * secrets.randbelow(20_000)
        first = _bound(family, local, wanted)
        if first is None:
            continue
        port = first.getsockname()[1]
        second = _bound(family, local, port + 1) if port % 2 == 0 else None
        if second is not None:
            return first, second
        first.close()
    raise SourceError("no pair of free UDP ports was found", code="protocol")


def _bound(family: socket.AddressFamily, local: str, port: int) -> socket.socket | None:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind((local, port))
    except (OSError, OverflowError):
        sock.close()
        return None
    return sock


def _enlarge(sock: socket.socket) -> int:
    """Asks for the buffer; returns what was granted (Linux says twice of it)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    if _granted(sock) < RECEIVE_BUFFER_BYTES:
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
        except OSError:
            return _granted(sock)
    return _granted(sock)


def _granted(sock: socket.socket) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def _kernel_drops(sock: socket.socket) -> int:
    try:
        info = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _SO_MEMINFO_BYTES)
    except OSError:
        return 0
    if len(info) < _SO_MEMINFO_BYTES:
        return 0
    drops: int = struct.unpack_from("=I", info, _MEMINFO_DROPS_AT)[0]
    return drops


def _plain_address(host: str) -> str:
    """An IP address in the form that recvfrom has it; anything else as it is."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(address)
