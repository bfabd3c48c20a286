"""GET /api/operations/balance: that nothing was lost in silence. Both sides of each account, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from pydantic import BaseModel, Field

from hub.api.operations import operations
from hub.api.routes import Access, Route
from hub.api.schema import TimeText
from hub.api.services import SERVICES, Services
from hub.clock import US_PER_S, rfc3339
from hub.duty.intervals import Interval, clip, minus, union
from hub.model import Interruption, InterruptionClass, InterruptionKind, Stream
from hub.people.rights import Right

DAY_US = 86_400 * US_PER_S
LEAST_HOLE_US = US_PER_S
"""Two measurements of one edge may differ by less."""
EDGE_US = US_PER_S
"""By so much an interruption's edge may be off."""
KEPT_S = 60.0
MAX_HOLES = 50


class Hole(BaseModel):
    """Due, not recorded, and in no interruption."""

    stream: str
    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    seconds: float


class BalanceOut(BaseModel):
    """``since``: 24 h ago, or the hub's start where that was later."""

    since: TimeText
    at: TimeText
    pictures_received: int
    pictures_to_recorder: int
    pictures_given_up: int = Field(description="Of connections that are over: nothing described how to decode them.")
    frames_to_recorder: int = Field(description="Pictures and frames of sound, as they are stored.")
    frames_settled: int = Field(description="Of which it is known what became of them; the rest are on their way.")
    frames_recorded: int
    frames_unrecorded: int = Field(description="That the disk did not take: 0, or there is an interruption `storage`.")
    storage_interruptions: int
    chunks_sealed: int
    chunk_entries: int = Field(description="Of those chunks, durable in the ledger.")
    entries_missing: int = Field(description="Of chunks sealed half a minute ago or more.")
    viewer_drops: int = Field(
        description="Fragments not sent to viewers that were too slow; recording does not notice."
    )
    due_s: float
    had_s: float
    interruptions: int
    holes: list[Hole] = Field(description="The first fifty of 24 hours; empty: each is known as an interruption.")
    holes_count: int
    holes_at: TimeText = Field(description="When the holes were looked for; at most once a minute.")
    silent: list[str] = Field(
        description="Accounts that do not balance and that nothing explains: frames, entries, holes."
    )


@dataclass(slots=True)
class Looked:
    """What was found in the ledger of the last 24 hours."""

    at_us: int = 0
    due_us: int = 0
    had_us: int = 0
    interruptions: int = 0
    storage: int = 0
    holes: list[tuple[str, Interval]] = field(default_factory=list)


@dataclass(slots=True)
class Kept:
    """The last look: many pages ask, the ledger is read once a minute."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    looked: Looked | None = None


KEPT: web.AppKey[Kept] = web.AppKey("balance", Kept)


async def show(request: web.Request) -> web.Response:
    """GET /api/operations/balance"""
    services, figures = request.app[SERVICES], operations(request)
    looked = await _looked(services, request.app[KEPT])
    found, missing = figures.balance(), figures.entries_missing
    unrecorded = found.settled - found.recorded
    silent = [
        name
        for name, is_silent in (
            ("frames", unrecorded != 0 and not looked.storage),
            ("entries", missing != 0),
            ("holes", bool(looked.holes)),
        )
        if is_silent
    ]
    answer = BalanceOut(
        since=rfc3339(found.at_us),
        at=rfc3339(services.clock.now().utc_us),
        pictures_received=found.pictures_in,
        pictures_to_recorder=found.pictures_out,
        pictures_given_up=found.given_up,
        frames_to_recorder=found.frames,
        frames_settled=found.settled,
        frames_recorded=found.recorded,
        frames_unrecorded=unrecorded,
        storage_interruptions=looked.storage,
        chunks_sealed=found.chunks,
        chunk_entries=found.chunk_entries,
        entries_missing=missing,
        viewer_drops=found.viewer_drops,
        due_s=looked.due_us / US_PER_S,
        had_s=looked.had_us / US_PER_S,
        interruptions=looked.interruptions,
        holes=[_hole(stream, one) for stream, one in looked.holes[:MAX_HOLES]],
        holes_count=len(looked.holes),
        holes_at=rfc3339(looked.at_us),
        silent=silent,
    )
    return web.json_response(answer.model_dump(mode="json", by_alias=True))


def _hole(stream: str, one: Interval) -> Hole:
    told = {"stream": stream, "from": rfc3339(one[0]), "to": rfc3339(one[1]), "seconds": (one[1] - one[0]) / US_PER_S}
    return Hole.model_validate(told)


async def _looked(services: Services, kept: Kept) -> Looked:
    async with kept.lock:
        now_us = services.clock.now().utc_us
        known = kept.looked
        if known is None or not 0 <= now_us - known.at_us < KEPT_S * US_PER_S:
            known = kept.looked = await _look(services, now_us)
        return known


async def _look(services: Services, now_us: int) -> Looked:
    """A stream after the other: others may ask the ledger in between."""
    found = Looked(now_us)
    if services.duty is None:
        return found
    present: dict[str, list[Interruption]] = {}
    for one in services.present():
        present.setdefault(one.stream_id, []).append(one)
    for stream in services.registry.list():
        await _look_at(services, stream, now_us, present.get(stream.id, []), found)
    return found


async def _look_at(
    services: Services, stream: Stream, now_us: int, present: Sequence[Interruption], found: Looked
) -> None:
    assert services.duty is not None
    from_us = now_us - DAY_US
    detail = (await services.duty.completeness.detail([stream], from_us, now_us))[stream.id]
    cuts = {one.id: one for one in (*detail.interruptions, *present)}.values()
    found.due_us += sum(end - begin for begin, end in detail.sorted.due)
    found.had_us += sum(end - begin for begin, end in detail.sorted.had)
    found.interruptions += len(cuts)
    found.storage += sum(one.kind is InterruptionKind.STORAGE for one in cuts)
    found.holes += [(stream.id, one) for one in unexplained(detail.sorted.missing, cuts, now_us)]


def unexplained(missing: Sequence[Interval], cuts: Iterable[Interruption], now_us: int) -> list[Interval]:
    """What is missing and in no interruption: a wrong clock or a black picture explains no hole. Pure."""
    known = union(
        (one.started_us - EDGE_US, (now_us if one.ended_us is None else one.ended_us) + EDGE_US)
        for one in cuts
        if one.kind.loses_media and one.kind.interruption_class is not InterruptionClass.CONTENT
    )
    rest = minus(list(missing), clip(known, 0, now_us + EDGE_US))
    return [one for one in rest if one[1] - one[0] >= LEAST_HOLE_US]


ROUTES = (
    Route(
        "GET", "/api/operations/balance", show, Access.USER,
        "Of the last 24 hours: received and recorded, chunks and entries, holes and interruptions, side by side.",
        answer=BalanceOut, right=Right.SYSTEM_VIEW, refusals=(503,),
    ),
)  # fmt: skip
