"""What people say and do about interruptions: reports, spoken and written explanations, papers, closing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Any

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field

from hub.api.auth import DEVICE, IDENTITY, stream_for
from hub.api.errors import BodyTooLarge, Forbidden, SlowBody
from hub.api.labelled import check_picture
from hub.api.routes import Access, Route, Scope
from hub.api.schema import (
    FollowupOut,
    Input,
    InterruptionOut,
    NeedOut,
    TimeText,
    TimeUs,
    read_json,
    time_or_none,
)
from hub.api.services import SERVICES
from hub.api.sessions import confirmed
from hub.clock import rfc3339
from hub.errors import InvalidRequest, Unavailable
from hub.followup.explaining import REASONS, Explaining
from hub.followup.files import MAX_SCAN_BYTES
from hub.followup.followup import Case, Followup
from hub.followup.judge import Outcome
from hub.followup.statements import Statement
from hub.ledger.told import Told
from hub.monitor.events import interruption_json
from hub.people.people import Person
from hub.people.rights import Right

SCAN_S = 300.0
"""For 20 MiB from a county's link."""
SCAN = "application/pdf, image/jpeg, image/png"


class ReportIn(Input):
    reason: str = Field(max_length=40, description=f"One of {', '.join(REASONS)}.")
    text: str = Field("", max_length=10_000)


class SpokenIn(Input):
    interruption: str | None = Field(None, max_length=100, description="Without it: the stream's newest that waits.")
    from_us: TimeUs = Field(alias="from")
    to_us: TimeUs = Field(alias="to")


class StatementIn(Input):
    text: str = Field(max_length=10_000)


class SignatureIn(Input):
    password: str = Field(max_length=1000, description="Of the one who is signed in, once more.")
    sha256: str = Field(max_length=64, description="The digest of the statement as it was shown.")


class ScanCheckIn(Input):
    accepted: bool
    certificates: list[str] = Field(default_factory=list, max_length=10, description="As they stand on the paper.")
    text: str = Field("", max_length=10_000)


class CorrectionIn(Input):
    cites: str = Field(max_length=64, description="The leaf of the entry that was wrong.")
    text: str = Field(max_length=10_000)
    withdraws: bool = Field(False, description="What it said no longer counts.")


class ExemptionIn(Input):
    kind: str = Field(max_length=40)
    text: str = Field(max_length=10_000)
    until_us: TimeUs | None = Field(None, alias="until", description="The return; the deadline runs from then on.")


