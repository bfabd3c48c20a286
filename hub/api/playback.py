"""Playback: HLS playlists over the reels, and the bytes that they point to.

The playlist decides; the calls below it hand out bytes of one stream's reels and can name no other file.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections import OrderedDict
from urllib.parse import urlencode

from aiohttp import HttpVersion11, hdrs, web
from pydantic import Field

from hub.api.played import admit, admit_bytes, admit_init, bytes_wanted
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, RangeQuery, read_query
from hub.api.services import SERVICES, FootageReader
from hub.errors import InvalidRequest, MediaError, NotFound, StorageError
from hub.looks.ranges import Range, overlaps
from hub.model import Chunk, MediaKind, Stream
from hub.people.rights import Right
from hub.segmenter.playlist import Fill, Playlist, first_with_sound, join_for
from hub.segmenter.scan import read_fragments, read_init
from hub.segmenter.silence import segment_bytes, with_sound
from hub.segmenter.trim import trimmed
from hub.shelf import Shelf

HLS = "application/vnd.apple.mpegurl"
MP4 = "video/mp4"
UNSEALED_US = 15_000_000
"""What arrived last is in no sealed chunk yet: 10 s at most, and the flush. A range that ends later will grow."""
MAX_INIT_BYTES = 1 << 20
MAX_SEGMENT_BYTES = 256 << 20
"""A minute of the greatest stream there is; a filled segment is held in memory."""
MAX_FILL_S = 120
"""Silence beyond a segment's own pictures."""
SENT_AT_ONCE = 2 << 20
"""Of a reel that lies elsewhere: some seconds, so that most segments are one call."""
_PAGE = 10_000
POINTS: web.RequestKey[bool] = web.RequestKey("points", bool)
"""Of a call of another node, which sends the bytes itself: whether they may be had is answered, and what they are."""
POINTED = "X-Hub-Bytes"
REEL, INIT, FILLED = "reel", "init", "filled"

Hidden = tuple[Range, ...]
"""What labels hide from who asks: a gap to them, and part of the key, so that nobody is given another's playlist."""

REEL_DAY = r"\d{4}-\d\d-\d\d"
REEL_FILE = r"\d{6}\.\d{3}Z-\d{1,12}(?:-\d{1,6})?\.mp4"
_REEL = re.compile(rf"(?P<day>{REEL_DAY})/(?P<file>{REEL_FILE})", re.ASCII)


class InitQuery(Input):
    size: int = Field(ge=8, le=MAX_INIT_BYTES, description="Bytes of the reel's init segment.")
    sound: str | None = Field(None, max_length=60, description="DAY/FILE of a reel whose sound track is added.")
    sound_size: int = Field(0, ge=0, le=MAX_INIT_BYTES)


class FilledQuery(InitQuery):
    offset: int = Field(ge=0, le=1 << 42)
    length: int = Field(ge=8, le=MAX_SEGMENT_BYTES)
    fill_from: int | None = Field(
        None, ge=0, le=1 << 62, description="Ticks of the sound track from where there must be sound."
    )
    fill_to: int | None = Field(None, ge=0, le=1 << 62)
    until_us: int | None = Field(
        None, ge=0, le=1 << 62, description="Of the run's axis (tfdt), in µs: what comes later is left out."
    )

    @property
    def fill(self) -> Fill | None:
        return None if self.fill_from is None or self.fill_to is None else (self.fill_from, self.fill_to)


# ------------------------------------------------------------------------------------- the playlist


async def show_playlist(request: web.Request) -> web.Response:
    """GET /api/streams/{id}/playback.m3u8"""
    services = request.app[SERVICES]
    stream = services.registry.get(request.match_info["id"])
    query = read_query(request, RangeQuery)
    join_s = join_for(query.from_us, query.to_us)
    hidden = await admit(request, stream, (query.from_us, query.to_us))
    complete = stream.retired or query.to_us <= services.clock.now().utc_us - UNSEALED_US
    reels = Reels(services.reels, stream.id)
    if complete:
        text = await asyncio.to_thread(_playlist, services.reader, reels, query, join_s, hidden)
    else:
        growing = request.app[GROWING].get(reels, query, join_s, hidden)
        text = await asyncio.to_thread(growing.text, services.reader)
    return web.Response(text=text, content_type=HLS, charset="utf-8")


