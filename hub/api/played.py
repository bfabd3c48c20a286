"""Before anything recorded is played: has who asks said why, and been allowed to; and is it noted?

A playlist is asked for by time and must lie within the person's open looks. The bytes below it are held to the same
time: whole chunks that reach into it, and init segments, which hold no pictures. What no look covers is refused to
people, and noted of programs and administrators, who are not asked.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from aiohttp import hdrs, web

from hub.api.auth import IDENTITY, Identity
from hub.api.errors import Forbidden
from hub.api.labelled import hidden_labels, hidden_ranges, refusal
from hub.api.services import SERVICES, Services
from hub.errors import Unavailable
from hub.labels.model import Label
from hub.looks.look import Grant, Look
from hub.looks.looks import Looks
from hub.looks.ranges import Range, contains, merged, overlaps
from hub.model import Chunk, Stream
from hub.people.rights import Right, Role

EVER: Range = (0, 1 << 62)
MAX_REELS = 512
"""Of which the chunks are remembered: a wall of people who play asks for the same few reels again and again."""


class ReelChunks:
    """The chunks of the reels that were asked for last. A reel that is written to is read again where it must be."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Sequence[Chunk]] = OrderedDict()

    def known(self, reel: str) -> Sequence[Chunk]:
        return self._known.get(reel, ())

    async def read(self, services: Services, reel: str) -> Sequence[Chunk]:
        chunks = await asyncio.to_thread(services.reader.chunks_of, reel)
        self._known[reel] = chunks
        self._known.move_to_end(reel)
        while len(self._known) > MAX_REELS:
            self._known.popitem(last=False)
        return chunks


REEL_CHUNKS: web.AppKey[ReelChunks] = web.AppKey("reel_chunks", ReelChunks)


def looks_of(services: Services) -> Looks:
    """Raises Unavailable."""
    if services.looks is None:
        raise Unavailable("nothing is played here: looks cannot be noted")
    return services.looks


def is_asked(identity: Identity) -> bool:
    """Whether a reason is asked of them: not of programs, nor of administrators."""
    return identity.session is not None and Role.ADMIN not in identity.standing.roles


def in_force(looks: Looks, identity: Identity, stream: Stream) -> list[Look]:
    """The caller's open looks about this stream. What a standing grant opened ends with the grant."""
    stands = identity.standing.may(Right.PLAYBACK_VIEW, stream.unit)
    return [look for look in looks.in_force(identity.name, stream.id) if stands or look.grant is Grant.APPROVAL]


async def admit(request: web.Request, stream: Stream, wanted: Range) -> tuple[Range, ...]:
    """The caller is about to play this time, without what labels hide from them: that is returned.

    Raises Forbidden with the code ``reason_required``, ``approval_required``, or ``labelled`` where nothing of it is
    left, LedgerError where it cannot be noted."""
    hidden = _hidden(request, stream, wanted)
    if contains(merged(hidden), wanted):
        raise refusal(hidden_labels(request.app[SERVICES], request[IDENTITY].standing, stream.id, wanted))
    identity, looks = request[IDENTITY], looks_of(request.app[SERVICES])
    mine = in_force(looks, identity, stream)
    if contains(merged(look.range for look in mine), wanted):
        await looks.use(mine, stream.id, wanted)
    elif is_asked(identity):
        raise _refusal(identity, stream)
    else:
        await looks.unasked(identity.name, stream.id, wanted)
    return hidden


