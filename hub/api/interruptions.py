"""GET /api/interruptions: what the ledger holds, with what is known at this moment over it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiohttp import web

from hub.api.auth import IDENTITY, stream_for
from hub.api.followup import followup_json
from hub.api.labelled import conceals_streams, reaches
from hub.api.routes import Access, Route, Scope
from hub.api.schema import InterruptionOut, InterruptionsQuery, read_query
from hub.api.services import SERVICES, Services
from hub.errors import NotFound, Unavailable
from hub.model import Interruption, InterruptionState
from hub.monitor.events import interruption_json
from hub.people.rights import Right
from hub.people.standing import Standing
from hub.people.tree import ROOT

_ROWS = 500
MAX_PAGES = 40
"""Of history, for one call."""
SETTLED = ("none", "closed", "withdrawn")
Key = tuple[int, str]
"""Place in the list: newest first, by start and id."""


async def index(request: web.Request) -> web.Response:
    """GET /api/interruptions"""
    query = read_query(request, InterruptionsQuery)
    services = request.app[SERVICES]
    if query.stream is not None:
        stream_for(request, query.stream, Right.INTERRUPTIONS_VIEW)
    standing = request[IDENTITY].standing
    within = _streams_of(services, standing, query.unit)
    present = {one.id: one for one in services.present()}

    def visible(stream_id: str) -> bool:
        return within is None or stream_id in within

    if query.followup is None:
        page = await asyncio.to_thread(_page, services, query, present, visible, within)
        return web.json_response(await asyncio.to_thread(_shown, services, page))
    if services.followup is None:
        raise Unavailable("interruptions are not followed up here")
    pending = [one for one in services.followup.pending() if visible(one.stream_id)]
    found = await asyncio.to_thread(_by_followup, services, query, pending, visible, within)
    return web.json_response(found)


def _streams_of(services: Services, standing: Standing, unit: str | None) -> frozenset[str] | None:
    """Those that the caller may see, retired ones too, of the unit and below it; None: all. Raises NotFound."""
    right, tree = Right.INTERRUPTIONS_VIEW, services.units.tree
    if unit is not None and tree.get(unit) is None:
        raise NotFound(f"no unit has the id {unit!r}")
    if unit is None and standing.may(right, ROOT) and not conceals_streams(services, standing):
        return None
    seen = (one for one in services.registry.list(retired=True) if reaches(services, standing, right, one))
    return frozenset(one.id for one in seen if unit is None or tree.covers(unit, one.unit or ROOT))


def _shown(services: Services, page: Sequence[Interruption]) -> list[dict[str, Any]]:
    """Blocks. Each with what became of it; a suspicion has nothing yet."""
    known = [one for one in page if one.state is not InterruptionState.SUSPECTED]
    outcomes = services.followup.outcomes(known) if services.followup is not None else {}
    found = {ident: followup_json(outcome) for ident, outcome in outcomes.items()}
    return [{**interruption_json(one, services.incident_of(one.id)), "followup": found.get(one.id)} for one in page]


def _by_followup(
    services: Services,
    query: InterruptionsQuery,
    pending: Sequence[Interruption],
    visible: Callable[[str], bool],
    within: frozenset[str] | None,
) -> list[dict[str, Any]]:
    """Blocks. What still asks for something is known; what no longer does is looked for page by page."""
    if query.followup not in SETTLED:
        before = None if query.after is None else services.reader.interruption(query.after)
        if query.after is not None and before is None:
            return []
        rows = [one for one in pending if fits(one, query) and (before is None or _key(one) < _key(before))]
        return [one for one in _shown(services, rows) if one["followup"]["state"] == query.followup][: query.limit]
    found: list[dict[str, Any]] = []
    wide = query.model_copy(update={"limit": _ROWS})
    for _ in range(MAX_PAGES):
        page = _page(services, wide, {}, visible, within)
        found += [one for one in _shown(services, page) if one["followup"]["state"] == query.followup]
        if not page or len(found) >= query.limit:
            break
        wide = wide.model_copy(update={"after": page[-1].id})
    return found[: query.limit]


def _page(
    services: Services,
    query: InterruptionsQuery,
    present: dict[str, Interruption],
    visible: Callable[[str], bool] = lambda _: True,
    within: frozenset[str] | None = None,
) -> list[Interruption]:
    """Blocks. A suspicion is in no ledger, and a resumed one still reads as confirmed there."""
    reader = services.reader
    before = None if query.after is None else present.get(query.after) or reader.interruption(query.after)
    if query.after is not None and before is None:
        return []
    known = query.after is None or reader.interruption(query.after) is not None
    # a page that ended with a suspicion goes on by time
    after, to_us = (query.after, query.to_us) if known or before is None else (None, before.started_us)
    place = None if before is None else _key(before)
    while True:
        rows = reader.interruptions(
            stream=query.stream, state=query.state, from_us=query.from_us, to_us=to_us, limit=query.limit, after=after,
            streams=within, kinds=query.kind,
        )  # fmt: skip
        page = overlay(rows, present.values(), query, place, visible)
        # an empty page would read as the end of the list
        if page or len(rows) < query.limit:
            return page
        after, place = rows[-1].id, _key(rows[-1])


def overlay(
    rows: Sequence[Interruption],
    present: Iterable[Interruption],
    query: InterruptionsQuery,
    before: Key | None,
    visible: Callable[[str], bool] = lambda _: True,
) -> list[Interruption]:
    """The page ``rows`` of the ledger with ``present`` in place: updated, added where they belong, left out
    where they no longer fit the query or are of a stream that is not ``visible``. ``before`` is the key of the
    last one of the page before."""
    newest = {one.id: one for one in present}
    last = _key(rows[-1]) if len(rows) == query.limit else None
    listed = {row.id for row in rows}
    merged = [newest.get(row.id, row) for row in rows if row.id not in newest or fits(newest[row.id], query)]
    merged += [
        one
        for one in newest.values()
        if one.id not in listed
        and fits(one, query)
        and (before is None or _key(one) < before)
        and (last is None or _key(one) > last)
    ]
    merged = [one for one in merged if visible(one.stream_id)]
    merged.sort(key=_key, reverse=True)
    return merged[: query.limit]


def fits(one: Interruption, query: InterruptionsQuery) -> bool:
    """Whether it belongs to the answer; the same conditions as in the ledger's reader."""
    ended_us = one.started_us if one.state is InterruptionState.WITHDRAWN else one.ended_us
    return (
        query.stream in (None, one.stream_id)
        and query.state in (None, one.state)
        and (query.kind is None or one.kind in query.kind)
        and (query.from_us is None or one.started_us >= query.from_us or ended_us is None or ended_us > query.from_us)
        and (query.to_us is None or one.started_us < query.to_us)
    )


def _key(one: Interruption) -> Key:
    return one.started_us, one.id


ROUTES = (
    Route(
        "GET",
        "/api/interruptions",
        index,
        Access.USER,
        "Interruptions that overlap the range, newest first; the suspected ones too.",
        query=InterruptionsQuery,
        answer=InterruptionOut,
        many=True,
        refusals=(404,),
        right=Right.INTERRUPTIONS_VIEW,
        scope=Scope.OWN,
    ),
)