def _playlist(reader: FootageReader, reels: Reels, query: RangeQuery, join_s: float, hidden: Hidden) -> str:
    """Blocks: a day is tens of thousands of rows."""
    growing = Growing(reels, query, join_s, hidden)
    return growing.text(reader, complete=True)


class Growing:
    """A playlist that reaches into now: asked for again and again, and each time only what is new is read.

    What it once said stays: an EVENT playlist may only grow (RFC 8216 §6.2.1). Calls block, from any thread.
    """

    def __init__(self, reels: Reels, query: RangeQuery, join_s: float, hidden: Hidden = ()) -> None:
        self._hidden = hidden
        self._reels = reels
        self._query = query
        self._join_s = join_s
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._playlist: Playlist | None = None
        self._from_us = self._query.from_us
        self._seen: dict[tuple[str, int], int] = {}
        """Chunks that end after ``_from_us``, which the reader would give again, with their end."""

    def text(self, reader: FootageReader, *, complete: bool = False) -> str:
        """Raises NotFound as long as there is nothing, StorageError for a reel that cannot be read."""
        with self._lock:
            try:
                chunks = [one for one in self._news(reader) if not overlaps(self._hidden, (one.first_us, one.end_us))]
                if not chunks and self._playlist is None:
                    self._none(reader)
                if self._playlist is None:
                    self._playlist = self._begun(chunks)
                self._playlist.add(chunks)
                return self._playlist.text(complete=complete)
            except Exception as error:
                self._begin()  # half of what is new may be in it
                if isinstance(error, MediaError):
                    message = f"a reel of {self._reels.stream_id} cannot be read: {error}"
                    raise StorageError(message, code="bad_reel") from error
                raise

    def _none(self, reader: FootageReader) -> None:
        if reader.gone(self._reels.stream_id, self._query.from_us, self._query.to_us):
            raise NotFound("the footage of this range was deleted at the end of its term", code="deleted")
        raise NotFound("nothing is recorded in this range", code="no_footage")

    def _begun(self, chunks: list[Chunk]) -> Playlist:
        sound_from = first_with_sound(chunks, self._reels.init_of)
        return Playlist(self._reels.init_of, self._reels, join_s=self._join_s, sound_from=sound_from)

    def _news(self, reader: FootageReader) -> list[Chunk]:
        found: list[Chunk] = []
        while True:
            page = reader.chunks(self._reels.stream_id, self._from_us, self._query.to_us, _PAGE)
            fresh = {(chunk.reel, chunk.offset): chunk for chunk in page}
            fresh = {key: chunk for key, chunk in fresh.items() if key not in self._seen}
            found += fresh.values()
            if page:
                self._from_us = page[-1].end_us
                self._seen |= {key: chunk.end_us for key, chunk in fresh.items()}
                self._seen = {key: end_us for key, end_us in self._seen.items() if end_us > self._from_us}
            if len(page) < _PAGE or not fresh:
                return found


class GrowingPlaylists:
    """Those asked for lately, a few: who watches now asks every few seconds."""

    KEPT = 16

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, int, Hidden], Growing] = OrderedDict()

    def get(self, reels: Reels, query: RangeQuery, join_s: float, hidden: Hidden = ()) -> Growing:
        key = (reels.stream_id, query.from_us, query.to_us, hidden)
        growing = self._kept.pop(key, None) or Growing(reels, query, join_s, hidden)
        self._kept[key] = growing
        while len(self._kept) > self.KEPT:
            self._kept.popitem(last=False)
        return growing


