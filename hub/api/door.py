"""Where HTTP comes in: the address is taken before anything else is begun, and nobody can fill the hub's hands.

A start that fails for a taken port must not have made a password that nobody saw, nor a ledger that says "restart".
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from hub.api.tls import server_context
from hub.errors import SettingsError
from hub.settings import Settings

MAX_CONNECTIONS = 2000
"""Of all callers. Files of recordings and connections of cameras need descriptors too."""
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Door:
    """Sockets that listen already; who knocks waits until :meth:`admit`. ``tls`` is None for plain HTTP."""

    sockets: tuple[socket.socket, ...]
    tls: ssl.SSLContext | None

    async def admit(self, runner: web.AppRunner, per_address: int | None) -> None:
        """Serve from now on, at most ``per_address`` connections from one address."""
        for one in self.sockets:
            await _Site(runner, one, self.tls, per_address).start()

    def close(self) -> None:
        """Nobody knocks any more. May be called again."""
        for one in self.sockets:
            one.close()


def open_door(settings: Settings) -> Door:
    """Listen on ``settings.listen``. Raises SettingsError: plain HTTP beyond loopback, TLS files that cannot be
    used, an address that is taken or is not this machine's."""
    return _open(settings.listen, server_context(settings), "listen")


def open_node_door(settings: Settings) -> Door:
    """Listen on ``settings.node_listen``, for the other nodes of a cluster alone: plain HTTP. Raises SettingsError."""
    return _open(settings.node_listen, None, "node_listen")


def _open(listen: str, context: ssl.SSLContext | None, setting: str) -> Door:
    host, _, port = listen.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return Door(_listening(dict.fromkeys((family, address) for family, _, _, _, address in found)), context)
    except OSError as error:
        advice = "stop what listens there, or choose another" if error.errno == errno.EADDRINUSE else "choose another"
        raise SettingsError(f"cannot listen on {listen}: {error.strerror}; {advice} ({setting})") from error


def _listening(places: dict[tuple[socket.AddressFamily, tuple[object, ...]], None]) -> tuple[socket.socket, ...]:
    """One socket for each address that this machine has; ``localhost`` often names one that it has not."""
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    for family, address in places:
        one = socket.socket(family)
        sockets.append(one)
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(address)
            one.listen(_BACKLOG)
        except OSError as error:
            sockets.pop().close()
            if error.errno != errno.EADDRNOTAVAIL:
                for other in sockets:
                    other.close()
                raise
            absent = error
    if not sockets and absent is not None:
        raise absent
    return tuple(sockets)


class _Site(web.SockSite):
    """A listening socket whose connections pass the gate."""

    def __init__(
        self, runner: web.AppRunner, sock: socket.socket, context: ssl.SSLContext | None, per_address: int | None
    ) -> None:
        super().__init__(runner, sock, ssl_context=context, backlog=_BACKLOG)
        self._per_address = per_address

    async def start(self) -> None:
        await web.BaseSite.start(self)
        server = self._runner.server
        assert server is not None
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Gate(server, self._per_address), sock=self._sock, ssl=self._ssl_context, backlog=self._backlog
        )


class _Gate(asyncio.Protocol):
    """Hands a new connection on to aiohttp, or hangs up when there are too many.

    aiohttp bounds how long a caller may take for its headers (``KEEPALIVE_S``), but not how many may do so.
    """

    def __init__(self, server: web.Server, per_address: int | None) -> None:
        self._server = server
        self._per_address = per_address

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        if self._has_room(transport):
            handler = self._server()
            transport.set_protocol(handler)
            handler.connection_made(transport)
        else:
            transport.abort()

    def _has_room(self, transport: asyncio.Transport) -> bool:
        connected = self._server.connections
        if len(connected) >= MAX_CONNECTIONS:
            return False
        if self._per_address is None or len(connected) < self._per_address:
            return True
        host = _host(transport.get_extra_info("peername"))
        return sum(_host(one.peername) == host for one in connected) < self._per_address


def _host(peer: object) -> object:
    return peer[0] if isinstance(peer, tuple) else peer
