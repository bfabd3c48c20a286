"""/api/inspection: 监督检查: figures by unit, samples, checks of the chain, orders to rectify (R33, R34, R35)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import quote

from aiohttp import hdrs, web

from hub.api.auth import IDENTITY, check_unit, stream_for
from hub.api.errors import Forbidden
from hub.api.inspection_schema import (
    ChainCheckIn,
    CheckOut,
    InspectionNoteIn,
    ItemOut,
    ListQuery,
    OrderIn,
    OrderOut,
    OverviewOut,
    OverviewQuery,
    RecordOut,
    RecordsQuery,
    ResultIn,
    ResultOut,
    SampleIn,
    SampleOut,
    StepOut,
    UnitRowOut,
    ViolationOut,
)  # fmt: skip
from hub.api.labelled import FOREVER_US, hidden_ranges, may_know_stream
from hub.api.routes import Access, Route, Scope
from hub.api.schema import read_json, read_query
from hub.api.services import SERVICES, Services
from hub.clock import rfc3339
from hub.errors import InvalidRequest, NotFound, Unavailable
from hub.inspection.checks import Job
from hub.inspection.codes import VIOLATIONS
from hub.inspection.inspections import Inspections
from hub.inspection.model import Action, Check, Order, Sample
from hub.inspection.paper import pdf
from hub.inspection.population import LONGEST_US, Wanted, population
from hub.inspection.records import Asked, Overview, Records
from hub.inspection.sheet import Bulletin, Tally, xlsx
from hub.people.rights import Right
from hub.people.standing import Standing
from hub.people.tree import ROOT, Tree

_VIEW, _MANAGE = Right.INSPECTION_VIEW, Right.INSPECTION_MANAGE
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_T = TypeVar("_T", Sample, Order, Check)
_PRIVATE = {"Cache-Control": "private, no-store"}


def _parts(request: web.Request) -> tuple[Inspections, Records]:
    services = request.app[SERVICES]
    if services.inspections is None or services.records is None:
        raise Unavailable("inspections are not kept here")
    return services.inspections, services.records


def _unit(request: web.Request, unit: str | None, right: Right = _VIEW) -> str:
    """The one asked for, or the caller's own. Raises NotFound as for one that is not there."""
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    found = unit or standing.unit or ROOT
    if services.units.tree.get(found) is None or not standing.may(_VIEW, found):
        raise NotFound(f"no unit {found[:63]!r} is known", code="unknown_unit")
    check_unit(request, found, right)
    return found


def _asked(request: web.Request, unit: str, from_us: int, to_us: int) -> Asked:
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    if not from_us < to_us <= from_us + LONGEST_US:
        raise InvalidRequest("to: expected a time after from, within 366 days of it", code="bad_range")
    tree = services.units.tree

    def wanted(one: str) -> bool:
        return tree.covers(unit, one) and standing.may(_VIEW, one)

    pending = services.followup.standing() if services.followup is not None else []
    listed = services.registry.list(retired=True)
    streams = {one.id: one for one in listed if may_know_stream(services, standing, one)}
    concealed = {one.id for one in listed if one.id not in streams}
    hidden = [
        (one.id, *each) for one in listed for each in hidden_ranges(services, standing, one.id, (from_us, FOREVER_US))
    ]
    zone = services.settings.time_zone
    return Asked(from_us, to_us, streams, pending, wanted, tree, zone, concealed, hidden)


# -------------------------------------------------------------------------------------- the figures


async def overview(request: web.Request) -> web.Response:
    """GET /api/inspection/overview"""
    query, (_, records) = read_query(request, OverviewQuery), _parts(request)
    unit = _unit(request, query.unit)
    asked = _asked(request, unit, query.from_us, query.to_us)
    found = await asyncio.to_thread(records.overview, asked)
    answer = OverviewOut(
        unit=unit, from_at=rfc3339(query.from_us), to_at=rfc3339(query.to_us),
        rows=_rows(found, asked.tree, unit), left_out=found.left_out,
    )  # fmt: skip
    return web.json_response(answer.model_dump(mode="json", by_alias=True))