class _Out(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class SignatureOut(_Out):
    by: str
    name: str
    certificate: str
    capacity: str
    at: TimeText


class ScanOut(_Out):
    id: str
    by: str
    sha256: str
    size: int
    media: str
    at: TimeText
    verdict: str
    checked_by: str


class StatementOut(_Out):
    id: str
    by: str
    sha256: str
    at: TimeText
    text: str | None = None
    signatures: list[SignatureOut]
    scans: list[ScanOut]
    done_at: TimeText | None


class CaseOut(InterruptionOut):
    statements: list[StatementOut]


class HistoryOut(_Out):
    """``what``: the type of the entry, of an explanation with its form and action."""

    at: TimeText
    by: str
    what: str
    seq: int
    leaf: str
    facts: dict[str, Any]


class ReportOut(_Out):
    interruption: str | None = Field(description="What it belongs to; none yet if it came before the fault.")


def followup_json(outcome: Outcome) -> dict[str, Any]:
    """The field ``followup`` of an interruption."""
    return FollowupOut(
        state=outcome.state.value,
        deadline=time_or_none(outcome.deadline_us),
        reported_at=time_or_none(outcome.reported_us),
        explained_at=time_or_none(outcome.explained_us),
        how=outcome.how,
        filled_us=outcome.filled_us,
        closed_at=time_or_none(outcome.closed_us),
        closed_by=outcome.closed_by,
        exemption=outcome.exemption,
        findings=list(outcome.findings),
        missing=list(outcome.missing),
        needs=[NeedOut(code=one.code, text=one.text) for one in outcome.needs],
        signatures=outcome.signatures,
    ).model_dump(mode="json")


def _statement_json(one: Statement, text: str | None = None) -> dict[str, Any]:
    return StatementOut(
        id=one.id, by=one.by, sha256=one.sha256, at=rfc3339(one.at_us), text=text, done_at=time_or_none(one.done_us),
        signatures=[
            SignatureOut(
                by=each.by, name=each.name, certificate=each.certificate, capacity=each.capacity, at=rfc3339(each.at_us)
            )
            for each in one.signatures
        ],
        scans=[
            ScanOut(
                id=each.id, by=each.by, sha256=each.sha256, size=each.size, media=each.media, at=rfc3339(each.at_us),
                verdict=each.verdict, checked_by=each.checked_by,
            )
            for each in one.scans
        ],
    ).model_dump(mode="json")  # fmt: skip


def _case_json(case: Case) -> dict[str, Any]:
    statements = [_statement_json(one) for one in case.outcome.statements]
    return {**interruption_json(case.fault), "followup": followup_json(case.outcome), "statements": statements}


def _followup(request: web.Request) -> Followup:
    found = request.app[SERVICES].followup
    if found is None:
        raise Unavailable("interruptions are not followed up here")
    return found


def _explaining(request: web.Request) -> Explaining:
    found = request.app[SERVICES].explaining
    if found is None:
        raise Unavailable("interruptions are not followed up here")
    return found


async def _case(request: web.Request, right: Right) -> Case:
    """The interruption that the path names, if the caller has ``right`` over its stream. Raises NotFound."""
    case = await _followup(request).case(request.match_info["id"])
    stream_for(request, case.stream.id, right)
    return case


async def _paper(request: web.Request, right: Right) -> Case:
    """As :func:`_case`, of what people wrote and scanned: what is labelled is said there as well."""
    case = await _case(request, right)
    fault, services = case.fault, request.app[SERVICES]
    until_us = services.clock.now().utc_us if fault.ended_us is None else fault.ended_us
    check_picture(services, request[IDENTITY].standing, fault.stream_id, fault.started_us, until_us)
    return case


def _person(request: web.Request) -> Person:
    """Who writes and signs is a person, not a program."""
    identity = request[IDENTITY]
    person = request.app[SERVICES].people.find(identity.name)
    if identity.session is None or person is None:
        raise Forbidden("a statement is written and signed by a person who is signed in")
    return person


# ------------------------------------------------------------------------------------------ reading


async def show(request: web.Request) -> web.Response:
    """GET /api/interruptions/{id}"""
    return web.json_response(_case_json(await _case(request, Right.INTERRUPTIONS_VIEW)))


async def history(request: web.Request) -> web.Response:
    """GET /api/interruptions/{id}/history"""
    case = await _case(request, Right.INTERRUPTIONS_VIEW)
    return web.json_response([_told_json(one) for one in case.told])


def _told_json(one: Told) -> dict[str, Any]:
    words = [one.type.value, *(str(one.body[key]) for key in ("form", "action") if key in one.body)]
    facts = {key: value for key, value in one.body.items() if key not in ("by", "form", "action", "interruption")}
    by = str(one.body.get("by", "hub"))
    made = HistoryOut(at=rfc3339(one.at_us), by=by, what=".".join(words), seq=one.seq, leaf=one.leaf, facts=facts)
    return made.model_dump(mode="json")


# ------------------------------------------------------------------------------- report and speech


async def report(request: web.Request) -> web.Response:
    """POST /api/streams/{id}/report"""
    wanted = await read_json(request, ReportIn)
    stream = request.app[SERVICES].registry.get(request.match_info["id"])
    case = await _explaining(request).report(stream, wanted.reason, wanted.text, request[IDENTITY].name)
    answer = ReportOut(interruption=None if case is None else case.fault.id)
    return web.json_response(answer.model_dump(mode="json"), status=201)


async def spoken(request: web.Request) -> web.Response:
    """POST /api/streams/{id}/spoken"""
    wanted = await read_json(request, SpokenIn)
    identity, followup = request[IDENTITY], _followup(request)
    stream = request.app[SERVICES].registry.get(request.match_info["id"])
    may = (Right.EXPLANATIONS_WRITE, Right.INTERRUPTIONS_HANDLE)
    if identity.role != DEVICE and not any(identity.standing.may(right, stream.unit) for right in may):
        raise Forbidden("a clip is marked by the officer or by who watches")
    ident = wanted.interruption or next((one.id for one in followup.open_of(stream.id)), "")
    case = await followup.case(ident)
    if case.stream.id != stream.id:
        raise InvalidRequest("interruption: it is another stream's", code="other_stream")
    case = await _explaining(request).spoken(ident, wanted.from_us, wanted.to_us, identity.name)
    return web.json_response(_case_json(case), status=201)


# ---------------------------------------------------------------------------------------- statements


async def draft(request: web.Request) -> web.Response:
    """POST /api/interruptions/{id}/statements"""
    wanted = await read_json(request, StatementIn)
    case = await _case(request, Right.EXPLANATIONS_WRITE)
    explaining = _explaining(request)
    case, made = await explaining.draft(case.fault.id, wanted.text, _person(request))
    return web.json_response(_statement_json(made, await explaining.words(case, made.id)), status=201)


async def read(request: web.Request) -> web.Response:
    """GET /api/interruptions/{id}/statements/{statement}"""
    case = await _paper(request, Right.INTERRUPTIONS_VIEW)
    name = request.match_info["statement"]
    text = await _explaining(request).words(case, name)
    return web.json_response(_statement_json(_named(case.outcome.statements, name), text))


def _named(statements: Sequence[Statement], name: str) -> Statement:
    return next(one for one in statements if one.id == name)


async def page(request: web.Request) -> web.Response:
    """GET /api/interruptions/{id}/statements/{statement}/page"""
    case = await _paper(request, Right.INTERRUPTIONS_VIEW)
    text = await _explaining(request).page(case, request.match_info["statement"])
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[1].encode() if style else b"").digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})


