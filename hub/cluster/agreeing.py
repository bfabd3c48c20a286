"""Before a node leads: its data folder says what the database says, no less and no more. Blocking.

The order of the log is PostgreSQL's. A folder that led before may hold lines and leaves of a transaction that never
was; they wait in the inbox. One that did not lead for a while lacks some. Looked at is what was written since the
folder last agreed, not the whole history.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog
from sqlalchemy import text

from hub.clock import US_PER_S
from hub.errors import LedgerError
from hub.ledger.declared import Bring, nobody_has_it
from hub.ledger.entries import HUB_STREAM, is_stream_id
from hub.ledger.files import CHECKPOINT_FILE, LEAVES_FILE, SUFFIX, log_folder, replace_file
from hub.ledger.index import Index, LogRow
from hub.ledger.notes import parse_checkpoint, parse_note
from hub.ledger.recovery import Repair, complete_files, files_since, looked_at_from
from hub.ledger.store import LeafFile, flush

AGREED_FILE = "agreed"
"""How many leaves of this folder are those of the database, and on the disk."""
LEAVES_AT_ONCE = 1 << 15
LOOKED_BACK_US = 48 * 3600 * US_PER_S
"""Further than a start looks: what a folder lacks, or has too much of, is from when its node led last."""

_log = structlog.get_logger(__name__)


def agree(data: Path, index: Index, bring: Bring = nobody_has_it) -> Repair:
    """Make the folder agree. Raises LedgerError, code ``rollback`` where the database holds less than was signed here,
    ``lines_missing`` where entries lie in no file that can be had; OSError."""
    rows = index.logs()
    for row in rows:
        _not_behind(data, index, rows, row)
    _bring(data, index, bring)
    done = Repair(completed=complete_files(data, index))
    cut = sum(_cut(data, index, stream) for stream in _streams(data, index))
    if done.completed or cut:
        _log.warning("the data folder now says what the database says", completed=done.completed, cut_bytes=cut)
    for row in rows:
        _leaves(data, index, rows, row)
    return done


def _count(index: Index, rows: list[LogRow], row: LogRow) -> int:
    following = [other.first_entry for other in rows if other.id > row.id]
    return min(following, default=index.next_entry) - row.first_entry


def _not_behind(data: Path, index: Index, rows: list[LogRow], row: LogRow) -> None:
    path = log_folder(data, row.origin) / CHECKPOINT_FILE
    if path.exists():
        signed, count = (
            parse_checkpoint(parse_note(path.read_text(encoding="utf-8")).text).size,
            _count(index, rows, row),
        )
        if signed > count:
            raise LedgerError(
                f"{signed} entries of the log {row.origin} were signed, and the database holds {count}: it was rolled "
                "back. Bring back its newest copy; nothing was changed here",
                code="rollback",
            )


def _bring(data: Path, index: Index, bring: Bring) -> None:
    """Files that begin before the lines that the database holds."""
    first = index.first_of_unflushed()
    for stream in index.states:
        folder = _folder(stream)
        for path, size in index.file_sizes(folder, looked_at_from(index, stream, LOOKED_BACK_US)).items():
            first.setdefault(path, size)
    for path, offset in first.items():
        full = data / path
        if (full.stat().st_size if full.exists() else 0) < offset:
            found = bring(path, offset)
            if found is None or len(found) < offset:
                raise LedgerError(
                    f"this data folder lacks lines of {path}, and nobody has them: let the node lead that led before, "
                    "or bring its data folder here",
                    code="lines_missing",
                )
            full.parent.mkdir(parents=True, exist_ok=True)
            full.write_bytes(found)
            flush(data, [path], [path])


def _streams(data: Path, index: Index) -> set[str]:
    reels = data / "reels"
    local = {entry.name for entry in os.scandir(reels) if is_stream_id(entry.name)} if reels.is_dir() else set()
    return {HUB_STREAM, *index.states, *local}


def _folder(stream: str) -> str:
    return HUB_STREAM if stream == HUB_STREAM else f"reels/{stream}"


def _cut(data: Path, index: Index, stream: str) -> int:
    """Lines that are not in the log; how many bytes."""
    folder, since, gone = _folder(stream), looked_at_from(index, stream, LOOKED_BACK_US), 0
    if not (data / folder).is_dir():
        return 0
    known = index.file_sizes(folder, since)
    for inner, file in files_since(data / folder, since, SUFFIX):
        name, size = f"{folder}/{inner}", file.stat().st_size
        if size > known.get(name, 0):
            gone += size - known.get(name, 0)
            if name in known:
                os.truncate(file.path, known[name])
            else:
                Path(file.path).unlink()
    return gone


# ------------------------------------------------------------------------------------- leaves


def _leaves(data: Path, index: Index, rows: list[LogRow], row: LogRow) -> None:
    folder, count = log_folder(data, row.origin), _count(index, rows, row)
    leaves = LeafFile(folder / LEAVES_FILE)
    try:
        at = min(_agreed(folder), leaves.size, count)
        while at < count:
            known = [bytes(leaf) for leaf in index.leaves(row.first_entry + at, min(LEAVES_AT_ONCE, count - at))]
            end = at + len(known)
            if leaves.size < end or leaves.read(at, end) != known:
                leaves.rewrite(at, known)
            at = end
        if leaves.size > count:
            leaves.rewrite(count, [])
        leaves.sync()
    finally:
        leaves.close()
    note_agreed(folder, count)


def _agreed(folder: Path) -> int:
    path = folder / AGREED_FILE
    text_ = path.read_text(encoding="ascii").strip() if path.exists() else ""
    return int(text_) if text_.isdigit() else 0


def note_agreed(folder: Path, count: int) -> None:
    """So many leaves are the database's, and flushed."""
    replace_file(folder / AGREED_FILE, f"{count}\n".encode())


def nothing_waits(index: Index) -> bool:
    """Whether the inbox is empty."""
    with index.engine.connect() as connection:
        return connection.execute(text("SELECT 1 FROM cluster_inbox LIMIT 1")).first() is None
