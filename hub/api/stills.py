"""GET /api/streams/{id}/still: the newest picture of a stream, small."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from aiohttp import hdrs, web

from hub.api.access_entries import write_access
from hub.api.auth import IDENTITY
from hub.api.labelled import check_picture
from hub.api.routes import Access, Route, Scope
from hub.api.services import SERVICES
from hub.clock import US_PER_S, rfc3339
from hub.errors import Unavailable
from hub.people.rights import Right

JPEG = "image/jpeg"
NOTED_FOR_US = 3600 * US_PER_S
MAX_NOTED = 20_000


class Looks:
    """Who looked at which stream lately: a page that asks every few seconds is one look an hour in the ledger."""

    def __init__(self) -> None:
        self._noted: OrderedDict[tuple[str, str], int] = OrderedDict()

    def is_new(self, by: str, stream_id: str, now_us: int) -> bool:
        """Whether this look is to be noted. ``now_us`` is a monotonic time."""
        noted_us = self._noted.get((by, stream_id))
        return noted_us is None or now_us - noted_us >= NOTED_FOR_US

    def note(self, by: str, stream_id: str, now_us: int) -> None:
        self._noted[(by, stream_id)] = now_us
        self._noted.move_to_end((by, stream_id))
        if len(self._noted) > MAX_NOTED:
            self._noted.popitem(last=False)


LOOKS: web.AppKey[Looks] = web.AppKey("looks", Looks)


async def show(request: web.Request) -> web.Response:
    """GET /api/streams/{id}/still"""
    services = request.app[SERVICES]
    stream_id, by = request.match_info["id"], request[IDENTITY].name
    if services.stills is None:
        raise Unavailable("pictures are not decoded here")
    now_us, standing = services.clock.now().utc_us, request[IDENTITY].standing
    check_picture(services, standing, stream_id, now_us, now_us + 1)
    still = await services.stills.newest(stream_id)
    if still is None:
        return web.Response(status=204)
    check_picture(services, standing, stream_id, still.at_us, still.at_us + 1)
    looks, mono_us = request.app[LOOKS], services.clock.now().mono_us
    if looks.is_new(by, stream_id, mono_us):
        write_access(services.write_access, by, "live.still", stream=stream_id)
        looks.note(by, stream_id, mono_us)
    etag = f'"{hashlib.sha256(still.jpeg).hexdigest()[:32]}-{still.at_us}"'
    headers = {"Cache-Control": "private, no-cache", "ETag": etag, "X-Picture-At": rfc3339(still.at_us)}
    if still.black is not None:
        headers["X-Picture-Black"] = "1" if still.black else "0"
    if request.headers.get(hdrs.IF_NONE_MATCH) == etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=still.jpeg, content_type=JPEG, headers=headers)


ROUTES = (
    Route(
        "GET", "/api/streams/{id}/still", show, Access.USER,
        "The newest picture, small, with X-Picture-At and X-Picture-Black; 204: none has come.",
        answer=JPEG, refusals=(403, 404), right=Right.LIVE_VIEW, scope=Scope.STREAM,
    ),
)  # fmt: skip
