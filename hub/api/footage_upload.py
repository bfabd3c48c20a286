"""Footage that a device recorded by itself: one PUT, or tus 1.0.0 (https://tus.io/protocols/resumable-upload) for large
files on bad links; and what became of it.

No kept library speaks tus on the server side for aiohttp; the protocol is small. Tested with tuspy.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from aiohttp import hdrs, web
from pydantic import BaseModel, Field

from hub.api.access_entries import write_access
from hub.api.auth import IDENTITY, may_see, standing_of, stream_for
from hub.api.errors import PreconditionFailed, UnsupportedMediaType
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, TimeUs, parse_time, read_json, read_query
from hub.api.services import SERVICES
from hub.clock import US_PER_S
from hub.errors import Conflict, InvalidRequest, NotFound, Unavailable
from hub.footage.footage import Footage
from hub.footage.receiving import Receiver, WrongChecksum
from hub.footage.store import Brought, State
from hub.people.rights import Right

TUS = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration"
OFFSET_TYPE = "application/offset+octet-stream"
SETTLE_S = 20.0
"""How long a PUT waits for what became of its file."""
MAX_METADATA = 4096
MAX_CLOCK_ERROR_MS = 600_000
_ID = re.compile(r"[0-9a-f]{32}")


class FootageQuery(Input):
    from_us: TimeUs | None = Field(None, alias="from", description="When its first picture was, by the device's clock.")
    clock_offset_ms: int | None = Field(
        None,
        description="Hub minus device clock, if the sender knows it; else by sender reports.",
        ge=-(10**12),
        le=10**12,
    )
    clock_error_ms: int | None = Field(
        None,
        description="How far `from` with clock_offset_ms may be off, if the sender keeps count of it.",
        ge=0,
        le=MAX_CLOCK_ERROR_MS,
    )
    name: str = Field("", max_length=200)
    kind: str = Field("", max_length=20)


class FootageListQuery(Input):
    stream: str | None = None
    state: State | None = None
    sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="Of the file: whether it was brought before."
    )
    limit: int = Field(100, ge=1, le=1000)


class AssignIn(Input):
    stream: str
    from_us: TimeUs | None = Field(None, alias="from", description="Hub time of its first picture; else as it says.")


class FillOut(BaseModel):
    interruption: str
    from_us: int
    to_us: int
    whole: bool
    run: int


class FootageOut(BaseModel):
    id: str
    stream: str
    name: str
    kind: str
    size: int
    by: str
    claimed_from: TimeText | None
    created_at: TimeText
    state: State
    code: str
    message: str
    sha256: str
    fills: list[FillOut] = []
    method: str = Field("", description="pictures, claimed, container or assigned: how its place in time was found.")
    offset_us: int | None = None
    edge_error_us: int | None = None
    problem: str = ""


# ------------------------------------------------------------------------------------------- one PUT


async def put_footage(request: web.Request) -> web.Response:
    """PUT /api/streams/{id}/footage"""
    query = read_query(request, FootageQuery)
    stream = request.app[SERVICES].registry.get(request.match_info["id"])
    footage = _footage(request)
    size = request.content_length if request.content_length is not None else -1
    one = await footage.create(
        stream.id,
        size,
        by=request[IDENTITY].name,
        name=query.name,
        kind=query.kind,
        claimed_us=query.from_us,
        clock_us=None if query.clock_offset_ms is None else query.clock_offset_ms * 1000,
        clock_error_us=None if query.clock_error_ms is None else query.clock_error_ms * 1000,
    )
    try:
        await _receiver(request).write(one, 0, request.content, to_the_end=True)
        await footage.received(one.id)
    except BaseException:
        with suppress(NotFound, Conflict):
            await asyncio.shield(footage.terminate(one.id))
        raise
    one = await footage.settled(one.id, SETTLE_S)
    status = 202 if one.state in (State.RECEIVED, State.WAITING) else 201
    return web.json_response(one.json(), status=status, headers={"Location": f"/api/footage/{one.id}"})


# ----------------------------------------------------------------------------------------------- tus


def _metadata(request: web.Request) -> dict[str, str]:
    """Upload-Metadata: keys, each with its value in base64. Raises InvalidRequest."""
    found = {}
    header = request.headers.get("Upload-Metadata", "")
    if len(header) > MAX_METADATA:
        raise InvalidRequest(f"Upload-Metadata: expected at most {MAX_METADATA} bytes")
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise InvalidRequest(f"Upload-Metadata: {key[:40]} is not base64 of UTF-8") from error
    return found


def _stream_of_metadata(request: web.Request) -> str:
    try:
        return _metadata(request).get("stream", "")
    except InvalidRequest:
        return ""


def _stream_of_upload(request: web.Request) -> str:
    """Of an upload that is known; asked before any handler runs, so it is looked up in memory."""
    footage = request.app[SERVICES].footage
    return "" if footage is None else footage.stream_of(request.match_info["upload"])


async def tus_options(_request: web.Request) -> web.Response:
    """OPTIONS /api/uploads"""
    headers = {"Tus-Version": TUS, "Tus-Extension": EXTENSIONS, "Tus-Checksum-Algorithm": "sha1,sha256"}
    return web.Response(status=204, headers=_tus(headers))


async def tus_create(request: web.Request) -> web.Response:
    """POST /api/uploads"""
    _check_version(request)
    told = _metadata(request)
    stream = request.app[SERVICES].registry.get(told.get("stream", ""))
    size = _number(request, "Upload-Length")
    footage = _footage(request)
    try:
        claimed = parse_time(told["from"]) if told.get("from") else None
        clock = int(told["clock_offset_ms"]) * 1000 if told.get("clock_offset_ms") else None
        clock_error = int(told["clock_error_ms"]) * 1000 if told.get("clock_error_ms") else None
    except ValueError as error:
        raise InvalidRequest(f"Upload-Metadata: from, clock_offset_ms, clock_error_ms: {error}") from error
    if clock is not None and abs(clock) > 1 << 50:
        raise InvalidRequest("Upload-Metadata: clock_offset_ms: expected a possible offset")
    if clock_error is not None and not 0 <= clock_error <= MAX_CLOCK_ERROR_MS * 1000:
        raise InvalidRequest(f"Upload-Metadata: clock_error_ms: expected 0 to {MAX_CLOCK_ERROR_MS}")
    one = await footage.create(
        stream.id,
        size,
        by=request[IDENTITY].name,
        name=told.get("filename", ""),
        kind=told.get("kind", ""),
        claimed_us=claimed,
        clock_us=clock,
        clock_error_us=clock_error,
    )
    headers = {"Location": f"/api/uploads/{one.id}", "Upload-Expires": _expires(request, one)}
    if request.content_type == OFFSET_TYPE:
        headers["Upload-Offset"] = str(await _take(request, one, 0))
    elif size == 0:
        await footage.received(one.id)
    return web.Response(status=201, headers=_tus(headers))


async def tus_look(request: web.Request) -> web.Response:
    """HEAD (and GET) /api/uploads/{upload}"""
    _check_version(request)
    one = await _upload(request)
    await _receiver(request).interrupt(one.id)
    offset = one.size
    if one.state is State.RECEIVING:
        offset = await asyncio.to_thread(_footage(request).store.received, one.id)
    headers = {"Upload-Offset": str(offset), "Upload-Length": str(one.size), "Cache-Control": "no-store"}
    return web.Response(status=200, headers=_tus(headers | {"Upload-Expires": _expires(request, one)}))


async def tus_patch(request: web.Request) -> web.Response:
    """PATCH /api/uploads/{upload}"""
    _check_version(request)
    if request.content_type != OFFSET_TYPE:
        raise UnsupportedMediaType(f"expected Content-Type: {OFFSET_TYPE}")
    one = await _upload(request)
    if one.state is not State.RECEIVING:
        raise Conflict("the file is here already", code="already_here")
    try:
        offset = await _take(request, one, _number(request, "Upload-Offset"))
    except WrongChecksum:
        return web.Response(status=460, reason="Checksum Mismatch", headers=_tus({}))
    return web.Response(
        status=204, headers=_tus({"Upload-Offset": str(offset), "Upload-Expires": _expires(request, one)})
    )


async def tus_end(request: web.Request) -> web.Response:
    """DELETE /api/uploads/{upload}"""
    _check_version(request)
    one = await _upload(request)
    await _receiver(request).interrupt(one.id)
    await _footage(request).terminate(one.id)
    return web.Response(status=204, headers=_tus({}))


async def _take(request: web.Request, one: Brought, offset: int) -> int:
    algorithm, _, value = request.headers.get("Upload-Checksum", "").partition(" ")
    checksum = None
    if algorithm:
        try:
            checksum = (algorithm, base64.b64decode(value, validate=True))
        except binascii.Error as error:
            raise InvalidRequest("Upload-Checksum: expected base64") from error
    end = await _receiver(request).write(one, offset, request.content, checksum=checksum)
    if end == one.size:
        await _footage(request).received(one.id)
    return end


def _check_version(request: web.Request) -> None:
    if request.headers.get("Tus-Resumable") != TUS:
        raise PreconditionFailed(f"expected Tus-Resumable: {TUS}", code="tus_version")


def _number(request: web.Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InvalidRequest(f"{name}: expected a number of bytes")
    return int(text)


def _tus(headers: Mapping[str, str]) -> dict[str, str]:
    return {"Tus-Resumable": TUS, **headers}


def _expires(request: web.Request, one: Brought) -> str:
    days = request.app[SERVICES].settings.upload_days
    moment = datetime.fromtimestamp(one.created_us / US_PER_S + days * 86_400, UTC)
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


def _footage(request: web.Request) -> Footage:
    footage = request.app[SERVICES].footage
    if footage is None:
        raise Unavailable("this hub takes no footage now")
    return footage


def _receiver(request: web.Request) -> Receiver:
    return _footage(request).receiver


async def _upload(request: web.Request) -> Brought:
    ident = request.match_info["upload"]
    if not _ID.fullmatch(ident):
        raise NotFound("no such upload")
    return await asyncio.to_thread(_footage(request).store.get, ident)


# ------------------------------------------------------------------------------ what became of it


def _shown(request: web.Request) -> Callable[[Brought], bool]:
    services = request.app[SERVICES]
    standing = standing_of(services, request[IDENTITY])
    return lambda one: may_see(services, standing, Right.INTERRUPTIONS_VIEW, one.stream)


async def list_footage(request: web.Request) -> web.Response:
    """GET /api/footage"""
    query = read_query(request, FootageListQuery)
    states = () if query.state is None else (query.state,)
    found = await asyncio.to_thread(
        _footage(request).store.list, stream=query.stream, states=states, sha256=query.sha256, limit=query.limit
    )
    return web.json_response([one.json() for one in found if _shown(request)(one)])


async def list_apart(request: web.Request) -> web.Response:
    """GET /api/footage/apart"""
    found = await asyncio.to_thread(_footage(request).store.list, states=(State.APART,))
    return web.json_response([one.json() for one in found if _shown(request)(one)])


async def show_footage(request: web.Request) -> web.Response:
    """GET /api/footage/{upload}"""
    return web.json_response((await _upload(request)).json())


async def assign_footage(request: web.Request) -> web.Response:
    """POST /api/footage/{upload}/assign"""
    wanted = await read_json(request, AssignIn)
    stream = stream_for(request, wanted.stream, Right.SESSIONS_MANAGE)
    one = await _upload(request)
    stream_for(request, one.stream, Right.SESSIONS_MANAGE)
    services, by = request.app[SERVICES], request[IDENTITY].name
    facts: dict[str, Any] = {"file_sha256": one.sha256, "from_us": wanted.from_us, "before": one.code}
    write_access(services.write_access, by, "footage.assign", stream=stream.id, **facts)
    footage = _footage(request)
    await footage.assign(one.id, stream.id, wanted.from_us, by)
    return web.json_response((await footage.settled(one.id, SETTLE_S)).json())


_UPLOADS = "/api/uploads"
_UPLOAD = "/api/uploads/{upload}"


def _tus_route(method: str, handler: Any, summary: str, **more: Any) -> Route:
    of_upload = _stream_of_metadata if method == "POST" else _stream_of_upload
    path = _UPLOADS if method == "POST" else _UPLOAD
    values = {"right": Right.EXPLANATIONS_WRITE, "scope": Scope.STREAM, "stream_of": of_upload, **more}
    return Route(method, path, handler, Access.EITHER, summary, refusals=(400, 404, 409, 412), **values)


ROUTES = (
    Route(
        "PUT",
        "/api/streams/{id}/footage",
        put_footage,
        Access.EITHER,
        "A file that the device recorded by itself: MP4, MOV, TS, Matroska, WebM, sound, or a photograph.",
        query=FootageQuery,
        body="application/octet-stream",
        answer=FootageOut,
        status=201,
        refusals=(404, 503),
        right=Right.EXPLANATIONS_WRITE,
        scope=Scope.STREAM,
    ),
    Route(hdrs.METH_OPTIONS, _UPLOADS, tus_options, Access.PUBLIC, "What this tus server can do.", status=204),
    _tus_route(
        "POST",
        tus_create,
        "tus: announce a file; metadata stream, filename, from, clock_offset_ms, clock_error_ms.",
        status=201,
    ),
    _tus_route("GET", tus_look, "tus: how much of it is here."),
    _tus_route("PATCH", tus_patch, "tus: more of it.", status=204),
    _tus_route("DELETE", tus_end, "tus: give it up.", status=204),
    Route(
        "GET",
        "/api/footage",
        list_footage,
        Access.USER,
        "What was brought, newest first.",
        query=FootageListQuery,
        answer=FootageOut,
        many=True,
        right=Right.INTERRUPTIONS_VIEW,
        scope=Scope.OWN,
    ),
    Route(
        "GET",
        "/api/footage/apart",
        list_apart,
        Access.USER,
        "What fits nowhere, contradicts itself or cannot be read: kept until somebody decides.",
        answer=FootageOut,
        many=True,
        right=Right.INTERRUPTIONS_VIEW,
        scope=Scope.OWN,
    ),
    Route(
        "GET",
        "/api/footage/{upload}",
        show_footage,
        Access.EITHER,
        "One file, and what became of it.",
        answer=FootageOut,
        refusals=(404,),
        right=Right.INTERRUPTIONS_VIEW,
        scope=Scope.STREAM,
        stream_of=_stream_of_upload,
    ),
    Route(
        "POST",
        "/api/footage/{upload}/assign",
        assign_footage,
        Access.USER,
        "Decide where a file belongs that is kept apart.",
        body=AssignIn,
        answer=FootageOut,
        refusals=(400, 404, 409),
        right=Right.SESSIONS_MANAGE,
        scope=Scope.OWN,
    ),
)
