"""The database of a hub that may be running, as it was at one moment, and what it says of the files beside it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hub.errors import StorageError
from hub.ledger.entries import HUB_STREAM, EntryType
from hub.ledger.merkle import HASH_SIZE, CompactRange

LOCK_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Head:
    """The newest log as the database knows it: its origin, how many leaves, and their RFC 6962 root."""

    origin: str
    size: int
    root: bytes


class Snapshot:
    """A copy of ``hub.db``, made with SQLite's online backup: one reading transaction, which in WAL mode keeps no
    writer waiting. Its file has no name any more; it ends with :meth:`close`."""

    def __init__(self, database: Path, work: Path) -> None:
        """Copies at once. Raises StorageError."""
        path = work / "hub.db"
        try:
            with closing(_open(database)) as source, closing(sqlite3.connect(path)) as copy:
                copy.execute("PRAGMA journal_mode=OFF")
                copy.execute("PRAGMA synchronous=OFF")
                source.backup(copy)  # all pages in one step: it never begins again because somebody wrote
            # immutable: SQLite puts nothing beside it, so that the name can go
            self._view = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
            self._view.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self.file: IO[bytes] = path.open("rb")
        except sqlite3.Error as error:
            raise StorageError(f"cannot copy the database {database}: {error}") from error
        finally:
            path.unlink(missing_ok=True)
        self.size = os.fstat(self.file.fileno()).st_size

    def close(self) -> None:
        self.file.close()
        self._view.close()

    def entry_files(self) -> dict[str, int]:
        """How much of each entry file is in the database, by path."""
        return dict(self._view.execute("SELECT path, size FROM ledger_files"))

    def reels(self) -> dict[str, int]:
        """How far entries speak of each reel, by path."""
        return dict(self._view.execute("SELECT path, size FROM ledger_reels"))

    def leaves(self) -> dict[str, int]:
        """How many leaves each log has, by origin."""
        logs = self._view.execute("SELECT origin, first_entry FROM ledger_logs ORDER BY id").fetchall()
        (last,) = self._view.execute("SELECT coalesce(max(id), 0) FROM ledger_entries").fetchone()
        ends = [first for _, first in logs[1:]] + [last + 1]
        return {origin: end - first for (origin, first), end in zip(logs, ends, strict=True)}

    def ended_orderly(self) -> bool:
        """Whether the hub's own chain ends with an orderly stop."""
        query = "SELECT type FROM ledger_entries WHERE stream = ? ORDER BY seq DESC LIMIT 1"
        row = self._view.execute(query, (HUB_STREAM,)).fetchone()
        return row is not None and row[0] == EntryType.CLOSE.value

    def head(self) -> Head | None:
        """None: nothing was ever recorded. Hashes the leaves since the last signature."""
        row = self._view.execute(
            "SELECT origin, first_entry, signed_size, signed_peaks FROM ledger_logs ORDER BY id DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        origin, first, size, peaks = row
        tree = CompactRange(size, (peaks[at : at + HASH_SIZE] for at in range(0, len(peaks), HASH_SIZE)))
        query = "SELECT leaf FROM ledger_entries WHERE id >= ? ORDER BY id"
        for (leaf,) in self._view.execute(query, (first + size,)):
            tree.append(leaf)
        return Head(origin, tree.size, tree.root())


def _open(database: Path) -> sqlite3.Connection:
    if not database.exists():
        raise StorageError(
            f"expected a hub's database at {database}, found none: start the hub once, or name its --data"
        )
    return sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=LOCK_WAIT_S)
