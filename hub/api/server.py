"""Builds the web application from the route table, and serves it."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from hub.api import events, interruptions, live, playback, sessions, sockets, streams, system, timelines, web_page, whip
from hub.api.access_log import AccessLog
from hub.api.auth import auth_middleware
from hub.api.errors import errors_middleware
from hub.api.openapi import openapi
from hub.api.routes import Route, add_routes
from hub.api.services import SERVICES, Services
from hub.api.tls import server_context
from hub.settings import Settings

ROUTES: tuple[Route, ...] = (
    *system.ROUTES,
    *sessions.ROUTES,
    *streams.ROUTES,
    *timelines.ROUTES,
    *playback.ROUTES,
    *interruptions.ROUTES,
    *events.ROUTES,
    *live.ROUTES,
    *whip.ROUTES,
    *web_page.ROUTES,
)

STOP_S = 3.0
"""How long calls that still run may take when the hub stops. Recording does not wait for them."""
KEEPALIVE_S = 75.0
MAX_LINE_BYTES = 8190
MAX_HEADER_BYTES = 8190
MAX_HEADERS = 64


def build_app(services: Services, settings: Settings, *, page: Path = web_page.PAGE) -> web.Application:
    """The application, ready for :func:`serve`. ``page`` is the folder of the built page; it may be missing."""
    app = web.Application(middlewares=[errors_middleware, auth_middleware], client_max_size=settings.max_body_kb * 1024)
    app[SERVICES] = services
    app[system.OPENAPI] = openapi(ROUTES)
    app[web_page.PAGE_DIR] = page
    app[playback.GROWING] = playback.GrowingPlaylists()
    add_routes(app, ROUTES)
    sockets.install(app)
    app.on_response_prepare.append(web_page.prepare_headers)
    return app


async def serve(app: web.Application, settings: Settings) -> web.AppRunner:
    """Listen on ``settings.listen``. The caller ends it with ``runner.cleanup()``; ``runner.addresses`` says where.

    Raises SettingsError for plain HTTP beyond loopback and for TLS files that cannot be used, OSError for an
    address that is taken.
    """
    context = server_context(settings)
    runner = web.AppRunner(
        app,
        access_log_class=AccessLog,
        shutdown_timeout=STOP_S,
        keepalive_timeout=KEEPALIVE_S,
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        max_headers=MAX_HEADERS,
        lingering_time=2.0,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port, ssl_context=context).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner
