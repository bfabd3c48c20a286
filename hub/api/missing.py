"""GET /api/streams/{id}/missing: what a device that records by itself should bring, and what the time is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiohttp import web
from pydantic import BaseModel, Field

from hub.api.routes import Access, Route, Scope
from hub.api.schema import FollowupState, Input, TimeUs, read_query
from hub.api.services import SERVICES
from hub.clock import US_PER_S
from hub.errors import InvalidRequest, Unavailable
from hub.footage.placing import Interval
from hub.people.rights import Right

MAX_INTERRUPTIONS = 50
MAX_UNRECORDED_US = 6 * 3600 * US_PER_S


class MissingQuery(Input):
    from_us: TimeUs = Field(alias="from", description="Interruptions that ended after this.")
    to_us: TimeUs | None = Field(
        None, alias="to", description="Also where there is no footage at all until then; 6 hours at most."
    )


class SpanOut(BaseModel):
    """Hub UTC, µs."""

    from_us: int
    to_us: int


class MissingInterruption(BaseModel):
    id: str
    started_us: int
    ended_us: int | None = Field(description="None: it is not over.")
    followup: FollowupState | None = Field(description="What became of it.")
    holes: list[SpanOut] = Field(description="What of it no footage covers; of one that is not over nothing yet.")


class MissingOut(BaseModel):
    """The two times are what a device keeps its clock in step by (T2 and T3 of RFC 5905 §8)."""

    received_at_us: int
    answered_at_us: int
    interruptions: list[MissingInterruption] = Field(description="Those that lost media, newest first.")
    unrecorded: list[SpanOut] | None = Field(description="Without any footage, live or brought; only asked with `to`.")


async def show(request: web.Request) -> web.Response:
    """GET /api/streams/{id}/missing"""
    services = request.app[SERVICES]
    received_us = services.clock.now().utc_us
    query = read_query(request, MissingQuery)
    stream = services.registry.get(request.match_info["id"])
    if query.to_us is not None and not 0 < query.to_us - query.from_us <= MAX_UNRECORDED_US:
        raise InvalidRequest("to: expected a time after from, by 6 hours at most")
    footage, followup = services.footage, services.followup
    if footage is None:
        raise Unavailable("this hub takes no footage now")
    found = await footage.missing(stream.id, query.from_us, MAX_INTERRUPTIONS)
    outcomes = {} if followup is None else await asyncio.to_thread(followup.outcomes, [cut for cut, _ in found])
    unrecorded = None
    if query.to_us is not None:
        unrecorded = _spans(await footage.unrecorded(stream.id, query.from_us, query.to_us))
    answer = MissingOut(
        received_at_us=received_us,
        answered_at_us=services.clock.now().utc_us,
        interruptions=[
            MissingInterruption(
                id=cut.id,
                started_us=cut.started_us,
                ended_us=cut.ended_us,
                followup=outcomes[cut.id].state.value if cut.id in outcomes else None,
                holes=_spans(holes),
            )
            for cut, holes in found
        ],
        unrecorded=unrecorded,
    )
    return web.json_response(answer.model_dump(mode="json"))


def _spans(intervals: Iterable[Interval]) -> list[SpanOut]:
    return [SpanOut(from_us=begin, to_us=end) for begin, end in intervals]


ROUTES = (
    Route(
        "GET",
        "/api/streams/{id}/missing",
        show,
        Access.EITHER,
        "Which interruptions lack footage, and where: what a device that records by itself should bring.",
        query=MissingQuery,
        answer=MissingOut,
        refusals=(400, 404, 503),
        right=Right.INTERRUPTIONS_VIEW,
        scope=Scope.STREAM,
    ),
)
