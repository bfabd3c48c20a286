"""Who owns which stream: what each node decides for itself from what all of them see. Pure.

Every node computes the same from the same, so mostly nobody gets in anybody's way; where two saw different things, the
claim in PostgreSQL has one winner. A decision is of this moment: it is carried out at once or made anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns a chain, by its name, and how often it was taken. ``node`` empty: nobody ever did."""

    node: str
    epoch: int


class Claimed(Protocol):
    """A stream is ours from now on. What else is known of it is between the chains and the pipelines."""

    @property
    def epoch(self) -> int: ...


class Chains(Protocol):
    """The table of owners in PostgreSQL. Each raises Unavailable while that is away."""

    async def owners(self) -> Mapping[str, Owner]:
        """Of every chain that was ever taken."""
        ...

    async def claim(self, stream_id: str, known_epoch: int) -> Claimed | None:
        """Take it, if its epoch is still ``known_epoch`` (0: it was never taken). None: somebody was faster."""
        ...

    async def give(self, stream_id: str, epoch: int, to_node: str) -> bool:
        """Let another own it, if it is ours with this epoch. Its epoch rises. False: it was not ours any more.

        What was said of the stream before is durable first."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """What one node sees. ``streams``: all that are registered, and whether they may be moved (those that the hub pulls
    may; a recorder that pushes has chosen its node). ``held``: what this node records, with the epoch. ``nodes``: who
    lives and could record, and whether it drains; None: that cannot be told now. ``settled``: who has lived for a
    while; ``stays``: streams of this node that could not be handed over, and are not given away to even things out."""

    me: str
    streams: Mapping[str, bool]
    owners: Mapping[str, Owner]
    held: Mapping[str, int]
    nodes: Mapping[str, bool] | None
    settled: Collection[str] = ()
    stays: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do now, in this order."""

    lost: Sequence[str] = ()
    """Ours no more."""
    claims: Sequence[tuple[str, int]] = ()
    """Take, with the epoch that is known."""
    gives: Sequence[tuple[str, str]] = ()
    """Give to that node."""


@dataclass(slots=True)
class _Loads:
    """How many streams of one kind each node has that may get more."""

    of: dict[str, int] = field(default_factory=dict)

    def least(self) -> str:
        return min(self.of, key=lambda name: (self.of[name], name))

    def most(self) -> str:
        return min(self.of, key=lambda name: (-self.of[name], name))

    def next(self) -> str:
        name = self.least()
        self.of[name] += 1
        return name


def decide(view: View) -> Steps:
    """What this node does about what it sees."""
    # an epoch below ours was read before we took it
    lost = [one for one, epoch in sorted(view.held.items()) if view.owners.get(one, _NOBODY).epoch > epoch]
    draining = view.nodes is not None and view.nodes.get(view.me, False)
    claims = [] if draining else _left_behind(view)
    if view.nodes is None:
        return Steps(lost, claims)
    takers = sorted(name for name, drains in view.nodes.items() if not drains)
    orphans = [one for one in sorted(view.streams) if _owner(view, one) not in view.nodes]
    if takers:
        claims += _orphans_for_me(view, takers, orphans)
    if draining:
        return Steps(lost, claims, _all_away(view, takers))
    drained = [one for one in view.streams if view.nodes.get(_owner(view, one), False)]
    if orphans or drained:  # first everything has an owner that stays
        return Steps(lost, claims)
    return Steps(lost, claims, _evened_out(view, takers))


_NOBODY = Owner("", 0)


def _owner(view: View, stream_id: str) -> str:
    return view.owners.get(stream_id, _NOBODY).node


def _left_behind(view: View) -> list[tuple[str, int]]:
    """Ours by the table, but not recorded here: from before a restart, or given to us. Nobody else can be it."""
    return [
        (one, owner.epoch)
        for one, owner in sorted(view.owners.items())
        if owner.node == view.me and one in view.streams and one not in view.held
    ]


def _loads(view: View, takers: Sequence[str], movable: bool) -> _Loads:
    loads = _Loads(dict.fromkeys(takers, 0))
    for stream_id, moves in view.streams.items():
        owner = _owner(view, stream_id)
        if moves is movable and owner in loads.of:
            loads.of[owner] += 1
    return loads


def _orphans_for_me(view: View, takers: Sequence[str], orphans: Sequence[str]) -> list[tuple[str, int]]:
    loads = {movable: _loads(view, takers, movable) for movable in (True, False)}
    mine = [one for one in orphans if loads[view.streams[one]].next() == view.me]
    return [(one, view.owners.get(one, _NOBODY).epoch) for one in mine]


def _all_away(view: View, takers: Sequence[str]) -> list[tuple[str, str]]:
    """Everything, to whom has least: those that live for long first, as nobody knows how long the others stay."""
    settled = [name for name in takers if name in view.settled]
    takers = settled or takers
    if not takers:
        return []
    loads = {movable: _loads(view, takers, movable) for movable in (True, False)}
    mine = [one for one in sorted(view.streams) if _owner(view, one) == view.me]
    return [(one, loads[view.streams[one]].next()) for one in mine]


def _evened_out(view: View, takers: Sequence[str]) -> list[tuple[str, str]]:
    """The moves that are this node's: every node works out all moves, and makes its own. What is on its way is still
    this node's by the table, and comes first again."""
    loads = _loads(view, [name for name in takers if name in view.settled], True)
    mine = [one for one, moves in view.streams.items() if moves and _owner(view, one) == view.me]
    free = sorted(one for one in mine if one not in view.stays)
    gives = []
    while loads.of and loads.of[loads.most()] - loads.of[loads.least()] >= 2:
        giver, taker = loads.most(), loads.least()
        if giver == view.me and free:
            gives.append((free.pop(), taker))
        loads.of[giver] -= 1
        loads.of[taker] += 1
    return gives
