"""/api/alarms, /api/notices, /api/channels, /api/shifts: what rings, who was told, and who looks after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from hub.api.access_entries import write_access
from hub.api.auth import IDENTITY, check_unit, may_see
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, TimeUs, read_json, read_query
from hub.api.services import SERVICES
from hub.api.sessions import confirmed
from hub.clock import rfc3339
from hub.errors import InvalidRequest, NotFound, Refused, Unavailable
from hub.notices.alarm import Alarm, AlarmState
from hub.notices.channels import Channel, ChannelKind
from hub.notices.notices import Notices
from hub.people.rights import Right

MAX_NOTE = 2000
_FAR_US = 1 << 60

AlarmStateName = Literal["open", "acknowledged", "handled", "false_alarm", "cleared"]


class AlarmNoteIn(Input):
    note: str = Field("", max_length=MAX_NOTE)


class HandOverIn(Input):
    to: str = Field(max_length=63, description="Username of who looks after it from now on.")
    note: str = Field("", max_length=MAX_NOTE)


class AlarmsQuery(Input):
    state: Literal["unsettled", "settled"] = "unsettled"
    stream: str | None = Field(None, max_length=63)
    before: TimeUs | None = Field(None, description="Of settled ones: raised before this.")
    limit: int = Field(200, ge=1, le=1000)


class NoticesQuery(Input):
    alarm: str = Field("", max_length=64)
    state: Literal["", "queued", "sent", "failed", "joined"] = ""
    before: TimeUs | None = None
    limit: int = Field(100, ge=1, le=1000)


class ChannelIn(Input):
    name: str = Field(max_length=63)
    kind: ChannelKind = ChannelKind.APPRISE
    url: str = Field(max_length=2000, description="Kept as a secret, and never shown again.")
    unit: str = Field("root", max_length=63, description="Alarms of this unit and below may be sent here.")


class ShiftIn(Input):
    unit: str = Field(max_length=63)


class ShiftHandOverIn(Input):
    unit: str = Field(max_length=63)
    to: str = Field(max_length=63, description="Who comes; they sign in again here.")
    password: str = Field(max_length=1000)
    accepted: list[str] = Field(max_length=10_000, description="Ids of the alarms that the one who comes has seen.")
    note: str = Field("", max_length=500)


class AlarmOut(BaseModel):
    id: str
    level: int = Field(description="1 is the gravest, 4 the least.")
    kind: str
    cause: str = Field(description="What rang, as interruption:<id>.")
    stream: str
    unit: str
    incident: str
    joined: str = Field(description="The alarm of the incident that this one is a part of; it rings no more by itself.")
    text: str
    count: int
    picture: str
    state: AlarmStateName
    since: TimeText
    raised_at: TimeText
    over_at: TimeText | None
    acknowledged_by: str
    acknowledged_at: TimeText | None
    settled_by: str
    settled_at: TimeText | None
    handed_to: str
    note: str
    escalated: int = Field(description="How many units up, since nobody acknowledged it.")
    rings_for: list[str] | None = Field(description="Usernames; none: whoever may handle it.")
    rings: bool = Field(description="Whether it rings for the caller.")


class NoticeOut(BaseModel):
    id: str
    at: TimeText
    channel: str
    alarm: str
    unit: str
    level: int
    reason: str
    title: str
    body: str
    state: Literal["queued", "sent", "failed", "joined"]
    attempts: int
    problem: str
    done_at: TimeText | None


class ChannelOut(BaseModel):
    name: str
    kind: ChannelKind
    url: str = Field(description="Without what opens it.")
    unit: str
    by: str
    created_at: TimeText
    problem: str = Field(description="Of the last attempt; empty for none.")
    last_sent_at: TimeText | None
    waiting: int


class TrialOut(BaseModel):
    problem: str = Field(description="Empty: it was taken.")


class ShiftOut(BaseModel):
    id: str
    unit: str
    username: str
    since: TimeText
    ended_at: TimeText | None
    from_whom: str


def _notices(request: web.Request) -> Notices:
    found = request.app[SERVICES].notices
    if found is None:
        raise Unavailable("alarms are not kept here")
    return found


# ------------------------------------------------------------------------------------------- alarms


def _may_handle(request: web.Request, alarm: Alarm) -> bool:
    return request[IDENTITY].standing.may(Right.INTERRUPTIONS_HANDLE, alarm.unit)


def _shown(request: web.Request, alarm: Alarm) -> dict[str, Any]:
    """With ``rings``: whether it is the caller's own (R08: whoever is on duty for it)."""
    shown = _notices(request).alarm_json(alarm)
    names = shown["rings_for"]
    rings = alarm.waits and (_may_handle(request, alarm) if names is None else request[IDENTITY].name in names)
    return shown | {"rings": rings}


