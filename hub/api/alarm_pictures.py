"""GET /api/interruptions/{id}/picture: what was seen when an interruption was found."""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path

from aiohttp import web

from hub.api.auth import IDENTITY, may_see
from hub.api.errors import Forbidden
from hub.api.labelled import may_see_alarm_picture
from hub.api.routes import Access, Route, Scope
from hub.api.services import SERVICES
from hub.errors import NotFound
from hub.monitor.content.pictures import FOLDER
from hub.people.rights import Right

JPEG = "image/jpeg"
_FILE = re.compile(rf"{FOLDER}/([a-z0-9][a-z0-9-]{{0,62}})/\d{{4}}-\d\d-\d\d/[a-z0-9_-]{{1,120}}\.jpg", re.ASCII)


async def show_picture(request: web.Request) -> web.Response:
    """GET /api/interruptions/{id}/picture"""
    services = request.app[SERVICES]
    ident = request.match_info["id"]
    found = next((one for one in services.present() if one.id == ident), None)
    if found is None:
        found = await asyncio.to_thread(services.reader.interruption, ident)
    if found is None or not may_see(services, request[IDENTITY].standing, Right.INTERRUPTIONS_PICTURE, found.stream_id):
        raise NotFound(f"no interruption {ident[:80]!r} is known", code="unknown_interruption")
    if not may_see_alarm_picture(services, request[IDENTITY].standing, found):
        raise Forbidden("the picture of this time is labelled (R31)", code="labelled")
    name, digest = str(found.evidence.get("picture", "")), str(found.evidence.get("picture_sha256", ""))
    match = _FILE.fullmatch(name)
    if match is None or match[1] != found.stream_id:
        raise NotFound("this interruption has no picture", code="no_picture")
    data = await asyncio.to_thread(_read, services.settings.data / name)
    if data is None and services.brought is not None:
        data = await services.brought(name)
    if data is None:
        raise NotFound("the picture of this interruption is not stored, or not any more", code="no_picture")
    if hashlib.sha256(data).hexdigest() != digest:
        raise NotFound("the stored picture is not the one that the ledger names", code="picture_changed")
    headers = {"Cache-Control": "private, no-cache", "ETag": f'"{digest}"'}
    return web.Response(body=data, content_type=JPEG, headers=headers)


def _read(path: Path) -> bytes | None:
    """Blocks. None: it is not there."""
    try:
        return path.read_bytes()
    except OSError:
        return None


ROUTES = (
    Route(
        "GET",
        "/api/interruptions/{id}/picture",
        show_picture,
        Access.USER,
        "The picture that an alarm was raised on, or the last one before a break.",
        answer=JPEG,
        refusals=(403, 404),
        right=Right.INTERRUPTIONS_PICTURE,
        scope=Scope.OWN,
    ),
)
