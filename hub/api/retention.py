"""/api/retention and /api/holds: how long footage is kept, what is kept longer, what may go.

There is no call that deletes footage (防删改). A person places and releases holds, puts time into a class, closes a
case, and approves that what may go goes now; the hub alone deletes, by the rules.
"""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from hub.api.auth import IDENTITY, may_see, stream_for
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, TimeUs, read_json, read_query, time_or_none
from hub.api.services import SERVICES
from hub.clock import rfc3339
from hub.errors import Unavailable
from hub.ledger.keeping import FOR_EVER_US, CaseRange, Hold
from hub.people.rights import Right
from hub.retention.retention import Retention
from hub.retention.rules import REASONS
from hub.retention.survey import StreamOutlook

Reason = Literal[
    "objection", "complaint", "petition", "evasion", "refusal", "obstruction", "verbal_abuse", "insult", "assault",
    "mass_incident", "emergency", "other",
]  # fmt: skip


class HoldIn(Input):
    stream: str = Field(max_length=63)
    from_us: TimeUs = Field(alias="from")
    to_us: TimeUs = Field(alias="to")
    reason: Reason
    text: str = Field("", max_length=2000, description="What happened; asked for where the reason is other.")


class ReleaseIn(Input):
    text: str = Field(min_length=1, max_length=2000, description="Why the hold ends.")


class CopiedIn(Input):
    medium: str = Field(min_length=1, max_length=100, description="光盘, 移动硬盘 …")
    label: str = Field(min_length=1, max_length=200, description="What is written on it.")
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$", description="Of what was written to it, where it is known.")


class RangeIn(Input):
    stream: str = Field(max_length=63)
    from_us: TimeUs = Field(alias="from")
    to_us: TimeUs = Field(alias="to")
    name: str = Field("evidence", alias="class", max_length=31)
    case: str = Field("", max_length=200, description="The number of the case (案号), for evidence.")


class CloseIn(Input):
    case: str = Field(min_length=1, max_length=200)
    term_days: int | None = Field(
        None, ge=1, le=100_000, description="Kept this long from now; the class's least or more."
    )


class ApprovalIn(Input):
    stream: str = Field(max_length=63)
    from_us: TimeUs = Field(alias="from")
    to_us: TimeUs = Field(alias="to")


class HoldsQuery(Input):
    stream: str | None = Field(None, max_length=63)
    state: Literal["in_force", "not_copied", "released", "all"] = "in_force"


