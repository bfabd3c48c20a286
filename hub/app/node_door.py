"""The door of a cluster's node: what other nodes call, never people.

Below ``/node/`` every call bears the cluster's secret. While this node leads, all else is the office's: API nodes
pass on what people ask, with the secret too, and say for whom; nobody else is believed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_urldispatcher import AbstractRuleMatching, MatchedSubAppResource, UrlMappingMatchInfo

from hub.api.errors import Unauthorized, error_response, errors_middleware
from hub.api.live import DECIDES
from hub.api.playback import POINTED, POINTS
from hub.api.sockets import PATIENT
from hub.settings import Settings

BELOW: Final = "/node/"
DRAIN: Final = "/api/drain"
PUBLIC: Final = frozenset({"/healthz", "/readyz", "/metrics"})
GATEWAY, ADDRESS, SCHEME = "X-Hub-Gateway", "X-Hub-Address", "X-Hub-Scheme"
"""Of a call that an API node passes on: the secret, and the address and scheme of who asked there."""
WALL, BYTES = "X-Hub-Wall", POINTED
"""Of such a call: answer what a wall may show, or where bytes of recordings lie, and send neither."""
NOT_LEADING: Final = "no_office"


def bearer(settings: Settings) -> dict[str, str]:
    """The headers of a call to another node."""
    return {hdrs.AUTHORIZATION: f"Bearer {_secret(settings)}"}


def passed_on(settings: Settings, address: str, scheme: str) -> dict[str, str]:
    """Those of a call that is passed on to the office."""
    return {GATEWAY: _secret(settings), ADDRESS: address[:64], SCHEME: scheme}


def _secret(settings: Settings) -> str:
    return settings.cluster_secret.get_secret_value() if settings.cluster_secret is not None else ""


def same(given: str, expected: str) -> bool:
    """Compares digests: neither content nor length shows in the time it takes."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (given, expected)]
    return hmac.compare_digest(*digests) and bool(expected)


def _is_public(request: web.Request) -> bool:
    """Asked of this node itself, and not passed on to the office."""
    return request.path in PUBLIC and GATEWAY not in request.headers


class _Public(AbstractRuleMatching):
    """What machines ask of this node without the secret."""

    async def match(self, request: web.Request) -> bool:
        return _is_public(request)

    def get_info(self) -> Any:
        return {}

    @property
    def canonical(self) -> str:
        return "public"


class Office(AbstractRuleMatching):
    """The office of this node, while it has one."""

    def __init__(self) -> None:
        self.app: web.Application | None = None
        self.calls = 0
        """How many are being answered."""

    async def match(self, request: web.Request) -> bool:
        return self.app is not None and not request.path.startswith(BELOW) and not _is_public(request)

    def get_info(self) -> Any:
        return {}

    @property
    def canonical(self) -> str:
        return ""


class _OfficeResource(MatchedSubAppResource):
    """Resolves in whichever office is open."""

    def __init__(self, office: Office, never: web.Application) -> None:
        super().__init__(office, never)
        self._office = office

    async def resolve(self, request: web.Request) -> tuple[UrlMappingMatchInfo | None, set[str]]:
        if self._office.app is None or not await self._office.match(request):
            return None, set()
        self._app = self._office.app
        return await super().resolve(request)


def node_app(
    settings: Settings, office: Office, routes: Iterable[web.RouteDef], public: Iterable[web.RouteDef] = ()
) -> web.Application:
    """The application of ``node_listen``; ``routes`` are those of this node's roles, below /node/; ``public`` those of
    PUBLIC."""
    known = web.Application()
    known.add_routes(public)
    known.freeze()
    app = web.Application(middlewares=[_guard(settings, office)], client_max_size=settings.max_body_kb * 1024)
    app.add_routes(routes)
    app.router.register_resource(MatchedSubAppResource(_Public(), known))
    app.router.register_resource(_OfficeResource(office, web.Application()))
    return app


def _guard(settings: Settings, office: Office) -> Middleware:
    secret = _secret(settings)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _is_public(request):
            return await errors_middleware(request, handler)
        if request.path.startswith(BELOW) or request.path == DRAIN:
            return await errors_middleware(request, _by_nodes(secret, handler))
        if not same(request.headers.get(GATEWAY, ""), secret):
            return await errors_middleware(request, _refuse(Unauthorized("expected the cluster's secret")))
        if office.app is None:
            return no_office()
        address, scheme = request.headers.get(ADDRESS, "?"), request.headers.get(SCHEME, "")
        believed = request.clone(remote=address, scheme="https" if scheme == "https" else "http")
        believed[PATIENT] = True
        believed[DECIDES] = WALL in request.headers
        believed[POINTS] = BYTES in request.headers
        office.calls += 1
        try:
            return await handler(believed)
        finally:
            office.calls -= 1

    return guard


def no_office() -> web.Response:
    """503: nobody leads at this moment, or not here; another does within seconds."""
    response = error_response(503, NOT_LEADING, "nobody leads the office at this moment; try again")
    response.headers[hdrs.RETRY_AFTER] = "1"
    return response


def _by_nodes(secret: str, handler: Handler) -> Handler:
    async def checked(request: web.Request) -> web.StreamResponse:
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != "bearer" or not same(token.strip(), secret):
            raise Unauthorized("expected the cluster's secret as Authorization: Bearer …")
        return await handler(request)

    return checked


def _refuse(error: Exception) -> Handler:
    async def refused(_request: web.Request) -> web.StreamResponse:
        raise error

    return refused
