"""GET /api/completeness/month, .pdf and .xlsx: the month's completeness of a unit, three faces of the same figures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from hub.api.auth import IDENTITY
from hub.api.labelled import reaches
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, read_query
from hub.api.services import SERVICES, Services
from hub.clock import US_PER_S, rfc3339
from hub.duty.hours import day_of, day_range
from hub.duty.parts import DutyParts
from hub.errors import InvalidRequest, NotFound, Unavailable
from hub.model import Interruption, InterruptionKind, Stream
from hub.people.rights import Right
from hub.people.tree import ROOT
from hub.reports.month import Cuts, Drawn, Figures, Given, Month, Window, belongs, change, month
from hub.reports.paper import pdf
from hub.reports.sheet import xlsx

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PDF = "application/pdf"
EXPLAINED = ("spoken", "written", "paper", "exempt")
MAX_WINDOWS = 1000


class MonthQuery(Input):
    unit: str | None = Field(None, max_length=63, description="With what lies below it; the caller's own if not said.")
    month: str = Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$", description="2026-11")


class _Out(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class FiguresOut(_Out):
    due_s: float
    recorded_s: float = Field(description="Of what was due: recorded, or brought later.")
    backfilled_s: float
    missing_s: float
    explained_s: float = Field(description="Of what is missing, what an explanation covers.")
    unexplained_s: float
    usable_s: float
    completeness: float | None
    usable_rate: float | None
    calendar_missing_days: int


class CutsOut(_Out):
    kind: InterruptionKind
    count: int = Field(description="Interruptions that began in the month and were confirmed.")
    lasted_s: float


class MonthDayOut(FiguresOut):
    day: date


class MonthWindowOut(FiguresOut):
    stream: str
    name: str
    unit: str
    unit_name: str
    kind: str
    retired: bool
    before: float | None = Field(description="Completeness of the whole month before.")
    change: float | None
    interruptions: list[CutsOut]
    no_sound_days: list[date]


class MonthOut(_Out):
    month: str
    unit: str
    unit_name: str
    zone: str
    from_at: TimeText = Field(alias="from")
    until: TimeText
    over: bool = Field(description="False: the month still runs, and the figures reach to `until`.")
    calendar: bool = Field(description="Whether any hours were ever given.")
    drawn_at: TimeText
    drawn_by: str
    total: FiguresOut
    before: FiguresOut = Field(description="The same windows, the whole month before.")
    change: float | None
    interruptions: list[CutsOut]
    days: list[MonthDayOut]
    windows: list[MonthWindowOut]


async def _month(request: web.Request) -> Month:
    services = request.app[SERVICES]
    query = read_query(request, MonthQuery)
    parts = services.duty
    if parts is None:
        raise Unavailable("duty calendars do not run here")
    unit = _unit(request, query)
    first = date.fromisoformat(f"{query.month}-01")
    zone, now_us = parts.duty.zone, services.clock.now().utc_us
    from_us, to_us = day_range(zone, first)[0], day_range(zone, _next(first))[0]
    if from_us >= now_us:
        raise InvalidRequest("month: expected one that has begun", code="bad_range")
    standing = request[IDENTITY].standing
    listed = (one for one in services.registry.list(retired=True) if services.units.covers(unit, one.unit))
    streams = [one for one in listed if reaches(services, standing, Right.INTERRUPTIONS_VIEW, one)]
    if len(streams) > MAX_WINDOWS:
        raise InvalidRequest(f"expected at most {MAX_WINDOWS} streams; ask for a unit below", code="too_many")
    given, faults = await _given(services, parts, streams, (first, from_us, min(to_us, now_us)))
    explained = await asyncio.to_thread(_explained, services, faults)
    found = services.units.tree.get(unit)
    blank = Month(
        query.month, unit, found.name if found else unit, zone, from_us, min(to_us, now_us), to_us <= now_us,
        _drawn(request, services, now_us), (), parts.duty.history.in_use,
    )  # fmt: skip
    return month(blank, given, explained)


def _unit(request: web.Request, query: MonthQuery) -> str:
    standing = request[IDENTITY].standing
    unit = query.unit or standing.unit or ROOT
    if request.app[SERVICES].units.tree.get(unit) is None or not standing.may(Right.INTERRUPTIONS_VIEW, unit):
        raise NotFound(f"no unit {unit[:63]!r} is known", code="unknown_unit")
    return unit


def _next(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def _before(first: date) -> date:
    return date(first.year - (first.month == 1), (first.month - 2) % 12 + 1, 1)


async def _given(
    services: Services, parts: DutyParts, streams: Sequence[Stream], span: tuple[date, int, int]
) -> tuple[list[Given], list[Interruption]]:
    first, from_us, until_us = span
    measured, zone = parts.completeness, parts.duty.zone
    days = await measured.of(streams, from_us, until_us)
    rows = sorted((one for one in streams if belongs(one, days[one.id])), key=lambda one: (one.unit, one.id))
    before = await measured.of(rows, day_range(zone, _before(first))[0], from_us)
    detail = await measured.detail(rows, from_us, until_us)
    last = day_of(zone, until_us - 1)
    silent: dict[str, list[str]] = {}
    for finding in await parts.findings.between({one.id for one in rows}, str(first), str(last)):
        silent.setdefault(finding.stream_id, []).append(finding.day)
    tree = services.units.tree
    given = []
    for one in rows:
        unit = tree.get(one.unit or ROOT)
        name = unit.name if unit else one.unit
        given.append(Given(one, name, days[one.id], detail[one.id], before[one.id], silent.get(one.id, [])))
    return given, [fault for one in rows for fault in detail[one.id].interruptions]


def _explained(services: Services, faults: Sequence[Interruption]) -> frozenset[str]:
    """Ids of those whose explanation stands. Blocks."""
    if services.followup is None:
        return frozenset()
    outcomes = services.followup.outcomes(faults)
    return frozenset(ident for ident, outcome in outcomes.items() if outcome.how in EXPLAINED)


def _drawn(request: web.Request, services: Services, now_us: int) -> Drawn:
    by = request[IDENTITY].name
    person = services.people.find(by)
    head = services.log.checkpoint().split("\n")[:3]
    origin, size, root = head if len(head) == 3 else ("", "", "")
    return Drawn(by, person.name if person is not None and person.name else by, now_us, (origin, size, root))


# ------------------------------------------------------------------------------------------- faces


async def show(request: web.Request) -> web.Response:
    """GET /api/completeness/month"""
    found = await _month(request)
    answer = {
        "month": found.month,
        "unit": found.unit,
        "unit_name": found.unit_name,
        "zone": found.zone,
        "from": rfc3339(found.from_us),
        "until": rfc3339(found.until_us),
        "over": found.over,
        "calendar": found.calendar,
        "drawn_at": rfc3339(found.drawn.at_us),
        "drawn_by": found.drawn.by,
        "total": _figures(found.total),
        "before": _figures(found.before),
        "change": found.change,
        "interruptions": _cuts(found.cuts.items()),
        "days": [{"day": str(day)} | _figures(figures) for day, figures in found.days.items()],
        "windows": [_window(one) for one in found.windows],
    }
    return web.json_response(answer)


def _window(one: Window) -> dict[str, Any]:
    stream = one.stream
    return {
        "stream": stream.id,
        "name": stream.name,
        "unit": stream.unit or ROOT,
        "unit_name": one.unit,
        "kind": stream.kind.value,
        "retired": stream.retired,
        **_figures(one.figures),
        "before": one.before.amounts.completeness,
        "change": change(one.figures, one.before),
        "interruptions": _cuts(one.cuts.items()),
        "no_sound_days": list(one.no_sound),
    }


def _figures(figures: Figures) -> dict[str, Any]:
    amounts = figures.amounts
    return {
        "due_s": amounts.due_us / US_PER_S,
        "recorded_s": amounts.had_us / US_PER_S,
        "backfilled_s": amounts.backfilled_us / US_PER_S,
        "missing_s": amounts.missing_us / US_PER_S,
        "explained_s": figures.explained_us / US_PER_S,
        "unexplained_s": figures.unexplained_us / US_PER_S,
        "usable_s": amounts.usable_us / US_PER_S,
        "completeness": amounts.completeness,
        "usable_rate": amounts.usable_rate,
        "calendar_missing_days": figures.unknown_days,
    }


def _cuts(found: Iterable[tuple[InterruptionKind, Cuts]]) -> list[dict[str, Any]]:
    return [{"kind": kind.value, "count": one.count, "lasted_s": one.lasted_us / US_PER_S} for kind, one in found]


async def paper(request: web.Request) -> web.Response:
    """GET /api/completeness.pdf"""
    return await _file(request, pdf, "pdf", PDF)


async def sheet(request: web.Request) -> web.Response:
    """GET /api/completeness.xlsx"""
    return await _file(request, xlsx, "xlsx", XLSX)


async def _file(request: web.Request, make: Callable[[Month], bytes], ending: str, media_type: str) -> web.Response:
    found = await _month(request)
    made = await asyncio.to_thread(make, found)
    name = quote(f"录像完整率月报-{found.unit_name}-{found.month}.{ending}", safe="")
    plain = f"completeness-{found.unit}-{found.month}.{ending}"
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{name}"
    headers = {"Content-Type": media_type, "Content-Disposition": disposition, "Cache-Control": "private, no-store"}
    return web.Response(body=made, headers=headers)


def _route(path: str, handler: Any, summary: str, answer: Any) -> Route:
    return Route(
        "GET", path, handler, Access.USER, summary, query=MonthQuery, answer=answer, right=Right.INTERRUPTIONS_VIEW,
        scope=Scope.OWN, refusals=(404,),
    )  # fmt: skip


ROUTES = (
    _route(
        "/api/completeness/month", show, "A unit's month: windows, days, interruptions, the month before.", MonthOut
    ),
    _route("/api/completeness.pdf", paper, "The same on A4, to print and to sign.", PDF),
    _route("/api/completeness.xlsx", sheet, "The same as a workbook, with real numbers.", XLSX),
)
