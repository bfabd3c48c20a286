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

A recorder cannot be connected to. It is told to come again (``{"type":"move"}`` on its data channel), or comes by
itself; the node that it has come to (``recorders.py``) says so (``…/wanted``), and is the taker. All else is the same:
its second session waits there behind a gate while the first is recorded here.

Until the chain is given, whatever goes wrong leaves all as it was: the gate opens again, and what waited behind it is
recorded here. From then on the taker is the owner by the table, and claims the stream whether it is told or not, with
what it holds. Who gives knows no more than that: a gift whose answer does not come is taken for none and recording
goes on; should the chain be another's after all, that footage is entered as recovered.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.app.arrivals import PREPARE_S, Arrivals
from hub.app.calls import Calls
from hub.app.movable import Begun, Movable
from hub.clock import US_PER_S, Clock
from hub.cluster.leases import Member
from hub.cluster.ownership import Follows, Missed
from hub.errors import Conflict, HubError, InvalidRequest, NotFound, StorageError, Unavailable
from hub.fleet import Fleet
from hub.ingest.gate import Cut
from hub.ledger.bodies import HANDED_OVER
from hub.model import Stream, WhipSource
from hub.pipeline import Pipeline, Source

log = structlog.get_logger(__name__)

PATH: Final = "/node/handover/"
SILENT_US: Final = 5 * US_PER_S
"""Of a camera that sends nothing nothing can be lost."""
SAME_S: Final = 1.0
"""What the other has seen comes here at the same time, or a moment later."""
KEYFRAME_S: Final = 20.0
SILENT_THERE_US: Final = 3 * US_PER_S
"""… and of a recorder that is at the other node by then this is enough: silence is told as a break after 5 s."""
COMES_S: Final = 15.0
"""A recorder that was told to come again, and can, is at another node by then, with a keyframe."""
TOLD_AGAIN_S: Final = 2.0
MOVE: Final = json.dumps({"type": "move"})
"""What it is told: open a second session, and go on with the first until the hub ends that."""
CUT_S: Final = 5.0
GIVE_S: Final = 5.0
"""PostgreSQL takes the gift within this, or recording goes on here."""

TRIES: Final[Sequence[int]] = (1, 3)
"""After so many keyframes at the other node one of them has passed here too, or the bytes are others."""
TRIES_TOLD: Final[Sequence[int]] = (1,)
"""This gate listened before the other one's first keyframe. A recorder that encodes twice, as browsers do, sends
twice for as long as this takes."""

T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)


class _Refused(Exception):
    """It stays here, for this reason."""


class _Gone(_Refused):
    """… but nothing comes here any more."""


@dataclass(frozen=True, slots=True)
class Owning:
    """``epoch``: with which a stream is owned here; ``give`` is the chains'; ``release``: begin to give a stream to
    that node, False if it is not here; ``seen``: the nodes."""

    epoch: Callable[[str], int | None]
    give: Callable[[str, int, str], Awaitable[bool]]
    release: Callable[[str, str], bool]
    seen: Callable[[], Mapping[str, Member]]