def _rows(found: Overview, tree: Tree, top: str) -> list[UnitRowOut]:
    """Each unit before what lies below it, by name."""
    rows, made = {one.unit: one for one in found.rows}, list[UnitRowOut]()
    below: dict[str, list[str]] = {}
    for ident in rows:
        unit = tree.get(ident)
        below.setdefault(unit.parent if unit is not None else "", []).append(ident)

    def walk(ident: str, depth: int) -> None:
        unit, row = tree.get(ident), rows[ident]
        name, parent = (unit.name, unit.parent) if unit is not None else (ident, "")
        made.append(
            UnitRowOut(unit=ident, name=name, parent=parent if parent in rows else "", depth=depth, own=dict(row.own),
                       all=dict(row.all))
        )  # fmt: skip
        for child in sorted(below.get(ident, ()), key=lambda one: rows[one].unit):
            walk(child, depth + 1)

    if top in rows:
        walk(top, 0)
    return made


async def records(request: web.Request) -> web.Response:
    """GET /api/inspection/records"""
    query, (_, found_by) = read_query(request, RecordsQuery), _parts(request)
    asked = _asked(request, _unit(request, query.unit), query.from_us, query.to_us)
    found = await asyncio.to_thread(found_by.records, asked, query.kind, query.limit)
    answer = [
        RecordOut(of=one.of, id=one.id, unit=one.unit, stream=one.stream_id, at=rfc3339(one.at_us),
                  to=_time(one.to_us), text=one.text)
        for one in found
    ]  # fmt: skip
    return _json(answer)


async def violations(_request: web.Request) -> web.Response:
    """GET /api/inspection/violations"""
    return _json([ViolationOut(code=one.code, text=one.text, clause=one.clause) for one in VIOLATIONS.values()])


async def bulletin(request: web.Request) -> web.Response:
    """GET /api/inspection/bulletin.xlsx"""
    query, (inspections, found_by) = read_query(request, OverviewQuery), _parts(request)
    services, now_us = request.app[SERVICES], request.app[SERVICES].clock.now().utc_us
    unit = _unit(request, query.unit)
    asked = _asked(request, unit, query.from_us, query.to_us)
    found = await asyncio.to_thread(found_by.overview, asked)
    rows = {one.unit: one for one in found.rows}
    listed = _rows(found, asked.tree, unit)
    tallies: dict[str, Tally] = {}
    for order in inspections.book.orders.values():
        if query.from_us <= order.at_us < query.to_us:
            one = Tally(1, int(order.state == "done"), int(order.state == "closed"), int(order.overdue(now_us)))
            for above in asked.tree.path(asked.known(order.unit)):
                tallies[above] = tallies.get(above, Tally()) + one
    by = request[IDENTITY].name
    made = Bulletin(
        listed[0].name if listed else unit, query.from_us, query.to_us, asked.zone, _person(services, by), now_us,
        Overview(tuple(rows[one.unit] for one in listed), found.left_out),
        {one.unit: "　" * one.depth + one.name for one in listed}, tallies, services.log.checkpoint().split("\n")[:3],
    )  # fmt: skip
    return _file(await asyncio.to_thread(xlsx, made), _XLSX, f"通报-{made.unit}.xlsx", f"bulletin-{unit}.xlsx")


# ------------------------------------------------------------------------------------------ samples


async def draw(request: web.Request) -> web.Response:
    """POST /api/inspection/samples"""
    body, (inspections, _) = await read_json(request, SampleIn), _parts(request)
    services = request.app[SERVICES]
    unit = _unit(request, body.unit, _MANAGE)
    asked = _asked(request, unit, body.from_us, body.to_us)
    wanted = Wanted(body.kind, body.stream_kind, body.finding, body.slot_min)
    if services.activities is None:
        raise Unavailable("activities are not kept here")
    engine, reader = services.activities.store.engine, services.reader
    found = await asyncio.to_thread(population, wanted, asked, engine, reader)
    sample = await inspections.draw(
        found, wanted, unit=unit, from_us=body.from_us, to_us=body.to_us, size=body.size, seed=body.seed,
        by=request[IDENTITY].name,
    )  # fmt: skip
    location = {hdrs.LOCATION: f"/api/inspection/samples/{sample.id}"}
    return web.json_response(_sample(sample), status=201, headers=location)


async def samples(request: web.Request) -> web.Response:
    """GET /api/inspection/samples"""
    inspections, _ = _parts(request)
    return web.json_response([_sample(one) for one in _listed(request, inspections.book.samples.values())])


async def sample(request: web.Request) -> web.Response:
    """GET /api/inspection/samples/{id}"""
    return web.json_response(_sample(_own_sample(request)))


