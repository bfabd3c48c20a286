"""Walls and layouts: any arrangement comes back as it was kept; what is out of bounds is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from hub.clock import ManualClock
from hub.database import Database, create_tables, open_engine
from hub.errors import Conflict, InvalidRequest, LedgerError, NotFound
from hub.walls import walls as walls_module
from hub.walls.model import (
    MAX_EVERY_S,
    MAX_STEPS,
    MIN_EVERY_S,
    SPLITS,
    Arrangement,
    Cycle,
    Layout,
    Scene,
    Wall,
    check_id,
    check_name,
    filled,
)
from hub.walls.store import layout_text, read_layout, read_wall, wall_text
from hub.walls.walls import Walls

ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,10}", fullmatch=True)


@st.composite
def arrangements(draw: st.DrawFn) -> Arrangement:
    split = draw(st.sampled_from(SPLITS))
    named = draw(st.lists(ids, unique=True, max_size=split))
    places = draw(st.permutations(named + [""] * (split - len(named))))
    return Arrangement(split, tuple(places))


cycles = st.builds(
    lambda every_s, unit, steps, paused: Cycle(every_s, unit if not steps else "", tuple(steps), paused),
    st.integers(MIN_EVERY_S, MAX_EVERY_S), ids, st.lists(arrangements(), max_size=4), st.booleans(),
)  # fmt: skip
scenes = st.builds(Scene, arrangements(), st.none() | cycles)
words = st.text(min_size=1, max_size=60)
times = st.integers(0, 2**53)


@given(st.builds(Wall, ids, words, ids, scenes, st.integers(1, 10**6), words, times))
def test_any_wall_comes_back_as_it_was(wall: Wall) -> None:
    assert read_wall(wall.id, wall_text(wall)) == wall


@given(st.builds(Layout, ids, words, words, ids | st.just(""), arrangements(), words, times))
def test_any_layout_comes_back_as_it_was(layout: Layout) -> None:
    assert read_layout(layout.id, layout_text(layout)) == layout


@given(st.integers(-1, 40), st.lists(ids | st.just(""), max_size=20))
def test_an_arrangement_has_its_places_and_each_stream_once_or_is_refused(split: int, places: list[str]) -> None:
    named = [one for one in places if one]
    fine = split in SPLITS and len(places) == split and len(set(named)) == len(named)
    if fine:
        assert Arrangement(split, tuple(places)).streams == set(named)
    else:
        with pytest.raises(InvalidRequest):
            Arrangement(split, tuple(places))


@pytest.mark.parametrize(
    "values",
    [
        {"every_s": MIN_EVERY_S - 1, "unit": "root"},
        {"every_s": MAX_EVERY_S + 1, "unit": "root"},
        {"every_s": 20},
        {"every_s": 20, "unit": "root", "steps": (Arrangement.empty(),)},
        {"every_s": 20, "steps": (Arrangement.empty(),) * (MAX_STEPS + 1)},
    ],
)
def test_a_cycle_out_of_bounds_is_refused(values: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        Cycle(**values)


@given(arrangements(), st.data())
def test_a_place_that_was_not_seen_stays_as_it_is(before: Arrangement, data: st.DataObject) -> None:
    hidden = data.draw(st.sets(st.integers(0, before.split - 1)))
    told = [None if i in hidden else "" for i in range(before.split)]
    assert filled(told, before) == tuple(before.places[i] if i in hidden else "" for i in range(before.split))
    if hidden:
        with pytest.raises(InvalidRequest):
            filled(told, None)


@pytest.mark.parametrize("ident", ["", "-a", "A", "a/b", "a" * 64, "墙"])
def test_an_id_that_is_no_address_is_refused(ident: str) -> None:
    with pytest.raises(InvalidRequest):
        check_id(ident)


@pytest.mark.parametrize("name", ["", "  ", "a" * 61, "a\nb"])
def test_a_name_is_one_short_line(name: str) -> None:
    with pytest.raises(InvalidRequest):
        check_name(name)


class Room:
    """Walls on a database, with what they told and noted."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.noted: list[str] = []
        self.full = False
        self.walls: Walls

    async def open(self) -> None:
        self.walls = await Walls.open(self.engine, ManualClock(), lambda kind, data: self.told.append((kind, data)))

    def note(self, wall: Wall) -> None:
        if self.full:
            raise LedgerError("full")
        self.noted.append(wall.id)

    async def show(self, **over: Any) -> Wall:
        given = {"ident": "hall", "name": "大厅", "unit": "north", "scene": Scene(Arrangement.empty()), "by": "w"}
        return await self.walls.show(**{**given, "note": self.note, **over})

    async def keep(self, **over: Any) -> Layout:
        return await self.walls.add_layout(
            **{"name": "早班", "unit": "", "arrangement": Arrangement(1, ("a",)), "by": "w", **over}
        )


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    engine = open_engine(Database(tmp_path / "hub.db"))
    create_tables(engine)
    room = Room(engine)
    await room.open()
    yield room
    engine.dispose()


