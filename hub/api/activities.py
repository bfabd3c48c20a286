"""/api/activities: enforcement activities (执法活动), the findings about them, and what is still to be stored (待补传).

A recorder speaks of its own current activity under /api/streams/{id}/activity, with its device token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from hub.activities.activities import Activities
from hub.activities.findings import CLAUSES, WORDS
from hub.activities.model import PHRASE, Activity, Said
from hub.activities.search import Query
from hub.activities.store import Kept
from hub.activities.watch import Watch
from hub.api.activity_bodies import (
    ActivitiesQuery,
    ActivityDetail,
    ActivityIn,
    ActivityOut,
    AmendIn,
    CurrentOut,
    DeviceBegin,
    DueOut,
    EntryOut,
    ExemptIn,
    FindingOut,
    FindingsQuery,
    MarkIn,
    MomentIn,
    NamedOfficerOut,
    activity_out,
)
from hub.api.auth import DEVICE, IDENTITY, stream_for
from hub.api.labelled import activity_filter, may_know_activity, may_know_stream
from hub.api.routes import Access, Route, Scope
from hub.api.schema import read_json, read_query, time_or_none
from hub.api.services import SERVICES, Services
from hub.clock import rfc3339
from hub.errors import Conflict, NotFound, Unavailable
from hub.people.rights import Right
from hub.people.standing import Standing


def activity_json(kept: Kept) -> dict[str, Any]:
    return activity_out(kept).model_dump(mode="json")


def _parts(request: web.Request) -> tuple[Activities, Watch]:
    services = request.app[SERVICES]
    if services.activities is None or services.activity_watch is None:
        raise Unavailable("activities are not kept here")
    return services.activities, services.activity_watch


async def _own(request: web.Request, right: Right) -> Kept:
    """The activity of the path, if the caller has the right in its unit. Raises NotFound as for one not there."""
    ident = request.match_info["id"]
    activities, _ = _parts(request)
    kept = await activities.get(ident)
    standing = request[IDENTITY].standing
    known = may_know_activity(request.app[SERVICES], standing, kept.activity)
    if not known or not standing.may(right, kept.activity.unit):
        raise NotFound(f"no activity {ident[:63]!r} is known", code="unknown_activity")
    return kept


def _current(request: web.Request) -> Activity:
    activities, _ = _parts(request)
    activity = activities.current(request.match_info["id"])
    if activity is None or not _knows(request, activity):
        raise Conflict("the stream is in no activity; begin one first", code="no_activity")
    return activity


def _knows(request: web.Request, activity: Activity) -> bool:
    """A recorder knows its own activity: its officers entered it there."""
    identity = request[IDENTITY]
    return identity.role == DEVICE or may_know_activity(request.app[SERVICES], identity.standing, activity)


def _by(request: web.Request) -> str:
    return request[IDENTITY].name


def _answer(kept: Kept, status: int = 200) -> web.Response:
    return web.json_response(activity_json(kept), status=status)


# ------------------------------------------------------------------------------------------ lists


def _wanted(services: Services, standing: Standing, within: str | None) -> Callable[[str], bool]:
    """Whether a unit is the caller's, and within that one."""
    covers = services.units.covers
    return lambda unit: standing.may(Right.SESSIONS_VIEW, unit) and (within is None or covers(within, unit))


async def index(request: web.Request) -> web.Response:
    """GET /api/activities"""
    asked = read_query(request, ActivitiesQuery)
    activities, _ = _parts(request)
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    everything = standing.may(Right.SESSIONS_VIEW) and asked.unit is None

    wanted = _wanted(services, standing, asked.unit)
    query = Query(
        units=None if everything else wanted, stream=asked.stream, device=asked.device, officer=asked.officer,
        party=asked.party, cause=asked.cause, case=asked.case, q=asked.q, finding=asked.finding,
        mode=asked.mode, storage=asked.storage,
        from_us=asked.from_us, to_us=asked.to_us, limit=asked.limit, after=asked.after,
        shown=activity_filter(services, standing),
    )  # fmt: skip
    return web.json_response([activity_json(kept) for kept in await activities.search(query)])


