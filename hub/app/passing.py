"""Calls that an API node passes on to the office: streamed both ways, nothing is held in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import aiohttp
from aiohttp import WSCloseCode, WSMessage, WSMsgType, hdrs, web
from multidict import CIMultiDict
from yarl import URL

from hub.api.auth import address_of, is_secure
from hub.api.sockets import HEARTBEAT_S, MAX_MESSAGE_BYTES
from hub.app.node_door import ADDRESS, BYTES, GATEWAY, SCHEME, WALL, no_office, passed_on
from hub.settings import Settings

CONNECT_S = 3.0
CLOSE_S = 3.0
READ_S = 120.0
"""An office that says nothing for so long is gone; a calendar year is computed in less."""
INTERNAL = frozenset(name.lower() for name in (GATEWAY, ADDRESS, SCHEME, WALL, BYTES))
PASSED: web.RequestKey[bool] = web.RequestKey("passed", bool)
"""The answer's headers are the office's."""
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "proxy-connection", "expect", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"}
)
_OF_SOCKETS = frozenset(
    {"sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol"}
)


class Passing:
    """``leader``: the office's address now; None: nobody leads."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, leader: Callable[[], str | None]) -> None:
        self._settings = settings
        self.session = session
        self._leader = leader

    @property
    def leads(self) -> bool:
        return self._leader() is not None

    def url(self, request: web.Request) -> URL | None:
        """Where the same call is answered; None: nobody leads."""
        leader = self._leader()
        return None if leader is None else URL(leader + request.raw_path, encoded=True)

    def headers(self, request: web.Request, more: Mapping[str, str] | None = None) -> CIMultiDict[str]:
        """Those of the caller that are for the office, and who it is."""
        named = {one.strip().lower() for one in request.headers.get(hdrs.CONNECTION, "").split(",")}
        kept = CIMultiDict(
            (name, value)
            for name, value in request.headers.items()
            if name.lower() not in _HOP_BY_HOP | INTERNAL | _OF_SOCKETS | named
        )
        scheme = "https" if is_secure(request, self._settings) else "http"
        kept.update(passed_on(self._settings, address_of(request, self._settings), scheme))
        kept.update(more or {})
        return kept

    async def ask(self, request: web.Request, more: Mapping[str, str] | None = None) -> aiohttp.ClientResponse | None:
        """The office's answer, its body not read yet; None: nobody answers."""
        url = self.url(request)
        if url is None:
            return None
        headers = self.headers(request, more)
        if not request.can_read_body:
            headers.popall(hdrs.CONTENT_LENGTH, None)
        try:
            return await self.session.request(
                request.method,
                url,
                headers=headers,
                data=request.content if request.can_read_body else None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S),
            )
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Any call that is no WebSocket."""
        answer = await self.ask(request)
        return no_office() if answer is None else await self.answer(request, answer)

    async def answer(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """What the office answered, to who asked."""
        async with answer:
            request[PASSED] = True
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP_BY_HOP | INTERNAL:
                    response.headers.add(name, value)
            await response.prepare(request)
            try:
                if request.method != hdrs.METH_HEAD:
                    async for block in answer.content.iter_any():
                        await response.write(block)
                await response.write_eof()
            except (aiohttp.ClientError, TimeoutError):  # it broke off: so must what is sent
                if request.transport is not None:
                    request.transport.abort()
            return response

    # --------------------------------------------------------------------------------- WebSockets

    async def open_socket(
        self, request: web.Request, more: Mapping[str, str] | None = None
    ) -> aiohttp.ClientWebSocketResponse | web.StreamResponse:
        """The same WebSocket at the office; or why not, which has been sent to the caller."""
        url = self.url(request)
        if url is None:
            return no_office()
        try:
            async with asyncio.timeout(CONNECT_S):
                return await self.session.ws_connect(
                    url, headers=self.headers(request, more), heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                )  # fmt: skip
        except aiohttp.WSServerHandshakeError:
            return await self.call(request)  # asked without the upgrade it says why, in words
        except (aiohttp.ClientError, OSError, TimeoutError):
            return no_office()

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """A WebSocket, message by message."""
        far = await self.open_socket(request)
        if isinstance(far, web.StreamResponse):
            return far
        near = web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=False, max_msg_size=MAX_MESSAGE_BYTES)
        try:
            await near.prepare(request)
            coming = asyncio.create_task(_pump(far, near))
            try:
                await _pump(near, far)
                await asyncio.wait([coming], timeout=CLOSE_S)  # it may be the one that closes
            finally:
                coming.cancel()
                await asyncio.wait([coming])
        finally:
            await far.close()
        return near


_DATA = (WSMsgType.TEXT, WSMsgType.BINARY)
_NOT_SENT = (1005, 1006, 1015)
"""Codes that no frame may carry (RFC 6455 §7.4.1)."""
Socket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


async def _pump(one: Socket, other: Socket) -> None:
    """Until ``one`` closes; then the other closes for the same reason."""
    with contextlib.suppress(ConnectionError):
        while (message := await one.receive()).type in _DATA:
            if message.type is WSMsgType.TEXT:
                await other.send_str(message.data)
            else:
                await other.send_bytes(message.data)
        code, reason = closing(message)
        await other.close(code=code, message=reason)


def closing(message: WSMessage) -> tuple[int, bytes]:
    """Code and reason of what ended a socket. The socket's own ``close_code`` is lost where a peer hangs up."""
    if message.type is WSMsgType.CLOSE and isinstance(message.data, int) and message.data not in _NOT_SENT:
        return message.data, str(message.extra or "").encode()[:120]
    return WSCloseCode.GOING_AWAY, b""
