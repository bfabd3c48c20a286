"""The organisation tree as it is kept: in memory to read, in the database to stay."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import Boolean, Column, Engine, RowMapping, Table, delete, select

from hub.clock import Clock
from hub.database import Int64, Text, metadata
from hub.errors import Conflict, InvalidRequest, NotFound
from hub.people.changes import HUB, Actor, Change, ChangeListener
from hub.people.tree import ROOT, Tree, Unit, UnitKind

MAX_NAME = 100
MAX_UNITS = 20_000
MAX_RULES_BYTES = 16 * 1024
MAX_RULES_DEPTH = 6
INT_LIMIT = 2**53
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_RULE = re.compile(r"[a-z][a-z0-9_.-]{0,63}")

units_table = Table(
    "units",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_us", Int64, nullable=False),
    Column("retired", Boolean, nullable=False),
    Column("rules", Text, nullable=False),  # JSON
)


class Units:
    """Reading is from memory and never blocks; a change is durable before it returns, and told to the listeners."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._tree = Tree()
        self._writing = asyncio.Lock()
        self._listeners: list[ChangeListener] = []

    @classmethod
    async def open(cls, engine: Engine, clock: Clock) -> Units:
        """All units; the root is made where it is missing. The tables must exist (``create_tables``)."""
        self = cls(engine, clock)
        self._tree = Tree(await asyncio.to_thread(self._read_all))
        if self._tree.get(ROOT) is None:
            root = Unit(ROOT, "本单位", "", UnitKind.BUREAU, clock.now().utc_us)
            await self._store(root, Change("unit.added", ROOT, HUB.name, {"name": root.name, "kind": root.kind.value}))
        return self

    def on_change(self, listener: ChangeListener) -> None:
        self._listeners.append(listener)

    # ------------------------------------------------------------------------------------ reading

    @property
    def tree(self) -> Tree:
        """As it is now; never changes itself."""
        return self._tree

    def list(self) -> tuple[Unit, ...]:
        return tuple(self._tree)

    def get(self, unit_id: str) -> Unit:
        """Raises NotFound."""
        unit = self._tree.get(unit_id)
        if unit is None:
            raise NotFound(f"no unit {unit_id[:63]!r} is known", code="unknown_unit")
        return unit

    def open_unit(self, unit_id: str) -> Unit:
        """The unit, if something new may be put into it. Raises InvalidRequest, for a field of a call."""
        unit = self._tree.get(unit_id)
        if unit is None:
            raise InvalidRequest(f"unit: there is no unit {unit_id[:63]!r}", code="unknown_unit")
        if unit.retired:
            raise InvalidRequest(f"unit: {unit_id!r} is retired and takes nothing new", code="unit_retired")
        return unit

    def covers(self, above: str, below: str) -> bool:
        """Whether ``below`` is ``above`` or lies under it. An unknown or empty ``below`` belongs to the root."""
        return self._tree.covers(above, below)

    def rule(self, unit_id: str, name: str) -> Any:
        """The nearest setting of that name, from the unit upwards; None where nobody set it."""
        return self._tree.rule(unit_id, name)

    # ----------------------------------------------------------------------------------- changing

    async def add(self, unit_id: str, name: str, parent: str, kind: UnitKind, *, by: Actor) -> Unit:
        """Raises InvalidRequest, and Conflict when the id is taken."""
        if _ID.fullmatch(unit_id) is None:
            raise InvalidRequest(
                f"id: expected 1 to 63 of a-z, 0-9 and -, not beginning with -; found {unit_id[:80]!r}", code="bad_id"
            )
        unit = Unit(unit_id, check_unit_name(name), parent, kind, self._clock.now().utc_us)
        async with self._writing:
            if self._tree.get(unit_id) is not None:
                raise Conflict(f"the unit id {unit_id!r} is taken; choose another", code="unit_exists")
            if len(self.list()) >= MAX_UNITS:
                raise Conflict(f"there are {MAX_UNITS} units already", code="too_many_units")
            self._check_place(unit_id, parent)
            fields = {"name": unit.name, "parent": parent, "kind": kind.value}
            await self._store(unit, Change("unit.added", unit_id, by.name, fields))
        return unit

    async def patch(
        self,
        unit_id: str,
        *,
        by: Actor,
        name: str | None = None,
        parent: str | None = None,
        kind: UnitKind | None = None,
        retired: bool | None = None,
        rules: Mapping[str, Any] | None = None,
    ) -> Unit:
        """Change what is given; ``rules`` replaces all of them. Raises NotFound, InvalidRequest, Conflict."""
        async with self._writing:
            before = after = self.get(unit_id)
            if name is not None:
                after = replace(after, name=check_unit_name(name))
            if kind is not None:
                after = replace(after, kind=kind)
            if rules is not None:
                after = replace(after, rules=MappingProxyType(check_rules(rules)))
            if retired is not None and retired != before.retired:
                if unit_id == ROOT:
                    raise Conflict("the root is what all units hang from; it cannot be retired", code="root_unit")
                after = replace(after, retired=retired)
            if parent is not None and parent != before.parent:
                if unit_id == ROOT:
                    raise InvalidRequest("parent: the root has none", code="bad_parent")
                self._check_place(unit_id, parent)
                after = replace(after, parent=parent)
            changed = _changed(before, after)
            if changed:
                await self._store(after, Change("unit.changed", unit_id, by.name, changed))
            return after

    async def remove(self, unit_id: str, *, by: Actor, used_by: Callable[[str], str] = lambda _: "") -> None:
        """Take an empty unit away. ``used_by`` says what is still in it (streams, people), empty for nothing.

        Raises NotFound, and Conflict for the root and for a unit that is not empty: such a one is retired.
        """
        async with self._writing:
            self.get(unit_id)
            if unit_id == ROOT:
                raise Conflict("the root is what all units hang from; it cannot be removed", code="root_unit")
            below = self._tree.children(unit_id)
            users = f"{len(below)} units" if below else used_by(unit_id)
            if users:
                raise Conflict(f"the unit {unit_id!r} still has {users}; retire it instead", code="unit_in_use")
            await asyncio.to_thread(self._delete, unit_id)
            self._tree = self._tree.without(unit_id)
            self._tell(Change("unit.removed", unit_id, by.name))

    def _check_place(self, unit_id: str, parent: str) -> None:
        wrong = self._tree.misplaced(unit_id, parent)
        if wrong:
            raise InvalidRequest(f"parent: {wrong}", code="bad_parent")

    async def _store(self, unit: Unit, change: Change) -> None:
        await asyncio.to_thread(self._write, unit)
        self._tree = self._tree.with_unit(unit)
        self._tell(change)

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)

    # -------------------------------------------------------------------------------- in a thread

    def _write(self, unit: Unit) -> None:
        row = {
            "id": unit.id,
            "name": unit.name,
            "parent": unit.parent,
            "kind": unit.kind.value,
            "created_us": unit.created_us,
            "retired": unit.retired,
            "rules": json.dumps(dict(unit.rules), ensure_ascii=False, sort_keys=True),
        }
        with self._engine.begin() as connection:
            found = connection.execute(units_table.update().where(units_table.c.id == unit.id).values(row))
            if not found.rowcount:
                connection.execute(units_table.insert().values(row))

    def _delete(self, unit_id: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(units_table).where(units_table.c.id == unit_id))

    def _read_all(self) -> tuple[Unit, ...]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(units_table).order_by(units_table.c.created_us, units_table.c.id))
            return tuple(_unit(row) for row in rows.mappings())


