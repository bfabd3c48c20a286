"""Where notices go: named addresses, whose URLs are secrets, and how something is sent to one.

``apprise`` takes any URL that apprise knows (DingTalk, WeCom, Feishu, e-mail, JSON …) but those of the machine that the
hub runs on. ``alertmanager`` and ``webhook`` take http(s) URLs, see :mod:`hub.notices.alertmanager`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import warnings
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from sqlalchemy import Column, Engine, RowMapping, Table, delete, select

from hub.clock import Clock
from hub.database import Int64, Text, metadata
from hub.errors import Conflict, InvalidRequest, NotFound
from hub.logging import MASK, redact
from hub.notices.texts import Words

MAX_CHANNELS = 32
MAX_URL = 2000
SEND_S: Final = 30.0
"""After this long one attempt has failed."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_OF_THIS_MACHINE = frozenset(
    {
        "syslog",
        "dbus",
        "kde",
        "qt",
        "glib",
        "gio",
        "gnome",
        "macosx",
        "windows",
        "blink1",
        "growl",
    }
)
"""Schemes that act on the hub's own machine."""
_WITH_HOST = frozenset({"http", "https", "json", "jsons", "form", "forms", "xml", "xmls", "mailto", "mailtos"})
_LOADING = threading.Lock()


class ChannelKind(StrEnum):
    APPRISE = "apprise"
    ALERTMANAGER = "alertmanager"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Channel:
    """``unit``: alarms of it and of what lies below may be sent here. The URL is shown by :attr:`shown` alone."""

    name: str
    kind: ChannelKind
    url: str = field(repr=False)
    unit: str
    created_us: int
    by: str = ""

    @property
    def shown(self) -> str:
        return shown_url(self.kind, self.url)


class SendError(Exception):
    """An attempt failed; the message holds no secret."""


channels = Table(
    "notice_channels",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("created_us", Int64, nullable=False),
    Column("by", Text, nullable=False),
)


def shown_url(kind: ChannelKind, url: str) -> str:
    """The URL without what opens it: as apprise masks it; of http(s) neither user, path nor query."""
    if kind is ChannelKind.APPRISE:
        service = _service(url)
        return MASK if service is None else f"{urlsplit(url).scheme}://{MASK}"
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, f"/{MASK}" if parts.path.strip("/") or parts.query else "", "", ""))


