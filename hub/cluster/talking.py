"""A socket to another node that one task writes into: both end together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp


@asynccontextmanager
async def talking(socket: aiohttp.ClientWebSocketResponse, writer: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """``writer`` runs beside what is done within; then it is cancelled, and the socket closed, in this order: a
    message that is half written would be closed upon. Closed it is even if this is cancelled while it waits."""
    writing = asyncio.create_task(writer)
    try:
        yield
    finally:
        writing.cancel()
        try:
            await asyncio.wait([writing])
        finally:
            await socket.close()
