"""/whip/{id}: WebRTC-HTTP ingestion, the HTTP side (RFC 9725). The media side is ``hub/ingest/whip``."""

from __future__ import annotations

from aiohttp import hdrs, web

from hub.api.errors import PreconditionFailed
from hub.api.routes import Access, Route
from hub.api.schema import read_body
from hub.api.services import SERVICES
from hub.errors import Conflict, InvalidRequest
from hub.model import Stream, WhipSource

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
ACCEPT_POST = "Accept-Post"
ALLOW_METHODS = "POST, PATCH, DELETE, OPTIONS"


async def publish(request: web.Request) -> web.Response:
    """POST /whip/{id}: an offer in, the answer out; the session's own address is in Location. A device with a fault
    is refused with ``device_disabled`` (故障停用)."""
    stream = _stream(request)
    telemetry = request.app[SERVICES].telemetry
    if telemetry is not None:
        telemetry.faults.check_usable(stream.id)
    offer = _text(await read_body(request, SDP))
    device = request.headers.get(hdrs.USER_AGENT, "")[:200]
    answer = await request.app[SERVICES].whip.offer(stream.id, offer, device=device)
    return web.Response(
        status=201,
        text=answer.sdp,
        content_type=SDP,
        headers={hdrs.LOCATION: f"/whip/{stream.id}/{answer.session_id}", hdrs.ETAG: _etag(answer.session_id)},
    )


async def trickle(request: web.Request) -> web.Response:
    """PATCH /whip/{id}/{session}: more candidates (RFC 8840). ICE restarts are refused with 422."""
    session_id = request.match_info["session"]
    _check_tag(request, session_id)
    fragment = _text(await read_body(request, FRAGMENT))
    await request.app[SERVICES].whip.trickle(request.match_info["id"], session_id, fragment)
    return web.Response(status=204)


async def end(request: web.Request) -> web.Response:
    """DELETE /whip/{id}/{session}: the recorder says goodbye."""
    await request.app[SERVICES].whip.end(request.match_info["id"], request.match_info["session"])
    return web.Response()


async def options(_request: web.Request) -> web.Response:
    """OPTIONS: what may be posted (RFC 9725 §4.2), and the preflight of a recorder that runs in a browser."""
    return web.Response(
        status=204,
        headers={
            ACCEPT_POST: SDP,
            hdrs.ALLOW: ALLOW_METHODS,
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: ALLOW_METHODS,
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type, If-Match",
            hdrs.ACCESS_CONTROL_MAX_AGE: "3600",
        },
    )


def cors_headers() -> dict[str, str]:
    """On every answer under /whip: cookies play no part there, so any page may read it."""
    return {
        hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
        hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: "Location, ETag, Link, Accept-Post, Retry-After",
    }


def _stream(request: web.Request) -> Stream:
    stream = request.app[SERVICES].registry.get(request.match_info["id"])
    if stream.retired:
        raise Conflict(f"the stream {stream.id!r} is retired and takes nothing in", code="stream_retired")
    if not isinstance(stream.source, WhipSource):
        raise Conflict(f"the stream {stream.id!r} is a camera that the hub pulls from", code="not_a_recorder")
    return stream


def _check_tag(request: web.Request, session_id: str) -> None:
    """If-Match, where the recorder sends it: the current tag, or ``*`` for an ICE restart (RFC 9725 §4.3.3)."""
    given = request.headers.get(hdrs.IF_MATCH)
    if given is None:
        return
    if given.strip() == "*":
        raise InvalidRequest("ICE restarts are not supported; DELETE the session and POST again", code="ice_restart")
    if _etag(session_id) not in [tag.strip() for tag in given.split(",")]:
        raise PreconditionFailed("If-Match is not the entity tag of this session")


def _etag(session_id: str) -> str:
    # a session has one ICE session for life (no restarts), so one tag
    return f'"{session_id}"'


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest("the body is not UTF-8 text", code="bad_sdp") from None


ROUTES = (
    Route(
        "POST",
        "/whip/{id}",
        publish,
        Access.DEVICE,
        "Publish by WebRTC (RFC 9725): an SDP offer in, the answer out, the session in Location.",
        body=SDP,
        answer=SDP,
        status=201,
        refusals=(400, 403, 404, 409),
    ),
    Route("OPTIONS", "/whip/{id}", options, Access.PUBLIC, "What may be posted; CORS preflight.", status=204),
    Route(
        "PATCH",
        "/whip/{id}/{session}",
        trickle,
        Access.DEVICE,
        "More ICE candidates (RFC 8840).",
        body=FRAGMENT,
        status=204,
        refusals=(400, 404, 412, 422),
    ),
    Route("DELETE", "/whip/{id}/{session}", end, Access.DEVICE, "End the session.", refusals=(404,)),
    Route("OPTIONS", "/whip/{id}/{session}", options, Access.PUBLIC, "CORS preflight.", status=204),
)
