"""A stream moves to another node between two pictures. Its owner gives, the other takes (``arrivals.py``)::

    giver                                                taker
    asks it to prepare ───────────────────────────────>  connects to the camera, too, and holds what comes
                        <──────────────────────────────  says which keyframes it has seen
    shuts its gate before the next keyframe, K,
    and says where that was ──────────────────────────>  holds K, and forgets nothing after it
    ends its run, commits, and in the same
    transaction gives the chain away
    says that it is given ────────────────────────────>  claims it, and begins its run with K
    lets go of the camera

Until the chain is given, whatever goes wrong leaves all as it was: the gate opens again, and what waited behind it is
recorded here. From then on the taker is the owner by the table, and claims the stream whether it is told or not, with
what it holds. Who gives knows no more than that: a gift whose answer does not come is taken for none and recording
goes on; should the chain be another's after all, that footage is entered as recovered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.app.arrivals import PREPARE_S, Arrivals
from hub.app.calls import Calls
from hub.app.movable import Begun, Movable
from hub.clock import US_PER_S, Clock
from hub.cluster.leases import Member
from hub.errors import Conflict, HubError, InvalidRequest, NotFound, StorageError, Unavailable
from hub.fleet import Fleet
from hub.ingest.gate import Cut
from hub.ledger.bodies import HANDED_OVER
from hub.model import RtspSource
from hub.pipeline import Pipeline, Source

log = structlog.get_logger(__name__)

PATH: Final = "/node/handover/"
SILENT_US: Final = 5 * US_PER_S
"""Of a camera that sends nothing nothing can be lost."""
SAME_S: Final = 1.0
"""What the other has seen comes here at the same time, or a moment later."""
KEYFRAME_S: Final = 20.0
CUT_S: Final = 5.0
GIVE_S: Final = 5.0
"""PostgreSQL takes the gift within this, or recording goes on here."""

T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)


class _Refused(Exception):
    """It stays here, for this reason."""


class Handover:
    """Of one node, both sides. ``epoch``: with which a stream is owned here; ``give`` is the chains'."""

    def __init__(
        self,
        clock: Clock,
        calls: Calls,
        fleet: Fleet,
        arrivals: Arrivals,
        epoch: Callable[[str], int | None],
        give: Callable[[str, int, str], Awaitable[bool]],
    ) -> None:
        self._clock = clock
        self._calls = calls
        self._fleet = fleet
        self._arrivals = arrivals
        self._epoch = epoch
        self._give = give
        self._sources: dict[str, Movable] = {}
        fleet.movable = self._movable

    def _movable(self, stream_id: str, source: RtspSource, camera: Source) -> Movable:
        made = self._sources[stream_id] = self._arrivals.movable(stream_id, source, camera)
        return made

    async def hand_over(self, stream_id: str, to: Member) -> bool:
        """Move a stream without a hole. False: it is recorded here as before, and cannot be moved so.

        Raises Unavailable where it is worth another try.
        """
        pipeline, source = self._fleet.pipeline(stream_id), self._sources.get(stream_id)
        begun = None if source is None else source.begun
        if pipeline is None or begun is None or begun.gate.lead is None or self._is_silent(pipeline):
            return False
        try:
            await self._move(stream_id, to, pipeline, begun)
        except (_Refused, Conflict, NotFound, StorageError) as refusal:
            log.warning("a stream cannot be handed over", stream=stream_id, to=to.name, why=str(refusal))
            return False
        return True

    def _is_silent(self, pipeline: Pipeline) -> bool:
        arrived_us = pipeline.vitals.arrived_us
        return arrived_us is None or self._clock.now().utc_us - arrived_us > SILENT_US

    # ------------------------------------------------------------------------------------- giving

    async def _move(self, stream_id: str, to: Member, pipeline: Pipeline, begun: Begun) -> None:
        gate, rests, gone, unknown = begun.gate, False, False, False
        gate.listen()
        try:
            await self._agree(stream_id, to, begun)
            rests = True
            await pipeline.rest(HANDED_OVER)
            unknown = True
            gone = await self._gift(stream_id, to)
            unknown = False
            if not gone:
                raise _Refused("it is another's by now")
        finally:
            if not gone and pipeline.session is not None:
                if rests:
                    pipeline.go_on()
                await gate.go_on()
                gate.hush()
            if not gone and not unknown:  # else it may be theirs, and what they hold is needed
                await self._tell(to, "DELETE", stream_id)
        log.info("stream handed over", stream=stream_id, to=to.name)
        await self._tell(to, "POST", f"{stream_id}/given", {"epoch": self._given_epoch(stream_id)})
        await self._fleet.give_up(stream_id, HANDED_OVER)

    async def _agree(self, stream_id: str, to: Member, begun: Begun) -> None:
        """Both know where one recording ends and the other begins, and the gate is shut there."""
        same = await _while_it_lasts(begun, self._prepare(stream_id, to, begun))
        cut = await _while_it_lasts(begun, _in_time(KEYFRAME_S, begun.gate.cut()))
        told = cut if same else cut.model_copy(update={"keyframe": ""})
        answer = await self._ask(to, f"{stream_id}/cut", told.model_dump(mode="json"), CUT_S)
        if not answer["held"]:
            raise _Refused("the other node does not hold what follows")

    async def _prepare(self, stream_id: str, to: Member, begun: Begun) -> bool:
        """Whether the camera sends both the same bytes."""
        for keyframes in (1, 3):
            answer = await self._ask(to, stream_id, {"keyframes": keyframes}, PREPARE_S + CUT_S)
            try:
                async with asyncio.timeout(SAME_S):
                    await begun.gate.saw(answer["keyframes"])
                    return True
            except TimeoutError:
                log.info("a keyframe was not seen by both", stream=stream_id, to=to.name)
        return False

    async def _gift(self, stream_id: str, to: Member) -> bool:
        epoch = self._epoch(stream_id)
        if epoch is None:
            return False
        try:
            async with asyncio.timeout(GIVE_S):
                return await self._give(stream_id, epoch, to.name)
        except TimeoutError:
            raise Unavailable("PostgreSQL does not take the gift of a stream", code="database_away") from None

    def _given_epoch(self, stream_id: str) -> int:
        return (self._epoch(stream_id) or 0) + 1

    async def _ask(self, to: Member, path: str, body: Any, timeout_s: float) -> Any:
        return await self._calls.json("POST", f"{to.url}{PATH}{path}", body, timeout_s=timeout_s)

    async def _tell(self, to: Member, method: str, path: str, body: Any = None) -> None:
        try:
            await self._calls.json(method, f"{to.url}{PATH}{path}", body, timeout_s=CUT_S)
        except HubError as error:
            log.warning("the other node of a handover was not reached", at=path, to=to.name, code=error.code)

    # ----------------------------------------------------------------------------- the taker's door

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(PATH + "{id}", self._prepared),
            web.post(PATH + "{id}/cut", self._cut),
            web.post(PATH + "{id}/given", self._given),
            web.delete(PATH + "{id}", self._forgotten),
        ]

    async def _prepared(self, request: web.Request) -> web.Response:
        wanted = await _read(request, _Wanted)
        shown = await self._arrivals.prepare(request.match_info["id"], wanted.keyframes)
        return web.json_response({"keyframes": list(shown)})

    async def _cut(self, request: web.Request) -> web.Response:
        cut = await _read(request, Cut)
        return web.json_response({"held": await self._arrivals.cut(request.match_info["id"], cut)})

    async def _given(self, request: web.Request) -> web.Response:
        gift = await _read(request, _Gift)
        return web.json_response({"taken": await self._arrivals.given(request.match_info["id"], gift.epoch)})

    async def _forgotten(self, request: web.Request) -> web.Response:
        await self._arrivals.forget(request.match_info["id"])
        return web.Response(status=204)


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    keyframes: int = Field(ge=1, le=8)


class _Gift(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    epoch: int = Field(ge=1)


async def _read(request: web.Request, model: type[B]) -> B:
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        raise InvalidRequest(f"another node's call cannot be read: {error.error_count()} faults") from None


async def _while_it_lasts(begun: Begun, work: Coroutine[Any, Any, T]) -> T:
    """A camera may allow one connection, and end this one when the other comes."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task, begun.task], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise _Refused("the camera ended its connection here")
        return task.result()
    finally:
        task.cancel()


async def _in_time(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise _Refused(f"no keyframe came within {seconds:.0f} s") from None
