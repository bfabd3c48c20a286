"""The site's own map: its tiles, from a folder of this machine, and what the page must know to draw on them.

There is no internet in these networks, and the page's policy forbids any other origin: so the hub serves what the site
supplies. A tile is asked for by three numbers, and its path is made of numbers alone: no other file can be asked for.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Literal

from aiohttp import hdrs, web
from pydantic import BaseModel, Field

from hub.api.routes import Access, Route, Scope
from hub.api.services import SERVICES
from hub.errors import NotFound
from hub.people.rights import Right

MAX_ZOOM = 22
_NUMBER = re.compile(r"0|[1-9][0-9]{0,7}", re.ASCII)
_MEDIA = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
_DAY_S = 86_400


class MapOut(BaseModel):
    tiles: bool = Field(description="Whether the site supplies a map: otherwise a grid is drawn.")
    datum: Literal["wgs84", "gcj02"] = Field(description="Of the tiles. Positions are WGS-84 always.")
    min_zoom: int
    max_zoom: int


def tile_path(pattern: str, z: str, x: str, y: str) -> Path | None:
    """The file of this tile; None for what names no tile: three numbers, and a place that the zoom level has."""
    if any(_NUMBER.fullmatch(text) is None for text in (z, x, y)):
        return None
    level, column, row = int(z), int(x), int(y)
    if level > MAX_ZOOM or column >= 1 << level or row >= 1 << level:
        return None
    return Path(pattern.replace("{z}", str(level)).replace("{x}", str(column)).replace("{y}", str(row)))


def zooms(pattern: str) -> tuple[int, int]:
    """Least and most zoom level that the site's folder has, where ``{z}`` names a folder; else all of them. Blocks."""
    head, _, tail = pattern.partition("{z}")
    if not (head.endswith("/") and tail.startswith("/")):
        return 0, MAX_ZOOM
    try:
        found = [int(one.name) for one in Path(head).iterdir() if _NUMBER.fullmatch(one.name)]
    except OSError:
        return 0, MAX_ZOOM
    levels = [level for level in found if level <= MAX_ZOOM]
    return (min(levels), max(levels)) if levels else (0, MAX_ZOOM)


async def show(request: web.Request) -> web.Response:
    """GET /api/map"""
    settings = request.app[SERVICES].settings
    least, most = (0, MAX_ZOOM)
    if settings.map_tiles:
        least, most = await asyncio.to_thread(zooms, settings.map_tiles)
    answer = MapOut(tiles=bool(settings.map_tiles), datum=settings.map_datum, min_zoom=least, max_zoom=most)
    return web.json_response(answer.model_dump())


async def tile(request: web.Request) -> web.StreamResponse:
    """GET /tiles/{z}/{x}/{y}"""
    pattern, asked = request.app[SERVICES].settings.map_tiles, request.match_info
    path = tile_path(pattern, asked["z"], asked["x"], asked["y"]) if pattern else None
    if path is None or not await asyncio.to_thread(path.is_file):
        raise NotFound("the map has no such tile", code="no_tile")
    headers = {hdrs.CACHE_CONTROL: f"private, max-age={_DAY_S}", hdrs.CONTENT_TYPE: _MEDIA[path.suffix]}
    return web.FileResponse(path, headers=headers)


ROUTES = (
    Route(
        "GET", "/api/map", show, Access.USER, "What the map is drawn on.",
        answer=MapOut, right=Right.STREAMS_VIEW, scope=Scope.OWN,
    ),
    Route(
        "GET", "/tiles/{z}/{x}/{y}", tile, Access.USER, "A tile of the site's own map (XYZ).",
        answer="image/*", refusals=(404,), right=Right.STREAMS_VIEW, scope=Scope.OWN,
    ),
)  # fmt: skip
