"""GET /api/streams/{id}/timeline and /api/timelines: what became of the time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from hub.api.auth import IDENTITY
from hub.api.labelled import reaches
from hub.api.routes import Access, Route, Scope
from hub.api.schema import RangeQuery, TimelineOut, TimelinesOut, TimelinesQuery, read_query
from hub.api.services import SERVICES, Services
from hub.errors import InvalidRequest
from hub.ledger.reader import PastSpans
from hub.model import Interruption, Span, Stream
from hub.monitor.timeline import Timeline, Times, timeline
from hub.people.rights import Right

DAY_US = 86_400_000_000
MAX_TIMELINE_US = 366 * DAY_US
MAX_STREAM_DAYS = 1000
_PAGE = 5000


async def show_timeline(request: web.Request) -> web.Response:
    """GET /api/streams/{id}/timeline"""
    services = request.app[SERVICES]
    stream = services.registry.get(request.match_info["id"])
    query = checked_range(read_query(request, RangeQuery), MAX_TIMELINE_US)
    present = [one for one in services.present() if one.stream_id == stream.id]
    return web.json_response(await timeline_of(services, stream, query, present))


async def show_timelines(request: web.Request) -> web.Response:
    """GET /api/timelines: of many streams at once, as far as the caller may see them."""
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    query = read_query(request, TimelinesQuery)
    checked_range(query, MAX_TIMELINE_US)
    wanted = None if query.streams is None else frozenset(query.streams.split(","))
    streams = [
        one
        for one in services.registry.list(retired=True)
        if (one.id in wanted if wanted is not None else not one.retired)
        and (query.unit is None or query.unit in services.units.tree.path(one.unit))
        and reaches(services, standing, Right.INTERRUPTIONS_VIEW, one)
    ]
    if len(streams) * (query.to_us - query.from_us) > MAX_STREAM_DAYS * DAY_US:
        raise InvalidRequest(
            f"expected at most {MAX_STREAM_DAYS} streams' days at once, found {len(streams)} streams: ask for less time"
        )
    body = await _timelines(services, streams, query)
    return web.Response(body=body, content_type="application/json", charset="utf-8")


async def _timelines(services: Services, streams: Sequence[Stream], query: TimelinesQuery) -> bytes:
    clock = None if services.duty is None else services.duty.duty.clock
    free = {one.id: [] if clock is None else clock.off_duty(one.id, query.from_us, query.to_us) for one in streams}
    off_duty = {ident: [Span(begin, end) for begin, end in ranges] for ident, ranges in free.items()}
    present = [one for one in services.present() if one.stream_id in free]
    now_us = services.clock.now().utc_us

    def read() -> bytes:
        past = services.reader.spans_of_many(free.keys(), query.from_us, query.to_us)
        cuts = _interruptions(services, query.from_us, query.to_us, streams=free.keys())
        known: defaultdict[str, dict[str, Interruption]] = defaultdict(dict)
        for one in (*cuts, *present):
            known[one.stream_id][one.id] = one
        nothing, times = PastSpans([], [], []), Times()
        lines = {
            one.id: _line(one, past.get(one.id, nothing), known[one.id].values(), query, now_us, off_duty[one.id]).json(
                times
            )
            for one in streams
        }
        return to_json({"streams": lines})  # here: half a megabyte takes long enough to be heard on the event loop

    return await asyncio.to_thread(read)


async def timeline_of(
    services: Services, stream: Stream, query: RangeQuery, present: list[Interruption]
) -> dict[str, Any]:
    """As :class:`TimelineOut`. ``present``: what the stream's detector holds open."""
    now_us = services.clock.now().utc_us
    free = services.duty.duty.clock.off_duty(stream.id, query.from_us, query.to_us) if services.duty else []
    off_duty = [Span(begin, end) for begin, end in free]

    def read() -> dict[str, Any]:
        reader, times = services.reader, (stream.id, query.from_us, query.to_us)
        past = PastSpans(reader.spans(*times), reader.backfilled(*times), reader.gone(*times))
        known = {one.id: one for one in _interruptions(services, query.from_us, query.to_us, stream=stream.id)}
        known |= {one.id: one for one in present}
        return _line(stream, past, known.values(), query, now_us, off_duty).json()

    return await asyncio.to_thread(read)


def _line(
    stream: Stream,
    past: PastSpans,
    interruptions: Iterable[Interruption],
    query: RangeQuery,
    now_us: int,
    off_duty: Sequence[Span],
) -> Timeline:
    always_due = stream.kind.always_expected and not stream.retired
    return timeline(
        past.recorded,
        interruptions,
        query.from_us,
        query.to_us,
        now_us=now_us,
        due_from_us=stream.created_us if always_due else None,
        backfilled=past.backfilled,
        off_duty=off_duty,
        deleted=past.gone,
    )


def _interruptions(services: Services, from_us: int, to_us: int, **of: Any) -> list[Interruption]:
    """All of one ``stream``, or of some ``streams``. Blocks."""
    found: list[Interruption] = []
    while True:
        after = found[-1].id if found else None
        page = services.reader.interruptions(from_us=from_us, to_us=to_us, limit=_PAGE, after=after, **of)
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
    Route(
        "GET",
        "/api/timelines",
        show_timelines,
        Access.USER,
        "The same of many streams at once: of those named, or of a unit and below it.",
        query=TimelinesQuery,
        answer=TimelinesOut,
        right=Right.INTERRUPTIONS_VIEW,
        scope=Scope.OWN,
    ),
)
