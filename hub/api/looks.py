"""/api/looks: why somebody wants to play what was recorded, and who allowed it (R17, 调阅审批)."""

from __future__ import annotations

from typing import Any

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field

from hub.api.auth import IDENTITY, Identity, may_see, stream_for
from hub.api.errors import Forbidden
from hub.api.labelled import hidden_labels, hidden_ranges, refusal
from hub.api.played import is_asked, looks_of
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, TimeUs, read_json, read_query
from hub.api.services import SERVICES, Services
from hub.errors import Conflict, InvalidRequest
from hub.looks.look import MAX_STREAMS, MAX_TEXT, Look, LookState
from hub.looks.looks import Looks, unknown
from hub.looks.ranges import contains, merged
from hub.people.rights import Right
from hub.people.standing import Standing

_PAGES = 20
"""How many rows are looked through for a page of what the caller may see: this many times its limit."""


class LookIn(Input):
    streams: list[str] = Field(min_length=1, max_length=MAX_STREAMS)
    from_us: TimeUs = Field(alias="from")
    to_us: TimeUs = Field(alias="to", description="31 days after `from` at most, and within a day from now.")
    reason: str = Field("", max_length=MAX_TEXT, description="Of everybody but administrators and programs.")


class LookDecisionIn(Input):
    note: str = Field("", max_length=MAX_TEXT)


class LooksQuery(Input):
    state: LookState | None = None
    mine: bool = Field(False, description="Those that the caller asked for; else also those that they may decide.")
    limit: int = Field(100, ge=1, le=200)
    after: str | None = Field(None, max_length=63, description="The id of the last one of the page before.")


class LookOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    id: str
    state: LookState
    streams: list[str]
    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    reason: str
    by: str
    asked_at: TimeText
    decided_by: str = Field(description="Empty: within the standing grant of who asked, or not decided yet.")
    decided_at: TimeText | None
    note: str
    ends_at: TimeText = Field(description="Until when it may be played; of a pending one, until when it waits.")


# ----------------------------------------------------------------------------------- who sees what


def may_decide(services: Services, standing: Standing, look: Look) -> bool:
    """The right over every stream of it, and another person than who asked."""
    return look.by != standing.name and all(
        may_see(services, standing, Right.LOOKS_APPROVE, one) for one in look.streams
    )


def may_know(services: Services, standing: Standing, look: Look) -> bool:
    """One's own, those that one may decide, and for who audits those of the streams of the unit."""
    if look.by == standing.name or may_decide(services, standing, look):
        return True
    return all(may_see(services, standing, Right.ACCESS_VIEW, one) for one in look.streams)


def may_hear(services: Services, standing: Standing, data: Any) -> bool:
    """Of an event ``look.*``: who asked, and who may decide."""
    streams = data.get("streams", ())
    return bool(data.get("by") == standing.name) or all(
        may_see(services, standing, Right.LOOKS_APPROVE, one) for one in streams
    )


async def _look(request: web.Request) -> tuple[Looks, Look]:
    """The one that the path names. Raises NotFound as for one that is not there."""
    services = request.app[SERVICES]
    looks = looks_of(services)
    look = await looks.get(request.match_info["id"])
    if not may_know(services, request[IDENTITY].standing, look):
        raise unknown(look.id)
    return looks, look


# --------------------------------------------------------------------------------------- the calls


async def ask(request: web.Request) -> web.Response:
    """POST /api/looks"""
    body = await read_json(request, LookIn)
    identity = request[IDENTITY]
    streams = [stream_for(request, one, Right.LOOKS_ASK) for one in dict.fromkeys(body.streams)]
    for stream in streams:
        wanted = (body.from_us, body.to_us)
        if contains(merged(hidden_ranges(request.app[SERVICES], identity.standing, stream.id, wanted)), wanted):
            raise refusal(hidden_labels(request.app[SERVICES], identity.standing, stream.id, wanted))
    look = await looks_of(request.app[SERVICES]).ask(
        by=identity.name,
        streams=[stream.id for stream in streams],
        from_us=body.from_us,
        to_us=body.to_us,
        reason=body.reason,
        standing=all(identity.standing.may(Right.PLAYBACK_VIEW, stream.unit) for stream in streams),
        reason_needed=is_asked(identity),
    )
    return web.json_response(look.json(), status=201, headers={hdrs.LOCATION: f"/api/looks/{look.id}"})


