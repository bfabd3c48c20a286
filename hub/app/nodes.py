"""The machines of a cluster, as the office sees them: how each is, and a way to have one drained."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from hub.app.calls import Calls
from hub.app.membership import Membership
from hub.cluster.ownership import STARTS
from hub.errors import Conflict, HubError, NotFound
from hub.operations.nodes import NodeNow

log = structlog.get_logger(__name__)


class FarNodes:
    """Asked on the event loop. ``drain_s``: how long a node takes at most to give everything away."""

    def __init__(self, membership: Membership, calls: Calls, drain_s: float) -> None:
        self._membership = membership
        self._calls = calls
        self._drain_s = drain_s
        self._draining: dict[str, asyncio.Task[None]] = {}

    def all(self) -> Sequence[NodeNow]:
        leader = self._membership.lease.leader()
        told = self._membership.nodes
        return [
            NodeNow(
                one.name,
                tuple(sorted(one.roles)),
                leader is not None and leader.node == one.name,
                one.draining,
                one.streams,
                told.of(one.name),
            )
            for one in sorted(self._membership.members.seen().values(), key=lambda one: one.name)
        ]

    async def drain(self, name: str) -> None:
        """Begins it; how far it is shows in :meth:`all`. Raises NotFound, Conflict."""
        found = self._membership.members.seen().get(name)
        if found is None:
            raise NotFound(f"no node {name[:80]!r} is there")
        if STARTS not in found.roles:
            raise Conflict("it records nothing: there is nothing to give away", code="records_nothing")
        others = self._membership.open()
        if not any(one.name != name for one in others):
            raise Conflict("no other node could take its streams", code="no_other_node")
        if name in self._draining:
            return
        task = asyncio.create_task(self._drain(name, found.url), name=f"drain {name}")
        self._draining[name] = task
        task.add_done_callback(lambda _: self._draining.pop(name, None))

    async def _drain(self, name: str, url: str) -> None:
        try:
            answer = await self._calls.json("POST", f"{url}/node/drain", timeout_s=self._drain_s + 10.0)
            log.info("a node was drained", node=name, left=answer["left"])
        except (HubError, KeyError, TypeError) as error:
            log.error("a node could not be drained", node=name, problem=str(error))

    async def close(self) -> None:
        for task in list(self._draining.values()):
            task.cancel()
            await asyncio.wait([task])