async def _alarm(request: web.Request, right: Right) -> Alarm:
    """The alarm that the path names, if the caller has ``right`` where it happened. Raises NotFound."""
    ident = request.match_info["id"]
    found = await _notices(request).find(ident)
    if found is None or not request[IDENTITY].standing.may(right, found.unit):
        raise NotFound(f"no alarm has the id {ident[:80]!r}")
    return found


async def list_alarms(request: web.Request) -> web.Response:
    """GET /api/alarms"""
    query = read_query(request, AlarmsQuery)
    services = request.app[SERVICES]
    notices, standing = _notices(request), request[IDENTITY].standing

    def seen(alarm: Alarm) -> bool:
        if query.stream not in (None, alarm.stream) or not standing.may(Right.INTERRUPTIONS_VIEW, alarm.unit):
            return False
        return not alarm.stream or may_see(services, standing, Right.INTERRUPTIONS_VIEW, alarm.stream)

    if query.state == "unsettled":
        found = [one for one in notices.queue() if seen(one)][: query.limit]
    else:
        before_us = _FAR_US if query.before is None else query.before
        found = [one for one in await notices.settled(before_us, query.limit) if seen(one)]
    return web.json_response([_shown(request, one) for one in found])


async def acknowledge(request: web.Request) -> web.Response:
    """POST /api/alarms/{id}/acknowledge"""
    given = await read_json(request, AlarmNoteIn)
    alarm = await _alarm(request, Right.INTERRUPTIONS_HANDLE)
    done = await _notices(request).acknowledge(alarm.id, request[IDENTITY].name, given.note)
    return web.json_response(_shown(request, done))


def _settling(state: AlarmState) -> Callable[[web.Request], Any]:
    async def settle(request: web.Request) -> web.Response:
        given = await read_json(request, AlarmNoteIn)
        alarm = await _alarm(request, Right.INTERRUPTIONS_HANDLE)
        done = await _notices(request).settle(alarm.id, state, request[IDENTITY].name, given.note)
        return web.json_response(_shown(request, done))

    return settle


async def note(request: web.Request) -> web.Response:
    """POST /api/alarms/{id}/note"""
    given = await read_json(request, AlarmNoteIn)
    alarm = await _alarm(request, Right.INTERRUPTIONS_HANDLE)
    done = await _notices(request).note(alarm.id, request[IDENTITY].name, given.note)
    return web.json_response(_shown(request, done))


async def hand_over(request: web.Request) -> web.Response:
    """POST /api/alarms/{id}/hand-over"""
    given = await read_json(request, HandOverIn)
    alarm = await _alarm(request, Right.INTERRUPTIONS_HANDLE)
    done = await _notices(request).hand_over(alarm.id, request[IDENTITY].name, given.to, given.note)
    return web.json_response(_shown(request, done))


async def list_notices(request: web.Request) -> web.Response:
    """GET /api/notices"""
    query = read_query(request, NoticesQuery)
    standing = request[IDENTITY].standing
    before_us = _FAR_US if query.before is None else query.before
    found = await _notices(request).notices(
        before_us=before_us, limit=query.limit, alarm=query.alarm, state=query.state
    )
    return web.json_response([one.json() for one in found if standing.may(Right.INTERRUPTIONS_VIEW, one.unit)])


