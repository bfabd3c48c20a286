"""/api/maintenance: planned maintenance (计划检修), asked for by one person and approved by another."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from hub.api.auth import IDENTITY, check_unit, stream_for
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, TimeUs, read_json, read_query
from hub.api.services import SERVICES
from hub.errors import InvalidRequest, NotFound, Unavailable
from hub.monitor.maintenance import MAX_TEXT, Maintenance, MaintenanceState, Window
from hub.people.rights import Right


class MaintenanceIn(Input):
    stream: str = Field("", max_length=63, description="Of one stream …")
    unit: str = Field("", max_length=63, description="… or of a unit and what lies below it.")
    from_us: TimeUs = Field(alias="from")
    to_us: TimeUs = Field(alias="to")
    reason: str = Field(min_length=1, max_length=MAX_TEXT)


class DecisionIn(Input):
    note: str = Field("", max_length=MAX_TEXT)


class MaintenanceQuery(Input):
    stream: str | None = Field(None, max_length=63)
    unit: str | None = Field(None, max_length=63)
    state: Literal["requested", "approved", "refused", "cancelled", "running", "all"] = "all"
    limit: int = Field(100, ge=1, le=1000)


class MaintenanceOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    id: str
    stream: str | None
    unit: str | None
    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    reason: str
    state: MaintenanceState
    requested_by: str
    requested_at: TimeText
    decided_by: str
    decided_at: TimeText | None
    note: str


def _maintenance(request: web.Request) -> Maintenance:
    found = request.app[SERVICES].maintenance
    if found is None:
        raise Unavailable("there is no maintenance here")
    return found


def _unit_of(request: web.Request, window: Window) -> str:
    """Where it belongs; what belongs to a stream that is gone belongs to the root."""
    if window.unit:
        return window.unit
    stream = request.app[SERVICES].registry.find(window.stream)
    return "" if stream is None else stream.unit


def _window(request: web.Request, right: Right) -> Window:
    """The one that the path names, if the caller has ``right`` over it. Raises NotFound as if it were not there."""
    window = _maintenance(request).get(request.match_info["id"])
    if not request[IDENTITY].standing.may(right, _unit_of(request, window)):
        raise NotFound(f"no maintenance {window.id!r} is known", code="unknown_maintenance")
    return window


async def index(request: web.Request) -> web.Response:
    """GET /api/maintenance"""
    query = read_query(request, MaintenanceQuery)
    standing = request[IDENTITY].standing
    now_us = request.app[SERVICES].clock.now().utc_us
    shown = [
        window.json()
        for window in _maintenance(request).all()
        if standing.may(Right.INTERRUPTIONS_VIEW, _unit_of(request, window))
        and query.stream in (None, window.stream)
        and query.unit in (None, window.unit)
        and (query.state in ("all", window.state) or (query.state == "running" and window.holds(now_us)))
    ]
    return web.json_response(shown[: query.limit])


async def create(request: web.Request) -> web.Response:
    """POST /api/maintenance"""
    draft = await read_json(request, MaintenanceIn)
    if draft.stream:
        stream = stream_for(request, draft.stream, Right.MAINTENANCE_REQUEST)
        if stream.retired:
            raise InvalidRequest("stream: it is retired", code="stream_retired")
    if draft.unit:
        check_unit(request, draft.unit, Right.MAINTENANCE_REQUEST)
        request.app[SERVICES].units.open_unit(draft.unit)
    window = await _maintenance(request).request(
        stream=draft.stream,
        unit=draft.unit,
        from_us=draft.from_us,
        to_us=draft.to_us,
        reason=draft.reason,
        by=request[IDENTITY].name,
    )
    return web.json_response(window.json(), status=201)


async def approve(request: web.Request) -> web.Response:
    """POST /api/maintenance/{id}/approve"""
    return await _decide(request, approve_it=True)


async def refuse(request: web.Request) -> web.Response:
    """POST /api/maintenance/{id}/refuse"""
    return await _decide(request, approve_it=False)


async def _decide(request: web.Request, *, approve_it: bool) -> web.Response:
    draft = await read_json(request, DecisionIn)
    window = _window(request, Right.MAINTENANCE_APPROVE)
    by = request[IDENTITY].name
    decided = await _maintenance(request).decide(window.id, approve=approve_it, by=by, note=draft.note)
    return web.json_response(decided.json())


async def cancel(request: web.Request) -> web.Response:
    """POST /api/maintenance/{id}/cancel"""
    draft = await read_json(request, DecisionIn)
    window = _window(request, Right.MAINTENANCE_REQUEST)
    ended = await _maintenance(request).cancel(window.id, by=request[IDENTITY].name, note=draft.note)
    return web.json_response(ended.json())


ROUTES = (
    Route(
        "GET",
        "/api/maintenance",
        index,
        Access.USER,
        "Planned maintenance, the latest first.",
        query=MaintenanceQuery,
        answer=MaintenanceOut,
        many=True,
        right=Right.INTERRUPTIONS_VIEW,
        scope=Scope.OWN,
    ),
    Route(
        "POST",
        "/api/maintenance",
        create,
        Access.USER,
        "Ask for a window of time; another person approves it. Never for the past.",
        body=MaintenanceIn,
        answer=MaintenanceOut,
        status=201,
        refusals=(403, 404, 409),
        right=Right.MAINTENANCE_REQUEST,
        scope=Scope.OWN,
    ),
    *(
        Route(
            "POST",
            f"/api/maintenance/{{id}}/{word}",
            handler,
            Access.USER,
            summary,
            body=DecisionIn,
            answer=MaintenanceOut,
            refusals=(403, 404, 409),
            right=right,
            scope=Scope.OWN,
        )
        for word, handler, right, summary in (
            ("approve", approve, Right.MAINTENANCE_APPROVE, "Approve what another person asked for."),
            ("refuse", refuse, Right.MAINTENANCE_APPROVE, "Refuse it."),
            ("cancel", cancel, Right.MAINTENANCE_REQUEST, "Withdraw it, or end it now: the work is done."),
        )
    ),
)
