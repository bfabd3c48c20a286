"""The table of streams: which sources there are, and the secrets to reach them or to be reached by them.

A camera's RTSP password is stored and never shown again; of a recorder's bearer token only the SHA-256 is
stored, the token itself is shown once. A retired stream keeps its row for ever: its footage and entries
name it, so its id is never given to another source.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

import structlog
from sqlalchemy import Boolean, Column, Engine, RowMapping, Table, false, select

from hub.clock import Clock
from hub.database import Int64, Text, metadata
from hub.errors import Conflict, InvalidRequest, NotFound
from hub.logging import MASK
from hub.model import Capability, RtspSource, Stream, StreamKind, Transport, WhipSource

STREAM_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
MAX_NAME = 100
MAX_DEVICE_NUMBER = 64
MAX_URL = 2000

log = structlog.get_logger(__name__)

streams = Table(
    "streams",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("transport", Text, nullable=False),
    Column("token_sha256", Text, nullable=False),
    Column("created_us", Int64, nullable=False),
    Column("retired", Boolean, nullable=False),
    Column("unit", Text, nullable=False, server_default=""),
    Column("device_number", Text, nullable=False, server_default=""),
    Column("custodian", Text, nullable=False, server_default=""),
    Column("capabilities", Text, nullable=False, server_default=""),  # words, a blank between
    Column("managed_by_others", Boolean, nullable=False, server_default=false()),
    Column("preview_url", Text, nullable=False, server_default=""),
    Column("preview_transport", Text, nullable=False, server_default=""),
)

Listener = Callable[[Stream | None, Stream], None]
"""Called on the event loop after the change is durable, with the stream as it was (None: new) and as it is."""


@dataclass(frozen=True, slots=True)
class RtspDraft:
    """What a caller says of a camera. On a change, None keeps what is stored; a URL with its password masked,
    as the hub shows it, keeps the stored password."""

    url: str | None = None
    transport: Transport | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """A stream as stored; ``token`` is a new device token in clear, which nobody can read again."""

    stream: Stream
    token: str | None = None


class Registry:
    """Streams by id. Reading is from memory and never blocks; a change is durable before it returns."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._streams: dict[str, Stream] = {}
        self._listeners: list[Listener] = []
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, engine: Engine, clock: Clock) -> Registry:
        """The registry with every stream read in. The tables must exist (``create_tables``)."""
        registry = cls(engine, clock)
        for stream in await asyncio.to_thread(registry._read_all):
            registry._streams[stream.id] = stream
        return registry

    def on_change(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def list(self, *, retired: bool = False) -> tuple[Stream, ...]:
        """Streams in the order of their registration; retired ones only when asked for."""
        return tuple(stream for stream in self._streams.values() if retired or not stream.retired)

    def get(self, stream_id: str) -> Stream:
        """The stream, retired or not. Raises NotFound."""
        stream = self._streams.get(stream_id)
        if stream is None:
            raise NotFound(f"no stream {stream_id[:63]!r} is registered")
        return stream

    def token_opens(self, stream_id: str, token: str) -> bool:
        """Whether ``token`` is the device token of this stream, retired or not. Takes as long for an unknown one."""
        stream = self._streams.get(stream_id)
        source = stream.source if stream is not None else None
        stored = source.token_sha256 if isinstance(source, WhipSource) else ""
        return hmac.compare_digest(_digest(token), stored or "-") and bool(stored)

    def find(self, stream_id: str) -> Stream | None:
        """The stream, retired or not."""
        return self._streams.get(stream_id)

    async def add(
        self,
        stream_id: str,
        name: str,
        kind: StreamKind,
        source: RtspDraft | Literal["whip"],
        *,
        unit: str = "",
        device_number: str = "",
        custodian: str = "",
        capabilities: frozenset[Capability] = frozenset(),
        managed_by_others: bool = False,
        preview: RtspDraft | None = None,
    ) -> Registered:
        """Register a source. Raises InvalidRequest, and Conflict when the id is or ever was taken, or the device
        number is that of another stream. That ``unit`` and ``custodian`` exist is the caller's to check."""
        check_id(stream_id)
        token = None
        made: RtspSource | WhipSource
        if isinstance(source, RtspDraft):
            made = _rtsp_source(source, None, "source.url")
        else:
            token, made = _new_token()
        stream = Stream(
            stream_id,
            check_name(name),
            kind,
            made,
            self._clock.now().utc_us,
            unit=unit,
            device_number=check_device_number(device_number),
            custodian=custodian,
            capabilities=capabilities,
            managed_by_others=managed_by_others,
        )
        stream = _with_preview(stream, preview)
        async with self._writing:
            before = self._streams.get(stream_id)
            if before is not None:
                state = "was used by a stream that is retired" if before.retired else "is taken"
                raise Conflict(f"the stream id {stream_id!r} {state}; choose another", code="stream_exists")
            self._check_number_is_free(stream)
            await self._store(None, stream)
        return Registered(stream, token)

    async def patch(
        self,
        stream_id: str,
        *,
        name: str | None = None,
        kind: StreamKind | None = None,
        source: RtspDraft | Literal["whip"] | None = None,
        rotate_token: bool = False,
        unit: str | None = None,
        device_number: str | None = None,
        custodian: str | None = None,
        capabilities: frozenset[Capability] | None = None,
        managed_by_others: bool | None = None,
        preview: RtspDraft | Literal["none"] | None = None,
    ) -> Registered:
        """Change what is given; ``preview`` "none" takes it away. Raises NotFound, InvalidRequest, and Conflict for a
        retired stream."""
        async with self._writing:
            before = self._live(stream_id)
            after, token = before, None
            if name is not None:
                after = replace(after, name=check_name(name))
            if kind is not None:
                after = replace(after, kind=kind)
            if capabilities is not None:
                after = replace(after, capabilities=capabilities)
            if managed_by_others is not None:
                after = replace(after, managed_by_others=managed_by_others)
            reaches = source is not None or rotate_token or preview is not None
            if after.managed_by_others and before.managed_by_others and reaches:
                raise Conflict(
                    f"{stream_id!r} is managed by others (由政务服务中心等统一管理): it is watched and recorded here, "
                    "its source is not changed",
                    code="managed_by_others",
                )
            after = self._with_owner(after, unit, device_number, custodian)
            if isinstance(source, RtspDraft):
                after = replace(after, source=_rtsp_source(source, before.source, "source.url"))
            elif source == "whip" and not isinstance(before.source, WhipSource):
                rotate_token, after = True, replace(after, source=WhipSource(), preview=None)
            after = _with_preview(after, preview)
            if rotate_token:
                if not isinstance(after.source, WhipSource):
                    raise InvalidRequest(
                        "rotate_token is for streams of source type whip; a camera has no device token"
                    )
                token, whip = _new_token()
                after = replace(after, source=whip)
            if after != before:
                await self._store(before, after)
            return Registered(after, token)

    async def retire(self, stream_id: str) -> Stream:
        """End a stream for good: nothing is recorded any more, footage and entries stay. Idempotent."""
        async with self._writing:
            before = self.get(stream_id)
            if before.retired:
                return before
            after = replace(before, retired=True)
            await self._store(before, after)
            return after

    def _with_owner(self, stream: Stream, unit: str | None, device_number: str | None, custodian: str | None) -> Stream:
        if unit is not None:
            stream = replace(stream, unit=unit)
        if custodian is not None:
            stream = replace(stream, custodian=custodian)
        if device_number is not None:
            stream = replace(stream, device_number=check_device_number(device_number))
            self._check_number_is_free(stream)
        return stream

    def _check_number_is_free(self, stream: Stream) -> None:
        """A dock's files are matched to their stream by this number. A retired stream's device may serve another."""
        number = stream.device_number
        other = next(
            (one for one in self.list() if number and one.device_number == number and one.id != stream.id), None
        )
        if other is not None:
            raise Conflict(f"device_number: {number!r} is that of the stream {other.id!r}", code="device_number_taken")

    def _live(self, stream_id: str) -> Stream:
        stream = self.get(stream_id)
        if stream.retired:
            raise Conflict(f"the stream {stream_id!r} is retired and cannot be changed", code="stream_retired")
        return stream

    async def _store(self, before: Stream | None, after: Stream) -> None:
        await asyncio.to_thread(self._write, before is None, after)
        self._streams[after.id] = after
        for listener in self._listeners:
            listener(before, after)

    def _write(self, new: bool, stream: Stream) -> None:
        row = _row(stream)
        with self._engine.begin() as connection:
            if new:
                connection.execute(streams.insert().values(row))
            else:
                connection.execute(streams.update().where(streams.c.id == stream.id).values(row))

    def _read_all(self) -> tuple[Stream, ...]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(streams).order_by(streams.c.created_us, streams.c.id)).mappings()
            return tuple(_stream(row) for row in rows)


