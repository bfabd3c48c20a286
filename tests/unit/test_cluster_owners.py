"""Who owns what: any story of joins, leaves, drains and outages ends evenly, with each stream owned by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.clock import ManualClock
from hub.cluster.owners import Owner, View, decide
from hub.cluster.ownership import Ownership

ALL = tuple(f"node-{one}" for one in range(5))


@dataclass
class World:
    """PostgreSQL's table, the nodes, and what each of these records. Epochs are compared and set, as in the chains."""

    streams: dict[str, bool]
    owners: dict[str, Owner] = field(default_factory=dict)
    living: dict[str, bool] = field(default_factory=dict)
    held: dict[str, dict[str, int]] = field(default_factory=dict)
    redis: bool = True
    postgres: bool = True
    changes: int = 0

    def view(self, node: str, nodes: dict[str, bool] | None, settled: bool) -> View:
        return View(node, self.streams, dict(self.owners), dict(self.held[node]), nodes, tuple(nodes or ()) * settled)

    def turn(self, node: str, view: View) -> bool:
        """Do what this node decides on what it may have seen long ago. Whether anything happened."""
        if node not in self.held or not self.postgres:
            return False
        steps = decide(view)
        held, before = self.held[node], self.changes
        for one in steps.lost:
            held.pop(one, None)
        for one, known in steps.claims:
            owner = self.owners.get(one, Owner("", 0))
            if one not in held and owner.epoch == known:
                self._set(one, node)
                held[one] = self.owners[one].epoch
        for one, taker in steps.gives:
            if self.owners[one].node == node:
                held.pop(one, None)
                self._set(one, taker)
        return self.changes > before or bool(steps.lost)

    def _set(self, stream: str, node: str) -> None:
        self.owners[stream] = Owner(node, self.owners.get(stream, Owner("", 0)).epoch + 1)
        self.changes += 1

    def see(self, node: str) -> View:
        return self.view(node, dict(self.living) if self.redis else None, settled=True)

    def settle(self) -> int:
        """Until nobody has anything to do; returns how many rounds that took."""
        for rounds in range(500):
            moved = [self.turn(node, self.see(node)) for node in sorted(self.living)]
            if not any(moved):
                return rounds
        raise AssertionError("it never comes to rest")

    def check_at_rest(self) -> None:
        takers = [name for name, drains in self.living.items() if not drains]
        if not takers:
            return
        recorded = [one for name in self.living for one in self.held[name]]
        assert sorted(recorded) == sorted(self.streams), "each stream is recorded once"
        for name in self.living:
            for one, epoch in self.held[name].items():
                assert self.owners[one] == Owner(name, epoch)
        loads = [sum(self.streams[one] for one in self.held[name]) for name in takers]
        assert max(loads) - min(loads) <= 1, loads
        assert all(not self.held[name] for name, drains in self.living.items() if drains)


words = st.sampled_from(["join", "kill", "drain", "undrain", "redis", "postgres", "turn", "stale", "add"])
stories = st.lists(st.tuples(words, st.integers(0, 4), st.integers(0, 4)), max_size=60)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 23), st.integers(0, 5), stories)
def test_any_story_ends_evenly_with_each_stream_owned_once(
    cameras: int, recorders: int, story: list[tuple[str, int, int]]
) -> None:
    streams = {f"cam-{one}": True for one in range(cameras)} | {f"worn-{one}": False for one in range(recorders)}
    world, seen = World(streams), {}
    for word, which, turns in story:
        name = ALL[which]
        match word:
            case "join":
                world.living[name] = False
                world.held[name] = {}
            case "kill":
                world.living.pop(name, None)
                world.held.pop(name, None)
            case "drain" | "undrain" if name in world.living:
                world.living[name] = word == "drain"
            case "redis":
                world.redis = not world.redis
            case "postgres":
                world.postgres = not world.postgres
            case "add":
                world.streams[f"cam-new-{which}-{turns}"] = True
            case "stale" if name in world.living:
                seen[name] = world.see(name)
            case "turn":
                for one in sorted(world.living)[: turns + 1]:
                    world.turn(one, seen.pop(one, None) or world.see(one))
    before = {name: dict(held) for name, held in world.held.items()}
    world.redis, world.postgres = False, True
    for name in sorted(world.living):
        world.turn(name, world.see(name))
        after = world.held[name]
        assert all(world.owners[one].node == name for one in after), "without Redis nobody takes another's"
        assert all(one in after or world.owners[one].node != name for one in before[name])
    world.redis = True
    world.settle()
    world.check_at_rest()
    changes = world.changes
    world.settle()
    assert world.changes == changes, "at rest nothing moves"