# ----------------------------------------------------------------------------------------- channels


def _channel_shown(request: web.Request, one: Channel) -> dict[str, Any]:
    problem, last_us, waiting = _notices(request).outbox.health(one.name)
    return {
        "name": one.name, "kind": one.kind.value, "url": one.shown, "unit": one.unit, "by": one.by,
        "created_at": rfc3339(one.created_us), "problem": problem, "waiting": waiting,
        "last_sent_at": None if last_us is None else rfc3339(last_us),
    }  # fmt: skip


def _channel(request: web.Request) -> Channel:
    name = request.match_info["id"]
    found = _notices(request).channels.find(name)
    if found is None or not request[IDENTITY].standing.may(Right.NOTICES_MANAGE, found.unit):
        raise NotFound(f"no channel {name[:63]!r} is known")
    return found


async def list_channels(request: web.Request) -> web.Response:
    """GET /api/channels"""
    standing = request[IDENTITY].standing
    found = [one for one in _notices(request).channels.all() if standing.may(Right.NOTICES_MANAGE, one.unit)]
    return web.json_response([_channel_shown(request, one) for one in found])


async def add_channel(request: web.Request) -> web.Response:
    """POST /api/channels"""
    given = await read_json(request, ChannelIn)
    services, by = request.app[SERVICES], request[IDENTITY].name
    check_unit(request, given.unit, Right.NOTICES_MANAGE)
    services.units.open_unit(given.unit)
    made = await _notices(request).channels.add(given.name, given.kind, given.url, given.unit, by)
    write_access(services.write_access, by, "channel.added", subject=made.name, unit=made.unit, url=made.shown)
    return web.json_response(_channel_shown(request, made), status=201)


async def remove_channel(request: web.Request) -> web.Response:
    """DELETE /api/channels/{id}"""
    services, notices = request.app[SERVICES], _notices(request)
    gone = await notices.channels.remove(_channel(request).name)
    notices.outbox.forget(gone.name)
    write_access(services.write_access, request[IDENTITY].name, "channel.removed", subject=gone.name, unit=gone.unit)
    return web.Response(status=204)


async def try_channel(request: web.Request) -> web.Response:
    """POST /api/channels/{id}/trial"""
    channel = _channel(request)
    return web.json_response({"problem": await _notices(request).test_channel(channel.name)})


# ------------------------------------------------------------------------------------------- shifts


def _person(request: web.Request) -> str:
    if request[IDENTITY].session is None:
        raise InvalidRequest("a program is never on duty; sign in as a person", code="no_person")
    return request[IDENTITY].name


async def list_shifts(request: web.Request) -> web.Response:
    """GET /api/shifts"""
    standing = request[IDENTITY].standing
    found = [one for one in _notices(request).roster.present() if standing.may(Right.INTERRUPTIONS_VIEW, one.unit)]
    return web.json_response([one.json() for one in found])


async def begin_shift(request: web.Request) -> web.Response:
    """POST /api/shifts/begin"""
    given = await read_json(request, ShiftIn)
    check_unit(request, given.unit, Right.INTERRUPTIONS_HANDLE)
    made = await _notices(request).shifts.begin(given.unit, _person(request))
    return web.json_response(made.json(), status=201)


async def end_shift(request: web.Request) -> web.Response:
    """POST /api/shifts/end"""
    given = await read_json(request, ShiftIn)
    check_unit(request, given.unit, Right.INTERRUPTIONS_HANDLE)
    ended = await _notices(request).shifts.end(given.unit, _person(request))
    return web.json_response(ended.json())


async def hand_over_shift(request: web.Request) -> web.Response:
    """POST /api/shifts/hand-over"""
    given = await read_json(request, ShiftHandOverIn)
    check_unit(request, given.unit, Right.INTERRUPTIONS_HANDLE)
    by = _person(request)
    comes = await confirmed(request, given.to, given.password)
    if comes.must_change_password:
        raise Refused("who comes changes the password that they were given first", code="must_change_password")
    made = await _notices(request).shifts.hand_over(given.unit, by, comes.username, given.accepted, given.note)
    return web.json_response(made.json(), status=201)


