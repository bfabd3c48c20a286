"""What the entries tell of interruptions and of what became of them. Blocking, from any thread."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, exists, func, select

from hub.database import Database, hex_of, json_is_true, json_text, open_engine
from hub.ledger import tables as t
from hub.ledger.entries import Entry, EntryType
from hub.ledger.index import interruption_of
from hub.model import Interruption, InterruptionState

IDS_A_QUERY = 500
TOLD_TYPES = frozenset(
    {
        EntryType.INTERRUPTION_OPEN,
        EntryType.INTERRUPTION_CLOSE,
        EntryType.INTERRUPTION_WITHDRAWN,
        EntryType.EXPLANATION,
        EntryType.BACKFILL,
    }
)


@dataclass(frozen=True, slots=True)
class Told:
    """One entry about an interruption. ``leaf`` is hex, ``at_us`` hub UTC of the entry. ``interruption`` is the id;
    empty for a report that belongs to none yet."""

    stream_id: str
    seq: int
    leaf: str
    type: EntryType
    at_us: int
    interruption: str
    body: Mapping[str, Any]

    @classmethod
    def of(cls, entry: Entry) -> Told:
        ident = entry.body.get("id" if entry.type.value.startswith("interruption_") else "interruption", "")
        return cls(entry.stream_id, entry.seq, entry.leaf, entry.type, entry.t_hub_us, str(ident), entry.body)


class ToldReader:
    """Questions of its own on a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._engine = open_engine(database)

    def of(self, idents: Iterable[str]) -> dict[str, list[Told]]:
        """All entries of each of these interruptions, in their order."""
        found: dict[str, list[Told]] = {ident: [] for ident in idents}
        wanted = list(found)
        for at in range(0, len(wanted), IDS_A_QUERY):
            query = select(t.told).where(t.told.c.interruption.in_(wanted[at : at + IDS_A_QUERY]))
            for one in self._read(query.order_by(t.told.c.entry_id)):
                found[one.interruption].append(one)
        return found

    def unattached(self, since_us: int) -> list[Told]:
        """Reports since then that belong to no interruption: none cites them yet."""
        row, other = t.told.c, t.told.alias().c
        cites = json_text(other.body, "cites")
        cited = exists().where(other.stream == row.stream, other.entry_id > row.entry_id, cites == hex_of(row.leaf))
        query = select(t.told).where(row.interruption == "", row.t_hub_us >= since_us, ~cited)
        return self._read(query.order_by(row.entry_id))

    def by_leaf(self, interruption: str, leaf: str) -> Told | None:
        return next((one for one in self.of([interruption])[interruption] if one.leaf == leaf), None)

    def leaf_of(self, interruption: str) -> str:
        """The leaf of the entry that opened it; empty for an unknown one."""
        with self._engine.connect() as connection:
            leaf = connection.execute(
                select(t.interruptions.c.leaf).where(t.interruptions.c.id == interruption)
            ).scalar_one_or_none()
        return "" if leaf is None else leaf.hex()

    def unsettled(self) -> list[Interruption]:
        """Interruptions that ask for an explanation and were not closed for good since they last broke off."""
        cut, told = t.interruptions.c, t.told.c
        other = t.told.alias().c
        broke_off = select(func.max(other.entry_id)).where(
            other.interruption == told.interruption, other.type == EntryType.INTERRUPTION_OPEN.value
        )
        closed = exists().where(
            told.interruption == cut.id,
            json_text(told.body, "form") == "close",
            told.entry_id > broke_off.correlate(t.told).scalar_subquery(),
        )
        query = select(t.interruptions).where(
            cut.state != InterruptionState.WITHDRAWN.value,
            json_is_true(cut.body, "needs_explanation"),
            ~closed,
        )
        with self._engine.connect() as connection:
            return [interruption_of(row) for row in connection.execute(query)]

    def _read(self, query: Select[Any]) -> list[Told]:
        with self._engine.connect() as connection:
            return [_told(row) for row in connection.execute(query)]

    def close(self) -> None:
        self._engine.dispose()


def _told(row: Row[Any]) -> Told:
    return Told(
        row.stream, row.seq, row.leaf.hex(), EntryType(row.type), row.t_hub_us, row.interruption, json.loads(row.body)
    )
