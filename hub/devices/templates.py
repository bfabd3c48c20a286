"""Where cameras of the usual vendors offer their streams: one table of patterns, and how they are filled. Pure.

Where the patterns come from: docs/design/devices.md. The page fills the same patterns by the same two rules
(``web/src/domain/address.ts``): words of the user are percent-encoded whole, numbers are written as they are.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote

from hub.errors import InvalidRequest

DEFAULT_PORT = 554
MOST_CHANNELS = 1024
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Template:
    """``main`` and ``sub`` are paths; ``{channel}`` counts from 1. ``channels``: whether it has any."""

    id: str
    names: tuple[str, ...]
    """How it is called in a table; the first one is shown."""
    main: str
    sub: str

    @property
    def channels(self) -> bool:
        return "{channel}" in self.main


@dataclass(frozen=True, slots=True)
class Camera:
    """How to reach one. ``port`` 1 to 65535, ``channel`` from 1; an empty user: no sign-in."""

    host: str
    port: int = DEFAULT_PORT
    channel: int = 1
    user: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Addresses:
    """``main`` is recorded; ``sub`` is the camera's smaller stream."""

    main: str
    sub: str


TEMPLATES = (
    Template(
        "hikvision",
        ("海康威视", "海康", "hikvision", "hik"),
        "/Streaming/Channels/{channel}01",
        "/Streaming/Channels/{channel}02",
    ),
    Template(
        "dahua",
        ("大华", "大华股份", "dahua"),
        "/cam/realmonitor?channel={channel}&subtype=0",
        "/cam/realmonitor?channel={channel}&subtype=1",
    ),
    Template("uniview", ("宇视", "宇视摄像机", "uniview", "unv"), "/media/video1", "/media/video2"),
    Template(
        "uniview-nvr",
        ("宇视录像机", "宇视nvr", "uniview-nvr"),
        "/unicast/c{channel}/s0/live",
        "/unicast/c{channel}/s1/live",
    ),
)
_BY_NAME = {name: one for one in TEMPLATES for name in (one.id, *one.names)}


def find_template(name: str) -> Template | None:
    """By its id or any of its names, however written."""
    return _BY_NAME.get(name.strip().casefold())


def addresses(template: Template, camera: Camera) -> Addresses:
    """Both RTSP URLs of the camera. Raises InvalidRequest (``bad_host``, ``bad_port``, ``bad_channel``)."""
    if not 1 <= camera.port <= 65535:
        raise InvalidRequest("port: expected 1 to 65535", code="bad_port")
    if not 1 <= camera.channel <= MOST_CHANNELS:
        raise InvalidRequest(f"channel: expected 1 to {MOST_CHANNELS}", code="bad_channel")
    start = f"rtsp://{_userinfo(camera)}{host_in_url(camera.host)}:{camera.port}"
    channel = str(camera.channel)
    return Addresses(*(start + path.replace("{channel}", channel) for path in (template.main, template.sub)))


def host_in_url(host: str) -> str:
    """A name or an IP address as a URL has it: IPv6 in brackets (RFC 3986 §3.2.2). Raises InvalidRequest."""
    host = host.strip()
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare:
        try:
            return f"[{ipaddress.IPv6Address(bare).compressed}]"
        except ValueError:
            pass
    elif _HOST.fullmatch(host):
        return host
    raise InvalidRequest("host: expected a host name or an IP address, without rtsp:// and port", code="bad_host")


def encoded(word: str) -> str:
    """Percent-encoded but for the unreserved characters (RFC 3986 §2.3): ``@ : / # ?`` cannot end the user's part."""
    return quote(word, safe="")


def _userinfo(camera: Camera) -> str:
    if not camera.user:
        return ""
    return f"{encoded(camera.user)}:{encoded(camera.password)}@" if camera.password else f"{encoded(camera.user)}@"
