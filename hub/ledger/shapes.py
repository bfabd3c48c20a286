"""What nearly every entry looks like, as one expression: a ``chunk`` whose body has the fields that a hub writes.

Bytes that match are canonical JSON in our profile, have each key once, and pass every check of ``entries.py``: it is
those that are cheap to tell, and their values are taken out as they are matched. Bytes that do not match are read with
care, and may be as good.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_COUNT = "(?:0|(?!9[0-9]{15})[1-9][0-9]{0,15}+)"
"""From 0 on, and below 2^53: of those with 16 digits, the ones below 9 × 10^15."""
_INTEGER = f"(?:{_COUNT}|-(?!9[0-9]{{15}})[1-9][0-9]{{0,15}}+)"
_CHARACTERS = r"[ !#-\[\]-~]*+"
"""Nothing that JSON writes with an escape, and ASCII."""
_TEXT = f'"{_CHARACTERS}"'
_DIGEST = '"[0-9a-f]{64}"'
_NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
_REEL = f'"(?P<reel>reels/(?P<stream>[a-z0-9][a-z0-9-]{{0,62}})/(?:{_NAME}/)*{_NAME})"'


def _object(**members: str) -> str:
    """An expression for an object with these members, which are expressions too, in the order of their keys."""
    return r"\{" + ",".join(f'"{key}":{members[key]}' for key in sorted(members)) + r"\}"


def _taken(name: str, value: str) -> str:
    """A value that is wanted; of a text what is between the quotes."""
    if value[0] == value[-1] == '"':
        return f'"(?P<{name}>{value[1:-1]})"'
    return f"(?P<{name}>{value})"


def _track(**more: str) -> str:
    numbers = dict.fromkeys(
        (
            "id", "timescale", "first_ticks", "end_ticks", "frames", "keyframes", "damaged", "first_seq", "last_seq",
            "lost",
        ),
        _INTEGER,
    )  # fmt: skip
    return _object(**numbers, kind=_TEXT, **more)


_TRACK = f"(?:{_track()}|{_track(source_sha256=_DIGEST)})"
_BODY = _object(
    reel=_REEL,
    reason=_taken("reason", _TEXT),
    run=_taken("run", _INTEGER),
    offset=_taken("offset", _COUNT),
    size=_taken("size", _COUNT),
    sha256=_taken("sha256", _DIGEST),
    init_size=_taken("init_size", _COUNT),
    init_sha256=_taken("init_sha256", _DIGEST),
    first_us=_taken("first_us", _INTEGER),
    end_us=_taken("end_us", _INTEGER),
    device_us=f"(?:null|{_taken('device_us', _INTEGER)})",
    tracks=_taken("tracks", rf"\[(?:{_TRACK}(?:,{_TRACK})*)?\]"),
)
_ENTRY = _object(
    v="1", type='"chunk"', stream='"(?P=stream)"', body=_BODY, node=_TEXT, boot=_TEXT, salt=_TEXT,
    hub=_taken("hub", _TEXT), epoch=_taken("epoch", _COUNT), seq=_taken("seq", _COUNT), prev=_taken("prev", _DIGEST),
    t_hub=_taken("t_hub", _INTEGER), t_mono=_taken("t_mono", _INTEGER),
    clock=_object(source=_TEXT, offset_us=_INTEGER, error_us=_INTEGER),
)  # fmt: skip
_CHUNK = re.compile(_ENTRY)
_LINES = re.compile(f"^{_ENTRY}\n", re.MULTILINE)
_WRITTEN = "[^,]*"
"""A number of what has the shape."""
_TRACK_TIMES = re.compile(
    r"([\[,])"
    + _object(
        damaged=_WRITTEN, end_ticks="([^,]*)", first_seq=_WRITTEN, first_ticks="([^,]*)", frames=_WRITTEN,
        id="([^,]*)", keyframes=_WRITTEN, kind='"[^"]*"', last_seq=_WRITTEN, lost=_WRITTEN, timescale="([^}]*)",
    ).replace(',"timescale"', ',(?:"source_sha256":"[^"]*",)?"timescale"')
)  # fmt: skip


def chunk(data: bytes) -> re.Match[str] | None:
    """Its values are the match's groups, in the order of the bytes. None: not of this shape."""
    return _CHUNK.fullmatch(data.decode("latin-1"))


class Columns(NamedTuple):
    """What chunks say, field by field and in the order of the bytes, as it is written: a column has a text for each.
    Empty for a ``device_us`` of null."""

    device_us: tuple[str, ...]
    end_us: tuple[str, ...]
    first_us: tuple[str, ...]
    init_sha256: tuple[str, ...]
    init_size: tuple[str, ...]
    offset: tuple[str, ...]
    reason: tuple[str, ...]
    reel: tuple[str, ...]
    stream: tuple[str, ...]
    run: tuple[str, ...]
    sha256: tuple[str, ...]
    size: tuple[str, ...]
    tracks: tuple[str, ...]
    epoch: tuple[str, ...]
    hub: tuple[str, ...]
    prev: tuple[str, ...]
    seq: tuple[str, ...]
    t_hub: tuple[str, ...]
    t_mono: tuple[str, ...]


def chunks(data: bytes, count: int) -> Columns | None:
    """``data`` is ``count`` whole lines. None: not each of them is of this shape.

    A match is one whole line, since nothing in the shape is a line's end: as many matches as lines are all lines.
    """
    text = data.decode("latin-1")
    if _LINES.match(text) is None:  # a file of something else is not searched for them
        return None
    found = _LINES.findall(text)
    return Columns(*zip(*found, strict=True)) if len(found) == count else None


def track_times(tracks: Iterable[str]) -> list[tuple[str, ...]]:
    """Of all tracks in such a column, without decoding it: what stands before each (``[`` for the first of a chunk),
    when it ends and begins, its id, its timescale."""
    return [*zip(*_TRACK_TIMES.findall("".join(tracks)), strict=True)] or [()] * 5
