"""/api/session/oidc: the browser goes to the organisation's own sign-in, and comes back with a code."""

from __future__ import annotations

from urllib.parse import urlencode

import structlog
from aiohttp import web
from pydantic import BaseModel, Field

from hub.api.auth import address_of, from_own_page, is_secure
from hub.api.errors import Forbidden
from hub.api.routes import Access, Route
from hub.api.services import SERVICES
from hub.api.sessions import set_session_cookie
from hub.errors import HubError, NotFound
from hub.oidc.provider import Oidc
from hub.people.accounts import OIDC

log = structlog.get_logger(__name__)

PATH = "/api/session/oidc"
BINDING = "hub_oidc"
BINDING_S = 600


class WaysOut(BaseModel):
    oidc: bool = Field(description="Whether people can also sign in at the organisation's own service.")


async def ways(request: web.Request) -> web.Response:
    """GET /api/session/ways"""
    return web.json_response(WaysOut(oidc=request.app[SERVICES].oidc is not None).model_dump())


async def begin(request: web.Request) -> web.Response:
    """GET /api/session/oidc?back=/alarms: to the provider"""
    provider = _provider(request)
    if not from_own_page(request, absent=True):
        raise Forbidden("sign in from this hub's own page", code="origin")
    back = request.query.get("back", "/")
    if not back.startswith("/") or len(back) > 500 or not back.isprintable():
        back = "/"
    try:
        address, flow = await provider.address(_own(request, f"{PATH}/callback"), back)
    except HubError as error:
        return _failed(error)
    response = web.Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})
    # Lax: it must come along when the provider sends the browser back, which Strict would not
    response.set_cookie(
        BINDING,
        flow.binding,
        max_age=BINDING_S,
        path=PATH,
        secure=is_secure(request, request.app[SERVICES].settings),
        httponly=True,
        samesite="Lax",
    )
    return response


async def callback(request: web.Request) -> web.Response:
    """GET /api/session/oidc/callback: back from the provider"""
    services, provider, query = request.app[SERVICES], _provider(request), request.query
    address = address_of(request, services.settings)
    try:
        flow = await provider.flows.finish(query.get("state", ""), request.cookies.get(BINDING, ""))
        if query.get("iss", provider.issuer) != provider.issuer:  # RFC 9207: another provider's answer
            return _to_sign_in("oidc_token")
        if "code" not in query:
            log.warning("sign-in at the provider given up", error=query.get("error", "")[:60], address=address)
            return _to_sign_in("oidc_given_up")
        username = await provider.who(flow, query["code"])
    except HubError as error:
        return _failed(error)
    made = await services.accounts.begin(username, address=address, method=OIDC)
    if made is None:
        log.warning("the provider's user is nobody here", user=username[:63], address=address)
        return _to_sign_in("oidc_unknown")
    session, cookie = made
    log.info("signed in", user=session.username, address=address, method=OIDC)
    response = web.Response(status=302, headers={"Location": f"/#{flow.back}", "Cache-Control": "no-store"})
    response.del_cookie(BINDING, path=PATH)
    set_session_cookie(request, response, session, cookie)
    return response


async def end(request: web.Request) -> web.Response:
    """GET /api/session/oidc/end: ends the sign-in at the provider too, after ours"""
    try:
        address = await _provider(request).end_address(_own(request, "/"))
    except HubError as error:
        return _failed(error)
    return web.Response(status=302, headers={"Location": address or "/", "Cache-Control": "no-store"})


def _provider(request: web.Request) -> Oidc:
    provider = request.app[SERVICES].oidc
    if provider is None:
        raise NotFound("this hub has no other sign-in", code="no_oidc")
    return provider


def _own(request: web.Request, path: str) -> str:
    """The address of this hub as the browser knows it. The provider accepts only what is registered there."""
    scheme = "https" if is_secure(request, request.app[SERVICES].settings) else "http"
    return f"{scheme}://{request.host}{path}"


def _failed(error: HubError) -> web.Response:
    log.warning("sign-in at the provider failed", code=error.code, error=str(error))
    return _to_sign_in(error.code)


def _to_sign_in(code: str) -> web.Response:
    address = f"/#/sign-in?{urlencode({'oidc': code})}"
    return web.Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})


ROUTES = (
    Route("GET", "/api/session/ways", ways, Access.PUBLIC, "How people may sign in here.", answer=WaysOut),
    Route("GET", PATH, begin, Access.PUBLIC, "To the organisation's own sign-in (a browser goes there).", status=302),
    Route("GET", f"{PATH}/callback", callback, Access.PUBLIC, "Back from there, with a code.", status=302),
    Route("GET", f"{PATH}/end", end, Access.PUBLIC, "End the sign-in there too.", status=302),
)