async def index(request: web.Request) -> web.Response:
    """GET /api/looks"""
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    query = read_query(request, LooksQuery)
    looks, by = looks_of(services), standing.name if query.mine else None
    shown: list[Look] = []
    after = query.after
    for _ in range(_PAGES):
        found = await looks.page(state=query.state, by=by, limit=query.limit, after=after)
        # what the clock has ended since it was kept is of another state by now
        shown += [one for one in found if query.state in (None, one.state) and may_know(services, standing, one)]
        if len(found) < query.limit or len(shown) >= query.limit:
            break
        after = found[-1].id
    return web.json_response([look.json() for look in shown[: query.limit]])


async def show(request: web.Request) -> web.Response:
    """GET /api/looks/{id}"""
    _, look = await _look(request)
    return web.json_response(look.json())


async def approve(request: web.Request) -> web.Response:
    """POST /api/looks/{id}/approve"""
    return await _decide(request, approve_it=True)


async def refuse(request: web.Request) -> web.Response:
    """POST /api/looks/{id}/refuse"""
    return await _decide(request, approve_it=False)


async def _decide(request: web.Request, *, approve_it: bool) -> web.Response:
    services, identity = request.app[SERVICES], request[IDENTITY]
    looks, look = await _look(request)
    _check_second(services, identity, look)
    draft = await read_json(request, LookDecisionIn)
    if not approve_it and not draft.note.strip():
        raise InvalidRequest("note: expected why it is refused", code="note_missing")
    decided = await looks.decide(look.id, approve=approve_it, by=identity.name, note=draft.note)
    return web.json_response(decided.json())


def _check_second(services: Services, identity: Identity, look: Look) -> None:
    """Another person than who asked, signed in, neither by name nor by certificate the same, and entitled."""
    if identity.session is None:
        raise Forbidden("a look is approved by a person who is signed in, not by a program", code="not_a_person")
    first, second = services.people.find(look.by), services.people.find(identity.name)
    same = first is not None and second is not None and first.certificate and first.certificate == second.certificate
    if identity.name == look.by or same:
        raise Conflict("a look is decided by another person than the one who asked for it", code="same_person")
    if not may_decide(services, identity.standing, look):
        raise Forbidden(f"this asks for the right {Right.LOOKS_APPROVE.value} over every stream of it")


async def end(request: web.Request) -> web.Response:
    """POST /api/looks/{id}/end: by who asked, or by who may decide."""
    services, identity = request.app[SERVICES], request[IDENTITY]
    looks, look = await _look(request)
    if look.by != identity.name and not may_decide(services, identity.standing, look):
        raise Forbidden("a look is ended by who asked for it, or by who may approve it")
    return web.json_response((await looks.end(look.id, by=identity.name)).json())


_SCOPE: dict[str, Any] = {"scope": Scope.OWN}
ROUTES = (
    Route(
        "POST", "/api/looks", ask, Access.USER,
        "Ask to play recordings: open at once within one's standing grant, else pending until another person decides.",
        body=LookIn, answer=LookOut, status=201, refusals=(403, 404, 409, 503), right=Right.LOOKS_ASK, **_SCOPE,
    ),
    Route(
        "GET", "/api/looks", index, Access.USER, "One's own looks and those that one may decide, newest first.",
        query=LooksQuery, answer=LookOut, many=True, refusals=(403, 503), right=Right.STREAMS_VIEW, **_SCOPE,
    ),
    Route(
        "GET", "/api/looks/{id}", show, Access.USER, "One look.",
        answer=LookOut, refusals=(403, 404, 503), right=Right.STREAMS_VIEW, **_SCOPE,
    ),
    Route(
        "POST", "/api/looks/{id}/approve", approve, Access.USER, "Approve what another person asked for.",
        body=LookDecisionIn, answer=LookOut, refusals=(403, 404, 409, 503), right=Right.LOOKS_APPROVE, **_SCOPE,
    ),
    Route(
        "POST", "/api/looks/{id}/refuse", refuse, Access.USER, "Refuse it, and say why.",
        body=LookDecisionIn, answer=LookOut, refusals=(403, 404, 409, 503), right=Right.LOOKS_APPROVE, **_SCOPE,
    ),
    Route(
        "POST", "/api/looks/{id}/end", end, Access.USER, "End it now: one's own, or one that one may approve.",
        answer=LookOut, refusals=(403, 404, 409, 503), right=Right.LOOKS_ASK, **_SCOPE,
    ),
)  # fmt: skip