class _Out(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class CopyOut(_Out):
    medium: str
    label: str
    sha256: str
    by: str
    at: TimeText


class HoldOut(_Out):
    id: str
    stream: str
    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    reason: Reason
    reason_text: str = Field(description="The reason in words of the rules, Chinese.")
    text: str
    by: str
    at: TimeText
    released_at: TimeText | None
    released_by: str
    release_text: str
    copies: list[CopyOut]
    deleted: bool = Field(False, description="Some of this time was deleted before the hold was placed.")


class RangeOut(_Out):
    id: str
    stream: str
    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    class_name: str = Field(alias="class")
    case: str
    by: str
    at: TimeText
    closed_at: TimeText | None
    closed_by: str
    kept_until: TimeText | None = Field(description="Of evidence, by its case; none while the case is open.")


class ApprovalOut(_Out):
    reels: int = Field(description="On their way: tombstoned, deleted once that is signed.")


class ClassOut(_Out):
    name: str
    least_days: int
    most_days: int | None
    clause: str


class OutlookOut(_Out):
    stream: str
    class_name: str = Field(alias="class")
    oldest: TimeText | None
    next_at: TimeText | None = Field(description="When footage may go that may not yet.")
    may_go_reels: int
    may_go_bytes: int
    kept_longer_reels: int


class StorageOut(_Out):
    total_bytes: int
    free_bytes: int
    low_bytes: int
    low: bool
    waiting_bytes: int = Field(description="Tombstoned and not yet deleted.")
    may_go_bytes: int
    bytes_per_s: float | None
    days_left: float | None = Field(description="Until the disk is full, if all that may go goes.")
    full_at: TimeText | None


class RetentionOut(_Out):
    classes: list[ClassOut]
    streams: list[OutlookOut]
    storage: StorageOut | None
    holds_in_force: int
    holds_not_copied: int
    problems: list[str]


def _retention(request: web.Request) -> Retention:
    found = request.app[SERVICES].retention
    if found is None:
        raise Unavailable("retention does not run here")
    return found


def _shown(answer: BaseModel) -> dict[str, Any]:
    return answer.model_dump(mode="json", by_alias=True)


def hold_out(hold: Hold, *, deleted: bool = False) -> HoldOut:
    return HoldOut(
        id=hold.id, stream=hold.stream_id, from_at=rfc3339(hold.from_us), to_at=rfc3339(hold.to_us),
        reason=hold.reason, reason_text=REASONS.get(hold.reason, ""), text=hold.text, by=hold.by,
        at=rfc3339(hold.at_us), released_at=time_or_none(hold.released_us), released_by=hold.released_by,
        release_text=hold.release_text, deleted=deleted,
        copies=[
            CopyOut(medium=one.medium, label=one.label, sha256=one.sha256, by=one.by, at=rfc3339(one.at_us))
            for one in hold.copies
        ],
    )  # fmt: skip


def range_out(one: CaseRange) -> RangeOut:
    until_us = one.kept_until_us
    return RangeOut(
        id=one.id, stream=one.stream_id, from_at=rfc3339(one.from_us), to_at=rfc3339(one.to_us),
        class_name=one.class_name, case=one.case, by=one.by, at=rfc3339(one.at_us),
        closed_at=time_or_none(one.closed_us), closed_by=one.closed_by,
        kept_until=rfc3339(until_us) if 0 < until_us < FOR_EVER_US else None,
    )  # fmt: skip


# ---------------------------------------------------------------------------------------- retention


async def show(request: web.Request) -> web.Response:
    """GET /api/retention"""
    services, retention = request.app[SERVICES], _retention(request)
    standing = request[IDENTITY].standing
    seen = [
        one
        for one in retention.status.survey.streams
        if may_see(services, standing, Right.RETENTION_VIEW, one.stream_id)
    ]
    holds = [
        hold
        for hold in retention.holds()
        if hold.in_force and may_see(services, standing, Right.RETENTION_VIEW, hold.stream_id)
    ]
    answer = RetentionOut(
        classes=[
            ClassOut(name=one.name, least_days=one.least_days, most_days=one.most_days, clause=one.clause)
            for one in retention.rules.classes.values()
        ],
        streams=[_outlook(one) for one in seen],
        storage=_storage(retention, services.clock.now().utc_us),
        holds_in_force=len(holds),
        holds_not_copied=sum(not hold.copies for hold in holds),
        problems=list(retention.status.problems),
    )
    return web.json_response(_shown(answer))


def _outlook(one: StreamOutlook) -> OutlookOut:
    return OutlookOut(
        stream=one.stream_id, class_name=one.class_name, oldest=time_or_none(one.oldest_us),
        next_at=time_or_none(one.next_us), may_go_reels=one.may_go_reels, may_go_bytes=one.may_go_bytes,
        kept_longer_reels=one.kept_longer_reels,
    )  # fmt: skip


def _storage(retention: Retention, now_us: int) -> StorageOut | None:
    status = retention.status
    if status.usage is None or status.marks is None:
        return None
    left = None if status.full_at_us is None else round(max(0, status.full_at_us - now_us) / 86_400e6, 1)
    return StorageOut(
        total_bytes=status.usage.total, free_bytes=status.usage.free, low_bytes=status.marks.low, low=status.low,
        waiting_bytes=status.waiting_bytes, may_go_bytes=status.survey.may_go_bytes, bytes_per_s=status.bytes_per_s,
        days_left=left, full_at=_year_or_none(status.full_at_us),
    )  # fmt: skip


def _year_or_none(at_us: int | None) -> str | None:
    """A disk that would be full in ten thousand years has no date."""
    return None if at_us is None or at_us > 253_402_300_799_000_000 else rfc3339(at_us)


async def approve(request: web.Request) -> web.Response:
    """POST /api/retention/approvals"""
    wanted = await read_json(request, ApprovalIn)
    stream = stream_for(request, wanted.stream, Right.RETENTION_APPROVE)
    by = request[IDENTITY].name
    reels = await _retention(request).approve(stream.id, wanted.from_us, wanted.to_us, by)
    return web.json_response(_shown(ApprovalOut(reels=reels)), status=202)


async def list_ranges(request: web.Request) -> web.Response:
    """GET /api/retention/ranges"""
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    found = [
        one for one in _retention(request).ranges() if may_see(services, standing, Right.RETENTION_VIEW, one.stream_id)
    ]
    return web.json_response([_shown(range_out(one)) for one in found])


async def classify(request: web.Request) -> web.Response:
    """POST /api/retention/ranges"""
    wanted = await read_json(request, RangeIn)
    stream = stream_for(request, wanted.stream, Right.HOLDS_MANAGE)
    made = await _retention(request).classify(
        stream.id, wanted.from_us, wanted.to_us, wanted.name, wanted.case, request[IDENTITY].name
    )
    return web.json_response(_shown(range_out(made)), status=201)


async def close_case(request: web.Request) -> web.Response:
    """POST /api/retention/cases/close"""
    wanted = await read_json(request, CloseIn)
    retention = _retention(request)
    for one in retention.ranges():
        if one.case == wanted.case.strip():
            stream_for(request, one.stream_id, Right.HOLDS_MANAGE)
    closed = await retention.close_case(wanted.case, wanted.term_days, request[IDENTITY].name)
    return web.json_response([_shown(range_out(one)) for one in closed])


# -------------------------------------------------------------------------------------------- holds


async def list_holds(request: web.Request) -> web.Response:
    """GET /api/holds"""
    query = read_query(request, HoldsQuery)
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    found = [
        hold
        for hold in _retention(request).holds()
        if query.stream in (None, hold.stream_id)
        and _fits(hold, query.state)
        and may_see(services, standing, Right.RETENTION_VIEW, hold.stream_id)
    ]
    return web.json_response([_shown(hold_out(hold)) for hold in found])


def _fits(hold: Hold, state: str) -> bool:
    if state == "all":
        return True
    if state == "not_copied":
        return hold.in_force and not hold.copies
    return hold.in_force == (state == "in_force")


async def place(request: web.Request) -> web.Response:
    """POST /api/holds"""
    wanted = await read_json(request, HoldIn)
    stream = stream_for(request, wanted.stream, Right.HOLDS_MANAGE)
    retention = _retention(request)
    hold = await retention.place_hold(
        stream.id, wanted.from_us, wanted.to_us, wanted.reason, wanted.text, request[IDENTITY].name
    )
    deleted = await retention.any_deleted(stream.id, wanted.from_us, wanted.to_us)
    return web.json_response(_shown(hold_out(hold, deleted=deleted)), status=201)


async def release(request: web.Request) -> web.Response:
    """POST /api/holds/{id}/release"""
    wanted = await read_json(request, ReleaseIn)
    hold = _own_hold(request)
    return web.json_response(
        _shown(hold_out(await _retention(request).release_hold(hold.id, wanted.text, request[IDENTITY].name)))
    )


async def copied(request: web.Request) -> web.Response:
    """POST /api/holds/{id}/copied"""
    wanted = await read_json(request, CopiedIn)
    hold = await _retention(request).mark_copied(
        _own_hold(request).id, wanted.medium, wanted.label, wanted.sha256, request[IDENTITY].name
    )
    return web.json_response(_shown(hold_out(hold)))


def _own_hold(request: web.Request) -> Hold:
    hold = _retention(request).hold(request.match_info["id"])
    stream_for(request, hold.stream_id, Right.HOLDS_MANAGE)
    return hold


ROUTES = (
    Route(
        "GET", "/api/retention", show, Access.USER,
        "Retention classes, what may go when, and how long the disk lasts.",
        answer=RetentionOut, right=Right.RETENTION_VIEW, scope=Scope.OWN, refusals=(503,),
    ),
    Route(
        "POST", "/api/retention/approvals", approve, Access.USER,
        "Approve that footage which may go goes now. Refused as a whole if any of it must be kept.",
        body=ApprovalIn, answer=ApprovalOut, status=202, right=Right.RETENTION_APPROVE, scope=Scope.OWN,
        refusals=(400, 404, 409),
    ),
    Route(
        "GET", "/api/retention/ranges", list_ranges, Access.USER,
        "Ranges that were put into a class of their own.",
        answer=RangeOut, many=True, right=Right.RETENTION_VIEW, scope=Scope.OWN,
    ),
    Route(
        "POST", "/api/retention/ranges", classify, Access.USER,
        "Put a range into a class that keeps it longer: evidence, with the number of its case.",
        body=RangeIn, answer=RangeOut, status=201, right=Right.HOLDS_MANAGE, scope=Scope.OWN,
        refusals=(400, 404, 409),
    ),
    Route(
        "POST", "/api/retention/cases/close", close_case, Access.USER,
        "A case is closed: its evidence is kept for a term from now.",
        body=CloseIn, answer=RangeOut, many=True, right=Right.HOLDS_MANAGE, scope=Scope.OWN,
        refusals=(400, 404, 409),
    ),
    Route(
        "GET", "/api/holds", list_holds, Access.USER,
        "Footage kept for long (长期保存); state=not_copied lists what is on no disc yet.",
        query=HoldsQuery, answer=HoldOut, many=True, right=Right.RETENTION_VIEW, scope=Scope.OWN,
    ),
    Route(
        "POST", "/api/holds", place, Access.USER,
        "Keep a range until the hold is released. Nothing under a hold is deleted.",
        body=HoldIn, answer=HoldOut, status=201, right=Right.HOLDS_MANAGE, scope=Scope.OWN, refusals=(400, 404),
    ),
    Route(
        "POST", "/api/holds/{id}/release", release, Access.USER,
        "End a hold; it stays on record with who ended it and why.",
        body=ReleaseIn, answer=HoldOut, right=Right.HOLDS_MANAGE, scope=Scope.OWN, refusals=(400, 404, 409),
    ),
    Route(
        "POST", "/api/holds/{id}/copied", copied, Access.USER,
        "The footage of a hold was copied to a disc or another medium.",
        body=CopiedIn, answer=HoldOut, right=Right.HOLDS_MANAGE, scope=Scope.OWN, refusals=(400, 404),
    ),
)  # fmt: skip
