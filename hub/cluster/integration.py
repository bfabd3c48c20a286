"""The notary: moves entries from the inbox into the log, in the order in which the database shows them. Blocking.

Lines and leaves go to files of the leader's data folder first, as in the embedded hub; what counts is the transaction
that follows: the index, the deletion from the inbox, and the question whether this node still leads, all or nothing.
What lies in the files beyond it is still in the inbox, and comes again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from hub.cluster.agreeing import note_agreed
from hub.errors import LedgerError
from hub.ledger.declared import Bring, nobody_has_it
from hub.ledger.entries import HUB_STREAM, Entry, read_entry
from hub.ledger.index import Index, LogRow
from hub.ledger.log import Log
from hub.ledger.store import EntryFiles, flush
from hub.ledger.writer import Committed, Writer

AT_ONCE = 2000
"""Entries of one round."""

Forget = Callable[[Index, int], None]
"""Lets the database forget lines of entries below this id, all of which are flushed in the leader's files: as many as
are safe elsewhere, should another folder have to lead. Blocking."""


class NotLeading(LedgerError):
    """Another node has taken the lead: nothing that this one does counts any more."""

    code = "not_leading"


def check_lead(connection: Connection, epoch: int) -> None:
    """Fence a transaction of the office: no other node takes the lead before it ends. Raises NotLeading."""
    found = connection.execute(text(_FENCE), {"stream": HUB_STREAM}).scalar()
    if found != epoch:
        raise NotLeading(f"this node led with epoch {epoch}, and another leads now, with {found}")


class Integrator(Writer):
    """See the module. A :class:`Writer` whose entries come from the inbox, and whose index may be another's."""

    def __init__(
        self, data: Path, log: Log, row: LogRow, index: Index, epoch: int, forget: Forget, bring: Bring = nobody_has_it
    ) -> None:
        super().__init__(data, EntryFiles(data, self._settle), log, row.id, index, list)
        self._row = row
        self._engine: Engine = index.engine
        self._epoch = epoch
        self._forget = forget
        self._bring = bring
        self._places: dict[str, int] = {}
        self._unsure: int | None = None
        """The next entry before a transaction of which nobody knows whether it went through."""
        self.read_all = False
        """Whether the newest round left nothing in the inbox."""

    def round(self) -> Committed:
        """Move what waits, or try again what was put off. Raises NotLeading; never for a disk that refuses, or a
        database that is away."""
        if self.waiting:
            return self.commit([])
        try:
            return self.commit(self._read())
        except SQLAlchemyError as error:
            return Committed([], 0, f"database: {_why(error)}")

    def _read(self) -> list[Entry]:
        with self._engine.connect() as connection:
            rows = connection.execute(text(_READ), {"most": AT_ONCE}).all()
        self.read_all = len(rows) < AT_ONCE
        entries = [read_entry(bytes(row.data)) for row in rows]
        self._places = {entry.leaf: row.id for entry, row in zip(entries, rows, strict=True)}
        return entries

    def _to_index(self, problems: list[str]) -> list[Entry]:
        if not self._unindexed:
            return []
        try:
            if self._unsure is None or not self._is_done(self._unsure):
                self._index.insert(self._unindexed, within=self._take_out)
        except SQLAlchemyError as error:
            self._unsure = self._index.next_entry if self._unsure is None else self._unsure
            problems.append(f"database: {_why(error)}")
            return []
        self._unsure = None
        durable = [item.entry for item in self._unindexed]
        self._unindexed, self._backlog_bytes = [], 0
        return durable

    def _take_out(self, connection: Connection) -> None:
        check_lead(connection, self._epoch)
        ids = [self._places[item.entry.leaf] for item in self._unindexed]
        if connection.execute(text(_TAKE_OUT), {"ids": ids}).rowcount != len(ids):
            raise NotLeading("entries that were to go into the log are in it already: another node leads")

    def _is_done(self, before: int) -> bool:
        """Whether the transaction whose answer was lost went through."""
        self._index.reload()
        grown = self._index.next_entry - before
        if grown == 0:
            return False
        expected = [bytes.fromhex(item.entry.leaf) for item in self._unindexed]
        if grown == len(expected) and [bytes(one) for one in self._index.leaves(before, grown)] == expected:
            return True
        raise NotLeading("the log went on without this node: another leads")

    def _settle(self, path: str) -> None:
        """A file that this object never wrote to may hold lines that are not in the log: they come again; one of an
        earlier day may not have been brought to this folder yet. Raises OSError alone: what else were raised between
        two files would have the first one's lines written again."""
        try:
            known, full = self._index.file_size(path), self._data / path
        except SQLAlchemyError as error:
            raise OSError(5, f"how long {path} is cannot be asked: {_why(error)}") from error
        size = full.stat().st_size if full.exists() else 0
        if size < known:
            found = self._bring(path, known)
            if found is not None and len(found) >= known:
                full.parent.mkdir(parents=True, exist_ok=True)
                full.write_bytes(found[:known])
                flush(self._data, [path], [path])
                return
            raise OSError(2, f"{path} holds {size} of {known} bytes: bring back what this data folder lacks of it")
        if size > known:
            os.truncate(full, known)

    # ---------------------------------------------------------------------------------- flushing

    def end_flush(self, dirty: set[str], new: set[str], up_to: int, error: OSError | None) -> None:
        if error is not None:
            self._files.give_back(dirty, new)
            return
        note_agreed(self.log.folder, up_to - self._row.first_entry)
        self._forget(self._index, up_to)


_FENCE = "SELECT epoch FROM cluster_chains WHERE stream = :stream FOR SHARE"
_READ = "SELECT id, data FROM cluster_inbox ORDER BY id LIMIT :most"
_TAKE_OUT = "DELETE FROM cluster_inbox WHERE id = ANY(CAST(:ids AS bigint[]))"


def _why(error: Exception) -> str:
    return f"{error.__class__.__name__}: {getattr(error, 'orig', None) or error}"