async def population_file(request: web.Request) -> web.Response:
    """GET /api/inspection/samples/{id}/population"""
    found, (inspections, _) = _own_sample(request), _parts(request)
    data = await asyncio.to_thread(inspections.population_of, found)
    return _file(data, "text/plain", f"{found.id}.txt", f"{found.id}.txt")


async def paper(request: web.Request) -> web.Response:
    """GET /api/inspection/samples/{id}/paper.pdf"""
    found, (inspections, _), services = _own_sample(request), _parts(request), request.app[SERVICES]
    orders = [one for one in inspections.book.orders.values() if one.sample == found.id]
    unit = services.units.tree.get(found.unit)
    names = {one.id: one.name for one in services.registry.list(retired=True)}
    now_us = services.clock.now().utc_us

    def make() -> bytes:
        return pdf(
            found, orders, unit=unit.name if unit else found.unit, zone=services.settings.time_zone, names=names,
            person=lambda one: _person(services, one), now_us=now_us,
        )  # fmt: skip

    return _file(await asyncio.to_thread(make), "application/pdf", f"检查台账-{found.id}.pdf", f"{found.id}.pdf")


async def result(request: web.Request) -> web.Response:
    """POST /api/inspection/samples/{id}/items/{number}"""
    body, (inspections, _), found = await read_json(request, ResultIn), _parts(request), _own_sample(request, _MANAGE)
    number = request.match_info["number"]
    changed = await inspections.result(
        found.id, int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 0,
        outcome=body.outcome, code=body.code, note=body.note, by=request[IDENTITY].name,
    )  # fmt: skip
    return web.json_response(_sample(changed), status=201)


# ------------------------------------------------------------------------------------------- orders


async def order(request: web.Request) -> web.Response:
    """POST /api/inspection/orders"""
    body, (inspections, _) = await read_json(request, OrderIn), _parts(request)
    unit = _unit(request, body.unit, _MANAGE)
    if body.sample:
        _seen(request, inspections.sample(body.sample).unit, "sample", body.sample)
    made = await inspections.rectify(
        unit=unit, what=body.what, until_us=body.until, by=request[IDENTITY].name, code=body.code, sample=body.sample,
        item=body.item,
    )  # fmt: skip
    return web.json_response(_order(request, made), status=201)


async def orders(request: web.Request) -> web.Response:
    """GET /api/inspection/orders"""
    inspections, _ = _parts(request)
    return web.json_response([_order(request, one) for one in _listed(request, inspections.book.orders.values())])


def _stepping(action: Action, right: Right) -> Callable[[web.Request], Any]:
    async def step(request: web.Request) -> web.Response:
        inspections, _ = _parts(request)
        found = inspections.order(request.match_info["id"])
        _seen(request, found.unit, "order", found.id)
        check_unit(request, found.unit, right)
        body = await read_json(request, InspectionNoteIn)
        changed = await inspections.step(found.id, action, note=body.note, by=request[IDENTITY].name)
        return web.json_response(_order(request, changed))

    step.__doc__ = f"POST /api/inspection/orders/{{id}}/{action.value}"
    return step


# ------------------------------------------------------------------------------------------- checks


async def check(request: web.Request) -> web.Response:
    """POST /api/inspection/checks"""
    body, (inspections, _) = await read_json(request, ChainCheckIn), _parts(request)
    services, unit = request.app[SERVICES], _unit(request, body.unit, _MANAGE)
    if body.from_us is not None and body.to_us is not None and body.from_us >= body.to_us:
        raise InvalidRequest("to: expected a time after from", code="bad_range")
    for one in body.streams:
        if not services.units.covers(unit, stream_for(request, one, _VIEW).unit):
            raise Forbidden(f"the stream {one[:63]!r} is of another unit")
    streams = list(dict.fromkeys(body.streams))
    if not streams and unit != ROOT:
        streams = [one.id for one in services.registry.list(retired=True) if services.units.covers(unit, one.unit)]
        if not streams:
            raise InvalidRequest("the unit has no device: choose one above it", code="population_empty")
    job = inspections.start_check(streams, body.from_us, body.to_us, unit=unit, by=request[IDENTITY].name)
    return web.json_response(_job(job), status=202)


