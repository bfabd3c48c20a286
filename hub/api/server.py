"""Builds the web application from the route table, and serves it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from hub.api import (
    accesses,
    activities,
    alarm_pictures,
    anchors,
    balance,
    chunks,
    completeness,
    completeness_report,
    devices,
    duty,
    events,
    exports,
    followup,
    footage_upload,
    grabs,
    halls,
    incidents,
    inspection,
    interruptions,
    labels,
    live,
    log,
    looks,
    maintenance,
    maps,
    missing,
    nodes,
    notices,
    oidc,
    operations,
    people,
    playback,
    played,
    retention,
    sessions,
    sockets,
    stills,
    streams,
    system,
    telemetry,
    timelines,
    units,
    walls,
    web_page,
    whip,
)
from hub.api.access_log import AccessLog
from hub.api.auth import auth_middleware
from hub.api.door import Door, open_door
from hub.api.errors import errors_middleware
from hub.api.routes import Route, add_routes
from hub.api.services import SERVICES, Services
from hub.settings import Settings

ROUTES: tuple[Route, ...] = (
    *system.ROUTES,
    *log.ROUTES,
    *anchors.ROUTES,
    *sessions.ROUTES,
    *oidc.ROUTES,
    *units.ROUTES,
    *people.ROUTES,
    *streams.ROUTES,
    *telemetry.ROUTES,
    *timelines.ROUTES,
    *walls.ROUTES,
    *playback.ROUTES,
    *labels.ROUTES,
    *looks.ROUTES,
    *accesses.ROUTES,
    *chunks.ROUTES,
    *interruptions.ROUTES,
    *devices.ROUTES,
    *alarm_pictures.ROUTES,
    *incidents.ROUTES,
    *maintenance.ROUTES,
    *maps.ROUTES,
    *missing.ROUTES,
    *followup.ROUTES,
    *inspection.ROUTES,
    *activities.ROUTES,
    *duty.ROUTES,
    *completeness.ROUTES,
    *completeness_report.ROUTES,
    *halls.ROUTES,
    *retention.ROUTES,
    *notices.ROUTES,
    *operations.ROUTES,
    *balance.ROUTES,
    *nodes.ROUTES,
    *exports.ROUTES,
    *footage_upload.ROUTES,
    *events.ROUTES,
    *live.ROUTES,
    *grabs.ROUTES,
    *stills.ROUTES,
    *whip.ROUTES,
    *web_page.ROUTES,
)

STOP_S = 3.0
"""How long calls that still run may take when the hub stops. Recording does not wait for them."""
KEEPALIVE_S = 75.0
"""Also how long a new connection may take for its first headers. Longer than proxies keep theirs."""
MAX_LINE_BYTES = 8190
MAX_HEADER_BYTES = 8190
MAX_HEADERS = 64
ADDRESS_CONNECTIONS = 500
"""From one address; a proxy's is everybody's."""


def build_app(services: Services, settings: Settings, *, page: Path = web_page.PAGE) -> web.Application:
    """The application, ready for :func:`serve`. ``page`` is the folder of the built page; it may be missing."""
    app = web.Application(middlewares=[errors_middleware, auth_middleware], client_max_size=settings.max_body_kb * 1024)
    app[SERVICES] = services
    app[log.WORK] = asyncio.Semaphore(log.AT_ONCE)
    app[system.DECLARED] = ROUTES
    app[web_page.PAGE_DIR] = page
    app[playback.GROWING] = playback.GrowingPlaylists()
    app[stills.LOOKS] = stills.Looks()
    app[exports.FETCHES] = stills.Looks()
    app[played.REEL_CHUNKS] = played.ReelChunks()
    app[balance.KEPT] = balance.Kept()
    add_routes(app, ROUTES)
    sockets.install(app)
    app.on_response_prepare.append(web_page.prepare_headers)
    return app


async def serve(app: web.Application, settings: Settings, door: Door | None = None) -> web.AppRunner:
    """Serve on ``door``, which is opened here where it was not before. The caller ends it with ``runner.cleanup()``;
    ``runner.addresses`` says where it listens.

    Raises SettingsError for plain HTTP beyond loopback, TLS files that cannot be used and an address that is taken.
    """
    return await serve_at(app, door or open_door(settings), None if settings.behind_proxy else ADDRESS_CONNECTIONS)


async def serve_at(app: web.Application, door: Door, per_address: int | None) -> web.AppRunner:
    """The same on a door that listens already; at most ``per_address`` connections from one address."""
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
        await door.admit(runner, per_address)
    except BaseException:
        await runner.cleanup()
        door.close()
        raise
    return runner
