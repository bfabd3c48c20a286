"""One route, declared once: the router, the sign-in check and openapi.json are all made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel

from hub.people.rights import Right

JSON = "application/json"


class Access(Enum):
    """Who may call."""

    PUBLIC = "anybody"
    USER = "a signed-in person, or a program with the admin token"
    EITHER = "a signed-in person, or the recorder itself, with its device token, or a program with the admin token"
    DEVICE = "the recorder itself, with its device token, or a program with the admin token"


class Scope(Enum):
    """Where the route's right must hold."""

    HUB = "in the root unit: the call is about the hub as a whole"
    STREAM = "in the unit of the stream that {id} of the path names; elsewhere the stream is unknown"
    UNIT = "in the unit that {id} of the path names; elsewhere the unit is unknown"
    OWN = "anywhere: the handler answers only of what the caller may see, and asks again before it changes anything"


@dataclass(frozen=True, slots=True)
class Route:
    """``body`` and ``answer`` are pydantic models (JSON), or a media type. ``many``: the answer is a list.

    ``status`` is that of success; ``refusals`` are those of the documented errors beside 401.
    """

    method: str
    path: str
    handler: Handler
    access: Access
    summary: str
    body: type[BaseModel] | str | None = None
    query: type[BaseModel] | None = None
    answer: type[BaseModel] | str | None = None
    many: bool = False
    status: int = 200
    refusals: tuple[int, ...] = ()
    socket: bool = False
    """A WebSocket: a browser must show its Origin."""
    right: Right | None = None
    """What a USER route asks of people (``docs/design/people.md``); None: only an admin of the hub may call."""
    scope: Scope = Scope.HUB
    stream_of: Callable[[web.Request], str] | None = None
    """Of an EITHER route without {id}: which stream the call is about; empty: of none that is known."""
    cross_origin: bool = False
    """Any page may call: the bearer token alone decides, and cookies are not looked at."""


RouteTable = dict[web.AbstractRoute, Route]
ROUTES: web.AppKey[RouteTable] = web.AppKey("routes", dict)


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    """Register them, GET also as HEAD, and remember which declaration a call belongs to."""
    table: RouteTable = {}
    for route in routes:
        resource = app.router.add_resource(route.path)
        table[resource.add_route(route.method, route.handler)] = route
        if route.method == "GET" and not route.socket:
            table[resource.add_route("HEAD", route.handler)] = route
    app[ROUTES] = table


def route_of(request: web.Request) -> Route | None:
    """The declaration that this call belongs to; None for 404 and 405."""
    return request.app[ROUTES].get(request.match_info.route)