async def checks(request: web.Request) -> web.Response:
    """GET /api/inspection/checks"""
    inspections, _ = _parts(request)
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    found = [_check(services, standing, one) for one in _listed(request, inspections.book.checks.values())]
    job = inspections.checks.job
    if job is not None and standing.may(_VIEW, job.unit) and job.id not in inspections.book.checks:
        found.insert(0, _job(job))
    return web.json_response(found)


async def cancel(request: web.Request) -> web.Response:
    """POST /api/inspection/checks/{id}/cancel"""
    inspections, _ = _parts(request)
    job = inspections.checks.job
    if job is None or job.id != request.match_info["id"]:
        raise NotFound("no such check is running", code="unknown_check")
    _seen(request, job.unit, "check", job.id)
    check_unit(request, job.unit, _MANAGE)
    return web.json_response(_job(await inspections.checks.cancel(job.id)))


# ------------------------------------------------------------------------------------------ helpers


def _listed(request: web.Request, found: Iterable[_T]) -> list[_T]:
    """Those of the caller's units, newest first."""
    query = read_query(request, ListQuery)
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    seen = [
        one
        for one in found
        if standing.may(_VIEW, one.unit) and (query.unit is None or services.units.covers(query.unit, one.unit))
    ]
    return seen[::-1][: query.limit]


def _seen(request: web.Request, unit: str, noun: str, ident: str) -> None:
    """Raises NotFound as for one that is not there."""
    if not request[IDENTITY].standing.may(_VIEW, unit):
        raise NotFound(f"no {noun} {ident[:63]!r} is known", code=f"unknown_{noun}")


def _own_sample(request: web.Request, right: Right = _VIEW) -> Sample:
    inspections, _ = _parts(request)
    found = inspections.sample(request.match_info["id"])
    _seen(request, found.unit, "sample", found.id)
    check_unit(request, found.unit, right)
    return found


def _person(services: Services, by: str) -> str:
    person = services.people.find(by)
    return person.name if person is not None and person.name else by


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)


def _json(found: Iterable[Any]) -> web.Response:
    return web.json_response([one.model_dump(mode="json", by_alias=True) for one in found])


def _file(data: bytes, media_type: str, name: str, plain: str) -> web.Response:
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    headers = {"Content-Type": media_type, "Content-Disposition": disposition} | _PRIVATE
    return web.Response(body=data, headers=headers)


def _sample(one: Sample) -> dict[str, Any]:
    items = []
    for number, item in enumerate(one.items, 1):
        found = one.results.get(number)
        shown = None if found is None else ResultOut(
            outcome=found.outcome, code=found.code, note=found.note, by=found.by, at=rfc3339(found.at_us)
        )  # fmt: skip
        items.append(
            ItemOut(number=number, id=item.id, stream=item.stream_id, at=rfc3339(item.at_us), to=rfc3339(item.to_us),
                    result=shown)
        )  # fmt: skip
    return SampleOut(
        id=one.id, unit=one.unit, by=one.by, at=rfc3339(one.at_us), leaf=one.leaf, kind=one.kind,
        from_at=rfc3339(one.from_us), to_at=rfc3339(one.to_us), filter=dict(one.filter), population=one.population,
        population_sha256=one.population_sha256, size=one.size, seed=one.seed, seed_origin=one.seed_origin,
        items=items, done=one.done, problems=sum(each.outcome == "problem" for each in one.results.values()),
    ).model_dump(mode="json", by_alias=True)  # fmt: skip


def _order(request: web.Request, one: Order) -> dict[str, Any]:
    steps = [StepOut(action=each.action, by=each.by, at=rfc3339(each.at_us), note=each.note) for each in one.steps]
    return OrderOut(
        id=one.id, unit=one.unit, by=one.by, at=rfc3339(one.at_us), leaf=one.leaf, sample=one.sample, item=one.item,
        what=one.what, code=one.code, until=rfc3339(one.until_us), state=one.state,
        overdue=one.overdue(request.app[SERVICES].clock.now().utc_us), steps=steps,
    ).model_dump(mode="json", by_alias=True)  # fmt: skip


def _job(job: Job) -> dict[str, Any]:
    return CheckOut(
        id=job.id, unit=job.unit, by=job.by, at=None, started_at=rfc3339(job.started_us), state=job.state,
        problem=job.problem, done_bytes=job.done, total_bytes=job.total, streams=list(job.streams),
        from_at=_time(job.from_us), to_at=_time(job.to_us), leaf="", verdict=None, hidden_findings=0,
    ).model_dump(mode="json", by_alias=True)  # fmt: skip


