"""Footage with the entry that declares it, as it lies in its file at this moment. Blocking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from hub.ledger import tables as t
from hub.ledger.index import chunk_of
from hub.model import Chunk

Bring = Callable[[str, int], bytes | None]
"""The first bytes (so many, or more) of an entry file that this folder lacks; None: nobody has it. Blocking."""


@dataclass(frozen=True, slots=True)
class Declared:
    """``leaf`` (hex) is what the database remembers of the entry, ``line`` what its file says now: they are compared
    by whoever asks, not here. ``index`` is its place in the log that is being written; None: of an earlier log."""

    chunk: Chunk
    seq: int
    leaf: str
    index: int | None
    line: bytes


def with_entries(query: Select[Any]) -> Select[Any]:
    """The rows of ``chunk_rows()`` with where the entry of each lies."""
    entry, file = t.entries.c, t.entry_files.c
    return (
        query.add_columns(
            entry.seq,
            entry.leaf,
            entry.offset.label("line_offset"),
            entry.size.label("line_size"),
            file.path.label("line_file"),
            t.unflushed.c.data.label("line"),
        )
        .join(t.entries, entry.id == t.chunks.c.entry_id)
        .join(t.entry_files, file.id == entry.file_id)
        .outerjoin(t.unflushed, t.unflushed.c.entry_id == entry.id)
    )


def nobody_has_it(_path: str, _size: int) -> bytes | None:
    return None


def declared(
    connection: Connection, data: Path, rows: Sequence[Row[Any]], bring: Bring = nobody_has_it
) -> list[Declared]:
    """What rows of :func:`with_entries` tell, and their lines. Files are opened once for neighbours in one file."""
    first = connection.execute(select(func.max(t.logs.c.first_entry))).scalar()
    lines = _Lines(data, bring)
    return [
        Declared(
            chunk_of(row),
            row.seq,
            row.leaf.hex(),
            row.entry_id - first if first is not None and row.entry_id >= first else None,
            lines.read(row.line_file, row.line_offset, row.line_size, here=row.line is not None) or row.line or b"",
        )
        for row in rows
    ]


class _Lines:
    def __init__(self, data: Path, bring: Bring) -> None:
        self._data = data
        self._bring = bring
        self._path = ""
        self._content = b""
        self._brought = False

    def read(self, path: str, offset: int, size: int, *, here: bool) -> bytes:
        """Empty where the file does not reach so far: a commit may be under way, or it was cut. ``here``: then it need
        not be looked for elsewhere."""
        if path != self._path or len(self._content) < offset + size:
            self._brought = self._brought and path == self._path
            self._path = path
            try:
                self._content = (self._data / path).read_bytes()
            except OSError:
                self._content = b""
            if len(self._content) < offset + size and not (here or self._brought):
                self._elsewhere(path, offset + size)
        line = self._content[offset : offset + size]
        return line if len(line) == size else b""

    def _elsewhere(self, path: str, size: int) -> None:
        """Once a file: of many lines that nobody has each would ask again."""
        try:
            found = self._bring(path, size)
        except OSError:
            found = None
        self._brought = found is None
        self._content = found or self._content
