"""The public door of a cluster: an API node. It moves bytes, and decides nothing.

The page is served from here, walls are put together here from what the recording nodes send, and everything else is
the office's, wherever that is at this moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hub.api import web_page
from hub.api.door import Door
from hub.api.errors import errors_middleware
from hub.api.gauges import Snapshot
from hub.api.playback import FILLED, INIT, REEL, Reels, send_filled, send_init, send_reel
from hub.api.server import serve
from hub.app.calls import cluster_session
from hub.app.far_wall import FarWalls
from hub.app.front import url_of
from hub.app.node_door import BELOW, BYTES, DRAIN, no_office
from hub.app.passing import PASSED, Passing
from hub.clock import Clock
from hub.cluster.live import FarFeeds, Owner
from hub.errors import NotFound
from hub.settings import Settings
from hub.shelf import Shelf


class Gateway:
    """Made by :meth:`running`. ``url`` is where it listens."""

    def __init__(self, settings: Settings, passing: Passing, walls: FarWalls, shelf: Shelf | None) -> None:
        self._settings = settings
        self._shelf = shelf
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
        shelf: Shelf | None = None,
        page: Path = web_page.PAGE,
    ) -> AsyncIterator[Gateway]:
        """From the moment that it serves until the block ends. ``leader`` and ``owner`` say addresses, from memory;
        ``node_headers`` bear the cluster's secret. ``shelf``: where reels are; None: the office sends their bytes."""
        async with AsyncExitStack() as stack:
            to_office = await stack.enter_async_context(cluster_session({}))
            to_nodes = await stack.enter_async_context(cluster_session(node_headers))
            feeds = FarFeeds(to_nodes, clock, owner)
            following = asyncio.create_task(feeds.run(), name="far feeds")
            stack.push_async_callback(_cancelled, following)
            passing = Passing(settings, to_office, leader)
            walls = FarWalls(passing, feeds, clock, round(settings.viewer_queue_mb * (1 << 20)))
            gateway = cls(settings, passing, walls, shelf)
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
        for path in ("", "/init.mp4", "/filled.mp4"):
            app.router.add_get(f"/api/streams/{{id}}/reels/{{day}}/{{file}}{path}", self._bytes)
        app.router.add_get("/{file}", web_page.root_file)
        app.router.add_route("*", "/{path:.*}", self._pass)
        app.on_response_prepare.append(self._headers)
        return app

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(BELOW) or request.path == DRAIN:
            raise NotFound(f"{request.method} {request.path}: Not Found")
        return await self._passing.call(request)

    async def _bytes(self, request: web.Request) -> web.StreamResponse:
        """Of recordings: the office says whether they may be had, and notes it; they are sent from here."""
        if self._shelf is None:
            return await self._passing.call(request)
        answer = await self._passing.ask(request, {BYTES: "1"})
        if answer is None:
            return no_office()
        what = answer.headers.get(BYTES, "")
        if answer.status != 200 or what not in _SENDERS:
            return await self._passing.answer(request, answer)
        answer.release()
        asked = request.match_info
        return await _SENDERS[what](request, Reels(self._shelf, asked["id"]), f"{asked['day']}/{asked['file']}")

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


_SENDERS: Mapping[str, Callable[[web.Request, Reels, str], Awaitable[web.StreamResponse]]] = {
    REEL: send_reel,
    INIT: send_init,
    FILLED: send_filled,
}


async def healthz(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def node_metrics(now: Snapshot) -> web.Response:
    """Prometheus text of this process."""
    text = await asyncio.to_thread(lambda: now.text() + generate_latest())
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
