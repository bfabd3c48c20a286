"""GET /api/incidents: faults that many streams had in common."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from hub.api.auth import IDENTITY, may_see
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, read_query
from hub.api.services import SERVICES
from hub.errors import NotFound
from hub.monitor.incidents import Incident
from hub.people.rights import Right


class IncidentsQuery(Input):
    state: Literal["open", "closed", "all"] = "all"
    limit: int = Field(100, ge=1, le=1000)


class IncidentOut(BaseModel):
    id: str
    state: Literal["open", "closed"]
    scope: Literal["subnet", "unit", "hub"] = Field(description="What the streams have in common.")
    subject: str = Field(description="Which subnet, which unit.")
    unit: str
    group_size: int = Field(description="So many streams of it were due.")
    started_at: TimeText
    ended_at: TimeText | None
    streams: list[str] = Field(description="Those that the caller may see.")
    interruptions: list[str]
    kinds: dict[str, int]
    rings: bool
    merged_into: str | None = Field(description="The incident that it turned out to be a part of.")


async def index(request: web.Request) -> web.Response:
    """GET /api/incidents"""
    query = read_query(request, IncidentsQuery)
    shown: list[dict[str, Any]] = []
    for incident in request.app[SERVICES].incidents():
        if query.state != "all" and incident.open != (query.state == "open"):
            continue
        seen = _seen(request, incident)
        if seen is not None:
            shown.append(seen)
        if len(shown) == query.limit:
            break
    return web.json_response(shown)


async def show(request: web.Request) -> web.Response:
    """GET /api/incidents/{id}"""
    wanted = request.match_info["id"]
    found = next((one for one in request.app[SERVICES].incidents() if one.id == wanted), None)
    seen = None if found is None else _seen(request, found)
    if seen is None:
        raise NotFound(f"no incident {wanted[:63]!r} is known", code="unknown_incident")
    return web.json_response(seen)


def _seen(request: web.Request, incident: Incident) -> dict[str, Any] | None:
    """As the caller may see it: of other units' streams nothing. None: nothing of it is theirs."""
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    if standing.is_admin:
        return incident.json()
    own = {
        ident: member
        for ident, member in incident.members.items()
        if may_see(services, standing, Right.INTERRUPTIONS_VIEW, member.one.stream_id)
    }
    if not own:
        return None
    return incident.only(own).json()


ROUTES = (
    Route(
        "GET",
        "/api/incidents",
        index,
        Access.USER,
        "Faults of a switch, a hall or the hub: the interruptions of many streams as one, newest first.",
        query=IncidentsQuery,
        answer=IncidentOut,
        many=True,
        right=Right.INTERRUPTIONS_VIEW,
        scope=Scope.OWN,
    ),
    Route(
        "GET",
        "/api/incidents/{id}",
        show,
        Access.USER,
        "One of them.",
        answer=IncidentOut,
        refusals=(404,),
        right=Right.INTERRUPTIONS_VIEW,
        scope=Scope.OWN,
    ),
)