async def sign(request: web.Request) -> web.Response:
    """POST /api/interruptions/{id}/statements/{statement}/signatures"""
    wanted = await read_json(request, SignatureIn)
    case = await _case(request, Right.EXPLANATIONS_SIGN)
    # signed by who is signed in: nobody enters another's signature
    signer = await confirmed(request, _person(request).username, wanted.password)
    case = await _explaining(request).sign(case.fault.id, request.match_info["statement"], wanted.sha256, signer)
    return web.json_response(_case_json(case), status=201)


async def scan(request: web.Request) -> web.Response:
    """POST /api/interruptions/{id}/statements/{statement}/scans"""
    case = await _case(request, Right.EXPLANATIONS_WRITE)
    data = await _large_body(request)
    case, _ = await _explaining(request).scan(
        case.fault.id, request.match_info["statement"], data, request.content_type, _person(request).username
    )
    return web.json_response(_case_json(case), status=201)


async def _large_body(request: web.Request) -> bytes:
    """Larger than other bodies may be: read here, and no further than allowed."""
    if (request.content_length or 0) > MAX_SCAN_BYTES:
        raise BodyTooLarge(f"the most is {MAX_SCAN_BYTES >> 20} MiB: scan at a lower resolution")
    data = bytearray()
    try:
        async with asyncio.timeout(SCAN_S):
            async for part in request.content.iter_any():
                data += part
                if len(data) > MAX_SCAN_BYTES:
                    raise BodyTooLarge(f"the most is {MAX_SCAN_BYTES >> 20} MiB: scan at a lower resolution")
    except TimeoutError:
        raise SlowBody(f"the body did not come within {SCAN_S:.0f} s") from None
    return bytes(data)


async def scanned(request: web.Request) -> web.Response:
    """GET /api/interruptions/{id}/statements/{statement}/scans/{scan}"""
    case = await _paper(request, Right.INTERRUPTIONS_VIEW)
    names = request.match_info["statement"], request.match_info["scan"]
    found, data = await _explaining(request).scanned(case, *names)
    # what somebody uploaded is saved, never shown as a page of ours
    headers = {hdrs.CONTENT_DISPOSITION: f'attachment; filename="{found.file.rsplit("/", 1)[-1]}"'}
    return web.Response(body=data, content_type=found.media, headers=headers)


async def check(request: web.Request) -> web.Response:
    """POST /api/interruptions/{id}/statements/{statement}/scans/{scan}/check"""
    wanted = await read_json(request, ScanCheckIn)
    case = await _case(request, Right.INTERRUPTIONS_HANDLE)
    names = request.match_info["statement"], request.match_info["scan"]
    case = await _explaining(request).check(
        case.fault.id, *names, accepted=wanted.accepted, certificates=wanted.certificates, text=wanted.text,
        by=_person(request).username,
    )  # fmt: skip
    return web.json_response(_case_json(case), status=201)


# ----------------------------------------------------------------------------- corrections and ends


async def correct(request: web.Request) -> web.Response:
    """POST /api/interruptions/{id}/corrections"""
    wanted = await read_json(request, CorrectionIn)
    case = await _case(request, Right.EXPLANATIONS_WRITE)
    case = await _explaining(request).correct(
        case.fault.id, wanted.cites, wanted.text, wanted.withdraws, request[IDENTITY].name
    )
    return web.json_response(_case_json(case), status=201)


async def exempt(request: web.Request) -> web.Response:
    """POST /api/interruptions/{id}/exemption"""
    wanted = await read_json(request, ExemptionIn)
    case = await _case(request, Right.EXPLANATIONS_EXEMPT)
    case = await _explaining(request).exempt(
        case.fault.id, wanted.kind, wanted.text, wanted.until_us, request[IDENTITY].name
    )
    return web.json_response(_case_json(case), status=201)


