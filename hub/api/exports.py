"""/api/exports: evidence packages, asked for by one person and approved by another, written in the background."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field

from hub.activities.notes import ActivityNotes, notes_of
from hub.api.access_entries import write_access
from hub.api.auth import IDENTITY, Identity, may_see, stream_for
from hub.api.errors import Forbidden
from hub.api.labelled import BEFORE_US, check_picture, may_know_activity, may_see_picture
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, TimeUs, read_json, read_query, time_or_none
from hub.api.services import SERVICES, Services
from hub.api.stills import Looks
from hub.clock import rfc3339
from hub.errors import Conflict, InvalidRequest, NotFound, Unavailable
from hub.evidence.job import Job
from hub.evidence.jobs import Exports, Wanted
from hub.ledger.package.format import Notes
from hub.people.rights import Right
from hub.people.standing import Standing

MIN_SPLIT = 10_000_000


class NotesIn(Input):
    """Each must be said, here or by the session: the law asks for all of them."""

    matter: str = Field("", max_length=1000, description="事项")
    place: str = Field("", max_length=1000, description="地点")
    method: str = Field("", max_length=1000, description="方式")
    officers: list[str] = Field([], max_length=50, description="行政执法人员, with certificate numbers.")


class ExportIn(Input):
    session: str | None = Field(None, max_length=63, description="An activity (执法活动): gives what is not said here.")
    stream: str | None = Field(None, max_length=63, description="Asked for where no session is given.")
    from_us: TimeUs | None = Field(None, alias="from")
    to_us: TimeUs | None = Field(
        None, alias="to", description="Whole chunks are taken. The note of the time (时间) is the range."
    )
    notes: NotesIn = NotesIn()
    reason: str = Field(min_length=1, max_length=2000, description="Why it is exported.")
    recipient: str = Field(
        min_length=1, max_length=500, description="Who gets the copy: in the entry, and on every picture of it."
    )
    split_bytes: int | None = Field(None, ge=MIN_SPLIT, description="Parts of at most this size, for discs.")
    movie: bool = Field(True, description="With a playable copy of the whole.")


class RejectIn(Input):
    reason: str = Field(min_length=1, max_length=2000)


class FileQuery(Input):
    part: int = Field(1, ge=1, le=10_000)


class _Out(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class NotesOut(_Out):
    matter: str
    place: str
    method: str
    officers: list[str]


class FileOut(_Out):
    part: int
    name: str
    size: int
    sha256: str


class ExportOut(_Out):
    id: str
    stream: str
    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    notes: NotesOut
    reason: str
    recipient: str
    state: Literal["requested", "approved", "running", "ready", "failed", "rejected", "cancelled", "removed"]
    progress: float = Field(description="0 to 1")
    requested_by: str
    requested_at: TimeText
    decided_by: str = Field(description="Who approved or rejected it.")
    decided_at: TimeText | None
    finished_at: TimeText | None
    problem: str = Field(description="Why it failed or was rejected; of a ready one what its package lacks.")
    files: list[FileOut]


def export_json(job: Job) -> dict[str, Any]:
    """An export as HTTP and the ``export.*`` events show it."""
    answer = ExportOut(
        id=job.id,
        stream=job.stream_id,
        from_at=rfc3339(job.from_us),
        to_at=rfc3339(job.to_us),
        notes=NotesOut(
            matter=job.notes.matter,
            place=job.notes.place,
            method=job.notes.method,
            officers=list(job.notes.officers),
        ),
        reason=job.reason,
        recipient=job.recipient,
        state=job.state.value,
        progress=job.progress,
        requested_by=job.requested_by,
        requested_at=rfc3339(job.requested_us),
        decided_by=job.decided_by,
        decided_at=time_or_none(job.decided_us),
        finished_at=time_or_none(job.finished_us),
        problem=job.problem,
        files=[
            FileOut(part=number, name=file.name, size=file.size, sha256=file.sha256)
            for number, file in enumerate(job.files, 1)
        ],
    )
    return answer.model_dump(mode="json", by_alias=True)


FETCHES: web.AppKey[Looks] = web.AppKey("fetches", Looks)
"""Who fetched which part in pieces lately."""


def _exports(request: web.Request) -> Exports:
    found = request.app[SERVICES].exports
    if found is None:
        raise Unavailable("exports do not run here")
    return found


def _job(request: web.Request, right: Right) -> Job:
    """The export that the path names, if the caller has ``right`` over its stream. Raises NotFound."""
    job = _exports(request).get(request.match_info["id"])
    stream_for(request, job.stream_id, right)
    if not may_see_export(request.app[SERVICES], request[IDENTITY].standing, job):
        raise NotFound(f"no export {job.id!r} is known", code="unknown_export")
    return job


def may_see_export(services: Services, standing: Standing, job: Job) -> bool:
    """What is in a package, and who was there, is hidden as what it was made of."""
    return may_see_picture(services, standing, job.stream_id, job.from_us - BEFORE_US, job.to_us + BEFORE_US)


def _note(request: web.Request, what: str, job: Job, reason: str) -> None:
    """An ``access`` entry in the stream's chain. Raises LedgerError, and then nothing is done."""
    by = request[IDENTITY].name
    write_access(request.app[SERVICES].write_access, by, what, reason, stream=job.stream_id, export=job.id)


