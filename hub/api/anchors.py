"""How far outsiders vouch for the log."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field

from hub.api.routes import Access, Route
from hub.api.services import SERVICES
from hub.people.rights import Right


class AuthorityOut(BaseModel):
    """One witness or timestamp authority."""

    name: str
    kind: Literal["witness", "timestamp"]
    state: Literal["waiting", "ok", "late"]
    size: int = Field(description="Entries of the log that it has anchored.")
    anchored_at: str | None = Field(description="When, by its own clock.")
    unanchored_since: str | None = Field(description="What was recorded later is not anchored by it; null: all is.")
    error: str
    error_at: str | None


class LogStatusOut(BaseModel):
    """The log as a whole."""

    state: Literal["ok", "late", "no outside witness"]
    size: int = Field(description="Entries under the newest checkpoint.")
    anchored_size: int
    unanchored_since: str | None
    authorities: list[AuthorityOut]


async def log_status(request: web.Request) -> web.Response:
    """GET /api/log/status: of each authority what it anchored last, and since when it has not."""
    return web.json_response(dict(request.app[SERVICES].log_status()))


ROUTES = (
    Route(
        "GET",
        "/api/log/status",
        log_status,
        Access.USER,
        "How far outsiders vouch for the log.",
        answer=LogStatusOut,
        right=Right.LOG_STATUS,
    ),
)
