"""What happens to entries after they are made, in the order that evidence asks for. Blocking; one thread.

An entry passes three stages, and waits before each until the one before has succeeded:

1. *unwritten*: its line is appended to its entry file;
2. *unlogged*: its leaf hash is appended to the log;
3. *unindexed*: it goes into the database, in one transaction for all streams.

After the third it is durable. If the database does not take it, the entry files are flushed instead:
it is durable then too, and waits for the database. Nothing of this ever holds up a recording.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hub.ledger.entries import Entry
from hub.ledger.index import Index
from hub.ledger.log import Due, Log
from hub.ledger.store import EntryFiles, Placed, flush

MAX_BACKLOG_BYTES = 64 << 20
"""Entries that wait in memory for a database that is out of order: about an hour of a hundred streams.
Beyond it they are found again in their files."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What one commit did. ``problem`` is empty, or says what had to be put off."""

    entries: list[Entry]
    waiting: int
    problem: str = ""


class Writer:
    """Owns the entry files, the log's leaves and the database's ledger tables while the hub runs."""

    def __init__(
        self, data: Path, files: EntryFiles, log: Log, log_id: int, index: Index, catch_up: Callable[[], list[Placed]]
    ) -> None:
        self._data = data
        self._files = files
        self._index = index
        self._log_id = log_id
        self._catch_up = catch_up
        self.log = log
        self._unwritten: list[Entry] = []
        self._unlogged: list[Placed] = []
        self._unindexed: list[Placed] = []
        self._backlog_bytes = 0
        self._behind = False
        self._told = 0
        self._unflushed_up_to = 0

    @property
    def waiting(self) -> int:
        """Entries that are not durable yet, of those that were handed over."""
        return len(self._unwritten) + len(self._unlogged) + len(self._unindexed) - self._told

    def commit(self, entries: list[Entry]) -> Committed:
        """Take these entries, and what was put off before, as far as possible. Never raises for a disk
        or a database that refuses."""
        problems = []
        self._unwritten += entries
        written, self._unwritten, problem = self._files.append(self._unwritten)
        self._unlogged += written
        if problem is not None:
            problems.append(f"entry files: {problem}")
        try:
            self._to_log()
            durable = self._to_index(problems)
        except OSError as error:
            problems.append(f"log: {error}")
            durable = []
        return Committed(durable, self.waiting, "; ".join(problems))

    def _to_log(self) -> None:
        if self._unlogged:
            self.log.append([bytes.fromhex(item.entry.leaf) for item in self._unlogged])
            self._unindexed += self._unlogged
            self._backlog_bytes += sum(len(item.entry.data) for item in self._unlogged)
            self._unlogged = []

    def _to_index(self, problems: list[str]) -> list[Entry]:
        """The entries that became durable by this call."""
        durable = [item.entry for item in self._unindexed[self._told :]]
        if not self._unindexed and not self._behind:
            return []
        try:
            if self._behind:
                self._index.insert(self._catch_up(), flushed=True)
                self._behind = False
            else:
                self._index.insert(self._unindexed)
        except Exception as error:  # whatever is wrong with the index, the entries must become durable
            problems.append(f"database: {error.__class__.__name__}: {getattr(error, 'orig', None) or error}")
            self.flush_files()
            self.log.leaves.sync()
            self._told = len(self._unindexed)
            self._shed()
            return durable
        self._unindexed, self._told, self._backlog_bytes = [], 0, 0
        return durable

    def _shed(self) -> None:
        """Bound the memory: what is durable in the files need not be remembered to be found again."""
        if self._backlog_bytes > MAX_BACKLOG_BYTES or self._behind:
            self._unindexed, self._told, self._backlog_bytes = [], 0, 0
            self._behind = True

    def flush_files(self) -> None:
        """Make all entry files durable. Raises OSError."""
        dirty, new = self._files.take_dirty()
        try:
            flush(self._data, dirty, new)
        except OSError:
            self._files.give_back(dirty, new)
            raise

    def begin_flush(self) -> tuple[set[str], set[str], int]:
        """What a flush in another thread must cover: files, which of them are new, and up to which entry."""
        dirty, new = self._files.take_dirty()
        return dirty, new, self._index.next_entry

    def end_flush(self, dirty: set[str], new: set[str], up_to: int, error: OSError | None) -> None:
        """The flush succeeded: the database may forget these entries' bytes; or it failed."""
        if error is None:
            self._index.forget_flushed(up_to)
        else:
            self._files.give_back(dirty, new)

    def due(self, announced: tuple[str, ...]) -> Due | None:
        """What is to be signed, if the log has grown and all of it is durable. Raises LedgerError, OSError."""
        return None if self.waiting else self.log.due(announced)

    def signed(self, due: Due, note: str) -> None:
        """Raises OSError, SQLAlchemyError."""
        self.log.take(due, note)
        self._index.set_signed(self._log_id, self.log.signed)

    def close(self) -> None:
        self._files.close()
        self.log.close()
        self._index.close()
