"""/api/duty: when streams are due: hours, exceptions, holidays; what follows of it, and what was found."""

from __future__ import annotations

from datetime import date
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.api.auth import IDENTITY, stream_for
from hub.api.errors import Forbidden
from hub.api.labelled import reaches
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, RangeQuery, TimeText, read_body, read_json, read_query
from hub.api.services import SERVICES
from hub.api.timelines import DAY_US, checked_range
from hub.clock import rfc3339
from hub.duty.duty import Duty
from hub.duty.history import DayException, Subject
from hub.duty.hours import DayHours, Hours
from hub.duty.parts import DutyParts
from hub.duty.plan import Judged, Piece
from hub.duty.years import Year, parse_year
from hub.errors import InvalidRequest, NotFound, Unavailable
from hub.people.rights import Right
from hub.people.tree import ROOT

MAX_PREVIEW_US = 400 * DAY_US


class HoursIn(Input):
    hours: Hours
    reason: str = Field("", max_length=200)


class ExceptionIn(DayHours):
    stream: str | None = Field(None, max_length=63)
    unit: str | None = Field(None, max_length=63)
    day: date = Field(alias="date")
    until: date | None = Field(None, description="The last day; the first alone if not said.")
    reason: str = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _one_subject(self) -> ExceptionIn:
        if (self.stream is None) == (self.unit is None):
            raise ValueError("expected either stream or unit")
        return self


class WithdrawIn(Input):
    reason: str = Field(min_length=1, max_length=200)


class SubjectQuery(Input):
    stream: str | None = Field(None, max_length=63)
    unit: str | None = Field(None, max_length=63)


class PreviewQuery(RangeQuery):
    stream: str | None = Field(None, max_length=63)
    unit: str | None = Field(None, max_length=63, description="What a window of this unit would be judged by.")


class FindingsQuery(Input):
    first: date = Field(alias="from")
    last: date = Field(alias="to")


