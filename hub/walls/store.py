"""Walls and layouts in the database: a row each, as JSON. Calls block."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Engine, Table, select

from hub.database import Text, metadata
from hub.walls.model import Arrangement, Layout, Scene, Wall

walls = Table("walls", metadata, Column("id", Text, primary_key=True), Column("wall", Text, nullable=False))
layouts = Table("wall_layouts", metadata, Column("id", Text, primary_key=True), Column("layout", Text, nullable=False))


def wall_text(wall: Wall) -> str:
    return json.dumps(
        {
            "name": wall.name, "unit": wall.unit, "scene": wall.scene.json(), "revision": wall.revision,
            "changed_by": wall.changed_by, "changed_us": wall.changed_us,
        },
        ensure_ascii=False,
    )  # fmt: skip


def read_wall(ident: str, text: str) -> Wall:
    value: Mapping[str, Any] = json.loads(text)
    return Wall(**{**value, "id": ident, "scene": Scene.read(value["scene"])})


def layout_text(layout: Layout) -> str:
    return json.dumps(
        {
            "name": layout.name, "owner": layout.owner, "unit": layout.unit,
            "arrangement": layout.arrangement.json(), "changed_by": layout.changed_by,
            "changed_us": layout.changed_us,
        },
        ensure_ascii=False,
    )  # fmt: skip


def read_layout(ident: str, text: str) -> Layout:
    value: Mapping[str, Any] = json.loads(text)
    return Layout(**{**value, "id": ident, "arrangement": Arrangement.read(value["arrangement"])})


class WallStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all_walls(self) -> Sequence[Wall]:
        return [read_wall(ident, text) for ident, text in self._all(walls, "wall")]

    def all_layouts(self) -> Sequence[Layout]:
        return [read_layout(ident, text) for ident, text in self._all(layouts, "layout")]

    def keep_wall(self, wall: Wall) -> None:
        self._keep(walls, {"id": wall.id, "wall": wall_text(wall)})

    def keep_layout(self, layout: Layout) -> None:
        self._keep(layouts, {"id": layout.id, "layout": layout_text(layout)})

    def drop_wall(self, ident: str) -> None:
        self._drop(walls, ident)

    def drop_layout(self, ident: str) -> None:
        self._drop(layouts, ident)

    def _all(self, table: Table, column: str) -> Sequence[tuple[str, str]]:
        with self._engine.connect() as connection:
            return [(ident, text) for ident, text in connection.execute(select(table.c.id, table.c[column]))]

    def _keep(self, table: Table, row: Mapping[str, str]) -> None:
        with self._engine.begin() as connection:
            found = connection.execute(table.update().where(table.c.id == row["id"]).values(row))
            if not found.rowcount:
                connection.execute(table.insert().values(row))

    def _drop(self, table: Table, ident: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(table.delete().where(table.c.id == ident))