def _check(services: Services, standing: Standing, one: Check) -> dict[str, Any]:
    """Findings of streams that the caller does not see are counted alone."""

    def shown(finding: dict[str, Any]) -> bool:
        stream = services.registry.find(str(finding.get("stream", "")))
        return standing.may(_VIEW, ROOT) or (stream is not None and standing.may(_VIEW, stream.unit))

    findings = list(one.verdict.get("findings", ()))
    seen = [each for each in findings if shown(each)]
    return CheckOut(
        id=one.id, unit=one.unit, by=one.by, at=rfc3339(one.at_us), started_at=rfc3339(one.started_us), state="done",
        problem="", done_bytes=0, total_bytes=0, streams=list(one.streams), from_at=_time(one.from_us),
        to_at=_time(one.to_us), leaf=one.leaf, verdict=dict(one.verdict) | {"findings": seen},
        hidden_findings=len(findings) - len(seen),
    ).model_dump(mode="json", by_alias=True)  # fmt: skip


def _route(method: str, path: str, handler: Any, summary: str, right: Right = _VIEW, **more: Any) -> Route:
    given: dict[str, Any] = {"refusals": (400, 403, 404, 503)} | more
    return Route(
        method, f"/api/inspection/{path}", handler, Access.USER, summary, right=right, scope=Scope.OWN, **given
    )


_ORDER = "orders/{id}"
ROUTES = (
    _route("GET", "overview", overview, "What is wrong, by unit.", query=OverviewQuery, answer=OverviewOut),
    _route(
        "GET", "records", records, "The records behind one number of the overview.", query=RecordsQuery,
        answer=RecordOut, many=True,
    ),
    _route("GET", "violations", violations, "Codes of violations (R35).", answer=ViolationOut, many=True),
    _route("GET", "bulletin.xlsx", bulletin, "通报: the figures as a workbook.", query=OverviewQuery, answer=_XLSX),
    _route("POST", "samples", draw, "Draw a sample.", _MANAGE, body=SampleIn, answer=SampleOut, status=201),
    _route("GET", "samples", samples, "Samples, newest first.", query=ListQuery, answer=SampleOut, many=True),
    _route("GET", "samples/{id}", sample, "One sample with its results.", answer=SampleOut),
    _route("GET", "samples/{id}/population", population_file, "What it was drawn from.", answer="text/plain"),
    _route("GET", "samples/{id}/paper.pdf", paper, "The sample to print and to sign.", answer="application/pdf"),
    _route(
        "POST", "samples/{id}/items/{number}", result, "What was found of an item.", _MANAGE, body=ResultIn,
        answer=SampleOut, status=201,
    ),
    _route("POST", "orders", order, "责令改正: order a unit to rectify.", _MANAGE, body=OrderIn, answer=OrderOut,
           status=201),
    _route("GET", "orders", orders, "Orders to rectify, newest first.", query=ListQuery, answer=OrderOut, many=True),
    _route(
        "POST", f"{_ORDER}/done", _stepping(Action.DONE, Right.INSPECTION_ANSWER), "What the unit did.",
        Right.INSPECTION_ANSWER, body=InspectionNoteIn, answer=OrderOut, refusals=(400, 403, 404, 409, 503),
    ),
    _route(
        "POST", f"{_ORDER}/back", _stepping(Action.BACK, _MANAGE), "Not enough: the order goes on.", _MANAGE,
        body=InspectionNoteIn, answer=OrderOut, refusals=(400, 403, 404, 409, 503),
    ),
    _route(
        "POST", f"{_ORDER}/close", _stepping(Action.CLOSE, _MANAGE), "Close an order.", _MANAGE, body=InspectionNoteIn,
        answer=OrderOut, refusals=(400, 403, 404, 409, 503),
    ),
    _route(
        "POST", "checks", check, "哈希链校验: verify chains, log, signatures, and footage of streams and a time.",
        _MANAGE, body=ChainCheckIn, answer=CheckOut, status=202, refusals=(400, 403, 404, 409, 503),
    ),
    _route("GET", "checks", checks, "Checks, newest first; one that runs before them.", query=ListQuery,
           answer=CheckOut, many=True),
    _route("POST", "checks/{id}/cancel", cancel, "End a check that runs.", _MANAGE, answer=CheckOut),
)  # fmt: skip
