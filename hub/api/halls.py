"""GET /api/halls/{id}: today of every window of a hall, in one answer."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from hub.api.auth import IDENTITY
from hub.api.duty import PieceOut, piece_out
from hub.api.labelled import reaches
from hub.api.routes import Access, Route, Scope
from hub.api.schema import RangeQuery, TimelineOut, TimeText
from hub.api.services import SERVICES, Services
from hub.api.timelines import timeline_of
from hub.clock import rfc3339
from hub.duty.hours import day_of, day_range
from hub.duty.parts import DutyParts
from hub.errors import Unavailable
from hub.model import Interruption, InterruptionKind, InterruptionState, Stream, StreamKind
from hub.people.rights import Right

MAX_WINDOWS = 200
KINDS = (StreamKind.WINDOW, StreamKind.ROOM)


class _Out(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class HallFaultOut(_Out):
    id: str
    kind: InterruptionKind
    state: InterruptionState
    since: TimeText
    picture: bool = Field(description="Whether a picture of it was kept.")


class HallWindowOut(_Out):
    stream: str
    pieces: list[PieceOut] = Field(description="The day as its calendar judges it.")
    timeline: TimelineOut = Field(description="What became of the day so far.")
    faults: list[HallFaultOut] = Field(description="What is wrong with it at this moment.")
    no_sound: bool = Field(description="Found today: due and live, and no sound track.")


class HallOut(_Out):
    unit: str
    day: str
    zone: str
    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    windows: list[HallWindowOut] = Field(description="Windows and rooms of the unit and below it, by id.")
    left_out: int = Field(description="Windows beyond the first 200.")


async def show(request: web.Request) -> web.Response:
    """GET /api/halls/{id}"""
    services, unit = request.app[SERVICES], request.match_info["id"]
    parts = services.duty
    if parts is None:
        raise Unavailable("duty calendars do not run here")
    standing = request[IDENTITY].standing
    within = (one for one in services.registry.list() if one.kind in KINDS and services.units.covers(unit, one.unit))
    listed = [one for one in within if reaches(services, standing, Right.INTERRUPTIONS_VIEW, one)]
    shown = sorted(listed, key=lambda one: one.id)[:MAX_WINDOWS]
    zone = parts.duty.zone
    day = day_of(zone, services.clock.now().utc_us)
    from_us, to_us = day_range(zone, day)
    query = RangeQuery.model_validate({"from": rfc3339(from_us), "to": rfc3339(to_us)})
    silent = {one.stream_id for one in await parts.findings.between({one.id for one in shown}, str(day), str(day))}
    present: dict[str, list[Interruption]] = {}
    for interruption in services.present():
        present.setdefault(interruption.stream_id, []).append(interruption)
    windows = [
        await _window(services, parts, one, query, present.get(one.id, [])) | {"no_sound": one.id in silent}
        for one in shown
    ]
    return web.json_response(
        {
            "unit": unit, "day": str(day), "zone": zone, "from": rfc3339(from_us), "to": rfc3339(to_us),
            "windows": windows, "left_out": len(listed) - len(shown),
        }
    )  # fmt: skip


async def _window(
    services: Services, parts: DutyParts, one: Stream, query: RangeQuery, present: list[Interruption]
) -> dict[str, Any]:
    pieces = parts.duty.clock.pieces(one.id, query.from_us, query.to_us)
    line = await timeline_of(services, one, query, present)
    shown = [piece_out(piece).model_dump(mode="json", by_alias=True) for piece in pieces]
    faults = [
        {
            "id": fault.id, "kind": fault.kind.value, "state": fault.state.value, "since": rfc3339(fault.started_us),
            "picture": "picture" in fault.evidence,
        }
        for fault in present
        if fault.ended_us is None
    ]  # fmt: skip
    return {"stream": one.id, "pieces": shown, "timeline": line, "faults": faults}


ROUTES = (
    Route(
        "GET", "/api/halls/{id}", show, Access.USER,
        "Today of every window and room of a unit: what is due, what became of it, and whether sound is missing.",
        answer=HallOut, refusals=(404,), right=Right.INTERRUPTIONS_VIEW, scope=Scope.UNIT,
    ),
)  # fmt: skip
