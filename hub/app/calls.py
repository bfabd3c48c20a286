"""Calls to other nodes of the cluster. A refusal there is the same refusal here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import hdrs

from hub.errors import Conflict, HubError, InvalidRequest, NotFound, Unavailable

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 4 << 20
NO_NODE = "node_unreachable"
_OF_STATUS: Mapping[int, type[HubError]] = {400: InvalidRequest, 404: NotFound, 409: Conflict, 422: InvalidRequest}


class Calls:
    """``session`` bears the cluster's secret."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def json(self, method: str, url: str, body: Any = None, *, timeout_s: float = TIMEOUT_S) -> Any:
        """The answer's JSON; None: it has none. Raises HubError."""
        _, _, data = await self.bytes(method, url, body, timeout_s=timeout_s)
        try:
            return json.loads(data) if data else None
        except ValueError:
            raise Unavailable("another node's answer cannot be read", code=NO_NODE) from None

    async def bytes(
        self, method: str, url: str, body: Any = None, *, timeout_s: float = TIMEOUT_S
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status below 300, headers and body of the answer. Raises HubError."""
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self.session.request(method, url, json=body, timeout=timeout, allow_redirects=False) as answer:
                data = b""
                async for block in answer.content.iter_chunked(1 << 16):
                    data += block
                    if len(data) > MAX_ANSWER_BYTES:
                        raise Unavailable("another node's answer is too long", code=NO_NODE)
                if answer.status >= 300:
                    raise _refused(answer.status, data)
                return answer.status, answer.headers, data
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"another node cannot be reached: {error!r}", code=NO_NODE) from error


def _refused(status: int, data: bytes) -> HubError:
    try:
        said = json.loads(data)["error"]
        code, message = str(said["code"]), str(said["message"])
    except (ValueError, KeyError, TypeError):
        code, message = NO_NODE, f"another node answered {status}"
    return _OF_STATUS.get(status, Unavailable)(message, code=code)


def cluster_session(headers: Mapping[str, str]) -> aiohttp.ClientSession:
    """For calls to nodes: no cookies are kept, connections are bounded."""
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=256, keepalive_timeout=30)
    return aiohttp.ClientSession(
        headers=headers, connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False,
        skip_auto_headers=(hdrs.USER_AGENT, hdrs.CONTENT_TYPE, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING),
    )  # fmt: skip
