"""GET /api/access: who looked at, took or changed what, from the ledger's entries ``access``."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from hub.api.auth import IDENTITY, stream_for
from hub.api.labelled import conceals_streams, reaches
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, TimeUs, read_query
from hub.api.services import SERVICES, Services
from hub.clock import rfc3339
from hub.errors import Unavailable
from hub.ledger.accesses import AccessEntry
from hub.people.rights import Right
from hub.people.standing import Standing


class AccessQuery(Input):
    stream: str | None = Field(None, max_length=63)
    person: str | None = Field(None, max_length=100, description="A username, or program:admin.")
    what: str | None = Field(None, max_length=60, description="As playback.view, or its first word, as playback.")
    from_us: TimeUs | None = Field(None, alias="from", description="Of when it was done.")
    to_us: TimeUs | None = Field(None, alias="to")
    limit: int = Field(100, ge=1, le=1000)
    after: int | None = Field(None, ge=0, description="The id of the last one of the page before.")


class AccessOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    id: int = Field(description="Its place among the hub's entries; `after` of the next page.")
    at: TimeText
    by: str
    what: str
    reason: str = Field(description="Empty: none was asked, or none was given.")
    stream: str | None = Field(description="null: of the hub as a whole.")
    seq: int = Field(description="Of the entry, in that stream's chain.")
    leaf: str
    from_at: TimeText | None = Field(None, alias="from", description="What was looked at, where that is a time.")
    to_at: TimeText | None = Field(None, alias="to")
    facts: dict[str, Any] = Field(description="What else the entry says, as it says it.")


HUB = "_hub"
_SAID = ("by", "what", "reason", "from_us", "to_us")


async def index(request: web.Request) -> web.Response:
    """GET /api/access"""
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    query = read_query(request, AccessQuery)
    if services.accesses is None:
        raise Unavailable("who looked at what is not kept here")
    if query.stream is not None:
        streams: list[str] | None = [stream_for(request, query.stream, Right.ACCESS_VIEW).id]
    else:
        streams = _visible(services, standing)
    entries = await asyncio.to_thread(
        services.accesses.page,
        streams=streams, by=query.person, what=query.what, from_us=query.from_us, to_us=query.to_us,
        limit=query.limit, after=query.after,
    )  # fmt: skip
    return web.json_response([_json(entry) for entry in entries])


def _visible(services: Services, standing: Standing) -> list[str] | None:
    """Whose entries the caller may read; None: everything. What is of the hub as a whole is the auditor's."""
    everything = standing.may(Right.AUDIT_VIEW) and standing.may(Right.ACCESS_VIEW)
    if everything and not conceals_streams(services, standing):
        return None
    return [
        one.id for one in services.registry.list(retired=True) if reaches(services, standing, Right.ACCESS_VIEW, one)
    ]


def _json(entry: AccessEntry) -> dict[str, Any]:
    body = entry.body
    out = AccessOut(
        id=entry.id,
        at=rfc3339(entry.at_us),
        by=entry.by,
        what=entry.what,
        reason=str(body.get("reason", "")),
        stream=None if entry.stream_id == HUB else entry.stream_id,
        seq=entry.seq,
        leaf=entry.leaf,
        from_at=_time(body.get("from_us")),
        to_at=_time(body.get("to_us")),
        facts={name: value for name, value in body.items() if name not in _SAID},
    )
    return out.model_dump(mode="json", by_alias=True)


def _time(at_us: object) -> str | None:
    return rfc3339(at_us) if isinstance(at_us, int) else None


ROUTES = (
    Route(
        "GET", "/api/access", index, Access.USER,
        "Who looked at, took or changed what, newest first: of the streams of the caller's unit; of the hub as a "
        "whole for auditors of the root.",
        query=AccessQuery, answer=AccessOut, many=True, refusals=(403, 404, 503), right=Right.ACCESS_VIEW,
        scope=Scope.OWN,
    ),
)  # fmt: skip
