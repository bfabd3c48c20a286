"""Where people's calls come in: the public door of a hub that is one process, or the door of a cluster's node."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Protocol

from aiohttp import web

from hub.api.door import open_door
from hub.api.server import STOP_S, serve
from hub.app.node_door import Office
from hub.settings import Settings

_LOOK_S = 0.05


class Front(Protocol):
    """Made before anything else is begun: what is refused here must leave nothing behind."""

    async def serve(self, app: web.Application, stack: AsyncExitStack) -> str:
        """People are served from here on, until the stack ends; the address of the page."""
        ...

    def close(self) -> None:
        """May be called again."""
        ...


class PublicDoor:
    """``listen``, with TLS. Raises SettingsError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._door = open_door(settings)

    async def serve(self, app: web.Application, stack: AsyncExitStack) -> str:
        runner = await serve(app, self._settings, self._door)
        stack.push_async_callback(runner.cleanup)
        return url_of(runner, self._settings)

    def close(self) -> None:
        self._door.close()


class ByGateways:
    """The office of a cluster: API nodes pass on what people ask, to the door of this node."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def serve(self, app: web.Application, stack: AsyncExitStack) -> str:
        app.freeze()
        await app.startup()
        stack.push_async_callback(self._end, app)
        self._office.app = app
        return ""

    async def _end(self, app: web.Application) -> None:
        """As a server's runner does: nothing new, sockets are closed, what still runs has its time."""
        self._office.app = None
        await app.shutdown()
        for _ in range(round(STOP_S / _LOOK_S)):
            if not self._office.calls:
                break
            await asyncio.sleep(_LOOK_S)
        await app.cleanup()

    def close(self) -> None:
        self._office.app = None


def url_of(runner: web.AppRunner, settings: Settings) -> str:
    """Where a browser finds the page. Port 0 means that the system chose one."""
    scheme = "https" if settings.tls_cert else "http"
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104  compared, not bound
    port = runner.addresses[0][1]
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"
