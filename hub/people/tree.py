"""The organisation tree: what lies below what. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

ROOT = "root"
MAX_DEPTH = 16
"""Ministry to window needs half of it; a walk up stays short."""


class UnitKind(StrEnum):
    """What a unit is: 局, 大队, 大厅, 科室, 受委托组织 (an entrusted body is a node like any other: R32)."""

    BUREAU = "bureau"
    BRIGADE = "brigade"
    HALL = "hall"
    OFFICE = "office"
    ENTRUSTED = "entrusted"


@dataclass(frozen=True, slots=True)
class Unit:
    """One node. ``parent`` is empty for the root alone. ``rules`` are settings of this unit, by name; what is not
    set here holds from above. A retired unit keeps what it has and takes nothing new."""

    id: str
    name: str
    parent: str
    kind: UnitKind
    created_us: int
    retired: bool = False
    rules: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


class Tree:
    """Units by id. An unknown id is nowhere: nobody but the root is above it."""

    def __init__(self, units: Collection[Unit] = ()) -> None:
        self._units = {unit.id: unit for unit in units}

    def __iter__(self) -> Iterator[Unit]:
        return iter(self._units.values())

    def get(self, unit_id: str) -> Unit | None:
        return self._units.get(unit_id)

    def with_unit(self, unit: Unit) -> Tree:
        """The tree with this unit added or in place of the one with its id."""
        return Tree(({**self._units, unit.id: unit}).values())

    def without(self, unit_id: str) -> Tree:
        return Tree([unit for unit in self._units.values() if unit.id != unit_id])

    def path(self, unit_id: str) -> tuple[str, ...]:
        """The unit and what is above it, the root last. An unknown or empty id belongs to the root."""
        path: list[str] = []
        unit = self._units.get(unit_id)
        while unit is not None and unit.id not in path:
            path.append(unit.id)
            unit = self._units.get(unit.parent)
        return tuple(path) if path and path[-1] == ROOT else (ROOT,)

    def covers(self, above: str, below: str) -> bool:
        """Whether ``below`` is ``above`` or lies under it."""
        return above in self.path(below)

    def children(self, unit_id: str) -> tuple[Unit, ...]:
        return tuple(unit for unit in self._units.values() if unit.parent == unit_id)

    def rule(self, unit_id: str, name: str) -> Any:
        """The nearest setting of that name, from the unit upwards; None where nobody set it."""
        for one in self.path(unit_id):
            unit = self._units.get(one)
            if unit is not None and name in unit.rules:
                return unit.rules[name]
        return None

    def misplaced(self, unit_id: str, parent: str) -> str:
        """Why ``unit_id`` may not hang below ``parent``; empty if it may."""
        above = self._units.get(parent)
        if above is None:
            return f"there is no unit {parent[:63]!r}"
        if above.retired:
            return f"the unit {parent!r} is retired and takes nothing new"
        if self.covers(unit_id, parent):
            return f"{parent!r} is {unit_id!r} itself or lies below it"
        if len(self.path(parent)) + self._height(unit_id) > MAX_DEPTH:
            return f"the tree would be more than {MAX_DEPTH} levels deep"
        return ""

    def _height(self, unit_id: str) -> int:
        own = self._units.get(unit_id)
        if own is None:
            return 1
        base = len(self.path(unit_id))
        return 1 + max((len(self.path(u.id)) - base for u in self if self.covers(unit_id, u.id)), default=0)
