"""/api/streams: which sources there are."""

from __future__ import annotations

from typing import Any, Literal

import structlog
from aiohttp import web

from hub.api.access_entries import write_access
from hub.api.auth import IDENTITY, check_unit
from hub.api.labelled import may_know_activity, reaches
from hub.api.routes import Access, Route, Scope
from hub.api.schema import (
    ComplaintOut,
    PreviewIn,
    PreviewOut,
    RtspSourceChange,
    RtspSourceIn,
    RtspSourceOut,
    RunningActivity,
    StatusOut,
    StreamChange,
    StreamIn,
    StreamOut,
    StreamSaved,
    StreamsQuery,
    TrackOut,
    WhipSourceIn,
    WhipSourceOut,
    read_json,
    read_query,
    time_or_none,
)
from hub.api.services import SERVICES, Services, StreamStatus
from hub.clock import rfc3339
from hub.errors import Conflict, HubError, InvalidRequest
from hub.ledger.entries import JsonValue
from hub.model import RtspSource, Stream, WhipSource
from hub.people.rights import Right
from hub.people.standing import Standing
from hub.people.tree import ROOT
from hub.registry import Registered, RtspDraft, shown_url

log = structlog.get_logger(__name__)


def stream_out(stream: Stream, status: StreamStatus) -> StreamOut:
    """The stream as the API and the events show it: no password, no token."""
    source = stream.source
    return StreamOut(
        id=stream.id,
        name=stream.name,
        kind=stream.kind,
        source=RtspSourceOut(url=shown_url(source.url), transport=source.transport)
        if isinstance(source, RtspSource)
        else WhipSourceOut(),
        unit=stream.unit or ROOT,
        device_number=stream.device_number,
        custodian=stream.custodian,
        capabilities=sorted(stream.capabilities),
        managed_by_others=stream.managed_by_others,
        preview=stream.preview and PreviewOut(url=shown_url(stream.preview.url), transport=stream.preview.transport),
        retired=stream.retired,
        created_at=rfc3339(stream.created_us),
        status=_status_out(status),
    )


def stream_json(stream: Stream, status: StreamStatus) -> dict[str, Any]:
    """:func:`stream_out` as plain JSON: the ``data`` of the events ``stream.*``."""
    return stream_out(stream, status).model_dump(mode="json")


def _status_out(status: StreamStatus) -> StatusOut:
    complaint = status.complaint
    return StatusOut(
        state=status.state,
        since=time_or_none(status.since_us),
        tracks=[
            TrackOut(id=track.id, kind=track.kind.value, codec=track.codec.value, channels=track.channels)
            for track in status.tracks
        ],
        device=status.device,
        peer=status.peer,
        session_at=time_or_none(status.session_us),
        bitrate_bps=status.bitrate_bps,
        attempts=status.attempts,
        complaint=complaint
        and ComplaintOut(code=complaint.code, message=complaint.message, at=rfc3339(complaint.at_us)),
        interruption=status.interruption and status.interruption.id,
        telemetry=None if status.telemetry is None else dict(status.telemetry),
        label=status.label,
        fault=None if status.fault is None else dict(status.fault),
    )


def _shown(services: Services, standing: Standing, stream: Stream) -> dict[str, Any]:
    """The stream for that person: with who records on it, if they may see sessions. From memory."""
    shown = stream_out(stream, services.status(stream))
    activity = None if services.activities is None else services.activities.current(stream.id)
    known = activity is not None and may_know_activity(services, standing, activity)
    if activity is not None and known and standing.may(Right.SESSIONS_VIEW, stream.unit):
        first = sorted(activity.officers, key=lambda one: activity.recorder not in (one.certificate, one.name))
        shown.activity = RunningActivity(
            id=activity.id,
            officers=[one.name for one in first],
            place=activity.place,
            began_at=rfc3339(activity.began_us),
        )
    return shown.model_dump(mode="json")


def _keep(request: web.Request, what: str, stream_id: str, **facts: JsonValue) -> None:
    """The register is changed by then, and recording does not wait for the ledger: a refusal is said in the log. Of the
    hub's chain: a stream's own begins with what it recorded."""
    try:
        write = request.app[SERVICES].write_access
        write_access(write, request[IDENTITY].name, what, subject=stream_id, changed=facts)
    except HubError as error:
        log.error("a change could not be kept in the ledger", what=what, stream=stream_id, error=str(error))


async def create(request: web.Request) -> web.Response:
    """POST /api/streams"""
    draft = await read_json(request, StreamIn)
    unit = draft.unit or request[IDENTITY].standing.unit
    _check_owner(request, unit, draft.custodian)
    registered = await request.app[SERVICES].registry.add(
        draft.id,
        draft.name,
        draft.kind,
        _source(draft.source),
        unit=unit,
        device_number=draft.device_number,
        custodian=draft.custodian,
        capabilities=draft.capabilities,
        managed_by_others=draft.managed_by_others,
        preview=None if draft.preview is None else RtspDraft(draft.preview.url, draft.preview.transport),
    )
    log.info("stream registered", stream=draft.id, by=request[IDENTITY].name)
    _keep(request, "stream.added", draft.id, kind=draft.kind.value, unit=registered.stream.unit)
    return _saved(request, registered, 201)


async def index(request: web.Request) -> web.Response:
    """GET /api/streams"""
    query = read_query(request, StreamsQuery)
    services = request.app[SERVICES]
    standing = request[IDENTITY].standing
    listed = services.registry.list(retired=query.retired)
    wanted = frozenset() if query.capability is None else frozenset({query.capability})
    shown = [
        one for one in listed if wanted <= one.capabilities and reaches(services, standing, Right.STREAMS_VIEW, one)
    ]
    return web.json_response([_shown(services, standing, one) for one in shown])