async def test_a_wall_is_kept_over_a_restart_counted_told_and_noted(room: Room) -> None:
    scene = Scene(Arrangement(4, ("a", "", "b", "")), Cycle(20, "north"))
    assert (await room.show()).revision == 1
    shown = await room.show(scene=scene, revision=1)
    await room.open()
    assert room.walls.find_wall("hall") == shown
    assert [dict(data) for _, data in room.told] == [
        {"id": "hall", "unit": "north", "revision": 1},
        {"id": "hall", "unit": "north", "revision": 2},
    ], "no stream is named to those who may not see it"
    await room.walls.remove_wall("hall", note=room.note)
    assert (room.walls.walls(), room.told[-1][0], room.noted) == ([], "wall.removed", ["hall"] * 3)
    await room.open()
    assert room.walls.walls() == []


async def test_who_was_slower_is_told_so(room: Room) -> None:
    await room.show(revision=0)
    with pytest.raises(Conflict) as refused:
        await room.show(revision=0)
    assert refused.value.code == "changed_meanwhile"


async def test_what_cannot_be_noted_is_not_shown(room: Room) -> None:
    await room.show()
    room.full = True
    with pytest.raises(LedgerError):
        await room.show(scene=Scene(Arrangement(1, ("a",))))
    wall = room.walls.find_wall("hall")
    assert wall is not None
    assert wall.scene.streams == frozenset()
    assert len(room.told) == 1
    with pytest.raises(LedgerError):
        await room.walls.remove_wall("hall", note=room.note)
    assert room.walls.find_wall("hall") == wall


async def test_there_is_room_for_so_many(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walls_module, "MAX_WALLS", 1)
    monkeypatch.setattr(walls_module, "MAX_OWN", 1)
    await room.show()
    await room.show()
    with pytest.raises(Conflict):
        await room.show(ident="other")
    await room.keep()
    with pytest.raises(Conflict):
        await room.keep(name="晚班")
    await room.keep(by="another")
    await room.keep(unit="north")


async def test_a_layout_is_named_once_in_its_place_changed_shared_and_removed(room: Room) -> None:
    mine = await room.keep()
    with pytest.raises(Conflict):
        await room.keep()
    other = await room.keep(by="x")
    shared = await room.walls.change_layout(
        mine.id, name=" 早班 ", unit="north", arrangement=mine.arrangement, by="colleague"
    )
    assert (shared.name, shared.owner, shared.changed_by) == ("早班", "w", "colleague")
    await room.open()
    assert room.walls.find_layout(mine.id) == shared
    taken = await room.walls.change_layout(mine.id, name="夜", unit="", arrangement=mine.arrangement, by="colleague")
    assert taken.owner == "colleague"
    await room.walls.remove_layout(mine.id)
    with pytest.raises(NotFound):
        await room.walls.remove_layout(mine.id)
    await room.open()
    assert room.walls.layouts() == [other]
