"""/api/labels: what is a state secret, a trade secret or private (R31), and who said so (docs/design/labels.md)."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field

from hub.api.auth import IDENTITY, may_see, stream_for
from hub.api.errors import Forbidden
from hub.api.labelled import may_know_activity
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, RangeQuery, TimeText, TimeUs, read_json, read_query, time_or_none
from hub.api.services import SERVICES, Services
from hub.clock import rfc3339
from hub.errors import InvalidRequest, NotFound, Unavailable
from hub.labels.labels import Labels
from hub.labels.model import MAX_CLEARED, MAX_REASON, Label, Secrecy
from hub.model import Stream
from hub.people.rights import Right
from hub.people.standing import Standing


class LabelIn(Input):
    kind: Secrecy = Field(description="国家秘密 state_secret, 商业秘密 trade_secret, 个人隐私 privacy")
    reason: str = Field(min_length=1, max_length=MAX_REASON, description="On what ground; in the ledger.")
    activity: str | None = Field(None, max_length=63, description="An activity: its time, and who was there and why.")
    stream: str | None = Field(None, max_length=63, description="Where no activity is given.")
    from_us: TimeUs | None = Field(None, alias="from", description="From the beginning if not said.")
    to_us: TimeUs | None = Field(None, alias="to", description="Until it is lifted if not said.")
    cleared: list[Annotated[str, Field(max_length=63)]] = Field(
        [], max_length=MAX_CLEARED, description="Usernames of who may see it all the same; given by who may see it."
    )


class LabelWithdrawIn(Input):
    reason: str = Field(min_length=1, max_length=MAX_REASON)


class LabelsQuery(Input):
    stream: str | None = Field(None, max_length=63)
    activity: str | None = Field(None, max_length=63)
    withdrawn: bool = Field(False, description="Those that were lifted as well.")
    limit: int = Field(100, ge=1, le=1000)


class _Out(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class LabelOut(_Out):
    id: str
    kind: Secrecy
    stream: str
    activity: str
    from_at: TimeText | None = Field(alias="from")
    to_at: TimeText | None = Field(alias="to")
    reason: str
    cleared: list[str]
    by: str
    at: TimeText
    withdrawn_by: str
    withdrawn_at: TimeText | None
    withdrawn_reason: str
    may_lift: bool = Field(description="Whether the caller may.")


class LabelledOut(_Out):
    kind: Secrecy
    from_at: TimeText | None = Field(alias="from")
    to_at: TimeText | None = Field(alias="to")
    hidden: bool = Field(description="From the caller.")


def _labels(services: Services) -> Labels:
    """Raises Unavailable."""
    if services.labels is None:
        raise Unavailable("labels are not kept here")
    return services.labels


def _json(services: Services, standing: Standing, one: Label) -> dict[str, Any]:
    out = LabelOut(
        id=one.id, kind=one.kind, stream=one.stream_id, activity=one.activity, from_at=time_or_none(one.from_us),
        to_at=time_or_none(one.to_us), reason=one.reason, cleared=sorted(one.cleared), by=one.by,
        at=rfc3339(one.at_us), withdrawn_by=one.withdrawn_by, withdrawn_at=time_or_none(one.withdrawn_us),
        withdrawn_reason=one.withdrawn_reason, may_lift=one.in_force and _may_lift(services, standing, one),
    )  # fmt: skip
    return out.model_dump(mode="json", by_alias=True)


def _may_lift(services: Services, standing: Standing, one: Label) -> bool:
    """Who may see what it hides by right: to lift is to show."""
    return may_see(services, standing, Right.LABELS_SEE, one.stream_id)


# --------------------------------------------------------------------------------------- the calls


async def index(request: web.Request) -> web.Response:
    """GET /api/labels"""
    query = read_query(request, LabelsQuery)
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    shown = [
        _json(services, standing, one)
        for one in _labels(services).all()
        if query.stream in (None, one.stream_id)
        and query.activity in (None, one.activity)
        and (query.withdrawn or one.in_force)
        and may_see(services, standing, Right.LABELS_MANAGE, one.stream_id)
    ]
    return web.json_response(shown[: query.limit])


async def create(request: web.Request) -> web.Response:
    """POST /api/labels"""
    wanted = await read_json(request, LabelIn)
    services, identity = request.app[SERVICES], request[IDENTITY]
    labels = _labels(services)
    from_us: int | None
    if wanted.activity is not None:
        stream, from_us, to_us = await _activity(request, wanted)
    else:
        stream = stream_for(request, wanted.stream or "", Right.LABELS_MANAGE)
        from_us, to_us = wanted.from_us, wanted.to_us
    _check_cleared(services, identity.standing, stream, wanted.cleared)
    label = await labels.set(
        stream.id, wanted.kind, wanted.reason, by=identity.name, from_us=from_us, to_us=to_us,
        activity=wanted.activity or "", cleared=wanted.cleared,
    )  # fmt: skip
    headers = {hdrs.LOCATION: f"/api/labels/{label.id}"}
    return web.json_response(_json(services, identity.standing, label), status=201, headers=headers)


async def _activity(request: web.Request, wanted: LabelIn) -> tuple[Stream, int, int | None]:
    """The activity's stream and time. Raises NotFound, also for one that is hidden already."""
    services, ident = request.app[SERVICES], wanted.activity or ""
    if wanted.from_us is not None or wanted.to_us is not None:
        raise InvalidRequest("from, to: an activity is labelled as long as it lasted; label a range of the stream else")
    if services.activities is None:
        raise Unavailable("activities are not kept here")
    activity = (await services.activities.get(ident)).activity
    stream = services.registry.find(activity.stream_id)
    standing = request[IDENTITY].standing
    may = standing.may(Right.LABELS_MANAGE, activity.unit) and may_know_activity(services, standing, activity)
    if stream is None or not may or wanted.stream not in (None, stream.id):
        raise NotFound(f"no activity {ident[:63]!r} is known", code="unknown_activity")
    return stream, activity.began_us, activity.ended_us


