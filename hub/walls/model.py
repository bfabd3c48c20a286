"""What a wall shows: places, and a cycle over them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.errors import InvalidRequest

SPLITS = (1, 4, 9, 16)
"""分屏: how many places a wall may have."""
MIN_EVERY_S, MAX_EVERY_S = 5, 300
"""Of a cycle (轮巡): shorter, nobody sees a picture; longer, nobody waits for the next."""
MAX_STEPS = 32
MAX_NAME = 60
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
EMPTY = ""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """``places`` has one stream id, or :data:`EMPTY`, for each of ``split`` places: row by row, from the left."""

    split: int
    places: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise InvalidRequest(f"split: expected one of {', '.join(map(str, SPLITS))}", code="bad_arrangement")
        if len(self.places) != self.split:
            found = f"expected {self.split} places, found {len(self.places)}"
            raise InvalidRequest(f"places: {found}", code="bad_arrangement")
        named = [one for one in self.places if one]
        if len(set(named)) != len(named):
            raise InvalidRequest("places: a stream has one place at most", code="bad_arrangement")

    @classmethod
    def empty(cls, split: int = 4) -> Arrangement:
        return cls(split, (EMPTY,) * split)

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Arrangement:
        return cls(int(value["split"]), tuple(value["places"]))

    def json(self) -> dict[str, Any]:
        return {"split": self.split, "places": list(self.places)}

    @property
    def streams(self) -> frozenset[str]:
        return frozenset(one for one in self.places if one)


@dataclass(frozen=True, slots=True)
class Cycle:
    """Every ``every_s`` seconds the next streams of ``unit`` and what lies below it, or the next of ``steps``."""

    every_s: int
    unit: str = ""
    steps: tuple[Arrangement, ...] = ()
    paused: bool = False

    def __post_init__(self) -> None:
        if not MIN_EVERY_S <= self.every_s <= MAX_EVERY_S:
            raise InvalidRequest(f"every_s: expected {MIN_EVERY_S} to {MAX_EVERY_S}", code="bad_cycle")
        if bool(self.unit) == bool(self.steps):
            raise InvalidRequest("cycle: expected a unit or steps, one of them", code="bad_cycle")
        if len(self.steps) > MAX_STEPS:
            raise InvalidRequest(f"steps: expected {MAX_STEPS} at most", code="bad_cycle")

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Cycle:
        steps = tuple(Arrangement.read(one) for one in value["steps"])
        return cls(int(value["every_s"]), value["unit"], steps, bool(value["paused"]))

    def json(self) -> dict[str, Any]:
        steps = [one.json() for one in self.steps]
        return {"every_s": self.every_s, "unit": self.unit, "steps": steps, "paused": self.paused}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a wall shows: ``arrangement``, and with a ``cycle`` what follows it. A cycle over a unit keeps its split."""

    arrangement: Arrangement
    cycle: Cycle | None = None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Scene:
        cycle = value["cycle"]
        return cls(Arrangement.read(value["arrangement"]), None if cycle is None else Cycle.read(cycle))

    def json(self) -> dict[str, Any]:
        return {"arrangement": self.arrangement.json(), "cycle": None if self.cycle is None else self.cycle.json()}

    @property
    def streams(self) -> frozenset[str]:
        steps = () if self.cycle is None else self.cycle.steps
        return self.arrangement.streams.union(*(one.streams for one in steps))


@dataclass(frozen=True, slots=True)
class Wall:
    """One screen of a room, at its own address. ``revision`` counts its changes."""

    id: str
    name: str
    unit: str
    scene: Scene
    revision: int
    changed_by: str
    changed_us: int


@dataclass(frozen=True, slots=True)
class Layout:
    """An arrangement under a name. ``unit``: shared with who may see live pictures there; empty: the owner's alone."""

    id: str
    name: str
    owner: str
    unit: str
    arrangement: Arrangement
    changed_by: str
    changed_us: int


def check_id(ident: str) -> str:
    """Of a wall: it is a part of an address. Raises InvalidRequest."""
    if not _ID.fullmatch(ident):
        raise InvalidRequest("id: expected small letters, digits and hyphens, 63 at most", code="bad_id")
    return ident


def check_name(name: str) -> str:
    """Without the blanks around it. Raises InvalidRequest."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidRequest(f"name: expected 1 to {MAX_NAME} characters of one line", code="bad_name")
    return name


def filled(places: Sequence[str | None], before: Arrangement | None) -> tuple[str, ...]:
    """``None`` is a place that who changes it may not see: what is there stays. Raises InvalidRequest where there is
    no such place."""
    present = () if before is None else before.places
    if any(one is None and i >= len(present) for i, one in enumerate(places)):
        raise InvalidRequest("places: null keeps what is there, and nothing is there", code="bad_arrangement")
    return tuple(present[i] if one is None else one for i, one in enumerate(places))
