"""The RTSP client: one attempt at one camera, from connecting to the end of its media.

The story is :meth:`RtspClient.run_once`; the dialogue (requests, authentication) is in ``dialogue.py``.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import replace

from hub.clock import Clock
from hub.errors import SourceError
from hub.ingest.reorder import US_PER_MS, ReorderWindow
from hub.ingest.rtsp.connection import RtspConnection
from hub.ingest.rtsp.dialogue import Dialogue, Redirected
from hub.ingest.rtsp.session import RtspSession, SessionRules, session_description
from hub.ingest.rtsp.url import RtspUrl, parse_url, redact_url
from hub.ingest.sdp import control_url
from hub.ingest.sockets import SocketGroup
from hub.model import MediaSink, RtspSource, Transport

MAX_REDIRECTS = 5
_TEARDOWN_S = 1.0


class RtspClient:
    """Pulls ``source`` into ``sink``.

    ``timeout_s``: a camera that does not answer a call. ``silence_s``: a camera that sends no media.
    ``reorder_ms``: how long UDP packets wait for a missing one. ``verify_tls``: whether the certificate
    of an ``rtsps`` camera must lead to a known authority and name the camera. It is off by default:
    cameras sign their own, and a hub that refuses them would be why footage is missing; TLS then still
    keeps out whoever only listens. ``tls``: a context of one's own, for instance with the cameras' CA.
    ``sockets``: what its socket is read together with; alone unless given.
    """

    def __init__(
        self,
        source: RtspSource,
        sink: MediaSink,
        clock: Clock,
        *,
        timeout_s: float = 10.0,
        silence_s: float = 10.0,
        reorder_ms: int = 100,
        verify_tls: bool = False,
        tls: ssl.SSLContext | None = None,
        sockets: SocketGroup | None = None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._clock = clock
        self._sockets = sockets or SocketGroup(clock)
        self._timeout_s = timeout_s
        hold_us = reorder_ms * US_PER_MS
        window = ReorderWindow(hold_us=hold_us, settle_us=hold_us // 2) if source.transport is Transport.UDP else None
        self._rules = SessionRules(silence_s, window)
        self._tls = tls
        self._verify_tls = verify_tls

    async def run_once(self) -> str:
        """Connects, plays, and delivers until it ends; returns why. Never tries again by itself.

        Raises SourceError with one of the codes unreachable, tls, timeout, unauthorized, not_found,
        protocol, no_media, unsupported_codec, silent. Cancelling it sends TEARDOWN and closes.
        """
        url = parse_url(self._source.url)
        for _ in range(MAX_REDIRECTS + 1):
            try:
                return await self._attempt(url)
            except Redirected as redirected:
                url = _follow(url, redirected.location)
        raise SourceError(f"{redact_url(self._source.url)} redirects more than {MAX_REDIRECTS} times", code="protocol")

    async def _attempt(self, url: RtspUrl) -> str:
        connection = await self._connect(url)
        dialogue = Dialogue(connection, url, self._timeout_s)
        session = RtspSession(connection, dialogue, url, self._sink, self._clock, self._rules, self._sockets)
        try:
            await dialogue.options()
            answer = await dialogue.request("DESCRIBE", url.request, {"Accept": "application/sdp"})
            await session.set_up(session_description(answer, url), answer.first("server"))
            await session.play()
            return await session.deliver()
        finally:
            session.stop()
            await dialogue.teardown(_TEARDOWN_S)
            connection.close()

    async def _connect(self, url: RtspUrl) -> RtspConnection:
        loop = asyncio.get_running_loop()
        context = self._tls_context() if url.tls else None
        where = f"{url.host}:{url.port}"
        try:
            async with asyncio.timeout(self._timeout_s):
                transport, connection = await loop.create_connection(
                    lambda: RtspConnection(self._clock, self._sink.complaint),
                    url.host,
                    url.port,
                    ssl=context,
                    server_hostname=url.host if context is not None else None,
                )
        except TimeoutError as error:
            raise SourceError(f"{where} does not answer within {self._timeout_s:g} s", code="timeout") from error
        except ssl.SSLError as error:
            raise SourceError(f"no TLS with {where}: {error.reason or error}", code="tls") from error
        except (OSError, UnicodeError) as error:
            raise SourceError(f"cannot connect to {where}: {_reason(error)}", code="unreachable") from error
        if context is None:
            connection.read_with(self._sockets)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is not None:
            return self._tls
        if self._verify_tls:
            context = ssl.create_default_context()
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _follow(url: RtspUrl, location: str) -> RtspUrl:
    """Where a redirect leads, with the credentials we have, unless it brings its own.

    Raises SourceError where it would carry them from TLS into the clear.
    """
    target = parse_url(control_url(url.request, location))
    if url.tls and not target.tls:
        raise SourceError(f"a redirect from rtsps to {redact_url(location)}: not followed", code="protocol")
    if target.username is None and url.username is not None:
        target = replace(target, username=url.username, password=url.password)
    return target
