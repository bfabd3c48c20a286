"""Who is calling, from which page, and whether they may: checked before any handler runs.

People sign in and carry a session cookie; programs carry a bearer token. A browser sends the cookie whoever's
page makes the call, so a call by cookie that changes something, and every WebSocket, must come from our own page.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from hub.api.errors import Forbidden, Unauthorized
from hub.api.labelled import reaches
from hub.api.routes import Access, Route, Scope, route_of
from hub.api.services import SERVICES, Services
from hub.errors import NotFound
from hub.model import Stream
from hub.people.accounts import Session
from hub.people.rights import Right, main_role
from hub.people.standing import Standing
from hub.settings import Settings

COOKIE = "hub_session"
DEVICE = "device"
SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})


@dataclass(frozen=True, slots=True)
class Identity:
    """``name`` is the user's, ``program:admin`` or ``device:<stream>``; ``session`` is set for people.

    ``standing`` is what they may do where, as it was when the call came; a socket that stays open asks
    :func:`standing_of` again.
    """

    name: str
    role: str
    standing: Standing
    session: Session | None = None


_PREFLIGHT = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST, PUT, PATCH, DELETE",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type, Range",
    hdrs.ACCESS_CONTROL_MAX_AGE: "600",
}

IDENTITY: web.RequestKey[Identity] = web.RequestKey("identity", Identity)


@web.middleware
async def auth_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """401 without credentials, 403 from a foreign page; else the handler, with ``request[IDENTITY]``."""
    route = route_of(request)
    if route is None and request.method == hdrs.METH_OPTIONS and allowed_origin(request) is not None:
        return web.Response(status=204, headers=_PREFLIGHT)
    if route is None or route.access is Access.PUBLIC:
        return await handler(request)
    identity = _identify(request, route)
    if identity.session is not None or route.socket:
        _check_origin(request, route, identity)
    request[IDENTITY] = identity
    if route.access is Access.USER or (route.access is Access.EITHER and identity.role != DEVICE):
        _check_right(request, route, identity)
    return await handler(request)


def _identify(request: web.Request, route: Route) -> Identity:
    header = request.headers.get(hdrs.AUTHORIZATION)
    if header is not None:
        return _by_bearer(request, route, header)
    if route.access is Access.DEVICE:
        raise Unauthorized("expected the recorder's device token as Authorization: Bearer …")
    session = session_of(request)
    if session is None:
        raise Unauthorized("sign in at /api/session, or send Authorization: Bearer …")
    standing = request.app[SERVICES].accounts.standing(session.username)
    return Identity(session.username, main_role(standing.roles), standing, session)


def _by_bearer(request: web.Request, route: Route, header: str) -> Identity:
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("expected Authorization: Bearer …")
    services = request.app[SERVICES]
    admin = services.settings.admin_token
    if admin is not None and _same(token, admin.get_secret_value()):
        return Identity("program:admin", "admin", Standing.of_program("program:admin", services.units))
    if route.access in (Access.DEVICE, Access.EITHER):
        stream_id = stream_of_call(request, route)
        if services.registry.token_opens(stream_id, token):
            name = f"device:{stream_id}"
            return Identity(name, DEVICE, Standing(name, frozenset(), "", services.units))
        raise Unauthorized("this token does not open this stream")
    raise Unauthorized("this token is not known here")


def _same(given: str, expected: str) -> bool:
    """Compares digests: neither content nor length shows in the time it takes."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (given, expected)]
    return hmac.compare_digest(*digests) and bool(expected)


def session_of(request: web.Request) -> Session | None:
    """The session of the call's cookie, if it still lasts."""
    cookie = request.cookies.get(COOKIE)
    return request.app[SERVICES].accounts.session(cookie) if cookie else None


# ----------------------------------------------------------------------------------------- rights


