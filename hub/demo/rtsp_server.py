"""Simulated RTSP cameras: one listening port, any number of mounts (RFC 2326; TCP interleaved and UDP)."""

from __future__ import annotations

import asyncio
import re
import secrets
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from hub.clock import US_PER_S, Clock, SystemClock
from hub.demo.device import Device, MediaSession, fresh_start
from hub.demo.feed import INTERLEAVE_SIZE, FeedStart
from hub.demo.pacer import Pacer
from hub.demo.rtsp_text import Challenge, Request, answer, authorized, challenge, describe, take_request
from hub.errors import MediaError

_SEND_LIMIT = 32 * 1024 * 1024  # a client this far behind is cut off: a camera keeps no more either
_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"


@dataclass(frozen=True, slots=True)
class RtspRules:
    """How the server behaves. ``session_timeout_s``: told in Session, and enforced."""

    challenge: Challenge = "none"
    user: str = "admin"
    password: str = "camera"  # noqa: S105 - of a simulated camera
    session_timeout_s: int = 60


class RtspServer:
    """Serves devices at ``/cam/1``, ``/cam/2`` … in their order. ``start()``, then :meth:`url`."""

    def __init__(
        self,
        devices: Sequence[Device],
        *,
        rules: RtspRules | None = None,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.devices, self.rules = tuple(devices), rules or RtspRules()
        self.clock = clock or SystemClock()
        self.pacer = Pacer(self.clock)
        self._host, self._port, self._tls = host, port, tls
        self._server: asyncio.Server | None = None
        self.datagrams: tuple[asyncio.DatagramTransport, asyncio.DatagramTransport] | None = None
        self.connections: set[_Connection] = set()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), self._host, self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]
        self.datagrams = await self._open_datagrams()

    async def close(self) -> None:
        """An orderly end: every session gets its RTCP BYE."""
        for connection in tuple(self.connections):
            connection.leave("simulator stops")
        self.pacer.close()
        for transport in self.datagrams or ():
            transport.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await asyncio.sleep(0)

    @property
    def port(self) -> int:
        return self._port

    @property
    def server_ports(self) -> tuple[int, int]:
        """The UDP ports that RTP and RTCP leave from."""
        assert self.datagrams is not None
        first, second = (transport.get_extra_info("sockname")[1] for transport in self.datagrams)
        return first, second

    def url(self, mount: int, *, credentials: bool = True) -> str:
        """Where device ``mount`` (from 1) is served."""
        scheme = "rtsps" if self._tls else "rtsp"
        user = f"{self.rules.user}:{self.rules.password}@" if credentials and self.rules.challenge != "none" else ""
        return f"{scheme}://{user}{self._host}:{self._port}/cam/{mount}"

    def device_at(self, url: str) -> tuple[Device, int | None] | None:
        """The device of a URL, and the track number behind it (from 1) if there is one. Each is there a second time
        where a Hikvision recorder has its channels, so that vendors' addresses can be tried."""
        found = re.fullmatch(
            r"(?:rtsps?://[^/]+)?/(?:cam/([0-9]{1,5})|Streaming/Channels/([0-9]{1,4})0[12])"
            r"(?:/(?:trackID=([0-9]{1,2}))?)?",
            url,
        )
        number = 0 if found is None else int(found[1] or found[2])
        if found is None or not 0 < number <= len(self.devices):
            return None
        return self.devices[number - 1], int(found[3]) if found[3] else None

    async def _open_datagrams(self) -> tuple[asyncio.DatagramTransport, asyncio.DatagramTransport]:
        """An even port for RTP and the next one for RTCP (RFC 3550 §11)."""
        loop = asyncio.get_running_loop()
        for _ in range(50):
            first, _ = await loop.create_datagram_endpoint(lambda: _Reports(self), (self._host, 0))
            port = first.get_extra_info("sockname")[1]
            if port % 2 == 0:
                try:
                    second, _ = await loop.create_datagram_endpoint(lambda: _Reports(self), (self._host, port + 1))
                except OSError:
                    first.close()
                    continue
                return first, second
            first.close()
        raise OSError("no two neighbouring UDP ports are free")