class _Out(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class SubjectOut(_Out):
    kind: str = Field(description="unit or stream")
    id: str


class ExceptionOut(_Out):
    id: str
    of: SubjectOut
    day: date = Field(alias="date")
    until: date
    hours: list[list[str]]
    reason: str
    by: str
    at: TimeText


class CalendarOut(_Out):
    zone: str
    hours: Hours | None = Field(description="None: no calendar holds; due as the kind of the stream is.")
    of: SubjectOut | None = Field(description="Whose hours these are: its own, or inherited.")
    by: str
    at: TimeText | None = Field(description="Since when.")
    reason: str
    exceptions: list[ExceptionOut] = Field(description="Its own, of today and later.")
    years: list[int] = Field(description="The years whose holidays are known.")
    missing_years: list[int]


class YearOut(_Out):
    year: int
    title: str
    number: str
    issued: date
    source: str
    holidays: dict[date, str]
    workdays: list[date]


class PieceOut(_Out):
    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    due: bool | None = Field(description="None: no calendar holds.")
    judged: Judged
    detail: str = Field(description="The holiday's name, the exception's reason.")
    year_missing: bool


class DuePreviewOut(_Out):
    zone: str
    pieces: list[PieceOut]


class DutyFindingOut(_Out):
    stream: str
    day: date
    kind: str
    at: TimeText


def _parts(request: web.Request) -> DutyParts:
    parts = request.app[SERVICES].duty
    if parts is None:
        raise Unavailable("duty calendars do not run here")
    return parts


def _duty(request: web.Request) -> Duty:
    return _parts(request).duty


def _shown(answer: BaseModel) -> dict[str, Any]:
    return answer.model_dump(mode="json", by_alias=True, exclude_none=False)


def _subject(request: web.Request, right: Right, stream: str | None, unit: str | None) -> tuple[Subject, str]:
    """Whose calendar, and where it stands, if the caller has the right there."""
    if stream is not None:
        return Subject.stream(stream), stream_for(request, stream, right).unit or ROOT
    unit = unit or request[IDENTITY].standing.unit
    tree = request.app[SERVICES].units.tree
    if tree.get(unit) is None or not request[IDENTITY].standing.may(right, unit):
        raise NotFound(f"no unit {unit[:63]!r} is known", code="unknown_unit")
    return Subject.unit(unit), unit


def _calendar(request: web.Request, subject: Subject, unit: str) -> web.Response:
    duty = _duty(request)
    found = duty.inherited(subject, unit)
    owner, given = found if found is not None else (None, None)
    answer = CalendarOut(
        zone=given.zone if given else duty.zone,
        hours=given.hours if given else None,
        of=None if owner is None else SubjectOut(kind=owner.kind, id=owner.id),
        by=given.by if given else "",
        at=rfc3339(given.from_us) if given else None,
        reason=given.reason if given else "",
        exceptions=[_exception_out(subject, one) for one in duty.standing(subject)],
        years=sorted(duty.history.book.years),
        missing_years=duty.missing_years(),
    )
    return web.json_response(_shown(answer))


def _exception_out(subject: Subject, one: DayException) -> ExceptionOut:
    return ExceptionOut(
        id=one.id, of=SubjectOut(kind=subject.kind, id=subject.id), day=one.first, until=one.last,
        hours=DayHours.model_construct(hours=one.hours).model_dump(mode="json")["hours"], reason=one.reason, by=one.by,
        at=rfc3339(one.at_us),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------- calendars


async def show(request: web.Request) -> web.Response:
    """GET /api/duty"""
    query = read_query(request, SubjectQuery)
    if query.stream is not None and query.unit is not None:
        raise InvalidRequest("expected stream or unit, found both")
    return _calendar(request, *_subject(request, Right.INTERRUPTIONS_VIEW, query.stream, query.unit))


async def give(request: web.Request) -> web.Response:
    """PUT /api/duty/units/{id}/hours, PUT /api/duty/streams/{id}/hours"""
    wanted = await read_json(request, HoursIn)
    subject, unit = _own(request)
    await _duty(request).give_hours(subject, wanted.hours, by=request[IDENTITY].name, reason=wanted.reason)
    return _calendar(request, subject, unit)


async def take(request: web.Request) -> web.Response:
    """DELETE /api/duty/units/{id}/hours, DELETE /api/duty/streams/{id}/hours"""
    subject, _ = _own(request)
    await _duty(request).give_hours(subject, None, by=request[IDENTITY].name)
    return web.Response(status=204)


def _own(request: web.Request) -> tuple[Subject, str]:
    ident = request.match_info["id"]
    stream = ident if request.path.startswith("/api/duty/streams/") else None
    return _subject(request, Right.DUTY_MANAGE, stream, None if stream is not None else ident)


async def except_days(request: web.Request) -> web.Response:
    """POST /api/duty/exceptions"""
    wanted = await read_json(request, ExceptionIn)
    subject, _ = _subject(request, Right.DUTY_MANAGE, wanted.stream, wanted.unit)
    made = await _duty(request).except_days(
        subject, wanted.day, wanted.until or wanted.day, DayHours.model_construct(hours=wanted.hours),
        by=request[IDENTITY].name, reason=wanted.reason,
    )  # fmt: skip
    return web.json_response(_shown(_exception_out(subject, made)), status=201)


async def withdraw(request: web.Request) -> web.Response:
    """POST /api/duty/exceptions/{id}/withdraw"""
    wanted = await read_json(request, WithdrawIn)
    duty, ident = _duty(request), request.match_info["id"]
    found = duty.history.exception(ident)
    if found is None:
        raise NotFound(f"no exception {ident[:40]!r} stands", code="unknown_exception")
    subject = found[0]
    stream, unit = (subject.id, None) if subject.kind == "stream" else (None, subject.id)
    _subject(request, Right.DUTY_MANAGE, stream, unit)
    await duty.withdraw(ident, by=request[IDENTITY].name, reason=wanted.reason)
    return web.Response(status=204)


async def preview(request: web.Request) -> web.Response:
    """GET /api/duty/calendar"""
    query = read_query(request, PreviewQuery)
    if (query.stream is None) == (query.unit is None):
        raise InvalidRequest("expected either stream or unit")
    subject, _ = _subject(request, Right.INTERRUPTIONS_VIEW, query.stream, query.unit)
    checked_range(query, MAX_PREVIEW_US)
    duty = _duty(request)
    judged = duty.clock.pieces if subject.kind == "stream" else duty.clock.unit_pieces
    found = [piece_out(one) for one in judged(subject.id, query.from_us, query.to_us)]
    return web.json_response(_shown(DuePreviewOut(zone=duty.zone, pieces=found)))


def piece_out(one: Piece) -> PieceOut:
    return PieceOut(
        from_at=rfc3339(one.from_us), to_at=rfc3339(one.to_us), due=one.due, judged=one.judged, detail=one.detail,
        year_missing=one.year_missing,
    )  # fmt: skip


# -------------------------------------------------------------------------------------------- years


async def years(request: web.Request) -> web.Response:
    """GET /api/duty/years"""
    known = _duty(request).history.book.years
    return web.json_response([_shown(_year_out(known[year])) for year in sorted(known)])


def _year_out(year: Year) -> YearOut:
    notice = year.notice
    return YearOut(
        year=year.year, title=notice.title, number=notice.number, issued=notice.issued, source=year.source,
        holidays=dict(year.holidays), workdays=sorted(year.workdays),
    )  # fmt: skip


async def enter_year(request: web.Request) -> web.Response:
    """POST /api/duty/years"""
    media_type = "text/csv" if request.content_type == "text/csv" else "application/json"
    year = parse_year(await read_body(request, media_type))
    entered = await _duty(request).enter_year(year, by=request[IDENTITY].name)
    return web.json_response(_shown(_year_out(year)), status=201 if entered else 200)


# ----------------------------------------------------------------------------------------- findings


async def findings(request: web.Request) -> web.Response:
    """GET /api/duty/findings"""
    query = read_query(request, FindingsQuery)
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    seen = {
        one.id
        for one in services.registry.list(retired=True)
        if reaches(services, standing, Right.INTERRUPTIONS_VIEW, one)
    }
    if not seen and not standing.has(Right.INTERRUPTIONS_VIEW):
        raise Forbidden("nothing to see here")
    found = await _parts(request).findings.between(seen, query.first.isoformat(), query.last.isoformat())
    shown = [
        DutyFindingOut(stream=one.stream_id, day=date.fromisoformat(one.day), kind=one.kind, at=rfc3339(one.at_us))
        for one in found
    ]
    return web.json_response([_shown(one) for one in shown])


ROUTES = (
    Route(
        "GET", "/api/duty", show, Access.USER, "The calendar of a stream or unit as it is now, its own or inherited.",
        query=SubjectQuery, answer=CalendarOut, right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN, refusals=(404,),
    ),
    Route(
        "PUT", "/api/duty/units/{id}/hours", give, Access.USER,
        "Working hours of a unit and what lies below it, from now on; what was is not judged again.",
        body=HoursIn, answer=CalendarOut, right=Right.DUTY_MANAGE, scope=Scope.UNIT, refusals=(403, 404),
    ),
    Route(
        "DELETE", "/api/duty/units/{id}/hours", take, Access.USER, "The hours from above hold again, from now on.",
        status=204, right=Right.DUTY_MANAGE, scope=Scope.UNIT, refusals=(403, 404),
    ),
    Route(
        "PUT", "/api/duty/streams/{id}/hours", give, Access.USER, "Working hours of one stream, from now on.",
        body=HoursIn, answer=CalendarOut, right=Right.DUTY_MANAGE, scope=Scope.STREAM, refusals=(403, 404),
    ),
    Route(
        "DELETE", "/api/duty/streams/{id}/hours", take, Access.USER, "The hours of its unit hold again, from now on.",
        status=204, right=Right.DUTY_MANAGE, scope=Scope.STREAM, refusals=(403, 404),
    ),
    Route(
        "POST", "/api/duty/exceptions", except_days, Access.USER, "On these days other hours hold; none: closed.",
        body=ExceptionIn, answer=ExceptionOut, status=201, right=Right.DUTY_MANAGE, scope=Scope.OWN,
        refusals=(403, 404, 409),
    ),
    Route(
        "POST", "/api/duty/exceptions/{id}/withdraw", withdraw, Access.USER, "The exception holds no longer.",
        body=WithdrawIn, status=204, right=Right.DUTY_MANAGE, scope=Scope.OWN, refusals=(403, 404),
    ),
    Route(
        "GET", "/api/duty/calendar", preview, Access.USER, "What is due of a range, and what that is judged by.",
        query=PreviewQuery, answer=DuePreviewOut, right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN, refusals=(404,),
    ),
    Route(
        "GET", "/api/duty/years", years, Access.USER, "The years whose holidays are known, each with its notice.",
        answer=YearOut, many=True, right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN,
    ),
    Route(
        "POST", "/api/duty/years", enter_year, Access.USER,
        "The holidays and make-up days of a year, as JSON or CSV; 200 where they are known so already.",
        body=Year, answer=YearOut, status=201, right=Right.DUTY_YEARS, refusals=(403,),
    ),
    Route(
        "GET", "/api/duty/findings", findings, Access.USER, "Windows without a sound track, by day.",
        query=FindingsQuery, answer=DutyFindingOut, many=True, right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN,
    ),
)  # fmt: skip
