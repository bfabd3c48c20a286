"""POST /api/streams/{id}/grabs: somebody kept a picture of the wall (截图); who, of when, and what its file is.

The picture was made in the browser and stays there: it is a copy for work, no evidence. What the ledger keeps is that
it was taken, and the digest by which a file that turns up later is known again.
"""

from __future__ import annotations

import structlog
from aiohttp import web
from pydantic import BaseModel, Field

from hub.api.access_entries import write_access
from hub.api.auth import IDENTITY
from hub.api.labelled import check_picture
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, TimeUs, read_json
from hub.api.services import SERVICES
from hub.clock import US_PER_S, rfc3339
from hub.errors import InvalidRequest
from hub.people.rights import Right

log = structlog.get_logger(__name__)

AHEAD_US = 5 * US_PER_S
"""A page knows the hub's clock to a fraction of this."""


class GrabIn(Input):
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the PNG file, as it is saved.")
    at: TimeUs = Field(description="Hub time of the picture.")


class GrabOut(BaseModel):
    stream: str
    sha256: str
    at: TimeText
    by: str
    entered_at: TimeText


async def enter(request: web.Request) -> web.Response:
    """POST /api/streams/{id}/grabs"""
    services = request.app[SERVICES]
    stream = services.registry.get(request.match_info["id"])
    wanted = await read_json(request, GrabIn)
    now_us, by = services.clock.now().utc_us, request[IDENTITY].name
    if wanted.at > now_us + AHEAD_US:
        raise InvalidRequest("at: expected the time of a picture that was shown, found one to come")
    check_picture(services, request[IDENTITY].standing, stream.id, wanted.at, wanted.at + 1)
    write_access(services.write_access, by, "live.grab", stream=stream.id, picture_us=wanted.at, sha256=wanted.sha256)
    log.info("picture grabbed", stream=stream.id, by=by)
    answer = GrabOut(stream=stream.id, sha256=wanted.sha256, at=rfc3339(wanted.at), by=by, entered_at=rfc3339(now_us))
    return web.json_response(answer.model_dump(mode="json"), status=201)


ROUTES = (
    Route(
        "POST",
        "/api/streams/{id}/grabs",
        enter,
        Access.USER,
        "A picture of the live wall was saved (截图): entered in the ledger with the digest of its file.",
        body=GrabIn,
        answer=GrabOut,
        status=201,
        refusals=(403, 404, 503),
        right=Right.LIVE_VIEW,
        scope=Scope.STREAM,
    ),
)
