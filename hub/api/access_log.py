"""One line a call: method, route, status, time, user. No query: it may hold a secret."""

from __future__ import annotations

import logging
from typing import Final

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from hub.api.auth import IDENTITY

log = structlog.get_logger("hub.access")

QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines: only logged when refused, or at debug level."""


class AccessLog(AbstractAccessLogger):
    """Called by aiohttp when an answer was sent; for a WebSocket when it ends."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        route, user = request.path[:200], ""
        if isinstance(request, web.Request):
            resource = request.match_info.route.resource
            identity = request.get(IDENTITY)
            user = identity.name if identity is not None else ""
            fields = {"id": request.match_info["id"][:63]} if "id" in request.match_info else {}
            route = resource.canonical if resource is not None else route
        else:
            fields = {}
        quiet = route in QUIET and response.status < 400
        log.log(
            logging.DEBUG if quiet else logging.INFO,
            "call",
            method=request.method,
            route=route,
            status=response.status,
            ms=round(time * 1000, 1),
            user=user,
            **fields,
        )

    @property
    def enabled(self) -> bool:
        return logging.getLogger("hub.access").isEnabledFor(logging.INFO)