def check_url(kind: ChannelKind, url: str) -> str:
    """Raises InvalidRequest, which does not repeat the URL."""
    if not 1 <= len(url) <= MAX_URL or not url.isprintable():
        raise InvalidRequest(f"url: expected 1 to {MAX_URL} printable characters", code="bad_url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidRequest("url: expected a URL", code="bad_url") from None
    if kind is ChannelKind.APPRISE:
        if parts.scheme.lower() in _OF_THIS_MACHINE:
            raise InvalidRequest("url: this scheme acts on the hub's own machine", code="bad_url")
        if _service(url) is None:
            raise InvalidRequest("url: apprise knows no service of this form; see its list of URLs", code="bad_url")
    elif parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise InvalidRequest("url: expected http://HOST… or https://HOST…", code="bad_url")
    return url


def _asset() -> Any:
    import apprise

    return apprise.AppriseAsset(
        app_id="recorder-hub", app_desc="执法记录中枢", app_url="", async_mode=False, secure_logging=True,
        storage_mode="memory", plugin_paths=[],
    )  # fmt: skip


@cache
def _plugins() -> None:
    """Apprise reads all its services at the first use; one of them still looks for a module that Python gave up."""
    import apprise

    said = logging.getLogger("apprise")  # it names addresses; what went wrong is kept with the notice
    said.addHandler(logging.NullHandler())
    said.propagate = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        apprise.Apprise.instantiate("json://localhost", asset=_asset())


def _service(url: str) -> Any:
    import apprise

    with _LOADING:
        _plugins()
    try:
        return apprise.Apprise.instantiate(url, asset=_asset())
    except Exception:  # whatever a plugin makes of a hostile URL, it is none
        return None


def send_apprise(url: str, words: Words, level: int) -> None:
    """Blocks for as long as the service takes. Raises SendError."""
    import apprise

    service = _service(url)
    if service is None:
        raise SendError("the URL of this channel is not understood by this version of apprise")
    all_services = apprise.Apprise(asset=_asset())
    all_services.add(service)
    grave = {1: apprise.NotifyType.FAILURE, 2: apprise.NotifyType.FAILURE, 3: apprise.NotifyType.WARNING}
    result = all_services.notify(
        body=words.body,
        title=words.title,
        notify_type=grave.get(level, apprise.NotifyType.INFO),
        body_format=apprise.NotifyFormat.TEXT,
        interpret_escapes=False,
        timeout=SEND_S,
    )
    if not result:
        raise SendError(_why(url, result))


def _why(url: str, result: Any) -> str:
    """What apprise logged last of this attempt, without anything of the URL that could be a secret."""
    said = [str(entry.message) for entry in result.logs()]
    return without_secrets(url, said[-1] if said else "refused or not reached")


def without_secrets(url: str, text: str) -> str:
    """``text`` with every part of the URL masked that is long enough to be a secret. The host stays where the scheme
    has one; of many services' URLs it is the token that stands in its place."""
    scheme, _, rest = url.partition("://")
    kept = {scheme.lower()}
    if scheme.lower() in _WITH_HOST:
        kept.add((urlsplit(url).hostname or "").lower())
    parts = {one for part in re.split(r"[/:@?&=#,]+", rest) for one in (part, unquote(part))}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= 4 and part.lower() not in kept:
            text = text.replace(part, MASK)
    return redact(" ".join(text.split()))[:300]


class Channels:
    """All channels: read from memory, changed in a thread."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._known: dict[str, Channel] = {}
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        self._known = {one.name: one for one in await asyncio.to_thread(self._read)}

    def all(self) -> list[Channel]:
        return sorted(self._known.values(), key=lambda one: one.name)

    def find(self, name: str) -> Channel | None:
        return self._known.get(name)

    def get(self, name: str) -> Channel:
        found = self._known.get(name)
        if found is None:
            raise NotFound(f"no channel {name[:63]!r} is known")
        return found

    async def add(self, name: str, kind: ChannelKind, url: str, unit: str, by: str) -> Channel:
        """Raises InvalidRequest, and Conflict for a name that is taken."""
        if _NAME.fullmatch(name) is None:
            raise InvalidRequest("name: expected 1 to 63 of a-z, 0-9 and -, not beginning with -", code="bad_name")
        await asyncio.to_thread(check_url, kind, url)
        made = Channel(name, kind, url, unit, self._clock.now().utc_us, by)
        async with self._writing:
            if name in self._known:
                raise Conflict(f"the channel {name!r} is there already", code="channel_exists")
            if len(self._known) >= MAX_CHANNELS:
                raise Conflict(f"there are {MAX_CHANNELS} channels already", code="too_many_channels")
            await asyncio.to_thread(self._insert, made)
            self._known[name] = made
        return made

    async def remove(self, name: str) -> Channel:
        async with self._writing:
            found = self.get(name)
            await asyncio.to_thread(self._delete, name)
            del self._known[name]
        return found

    def _read(self) -> list[Channel]:
        with self._engine.connect() as connection:
            return [_channel(row) for row in connection.execute(select(channels)).mappings()]

    def _insert(self, one: Channel) -> None:
        row = {
            "name": one.name, "kind": one.kind.value, "url": one.url, "unit": one.unit,
            "created_us": one.created_us, "by": one.by,
        }  # fmt: skip
        with self._engine.begin() as connection:
            connection.execute(channels.insert().values(row))

    def _delete(self, name: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(channels).where(channels.c.name == name))


def _channel(row: RowMapping) -> Channel:
    return Channel(row["name"], ChannelKind(row["kind"]), row["url"], row["unit"], row["created_us"], row["by"])
