"""What the register of devices needs beside /api/streams: vendors' addresses, tables of many, a look before saving."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from typing import Literal
from urllib.parse import urlsplit

import structlog
from aiohttp import hdrs, web
from pydantic import BaseModel, Field

from hub.api.access_entries import write_access
from hub.api.auth import IDENTITY, check_unit, stream_for
from hub.api.labelled import may_see_now, reaches
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, RtspSourceChange, read_body, read_json, read_query
from hub.api.services import SERVICES
from hub.devices.lines import Around, Line, judge
from hub.devices.sheet import read_rows
from hub.devices.taking import take
from hub.devices.templates import DEFAULT_PORT, TEMPLATES
from hub.errors import Conflict, Unavailable
from hub.model import Codec, Stream
from hub.people.rights import Right
from hub.people.tree import ROOT
from hub.registry import RtspDraft, source_of

log = structlog.get_logger(__name__)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class TemplateOut(BaseModel):
    id: str
    name: str
    main: str = Field(description="Path and query of what is recorded; {channel} counts from 1.")
    sub: str = Field(description="Of the smaller stream.")
    channels: bool = Field(description="Whether it has channels.")
    port: int


class NamedOut(BaseModel):
    username: str
    name: str
    unit: str


class ProbeIn(Input):
    source: RtspSourceChange
    stream: str | None = Field(
        None, max_length=63, description="With a masked password: the stream whose stored one is meant."
    )
    unit: str | None = Field(None, max_length=63, description="Where it is to be registered; the caller's own.")


class ProbeOut(BaseModel):
    problem: str = Field(description="Empty, or why there is no picture.")
    detail: str
    codec: str = Field(description="Of the picture; empty: none.")
    width: int
    height: int
    frame_rate: float | None
    sound: str = Field(description="Its codec; empty: none.")
    device: str
    plays: bool = Field(description="Whether browsers play it: otherwise walls need a sub-stream.")
    picture: str | None = Field(description="JPEG, base64.")
    whole: bool = Field(description="Otherwise the picture is 32 pixels across: the caller sees no pictures.")


class ImportQuery(Input):
    do: Literal["check", "good", "all"] = Field(
        "check", description="Say what would be done; do it for the rows that can be; or for all rows or none."
    )


class ProblemOut(BaseModel):
    column: str
    code: str
    found: str


class LineOut(BaseModel):
    row: int
    id: str
    name: str
    action: Literal["new", "change", "same", "wrong"]
    changes: list[str] = Field(description="Columns that differ from what is registered.")
    problems: list[ProblemOut]


class ImportOut(BaseModel):
    done: bool = Field(description="Whether anything was to be changed by this call.")
    new: int
    change: int
    same: int
    wrong: int
    lines: list[LineOut]


async def templates(_: web.Request) -> web.Response:
    """GET /api/devices/templates"""
    shown = [
        TemplateOut(
            id=one.id, name=one.names[0], main=one.main, sub=one.sub, channels=one.channels, port=DEFAULT_PORT
        ).model_dump()
        for one in TEMPLATES
    ]
    return web.json_response(shown)


async def custodians(request: web.Request) -> web.Response:
    """GET /api/devices/custodians"""
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    seen = [one for one in services.registry.list(retired=True) if reaches(services, standing, Right.STREAMS_VIEW, one)]
    named = {one.custodian for one in seen}
    shown = [
        NamedOut(username=one.username, name=one.name, unit=one.unit).model_dump()
        for one in services.people.list()
        if one.username in named or (one.active and standing.may(Right.STREAMS_MANAGE, one.unit))
    ]
    return web.json_response(shown)


async def probe(request: web.Request) -> web.Response:
    """POST /api/streams/probe"""
    wanted = await read_json(request, ProbeIn)
    services, identity = request.app[SERVICES], request[IDENTITY]
    if services.prober is None:
        raise Unavailable("cameras cannot be tried here")
    stream = None if wanted.stream is None else stream_for(request, wanted.stream, Right.STREAMS_MANAGE)
    unit = wanted.unit or identity.standing.unit if stream is None else stream.unit
    check_unit(request, unit, Right.STREAMS_MANAGE)
    source = source_of(RtspDraft(wanted.source.url, wanted.source.transport), stream)
    # engineers see no pictures, but must see that there is one (docs/design/devices.md)
    whole = identity.standing.may(Right.LIVE_VIEW, unit)
    whole = whole and (stream is None or may_see_now(services, identity.standing, stream.id))
    place = urlsplit(source.url).netloc.rpartition("@")[2]
    # each is a look at a camera: noted first, or not granted
    of = "" if stream is None else stream.id
    write_access(services.write_access, identity.name, "device.probe", place=place, whole=whole, of=of)
    seen = await services.prober.look(source, whole=whole)
    log.info("camera tried", place=place, by=identity.name, problem=seen.problem)
    answer = ProbeOut(
        problem=seen.problem,
        detail=seen.detail,
        codec=seen.codec,
        width=seen.width,
        height=seen.height,
        frame_rate=seen.frame_rate,
        sound=seen.sound,
        device=seen.device,
        plays=seen.codec == Codec.H264.value,
        picture=None if seen.picture is None else base64.b64encode(seen.picture).decode("ascii"),
        whole=whole,
    )
    return web.json_response(answer.model_dump(mode="json"))


async def workbook(request: web.Request) -> web.Response:
    """GET /api/devices/template.xlsx"""
    around = _around(request)

    def make() -> bytes:
        from hub.devices.book import template_workbook

        return template_workbook(sorted(around.units.items()), sorted(around.people.items()))

    made = await asyncio.to_thread(make)
    headers = {hdrs.CONTENT_DISPOSITION: "attachment; filename=devices.xlsx"}
    return web.Response(body=made, content_type=XLSX, headers=headers)


async def take_table(request: web.Request) -> web.Response:
    """POST /api/devices/import"""
    query = read_query(request, ImportQuery)
    body = await read_body(request, XLSX)
    rows = await asyncio.to_thread(read_rows, body)
    services, by = request.app[SERVICES], request[IDENTITY].name
    lines = judge(rows, _around(request))
    wrong = sum(line.action == "wrong" for line in lines)
    if query.do == "all" and wrong:
        raise Conflict(f"{wrong} rows are wrong; nothing was taken", code="rows_wrong")
    done = query.do != "check"
    if done:
        wanted = Counter(line.action for line in lines)
        new, changed = wanted["new"], wanted["change"]
        write_access(services.write_access, by, "device.import", new=new, changed=changed, left_out=wrong)
        lines = await take(services.registry, lines)
        log.info("devices imported", by=by, new=new, changed=changed, left_out=wrong)
    return web.json_response(_import_out(lines, done).model_dump(mode="json"))


def _import_out(lines: list[Line], done: bool) -> ImportOut:
    counts = Counter(line.action for line in lines)
    shown = [
        LineOut(
            row=line.row,
            id=line.id,
            name=line.name,
            action=line.action,
            changes=list(line.changes),
            problems=[ProblemOut(column=one.column, code=one.code, found=one.found) for one in line.problems],
        )
        for line in lines
    ]
    new, change, same, wrong = (counts[word] for word in ("new", "change", "same", "wrong"))
    return ImportOut(done=done, new=new, change=change, same=same, wrong=wrong, lines=shown)


def _around(request: web.Request) -> Around:
    """What there is, as far as the caller manages it; ids of others are known to be taken, and no more."""
    services, standing = request.app[SERVICES], request[IDENTITY].standing

    def manages(stream: Stream) -> bool:
        return standing.may(Right.STREAMS_MANAGE, stream.unit)

    units = services.units.list()
    people = services.people.list()
    return Around(
        own_unit=standing.unit or ROOT,
        units={one.id: one.name for one in units if not one.retired and standing.may(Right.STREAMS_MANAGE, one.id)},
        people={
            one.username: one.name for one in people if one.active and standing.may(Right.STREAMS_MANAGE, one.unit)
        },
        find=services.registry.find,
        streams=services.registry.list(),
        manages=manages,
    )


ROUTES = (
    Route(
        "GET",
        "/api/devices/templates",
        templates,
        Access.USER,
        "Where cameras of the usual vendors offer their streams.",
        answer=TemplateOut,
        many=True,
        right=Right.STREAMS_VIEW,
        scope=Scope.OWN,
    ),
    Route(
        "GET",
        "/api/devices/custodians",
        custodians,
        Access.USER,
        "Names of those who keep devices, and, for who manages devices, of all who may be named.",
        answer=NamedOut,
        many=True,
        right=Right.STREAMS_VIEW,
        scope=Scope.OWN,
    ),
    Route(
        "POST",
        "/api/streams/probe",
        probe,
        Access.USER,
        "Look at a camera before it is registered: a picture, or why there is none. At most 8 s.",
        body=ProbeIn,
        answer=ProbeOut,
        refusals=(400, 403, 404, 503),
        right=Right.STREAMS_MANAGE,
        scope=Scope.OWN,
    ),
    Route(
        "GET",
        "/api/devices/template.xlsx",
        workbook,
        Access.USER,
        "An empty table of devices, with what its columns mean.",
        answer=XLSX,
        right=Right.STREAMS_MANAGE,
        scope=Scope.OWN,
    ),
    Route(
        "POST",
        "/api/devices/import",
        take_table,
        Access.USER,
        "Take in a table of devices (.xlsx), or only say what it would do. Taken twice, it changes nothing more.",
        body=XLSX,
        query=ImportQuery,
        answer=ImportOut,
        refusals=(400, 408, 409, 413, 415),
        right=Right.STREAMS_MANAGE,
        scope=Scope.OWN,
    ),
)
