"""/api/session: signing in and out, and one's own password."""

from __future__ import annotations

from typing import Any, Literal

import structlog
from aiohttp import web
from pydantic import BaseModel, Field

from hub.api.auth import COOKIE, IDENTITY, Identity, address_of, from_own_page, is_secure
from hub.api.errors import Forbidden, Unauthorized
from hub.api.routes import Access, Route
from hub.api.schema import PasswordChange, SessionOut, SignIn, TimeText, read_json
from hub.api.services import SERVICES, Services
from hub.clock import US_PER_S, rfc3339
from hub.errors import InvalidRequest, Refused
from hub.people.accounts import OIDC, Session
from hub.people.people import Person
from hub.people.rights import Right, main_role, rights_of
from hub.people.standing import Standing

log = structlog.get_logger(__name__)


class SignInOut(BaseModel):
    since: TimeText
    expires_at: TimeText
    address: str = Field(description="Where it was made from; empty where that was not kept.")
    method: Literal["password", "oidc"]
    current: bool = Field(description="The one that this call was made with.")


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
    made = await services.accounts.sign_in(given.username, given.password, address=address)
    if made is None:
        log.warning("sign-in failed", user=given.username, address=address)
        raise Unauthorized("user or password is wrong", code="bad_credentials")
    session, cookie = made
    services.throttle.succeeded(given.username, address)
    log.info("signed in", user=session.username, address=address)
    response = web.json_response(_session_json(services, session))
    set_session_cookie(request, response, session, cookie)
    return response


def set_session_cookie(request: web.Request, response: web.StreamResponse, session: Session, cookie: str) -> None:
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=(session.expires_us - session.created_us) // US_PER_S,
        path="/",
        secure=is_secure(request, request.app[SERVICES].settings),
        httponly=True,
        samesite="Strict",
    )


async def show(request: web.Request) -> web.Response:
    """GET /api/session: who am I"""
    identity = request[IDENTITY]
    services = request.app[SERVICES]
    if identity.session is not None:
        return web.json_response(_session_json(services, identity.session))
    return web.json_response(_program_json(services, identity))


async def sign_out(request: web.Request) -> web.Response:
    """DELETE /api/session"""
    session = request[IDENTITY].session
    if session is not None:
        await request.app[SERVICES].accounts.sign_out(session)
        log.info("signed out", user=session.username)
    response = web.Response(status=204)
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
    return response


async def sign_ins(request: web.Request) -> web.Response:
    """GET /api/session/others: one's own sign-ins, this one among them"""
    session = request[IDENTITY].session
    own = [] if session is None else request.app[SERVICES].accounts.sessions_of(session.username)
    return web.json_response(
        [
            SignInOut(
                since=rfc3339(one.created_us),
                expires_at=rfc3339(one.expires_us),
                address=one.address,
                method="oidc" if one.method == OIDC else "password",
                current=one == session,
            ).model_dump(mode="json")
            for one in own
        ]
    )


async def end_others(request: web.Request) -> web.Response:
    """DELETE /api/session/others"""
    session = request[IDENTITY].session
    if session is not None:
        await request.app[SERVICES].accounts.end_sessions(session.username, but=session)
        log.info("other sign-ins ended", user=session.username)
    return web.Response(status=204)


async def change_password(request: web.Request) -> web.Response:
    """POST /api/session/password"""
    services, session = request.app[SERVICES], request[IDENTITY].session
    given = await read_json(request, PasswordChange)
    if session is None:
        raise InvalidRequest("a program has no password; its token is a setting", code="no_password")
    address = address_of(request, services.settings)
    services.throttle.check(session.username, address)
    services.throttle.failed(session.username, address)
    try:
        await services.accounts.change_password(session, given.old, given.new)
    except Refused:
        log.warning("password not changed", user=session.username, address=address)
        raise
    except Exception:
        services.throttle.succeeded(session.username, address)  # it was no guess
        raise
    services.throttle.succeeded(session.username, address)
    log.info("password changed", user=session.username)
    return web.Response(status=204)


async def confirmed(request: web.Request, username: str, password: str) -> Person:
    """The person who says once more who they are, to sign or to approve what this call brings: not necessarily the
    one who is signed in. Slowed down as the sign-in is.

    Raises TooManyAttempts, and Refused (403, not 401: the caller's own session is well).
    """
    services = request.app[SERVICES]
    address = address_of(request, services.settings)
    services.throttle.check(username, address)
    services.throttle.failed(username, address)
    person = await services.accounts.confirm(username, password)
    services.throttle.succeeded(username, address)
    return person


def _session_json(services: Services, session: Session) -> dict[str, Any]:
    person = services.people.by_username(session.username)
    return {
        "username": session.username,
        "role": main_role(person.roles),
        "expires_at": rfc3339(session.expires_us),
        "name": person.name,
        "unit": person.unit,
        "rights": _rights(services.accounts.standing(session.username)),
        "must_change_password": person.must_change_password,
        "method": session.method,
        "time_zone": services.settings.time_zone,
    }


def _program_json(services: Services, identity: Identity) -> dict[str, Any]:
    return {
        "username": identity.name,
        "role": identity.role,
        "expires_at": None,
        "name": identity.name,
        "unit": identity.standing.unit,
        "rights": _rights(identity.standing),
        "must_change_password": False,
        "method": "token",
        "time_zone": services.settings.time_zone,
    }


def _rights(standing: Standing) -> list[str]:
    return sorted(right.value for right in rights_of(standing.roles) if standing.has(right))


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
    Route("GET", "/api/session", show, Access.USER, "Who is signed in.", answer=SessionOut, right=Right.SELF),
    Route("DELETE", "/api/session", sign_out, Access.USER, "Sign out.", status=204, refusals=(403,), right=Right.SELF),
    Route(
        "GET",
        "/api/session/others",
        sign_ins,
        Access.USER,
        "One's own sign-ins that last, this one among them. Nothing by which one could be used.",
        answer=SignInOut,
        many=True,
        right=Right.SELF,
    ),
    Route(
        "DELETE",
        "/api/session/others",
        end_others,
        Access.USER,
        "End all of one's own sign-ins but this one.",
        status=204,
        refusals=(403,),
        right=Right.SELF,
    ),
    Route(
        "POST",
        "/api/session/password",
        change_password,
        Access.USER,
        "Change one's own password; the other sign-ins end.",
        body=PasswordChange,
        status=204,
        refusals=(403, 409, 429),
        right=Right.SELF,
    ),
)