def check_unit_name(name: str) -> str:
    """The name without outer blanks, or InvalidRequest."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidRequest(f"name: expected 1 to {MAX_NAME} printable characters, found {len(name)}", code="bad_name")
    return name


def check_rules(rules: Mapping[str, Any]) -> dict[str, Any]:
    """The rules, or InvalidRequest. What a rule means is checked by the part that reads it.

    Bounded JSON that an entry of the ledger can carry too: no fractions (write 0.5 s as 500 ms).
    """
    for name in rules:
        if _RULE.fullmatch(name) is None:
            raise InvalidRequest("rules: expected names of a-z, 0-9, _ . and -, at most 64 long", code="bad_rules")
    _check_value(rules, 0)
    try:
        size = len(json.dumps(rules, ensure_ascii=False).encode("utf-8"))
    except UnicodeEncodeError:
        raise InvalidRequest("rules: expected text, found half of a surrogate pair", code="bad_rules") from None
    if size > MAX_RULES_BYTES:
        raise InvalidRequest(f"rules: expected at most {MAX_RULES_BYTES} bytes, found {size}", code="bad_rules")
    return dict(rules)


def _check_value(value: object, depth: int) -> None:
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if not -INT_LIMIT < value < INT_LIMIT:
            raise InvalidRequest("rules: expected integers within 2^53", code="bad_rules")
        return
    if isinstance(value, float):
        raise InvalidRequest("rules: expected no fractions; write 0.5 s as 500 ms", code="bad_rules")
    if depth >= MAX_RULES_DEPTH:
        raise InvalidRequest(f"rules: expected at most {MAX_RULES_DEPTH} levels", code="bad_rules")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and key.isascii() for key in value):
            raise InvalidRequest("rules: expected ASCII keys", code="bad_rules")
        for item in value.values():
            _check_value(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_value(item, depth + 1)
    else:
        raise InvalidRequest("rules: expected JSON", code="bad_rules")


def _changed(before: Unit, after: Unit) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in ("name", "parent", "retired"):
        if getattr(before, name) != getattr(after, name):
            fields[name] = getattr(after, name)
    if before.kind is not after.kind:
        fields["kind"] = after.kind.value
    if before.rules != after.rules:
        fields["rules"] = dict(after.rules)
    return fields


def _unit(row: RowMapping) -> Unit:
    rules = MappingProxyType(json.loads(row["rules"]))
    return Unit(row["id"], row["name"], row["parent"], UnitKind(row["kind"]), row["created_us"], row["retired"], rules)