async def list_findings(request: web.Request) -> web.Response:
    """GET /api/findings: streams that record outside of any activity first, then activities, the newest first"""
    asked = read_query(request, FindingsQuery)
    activities, watch = _parts(request)
    services, standing = request.app[SERVICES], request[IDENTITY].standing

    wanted = _wanted(services, standing, asked.unit)
    found: list[FindingOut] = []
    for one in watch.unattended.values():
        stream = services.registry.find(one.stream_id)
        if stream is not None and wanted(stream.unit) and may_know_stream(services, standing, stream):
            found.append(
                FindingOut(finding="no_activity", text="正在记录而未登记执法活动", clause="A§9(1), 003§7–8",
                           activity=None, stream=one.stream_id, since=rfc3339(one.since_us))
            )  # fmt: skip
    for kept in await activities.with_findings(wanted, asked.limit, activity_filter(services, standing)):
        shown = activity_out(kept)
        found += [
            FindingOut(finding=each.value, text=WORDS[each], clause=CLAUSES[each], activity=shown, stream=shown.stream,
                       since=shown.began_at)
            for each in kept.findings
        ]  # fmt: skip
    return web.json_response([one.model_dump(mode="json") for one in found[: asked.limit]])


async def backfill_due(request: web.Request) -> web.Response:
    """GET /api/backfill-due: ended, and not all of it is here; the most urgent first"""
    asked = read_query(request, FindingsQuery)
    activities, watch = _parts(request)
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    now_us = services.clock.now().utc_us

    wanted = _wanted(services, standing, asked.unit)
    due = await activities.to_be_stored(wanted, asked.limit, activity_filter(services, standing))
    lacking = await asyncio.to_thread(lambda: [watch.whole(kept.activity, now_us).lacking for kept in due])
    found = [
        DueOut(
            activity=activity_out(kept), deadline=time_or_none(kept.due_us),
            left_s=None if kept.due_us is None else (kept.due_us - now_us) // 1_000_000,
            interruptions=[one.id for one in cuts],
        )
        for kept, cuts in zip(due, lacking, strict=True)
    ]  # fmt: skip
    return web.json_response([one.model_dump(mode="json") for one in found])


async def officers(request: web.Request) -> web.Response:
    """GET /api/activities/officers"""
    standing = request[IDENTITY].standing
    shown = [
        NamedOfficerOut(name=one.name, certificate=one.certificate, assistant=one.assistant, unit=one.unit).model_dump()
        for one in request.app[SERVICES].people.list()
        if one.active and one.certificate and standing.may(Right.SESSIONS_MANAGE, one.unit)
    ]
    return web.json_response(shown)


# ------------------------------------------------------------------------------------------- one


async def show(request: web.Request) -> web.Response:
    """GET /api/activities/{id}"""
    kept = await _own(request, Right.SESSIONS_VIEW)
    history = await _parts(request)[0].history(kept.activity.id)
    return web.json_response(activity_json(kept) | {"history": [_entry(one) for one in history]})


def _entry(said: Said) -> dict[str, Any]:
    return EntryOut(seq=said.seq, at=rfc3339(said.at_us), said=dict(said.body)).model_dump(mode="json")


async def create(request: web.Request) -> web.Response:
    """POST /api/activities"""
    wanted = await read_json(request, ActivityIn)
    activities, _ = _parts(request)
    stream = stream_for(request, wanted.stream, Right.SESSIONS_MANAGE)
    kept = await activities.begin(stream, wanted.draft(), by=_by(request), at_us=wanted.at, ended_us=wanted.ended_at)
    return _answer(kept, 201)


