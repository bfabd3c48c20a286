"""Streams on their way to this node from another one that still records them: the taker of ``hub/app/handover.py``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from hub.app.movable import Begun, Movable
from hub.clock import Clock
from hub.errors import Conflict, NotFound, Unavailable
from hub.ingest.gate import Cut
from hub.ledger.standing import RecoveredStream
from hub.model import RtspSource, Stream, WhipSource
from hub.pipeline import Source

log = structlog.get_logger(__name__)

PREPARE_S: Final = 25.0
"""A camera that has shown no keyframe by then cannot be handed over."""
HOLDS_S: Final = 3.0
"""The picture of a cut comes here when it comes to the giver, or a moment later."""
COMING_S: Final = 60.0
"""Who was not given what it prepared for within this lets go of the camera."""
MAX_COMING: Final = 24
BUSY: Final = "busy"


@dataclass(slots=True)
class Coming:
    """``source``: the camera that this node connected to; None: a recorder came by itself. ``ends``: the task that
    gives it up in the end."""

    source: RtspSource | None
    begun: Begun
    ends: asyncio.Task[object] | None
    cut: Cut | None = None
    refused: asyncio.Event = field(default_factory=asyncio.Event)
    """Whoever records it does not give it."""

    def is_of(self, stream: Stream) -> bool:
        return isinstance(stream.source, WhipSource) if self.source is None else self.source == stream.source


class Arrivals:
    """``stream``: as it is registered, None for one that is not; ``camera``: a connection to it; ``refuses``: why this
    node takes no stream of that id, empty if it does; ``take``: it was given to this node, with that epoch."""

    def __init__(
        self,
        clock: Clock,
        stream: Callable[[str], Stream | None],
        camera: Callable[[RtspSource], Source],
        refuses: Callable[[str], str],
        take: Callable[[str, int], Awaitable[bool]],
    ) -> None:
        self._clock = clock
        self._stream = stream
        self._camera = camera
        self._refuses = refuses
        self._take = take
        self._coming: dict[str, Coming] = {}
        self._arrived: dict[str, Coming] = {}

    async def close(self) -> None:
        for one in list(self._coming):
            await self.drop(one)

    # ------------------------------------------------------------------------- what the giver asks

    async def prepare(self, stream_id: str, keyframes: int) -> Sequence[str]:
        """Connect to the stream's camera; what it has shown, once that are so many.

        Raises Conflict when it cannot be reached, or shows none; Unavailable where the giver may ask again later.
        """
        coming = self._coming.get(stream_id) or self._connect(stream_id)
        gate = coming.begun.gate
        shown = asyncio.create_task(gate.shown(keyframes))
        try:
            await asyncio.wait([shown, coming.begun.task], timeout=PREPARE_S, return_when=asyncio.FIRST_COMPLETED)
            if shown.done():
                return gate.keyframes()
        finally:
            shown.cancel()
        why = _why(coming.begun) if coming.begun.ended else f"it showed no keyframe within {PREPARE_S:.0f} s"
        await self.forget(stream_id)
        raise Conflict(f"this node cannot record {stream_id}: {why}", code="not_prepared")

    def expect(self, stream_id: str, recorder: Source) -> Coming:
        """What a recorder pushes here waits behind a gate, while another node records its stream. The task that calls
        this is cancelled when the stream is this node's."""
        coming = self._coming[stream_id] = Coming(None, Begun(recorder, self._clock), asyncio.current_task())
        return coming

    def _connect(self, stream_id: str) -> Coming:
        stream = self._stream(stream_id)
        if stream is None or not isinstance(stream.source, RtspSource):
            raise NotFound("no such camera is known here yet, and no recorder came", code="not_prepared")
        if refusal := self._refuses(stream_id):
            raise Conflict(refusal, code="not_prepared")
        if sum(one.source is not None for one in self._coming.values()) >= MAX_COMING:
            raise Unavailable(f"{MAX_COMING} streams are on their way to this node already", code=BUSY)
        expires = asyncio.create_task(self._expire(stream_id), name=f"{stream_id} is coming")
        coming = Coming(stream.source, Begun(self._camera(stream.source), self._clock), expires)
        self._coming[stream_id] = coming
        return coming

    async def _expire(self, stream_id: str) -> None:
        await self._clock.sleep(COMING_S)
        coming = self._coming.pop(stream_id, None)
        if coming is not None:
            log.warning("a stream was announced and did not come", stream=stream_id)
            await coming.begun.end()

    async def cut(self, stream_id: str, cut: Cut) -> bool:
        """Where the giver's recording ends. Whether what follows is held here, if not from this picture, then from one
        before it; and from then on nothing of it is forgotten."""
        coming = self._coming.get(stream_id)
        if coming is None or coming.begun.ended:
            return False
        gate = coming.begun.gate
        coming.cut = cut
        if cut.keyframe:
            try:
                async with asyncio.timeout(HOLDS_S):
                    await gate.holds(cut)
            except TimeoutError:
                return False
        gate.pin()
        return bool(gate.keyframes())

    async def given(self, stream_id: str, epoch: int) -> bool:
        """It is this node's by the table. Raises Unavailable; its owner finds it there all the same."""
        return await self._take(stream_id, epoch)

    async def forget(self, stream_id: str) -> None:
        """It is not given. A recorder has come all the same, and it is for this node to take its stream."""
        coming = self._coming.get(stream_id)
        if coming is not None and coming.source is None:
            coming.refused.set()
        else:
            await self.drop(stream_id)

    async def drop(self, stream_id: str) -> None:
        """It does not come."""
        coming = self._coming.pop(stream_id, None)
        if coming is not None:
            _cancel(coming.ends)
            await coming.begun.end()

    # ----------------------------------------------------------------------- what its owner asks

    def arrived(self, stream: Stream, was: RecoveredStream) -> RecoveredStream:
        """The stream is recorded here from now on, whoever gave it: how it stood, with nothing missing since where the
        connection that waits has all of it. :meth:`movable` is asked next."""
        coming = self._coming.pop(stream.id, None)
        if coming is None:
            return was
        _cancel(coming.ends)
        self._arrived[stream.id] = coming
        if not coming.is_of(stream) or not coming.begun.gate.place(coming.cut, was.recorded_until_us):
            return was
        return replace(was, recorded_until_us=None)

    def movable(self, stream: Stream, source: Source) -> Movable:
        """The source of a pipeline that begins now."""
        coming = self._arrived.pop(stream.id, None)
        if coming is not None and not coming.is_of(stream):
            asyncio.create_task(coming.begun.end())  # noqa: RUF006  it ends by itself
            coming = None
        return Movable(source, self._clock, None if coming is None else coming.begun)


def _cancel(task: asyncio.Task[object] | None) -> None:
    """Whoever takes a stream by itself goes on."""
    if task is not None and task is not asyncio.current_task():
        task.cancel()


def _why(begun: Begun) -> str:
    if begun.task.cancelled():
        return "it was given up"
    error = begun.task.exception()
    return begun.task.result() if error is None else f"{getattr(error, 'code', '')} {error}"[:500]
