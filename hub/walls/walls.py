"""All walls and layouts: read from memory; a change is durable before it is told."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine

from hub.clock import Clock
from hub.errors import Conflict, NotFound
from hub.walls.model import Arrangement, Layout, Scene, Wall, check_id, check_name
from hub.walls.store import WallStore

MAX_WALLS = 200
MAX_OWN, MAX_SHARED = 100, 200
"""Layouts of one person, and of one unit."""

Tell = Callable[[str, Mapping[str, Any]], None]
"""Type and data of an event."""
Note = Callable[[Wall], None]
"""Keeps who shows what where, before it is shown. What it raises, refuses the change."""


class Walls:
    """Of the whole hub. Who may do what is asked before it is called."""

    def __init__(self, engine: Engine, clock: Clock, tell: Tell) -> None:
        self._store = WallStore(engine)
        self._clock = clock
        self._tell = tell
        self._walls: dict[str, Wall] = {}
        self._layouts: dict[str, Layout] = {}
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, engine: Engine, clock: Clock, tell: Tell) -> Walls:
        """As they were kept. The tables must exist (``create_tables``)."""
        self = cls(engine, clock, tell)
        self._walls = {one.id: one for one in await asyncio.to_thread(self._store.all_walls)}
        self._layouts = {one.id: one for one in await asyncio.to_thread(self._store.all_layouts)}
        return self

    # -------------------------------------------------------------------------------------- walls

    def walls(self) -> Sequence[Wall]:
        """By name."""
        return sorted(self._walls.values(), key=lambda one: (one.name, one.id))

    def find_wall(self, ident: str) -> Wall | None:
        return self._walls.get(ident)

    async def show(
        self, ident: str, *, name: str, unit: str, scene: Scene, by: str, note: Note, revision: int | None = None
    ) -> Wall:
        """Make the wall, or change it. ``revision`` is the one that the caller saw (0: none was there).

        Raises InvalidRequest, Conflict (``changed_meanwhile``: another was faster).
        """
        async with self._writing:
            before = self._walls.get(check_id(ident))
            present = 0 if before is None else before.revision
            if revision is not None and revision != present:
                raise Conflict(f"the wall {ident!r} was changed meanwhile: read it again", code="changed_meanwhile")
            if before is None and len(self._walls) >= MAX_WALLS:
                raise Conflict(f"there are {MAX_WALLS} walls already: remove one", code="too_many_walls")
            now_us = self._clock.now().utc_us
            wall = Wall(ident, check_name(name), unit, scene, present + 1, by, now_us)
            note(wall)
            await asyncio.to_thread(self._store.keep_wall, wall)
            self._walls[ident] = wall
        self._told("changed", wall)
        return wall

    async def remove_wall(self, ident: str, *, note: Note) -> None:
        """Raises NotFound."""
        async with self._writing:
            wall = self._walls.get(ident)
            if wall is None:
                raise NotFound(f"no wall {ident[:63]!r} is known", code="unknown_wall")
            note(wall)
            await asyncio.to_thread(self._store.drop_wall, ident)
            del self._walls[ident]
        self._told("removed", wall)

    def _told(self, word: str, wall: Wall) -> None:
        """No stream is named: an event is the same for all who hear it, and each may see other streams."""
        self._tell(f"wall.{word}", {"id": wall.id, "unit": wall.unit, "revision": wall.revision})

    # ------------------------------------------------------------------------------------ layouts

    def layouts(self) -> Sequence[Layout]:
        """By name."""
        return sorted(self._layouts.values(), key=lambda one: (one.name, one.id))

    def find_layout(self, ident: str) -> Layout | None:
        return self._layouts.get(ident)

    async def add_layout(self, *, name: str, unit: str, arrangement: Arrangement, by: str) -> Layout:
        """Raises InvalidRequest, Conflict."""
        name, ident = check_name(name), f"layout-{secrets.token_hex(6)}"
        layout = Layout(ident, name, by, unit, arrangement, by, self._clock.now().utc_us)
        async with self._writing:
            self._check_room(layout)
            await self._keep(layout)
        return layout

    async def change_layout(self, ident: str, *, name: str, unit: str, arrangement: Arrangement, by: str) -> Layout:
        """Who takes a layout out of a unit owns it from then on. Raises InvalidRequest, NotFound, Conflict."""
        async with self._writing:
            before = self._layouts.get(ident)
            if before is None:
                raise NotFound(f"no layout {ident[:63]!r} is known", code="unknown_layout")
            owner = before.owner if unit or not before.unit else by
            now_us = self._clock.now().utc_us
            layout = replace(
                before, name=check_name(name), owner=owner, unit=unit, arrangement=arrangement, changed_by=by,
                changed_us=now_us,
            )  # fmt: skip
            self._check_room(layout)
            await self._keep(layout)
        return layout

    async def remove_layout(self, ident: str) -> None:
        """Raises NotFound."""
        async with self._writing:
            if ident not in self._layouts:
                raise NotFound(f"no layout {ident[:63]!r} is known", code="unknown_layout")
            await asyncio.to_thread(self._store.drop_layout, ident)
            del self._layouts[ident]

    def _check_room(self, layout: Layout) -> None:
        def place(one: Layout) -> tuple[str, str]:
            return ("unit", one.unit) if one.unit else ("owner", one.owner)

        beside = [one for one in self._layouts.values() if one.id != layout.id and place(one) == place(layout)]
        if any(one.name == layout.name for one in beside):
            found = f"there is a layout {layout.name!r} already: change it, or choose another name"
            raise Conflict(found, code="layout_exists")
        if len(beside) >= (MAX_SHARED if layout.unit else MAX_OWN):
            raise Conflict("there are too many layouts: remove one", code="too_many_layouts")

    async def _keep(self, layout: Layout) -> None:
        await asyncio.to_thread(self._store.keep_layout, layout)
        self._layouts[layout.id] = layout
