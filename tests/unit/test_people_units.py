"""The organisation tree: what lies below what, what may hang where, and what is inherited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from hub.clock import ManualClock
from hub.database import Database, create_tables, open_engine
from hub.errors import Conflict, InvalidRequest, NotFound
from hub.ledger.entries import canonical
from hub.people.changes import Actor, Change
from hub.people.tree import MAX_DEPTH, ROOT, Tree, Unit, UnitKind
from hub.people.units import MAX_RULES_BYTES, Units, check_rules
from tests.database_support import hurry

BY = Actor("liu")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(Database(tmp_path / "hub.db"))
    hurry(engine)
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture
async def units(engine: Engine) -> Units:
    """root > north > hall-1, and south."""
    units = await Units.open(engine, ManualClock())
    await units.add("north", "北部大队", ROOT, UnitKind.BRIGADE, by=BY)
    await units.add("south", "南部受委托组织", ROOT, UnitKind.ENTRUSTED, by=BY)
    await units.add("hall-1", "1号大厅", "north", UnitKind.HALL, by=BY)
    return units


async def test_the_root_is_made_once_and_the_tree_survives_a_restart(units: Units, engine: Engine) -> None:
    await units.patch("hall-1", by=BY, rules={"ring_after_ms": 5000})
    again = await Units.open(engine, ManualClock())
    assert {one.id: one for one in again.list()} == {one.id: one for one in units.list()}
    assert [unit.id for unit in again.list()].count(ROOT) == 1
    assert again.get("south").kind is UnitKind.ENTRUSTED
    assert again.rule("hall-1", "ring_after_ms") == 5000


async def test_what_lies_below_what(units: Units) -> None:
    assert units.covers(ROOT, "hall-1")
    assert units.covers("north", "hall-1")
    assert units.covers("hall-1", "hall-1")
    assert not units.covers("hall-1", "north")
    assert not units.covers("south", "hall-1")


async def test_what_has_no_unit_or_an_unknown_one_belongs_to_the_root(units: Units) -> None:
    for unit in ("", "gone"):
        assert units.covers(ROOT, unit)
        assert not units.covers("north", unit)
        assert not units.covers(unit, unit)
        assert not units.covers(unit, "north")


async def test_a_rule_is_inherited_until_it_is_set_nearer(units: Units) -> None:
    await units.patch(ROOT, by=BY, rules={"deadline_h": 24, "quiet": False})
    await units.patch("north", by=BY, rules={"deadline_h": 12})
    assert [units.rule(one, "deadline_h") for one in ("hall-1", "north", "south", "gone")] == [12, 12, 24, 24]
    assert units.rule("hall-1", "quiet") is False
    assert units.rule("hall-1", "unknown") is None
    await units.patch("north", by=BY, rules={"deadline_h": None})
    assert units.rule("hall-1", "deadline_h") is None


async def test_no_cycles(units: Units) -> None:
    for unit, parent in (("north", "hall-1"), ("north", "north"), ("hall-1", "hall-1")):
        with pytest.raises(InvalidRequest, match="itself or lies below"):
            await units.patch(unit, by=BY, parent=parent)
    with pytest.raises(InvalidRequest, match="there is no unit"):
        await units.patch("hall-1", by=BY, parent="gone")
    with pytest.raises(InvalidRequest, match="the root has none"):
        await units.patch(ROOT, by=BY, parent="north")
    await units.patch("hall-1", by=BY, parent="south")
    assert units.covers("south", "hall-1")


async def test_a_tree_has_an_end(units: Units) -> None:
    above = "north"
    for number in range(MAX_DEPTH - 2):
        await units.add(f"deep-{number}", "x", above, UnitKind.OFFICE, by=BY)
        above = f"deep-{number}"
    with pytest.raises(InvalidRequest, match="levels"):
        await units.add("deeper", "x", above, UnitKind.OFFICE, by=BY)
    with pytest.raises(InvalidRequest, match="levels"):
        await units.patch("north", by=BY, parent="south")


async def test_only_an_empty_unit_is_removed(units: Units) -> None:
    with pytest.raises(Conflict, match="1 units"):
        await units.remove("north", by=BY)
    with pytest.raises(Conflict, match="3 streams"):
        await units.remove("hall-1", by=BY, used_by=lambda _: "3 streams")
    with pytest.raises(Conflict, match="root"):
        await units.remove(ROOT, by=BY)
    await units.remove("hall-1", by=BY)
    with pytest.raises(NotFound):
        units.get("hall-1")
    await units.remove("north", by=BY)


async def test_a_retired_unit_takes_nothing_new(units: Units) -> None:
    await units.patch("north", by=BY, retired=True)
    with pytest.raises(InvalidRequest, match="retired"):
        await units.add("new", "x", "north", UnitKind.HALL, by=BY)
    with pytest.raises(InvalidRequest, match="retired"):
        units.open_unit("north")
    with pytest.raises(Conflict):
        await units.patch(ROOT, by=BY, retired=True)
    assert units.covers("north", "hall-1")
    await units.patch("north", by=BY, retired=False)
    assert units.open_unit("north").id == "north"


@pytest.mark.parametrize("bad", ["", "-a", "A", "a b", "../x", "a" * 64, "一"])
async def test_ids_that_are_none(units: Units, bad: str) -> None:
    with pytest.raises(InvalidRequest):
        await units.add(bad, "x", ROOT, UnitKind.HALL, by=BY)


async def test_an_id_is_taken_once(units: Units) -> None:
    with pytest.raises(Conflict):
        await units.add("north", "x", ROOT, UnitKind.HALL, by=BY)


async def test_listeners_hear_what_was_changed_and_nothing_else(units: Units) -> None:
    heard: list[Change] = []
    units.on_change(heard.append)
    await units.patch("north", by=BY, name="北部支队", rules={"a": 1})
    await units.patch("north", by=BY, name="北部支队")
    await units.remove("south", by=BY)
    assert heard == [
        Change("unit.changed", "north", "liu", {"name": "北部支队", "rules": {"a": 1}}),
        Change("unit.removed", "south", "liu"),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        {"Name": 1},
        {"": 1},
        {"a": 0.5},
        {"a": 2**53},
        {"a": {"ü": 1}},
        {"a": [[[[[[1]]]]]]},
        {"a": "x" * MAX_RULES_BYTES},
        {"a": "\ud800"},
    ],
)
def test_rules_are_bounded(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="rules"):
        check_rules(bad)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b_ms", "Ü"]) | st.text(max_size=3), VALUES, max_size=4))
def test_any_rules_are_refused_or_can_stand_in_the_ledger(rules: dict[str, Any]) -> None:
    try:
        kept = check_rules(rules)
    except InvalidRequest:
        return
    canonical({"changed": {"rules": kept}})


NODES = [f"n{number}" for number in range(8)]
EDGES = st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from([*NODES, ROOT])), max_size=30)


@hypothesis_settings(max_examples=100, deadline=None)
@given(EDGES)
def test_whatever_is_moved_every_unit_still_hangs_from_the_root(moves: list[tuple[str, str]]) -> None:
    tree = Tree([Unit(ROOT, "r", "", UnitKind.BUREAU, 0)])
    for unit, parent in moves:
        if not tree.misplaced(unit, parent):
            tree = tree.with_unit(Unit(unit, unit, parent, UnitKind.HALL, 0))
    for unit in tree:
        path = tree.path(unit.id)
        assert path[-1] == ROOT
        assert len(path) == len(set(path)) <= MAX_DEPTH
        assert all(tree.covers(above, unit.id) for above in path)
        assert not any(tree.covers(unit.id, above) for above in path[1:])
