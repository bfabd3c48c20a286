"""Entries of type ``activity`` as the ledger has them: for what the tables missed, and to make them anew. Blocking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, func, select

from hub.activities.model import Said
from hub.errors import LedgerError
from hub.ledger import tables as t
from hub.ledger.entries import Entry, EntryType, read_entry

_log = structlog.get_logger(__name__)


def said_of(entry: Entry) -> Said:
    return Said(entry.stream_id, entry.seq, entry.t_hub_us, entry.body)


def newest(engine: Engine) -> int:
    """The number of the newest entry."""
    with engine.connect() as connection:
        return int(connection.execute(select(func.max(t.entries.c.id))).scalar_one() or 0)


def said_after(engine: Engine, data: Path, entry_id: int) -> Iterator[Said]:
    """In the order of the log. An entry that cannot be read is told and passed over: `hub verify` says more."""
    query = (
        select(
            t.entries.c.id, t.entries.c.stream, t.entries.c.seq, t.entries.c.leaf, t.entry_files.c.path,
            t.entries.c.offset, t.entries.c.size,
        )
        .join(t.entry_files, t.entry_files.c.id == t.entries.c.file_id)
        .where(t.entries.c.id > entry_id, t.entries.c.type == EntryType.ACTIVITY.value)
        .order_by(t.entries.c.id)
    )  # fmt: skip
    with engine.connect() as connection:
        for row in connection.execute(query):
            try:
                entry = read_entry(_bytes(connection, row.id, data / row.path, row.offset, row.size))
                if entry.leaf != row.leaf.hex():
                    raise LedgerError("its bytes are not those that were committed")
            except (OSError, LedgerError) as error:
                _log.error("an entry of an activity cannot be read", stream=row.stream, seq=row.seq, error=str(error))
                continue
            yield said_of(entry)


def _bytes(connection: Connection, entry_id: int, path: Path, offset: int, size: int) -> bytes:
    kept = connection.execute(select(t.unflushed.c.data).where(t.unflushed.c.entry_id == entry_id)).scalar_one_or_none()
    if kept is not None:
        return bytes(kept)
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)
