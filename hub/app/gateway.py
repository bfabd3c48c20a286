"""The public door of a cluster: an API node. It moves bytes, and decides nothing.

The page is served from here, walls are put together here from what the recording nodes send, and everything else is
the office's, wherever that is at this moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hub.api import web_page
from hub.api.door import Door
from hub.api.errors import errors_middleware
from hub.api.server import serve
from hub.app.calls import cluster_session
from hub.app.far_wall import FarWalls
from hub.app.front import url_of
from hub.app.node_door import BELOW, DRAIN
from hub.app.passing import PASSED, Passing
from hub.clock import Clock
from hub.cluster.live import FarFeeds, Owner
from hub.errors import NotFound
from hub.settings import Settings


class Gateway:
    """Made by :meth:`running`. ``url`` is where it listens."""

    def __init__(self, settings: Settings, passing: Passing, walls: FarWalls) -> None:
        self._settings = settings
        self._passing = passing
        self._walls = walls
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        settings: Settings,
        clock: Clock,
        door: Door,
        *,
        leader: Callable[[], str | None],
        owner: Owner,
        node_headers: Mapping[str, str],
        page: Path = web_page.PAGE,
    ) -> AsyncIterator[Gateway]:
        """From the moment that it serves until the block ends. ``leader`` and ``owner`` say addresses, from memory;
        ``node_headers`` bear the cluster's secret."""
        async with AsyncExitStack() as stack:
            to_office = await stack.enter_async_context(cluster_session({}))
            to_nodes = await stack.enter_async_context(cluster_session(node_headers))
            feeds = FarFeeds(to_nodes, clock, owner)
            following = asyncio.create_task(feeds.run(), name="far feeds")
            stack.push_async_callback(_cancelled, following)
            passing = Passing(settings, to_office, leader)
            walls = FarWalls(passing, feeds, clock, round(settings.viewer_queue_mb * (1 << 20)))
            gateway = cls(settings, passing, walls)
            runner = await serve(gateway.app(page), settings, door)
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(walls.close)
            gateway.url = url_of(runner, settings)
            yield gateway

    def app(self, page: Path) -> web.Application:
        app = web.Application(middlewares=[errors_middleware])
        app[web_page.PAGE_DIR] = page
        app.router.add_get("/healthz", healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/", web_page.index)
        app.router.add_get("/recorder", web_page.recorder)
        app.router.add_get("/assets/{file}", web_page.asset)
        app.router.add_route(hdrs.METH_GET, "/api/live", self._walls.live)
        app.router.add_route(hdrs.METH_GET, "/api/events", self._passing.socket)
        app.router.add_get("/metrics", self._pass)
        app.router.add_get("/{file}", web_page.root_file)
        app.router.add_route("*", "/{path:.*}", self._pass)
        app.on_response_prepare.append(self._headers)
        return app

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(BELOW) or request.path == DRAIN:
            raise NotFound(f"{request.method} {request.path}: Not Found")
        return await self._passing.call(request)

    async def _readyz(self, _request: web.Request) -> web.Response:
        """It can serve walls and the page without an office, and says so: another leads within seconds."""
        leads = self._passing.leads
        checks = {"office": "ok" if leads else "ok, but nobody leads the office at this moment"}
        return web.json_response({"ready": True, "checks": checks})

    async def _headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Those of the office's answers are the office's own."""
        if not request.get(PASSED):
            origin = request.headers.get(hdrs.ORIGIN)
            web_page.guard_headers(request, response, origin if origin in self._settings.origins else None)


async def healthz(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def node_metrics(_request: web.Request) -> web.Response:
    """GET /metrics: Prometheus text of this process."""
    text = await asyncio.to_thread(generate_latest)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