async def close(request: web.Request) -> web.Response:
    """POST /api/interruptions/{id}/close"""
    case = await _case(request, Right.INTERRUPTIONS_HANDLE)
    return web.json_response(_case_json(await _explaining(request).close(case.fault.id, request[IDENTITY].name)))


_ONE = "/api/interruptions/{id}"
_STATEMENT = f"{_ONE}/statements/{{statement}}"
ROUTES = (
    Route(
        "GET", _ONE, show, Access.USER, "One interruption, with what became of it.",
        answer=CaseOut, right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN, refusals=(404,),
    ),
    Route(
        "GET", f"{_ONE}/history", history, Access.USER, "Every entry about it: who, when, what.",
        answer=HistoryOut, many=True, right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN, refusals=(404,),
    ),
    Route(
        "POST", "/api/streams/{id}/report", report, Access.EITHER,
        "立即向上级报告: the officer reports that the recording breaks off, before, during or after.",
        body=ReportIn, answer=ReportOut, status=201, right=Right.EXPLANATIONS_WRITE, scope=Scope.STREAM,
        refusals=(400, 404),
    ),
    Route(
        "POST", "/api/streams/{id}/spoken", spoken, Access.EITHER,
        "语音说明: the clip after the resume in which the reason is said. Speech must be found in it.",
        body=SpokenIn, answer=CaseOut, status=201, right=Right.INTERRUPTIONS_VIEW, scope=Scope.STREAM,
        refusals=(400, 404, 409),
    ),
    Route(
        "POST", f"{_ONE}/statements", draft, Access.USER, "书面说明: write a statement. Its words are fixed then.",
        body=StatementIn, answer=StatementOut, status=201, right=Right.EXPLANATIONS_WRITE, scope=Scope.OWN,
        refusals=(400, 404, 409),
    ),
    Route(
        "GET", _STATEMENT, read, Access.USER, "A statement: its words, digest and signatures.",
        answer=StatementOut, right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN, refusals=(404,),
    ),
    Route(
        "GET", f"{_STATEMENT}/page", page, Access.USER, "The statement to print, with a QR code of its digest.",
        answer="text/html", right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN, refusals=(404,),
    ),
    Route(
        "POST", f"{_STATEMENT}/signatures", sign, Access.USER,
        "Sign it: the signer says again who they are, and names the digest that they saw.",
        body=SignatureIn, answer=CaseOut, status=201, right=Right.EXPLANATIONS_SIGN, scope=Scope.OWN,
        refusals=(400, 404, 409, 429),
    ),
    Route(
        "POST", f"{_STATEMENT}/scans", scan, Access.USER, "The paper, signed by hand and scanned (PDF, JPEG, PNG).",
        body=SCAN, answer=CaseOut, status=201, right=Right.EXPLANATIONS_WRITE, scope=Scope.OWN,
        refusals=(400, 404, 409, 413),
    ),
    Route(
        "GET", f"{_STATEMENT}/scans/{{scan}}", scanned, Access.USER, "The scan as it was uploaded.",
        answer="*/*", right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN, refusals=(404,),
    ),
    Route(
        "POST", f"{_STATEMENT}/scans/{{scan}}/check", check, Access.USER,
        "Accept or reject a scan. Not for who wrote the statement or brought the scan.",
        body=ScanCheckIn, answer=CaseOut, status=201, right=Right.INTERRUPTIONS_HANDLE, scope=Scope.OWN,
        refusals=(400, 404, 409),
    ),
    Route(
        "POST", f"{_ONE}/corrections", correct, Access.USER, "Correct what was said: a new entry that cites the old.",
        body=CorrectionIn, answer=CaseOut, status=201, right=Right.EXPLANATIONS_WRITE, scope=Scope.OWN,
        refusals=(400, 404, 409),
    ),
    Route(
        "POST", f"{_ONE}/exemption", exempt, Access.USER,
        "Planned maintenance, or more time for who could not be back (连续、异地、边远、水上、交通不便).",
        body=ExemptionIn, answer=CaseOut, status=201, right=Right.EXPLANATIONS_EXEMPT, scope=Scope.OWN,
        refusals=(400, 404, 409),
    ),
    Route(
        "POST", f"{_ONE}/close", close, Access.USER, "闭合: close it for good. Refused with what is missing.",
        answer=CaseOut, right=Right.INTERRUPTIONS_HANDLE, scope=Scope.OWN, refusals=(404, 409),
    ),
)  # fmt: skip