async def index(request: web.Request) -> web.Response:
    """GET /api/exports"""
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    seen = [
        job
        for job in _exports(request).all()
        if may_see(services, standing, Right.EXPORTS_VIEW, job.stream_id) and may_see_export(services, standing, job)
    ]
    return web.json_response([export_json(job) for job in seen])


async def show(request: web.Request) -> web.Response:
    """GET /api/exports/{id}"""
    return web.json_response(export_json(_job(request, Right.EXPORTS_VIEW)))


async def ask(request: web.Request) -> web.Response:
    """POST /api/exports"""
    body = await read_json(request, ExportIn)
    wanted = await _wanted(request, body)
    job = await _exports(request).request(wanted, request[IDENTITY].name)
    _note(request, "exports.request", job, body.reason)
    return web.json_response(export_json(job), status=201, headers={hdrs.LOCATION: f"/api/exports/{job.id}"})


async def _wanted(request: web.Request, body: ExportIn) -> Wanted:
    """What is said, completed by the session. Raises NotFound, Forbidden, and InvalidRequest for what nobody said."""
    said = await _said(request, body.session) if body.session else None
    stream = stream_for(request, body.stream or (said.stream_id if said else ""), Right.EXPORTS_REQUEST)
    if said is not None and stream.id != said.stream_id:
        raise InvalidRequest(f"stream: the session {body.session} is of the stream {said.stream_id}, found {stream.id}")
    from_us = body.from_us if body.from_us is not None or said is None else said.from_us
    to_us = body.to_us if body.to_us is not None or said is None else said.to_us
    if from_us is None or to_us is None:
        raise InvalidRequest("from, to: expected a range, or a session that has ended; found none")
    check_picture(request.app[SERVICES], request[IDENTITY].standing, stream.id, from_us - BEFORE_US, to_us + BEFORE_US)
    own = body.notes
    if not body.recipient.strip():
        raise InvalidRequest("recipient: expected who gets the copy, found nobody")
    notes = Notes(
        own.matter.strip() or (said.matter if said else ""),
        own.place.strip() or (said.place if said else ""),
        own.method.strip() or (said.method if said else ""),
        tuple(own.officers) or (said.officers if said else ()),
    )
    if notes.missing():
        words = ", ".join(one.removeprefix("--") for one in notes.missing())
        raise InvalidRequest(f"notes: expected all five notes, found none for: {words}")
    return Wanted(stream.id, from_us, to_us, notes, body.reason, body.recipient.strip(), body.split_bytes, body.movie)


async def _said(request: web.Request, session: str) -> ActivityNotes:
    """Of a session whose stream the caller may export. Raises NotFound, also for one of another's."""
    activities = request.app[SERVICES].activities
    if activities is None:
        raise Unavailable("activities are not kept here")
    kept = await activities.get(session)
    stream_for(request, kept.activity.stream_id, Right.EXPORTS_REQUEST)
    if not may_know_activity(request.app[SERVICES], request[IDENTITY].standing, kept.activity):
        raise NotFound(f"no activity {session!r} is known", code="unknown_activity")
    return notes_of(kept.activity)


async def approve(request: web.Request) -> web.Response:
    """POST /api/exports/{id}/approve"""
    job = _job(request, Right.EXPORTS_APPROVE)
    _check_second(request.app[SERVICES], request[IDENTITY], job)
    _note(request, "exports.approve", job, job.reason)
    return web.json_response(export_json(await _exports(request).approve(job.id, request[IDENTITY].name)))