async def amend(request: web.Request) -> web.Response:
    """PATCH /api/activities/{id}"""
    wanted = await read_json(request, AmendIn)
    kept = await _own(request, Right.SESSIONS_MANAGE)
    activities, _ = _parts(request)
    return _answer(await activities.amend(kept.activity.id, wanted.draft(), by=_by(request), reason=wanted.reason))


async def mark(request: web.Request) -> web.Response:
    """POST /api/activities/{id}/marks"""
    wanted = await read_json(request, MarkIn)
    kept = await _own(request, Right.SESSIONS_MANAGE)
    return await _mark(request, kept.activity.id, wanted)


async def _mark(request: web.Request, ident: str, wanted: MarkIn) -> web.Response:
    activities, _ = _parts(request)
    kept = await activities.mark(ident, wanted.kind, by=_by(request), text=wanted.text, at_us=wanted.at)
    return _answer(kept, 201)


async def end(request: web.Request) -> web.Response:
    """POST /api/activities/{id}/end"""
    wanted = await read_json(request, MomentIn)
    kept = await _own(request, Right.SESSIONS_MANAGE)
    activities, _ = _parts(request)
    return _answer(await activities.end(kept.activity.id, by=_by(request), at_us=wanted.at))


async def exempt(request: web.Request) -> web.Response:
    """POST /api/activities/{id}/exemption"""
    wanted = await read_json(request, ExemptIn)
    kept = await _own(request, Right.SESSIONS_MANAGE)
    activities, _ = _parts(request)
    return _answer(await activities.exempt(kept.activity.id, wanted.type, by=_by(request), text=wanted.text))


async def returned(request: web.Request) -> web.Response:
    """POST /api/activities/{id}/return"""
    wanted = await read_json(request, MomentIn)
    kept = await _own(request, Right.SESSIONS_MANAGE)
    activities, _ = _parts(request)
    return _answer(await activities.returned(kept.activity.id, by=_by(request), at_us=wanted.at))


# ------------------------------------------------------------------------------------ the recorder


async def device_show(request: web.Request) -> web.Response:
    """GET /api/streams/{id}/activity"""
    activities, _ = _parts(request)
    stream = request.app[SERVICES].registry.get(request.match_info["id"])
    activity = activities.current(stream.id)
    if activity is not None and not _knows(request, activity):
        activity = None
    shown = None if activity is None else activity_out(await activities.get(activity.id))
    mode = activities.rules(stream.unit).mode_of(stream.id, stream.kind)
    return web.json_response(CurrentOut(activity=shown, phrase=PHRASE, mode=mode).model_dump(mode="json"))


async def device_begin(request: web.Request) -> web.Response:
    """POST /api/streams/{id}/activity"""
    wanted = await read_json(request, DeviceBegin)
    activities, _ = _parts(request)
    stream = request.app[SERVICES].registry.get(request.match_info["id"])
    return _answer(await activities.begin(stream, wanted.draft(), by=_by(request), at_us=wanted.at), 201)


async def device_amend(request: web.Request) -> web.Response:
    """PATCH /api/streams/{id}/activity"""
    wanted = await read_json(request, AmendIn)
    activities, _ = _parts(request)
    ident = _current(request).id
    return _answer(await activities.amend(ident, wanted.draft(), by=_by(request), reason=wanted.reason))


async def device_mark(request: web.Request) -> web.Response:
    """POST /api/streams/{id}/activity/marks"""
    wanted = await read_json(request, MarkIn)
    return await _mark(request, _current(request).id, wanted)


async def device_end(request: web.Request) -> web.Response:
    """POST /api/streams/{id}/activity/end"""
    wanted = await read_json(request, MomentIn)
    activities, _ = _parts(request)
    return _answer(await activities.end(_current(request).id, by=_by(request), at_us=wanted.at))


_VIEW: dict[str, Any] = {"right": Right.SESSIONS_VIEW, "scope": Scope.OWN}
_MANAGE: dict[str, Any] = {"right": Right.SESSIONS_MANAGE, "scope": Scope.OWN, "answer": ActivityOut}
_DEVICE: dict[str, Any] = {"right": Right.SESSIONS_MANAGE, "scope": Scope.STREAM, "refusals": (400, 404, 409, 503)}
_REFUSED = (400, 404, 409, 503)

