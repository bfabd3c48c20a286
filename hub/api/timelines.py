"""GET /api/streams/{id}/timeline: what became of the time."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from hub.api.routes import Access, Route, Scope
from hub.api.schema import RangeQuery, TimelineOut, read_query
from hub.api.services import SERVICES, Services
from hub.errors import InvalidRequest
from hub.model import Interruption, Span, Stream
from hub.monitor.timeline import timeline
from hub.people.rights import Right

DAY_US = 86_400_000_000
MAX_TIMELINE_US = 366 * DAY_US
_PAGE = 1000


async def show_timeline(request: web.Request) -> web.Response:
    """GET /api/streams/{id}/timeline"""
    services = request.app[SERVICES]
    stream = services.registry.get(request.match_info["id"])
    query = checked_range(read_query(request, RangeQuery), MAX_TIMELINE_US)
    present = [one for one in services.present() if one.stream_id == stream.id]
    return web.json_response(await timeline_of(services, stream, query, present))


async def timeline_of(
    services: Services, stream: Stream, query: RangeQuery, present: list[Interruption]
) -> dict[str, Any]:
    """As :class:`TimelineOut`. ``present``: what the stream's detector holds open."""
    now_us = services.clock.now().utc_us
    free = services.duty.duty.clock.off_duty(stream.id, query.from_us, query.to_us) if services.duty else []
    off_duty = [Span(begin, end) for begin, end in free]
    return await asyncio.to_thread(_timeline, services, stream, query, present, now_us, off_duty)


def _timeline(
    services: Services,
    stream: Stream,
    query: RangeQuery,
    present: list[Interruption],
    now_us: int,
    off_duty: list[Span],
) -> dict[str, Any]:
    """Blocks."""
    spans = services.reader.spans(stream.id, query.from_us, query.to_us)
    known = {one.id: one for one in _interruptions(services, stream.id, query)}
    known |= {one.id: one for one in present}
    always_due = stream.kind.always_expected and not stream.retired
    return timeline(
        spans,
        known.values(),
        query.from_us,
        query.to_us,
        now_us=now_us,
        due_from_us=stream.created_us if always_due else None,
        backfilled=services.reader.backfilled(stream.id, query.from_us, query.to_us),
        off_duty=off_duty,
        deleted=services.reader.gone(stream.id, query.from_us, query.to_us),
    ).json()


def _interruptions(services: Services, stream_id: str, query: RangeQuery) -> list[Interruption]:
    found: list[Interruption] = []
    while True:
        page = services.reader.interruptions(
            stream=stream_id,
            from_us=query.from_us,
            to_us=query.to_us,
            limit=_PAGE,
            after=found[-1].id if found else None,
        )
        found += page
        if len(page) < _PAGE:
            return found


def checked_range(query: RangeQuery, longest_us: int) -> RangeQuery:
    """The range, or InvalidRequest when it is empty or too long to answer."""
    if query.to_us <= query.from_us:
        raise InvalidRequest("to: expected a time after from")
    if query.to_us - query.from_us > longest_us:
        raise InvalidRequest(f"to: at most {longest_us // DAY_US} days after from")
    return query


ROUTES = (
    Route(
        "GET",
        "/api/streams/{id}/timeline",
        show_timeline,
        Access.USER,
        "What became of the time: recorded, interrupted, backfilled, off duty; and how complete it is.",
        query=RangeQuery,
        answer=TimelineOut,
        refusals=(404,),
        right=Right.INTERRUPTIONS_VIEW,
        scope=Scope.STREAM,
    ),
)
