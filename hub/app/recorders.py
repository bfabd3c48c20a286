"""The recorders' door of a node. A recorder may come to a node that does not record its stream: the stream follows it.

The one that records it goes on until the first keyframe is here, and then hands it over as it does a camera's stream
(``hub/app/handover.py``): what waits behind the gate here begins where the other recording ends. Where nobody lives
who could, or the other one hears nothing of the recorder any more, this node takes the stream by itself. An offer that
comes to nothing moves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import structlog

from hub.app.arrivals import BUSY, Arrivals, Coming
from hub.app.calls import Calls
from hub.app.handover import PATH
from hub.clock import US_PER_S, Clock
from hub.cluster.leases import Member
from hub.cluster.owners import Owner
from hub.cluster.pause import pause
from hub.errors import HubError, Unavailable
from hub.ingest.whip.endpoint import WhipAnswer, WhipEndpoint
from hub.model import Stream

log = structlog.get_logger(__name__)

MAX_COMING: Final = 200
"""Recorders whose streams have not followed them yet."""
KEYFRAME_S: Final = 20.0
"""They are asked for keyframes all the time; who shows none within this may offer again."""
ASK_S: Final = 3.0
GIVES_S: Final = 45.0
"""Who said that it gives a stream has done so by then, or has said that it does not, or does not live."""
KEEP_S: Final = 60.0
"""While PostgreSQL is away nobody's stream follows; its recorder is ended after this, and offers again."""
AGAIN_S: Final = 0.5


class Ownerships(Protocol):
    """Of one node: ``hub/cluster/ownership.py``."""

    def epoch(self, stream_id: str) -> int | None: ...
    async def may_come(self, stream_id: str) -> None: ...
    async def owner(self, stream_id: str) -> Owner | None: ...
    async def take(self, stream_id: str) -> bool: ...


class Nodes(Protocol):
    """Who is there: ``hub/cluster/leases.py``."""

    @property
    def me(self) -> Member: ...
    def living(self) -> Mapping[str, Member] | None: ...
    def seen(self) -> Mapping[str, Member]: ...


class Recorders:
    """``stream``: as it is registered, None for one that is not known here (yet)."""

    def __init__(
        self,
        clock: Clock,
        calls: Calls,
        whip: WhipEndpoint,
        arrivals: Arrivals,
        ownership: Ownerships,
        nodes: Nodes,
        stream: Callable[[str], Stream | None],
    ) -> None:
        self._clock = clock
        self._calls = calls
        self._whip = whip
        self._arrivals = arrivals
        self._ownership = ownership
        self._nodes = nodes
        self._stream = stream
        self._bringing: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        for task in list(self._bringing.values()):
            task.cancel()
            await asyncio.wait([task])

    async def offer(self, stream_id: str, sdp: str, *, device: str = "") -> WhipAnswer:
        """Answered whoever records the stream. Raises what the endpoint raises, and Unavailable while nothing can be
        taken here."""
        await self._ownership.may_come(stream_id)
        if len(self._bringing) >= MAX_COMING:
            raise Unavailable(f"{MAX_COMING} recorders are on their way to this node already", code=BUSY)
        answer = await self._whip.offer(stream_id, sdp, device=device)
        if self._ownership.epoch(stream_id) is None and stream_id not in self._bringing:
            task = asyncio.create_task(self._bring(stream_id), name=f"{stream_id} follows its recorder")
            self._bringing[stream_id] = task
            task.add_done_callback(lambda _: self._bringing.pop(stream_id, None))
        return answer

    async def _bring(self, stream_id: str) -> None:
        """Until the stream is here, or nobody pushes it any more."""
        while self._ownership.epoch(stream_id) is None and self._whip.knows(stream_id):
            coming = self._arrivals.expect(stream_id, self._whip.source(stream_id))
            why = "it sent no keyframe"
            if await self._began(stream_id, coming):
                if await self._follow(stream_id, coming):
                    return
                why = "its stream could not be taken"
            if not coming.begun.ended:
                log.warning("a recorder came in vain", stream=stream_id, why=why)
                self._whip.forget(stream_id, why)
            await self._arrivals.drop(stream_id)

    async def _began(self, stream_id: str, coming: Coming) -> bool:
        """Its first keyframe is here. False: it sends none, or is gone."""
        began = asyncio.create_task(coming.begun.gate.began())
        opened_us: int | None = None
        try:
            while not coming.begun.ended and self._whip.knows(stream_id):
                await asyncio.wait([began, coming.begun.task], timeout=AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
                if began.done():
                    coming.begun.gate.pin()  # nobody else may have what came since
                    return True
                session = coming.begun.gate.session
                opened_us = session.opened.mono_us if session is not None else None
                if opened_us is not None and self._clock.now().mono_us - opened_us > KEYFRAME_S * US_PER_S:
                    return False
            return False
        finally:
            began.cancel()

    async def _follow(self, stream_id: str, coming: Coming) -> bool:
        """Be given the stream, or take it. False: the recorder is gone, or it could not be had in time."""
        until_us = self._clock.now().mono_us + round(KEEP_S * US_PER_S)
        while not coming.begun.ended and self._clock.now().mono_us < until_us:
            try:
                if self._stream(stream_id) is not None:
                    if not coming.refused.is_set():
                        await self._be_given(stream_id, coming)
                        coming.refused.set()
                    if await self._ownership.take(stream_id):
                        return True
            except Unavailable as error:
                log.warning("a recorder's stream cannot follow it yet", stream=stream_id, error=str(error))
            await self._clock.sleep(AGAIN_S)
        return False

    async def _be_given(self, stream_id: str, coming: Coming) -> None:
        """Wait while whoever records the stream hands it over. This task ends when it has. Raises Unavailable."""
        owner = await self._ownership.owner(stream_id)
        giver = None if owner is None else self._nodes.seen().get(owner.node)
        if giver is None or giver.name == self._nodes.me.name:
            return
        try:
            url = f"{giver.url}{PATH}{stream_id}/wanted"
            said = await self._calls.json("POST", url, {"node": self._nodes.me.name}, timeout_s=ASK_S)
        except HubError as error:
            log.warning("who records a stream was not reached", stream=stream_id, node=giver.name, code=error.code)
            return
        until_us = self._clock.now().mono_us + round(GIVES_S * US_PER_S)
        while said["gives"] and self._clock.now().mono_us < until_us and not coming.refused.is_set():
            living = self._nodes.living()
            if coming.begun.ended or (living is not None and giver.name not in living):
                return
            await pause(self._clock, AGAIN_S, coming.refused)