def _check_cleared(services: Services, standing: Standing, stream: Stream, cleared: list[str]) -> None:
    """Who clears may see it by right, and clears people who are there and active."""
    if cleared and not standing.may(Right.LABELS_SEE, stream.unit):
        raise Forbidden(f"who is cleared is said by who has the right {Right.LABELS_SEE.value}")
    for name in cleared:
        person = services.people.find(name)
        if person is None or not person.active:
            raise InvalidRequest(f"cleared: nobody active is known as {name!r}", code="unknown_person")


async def withdraw(request: web.Request) -> web.Response:
    """POST /api/labels/{id}/withdraw"""
    services, identity = request.app[SERVICES], request[IDENTITY]
    labels, ident = _labels(services), request.match_info["id"]
    label = labels.get(ident)
    if not may_see(services, identity.standing, Right.LABELS_MANAGE, label.stream_id):
        raise NotFound(f"no label has the id {ident[:63]!r}", code="unknown_label")
    if not _may_lift(services, identity.standing, label):
        raise Forbidden(f"a label is lifted by who has the right {Right.LABELS_SEE.value}: to lift is to show")
    wanted = await read_json(request, LabelWithdrawIn)
    lifted = await labels.withdraw(ident, wanted.reason, by=identity.name)
    return web.json_response(_json(services, identity.standing, lifted))


async def of_stream(request: web.Request) -> web.Response:
    """GET /api/streams/{id}/labels"""
    query = read_query(request, RangeQuery)
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    if query.from_us >= query.to_us:
        raise InvalidRequest("to: expected a time after from")
    if services.labels is None:
        return web.json_response([])
    found = services.labels.touching(request.match_info["id"], query.from_us, query.to_us)
    shown = [
        LabelledOut(
            kind=one.kind, from_at=time_or_none(one.from_us), to_at=time_or_none(one.to_us),
            hidden=not services.labels.sees(standing, one),
        )
        for one in found
    ]  # fmt: skip
    return web.json_response([one.model_dump(mode="json", by_alias=True) for one in shown])


_MANAGE: dict[str, Any] = {"right": Right.LABELS_MANAGE, "scope": Scope.OWN}
ROUTES = (
    Route(
        "GET", "/api/labels", index, Access.USER, "Labels of the caller's units, newest first.",
        query=LabelsQuery, answer=LabelOut, many=True, refusals=(503,), **_MANAGE,
    ),
    Route(
        "POST", "/api/labels", create, Access.USER, "Label a stream, a range of it, or an activity: hidden at once.",
        body=LabelIn, answer=LabelOut, status=201, refusals=(400, 403, 404, 409, 503), **_MANAGE,
    ),
    Route(
        "POST", "/api/labels/{id}/withdraw", withdraw, Access.USER, "Lift a label, with the reason.",
        body=LabelWithdrawIn, answer=LabelOut, refusals=(400, 403, 404, 409, 503), **_MANAGE,
    ),
    Route(
        "GET", "/api/streams/{id}/labels", of_stream, Access.USER,
        "Which times are labelled, by kind, and whether they are hidden from the caller.",
        query=RangeQuery, answer=LabelledOut, many=True, refusals=(404,), right=Right.STREAMS_VIEW,
        scope=Scope.STREAM,
    ),
)  # fmt: skip