def _check_second(services: Services, identity: Identity, job: Job) -> None:
    """A second person: signed in, and not the first one, neither by name nor by certificate."""
    if identity.session is None:
        raise Forbidden("an export is approved by a person who is signed in, not by a program", code="not_a_person")
    first, second = services.people.find(job.requested_by), services.people.find(identity.name)
    same = first is not None and second is not None and first.certificate and first.certificate == second.certificate
    if identity.name == job.requested_by or same:
        raise Conflict("an export is approved by another person than the one who asked for it", code="same_person")


async def reject(request: web.Request) -> web.Response:
    """POST /api/exports/{id}/reject"""
    body = await read_json(request, RejectIn)
    job = _job(request, Right.EXPORTS_APPROVE)
    _note(request, "exports.reject", job, body.reason)
    return web.json_response(export_json(await _exports(request).reject(job.id, request[IDENTITY].name, body.reason)))


async def fetch(request: web.Request) -> web.StreamResponse:
    """GET /api/exports/{id}/file"""
    query = read_query(request, FileQuery)
    job = _job(request, Right.EXPORTS_REQUEST)
    path, file = _exports(request).file(job.id, query.part)
    if request.method == hdrs.METH_GET:
        _note_fetch(request, job, query.part)
    headers = {
        hdrs.CONTENT_TYPE: "application/zip",
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="{file.name}"',
    }
    return web.FileResponse(path, headers=headers)


def _note_fetch(request: web.Request, job: Job, part: int) -> None:
    """Who took which part: every whole fetch, and of one in pieces the first of an hour."""
    services, by = request.app[SERVICES], request[IDENTITY].name
    whole, mono_us = hdrs.RANGE not in request.headers, services.clock.now().mono_us
    noted, key = request.app[FETCHES], f"{job.id}/{part}"
    if not whole and not noted.is_new(by, key, mono_us):
        return
    facts: dict[str, Any] = {"export": job.id, "part": part, "bytes": "all" if whole else "some"}
    facts["recipient"] = job.recipient
    write_access(services.write_access, by, "exports.fetch", job.reason, stream=job.stream_id, **facts)
    noted.note(by, key, mono_us)


async def remove(request: web.Request) -> web.Response:
    """DELETE /api/exports/{id}"""
    job = _job(request, Right.EXPORTS_REQUEST)
    _note(request, "exports.remove", job, "")
    return web.json_response(export_json(await _exports(request).remove(job.id)), status=202)


_SCOPE: dict[str, Any] = {"scope": Scope.OWN}
ROUTES = (
    Route(
        "POST", "/api/exports", ask, Access.USER, "Ask for an evidence package; a second person must approve it.",
        body=ExportIn, answer=ExportOut, status=201, refusals=(403, 404, 503), right=Right.EXPORTS_REQUEST, **_SCOPE,
    ),
    Route(
        "GET", "/api/exports", index, Access.USER, "Exports of the streams that the caller may see, newest first.",
        answer=ExportOut, many=True, refusals=(403, 503), right=Right.EXPORTS_VIEW, **_SCOPE,
    ),
    Route(
        "GET", "/api/exports/{id}", show, Access.USER, "One export, with its progress.",
        answer=ExportOut, refusals=(403, 404, 503), right=Right.EXPORTS_VIEW, **_SCOPE,
    ),
    Route(
        "POST", "/api/exports/{id}/approve", approve, Access.USER,
        "Approve it: another signed-in person than the one who asked.",
        answer=ExportOut, refusals=(403, 404, 409, 503), right=Right.EXPORTS_APPROVE, **_SCOPE,
    ),
    Route(
        "POST", "/api/exports/{id}/reject", reject, Access.USER, "Reject it, with a reason.",
        body=RejectIn, answer=ExportOut, refusals=(403, 404, 409, 503), right=Right.EXPORTS_APPROVE, **_SCOPE,
    ),
    Route(
        "GET", "/api/exports/{id}/file", fetch, Access.USER, "The package, or a part of it.",
        query=FileQuery, answer="application/zip", refusals=(403, 404, 409, 503), right=Right.EXPORTS_REQUEST,
        **_SCOPE,
    ),
    Route(
        "DELETE", "/api/exports/{id}", remove, Access.USER,
        "Give it up, or delete its files; that it was asked for stays known.",
        answer=ExportOut, status=202, refusals=(403, 404, 409, 503), right=Right.EXPORTS_REQUEST, **_SCOPE,
    ),
)  # fmt: skip