class _Reports(asyncio.DatagramProtocol):
    """Receiver reports by UDP: whoever sends them is alive."""

    def __init__(self, server: RtspServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:  # noqa: ARG002 - asyncio's
        for connection in self._server.connections:
            connection.heard_from(addr[0], addr[1])

    def error_received(self, exc: Exception) -> None:
        """A receiver's port is closed already: its TEARDOWN or its timeout will tell."""


class _Connection(asyncio.Protocol):
    """One client: at most one session on one mount."""

    def __init__(self, server: RtspServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._nonce = secrets.token_hex(16)
        self._id = secrets.token_hex(8)
        self._device: Device | None = None
        self._starts: dict[int, FeedStart] = {}
        self._ports: dict[int, tuple[int, int]] = {}
        self._session: MediaSession | None = None
        self._heard_us = server.clock.now().mono_us
        self._methods: dict[str, Callable[[Request], bytes]] = {
            "OPTIONS": lambda request: answer(request, 200, {"Public": _METHODS}),
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "GET_PARAMETER": lambda request: answer(request, 200, {"Session": self._id}),
            "TEARDOWN": self._teardown,
        }

    # ---------------------------------------------------------------------------- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = self._transport.get_extra_info("peername")[0]
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._server.connections.discard(self)
        self._end()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._heard_us = self._server.clock.now().mono_us
        try:
            while self._transport is not None and (message := take_request(self._buffer)) is not None:
                if isinstance(message, Request):
                    self._handle(message)
        except MediaError:
            self._abort()

    def heard_from(self, host: object, port: object) -> None:
        """A datagram came from this address."""
        if host == self._peer and any(port in pair for pair in self._ports.values()):
            self._heard_us = self._server.clock.now().mono_us

    def leave(self, reason: str) -> None:
        """RTCP BYE, then the connection is closed in order."""
        if self._session is not None:
            self._session.say_goodbye(reason)
        self._end()
        if self._transport is not None:
            self._transport.close()

    def _abort(self) -> None:
        """Torn off: nothing said. Not a TCP reset, which would also take back what has arrived but was not read."""
        self._end()
        if self._transport is not None:
            self._transport.abort()

    def _end(self) -> None:
        if self._session is not None:
            self._server.pacer.remove(self._session)
            self._session.close()
            self._session = None

    # ------------------------------------------------------------------------------ the methods

    def _handle(self, request: Request) -> None:
        assert self._transport is not None
        found = self._server.device_at(request.url)
        if found is not None and found[0].effects(self._server.clock.now()).away:
            self._abort()
            return
        rules = self._server.rules
        method = self._methods.get(request.method)
        if method is None:
            reply = answer(request, 405, {"Allow": _METHODS})
        elif request.method != "OPTIONS" and not authorized(
            rules.challenge, request, self._nonce, rules.user, rules.password
        ):
            reply = answer(request, 401, {"WWW-Authenticate": challenge(rules.challenge, self._nonce)})
        elif found is None and request.method in ("DESCRIBE", "SETUP"):
            reply = answer(request, 404)
        else:
            reply = method(request)
        # PLAY's first packets come from the pacer, so after this answer.
        self._transport.write(reply)
        if request.method == "TEARDOWN":
            self._transport.close()

    def _describe(self, request: Request) -> bytes:
        device, _ = cast(tuple[Device, int | None], self._server.device_at(request.url))
        base = request.url.split("?")[0].rstrip("/") + "/"
        headers = {"Content-Base": base, "Content-Type": "application/sdp"}
        return answer(request, 200, headers, describe(device.name, device.tracks))

    def _setup(self, request: Request) -> bytes:
        device, number = cast(tuple[Device, int | None], self._server.device_at(request.url))
        if number is None and len(device.tracks) == 1:
            number = 1
        if number is None or not 0 < number <= len(device.tracks):
            return answer(request, 404)
        if self._session is not None or (self._device is not None and self._device is not device):
            return answer(request, 455)
        chosen = self._choose_transport(request.headers.get("transport", ""), number - 1)
        if chosen is None:
            return answer(request, 461)
        self._device = device
        session = f"{self._id};timeout={self._server.rules.session_timeout_s}"
        return answer(request, 200, {"Transport": chosen, "Session": session})

    def _choose_transport(self, offers: str, track: int) -> str | None:
        """The first offer that we can serve, as we answer it (RFC 2326 §12.39)."""
        for offer in offers.split(","):
            start = fresh_start()
            if "RTP/AVP/TCP" in offer:
                found = re.search(r"interleaved=([0-9]{1,3})-([0-9]{1,3})", offer)
                channel = int(found[1]) if found and int(found[1]) < 255 else 2 * track
                self._starts[track] = fresh_start(channel, start.ssrc)
                self._ports.pop(track, None)
                return f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1};ssrc={start.ssrc:08X}"
            ports = re.search(r"client_port=([0-9]{1,5})-([0-9]{1,5})", offer)
            if ports and "multicast" not in offer and max(int(ports[1]), int(ports[2])) <= 65535:
                self._starts[track] = start
                self._ports[track] = int(ports[1]), int(ports[2])
                first, second = self._server.server_ports
                pair = f"{ports[1]}-{ports[2]}"
                return f"RTP/AVP;unicast;client_port={pair};server_port={first}-{second};ssrc={start.ssrc:08X}"
        return None

    def _play(self, request: Request) -> bytes:
        if self._device is None or not self._starts:
            return answer(request, 455)
        if self._session is None:
            now = self._server.clock.now()
            self._session = MediaSession(self._device, self._starts, now, self._send, self._send_rtcp)
            self._server.pacer.add(self._session, self._finish)
        base = request.url.rstrip("/")
        info = ",".join(
            f"url={base}/trackID={index + 1};seq={feed.seq & 0xFFFF};rtptime={feed.next_ticks}"
            for index, feed in self._session.feeds.items()
        )
        return answer(request, 200, {"Session": self._id, "Range": "npt=0.000-", "RTP-Info": info})

    def _teardown(self, request: Request) -> bytes:
        self._end()
        return answer(request, 200, {"Session": self._id})

    # -------------------------------------------------------------------------------- the media

    def _finish(self, why: str) -> None:
        """The device ended the session."""
        if why == "goodbye":
            self.leave("device switched off")
        else:
            self._abort()

    def _send(self, track: int, parts: list[bytes]) -> None:
        transport = self._transport
        if transport is None:
            return
        if track in self._ports:
            assert self._server.datagrams is not None
            address = (self._peer, self._ports[track][0])
            send = self._server.datagrams[0].sendto
            for index in range(0, len(parts), 2):
                send(parts[index][INTERLEAVE_SIZE:] + parts[index + 1], address)
        else:
            transport.write(b"".join(parts))
        if transport.get_write_buffer_size() > _SEND_LIMIT or self._expired():
            asyncio.get_running_loop().call_soon(self._abort)

    def _send_rtcp(self, track: int, packet: bytes) -> None:
        if self._transport is None:
            return
        if track in self._ports:
            assert self._server.datagrams is not None
            self._server.datagrams[1].sendto(packet, (self._peer, self._ports[track][1]))
        else:
            channel = self._starts[track].channel + 1
            self._transport.write(b"$" + bytes([channel]) + len(packet).to_bytes(2, "big") + packet)

    def _expired(self) -> bool:
        silent_us = self._server.clock.now().mono_us - self._heard_us
        return silent_us > self._server.rules.session_timeout_s * US_PER_S
