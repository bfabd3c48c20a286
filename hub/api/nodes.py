"""/api/operations/nodes: the machines of a cluster, and to have one give its streams to the others."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from hub.api.access_entries import write_access
from hub.api.auth import IDENTITY
from hub.api.routes import Access, Route
from hub.api.schema import TimeText
from hub.api.services import SERVICES
from hub.clock import rfc3339
from hub.errors import NotFound
from hub.operations.nodes import NodeNow
from hub.people.rights import Right


class NodeOut(BaseModel):
    """``null`` wherever the office does not know."""

    name: str
    roles: list[str]
    leads: bool = Field(description="The office is there.")
    draining: bool
    streams: int = Field(description="That it owns.")
    version: str
    since: TimeText | None = Field(description="When it was started.")
    disk_total_bytes: int | None
    disk_free_bytes: int | None
    loop_lag_s: float | None
    cpu: float | None = Field(description="Share of one core.")
    memory_bytes: int | None
    outbox_bytes: int | None = Field(description="Facts that PostgreSQL did not take yet.")
    ledger_queue_bytes: int | None
    problems: dict[str, str] = Field(description="Its checks that are not simply ok.")


class NodesOut(BaseModel):
    nodes: list[NodeOut] = Field(description="Empty: the hub is one process.")


async def list_nodes(request: web.Request) -> web.Response:
    """GET /api/operations/nodes"""
    nodes = request.app[SERVICES].nodes
    return web.json_response({"nodes": [] if nodes is None else [_shown(one) for one in nodes.all()]})


def _shown(one: NodeNow) -> dict[str, Any]:
    told = one.told
    readings = {} if told is None else told.readings

    def whole(name: str) -> int | None:
        return round(readings[name]) if name in readings else None

    return {
        "name": one.name, "roles": list(one.roles), "leads": one.leads, "draining": one.draining,
        "streams": one.streams, "version": "" if told is None else told.version,
        "since": None if told is None else rfc3339(told.started_us),
        "disk_total_bytes": None if told is None or not told.disk_total_bytes else told.disk_total_bytes,
        "disk_free_bytes": whole("disk_free_bytes"), "loop_lag_s": readings.get("loop_lag_s"),
        "cpu": readings.get("cpu"), "memory_bytes": whole("memory_bytes"),
        "outbox_bytes": None if told is None else told.outbox_bytes,
        "ledger_queue_bytes": whole("ledger_queue_bytes"), "problems": {} if told is None else dict(told.problems),
    }  # fmt: skip


async def drain(request: web.Request) -> web.Response:
    """POST /api/operations/nodes/{id}/drain"""
    services, name = request.app[SERVICES], request.match_info["id"]
    if services.nodes is None:
        raise NotFound(f"no node {name[:80]!r} is there")
    await services.nodes.drain(name)
    write_access(services.write_access, request[IDENTITY].name, "node.drained", subject=name)
    return web.json_response({"draining": True}, status=202)


class DrainingOut(BaseModel):
    draining: bool


ROUTES = (
    Route(
        "GET", "/api/operations/nodes", list_nodes, Access.USER,
        "The nodes of a cluster: what each plays, how many streams it owns, how it is.",
        answer=NodesOut, right=Right.SYSTEM_VIEW,
    ),
    Route(
        "POST", "/api/operations/nodes/{id}/drain", drain, Access.USER,
        "Have a node give all its streams to the others; it takes none until it is started again.",
        answer=DrainingOut, status=202, right=Right.STREAMS_MANAGE, refusals=(404, 409),
    ),
)  # fmt: skip