async def admit_bytes(request: web.Request, stream: Stream, reel: str, wanted: Range, *, init_bytes: int = 0) -> None:
    """The caller is about to be given these bytes of a reel (its path below the data folder), or the first
    ``init_bytes`` as its init segment. Raises as :func:`admit`."""
    services, identity = request.app[SERVICES], request[IDENTITY]
    looks, reels = looks_of(services), request.app[REEL_CHUNKS]
    mine = in_force(looks, identity, stream)
    times = merged(look.range for look in mine)
    chunks = reels.known(reel)
    hiding = hidden_labels(services, identity.standing, stream.id, EVER)
    if not _covers(chunks, times, wanted, init_bytes) or (hiding and not _covers(chunks, [EVER], wanted, 0)):
        chunks = await reels.read(services, reel)
    if hiding:
        _check_labels(hiding, chunks, wanted)
    if _covers(chunks, times, wanted, init_bytes):
        for chunk in _touched(chunks, wanted):
            await looks.use(mine, stream.id, (chunk.first_us, chunk.end_us))
    elif is_asked(identity):
        raise _refusal(identity, stream)
    elif not _covers(chunks, looks.noted(identity.name, stream.id), wanted, init_bytes):
        await looks.unasked(identity.name, stream.id, _time_of(chunks, wanted))


async def admit_init(request: web.Request, stream: Stream, reel: str, size: int) -> None:
    """As :func:`admit_bytes`, of another reel's init segment alone: it shows nothing, but it must be no more."""
    services = request.app[SERVICES]
    chunks = request.app[REEL_CHUNKS].known(reel) or await request.app[REEL_CHUNKS].read(services, reel)
    if is_asked(request[IDENTITY]) and not any(size <= chunk.init_size for chunk in chunks):
        raise _refusal(request[IDENTITY], stream)


def _hidden(request: web.Request, stream: Stream, wanted: Range) -> tuple[Range, ...]:
    return hidden_ranges(request.app[SERVICES], request[IDENTITY].standing, stream.id, wanted)


def _check_labels(hiding: Sequence[Label], chunks: Sequence[Chunk], wanted: Range) -> None:
    """Raises Forbidden for bytes of a time that is hidden, and, as anything of the stream is, for bytes of which no
    entry says the time."""
    for chunk in _touched(chunks, wanted):
        found = tuple(one for one in hiding if one.touches(chunk.first_us, chunk.end_us))
        if found:
            raise refusal(found)
    if not _covers(chunks, [EVER], wanted, 0):
        raise refusal(hiding)


def _covers(chunks: Sequence[Chunk], times: Sequence[Range], wanted: Range, init_bytes: int) -> bool:
    """Whether these bytes are chunks that reach into these times, or the init segment of such chunks."""
    reached = [chunk for chunk in chunks if overlaps(times, (chunk.first_us, chunk.end_us))]
    if not reached:
        return False
    head = reached[0].init_size
    if init_bytes > head:
        return False
    allowed = merged([(0, head), *((chunk.offset, chunk.offset + chunk.size) for chunk in reached)])
    return contains(allowed, wanted)


def _touched(chunks: Sequence[Chunk], wanted: Range) -> list[Chunk]:
    return [chunk for chunk in chunks if overlaps([wanted], (chunk.offset, chunk.offset + chunk.size))]


def _time_of(chunks: Sequence[Chunk], wanted: Range) -> Range:
    """From when to when these bytes are, as far as entries say it; of bytes that none declares, of the whole reel."""
    of = _touched(chunks, wanted) or chunks
    return min((one.first_us for one in of), default=0), max((one.end_us for one in of), default=1)


def _refusal(identity: Identity, stream: Stream) -> Forbidden:
    if identity.standing.may(Right.PLAYBACK_VIEW, stream.unit):
        return Forbidden("say why first: POST /api/looks with a reason opens this at once", code="reason_required")
    return Forbidden(
        "this is played with an approval: POST /api/looks asks for one, and another person decides",
        code="approval_required",
    )


def bytes_wanted(request: web.Request, size: int) -> Range | None:
    """Which bytes of a file of this size the answer may hold; None for a call that is answered without any (416)."""
    try:
        asked = request.http_range
    except ValueError:
        return None
    if hdrs.IF_RANGE in request.headers or (asked.start is None and asked.stop is None):
        return 0, size  # If-Range may turn a part into the whole
    if asked.start is not None and asked.start < 0:
        return max(0, size + asked.start), size
    begin, end = asked.start or 0, min(size, asked.stop if asked.stop is not None else size)
    return (begin, end) if begin < end else None
