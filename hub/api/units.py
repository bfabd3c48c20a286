"""/api/units: the organisation tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from aiohttp import web
from pydantic import BaseModel, Field

from hub.activities import rules as activity_rules
from hub.api.auth import IDENTITY, check_unit
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, read_json
from hub.api.services import SERVICES, Services
from hub.clock import rfc3339
from hub.followup import rules as followup_rules
from hub.monitor import thresholds
from hub.notices import rules as notice_rules
from hub.people.rights import Right
from hub.people.tree import Unit, UnitKind
from hub.telemetry import rules as telemetry_rules

log = structlog.get_logger(__name__)


class UnitIn(Input):
    id: str = Field(description="[a-z0-9][a-z0-9-]{0,62}")
    name: str
    parent: str
    kind: UnitKind


class UnitChange(Input):
    name: str | None = None
    parent: str | None = None
    kind: UnitKind | None = None
    retired: bool | None = Field(None, description="A retired unit keeps what it has and takes nothing new.")
    rules: dict[str, Any] | None = Field(
        None, description="Settings of this unit, all of them; what is not set here holds from above."
    )


class UnitOut(BaseModel):
    id: str
    name: str
    parent: str | None
    kind: UnitKind
    retired: bool
    rules: dict[str, Any]
    created_at: TimeText


def unit_json(unit: Unit) -> dict[str, Any]:
    return UnitOut(
        id=unit.id,
        name=unit.name,
        parent=unit.parent or None,
        kind=unit.kind,
        retired=unit.retired,
        rules=dict(unit.rules),
        created_at=rfc3339(unit.created_us),
    ).model_dump(mode="json")


async def index(request: web.Request) -> web.Response:
    """GET /api/units: the caller's unit and what lies below it"""
    standing = request[IDENTITY].standing
    shown = [unit for unit in request.app[SERVICES].units.list() if standing.may(Right.UNITS_VIEW, unit.id)]
    return web.json_response([unit_json(unit) for unit in shown])


async def create(request: web.Request) -> web.Response:
    """POST /api/units"""
    draft = await read_json(request, UnitIn)
    check_unit(request, draft.parent, Right.UNITS_MANAGE)
    by = request[IDENTITY].standing.actor
    unit = await request.app[SERVICES].units.add(draft.id, draft.name, draft.parent, draft.kind, by=by)
    log.info("unit added", unit=unit.id, by=by.name)
    return web.json_response(unit_json(unit), status=201)


async def change(request: web.Request) -> web.Response:
    """PATCH /api/units/{id}"""
    wanted = await read_json(request, UnitChange)
    units = request.app[SERVICES].units
    unit_id = request.match_info["id"]
    check_known_rules(wanted.rules or {})
    if wanted.parent is not None and wanted.parent != units.get(unit_id).parent:
        # where it hangs now is the caller's too, but for their own unit, which cannot go below itself
        check_unit(request, wanted.parent, Right.UNITS_MANAGE)
    by = request[IDENTITY].standing.actor
    unit = await units.patch(
        unit_id,
        by=by,
        name=wanted.name,
        parent=wanted.parent,
        kind=wanted.kind,
        retired=wanted.retired,
        rules=wanted.rules,
    )
    log.info("unit changed", unit=unit.id, fields=sorted(wanted.model_fields_set), by=by.name)
    return web.json_response(unit_json(unit))


async def remove(request: web.Request) -> web.Response:
    """DELETE /api/units/{id}"""
    services = request.app[SERVICES]
    unit_id, by = request.match_info["id"], request[IDENTITY].standing.actor
    await services.units.remove(unit_id, by=by, used_by=lambda one: used_by(services, one))
    log.info("unit removed", unit=unit_id, by=by.name)
    return web.Response(status=204)


RULE_CHECKS: Mapping[str, Callable[[object], object]] = {
    "activities": activity_rules.check_activities,
    "deadlines": activity_rules.check_deadlines,
    "followup": followup_rules.check_rules,
    "telemetry": telemetry_rules.read_rules,
    notice_rules.RULE: notice_rules.read_rules,
    thresholds.RULE: thresholds.check,
}
"""What a rule of that name may say is checked by the part that reads it. Raises InvalidRequest."""


def check_known_rules(rules: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for a rule that its part cannot read. Rules of other names are anybody's."""
    for name, value in rules.items():
        check = RULE_CHECKS.get(name)
        if check is not None:
            check(value)


def used_by(services: Services, unit_id: str) -> str:
    """What is still in a unit: retired streams and inactive people too, their footage and entries name it."""
    streams = sum(one.unit == unit_id for one in services.registry.list(retired=True))
    people = len(services.people.in_unit(unit_id))
    return " and ".join(f"{count} {what}" for count, what in ((streams, "streams"), (people, "people")) if count)


ROUTES = (
    Route(
        "GET",
        "/api/units",
        index,
        Access.USER,
        "The organisation tree, from the caller's unit down.",
        answer=UnitOut,
        many=True,
        right=Right.UNITS_VIEW,
        scope=Scope.OWN,
    ),
    Route(
        "POST",
        "/api/units",
        create,
        Access.USER,
        "Add a unit below another.",
        body=UnitIn,
        answer=UnitOut,
        status=201,
        refusals=(403, 409),
        right=Right.UNITS_MANAGE,
        scope=Scope.OWN,
    ),
    Route(
        "PATCH",
        "/api/units/{id}",
        change,
        Access.USER,
        "Change what is given; move it, retire it, set its rules.",
        body=UnitChange,
        answer=UnitOut,
        refusals=(403, 404, 409),
        right=Right.UNITS_MANAGE,
        scope=Scope.UNIT,
    ),
    Route(
        "DELETE",
        "/api/units/{id}",
        remove,
        Access.USER,
        "Remove an empty unit; one with units, streams or people is retired instead.",
        status=204,
        refusals=(403, 404, 409),
        right=Right.UNITS_MANAGE,
        scope=Scope.UNIT,
    ),
)
