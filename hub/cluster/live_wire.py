"""Live fragments between nodes: the binary messages of ``WS /node/live``.

Each begins with ``u8 kind · u8 0 · u16 channel``; all numbers are big endian. Behind it:

- 1 init: ``u8 tracks``, and for each ``u8 id · u8 media · u32 timescale · u16 size · mime · u32 size · init segment``
- 2 fragment: ``u8 track · u8 media · u8 keyframe · u8 0 · u32 timescale · u64 tfdt · u32 duration · i64 first ·
  i64 end`` (hub UTC, µs), and the bytes of the fragment as they lie on the disk
- 3 ended: why, in UTF-8; nothing comes at this moment
- 4 gap: ``u32 fragments`` that the receiver was too slow for; what follows begins with a keyframe

``media`` is 0 for pictures, 1 for sound. A receiver asks in text, JSON:
``{"type":"want","channel":3,"stream":"gate-01","preview":false}``, ``{"type":"leave","channel":3}``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hub.errors import InvalidRequest, MediaError
from hub.model import Fragment, InitTrack, MediaKind

MAX_MESSAGE_BYTES = 64 << 20
MAX_TRACKS = 16
MAX_CHANNELS = 4096
MAX_REASON = 200
NOT_HERE = "not_here"
"""Why a stream ended: the node that was asked does not record it."""

_HEADER = struct.Struct(">BBH")
_TRACK = struct.Struct(">BBIH")
_SIZE = struct.Struct(">I")
_FRAGMENT = struct.Struct(">BBBBIQIqq")
_INIT, _MEDIA, _ENDED, _GAP = 1, 2, 3, 4
_MEDIA_KINDS = (MediaKind.VIDEO, MediaKind.AUDIO)


@dataclass(frozen=True, slots=True)
class Init:
    tracks: tuple[InitTrack, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    reason: str


@dataclass(frozen=True, slots=True)
class Gap:
    fragments: int


Item = Init | Fragment | Ended | Gap


def encode(channel: int, item: Item) -> bytes:
    """The message of one item."""
    match item:
        case Init():
            parts = [_HEADER.pack(_INIT, 0, channel), bytes((len(item.tracks),))]
            for track in item.tracks:
                mime = track.mime.encode()
                parts.append(_TRACK.pack(track.id, _MEDIA_KINDS.index(track.kind), track.timescale, len(mime)))
                parts += [mime, _SIZE.pack(len(track.init)), track.init]
            return b"".join(parts)
        case Fragment():
            media = _MEDIA_KINDS.index(item.kind)
            times = (item.timescale, item.tfdt_ticks, item.duration_ticks, item.first_us, item.end_us)
            head = _FRAGMENT.pack(item.track_id, media, item.keyframe, 0, *times)
            return b"".join((_HEADER.pack(_MEDIA, 0, channel), head, item.data))
        case Ended():
            return _HEADER.pack(_ENDED, 0, channel) + item.reason[:MAX_REASON].encode()
        case Gap():
            return _HEADER.pack(_GAP, 0, channel) + _SIZE.pack(min(item.fragments, 0xFFFF_FFFF))


def decode(data: bytes) -> tuple[int, Item]:
    """Channel and item. Of a fragment that is what watchers need; the rest of its fields are empty. Raises MediaError
    for anything that :func:`encode` would not have made."""
    try:
        kind, zero, channel = _HEADER.unpack_from(data)
        body = memoryview(data)[_HEADER.size :]
        if zero:
            raise MediaError(f"expected 0 behind the kind of a live message, found {zero}")
        if kind == _INIT:
            return channel, _init(body)
        if kind == _MEDIA:
            return channel, _fragment(body)
        if kind == _ENDED and len(body) <= 4 * MAX_REASON:
            return channel, Ended(str(body, "utf-8"))
        if kind == _GAP and len(body) == _SIZE.size:
            return channel, Gap(_SIZE.unpack(body)[0])
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise MediaError(f"a live message of another node cannot be read: {error}") from None
    raise MediaError(f"expected a live message of a known kind and size, found kind {kind} of {len(data)} bytes")


def _init(body: memoryview) -> Init:
    count, at = body[0], 1
    if not 1 <= count <= MAX_TRACKS:
        raise MediaError(f"expected 1 to {MAX_TRACKS} tracks in a live init, found {count}")
    tracks = []
    for _ in range(count):
        ident, media, timescale, size = _TRACK.unpack_from(body, at)
        at += _TRACK.size
        mime = str(_cut(body, at, size), "utf-8")
        at += size
        (size,) = _SIZE.unpack_from(body, at)
        at += _SIZE.size
        tracks.append(InitTrack(ident, _media(media), mime, _positive(timescale), bytes(_cut(body, at, size))))
        at += size
    if at != len(body):
        raise MediaError(f"a live init has {len(body) - at} bytes too many")
    return Init(tuple(tracks))


def _fragment(body: memoryview) -> Fragment:
    track, media, keyframe, zero, timescale, tfdt, duration, first_us, end_us = _FRAGMENT.unpack_from(body)
    if keyframe > 1 or zero:
        raise MediaError("expected 0 or 1, and 0, for the marks of a live fragment")
    return Fragment(
        track, _media(media), bytes(body[_FRAGMENT.size :]), bool(keyframe), tfdt, duration, _positive(timescale),
        frames=0, keyframes=0, damaged=0, first_us=first_us, end_us=end_us, device_us=None,
        first_seq=0, last_seq=0, lost=0,
    )  # fmt: skip


def _cut(body: memoryview, at: int, size: int) -> memoryview:
    if at + size > len(body):
        raise MediaError(f"a live message ends {at + size - len(body)} bytes too early")
    return body[at : at + size]


def _media(value: int) -> MediaKind:
    return _MEDIA_KINDS[value]


def _positive(timescale: int) -> int:
    if not timescale:
        raise MediaError("expected a time scale above 0, found 0")
    return timescale


class _Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    channel: int = Field(ge=0, lt=MAX_CHANNELS)


class Want(_Wish):
    type: Literal["want"] = "want"
    stream: str = Field(max_length=63)
    preview: bool = False


class Leave(_Wish):
    type: Literal["leave"] = "leave"


_WISH: TypeAdapter[Want | Leave] = TypeAdapter(Annotated[Want | Leave, Field(discriminator="type")])


def read_wish(text: str) -> Want | Leave:
    """Raises InvalidRequest."""
    try:
        return _WISH.validate_json(text)
    except ValidationError as error:
        raise InvalidRequest(f"expected want or leave, found {error.error_count()} mistakes") from None