GROWING: web.AppKey[GrowingPlaylists] = web.AppKey("growing", GrowingPlaylists)


class Reels:
    """One stream's reels: their addresses under the playlist's, and their bytes. Reading blocks."""

    def __init__(self, shelf: Shelf, stream_id: str) -> None:
        self.stream_id = stream_id
        self.shelf = shelf

    def path(self, name: str) -> str:
        """Of DAY/FILE, below the data folder. Raises NotFound for what is no reel's name: nothing else is reached."""
        match = _REEL.fullmatch(name)
        if match is None:
            raise NotFound("no such reel")
        return f"reels/{self.stream_id}/{match['day']}/{match['file']}"

    def size(self, name: str) -> int:
        """In bytes. Raises NotFound, StorageError where nobody can say."""
        try:
            size = self.shelf.size(self.path(name))
        except OSError as error:
            raise StorageError(f"the reel {name} cannot be read: {error.strerror or error}") from error
        if size is None:
            raise NotFound("no such reel")
        return size

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Exactly these bytes. Raises NotFound, InvalidRequest beyond the end, StorageError."""
        try:
            data = self.shelf.read(self.path(name), offset, size)
        except FileNotFoundError:
            raise NotFound("no such reel") from None
        except OSError as error:
            raise StorageError(f"the reel {name} cannot be read: {error.strerror or error}") from error
        if len(data) < size:
            raise InvalidRequest(f"the reel ends {size - len(data)} bytes before {offset + size}", code="bad_range")
        return data

    def init_bytes(self, name: str, query: InitQuery) -> bytes:
        """The init segment as it is served. Raises MediaError, and what :meth:`read` raises."""
        init = self.read(name, 0, query.size)
        return init if query.sound is None else with_sound(init, self.read(query.sound, 0, query.sound_size))

    def init_of(self, chunk: Chunk) -> bytes:
        return self.read(self._name(chunk), 0, chunk.init_size)

    # Addresses of hub.segmenter.playlist, relative to the playlist

    def reel(self, chunk: Chunk) -> str:
        return f"reels/{self._name(chunk)}"

    def init(self, chunk: Chunk, sound_from: Chunk | None) -> str:
        return f"{self.reel(chunk)}/init.mp4?{urlencode(self._init_query(chunk, sound_from))}"

    def filled(
        self, chunk: Chunk, offset: int, size: int, fill: Fill | None, until_us: int | None, sound_from: Chunk | None
    ) -> str:
        query = self._init_query(chunk, sound_from) | {"offset": offset, "length": size}
        if fill is not None:
            query |= {"fill_from": fill[0], "fill_to": fill[1]}
        if until_us is not None:
            query["until_us"] = until_us
        return f"{self.reel(chunk)}/filled.mp4?{urlencode(query)}"

    def _init_query(self, chunk: Chunk, sound_from: Chunk | None) -> dict[str, int | str]:
        query: dict[str, int | str] = {"size": chunk.init_size}
        if sound_from is not None:
            query |= {"sound": self._name(sound_from), "sound_size": sound_from.init_size}
        return query

    def _name(self, chunk: Chunk) -> str:
        return chunk.reel.removeprefix(f"reels/{self.stream_id}/")


# ---------------------------------------------------------------------------------------- the bytes


def _reel(request: web.Request) -> tuple[Stream, Reels, str]:
    services = request.app[SERVICES]
    stream = services.registry.get(request.match_info["id"])
    return stream, Reels(services.reels, stream.id), f"{request.match_info['day']}/{request.match_info['file']}"


async def _admit_made(request: web.Request, stream: Stream, name: str, query: InitQuery, wanted: Range) -> None:
    """Of what is made of a reel's bytes: they, and the init segments that are put before them."""
    await asyncio.to_thread(Reels(request.app[SERVICES].reels, stream.id).size, name)
    await admit_bytes(request, stream, f"reels/{stream.id}/{name}", wanted, init_bytes=query.size)
    if query.sound is not None:
        await admit_init(request, stream, f"reels/{stream.id}/{query.sound}", query.sound_size)


