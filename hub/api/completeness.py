"""/api/completeness: 录像完整率 and 有效率 of streams and units, by day or month; as JSON and as a table for Excel."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from io import StringIO
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from hub.api.auth import IDENTITY, stream_for
from hub.api.labelled import reaches
from hub.api.routes import Access, Route, Scope
from hub.api.schema import RangeQuery, TimeText, read_query
from hub.api.services import SERVICES
from hub.api.timelines import DAY_US, checked_range
from hub.clock import US_PER_S, rfc3339
from hub.duty.amounts import Amounts
from hub.duty.completeness import DayOf, by_period, total
from hub.errors import InvalidRequest, NotFound, Unavailable
from hub.model import Stream
from hub.people.rights import Right
from hub.people.tree import ROOT

MAX_RANGE_US = 366 * DAY_US
MAX_STREAM_DAYS = 120_000
HEADER = (
    "时段", "单位", "视频源", "名称", "应录（秒）", "已录（秒）", "其中补传（秒）", "缺失（秒）", "有效（秒）",
    "完整率", "有效率", "备注",
)  # fmt: skip


class CompletenessQuery(RangeQuery):
    stream: str | None = Field(None, max_length=63)
    unit: str | None = Field(None, max_length=63, description="With what lies below it; the caller's own if not said.")
    by: Literal["day", "month"] = "day"


class _Out(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class AmountsOut(_Out):
    due_s: float
    recorded_s: float = Field(description="Of what was due: recorded, or brought later.")
    backfilled_s: float = Field(description="Of it, what was brought later.")
    missing_s: float
    usable_s: float = Field(description="Of what was recorded: neither black nor frozen nor covered.")
    completeness: float | None = Field(description="录像完整率; None where nothing was due.")
    usable_rate: float | None = Field(description="有效率")
    calendar_missing_days: int = Field(description="Days whose year was not known: the weekday alone has judged them.")


class PeriodOut(AmountsOut):
    period: str = Field(description="2026-11-20, or 2026-11.")


class StreamAmountsOut(AmountsOut):
    stream: str
    name: str
    unit: str
    periods: list[PeriodOut]


class UnitAmountsOut(AmountsOut):
    unit: str
    name: str


class CompletenessOut(_Out):
    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    zone: str
    by: str
    total: AmountsOut
    periods: list[PeriodOut]
    units: list[UnitAmountsOut] = Field(description="Each with what lies below it.")
    streams: list[StreamAmountsOut]


@dataclass(frozen=True, slots=True)
class _Asked:
    query: CompletenessQuery
    streams: Sequence[Stream]
    found: dict[str, list[DayOf]]


async def _ask(request: web.Request) -> _Asked:
    services = request.app[SERVICES]
    query = read_query(request, CompletenessQuery)
    checked_range(query, MAX_RANGE_US)
    streams = _streams(request, query)
    if len(streams) * ((query.to_us - query.from_us) // DAY_US + 1) > MAX_STREAM_DAYS:
        raise InvalidRequest(f"expected at most {MAX_STREAM_DAYS} days of streams; ask for a unit or a shorter range")
    if services.duty is None:
        raise Unavailable("duty calendars do not run here")
    return _Asked(query, streams, await services.duty.completeness.of(streams, query.from_us, query.to_us))


def _streams(request: web.Request, query: CompletenessQuery) -> list[Stream]:
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    right = Right.INTERRUPTIONS_VIEW
    if query.stream is not None:
        if query.unit is not None:
            raise InvalidRequest("expected stream or unit, found both")
        return [stream_for(request, query.stream, right)]
    unit = query.unit or standing.unit or ROOT
    if services.units.tree.get(unit) is None or not standing.may(right, unit):
        raise NotFound(f"no unit {unit[:63]!r} is known", code="unknown_unit")
    listed = (one for one in services.registry.list(retired=True) if services.units.covers(unit, one.unit))
    return [one for one in listed if reaches(services, standing, right, one)]


async def show(request: web.Request) -> web.Response:
    """GET /api/completeness"""
    asked = await _ask(request)
    query, found = asked.query, asked.found
    everything = [one for days in found.values() for one in days]
    answer = {
        "from": rfc3339(query.from_us),
        "to": rfc3339(query.to_us),
        "zone": request.app[SERVICES].settings.time_zone,
        "by": query.by,
        "total": _amounts(*total(everything)),
        "periods": _periods(everything, query.by),
        "units": _units(request, asked),
        "streams": [
            {"stream": one.id, "name": one.name, "unit": one.unit or ROOT}
            | _amounts(*total(found[one.id]))
            | {"periods": _periods(found[one.id], query.by)}
            for one in asked.streams
        ],
    }
    return web.json_response(answer)


def _amounts(amounts: Amounts, missing: int) -> dict[str, Any]:
    return {
        "due_s": _s(amounts.due_us),
        "recorded_s": _s(amounts.had_us),
        "backfilled_s": _s(amounts.backfilled_us),
        "missing_s": _s(amounts.missing_us),
        "usable_s": _s(amounts.usable_us),
        "completeness": amounts.completeness,
        "usable_rate": amounts.usable_rate,
        "calendar_missing_days": missing,
    }


def _s(us: int) -> float:
    return us / US_PER_S


def _days(found: Iterable[DayOf]) -> list[DayOf]:
    """One row a day: of several streams, a day without a known year is one day."""
    days: dict[date, DayOf] = {}
    for one in found:
        known = days.get(one.day)
        if known is None:
            days[one.day] = one
        else:
            missing = known.year_missing or one.year_missing
            days[one.day] = DayOf(one.day, known.from_us, known.to_us, known.amounts + one.amounts, missing)
    return list(days.values())


def _periods(found: Iterable[DayOf], by: str) -> list[dict[str, Any]]:
    return [{"period": key} | _amounts(*value) for key, value in by_period(_days(found), by).items()]


def _units(request: web.Request, asked: _Asked) -> list[dict[str, Any]]:
    tree = request.app[SERVICES].units.tree
    standing = request[IDENTITY].standing
    days: dict[str, list[DayOf]] = {}
    for stream in asked.streams:
        for unit in tree.path(stream.unit):
            if standing.may(Right.INTERRUPTIONS_VIEW, unit):
                days.setdefault(unit, []).extend(asked.found[stream.id])
    out = []
    for ident, found in sorted(days.items()):
        unit_of = tree.get(ident)
        out.append({"unit": ident, "name": unit_of.name if unit_of else ident} | _amounts(*total(_days(found))))
    return out


# ------------------------------------------------------------------------------------------- table


async def table(request: web.Request) -> web.Response:
    """GET /api/completeness.csv"""
    asked = await _ask(request)
    tree = request.app[SERVICES].units.tree
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    for stream in asked.streams:
        unit = tree.get(stream.unit or ROOT)
        for period, (amounts, missing) in by_period(asked.found[stream.id], asked.query.by).items():
            cells = (unit.name if unit else stream.unit, stream.id, stream.name)
            writer.writerow([period, *map(_cell, cells), *_figures(amounts), _note(amounts, missing)])
    name = f"completeness-{asked.query.by}.csv"
    return web.Response(
        body=text.getvalue().encode("utf-8-sig"),  # Excel takes it for another encoding without the mark
        headers={"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": f'attachment; filename="{name}"'},
    )


def _figures(amounts: Amounts) -> list[str]:
    seconds = (amounts.due_us, amounts.had_us, amounts.backfilled_us, amounts.missing_us, amounts.usable_us)
    rates = (amounts.completeness, amounts.usable_rate)
    return [*(f"{_s(one):.3f}" for one in seconds), *("" if one is None else f"{one:.6f}" for one in rates)]


def _note(amounts: Amounts, missing: int) -> str:
    if missing:
        return f"{missing} 天的放假安排未导入"
    return "" if amounts.due_us else "无应录时间"


def _cell(text: str) -> str:
    """What people named must not become a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


ROUTES = (
    Route(
        "GET", "/api/completeness", show, Access.USER,
        "How much of the time that was due is there (录像完整率), and how much shows something (有效率).",
        query=CompletenessQuery, answer=CompletenessOut, right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN,
        refusals=(404,),
    ),
    Route(
        "GET", "/api/completeness.csv", table, Access.USER, "The same as a table, a row for each stream and period.",
        query=CompletenessQuery, answer="text/csv", right=Right.INTERRUPTIONS_VIEW, scope=Scope.OWN, refusals=(404,),
    ),
)  # fmt: skip