async def show(request: web.Request) -> web.Response:
    """GET /api/streams/{id}"""
    services = request.app[SERVICES]
    stream = services.registry.get(request.match_info["id"])
    return web.json_response(_shown(services, request[IDENTITY].standing, stream))


async def change(request: web.Request) -> web.Response:
    """PATCH /api/streams/{id}"""
    wanted = await read_json(request, StreamChange)
    _check_owner(request, wanted.unit, wanted.custodian)
    registered = await request.app[SERVICES].registry.patch(
        request.match_info["id"],
        name=wanted.name,
        kind=wanted.kind,
        source=None if wanted.source is None else _source(wanted.source),
        rotate_token=wanted.rotate_token,
        unit=wanted.unit,
        device_number=wanted.device_number,
        custodian=wanted.custodian,
        capabilities=wanted.capabilities,
        managed_by_others=wanted.managed_by_others,
        preview=_preview(wanted.preview) if "preview" in wanted.model_fields_set else None,
    )
    changed = sorted(wanted.model_fields_set)
    log.info("stream changed", stream=registered.stream.id, fields=changed, by=request[IDENTITY].name)
    _keep(request, "stream.changed", registered.stream.id, fields=list(changed))
    return _saved(request, registered, 200)


async def renew_token(request: web.Request) -> web.Response:
    """POST /api/streams/{id}/token"""
    services, by = request.app[SERVICES], request[IDENTITY].name
    stream_id = request.match_info["id"]
    stream = services.registry.get(stream_id)
    if stream.retired:
        raise Conflict(f"the stream {stream_id!r} is retired", code="stream_retired")
    if not isinstance(stream.source, WhipSource):
        raise InvalidRequest("a camera that is pulled has no device token", code="no_token")
    # noted first: a new key that nobody could trace is not handed out
    write_access(services.write_access, by, "stream.token", stream=stream_id)
    registered = await services.registry.patch(stream_id, rotate_token=True)
    log.info("device token renewed", stream=stream_id, by=by)
    return _saved(request, registered, 201)


async def retire(request: web.Request) -> web.Response:
    """DELETE /api/streams/{id}"""
    stream = await request.app[SERVICES].registry.retire(request.match_info["id"])
    log.info("stream retired", stream=stream.id, by=request[IDENTITY].name)
    _keep(request, "stream.retired", stream.id)
    return web.Response(status=204)


def _check_owner(request: web.Request, unit: str | None, custodian: str | None) -> None:
    """Raises Forbidden for a unit that the caller does not manage, InvalidRequest for who or what is not there."""
    services = request.app[SERVICES]
    if unit is not None:
        check_unit(request, unit, Right.STREAMS_MANAGE)
        services.units.open_unit(unit)
    if custodian:
        person = services.people.find(custodian)
        if person is None or not person.active:
            raise InvalidRequest("custodian: expected the username of an active person", code="unknown_person")


def _source(source: RtspSourceIn | RtspSourceChange | WhipSourceIn) -> RtspDraft | Literal["whip"]:
    if isinstance(source, WhipSourceIn):
        return "whip"
    return RtspDraft(source.url, source.transport)


def _preview(preview: PreviewIn | None) -> RtspDraft | Literal["none"]:
    return "none" if preview is None else RtspDraft(preview.url, preview.transport)


def _saved(request: web.Request, registered: Registered, status: int) -> web.Response:
    stream = registered.stream
    shown = stream_json(stream, request.app[SERVICES].status(stream))
    if registered.token is not None:
        shown["token"] = registered.token
    headers = {"Location": f"/api/streams/{stream.id}"} if status == 201 else None
    return web.json_response(shown, status=status, headers=headers)


ROUTES = (
    Route(
        "POST",
        "/api/streams",
        create,
        Access.USER,
        "Register a source. A recorder's device token is in the answer, this once.",
        body=StreamIn,
        answer=StreamSaved,
        status=201,
        refusals=(403, 409),
        right=Right.STREAMS_MANAGE,
        scope=Scope.OWN,
    ),
    Route(
        "GET",
        "/api/streams",
        index,
        Access.USER,
        "All sources of the caller's unit and below.",
        query=StreamsQuery,
        answer=StreamOut,
        many=True,
        right=Right.STREAMS_VIEW,
        scope=Scope.OWN,
    ),
    Route(
        "GET",
        "/api/streams/{id}",
        show,
        Access.USER,
        "One source.",
        answer=StreamOut,
        refusals=(404,),
        right=Right.STREAMS_VIEW,
        scope=Scope.STREAM,
    ),
    Route(
        "PATCH",
        "/api/streams/{id}",
        change,
        Access.USER,
        "Change what is given.",
        body=StreamChange,
        answer=StreamSaved,
        refusals=(403, 404, 409),
        right=Right.STREAMS_MANAGE,
        scope=Scope.STREAM,
    ),
    Route(
        "POST",
        "/api/streams/{id}/token",
        renew_token,
        Access.USER,
        "Make a new device token, which is in the answer, this once; the old one is void at once.",
        answer=StreamSaved,
        status=201,
        refusals=(400, 404, 409),
        right=Right.STREAMS_MANAGE,
        scope=Scope.STREAM,
    ),
    Route(
        "DELETE",
        "/api/streams/{id}",
        retire,
        Access.USER,
        "Retire a source: footage and entries stay, the id is never given again.",
        status=204,
        refusals=(403, 404),
        right=Right.STREAMS_MANAGE,
        scope=Scope.STREAM,
    ),
)
