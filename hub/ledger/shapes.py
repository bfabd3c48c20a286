"""What nearly every entry looks like, as one expression: a ``chunk`` whose body has the fields that a hub writes.

Bytes that match are canonical JSON in our profile, have each key once, and pass every check of ``entries.py``: it is
those that are cheap to tell. Bytes that do not match are read with care, and may be as good.
"""

from __future__ import annotations

import re

_COUNT = "(?:0|(?!9[0-9]{15})[1-9][0-9]{0,15}+)"
"""From 0 on, and below 2^53: of those with 16 digits, the ones below 9 × 10^15."""
_INTEGER = f"(?:{_COUNT}|-(?!9[0-9]{{15}})[1-9][0-9]{{0,15}}+)"
_TEXT = r'"[ !#-\[\]-~]*+"'
"""Nothing that JSON writes with an escape, and ASCII."""
_DIGEST = '"[0-9a-f]{64}"'
_NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
_REEL = f'"reels/(?P<stream>[a-z0-9][a-z0-9-]{{0,62}})/(?:{_NAME}/)*{_NAME}"'


def _object(**members: str) -> str:
    """An expression for an object with these members, which are expressions too, in the order of their keys."""
    return r"\{" + ",".join(f'"{key}":{members[key]}' for key in sorted(members)) + r"\}"


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
    reel=_REEL, run=_INTEGER, offset=_COUNT, size=_COUNT, sha256=_DIGEST, init_size=_COUNT, init_sha256=_DIGEST,
    first_us=_INTEGER, end_us=_INTEGER, device_us=f"(?:null|{_INTEGER})", reason=_TEXT,
    tracks=rf"\[(?:{_TRACK}(?:,{_TRACK})*)?\]",
)  # fmt: skip
_ENTRY = _object(
    v="1", type='"chunk"', stream='"(?P=stream)"', body=_BODY, hub=_TEXT, node=_TEXT, boot=_TEXT, salt=_TEXT,
    epoch=_COUNT, seq=_COUNT, prev=_DIGEST, t_hub=_INTEGER, t_mono=_INTEGER,
    clock=_object(source=_TEXT, offset_us=_INTEGER, error_us=_INTEGER),
)  # fmt: skip
CHUNK = re.compile(_ENTRY.encode())
