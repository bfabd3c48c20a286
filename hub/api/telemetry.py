"""What recorders say of themselves, where they were, and 故障停用: the faults of devices and their repairs."""

from __future__ import annotations

from typing import Any, Literal

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from hub.api.auth import IDENTITY, stream_for
from hub.api.errors import TooManyAttempts
from hub.api.labelled import may_see_picture, reaches
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, RangeQuery, TimeText, TimeUs, read_body, read_json, read_query
from hub.api.services import SERVICES
from hub.clock import rfc3339
from hub.errors import Conflict, InvalidRequest, Unavailable
from hub.people.rights import Right
from hub.telemetry.faults import Names
from hub.telemetry.message import TelemetryIn
from hub.telemetry.state import fault_json
from hub.telemetry.telemetry import Telemetry

log = structlog.get_logger(__name__)

MAX_POINTS = 5000
MAX_MARKS = 1000
FaultReason = Literal["power", "storage", "picture", "sound", "network", "positioning", "clock", "damaged", "other"]


class FaultIn(Input):
    reason: FaultReason
    text: str = Field("", max_length=2000, description="What is wrong; asked for where the reason is other.")


class RepairIn(Input):
    service: str = Field(min_length=1, max_length=200, description="Who repaired it: a service, never who uses it.")
    work: str = Field(min_length=1, max_length=2000, description="What was done.")


class FaultsQuery(Input):
    stream: str | None = Field(None, max_length=63)
    state: Literal["lasts", "all"] = "lasts"
    limit: int = Field(100, ge=1, le=1000)


class TrackQuery(Input):
    from_us: TimeUs = Field(alias="from")
    to_us: TimeUs = Field(alias="to")
    limit: int = Field(MAX_POINTS, ge=1, le=MAX_POINTS)


class DeviceMarkOut(BaseModel):
    id: str
    kind: Literal["sos", "key_mark"]
    at: TimeText
    text: str


class PointOut(BaseModel):
    at: TimeText
    at_us: int
    lat: float = Field(description="WGS-84, degrees.")
    lon: float
    accuracy_m: float | None


class TelemetryOut(BaseModel):
    at: TimeText = Field(description="When the newest message came.")
    at_us: int
    battery_percent: float | None
    storage_left_mb: float | None
    storage_total_mb: float | None
    signal_percent: float | None
    temperature_c: float | None
    recording_locally: bool | None
    position: PointOut | None
    alarms: dict[str, Literal["warning", "critical", "emergency"]] = Field(description="What is raised, by its kind.")
    sos: dict[str, str] | None = Field(description="The newest one: id, at.")


class FaultOut(BaseModel):
    id: str
    stream: str
    began_at: TimeText
    reported_by: str
    reason: FaultReason
    text: str
    position: PointOut | None
    ended_at: TimeText | None
    repaired_by: str = Field(description="Who wrote the repair down.")
    service: str
    work: str


class TelemetryTaken(BaseModel):
    acknowledged: list[str] = Field(description="Ids of events that are kept, now or before.")
    dropped: list[str] = Field(description="Fields that were wrong: the rest counts.")
    cues: list[dict[str, Any]] = Field(description="What the hub asks for; answered by an event cue_ack.")


class PositionsOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    points: list[PointOut]
    complete: bool = Field(description="Otherwise there are more after the last one.")


def _telemetry(request: web.Request) -> Telemetry:
    found = request.app[SERVICES].telemetry
    if found is None:
        raise Unavailable("telemetry does not run here")
    return found


async def take(request: web.Request) -> web.Response:
    """POST /api/streams/{id}/telemetry"""
    stream = request.app[SERVICES].registry.get(request.match_info["id"])
    if stream.retired:
        raise Conflict(f"the stream {stream.id!r} is retired and takes nothing in", code="stream_retired")
    body = await read_body(request, "application/json")
    try:
        taken = await _telemetry(request).take(stream.id, body)
    except Unavailable as refusal:
        if refusal.code == "too_often":
            raise TooManyAttempts(str(refusal), 1) from None
        raise
    answer = TelemetryTaken(
        acknowledged=list(taken.acknowledged), dropped=list(taken.dropped), cues=[dict(cue) for cue in taken.cues]
    )
    return web.json_response(answer.model_dump(mode="json"))


async def show(request: web.Request) -> web.Response:
    """GET /api/streams/{id}/telemetry"""
    state = _telemetry(request).state_json(request.match_info["id"])
    return web.json_response(state)


async def track(request: web.Request) -> web.Response:
    """GET /api/streams/{id}/track"""
    query = read_query(request, TrackQuery)
    if query.to_us <= query.from_us:
        raise InvalidRequest("to: expected a time after from")
    stream_id, services, standing = request.match_info["id"], request.app[SERVICES], request[IDENTITY].standing
    found = await _telemetry(request).track(stream_id, query.from_us, query.to_us, query.limit + 1)
    points = [
        PointOut(
            at=rfc3339(one.at_us),
            at_us=one.at_us,
            lat=one.lat_e7 / 1e7,
            lon=one.lon_e7 / 1e7,
            accuracy_m=None if one.accuracy_dm is None else one.accuracy_dm / 10,
        )
        for one in found[: query.limit]
        if may_see_picture(services, standing, stream_id, one.at_us, one.at_us + 1)
    ]
    return web.json_response(PositionsOut(points=points, complete=len(found) <= query.limit).model_dump(mode="json"))


