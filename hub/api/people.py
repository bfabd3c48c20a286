"""/api/people: who there is, in which unit, with which roles."""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import web
from pydantic import BaseModel, Field

from hub.api.auth import IDENTITY, check_unit
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, read_json, read_query
from hub.api.services import SERVICES
from hub.clock import rfc3339
from hub.errors import NotFound
from hub.people.people import Person, fields_of
from hub.people.rights import Right, Role

log = structlog.get_logger(__name__)


class PeopleQuery(Input):
    unit: str | None = Field(None, description="Of this unit and below it.")


class PersonIn(Input):
    username: str = Field(description="[a-z0-9][a-z0-9._@-]{0,62}; never given twice.")
    name: str
    unit: str
    certificate: str = Field("", description="执法证号; no two people share one.")
    assistant: bool = Field(False, description="协助人员: does not count as an officer.")
    roles: frozenset[Role] = frozenset()


class PersonChange(Input):
    name: str | None = None
    unit: str | None = None
    certificate: str | None = None
    assistant: bool | None = None
    roles: frozenset[Role] | None = None
    active: bool | None = None


class PersonOut(BaseModel):
    username: str
    name: str
    unit: str
    certificate: str
    assistant: bool
    roles: list[Role]
    active: bool
    must_change_password: bool
    created_at: TimeText


class PersonAdded(PersonOut):
    password: str = Field(description="Shown this once; it must be changed at the first sign-in.")


class PasswordGiven(BaseModel):
    password: str = Field(description="Shown this once; it must be changed at the next sign-in.")


def person_json(person: Person) -> dict[str, Any]:
    return PersonOut(
        username=person.username,
        must_change_password=person.must_change_password,
        created_at=rfc3339(person.created_us),
        **fields_of(person),
    ).model_dump(mode="json")


async def index(request: web.Request) -> web.Response:
    """GET /api/people"""
    query = read_query(request, PeopleQuery)
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    shown = [
        one
        for one in services.people.list()
        if standing.may(Right.PEOPLE_VIEW, one.unit)
        and (query.unit is None or services.units.covers(query.unit, one.unit))
    ]
    return web.json_response([person_json(one) for one in shown])


async def show(request: web.Request) -> web.Response:
    """GET /api/people/{username}"""
    return web.json_response(person_json(_person(request, Right.PEOPLE_VIEW)))


async def create(request: web.Request) -> web.Response:
    """POST /api/people"""
    draft = await read_json(request, PersonIn)
    check_unit(request, draft.unit, Right.PEOPLE_MANAGE)
    by = request[IDENTITY].standing.actor
    person, password = await request.app[SERVICES].accounts.new_person(
        draft.username,
        draft.name,
        by=by,
        unit=draft.unit,
        certificate=draft.certificate,
        assistant=draft.assistant,
        roles=draft.roles,
    )
    log.info("person added", user=person.username, by=by.name)
    return web.json_response(person_json(person) | {"password": password}, status=201)


async def change(request: web.Request) -> web.Response:
    """PATCH /api/people/{username}"""
    person = _person(request, Right.PEOPLE_MANAGE)
    wanted = await read_json(request, PersonChange)
    if wanted.unit is not None:
        check_unit(request, wanted.unit, Right.PEOPLE_MANAGE)
    by = request[IDENTITY].standing.actor
    changes = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    after = await request.app[SERVICES].accounts.change_person(person.username, by=by, **changes)
    log.info("person changed", user=after.username, fields=sorted(changes), by=by.name)
    return web.json_response(person_json(after))


async def reset_password(request: web.Request) -> web.Response:
    """POST /api/people/{username}/password"""
    person, by = _person(request, Right.PEOPLE_MANAGE), request[IDENTITY].standing.actor
    password = await request.app[SERVICES].accounts.reset_password(person.username, by=by)
    log.info("password reset", user=person.username, by=by.name)
    return web.json_response({"password": password})


def _person(request: web.Request, right: Right) -> Person:
    """Raises NotFound also for who is in a unit where the right does not hold."""
    username = request.match_info["username"]
    person = request.app[SERVICES].people.find(username)
    if person is None or not request[IDENTITY].standing.may(right, person.unit):
        raise NotFound(f"nobody is known as {username[:63]!r}", code="unknown_person")
    return person


ROUTES = (
    Route(
        "GET",
        "/api/people",
        index,
        Access.USER,
        "Everybody of the caller's unit and below, inactive people too.",
        query=PeopleQuery,
        answer=PersonOut,
        many=True,
        right=Right.PEOPLE_VIEW,
        scope=Scope.OWN,
    ),
    Route(
        "POST",
        "/api/people",
        create,
        Access.USER,
        "Add a person. The one-time password is in the answer, this once.",
        body=PersonIn,
        answer=PersonAdded,
        status=201,
        refusals=(403, 409),
        right=Right.PEOPLE_MANAGE,
        scope=Scope.OWN,
    ),
    Route(
        "GET",
        "/api/people/{username}",
        show,
        Access.USER,
        "One person.",
        answer=PersonOut,
        refusals=(404,),
        right=Right.PEOPLE_VIEW,
        scope=Scope.OWN,
    ),
    Route(
        "PATCH",
        "/api/people/{username}",
        change,
        Access.USER,
        "Change what is given; active: false ends the person's sign-ins.",
        body=PersonChange,
        answer=PersonOut,
        refusals=(403, 404, 409),
        right=Right.PEOPLE_MANAGE,
        scope=Scope.OWN,
    ),
    Route(
        "POST",
        "/api/people/{username}/password",
        reset_password,
        Access.USER,
        "Give a one-time password in place of a forgotten one; it is in the answer, this once.",
        answer=PasswordGiven,
        refusals=(403, 404, 409),
        right=Right.PEOPLE_MANAGE,
        scope=Scope.OWN,
    ),
)