def _check_right(request: web.Request, route: Route, identity: Identity) -> None:
    """403 without the right; 404 for a stream or unit where it does not hold: who may not see it, does not
    learn that it is there."""
    standing, right = identity.standing, route.right
    if identity.session is not None and right is not Right.SELF:
        person = request.app[SERVICES].people.find(identity.name)
        if person is not None and person.must_change_password:
            raise Forbidden("change the password that you were given first", code="must_change_password")
    if right is None:
        if not standing.is_admin:
            raise Forbidden("this is for admins of the whole hub")
        return
    if not standing.has(right):
        raise Forbidden(f"this asks for the right {right.value}, which {identity.name!r} does not have")
    if route.scope is Scope.HUB:
        if right is not Right.SELF and not standing.may(right):
            raise Forbidden(f"this asks for the right {right.value} in the root unit")
    elif route.scope is Scope.STREAM:
        stream_for(request, stream_of_call(request, route), right)
    elif route.scope is Scope.UNIT:
        units = request.app[SERVICES].units
        unit_id = request.match_info["id"]
        if units.tree.get(unit_id) is None or not standing.may(right, unit_id):
            raise NotFound(f"no unit {unit_id[:63]!r} is known", code="unknown_unit")


def stream_of_call(request: web.Request, route: Route) -> str:
    """Which stream the call is about."""
    return request.match_info["id"] if route.stream_of is None else route.stream_of(request)


def stream_for(request: web.Request, stream_id: str, right: Right) -> Stream:
    """The stream, retired or not, if the caller has ``right`` over it. Raises NotFound as for one that is not there."""
    stream = request.app[SERVICES].registry.find(stream_id)
    if stream is None or not reaches(request.app[SERVICES], request[IDENTITY].standing, right, stream):
        raise NotFound(f"no stream {stream_id[:63]!r} is registered")
    return stream


def check_unit(request: web.Request, unit_id: str, right: Right) -> None:
    """Raises Forbidden unless the caller has ``right`` in that unit."""
    if not request[IDENTITY].standing.may(right, unit_id):
        raise Forbidden(f"this asks for the right {right.value} in the unit {unit_id[:63]!r}")


def standing_of(services: Services, identity: Identity) -> Standing:
    """What the caller may do at this moment: roles and units may have changed since the call came."""
    return identity.standing if identity.session is None else services.accounts.standing(identity.name)


def may_see(services: Services, standing: Standing, right: Right, stream_id: str) -> bool:
    """Whether ``right`` holds over this stream; of an unknown one, for the root."""
    stream = services.registry.find(stream_id)
    if stream is None:
        return standing.may(right, "")
    return reaches(services, standing, right, stream)


# ---------------------------------------------------------------------------------------- origins


def _check_origin(request: web.Request, route: Route, identity: Identity) -> None:
    if route.socket:
        # WebSockets know no CORS: only we can tell a foreign page from ours (RFC 6455 §10.2)
        if not from_own_page(request, absent=identity.session is None):
            raise Forbidden(
                "WebSockets are opened from this hub's own page, or by programs with a token", code="origin"
            )
    elif request.method not in SAFE_METHODS and not from_own_page(request, absent=False):
        raise Forbidden("a call by session cookie comes from this hub's own page; programs use a token", code="origin")


def from_own_page(request: web.Request, *, absent: bool) -> bool:
    """Whether the page that makes this call is ours or is allowed by ``settings.origins``.

    ``absent`` is the answer where a browser says nothing of it, which browsers of today never do.
    """
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None:
        return is_own_origin(request, origin) or origin in request.app[SERVICES].settings.origins
    site = request.headers.get("Sec-Fetch-Site")
    return absent if site is None else site in ("same-origin", "none")


def allowed_origin(request: web.Request) -> str | None:
    """The other origin that calls, if ``settings.origins`` names it: its page may read the answers (CORS)."""
    origin = request.headers.get(hdrs.ORIGIN)
    return origin if origin in request.app[SERVICES].settings.origins else None


def is_own_origin(request: web.Request, origin: str) -> bool:
    """Same scheme, host and port as the call itself; a proxy in front may have taken the TLS off."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return False
    schemes = {"http", "https"} if request.app[SERVICES].settings.behind_proxy else {request.scheme}
    return parts.scheme in schemes and bool(parts.netloc) and parts.netloc == request.host.lower()


def address_of(request: web.Request, settings: Settings) -> str:
    """The caller's address: behind a proxy the one it appended last, which nobody further out can forge."""
    if settings.behind_proxy:
        forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if forwarded:
            return forwarded[:64]
    return request.remote or "?"


def is_secure(request: web.Request, settings: Settings) -> bool:
    """Whether the browser reached us by HTTPS."""
    if settings.behind_proxy:
        return request.headers.get("X-Forwarded-Proto", "https").lower() == "https"
    return request.scheme == "https"
