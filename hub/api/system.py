"""Liveness, readiness, metrics, and the description of all calls."""

from __future__ import annotations

import asyncio
import functools
import json

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hub.api.gauges import snapshot
from hub.api.openapi import openapi
from hub.api.routes import JSON, Access, Route
from hub.api.schema import Health, Readiness
from hub.api.services import SERVICES
from hub.people.rights import Right

TEXT = "text/plain"
DECLARED: web.AppKey[tuple[Route, ...]] = web.AppKey("declared", tuple)
"""All routes, of which ``openapi.json`` tells."""


async def healthz(_request: web.Request) -> web.Response:
    """GET /healthz: the event loop turns."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """GET /readyz: 503 as long as any check is not ok. What wants attention while recording goes on is "ok, but …"."""
    services = request.app[SERVICES]
    checks = dict(services.ready())
    if services.duty is not None:
        checks["calendar"] = services.duty.duty.readiness
    ready = all(result == "ok" or result.startswith("ok, but ") for result in checks.values())
    return web.json_response({"ready": ready, "checks": checks}, status=200 if ready else 503)


async def metrics(request: web.Request) -> web.Response:
    """GET /metrics: Prometheus text. In a thread: with hundreds of streams it takes milliseconds."""
    now = snapshot(request.app[SERVICES])
    text = await asyncio.to_thread(lambda: now.text() + generate_latest())
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def document(request: web.Request) -> web.Response:
    """GET /api/openapi.json. Made when somebody first asks, in a thread: it takes a quarter of a second."""
    return web.Response(text=await asyncio.to_thread(_document, request.app[DECLARED]), content_type=JSON)


@functools.cache
def _document(routes: tuple[Route, ...]) -> str:
    return json.dumps(openapi(routes), ensure_ascii=False)


ROUTES = (
    Route("GET", "/healthz", healthz, Access.PUBLIC, "The process is alive.", answer=Health),
    Route("GET", "/readyz", readyz, Access.PUBLIC, "It can record.", answer=Readiness, refusals=(503,)),
    Route("GET", "/metrics", metrics, Access.USER, "Prometheus metrics.", answer=TEXT, right=Right.SYSTEM_VIEW),
    Route("GET", "/api/openapi.json", document, Access.USER, "This document.", answer=JSON, right=Right.SELF),
)
