"""Facts that PostgreSQL did not take: durable on the node's own disk, in order, until it does. Blocking; one thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.cluster.facts import Fact
from hub.errors import LedgerError

FILE = "outbox.db"
MAX_BYTES = 2 << 30
"""About half a day of a hundred streams. What does not fit stays in memory, and beyond that is not declared."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (place INTEGER PRIMARY KEY, writer TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS days (day TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A fact, its place in the outbox, and the life of the node that it is of."""

    place: int
    writer: str
    fact: Fact
    size: int


class Outbox:
    """See the module."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._max_bytes = max_bytes
        self._database = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.executescript(_SCHEMA)
        query = "SELECT count(*), coalesce(sum(length(data)), 0) FROM facts"
        self.count: int
        self.bytes: int
        self.count, self.bytes = self._database.execute(query).fetchone()

    def put(self, writer: str, facts: Iterable[Fact]) -> None:
        """Durable when it returns. Raises LedgerError, code ``outbox_full``, and then none is kept."""
        rows = [(writer, fact.dump()) for fact in facts]
        size = sum(len(data) for _, data in rows)
        if self.bytes + size > self._max_bytes:
            raise LedgerError(
                f"the outbox holds {self.bytes} bytes of facts that PostgreSQL did not take, and takes no more: bring "
                "the database back",
                code="outbox_full",
            )
        self._many("INSERT INTO facts (writer, data) VALUES (?, ?)", rows)
        self.count, self.bytes = self.count + len(rows), self.bytes + size

    def first(self, most: int) -> list[Kept]:
        """The oldest, of one writer, in their order."""
        query = "SELECT place, writer, data FROM facts ORDER BY place LIMIT ?"
        rows = self._database.execute(query, (most,)).fetchall()
        return [Kept(place, writer, Fact.load(data), len(data)) for place, writer, data in rows if writer == rows[0][1]]

    def writers(self) -> list[str]:
        """Of whom there is anything."""
        return [row[0] for row in self._database.execute("SELECT DISTINCT writer FROM facts")]

    def taken(self, kept: Sequence[Kept]) -> None:
        """These are in the database."""
        if kept:
            self._many("DELETE FROM facts WHERE place = ?", [(one.place,) for one in kept])
            self.count -= len(kept)
            self.bytes -= sum(one.size for one in kept)

    def _many(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._database.executemany(statement, rows)
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise

    # --------------------------------------------------------------------- when this node last lived

    @property
    def last_day(self) -> str:
        """The newest day (UTC) on which this node is known to have recorded; empty: none is."""
        return str(self._database.execute("SELECT coalesce(max(day), '') FROM days").fetchone()[0])

    def lived(self, day: str) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("DELETE FROM days")
        self._database.execute("INSERT INTO days VALUES (?)", (day,))
        self._database.execute("COMMIT")

    def close(self) -> None:
        self._database.close()