def _even(nodes: int, streams: int) -> World:
    world = World({f"cam-{one:03}": True for one in range(streams)})
    for name in ALL[:nodes]:
        world.living[name], world.held[name] = False, {}
    world.settle()
    return world


def test_a_dead_nodes_streams_are_claimed_in_one_look_by_all_others_alike() -> None:
    world = _even(3, 60)
    world.living.pop(ALL[0]), world.held.pop(ALL[0])
    views = {name: world.see(name) for name in world.living}
    claims = {name: [one for one, _ in decide(view).claims] for name, view in views.items()}
    assert [len(one) for one in claims.values()] == [10, 10], "even, though both looked at the same moment"
    assert not set(claims[ALL[1]]) & set(claims[ALL[2]]), "and nobody gets in anybody's way"


def test_a_node_that_comes_is_given_what_evens_out_and_only_when_it_stays() -> None:
    world = _even(2, 12)
    world.living[ALL[2]], world.held[ALL[2]] = False, {}
    nodes = dict(world.living)
    assert not decide(world.view(ALL[0], nodes, settled=False)).gives
    gives = decide(world.view(ALL[0], nodes, settled=True)).gives
    assert [taker for _, taker in gives] == [ALL[2]] * 2, "and the other node gives two as well"
    before = world.changes
    world.turn(ALL[0], View(ALL[0], world.streams, dict(world.owners), world.held[ALL[0]], nodes, tuple(nodes)))
    assert not decide(world.see(ALL[0])).gives, "what the other one has yet to give is not this one's to give"
    world.settle()
    assert world.changes - before == 8, "four streams moved, each given and taken once: no more than needed"


def test_a_node_that_drains_takes_nothing_and_gives_all_evenly() -> None:
    world = _even(3, 9)
    world.streams["cam-new"] = True
    world.living[ALL[0]] = True
    steps = decide(world.see(ALL[0]))
    assert not steps.claims
    assert sorted(taker for _, taker in steps.gives) == [ALL[1], ALL[1], ALL[2]]


def test_an_epoch_that_was_read_before_the_claim_loses_nothing() -> None:
    view = View("a", {"cam": True}, {"cam": Owner("b", 4)}, {"cam": 5}, {"a": False, "b": False})
    assert not decide(view).lost
    assert decide(View("a", {"cam": True}, {"cam": Owner("b", 6)}, {"cam": 5}, None)).lost == ["cam"]


def test_own_streams_of_before_a_restart_wait_a_while_for_what_was_said_of_them() -> None:
    clock, waits = ManualClock(0), [True]
    nothing: Any = None
    ownership: Ownership[Any] = Ownership(
        clock, nothing, nothing, dict, nothing, drain_s=1, facts_wait=lambda: waits[0]
    )  # fmt: skip
    view = View("a", {"one": True, "two": True}, {"one": Owner("a", 3), "two": Owner("gone", 1)}, {}, {"a": False})
    steps = decide(view)
    assert sorted(steps.claims) == [("one", 3), ("two", 1)]
    assert ownership._facts_first(view, steps).claims == [("two", 1)], "an orphan waits for nothing"
    waits[0] = False
    assert ownership._facts_first(view, steps) == steps
    waits[0] = True
    clock.advance(11.0)
    assert ownership._facts_first(view, steps) == steps, "recording waits no longer than that"