class Handover:
    """Of one node, both sides. ``say``: tell a stream's recorder something; False: it has no ear for it."""

    def __init__(
        self,
        clock: Clock,
        calls: Calls,
        fleet: Fleet,
        arrivals: Arrivals,
        owning: Owning,
        say: Callable[[str, str], bool],
    ) -> None:
        self._clock = clock
        self._calls = calls
        self._fleet = fleet
        self._arrivals = arrivals
        self._owning = owning
        self._give = owning.give
        self._say = say
        self._sources: dict[str, Movable] = {}
        self._came: dict[str, asyncio.Future[str]] = {}
        """Where recorders are whose streams follow them, as soon as it is known."""
        fleet.movable = self._movable

    def _movable(self, stream: Stream, source: Source) -> Movable:
        self._came.pop(stream.id, None)
        made = self._sources[stream.id] = self._arrivals.movable(stream, source)
        return made

    async def hand_over(self, stream_id: str, to: Member) -> bool:
        """Move a stream without a hole: to this node, or to the one that its recorder has come to. False: it is
        recorded here as before, and cannot be moved so.

        Raises Unavailable and Missed where it is worth another try, and Follows where the recorder is there, and gone
        from here.
        """
        try:
            found = self._moving(stream_id)
            if found is None:
                return False
            pipeline, begun = found
            tries = TRIES
            follows = isinstance(pipeline.stream.source, WhipSource)
            if follows:
                told, to = await self._follow(stream_id, pipeline, begun)
                tries = TRIES_TOLD if told else TRIES
            try:
                await self._move(stream_id, to, pipeline, begun, tries)
            except _Gone as gone:
                if follows:
                    raise Follows(to.name) from gone
                raise
        except (_Refused, Conflict, NotFound, StorageError) as refusal:
            log.warning("a stream cannot be handed over", stream=stream_id, to=to.name, why=str(refusal))
            return False
        finally:
            self._came.pop(stream_id, None)
        return True

    def _moving(self, stream_id: str) -> tuple[Pipeline, Begun] | None:
        """What sends pictures now."""
        pipeline, source = self._fleet.pipeline(stream_id), self._sources.get(stream_id)
        begun = None if source is None else source.begun
        if pipeline is None or begun is None or begun.gate.lead is None or self._is_silent(pipeline):
            return None
        return pipeline, begun

    def _is_silent(self, pipeline: Pipeline, since_us: int = SILENT_US) -> bool:
        arrived_us = pipeline.vitals.arrived_us
        return arrived_us is None or self._clock.now().utc_us - arrived_us > since_us

    # ------------------------------------------------------------------------------------- giving

    async def _follow(self, stream_id: str, pipeline: Pipeline, begun: Begun) -> tuple[bool, Member]:
        """Where the stream's recorder has come to, and whether it had to be told."""
        begun.gate.listen()  # the first keyframe that it shows there may pass here, too
        try:
            came = self._came.setdefault(stream_id, asyncio.get_running_loop().create_future())
            tells = not came.done()
            if tells and not self._say(stream_id, MOVE):
                raise _Refused("its recorder has no data channel to be told on")
            comes = _in_time(COMES_S, self._comes(stream_id, came), "its recorder came to no other node")
            name = await self._while_it_lasts(pipeline, begun, comes)
            if (found := self._owning.seen().get(name)) is None:
                raise _Refused("its recorder came to a node that nobody sees")
            return tells, found
        except _Refused:
            begun.gate.hush()
            raise

    async def _comes(self, stream_id: str, came: asyncio.Future[str]) -> str:
        """To which node. It is told again meanwhile: it heard nothing while it had a second session, and the node that
        this was with may be dead."""
        while True:
            await asyncio.wait([came], timeout=TOLD_AGAIN_S)
            if came.done():
                return came.result()
            self._say(stream_id, MOVE)

    def _wanted(self, stream_id: str, node: str) -> bool:
        """Its recorder has come to that node. Whether the stream is given to it, or the attempt will be refused."""
        found = self._moving(stream_id)
        if found is None or not isinstance(found[0].stream.source, WhipSource) or node not in self._owning.seen():
            return False
        came = self._came.setdefault(stream_id, asyncio.get_running_loop().create_future())
        if not came.done():
            came.set_result(node)
        if came.result() != node:
            return False
        if not self._owning.release(stream_id, node):
            del self._came[stream_id]
            return False
        return True

    async def _move(self, stream_id: str, to: Member, pipeline: Pipeline, begun: Begun, tries: Sequence[int]) -> None:
        gate, rests, gone, unknown = begun.gate, False, False, False
        needed = False
        """Whether they need what they hold all the same."""
        gate.listen()
        try:
            await self._agree(stream_id, to, pipeline, begun, tries)
            rests = True
            await pipeline.rest(HANDED_OVER)
            unknown = True
            gone = await self._gift(stream_id, to)
            unknown = False
            if not gone:
                raise _Refused("it is another's by now")
        except _Gone:
            needed = isinstance(pipeline.stream.source, WhipSource)
            raise
        finally:
            if not gone and pipeline.session is not None:
                if rests:
                    pipeline.go_on()
                await gate.go_on()
                gate.hush()
            if not gone and not unknown and not needed:  # unknown: it may be theirs
                await self._tell(to, "DELETE", stream_id)
        log.info("stream handed over", stream=stream_id, to=to.name)
        await self._tell(to, "POST", f"{stream_id}/given", {"epoch": self._given_epoch(stream_id)})
        await self._fleet.give_up(stream_id, HANDED_OVER)

    async def _agree(self, stream_id: str, to: Member, pipeline: Pipeline, begun: Begun, tries: Sequence[int]) -> None:
        """Both know where one recording ends and the other begins, and the gate is shut there."""
        silent_us = SILENT_THERE_US if isinstance(pipeline.stream.source, WhipSource) else SILENT_US
        prepared = self._prepare(stream_id, to, begun, tries)
        same = await self._while_it_lasts(pipeline, begun, prepared, silent_us)
        late = f"no keyframe came within {KEYFRAME_S:.0f} s"
        shut = _in_time(KEYFRAME_S, begun.gate.cut(), late)
        cut = await self._while_it_lasts(pipeline, begun, shut, silent_us)
        told = cut if same else cut.model_copy(update={"keyframe": ""})
        answer = await self._ask(to, f"{stream_id}/cut", told.model_dump(mode="json"), CUT_S)
        if not answer["held"]:
            raise Missed("the other node does not hold what follows")

    async def _while_it_lasts(
        self, pipeline: Pipeline, begun: Begun, work: Coroutine[Any, Any, T], silent_us: int = SILENT_US
    ) -> T:
        """A camera may allow one connection, and end this one when the other comes; a recorder may have come to the
        other node because its way to this one is gone."""
        task = asyncio.create_task(work)
        try:
            while not task.done():
                await asyncio.wait([task, begun.task], timeout=SAME_S, return_when=asyncio.FIRST_COMPLETED)
                if begun.ended and not task.done():
                    raise _Gone("the source ended its connection here")
                if self._is_silent(pipeline, silent_us) and not task.done():
                    raise _Gone("nothing comes from the source any more")
            return task.result()
        finally:
            task.cancel()

    async def _prepare(self, stream_id: str, to: Member, begun: Begun, tries: Sequence[int]) -> bool:
        """Whether both are sent the same bytes."""
        for keyframes in tries:
            answer = await self._ask(to, stream_id, {"keyframes": keyframes}, PREPARE_S + CUT_S)
            try:
                async with asyncio.timeout(SAME_S):
                    await begun.gate.saw(answer["keyframes"])
                    return True
            except TimeoutError:
                log.info("a keyframe was not seen by both", stream=stream_id, to=to.name)
        return False

    async def _gift(self, stream_id: str, to: Member) -> bool:
        epoch = self._owning.epoch(stream_id)
        if epoch is None:
            return False
        try:
            async with asyncio.timeout(GIVE_S):
                return await self._give(stream_id, epoch, to.name)
        except TimeoutError:
            raise Unavailable("PostgreSQL does not take the gift of a stream", code="database_away") from None

    def _given_epoch(self, stream_id: str) -> int:
        return (self._owning.epoch(stream_id) or 0) + 1

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
            web.post(PATH + "{id}/wanted", self._asked_for),
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

    async def _asked_for(self, request: web.Request) -> web.Response:
        came = await _read(request, _Came)
        return web.json_response({"gives": self._wanted(request.match_info["id"], came.node)})

    async def _forgotten(self, request: web.Request) -> web.Response:
        await self._arrivals.forget(request.match_info["id"])
        return web.Response(status=204)


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    keyframes: int = Field(ge=1, le=8)


class _Gift(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    epoch: int = Field(ge=1)


class _Came(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    node: str = Field(min_length=1, max_length=200)


async def _read(request: web.Request, model: type[B]) -> B:
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        raise InvalidRequest(f"another node's call cannot be read: {error.error_count()} faults") from None


async def _in_time(seconds: float, work: Awaitable[T], late: str) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise _Refused(late) from None
