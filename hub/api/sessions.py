"""/api/session: signing in and out."""

from __future__ import annotations

import structlog
from aiohttp import web

from hub.api.accounts import Session
from hub.api.auth import COOKIE, IDENTITY, address_of, from_own_page, is_secure
from hub.api.errors import Forbidden, Unauthorized
from hub.api.routes import Access, Route
from hub.api.schema import SessionOut, SignIn, read_json
from hub.api.services import SERVICES
from hub.clock import US_PER_S, rfc3339

log = structlog.get_logger(__name__)


async def sign_in(request: web.Request) -> web.Response:
    """POST /api/session"""
    services = request.app[SERVICES]
    # a foreign page must not sign its visitor in as somebody else
    if not from_own_page(request, absent=True):
        raise Forbidden("sign in from this hub's own page", code="origin")
    given = await read_json(request, SignIn)
    address = address_of(request, services.settings)
    services.throttle.check(given.username, address)
    # counted before the slow check, so that many guesses at once do not slip through together
    services.throttle.failed(given.username, address)
    made = await services.accounts.sign_in(given.username, given.password)
    if made is None:
        log.warning("sign-in failed", user=given.username, address=address)
        raise Unauthorized("user or password is wrong", code="bad_credentials")
    session, cookie = made
    services.throttle.succeeded(given.username, address)
    log.info("signed in", user=session.username, address=address)
    response = web.json_response(_session_json(session))
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=(session.expires_us - session.created_us) // US_PER_S,
        path="/",
        secure=is_secure(request, services.settings),
        httponly=True,
        samesite="Strict",
    )
    return response


async def show(request: web.Request) -> web.Response:
    """GET /api/session: who am I"""
    identity = request[IDENTITY]
    if identity.session is not None:
        return web.json_response(_session_json(identity.session))
    return web.json_response({"username": identity.name, "role": identity.role, "expires_at": None})


async def sign_out(request: web.Request) -> web.Response:
    """DELETE /api/session"""
    session = request[IDENTITY].session
    if session is not None:
        await request.app[SERVICES].accounts.sign_out(session)
        log.info("signed out", user=session.username)
    response = web.Response(status=204)
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
    return response


def _session_json(session: Session) -> dict[str, str]:
    return {"username": session.username, "role": session.role, "expires_at": rfc3339(session.expires_us)}


ROUTES = (
    Route(
        "POST",
        "/api/session",
        sign_in,
        Access.PUBLIC,
        "Sign in: the answer sets the session cookie.",
        body=SignIn,
        answer=SessionOut,
        refusals=(401, 403, 429),
    ),
    Route("GET", "/api/session", show, Access.USER, "Who is signed in.", answer=SessionOut),
    Route("DELETE", "/api/session", sign_out, Access.USER, "Sign out.", status=204, refusals=(403,)),
)
