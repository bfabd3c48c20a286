"""What was changed of units and people, by whom: told to whoever keeps it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.people.rights import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change: a username or ``program:admin``, and the roles that they make it with."""

    name: str
    roles: Collection[Role] = ()


HUB = Actor("hub", (Role.ADMIN,))
"""The hub itself, at its first start and by its settings."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change that is durable. ``fields`` are the new values: text, integers, lists, objects; never a secret."""

    what: str
    subject: str
    by: str
    fields: Mapping[str, Any] = field(default_factory=dict)


ChangeListener = Callable[[Change], None]
"""Called on the event loop."""