async def _check_not_deleted(request: web.Request, reels: Reels, name: str) -> None:
    """Raises NotFound with the code ``deleted`` for footage that was lawfully deleted, or is about to be."""
    if await asyncio.to_thread(request.app[SERVICES].reader.is_gone, f"reels/{reels.stream_id}/{name}"):
        raise NotFound("this footage was deleted at the end of its term; its entries and digests stay", code="deleted")


async def show_reel(request: web.Request) -> web.StreamResponse:
    """GET …/reels/{day}/{file}, whole or by Range: never held in memory; where it is a file of this machine, the kernel
    sends it."""
    stream, reels, name = _reel(request)
    await _check_not_deleted(request, reels, name)
    path = reels.path(name)
    size = await asyncio.to_thread(reels.size, name)
    wanted = bytes_wanted(request, size)
    if wanted is not None:
        await admit_bytes(request, stream, path, wanted)
    if request.get(POINTS):
        return _pointed(REEL)
    return await send_reel(request, reels, name)


async def send_reel(request: web.Request, reels: Reels, name: str) -> web.StreamResponse:
    """The bytes that the call asks for, to who may have them."""
    size = await asyncio.to_thread(reels.size, name)
    file = await asyncio.to_thread(reels.shelf.file, reels.path(name))
    if file is not None:
        return web.FileResponse(file, headers={hdrs.CONTENT_TYPE: MP4})
    return await _sent_on(request, reels, name, size, bytes_wanted(request, size))


def _pointed(what: str) -> web.Response:
    """They may have it, and another node sends it."""
    return web.Response(headers={POINTED: what})


async def _sent_on(
    request: web.Request, reels: Reels, name: str, size: int, wanted: Range | None
) -> web.StreamResponse:
    """As the answer for a file, of bytes that lie elsewhere: a block is held at a time. Without a validator, so that
    If-Range never fits, and gets the whole (RFC 9110 §13.1.5)."""
    headers = {hdrs.CONTENT_TYPE: MP4, hdrs.ACCEPT_RANGES: "bytes"}
    if wanted is None:
        return web.Response(status=416, headers={**headers, hdrs.CONTENT_RANGE: f"bytes */{size}"})
    begin, end = wanted
    headers[hdrs.CONTENT_LENGTH] = str(end - begin)
    part = hdrs.RANGE in request.headers and hdrs.IF_RANGE not in request.headers
    if part:
        headers[hdrs.CONTENT_RANGE] = f"bytes {begin}-{end - 1}/{size}"
    first = await asyncio.to_thread(reels.read, name, begin, min(SENT_AT_ONCE, end - begin))  # or a whole refusal
    response = web.StreamResponse(status=206 if part else 200, headers=headers)
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    await response.write(first)
    for at in range(begin + len(first), end, SENT_AT_ONCE):
        await response.write(await asyncio.to_thread(reels.read, name, at, min(SENT_AT_ONCE, end - at)))
    return response


async def show_init(request: web.Request) -> web.Response:
    """GET …/reels/{day}/{file}/init.mp4: the reel's init segment, with another reel's sound track if it has none."""
    stream, reels, name = _reel(request)
    query = read_query(request, InitQuery)
    await _check_not_deleted(request, reels, name)
    await _admit_made(request, stream, name, query, (0, query.size))
    return _pointed(INIT) if request.get(POINTS) else await send_init(request, reels, name)


async def send_init(request: web.Request, reels: Reels, name: str) -> web.Response:
    """As :func:`send_reel`, of an init segment."""
    return _whole(request, await asyncio.to_thread(reels.init_bytes, name, read_query(request, InitQuery)))


