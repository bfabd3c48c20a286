"""What other nodes ask of a node that records: WHIP offers, words to recorders, live fragments, bytes of its disk."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from hub.api.playback import REEL_DAY, REEL_FILE
from hub.app.far_rooms import RoomTold
from hub.app.recorders import Recorders
from hub.clock import Clock
from hub.cluster.integration import NotLeading
from hub.cluster.reel_places import ReelPlaces
from hub.cluster.relay import Find, relay_handler
from hub.errors import Conflict, InvalidRequest, NotFound, Unavailable
from hub.ingest.whip.endpoint import WhipEndpoint
from hub.monitor.content.pictures import FOLDER
from hub.monitor.content.stills import Stills
from hub.registry import STREAM_ID
from hub.shelf import LocalShelf

JPEG = "image/jpeg"
AT, BLACK = "X-Picture-At-Us", "X-Picture-Black"
_PICTURE = re.compile(r"[a-z0-9_-]{1,120}\.jpg", re.ASCII)
_MEDIA = (".mp4", ".jpg")
_KEPT = re.compile(r"[A-Za-z0-9_-]{1,120}(\.[a-z0-9]{1,8})?", re.ASCII)
_DAY = re.compile(REEL_DAY, re.ASCII)
_REEL = re.compile(REEL_FILE, re.ASCII)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Body = TypeVar("Body", bound=_Body)


class _Offer(_Body):
    sdp: str = Field(max_length=1 << 20)
    device: str = Field("", max_length=200)


class _Fragment(_Body):
    fragment: str = Field(max_length=1 << 20)


class _Words(_Body):
    label: str = Field(max_length=64)
    text: str = Field(max_length=1 << 16)


@dataclass(frozen=True, slots=True)
class IngestDoor:
    """``drain``: give everything away; how many streams stayed. ``room``: of this disk."""

    recorders: Recorders
    whip: WhipEndpoint
    stills: Stills
    find: Find
    clock: Clock
    drain: Callable[[], Awaitable[int]]
    room: Callable[[], Awaitable[RoomTold]]

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/node/live", relay_handler(self.find, self.clock)),
            web.post("/node/whip/{id}", self.offer),
            web.patch("/node/whip/{id}/{session}", self.trickle),
            web.delete("/node/whip/{id}/{session}", self.end),
            web.post("/node/say/{id}", self.say),
            web.get("/node/still/{id}", self.still),
            web.get("/node/room", self.tell_room),
            web.post("/node/drain", self.drain_all),
            web.post("/api/drain", self.drain_all),
        ]

    async def offer(self, request: web.Request) -> web.Response:
        """POST /node/whip/{id}: the stream is this node's from the first keyframe on, whoever's it was."""
        wanted = await _read(request, _Offer)
        answer = await self.recorders.offer(_stream(request), wanted.sdp, device=wanted.device)
        return web.json_response({"session": answer.session_id, "sdp": answer.sdp}, status=201)

    async def trickle(self, request: web.Request) -> web.Response:
        wanted = await _read(request, _Fragment)
        await self.whip.trickle(_stream(request), request.match_info["session"], wanted.fragment)
        return web.Response(status=204)

    async def end(self, request: web.Request) -> web.Response:
        await self.whip.end(_stream(request), request.match_info["session"])
        return web.Response(status=204)

    async def say(self, request: web.Request) -> web.Response:
        wanted = await _read(request, _Words)
        return web.json_response({"heard": self.whip.say(_stream(request), wanted.label, wanted.text)})

    async def still(self, request: web.Request) -> web.Response:
        """GET /node/still/{id}: the newest picture, small; 204: none has come."""
        found = await self.stills.newest(_stream(request))
        if found is None:
            return web.Response(status=204)
        headers = {AT: str(found.at_us)} | ({} if found.black is None else {BLACK: str(int(found.black))})
        return web.Response(body=found.jpeg, content_type=JPEG, headers=headers)

    async def tell_room(self, _request: web.Request) -> web.Response:
        """GET /node/room: of the disk that is recorded on, at this moment."""
        return web.json_response((await self.room()).model_dump())

    async def drain_all(self, _request: web.Request) -> web.Response:
        """POST /node/drain: answers when all is given away, or when the time for it is over."""
        return web.json_response({"left": await self.drain()})


@dataclass(frozen=True, slots=True)
class DiskDoor:
    """Bytes that lie here, for other nodes; ``folders`` are the data folders of this node's roles. ``open_reels``: what
    is being recorded here."""

    folders: tuple[Path, ...]
    places: ReelPlaces
    open_reels: Callable[[], Collection[str]]

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/node/reels/{id}", self.contents),
            web.get("/node/pictures/{id}", self.contents),
            web.get("/node/{folder:photos|apart|uploads|inspections|statements}/{file}", self.kept),
            web.delete("/node/{folder:photos|uploads}/{file}", self.delete_kept),
            web.get("/node/reels/{id}/{day}/{file}", self.reel),
            web.delete("/node/reels/{id}/{day}/{file}", self.delete),
            web.get("/node/pictures/{id}/{day}/{file}", self.picture),
            web.delete("/node/pictures/{id}/{day}/{file}", self.delete_picture),
        ]

    async def contents(self, request: web.Request) -> web.Response:
        """GET /node/reels/{stream}, /node/pictures/{stream}: what lies here, as [name, bytes]."""
        stream_id, kind = _stream(request), request.path.split("/")[2]
        return web.json_response(await asyncio.to_thread(self._listed, f"{kind}/{stream_id}"))

    def _listed(self, below: str) -> list[tuple[str, int]]:
        return [one for folder in self.folders for one in LocalShelf(folder).names(below) if one[0].endswith(_MEDIA)]

    async def kept(self, request: web.Request) -> web.StreamResponse:
        """GET /node/photos/{file} and the like: what an office keeps beside footage, from when it led here."""
        return await self._send(_kept(request), "application/octet-stream")

    async def reel(self, request: web.Request) -> web.StreamResponse:
        """GET /node/reels/{stream}/{day}/{file}, whole or by Range: sent from the file."""
        return await self._file(request, "reels", _REEL, "video/mp4")

    async def picture(self, request: web.Request) -> web.StreamResponse:
        """GET /node/pictures/{stream}/{day}/{file}: on which an alarm was raised."""
        return await self._file(request, FOLDER, _PICTURE, JPEG)

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /node/reels/{stream}/{day}/{file}?epoch=N: footage whose term is over, by the office of that epoch."""
        path = _path(request, "reels", _REEL)
        if path in self.open_reels():
            raise Conflict("this reel is being recorded", code="reel_open")
        return await self._delete(request, path)

    async def delete_picture(self, request: web.Request) -> web.Response:
        """DELETE /node/pictures/{stream}/{day}/{file}?epoch=N: with the footage that it belonged to."""
        return await self._delete(request, _path(request, FOLDER, _PICTURE))

    async def delete_kept(self, request: web.Request) -> web.Response:
        """DELETE /node/photos/{file}?epoch=N, and of originals: the same."""
        return await self._delete(request, _kept(request))

    async def _delete(self, request: web.Request, path: str) -> web.Response:
        epoch = request.query.get("epoch", "")
        if not (epoch.isascii() and epoch.isdigit() and len(epoch) < 19):
            raise InvalidRequest("expected the office's epoch")
        try:
            await asyncio.to_thread(self.places.delete, path, self.folders, int(epoch))
        except NotLeading as error:
            raise Conflict(str(error), code="not_leading") from error
        except (OSError, SQLAlchemyError) as error:
            raise Unavailable(f"it cannot be deleted: {error}") from error
        return web.Response(status=204)

    async def _file(
        self, request: web.Request, kind: str, names: re.Pattern[str], media_type: str
    ) -> web.StreamResponse:
        return await self._send(_path(request, kind, names), media_type)

    async def _send(self, name: str, media_type: str) -> web.StreamResponse:
        for folder in self.folders:
            path = folder / name
            if await asyncio.to_thread(path.is_file):
                return web.FileResponse(path, headers={hdrs.CONTENT_TYPE: media_type})
        raise NotFound("it does not lie on this node's disk")


def _path(request: web.Request, kind: str, names: re.Pattern[str]) -> str:
    """Below a data folder."""
    stream_id, asked = _stream(request), request.match_info
    if _DAY.fullmatch(asked["day"]) is None or names.fullmatch(asked["file"]) is None:
        raise NotFound("no such file")
    return f"{kind}/{stream_id}/{asked['day']}/{asked['file']}"


def _kept(request: web.Request) -> str:
    """The same of what lies in one folder for all streams."""
    if _KEPT.fullmatch(request.match_info["file"]) is None:
        raise NotFound("no such file")
    return f"{request.match_info['folder']}/{request.match_info['file']}"


def _stream(request: web.Request) -> str:
    stream_id = request.match_info["id"]
    if STREAM_ID.fullmatch(stream_id) is None:
        raise NotFound("no such stream")
    return stream_id


async def _read(request: web.Request, model: type[Body]) -> Body:
    try:
        return model.model_validate(json.loads(await request.read()))
    except (ValidationError, ValueError) as error:
        raise InvalidRequest(f"another node's call cannot be read: {type(error).__name__}") from None
