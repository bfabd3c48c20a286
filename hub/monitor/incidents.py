"""One fault of a switch, a hall or the hub, seen by many streams: grouped into one incident. Pure.

Each interruption keeps its own entries; the incident says that they belong together, and rings once for all.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.clock import US_PER_S, rfc3339
from hub.model import Interruption, InterruptionClass, InterruptionKind, InterruptionState

AT_ONE_INSTANT_US = 2 * US_PER_S
LEAST_STREAMS = 3
KEPT = 1000
"""Incidents that are over, newest last."""
_POOL = 5000
_POOL_US = 60 * US_PER_S
_OVER = frozenset({InterruptionState.RESUMED, InterruptionState.CLOSED, InterruptionState.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class Group:
    """What streams have in common: ``kind`` is subnet, unit or hub; ``size`` streams that are due now are in it."""

    kind: str
    key: str
    size: int


GroupsOf = Callable[[str], Sequence[Group]]
"""The groups of a stream, the narrowest first."""


@dataclass(slots=True)
class _Member:
    one: Interruption
    at_us: int
    """Where its newest break began."""
    groups: tuple[Group, ...]


@dataclass(slots=True)
class Incident:
    """``members`` by interruption id. Not to be changed by whoever gets it."""

    id: str
    group: Group
    started_us: int
    members: dict[str, _Member] = field(default_factory=dict)
    ended_us: int | None = None
    merged_into: str = ""

    @property
    def open(self) -> bool:
        return self.ended_us is None

    @property
    def rings(self) -> bool:
        return any(member.one.rings for member in self.members.values())

    @property
    def streams(self) -> list[str]:
        return sorted({member.one.stream_id for member in self.members.values()})

    def only(self, members: dict[str, _Member]) -> Incident:
        """The same with some of its members."""
        return replace(self, members=members)

    def json(self) -> dict[str, Any]:
        """As HTTP and the events show it."""
        kinds: dict[str, int] = {}
        for member in self.members.values():
            kinds[member.one.kind.value] = kinds.get(member.one.kind.value, 0) + 1
        return {
            "id": self.id,
            "state": "open" if self.open else "closed",
            "scope": self.group.kind,
            "subject": self.group.key,
            "unit": self.group.key if self.group.kind == "unit" else "",
            "group_size": self.group.size,
            "started_at": rfc3339(self.started_us),
            "ended_at": None if self.ended_us is None else rfc3339(self.ended_us),
            "streams": self.streams,
            "interruptions": sorted(self.members),
            "kinds": kinds,
            "rings": self.rings,
            "merged_into": self.merged_into or None,
        }


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """``word``: opened, changed or closed."""

    word: str
    incident: Incident


class Incidents:
    """Fed with every change of every interruption, in order."""

    def __init__(self, groups_of: GroupsOf) -> None:
        self._groups_of = groups_of
        self._loose: OrderedDict[str, _Member] = OrderedDict()
        self._of: dict[str, Incident] = {}
        self._incidents: OrderedDict[str, Incident] = OrderedDict()

    def of(self, interruption_id: str) -> str | None:
        """The incident that an interruption belongs to."""
        incident = self._of.get(interruption_id)
        return None if incident is None else incident.id

    def all(self) -> Sequence[Incident]:
        """Newest first."""
        return tuple(reversed(self._incidents.values()))

    def get(self, ident: str) -> Incident | None:
        return self._incidents.get(ident)

    def take(self, one: Interruption, now_us: int) -> Sequence[IncidentChange]:
        """A change of an interruption; ``now_us`` is hub UTC."""
        incident = self._of.get(one.id)
        if incident is not None:
            return self._known(incident, one)
        if not _counts(one):
            return ()
        if one.state in _OVER:
            self._loose.pop(one.id, None)
            return ()
        at_us = one.started_us if one.count == 1 else now_us
        self._loose[one.id] = _Member(one, at_us, tuple(self._groups_of(one.stream_id)))
        self._loose.move_to_end(one.id)
        self._forget(now_us)
        newest = self._loose.get(one.id)
        return () if newest is None else self._gather(newest)  # None: it began too long ago to be of anything new

    # ----------------------------------------------------------------------------- within

    def _known(self, incident: Incident, one: Interruption) -> Sequence[IncidentChange]:
        before = (incident.open, incident.rings, len(incident.members))
        member = incident.members[one.id]
        member.one = one
        if one.state is InterruptionState.WITHDRAWN:
            del incident.members[one.id], self._of[one.id]
        running = [other for other in incident.members.values() if other.one.state not in _OVER]
        if running:
            incident.ended_us = None
        elif incident.open or one.ended_us is not None:
            ends = [other.one.ended_us or incident.started_us for other in incident.members.values()]
            incident.ended_us = max(ends, default=incident.started_us)
        if before == (incident.open, incident.rings, len(incident.members)):
            return ()
        return [IncidentChange("changed" if incident.open else "closed", incident)]

    def _gather(self, newest: _Member) -> Sequence[IncidentChange]:
        """The group that most of what began at this instant has in common, the narrowest of equals."""
        near = [member for member in self._near(newest.at_us) if member.one.state not in _OVER]
        if not any(member.one.state is InterruptionState.CONFIRMED for member in near):
            return ()
        best: tuple[Group, list[_Member]] | None = None
        for group in newest.groups:
            same = [member for member in near if any(group.key == other.key for other in member.groups)]
            count = len({member.one.stream_id for member in same})
            if count < LEAST_STREAMS or count * 2 < group.size:
                continue
            if best is None or count > len({member.one.stream_id for member in best[1]}):
                best = (group, same)
        return [] if best is None else self._join(*best)

    def _near(self, at_us: int) -> Iterable[_Member]:
        members = [*self._loose.values()]
        for incident in self._incidents.values():
            if incident.open:
                members += incident.members.values()
        return (member for member in members if abs(member.at_us - at_us) <= AT_ONE_INSTANT_US)

    def _join(self, group: Group, members: list[_Member]) -> Sequence[IncidentChange]:
        known = {id(found): found for member in members if (found := self._of.get(member.one.id)) is not None}
        incidents = sorted(known.values(), key=lambda incident: incident.started_us)
        changes: list[IncidentChange] = []
        if incidents:
            incident, word = incidents[0], "changed"
            incident.group = group
        else:
            incident, word = self._open(group, min(member.at_us for member in members)), "opened"
        for other in incidents[1:]:  # seen as two at first
            members = [*members, *other.members.values()]
            other.members, other.merged_into, other.ended_us = {}, incident.id, other.started_us
            changes.append(IncidentChange("closed", other))
        for member in members:
            incident.members[member.one.id] = member
            incident.started_us = min(incident.started_us, member.at_us)
            self._of[member.one.id] = incident
            self._loose.pop(member.one.id, None)
        return [IncidentChange(word, incident), *changes]

    def _open(self, group: Group, started_us: int) -> Incident:
        ident = f"incident-{started_us}"
        while ident in self._incidents:
            ident += "x"
        incident = self._incidents[ident] = Incident(ident, group, started_us)
        over = [one for one in self._incidents.values() if not one.open]
        for old in over[: max(0, len(self._incidents) - KEPT)]:
            del self._incidents[old.id]
            for one in old.members:
                self._of.pop(one, None)
        return incident

    def _forget(self, now_us: int) -> None:
        while self._loose:
            oldest = next(iter(self._loose.values()))
            if len(self._loose) <= _POOL and now_us - oldest.at_us <= _POOL_US:
                return
            self._loose.popitem(last=False)


def _counts(one: Interruption) -> bool:
    """What the picture shows is no fault of a switch, and a clock's leap none of a site."""
    kind = one.kind
    return kind is InterruptionKind.LOSS or kind.interruption_class in (
        InterruptionClass.TRANSPORT,
        InterruptionClass.PLATFORM,
    )


def groups_by(
    streams: Mapping[str, tuple[str, Sequence[str]]],
) -> GroupsOf:
    """``streams``: of each stream that is due its subnet (empty: unknown) and its units, the innermost first."""
    sizes: dict[tuple[str, str], int] = {}
    named: dict[str, list[tuple[str, str]]] = {}
    for stream, (subnet, units) in streams.items():
        names = [("subnet", subnet)] if subnet else []
        names += [("unit", unit) for unit in units]
        names.append(("hub", "hub"))
        named[stream] = names
        for name in names:
            sizes[name] = sizes.get(name, 0) + 1

    def groups(stream: str) -> Sequence[Group]:
        return [Group(kind, key, sizes[kind, key]) for kind, key in named.get(stream, ())]

    return groups