def _of_alarm(path: str, handler: Callable[[web.Request], Any], summary: str, body: type[BaseModel]) -> Route:
    return Route(
        "POST", f"/api/alarms/{{id}}/{path}", handler, Access.USER, summary, body=body, answer=AlarmOut,
        right=Right.INTERRUPTIONS_HANDLE, scope=Scope.OWN, refusals=(400, 404, 409, 503),
    )  # fmt: skip


ROUTES = (
    Route(
        "GET", "/api/alarms", list_alarms, Access.USER,
        "Alarms that are not settled, by level and then by age; state=settled lists those that are, newest first.",
        query=AlarmsQuery, answer=AlarmOut, many=True, right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN, refusals=(503,),
    ),
    _of_alarm("acknowledge", acknowledge, "I look after it. 409 names who was first.", AlarmNoteIn),
    _of_alarm("handle", _settling(AlarmState.HANDLED), "It was looked after; the note says how.", AlarmNoteIn),
    _of_alarm("false-alarm", _settling(AlarmState.FALSE_ALARM), "There was nothing; the note says why.", AlarmNoteIn),
    _of_alarm("note", note, "Add a note.", AlarmNoteIn),
    _of_alarm("hand-over", hand_over, "Another person looks after it from now on.", HandOverIn),
    Route(
        "GET", "/api/notices", list_notices, Access.USER,
        "Every notice that was sent or was not, newest first.",
        query=NoticesQuery, answer=NoticeOut, many=True, right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN,
        refusals=(503,),
    ),
    Route(
        "GET", "/api/channels", list_channels, Access.USER,
        "Where notices are sent to, and whether they are taken there.",
        answer=ChannelOut, many=True, right=Right.NOTICES_MANAGE, scope=Scope.OWN, refusals=(503,),
    ),
    Route(
        "POST", "/api/channels", add_channel, Access.USER,
        "Add a channel: a URL of apprise, of an Alertmanager, or of a webhook of Alertmanager's form.",
        body=ChannelIn, answer=ChannelOut, status=201, right=Right.NOTICES_MANAGE, scope=Scope.OWN,
        refusals=(400, 403, 409, 503),
    ),
    Route(
        "DELETE", "/api/channels/{id}", remove_channel, Access.USER, "Remove a channel.",
        status=204, right=Right.NOTICES_MANAGE, scope=Scope.OWN, refusals=(404, 503),
    ),
    Route(
        "POST", "/api/channels/{id}/trial", try_channel, Access.USER, "Send a trial notice now.",
        answer=TrialOut, right=Right.NOTICES_MANAGE, scope=Scope.OWN, refusals=(404, 503),
    ),
    Route(
        "GET", "/api/shifts", list_shifts, Access.USER, "Who is on duty where.",
        answer=ShiftOut, many=True, right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN, refusals=(503,),
    ),
    Route(
        "POST", "/api/shifts/begin", begin_shift, Access.USER, "I am on duty at this unit from now on.",
        body=ShiftIn, answer=ShiftOut, status=201, right=Right.INTERRUPTIONS_HANDLE, scope=Scope.OWN,
        refusals=(400, 403, 404, 409, 503),
    ),
    Route(
        "POST", "/api/shifts/end", end_shift, Access.USER,
        "My watch ends; refused while alarms are open and nobody else is on duty there.",
        body=ShiftIn, answer=ShiftOut, right=Right.INTERRUPTIONS_HANDLE, scope=Scope.OWN,
        refusals=(400, 403, 409, 503),
    ),
    Route(
        "POST", "/api/shifts/hand-over", hand_over_shift, Access.USER,
        "交接班: who comes signs in again and takes the watch with exactly the alarms that are open.",
        body=ShiftHandOverIn, answer=ShiftOut, status=201, right=Right.INTERRUPTIONS_HANDLE, scope=Scope.OWN,
        refusals=(400, 403, 404, 409, 429, 503),
    ),
)  # fmt: skip
