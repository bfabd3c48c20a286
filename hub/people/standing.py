"""What one caller may do, and where: rights follow the tree."""

from __future__ import annotations

from dataclasses import dataclass

from hub.people.changes import Actor
from hub.people.people import Person
from hub.people.rights import HUB_WIDE, Right, Role, rights_of
from hub.people.tree import ROOT
from hub.people.units import Units


@dataclass(frozen=True, slots=True)
class Standing:
    """Rights hold for ``unit`` and what lies below it. ``units`` is the tree as it is when asked."""

    name: str
    roles: frozenset[Role]
    unit: str
    units: Units

    @classmethod
    def of(cls, person: Person | None, units: Units) -> Standing:
        """Nothing for nobody, and nothing but the password's change while somebody else knows the password."""
        if person is None or not person.active:
            return cls(person.username if person else "", frozenset(), "", units)
        if person.must_change_password:
            return cls(person.username, frozenset(), "", units)
        return cls(person.username, person.roles, person.unit, units)

    @classmethod
    def of_program(cls, name: str, units: Units) -> Standing:
        """Who holds the admin token: everything, everywhere."""
        return cls(name, frozenset({Role.ADMIN}), ROOT, units)

    def has(self, right: Right) -> bool:
        """Somewhere: in one's own unit at least."""
        return right in rights_of(self.roles) and (right not in HUB_WIDE or self.unit == ROOT)

    def may(self, right: Right, unit_id: str = ROOT) -> bool:
        """In that unit. A stream without a unit, or in an unknown one, belongs to the root."""
        return self.has(right) and self.units.covers(self.unit, unit_id)

    @property
    def is_admin(self) -> bool:
        """An admin of the whole hub."""
        return Role.ADMIN in self.roles and self.unit == ROOT

    @property
    def actor(self) -> Actor:
        return Actor(self.name, self.roles)