ROUTES = (
    Route(
        "GET", "/api/activities", index, Access.USER,
        "Enforcement activities, the newest first, by any of unit, device, officer, time, party and cause.",
        query=ActivitiesQuery, answer=ActivityOut, many=True, refusals=(400, 503), **_VIEW,
    ),
    Route(
        "POST", "/api/activities", create, Access.USER, "Begin an activity, or enter one afterwards.",
        body=ActivityIn, status=201, refusals=_REFUSED, **_MANAGE,
    ),
    Route(
        "GET", "/api/activities/officers", officers, Access.USER,
        "Who may be named in an activity: name, certificate, 协助人员 or not.",
        answer=NamedOfficerOut, many=True, right=Right.SESSIONS_MANAGE, scope=Scope.OWN,
    ),
    Route(
        "GET", "/api/activities/{id}", show, Access.USER, "One activity with everything that was said of it.",
        answer=ActivityDetail, refusals=(404, 503), **_VIEW,
    ),
    Route(
        "PATCH", "/api/activities/{id}", amend, Access.USER,
        "Say something otherwise, with the reason; what was said before stays in the history.",
        body=AmendIn, refusals=_REFUSED, **_MANAGE,
    ),
    Route(
        "POST", "/api/activities/{id}/marks", mark, Access.USER, "Mark a moment.",
        body=MarkIn, status=201, refusals=_REFUSED, **_MANAGE,
    ),
    Route(
        "POST", "/api/activities/{id}/end", end, Access.USER, "End it.", body=MomentIn, refusals=_REFUSED, **_MANAGE,
    ),
    Route(
        "POST", "/api/activities/{id}/exemption", exempt, Access.USER,
        "Its footage cannot be stored in time, for one of the reasons of the rules (A§24, 002§23).",
        body=ExemptIn, refusals=_REFUSED, **_MANAGE,
    ),
    Route(
        "POST", "/api/activities/{id}/return", returned, Access.USER,
        "The officers of an exempted activity are back: the 24 hours run from then.",
        body=MomentIn, refusals=_REFUSED, **_MANAGE,
    ),
    Route(
        "GET", "/api/findings", list_findings, Access.USER,
        "What is wrong with activities, and streams that record outside of any.",
        query=FindingsQuery, answer=FindingOut, many=True, refusals=(503,), **_VIEW,
    ),
    Route(
        "GET", "/api/backfill-due", backfill_due, Access.USER,
        "Activities of which footage is still to be stored (待补传), the most urgent first.",
        query=FindingsQuery, answer=DueOut, many=True, refusals=(503,), **_VIEW,
    ),
    Route(
        "GET", "/api/streams/{id}/activity", device_show, Access.EITHER,
        "The activity that the stream is in, and the phrase of the notice (告知).", answer=CurrentOut, **_DEVICE,
    ),
    Route(
        "POST", "/api/streams/{id}/activity", device_begin, Access.EITHER, "Begin an activity of this stream.",
        body=DeviceBegin, answer=ActivityOut, status=201, **_DEVICE,
    ),
    Route(
        "PATCH", "/api/streams/{id}/activity", device_amend, Access.EITHER, "Amend the stream's activity.",
        body=AmendIn, answer=ActivityOut, **_DEVICE,
    ),
    Route(
        "POST", "/api/streams/{id}/activity/marks", device_mark, Access.EITHER, "Mark a moment in it.",
        body=MarkIn, answer=ActivityOut, status=201, **_DEVICE,
    ),
    Route(
        "POST", "/api/streams/{id}/activity/end", device_end, Access.EITHER, "End it.",
        body=MomentIn, answer=ActivityOut, **_DEVICE,
    ),
)  # fmt: skip