# ------------------------------------------------------------------------------------ validation


def check_id(stream_id: str) -> str:
    """The id, or InvalidRequest: it becomes a folder's name and a part of URLs."""
    if STREAM_ID.fullmatch(stream_id) is None:
        raise InvalidRequest(
            f"id: expected 1 to 63 of a-z, 0-9 and -, not beginning with -; found {stream_id[:80]!r}", code="bad_id"
        )
    return stream_id


def check_name(name: str) -> str:
    """The name without outer blanks, or InvalidRequest."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidRequest(f"name: expected 1 to {MAX_NAME} printable characters, found {len(name)}", code="bad_name")
    return name


def check_device_number(number: str) -> str:
    """The number without outer blanks, empty for none, or InvalidRequest."""
    number = number.strip()
    if len(number) > MAX_DEVICE_NUMBER or not number.isprintable():
        raise InvalidRequest(
            f"device_number: expected at most {MAX_DEVICE_NUMBER} printable characters", code="bad_device_number"
        )
    return number


def _with_preview(stream: Stream, draft: RtspDraft | Literal["none"] | None) -> Stream:
    """The stream with that sub-stream; None keeps what is stored. Raises InvalidRequest."""
    if draft == "none":
        return replace(stream, preview=None)
    if draft is None:
        return stream
    if not isinstance(stream.source, RtspSource):
        raise InvalidRequest("preview: only a camera that is pulled has a sub-stream", code="preview_needs_camera")
    made = _rtsp_source(draft, stream.preview or stream.source, "preview.url", kept=stream.preview is not None)
    if made.url == stream.source.url:
        raise InvalidRequest(
            "preview.url: this is the main stream's own address; a sub-stream has another (Hikvision …/102, "
            "Dahua subtype=1)",
            code="bad_url",
        )
    return replace(stream, preview=made)


def source_of(draft: RtspDraft, stream: Stream | None) -> RtspSource:
    """What ``draft`` would be as the source, or the sub-stream, of this stream. Raises InvalidRequest."""
    stored = None if stream is None else stream.source
    if stream is not None and stream.preview is not None and draft.url == shown_url(stream.preview.url):
        stored = stream.preview
    return _rtsp_source(draft, stored, "source.url")


def _rtsp_source(
    draft: RtspDraft, before: RtspSource | WhipSource | None, field: str, *, kept: bool = True
) -> RtspSource:
    """``before`` lends its password to a masked one; unless ``kept``, it is another address than the one drafted."""
    stored = before if isinstance(before, RtspSource) else None
    transport = draft.transport or (stored.transport if stored else Transport.TCP)
    if draft.url is None:
        if stored is None or not kept:
            raise InvalidRequest(f"{field}: a source of type rtsp needs its url", code="bad_url")
        return replace(stored, transport=transport)
    if stored is not None and draft.url == shown_url(stored.url):
        return replace(stored, transport=transport)
    return RtspSource(_unmasked(draft.url, stored.url if stored else None, field), transport)


def _unmasked(url: str, stored: str | None, field: str) -> str:
    """``url`` checked, with the stored password in place of a mask if it goes to the same user and host."""
    parts = check_url(url, field)
    if MASK in {value for _, value in parse_qsl(parts.query)}:
        raise InvalidRequest(f"{field}: write the masked value of the query again", code="bad_url")
    if parts.password != MASK:
        return url
    old = urlsplit(stored) if stored is not None else None
    # elsewhere the stored password would be handed to whoever answers there
    if old is None or (old.username, old.hostname, old.port) != (parts.username, parts.hostname, parts.port):
        raise InvalidRequest(
            f"{field}: {MASK} keeps the stored password only for the same user, host and port; "
            "write the password again",
            code="bad_url",
        )
    userinfo = old.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{userinfo}@{parts.netloc.rpartition('@')[2]}").geturl()


def check_url(url: str, field: str = "source.url") -> SplitResult:
    """The parts of an RTSP URL (RFC 2326 §3.2), or InvalidRequest. The message never repeats the URL."""
    hint = "write special characters of user and password as %XX (@ is %40, / is %2F, # is %23, ? is %3F)"
    if len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise InvalidRequest(f"{field}: expected at most {MAX_URL} characters, none of them blank", code="bad_url")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  reading it checks it
    except ValueError:
        raise InvalidRequest(f"{field}: host or port cannot be read; {hint}", code="bad_url") from None
    if parts.scheme not in ("rtsp", "rtsps"):
        raise InvalidRequest(f"{field}: expected rtsp://… or rtsps://…", code="bad_url")
    if not parts.hostname or not re.fullmatch(r"[\w.:%-]+", parts.hostname):
        raise InvalidRequest(f"{field}: expected a host after {parts.scheme}://; {hint}", code="bad_url")
    return parts


_QUERY_SECRET = re.compile(r"((?:^|[/?&;_])(?:password|passwd|pwd|token)=)[^&/;]+", re.IGNORECASE)


def shown_url(url: str) -> str:
    """The URL with its password masked, and what some cameras want in path or query as ``password=…``."""
    parts = urlsplit(url)
    if parts.password is not None:
        userinfo, _, host = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{userinfo.partition(':')[0]}:{MASK}@{host}")
    masked = rf"\g<1>{MASK}"
    return parts._replace(
        path=_QUERY_SECRET.sub(masked, parts.path), query=_QUERY_SECRET.sub(masked, parts.query)
    ).geturl()


# ------------------------------------------------------------------------------------------ rows


def _new_token() -> tuple[str, WhipSource]:
    token = secrets.token_urlsafe(32)
    return token, WhipSource(_digest(token))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _row(stream: Stream) -> dict[str, object]:
    source = stream.source
    rtsp = source if isinstance(source, RtspSource) else None
    preview = stream.preview
    return {
        "id": stream.id,
        "name": stream.name,
        "kind": stream.kind.value,
        "source": "whip" if rtsp is None else "rtsp",
        "url": "" if rtsp is None else rtsp.url,
        "transport": "" if rtsp is None else rtsp.transport.value,
        "token_sha256": source.token_sha256 if isinstance(source, WhipSource) else "",
        "created_us": stream.created_us,
        "retired": stream.retired,
        "unit": stream.unit,
        "device_number": stream.device_number,
        "custodian": stream.custodian,
        "capabilities": " ".join(sorted(stream.capabilities)),
        "managed_by_others": stream.managed_by_others,
        "preview_url": "" if preview is None else preview.url,
        "preview_transport": "" if preview is None else preview.transport.value,
    }


def _stream(row: RowMapping) -> Stream:
    source: RtspSource | WhipSource
    if row["source"] == "rtsp":
        source = RtspSource(row["url"], Transport(row["transport"]))
    else:
        source = WhipSource(row["token_sha256"])
    return Stream(
        row["id"],
        row["name"],
        StreamKind(row["kind"]),
        source,
        row["created_us"],
        row["retired"],
        row["unit"],
        row["device_number"],
        row["custodian"],
        frozenset(Capability(word) for word in row["capabilities"].split() if word in set(Capability)),
        bool(row["managed_by_others"]),
        RtspSource(row["preview_url"], Transport(row["preview_transport"])) if row["preview_url"] else None,
    )
