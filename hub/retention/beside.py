"""What lies beside reels and belongs to footage: pictures of alarms, photographs, originals. It goes when that goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Place(NamedTuple):
    """The time of a stream that a file belongs to; hub UTC, µs."""

    stream_id: str
    from_us: int
    to_us: int


@dataclass(frozen=True, slots=True)
class Beside:
    """``path`` is below the data folder. ``places``: all that the file belongs to; the same bytes may have been brought
    for several streams, and go when none of them keeps them."""

    path: str
    places: tuple[Place, ...]


FindBeside = Callable[[str, int], Sequence[Beside]]
"""``find(stream, until_us)``: what is there of a stream and begins before then. Blocks."""


def nothing_beside(_stream_id: str, _until_us: int) -> Sequence[Beside]:
    return ()