async def show_filled(request: web.Request) -> web.Response:
    """GET …/reels/{day}/{file}/filled.mp4: bytes of the reel, with marked silence where its sound has holes, or only
    their beginning, where the rest is shown as another node recorded it."""
    stream, reels, name = _reel(request)
    query = read_query(request, FilledQuery)
    await _check_not_deleted(request, reels, name)
    await _admit_made(request, stream, name, query, (query.offset, query.offset + query.length))
    return _pointed(FILLED) if request.get(POINTS) else await send_filled(request, reels, name)


async def send_filled(request: web.Request, reels: Reels, name: str) -> web.Response:
    """As :func:`send_reel`, of a segment with silence."""
    return _whole(request, await asyncio.to_thread(_filled, reels, name, read_query(request, FilledQuery)))


def _whole(request: web.Request, data: bytes) -> web.Response:
    """All of it, whatever Range says. FFmpeg's HLS reader keeps the range of its last segment for an address that has
    none, and on a connection that stays open waits for its end for ever; chunks (RFC 9112 §7.1) tell it the end."""
    response = web.Response(body=data, content_type=MP4)
    if hdrs.RANGE in request.headers and request.version >= HttpVersion11:
        response.enable_chunked_encoding()
    return response


def _filled(reels: Reels, name: str, query: FilledQuery) -> bytes:
    init = reels.init_bytes(name, query)
    data = reels.read(name, query.offset, query.length)
    if query.until_us is not None:
        data = trimmed(data, init, query.until_us)
    if query.fill is not None:
        check_fill(data, init, query.fill)
    return segment_bytes(data, init, query.fill)


def check_fill(data: bytes, init: bytes, fill: Fill) -> None:
    """Raises InvalidRequest for silence far from the segment's own time: years of it would fill the memory."""
    scales = {header.id: header.timescale for header in read_init(init)}
    sound = next((header for header in read_init(init) if header.kind is MediaKind.AUDIO), None)
    fragments = [one for one in read_fragments(data) if one.track_id in scales]
    if sound is None or not fragments:
        raise InvalidRequest("expected an init segment with sound and fragments of its tracks", code="bad_fill")
    first_s = min(one.tfdt_ticks / scales[one.track_id] for one in fragments) - MAX_FILL_S
    end_s = max((one.tfdt_ticks + one.duration_ticks) / scales[one.track_id] for one in fragments) + MAX_FILL_S
    if not first_s <= fill[0] / sound.timescale <= fill[1] / sound.timescale <= end_s:
        raise InvalidRequest("fill_from … fill_to: expected a time within the segment", code="bad_fill")


_REEL_PATH = "/api/streams/{id}/reels/{day}/{file}"

ROUTES = (
    Route(
        "GET",
        "/api/streams/{id}/playback.m3u8",
        show_playlist,
        Access.USER,
        "HLS over the reels, byte for byte what was recorded; interruptions are gaps. A day at most.",
        query=RangeQuery,
        answer=HLS,
        refusals=(403, 404, 503),
        right=Right.LOOKS_ASK,
        scope=Scope.STREAM,
    ),
    Route(
        "GET",
        _REEL_PATH,
        show_reel,
        Access.USER,
        "A reel, whole or by Range.",
        answer=MP4,
        refusals=(403, 404, 416, 503),
        right=Right.LOOKS_ASK,
        scope=Scope.STREAM,
    ),
    Route(
        "GET",
        f"{_REEL_PATH}/init.mp4",
        show_init,
        Access.USER,
        "A reel's init segment, with a sound track added if asked for.",
        query=InitQuery,
        answer=MP4,
        refusals=(403, 404, 503),
        right=Right.LOOKS_ASK,
        scope=Scope.STREAM,
    ),
    Route(
        "GET",
        f"{_REEL_PATH}/filled.mp4",
        show_filled,
        Access.USER,
        "Bytes of a reel, with marked silence where its sound has holes, or their beginning.",
        query=FilledQuery,
        answer=MP4,
        refusals=(403, 404, 503),
        right=Right.LOOKS_ASK,
        scope=Scope.STREAM,
    ),
)