async def marks(request: web.Request) -> web.Response:
    """GET /api/streams/{id}/marks"""
    query = read_query(request, RangeQuery)
    if query.to_us <= query.from_us:
        raise InvalidRequest("to: expected a time after from")
    found = await _telemetry(request).marks(request.match_info["id"], query.from_us, query.to_us, MAX_MARKS)
    told = [
        DeviceMarkOut.model_validate(
            {"id": one.id, "kind": one.kind, "at": rfc3339(one.body["at_us"]), "text": one.body.get("text", "")}
        )
        for one in found
    ]
    return web.json_response([one.model_dump(mode="json") for one in told])


async def faults(request: web.Request) -> web.Response:
    """GET /api/faults"""
    query = read_query(request, FaultsQuery)
    part, services = _telemetry(request).faults, request.app[SERVICES]
    if query.stream is not None:
        stream_for(request, query.stream, Right.STREAMS_VIEW)
    found = list(part.present()) if query.state == "lasts" else await part.all(query.stream)
    standing = request[IDENTITY].standing
    seen = []
    for one in sorted(found, key=lambda one: (one.began_us, one.id), reverse=True):
        stream = services.registry.find(one.stream_id)
        shown = stream is not None and reaches(services, standing, Right.STREAMS_VIEW, stream)
        if shown and query.stream in (None, one.stream_id):
            seen.append(fault_json(one))
    return web.json_response(seen[: query.limit])


async def report_fault(request: web.Request) -> web.Response:
    """POST /api/streams/{id}/faults"""
    wanted = await read_json(request, FaultIn)
    stream = request.app[SERVICES].registry.get(request.match_info["id"])
    if stream.retired:
        raise Conflict(f"the stream {stream.id!r} is retired", code="stream_retired")
    part, by = _telemetry(request), request[IDENTITY].name
    point = part.point(stream.id)
    fault = await part.faults.begin(stream.id, by=by, reason=wanted.reason, text=wanted.text, point=point)
    log.info("device fault reported", stream=stream.id, reason=wanted.reason, by=by)
    return web.json_response(fault_json(fault), status=201)


async def repair(request: web.Request) -> web.Response:
    """POST /api/streams/{id}/faults/repair"""
    wanted = await read_json(request, RepairIn)
    services = request.app[SERVICES]
    stream = services.registry.get(request.match_info["id"])
    by = _names(request, request[IDENTITY].name)
    custodian = _names(request, stream.custodian) if stream.custodian else None
    part = _telemetry(request).faults
    fault = await part.end(stream.id, by=by, service=wanted.service, work=wanted.work, custodian=custodian)
    log.info("device repaired", stream=stream.id, service=wanted.service, by=by.username)
    return web.json_response(fault_json(fault))


def _names(request: web.Request, username: str) -> Names:
    person = request.app[SERVICES].people.find(username)
    return Names(username, "" if person is None else person.name)


ROUTES = (
    Route(
        "POST",
        "/api/streams/{id}/telemetry",
        take,
        Access.DEVICE,
        "A recorder says how it is; what happened is durable when this is answered. Sent again, nothing is kept twice.",
        body=TelemetryIn,
        answer=TelemetryTaken,
        refusals=(400, 404, 409, 413, 429, 503),
        scope=Scope.STREAM,
    ),
    Route(
        "GET",
        "/api/streams/{id}/telemetry",
        show,
        Access.USER,
        "The newest that its device said; null if it never said anything.",
        answer=TelemetryOut,
        refusals=(404,),
        right=Right.STREAMS_VIEW,
        scope=Scope.STREAM,
    ),
    Route(
        "GET",
        "/api/streams/{id}/track",
        track,
        Access.USER,
        "Where the device was: at most a position each 5 s, each 10 m, oldest first.",
        query=TrackQuery,
        answer=PositionsOut,
        refusals=(400, 404),
        right=Right.STREAMS_VIEW,
        scope=Scope.STREAM,
    ),
    Route(
        "GET",
        "/api/streams/{id}/marks",
        marks,
        Access.USER,
        "What its device marked: key marks (重点标记) and SOS, oldest first, 1,000 at most.",
        query=RangeQuery,
        answer=DeviceMarkOut,
        many=True,
        refusals=(400, 404, 503),
        right=Right.STREAMS_VIEW,
        scope=Scope.STREAM,
    ),
    Route(
        "GET",
        "/api/faults",
        faults,
        Access.USER,
        "Devices that are not used because of a fault (故障停用), or all faults there were, newest first.",
        query=FaultsQuery,
        answer=FaultOut,
        many=True,
        refusals=(400, 404),
        right=Right.STREAMS_VIEW,
        scope=Scope.OWN,
    ),
    Route(
        "POST",
        "/api/streams/{id}/faults",
        report_fault,
        Access.USER,
        "Report a fault: the recorder may not publish until its repair is recorded.",
        body=FaultIn,
        answer=FaultOut,
        status=201,
        refusals=(400, 403, 404, 409),
        right=Right.FAULTS_REPORT,
        scope=Scope.STREAM,
    ),
    Route(
        "POST",
        "/api/streams/{id}/faults/repair",
        repair,
        Access.USER,
        "Record the repair by a named service: the device may be used again.",
        body=RepairIn,
        answer=FaultOut,
        refusals=(400, 403, 404),
        right=Right.FAULTS_REPAIR,
        scope=Scope.STREAM,
    ),
)
