"""The disks that footage lies on, each with its own room: this hub's, and in a cluster those of the nodes that record.

What may go for want of room goes from the disk that is short of it; a full disk elsewhere frees nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hub.clock import rfc3339
from hub.ledger.retained import ReelRow
from hub.retention.files import Usage
from hub.retention.space import Marks, full_at

OWN = ""
"""The name of this hub's own disk."""


@dataclass(frozen=True, slots=True)
class Room:
    """Of one disk. ``bytes_per_s``: how fast footage fills it; None: nobody can tell. ``leaving``: bytes that leave it
    for an archive by themselves; None: there is none, and then footage is deleted here for want of room."""

    usage: Usage
    marks: Marks
    bytes_per_s: float | None
    leaving: int | None


class Rooms(Protocol):
    """The disks of other machines. Blocks. Raises OSError where nobody can say."""

    def look(self) -> Mapping[str, Room]:
        """By the node's name; one that does not answer is left out, and nothing goes there meanwhile."""
        ...

    def where(self, reels: Iterable[str]) -> Mapping[str, str]:
        """The node on whose disk each lies; those that lie on nobody's are left out."""
        ...


@dataclass(slots=True)
class Disks:
    """As of one pass. ``where``: of reels, the disk; None: there is this one alone. ``waiting``: bytes of each that a
    tombstone stands for."""

    rooms: Mapping[str, Room]
    where: Mapping[str, str] | None = None
    waiting: dict[str, int] = field(default_factory=dict)

    def of(self, reel: str) -> str | None:
        """Where a reel lies; None: on no disk that is known now."""
        if self.where is None:
            return OWN
        name = self.where.get(reel)
        return name if name in self.rooms else None

    def free(self, name: str) -> int:
        """What is free, or will be when what waits is deleted."""
        return self.rooms[name].usage.free + self.waiting.get(name, 0)

    def short(self, before: Iterable[str]) -> set[str]:
        """Where footage is to go for want of room. ``before``: where it did in the last pass."""
        known = frozenset(before)
        return {
            name
            for name, room in self.rooms.items()
            if room.leaving is None and self.free(name) < (room.marks.enough if name in known else room.marks.begin)
        }

    def may_go(self, name: str, candidates: Sequence[ReelRow]) -> int:
        """Bytes that this disk can be rid of; ``candidates``: what may be deleted, wherever it lies."""
        leaving = self.rooms[name].leaving
        if leaving is not None:
            return leaving
        return self.waiting.get(name, 0) + sum(one.size for one in candidates if self.of(one.reel) == name)


@dataclass(frozen=True, slots=True)
class Full:
    """A disk that is short of room, and nothing may go. ``full_at_us``: None: nobody can tell."""

    name: str
    usage: Usage
    marks: Marks
    full_at_us: int | None

    def text(self) -> str:
        """For people."""
        where = f"on {self.name} " if self.name else ""
        at = self.full_at_us
        when = "" if at is None else f"; full on {rfc3339(at)} at today's rate"
        free = f"{self.usage.free >> 20} MiB free {where}".rstrip()
        return f"{free}, and no footage may go before its term ends: add room{when}"


def full_disks(disks: Disks, candidates: Sequence[ReelRow], now_us: int) -> tuple[Full, ...]:
    """Of those of other nodes, by name."""
    found = []
    for name, room in sorted(disks.rooms.items()):
        if name == OWN or room.usage.free >= room.marks.low or disks.may_go(name, candidates):
            continue
        found.append(Full(name, room.usage, room.marks, full_at(now_us, room.usage.free, 0, room.bytes_per_s)))
    return tuple(found)
