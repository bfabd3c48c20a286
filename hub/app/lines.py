"""Where a new leader's folder has its files from: lines that PostgreSQL still keeps, and the archive. Blocking.

A line is kept in PostgreSQL until the file that it lies in is in the archive up to it. Without an archive it is kept
for ever: nobody else has it, and an office that cannot begin is worse than a database that grows.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import structlog
from sqlalchemy import Engine, text

from hub.archive.pending import PARTS, piece_of
from hub.archive.store import Store
from hub.ledger.files import CHECKPOINTS_FILE, SUFFIX, log_folder, replace_file
from hub.ledger.index import Index

_FORGET = """
DELETE FROM ledger_unflushed WHERE entry_id IN (
    SELECT u.entry_id FROM ledger_unflushed u JOIN ledger_entries e ON e.id = u.entry_id
    JOIN ledger_files f ON f.id = e.file_id JOIN archive_objects a ON a.path = f.path
    WHERE a.state = 'kept' AND e."offset" + e.size < a.size AND u.entry_id < :up_to)
"""
_ARCHIVED = """
SELECT path FROM archive_objects WHERE path > :after AND state = 'kept' AND path LIKE :like ORDER BY path LIMIT 500
"""
_log = structlog.get_logger(__name__)


def forget_nothing(_index: Index, _up_to: int) -> None:
    """Where there is no archive."""


def forget_archived(index: Index, up_to: int) -> None:
    """Lines that are in the archive, verified, with the newline behind them; of entries below ``up_to``."""
    with index.engine.begin() as connection:
        connection.execute(text(_FORGET), {"up_to": up_to})


class FromArchive:
    """What an empty folder, or one that led long ago, has from there. Raises OSError where the store is away."""

    def __init__(self, store: Store, data: Path) -> None:
        self._store = store
        self._data = data

    def lines(self, path: str, size: int) -> bytes | None:
        """The first bytes of an entry file; None: it is not there, or shorter."""
        there = self._store.size(path)
        return None if there is None or there < size else self._store.read(path, 0, size)

    def rest(self, engine: Engine, stopped: Callable[[], bool]) -> int:
        """Entry files of earlier days, which this folder needs to be verified by itself and not to lead; how many were
        brought. What is here stays as it is: it may be written to meanwhile."""
        brought, after = 0, ""
        while not stopped():
            with engine.connect() as connection:
                names = connection.execute(text(_ARCHIVED), {"after": after, "like": f"%{SUFFIX}"}).scalars().all()
            if not names:
                break
            after = names[-1]
            for name in names:
                if not (stopped() or (self._data / name).exists()):
                    brought += self._one(str(name))
        if brought:
            _log.info("entry files of earlier days were brought from the archive", files=brought)
        return brought

    def _one(self, name: str) -> int:
        size = self._store.size(name)
        if not size:
            return 0
        full = self._data / name
        full.parent.mkdir(parents=True, exist_ok=True)
        part = full.with_name(f".{full.name}.part")
        part.write_bytes(self._store.read(name, 0, size))
        try:
            os.link(part, full)  # not over one that was made at this moment
        except FileExistsError:
            return 0
        finally:
            part.unlink()
        return 1

    def log(self, engine: Engine) -> None:
        """What the log's folder lacks. ``engine``: says what the log is called."""
        with engine.connect() as connection:
            origin = connection.execute(text("SELECT origin FROM ledger_logs ORDER BY id DESC LIMIT 1")).scalar()
        if origin is not None:
            self._checkpoints(str(origin))

    def _checkpoints(self, origin: str) -> None:
        """The notes of all leaders so far, before this one adds its own behind them. Pieces in the archive name the
        bytes at which they begin, so every leader's file must begin with the same."""
        path = log_folder(self._data, origin) / CHECKPOINTS_FILE
        name = path.relative_to(self._data).as_posix()
        pieces = sorted((piece_of(one), one) for one, _ in self._store.names(f"{name}{PARTS}"))
        if not pieces:
            return
        (first, end), newest = pieces[-1]
        mine = path.read_bytes()[first:end] if path.exists() else b""
        if mine == self._store.read(newest, 0, end - first):
            return
        whole = b""
        for (begin, last), piece in pieces:
            if begin <= len(whole) < last:
                whole += self._store.read(piece, len(whole) - begin, last - len(whole))
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, whole)
        _log.info("checkpoints of other leaders were brought from the archive", origin=origin, bytes=len(whole))
