"""What a stream's chain says must be kept: holds (长期保存), and ranges that are evidence in a case. Pure.

Both are told by ``hold`` entries. A hold is ``placed``, ``released`` and marked as ``copied`` to a medium; a range is
``classified`` and its case is closed (``case_closed``). None is ever edited: all of them together say what holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hub.ledger.entries import Entry, EntryType

DAY_US = 86_400_000_000
FOR_EVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy on a disc or another medium (光盘、移动储存介质). ``sha256`` is of what was written to it, or empty."""

    medium: str
    label: str
    sha256: str
    by: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Footage of ``from_us … to_us`` is kept until a person releases the hold."""

    id: str
    stream_id: str
    from_us: int
    to_us: int
    reason: str
    text: str
    by: str
    at_us: int
    released_us: int | None = None
    released_by: str = ""
    release_text: str = ""
    copies: tuple[Copy, ...] = ()

    @property
    def in_force(self) -> bool:
        return self.released_us is None


@dataclass(frozen=True, slots=True)
class CaseRange:
    """Footage of ``from_us … to_us`` has the class ``class_name``; with a case it is kept until the case is closed,
    and ``term_days`` longer."""

    id: str
    stream_id: str
    from_us: int
    to_us: int
    class_name: str
    case: str
    by: str
    at_us: int
    closed_us: int | None = None
    closed_by: str = ""
    term_days: int = 0

    @property
    def kept_until_us(self) -> int:
        """Of a range with a case: far away while the case is open. Without one: 0, the class alone decides."""
        if not self.case:
            return 0
        return FOR_EVER_US if self.closed_us is None else self.closed_us + self.term_days * DAY_US


@dataclass(slots=True)
class Keeping:
    """One stream's holds and ranges, fed in the order of its chain."""

    holds: dict[str, Hold] = field(default_factory=dict)
    ranges: dict[str, CaseRange] = field(default_factory=dict)

    def entry(self, entry: Entry) -> None:
        """Takes ``hold`` entries; others mean nothing here."""
        if entry.type is EntryType.HOLD:
            self.apply(entry.stream_id, entry.body, entry.t_hub_us)

    def apply(self, stream_id: str, body: Mapping[str, Any], at_us: int) -> None:
        """The body of a ``hold`` entry (:func:`hub.ledger.entries.check_body` has seen it). A second entry that would
        undo or widen what an earlier one of the same id says has no effect."""
        ident, action, by = body["id"], body["action"], body["by"]
        if action == "placed":
            hold = Hold(ident, stream_id, body["from_us"], body["to_us"], body["reason"], body["text"], by, at_us)
            self.holds.setdefault(ident, hold)
        elif action == "classified":
            placed = CaseRange(ident, stream_id, body["from_us"], body["to_us"], body["class"], body["case"], by, at_us)
            self.ranges.setdefault(ident, placed)
        elif action == "case_closed":
            known = self.ranges.get(ident)
            if known is not None and known.closed_us is None:
                self.ranges[ident] = replace(known, closed_us=at_us, closed_by=by, term_days=body["term_days"])
        else:
            self._change(self.holds.get(ident), body, at_us)

    def _change(self, hold: Hold | None, body: Mapping[str, Any], at_us: int) -> None:
        if hold is None:
            return
        if body["action"] == "copied":
            copy = Copy(body["medium"], body["label"], body["sha256"], body["by"], at_us)
            self.holds[hold.id] = replace(hold, copies=(*hold.copies, copy))
        elif hold.in_force:
            self.holds[hold.id] = replace(hold, released_us=at_us, released_by=body["by"], release_text=body["text"])

    def held(self, from_us: int, to_us: int) -> list[Hold]:
        """Holds in force that touch this time."""
        return [one for one in self.holds.values() if one.in_force and _touches(one, from_us, to_us)]

    def classified(self, from_us: int, to_us: int) -> list[CaseRange]:
        """Ranges of a class of their own that touch this time."""
        return [one for one in self.ranges.values() if _touches(one, from_us, to_us)]


def _touches(one: Hold | CaseRange, from_us: int, to_us: int) -> bool:
    """A moment too short to last (``from_us`` = ``to_us``) is touched as well."""
    return one.from_us < max(to_us, from_us + 1) and max(one.to_us, one.from_us + 1) > from_us
