"""GET /api/streams/{id}/chunks: the ledger's entries of what is played, for who hashes it anew.

An entry goes out as the text that its leaf hash is of. Whoever asks needs not believe that hash, nor the digest beside
it: both follow from the text, and that the text is in the signed log follows from ``/api/log/proof/inclusion``.
"""

from __future__ import annotations

import asyncio

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from hub.api.auth import IDENTITY
from hub.api.labelled import hidden_ranges
from hub.api.routes import Access, Route, Scope
from hub.api.schema import RangeQuery, TimeText, read_query
from hub.api.services import SERVICES
from hub.clock import rfc3339
from hub.errors import InvalidRequest
from hub.ledger.declared import Declared
from hub.looks.ranges import overlaps
from hub.people.rights import Right
from hub.segmenter.playlist import MAX_RANGE_US

MAX_CHUNKS = 2000


class ChunksQuery(RangeQuery):
    limit: int = Field(MAX_CHUNKS, ge=1, le=MAX_CHUNKS)


class ChunkOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    seq: int = Field(description="Of the entry, in the stream's chain.")
    leaf: str = Field(description="The entry's leaf hash as the hub remembers it, lower-case hex.")
    index: int | None = Field(description="Its place in the log that is written now; null: in an earlier log.")
    reel: str = Field(description="Its file, DAY/FILE below …/reels/.")
    offset: int
    size: int
    sha256: str = Field(description="Of the bytes offset … offset + size of the reel, as in the entry.")
    init_size: int
    init_sha256: str
    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    entry: str = Field(description="The entry's text, as its file holds it now; empty: the file does not have it.")


class ChunksOut(BaseModel):
    chunks: list[ChunkOut]
    next: TimeText | None = Field(description="`from` of the next page, which may begin with chunks of this one.")


async def show_chunks(request: web.Request) -> web.Response:
    """GET /api/streams/{id}/chunks"""
    services = request.app[SERVICES]
    stream = services.registry.get(request.match_info["id"])
    query = read_query(request, ChunksQuery)
    if not 0 < query.to_us - query.from_us <= MAX_RANGE_US:
        raise InvalidRequest("to: expected a time after from, at most 24 hours later")
    found = await asyncio.to_thread(services.reader.declared, stream.id, query.from_us, query.to_us, query.limit)
    following = rfc3339(found[-1].chunk.end_us) if len(found) == query.limit else None
    hidden = hidden_ranges(services, request[IDENTITY].standing, stream.id, (query.from_us, query.to_us))
    shown = [one for one in found if not overlaps(hidden, (one.chunk.first_us, one.chunk.end_us))]
    answer = ChunksOut(chunks=[_out(one) for one in shown], next=following)
    return web.json_response(answer.model_dump(mode="json", by_alias=True))


def _out(one: Declared) -> ChunkOut:
    chunk = one.chunk
    return ChunkOut(
        seq=one.seq, leaf=one.leaf, index=one.index, reel=chunk.reel.removeprefix(f"reels/{chunk.stream_id}/"),
        offset=chunk.offset, size=chunk.size, sha256=chunk.sha256, init_size=chunk.init_size,
        init_sha256=chunk.init_sha256, from_at=rfc3339(chunk.first_us), to_at=rfc3339(chunk.end_us),
        entry=one.line.decode("utf-8", errors="replace"),
    )  # fmt: skip


ROUTES = (
    Route(
        "GET", "/api/streams/{id}/chunks", show_chunks, Access.USER,
        "The entries of recorded chunks, by time: what a player compares the bytes it plays with.",
        query=ChunksQuery, answer=ChunksOut, refusals=(400, 404), right=Right.LOOKS_ASK, scope=Scope.STREAM,
    ),
)  # fmt: skip
