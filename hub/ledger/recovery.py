"""Putting entry files, log and database in step again, at a start. Blocking.

A hub that was killed, or whose machine lost power, leaves them apart by a few lines at most: an entry
lies in the database and not in its file, or in its file and not in the database, or half in its file.
What one of them holds is completed in the others. What fits nowhere is moved to ``DATA/quarantine``,
never deleted, and a ``recovery`` entry says so. With the database gone, all of it comes from the files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.clock import US_PER_S
from hub.errors import LedgerError
from hub.ledger.entries import HUB_STREAM, EntryType, JsonValue, is_stream_id, read_entry
from hub.ledger.files import LEAVES_FILE, SUFFIX, entry_file, log_folder
from hub.ledger.index import Index, LogRow
from hub.ledger.projection import StreamState
from hub.ledger.store import LeafFile, Placed, flush

QUARANTINE = "quarantine"
INSERT_STEP = 2000
MAX_ROUNDS = 8
LOOKED_BACK_US = 12 * 3600 * US_PER_S
"""Files begun so long before a stream's newest entry are as the database knows them. A reel lasts up to four hours; the
rest is for a calendar that was set back just before the end, by a time zone at worst."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Bytes that were moved out of a file, from ``offset`` to its end."""

    path: str
    offset: int
    size: int
    sha256: str
    kept_as: str

    def body(self) -> dict[str, JsonValue]:
        return {"offset": self.offset, "size": self.size, "sha256": self.sha256, "kept_as": self.kept_as}


@dataclass
class Repair:
    """What was found and done."""

    completed: int = 0
    """Entries that were in the database and not, or not whole, in their files."""
    reinserted: int = 0
    """Entries that were in their files and not in the database."""
    quarantined: list[Quarantined] = field(default_factory=list)


@dataclass
class _Found:
    """Entries beyond what the database knows, by stream and number, and where files stop making sense."""

    streams: dict[str, dict[int, Placed]] = field(default_factory=dict)
    torn: dict[str, int] = field(default_factory=dict)

    def tear(self, path: str, offset: int) -> None:
        self.torn[path] = min(offset, self.torn.get(path, offset))


def repair(data: Path, index: Index) -> Repair:
    """Bring files, log and database into step. Raises LedgerError, OSError."""
    done = Repair(completed=complete_files(data, index))
    found = _search(data, index, everything=not index.states)
    accepted = _accept(found, index)
    torn = sorted(found.torn.items())
    done.quarantined = [quarantine(data, path, offset) for path, offset in torn]
    flush_kept(data, done.quarantined)
    for path, offset in torn:
        os.truncate(data / path, offset)
    flush(data, [path for path, _ in torn], [])
    done.reinserted = insert_found(data, index, accepted)
    return done


def complete_files(data: Path, index: Index) -> int:
    """Write the lines that the database holds and the files do not; returns how many."""
    missing = 0
    touched = set()
    for item in index.unflushed():
        line = item.data + b"\n"
        handle = _open_or_make(data / item.path)
        try:
            if os.pread(handle, len(line), item.offset) != line:
                os.pwrite(handle, line, item.offset)
                touched.add(item.path)
                missing += 1
        finally:
            os.close(handle)
    flush(data, touched, touched)
    return missing


def _open_or_make(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


# ------------------------------------------------------------- entries that the database lacks


def catch_up(data: Path, index: Index) -> list[Placed]:
    """Entries that lie in files and not in the database, in the order of the log, while the hub runs."""
    accepted = _accept(_search(data, index, everything=False), index)
    return _in_log_order(data, index, accepted)


def _search(data: Path, index: Index, *, everything: bool) -> _Found:
    found = _Found()
    folders = [(HUB_STREAM, data / HUB_STREAM)]
    if (data / "reels").is_dir():
        folders += [(entry.name, Path(entry.path)) for entry in os.scandir(data / "reels") if is_stream_id(entry.name)]
    for stream, folder in folders:
        if folder.is_dir():
            since = "" if everything else looked_at_from(index, stream)
            below = folder.relative_to(data).as_posix()
            known = index.file_sizes(below, since)
            for inner, file in files_since(folder, since, SUFFIX):
                name = f"{below}/{inner}"
                if file.stat().st_size > known.get(name, 0):
                    _read_lines(Path(file.path), name, known.get(name, 0), stream, found)
    return found


def looked_at_from(index: Index, stream: str, back_us: int = LOOKED_BACK_US) -> str:
    """``<day>/<HHMMSS>`` of a while before the stream's newest entry: what was begun earlier is as the database knows
    it. Empty: all is looked at."""
    state = index.states.get(stream)
    if state is None:
        return ""
    times = [state.t_hub_us] if state.recorded_until_us is None else [state.t_hub_us, state.recorded_until_us]
    times += [begin_us for begin_us, *_ in state.uploads.values()]  # what is brought later lies in earlier days
    return f"{_EPOCH + timedelta(microseconds=max(0, min(times) - back_us)):%Y-%m-%d/%H%M%S}"


def files_since(folder: Path, since: str, suffix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Files below a stream's folder, each with its name below the folder: of the days after that of ``since``, and of
    that day itself, but for the reels that were begun before. ``since``: a day, or as :func:`looked_at_from`."""
    day, _, moment = since.partition("/")
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name >= day:
            if entry.is_dir(follow_symlinks=False):
                first = moment if entry.name == day else ""
                for inner in sorted(os.scandir(entry.path), key=lambda inner: inner.name):
                    if inner.name >= first and inner.name.endswith(suffix) and inner.is_file(follow_symlinks=False):
                        yield f"{entry.name}/{inner.name}", inner
            elif entry.name.endswith(suffix) and entry.is_file(follow_symlinks=False):
                yield entry.name, entry


def _read_lines(path: Path, name: str, offset: int, stream: str, found: _Found) -> None:
    own = found.streams.setdefault(stream, {})
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            try:
                entry = read_entry(line[:-1])
            except LedgerError:
                entry = None
            if (
                entry is None
                or not line.endswith(b"\n")
                or entry.stream_id != stream
                or entry_file(stream, entry.type, entry.body, entry.t_hub_us) != name
                or entry.seq in own
            ):
                found.tear(name, offset)
                return
            own[entry.seq] = Placed(entry, name, offset)
            offset += len(line)


def _accept(found: _Found, index: Index) -> list[Placed]:
    """Those that go on where the database's chains end. The rest is torn off its files."""
    for _ in range(MAX_ROUNDS):
        accepted, torn = [], False
        for stream, own in found.streams.items():
            state = index.states.get(stream) or StreamState(stream)
            seq, leaf = state.seq, state.leaf.hex()
            while (item := own.get(seq + 1)) is not None and item.entry.prev == leaf and not _is_torn(found, item):
                accepted.append(item)
                seq, leaf = seq + 1, item.entry.leaf
            for item in own.values():
                if (item.entry.seq > seq or item.entry.seq <= state.seq) and not _is_torn(found, item):
                    found.tear(item.path, item.offset)
                    torn = True
        if not torn:
            return accepted
    raise LedgerError("the entry files contradict each other; run `hub verify` on the data folder")


def _is_torn(found: _Found, item: Placed) -> bool:
    return item.offset >= found.torn.get(item.path, item.offset + 1)


# ------------------------------------------------------------------------------------- the log


def insert_found(data: Path, index: Index, accepted: list[Placed]) -> int:
    """Put entries found in files into log and database."""
    paths = {item.path for item in accepted}
    flush(data, paths, paths)
    ordered = _in_log_order(data, index, accepted)
    rows = {row.origin: row for row in index.logs()}
    at = 0
    while at < len(ordered):
        origin = ordered[at].entry.origin
        row = rows.get(origin) or index.add_log(origin, index.next_entry)
        rows[origin] = row
        end = at
        while end < len(ordered) and ordered[end].entry.origin == origin and end - at < INSERT_STEP:
            end += 1
        index.insert(ordered[at:end], flushed=True)
        at = end
    for row in index.logs():
        _align_leaves(data, index, row)
    return len(ordered)


def _in_log_order(data: Path, index: Index, accepted: Iterable[Placed]) -> list[Placed]:
    """By log, then as their leaves lie in it; what the log does not hold comes last, by time."""
    by_origin: dict[str, list[Placed]] = {}
    for item in accepted:
        by_origin.setdefault(item.entry.origin, []).append(item)
    order = {row.origin: (0, row.id) for row in index.logs()}
    # A log that the database does not know begins with its genesis in the hub's own chain.
    for origin, own in by_origin.items():
        starts = [
            item.entry.seq
            for item in own
            if item.entry.stream_id == HUB_STREAM and item.entry.type is EntryType.GENESIS
        ]
        order.setdefault(origin, (1, min(starts, default=0)))
    ordered: list[Placed] = []
    for origin in sorted(by_origin, key=lambda origin: order[origin]):
        row = next((row for row in index.logs() if row.origin == origin), None)
        positions = _positions(data, origin, 0 if row is None else index.next_entry - row.first_entry)
        ordered += _by_position(by_origin[origin], positions)
    return ordered


def _by_position(own: list[Placed], positions: dict[str, int]) -> list[Placed]:
    """As they lie in the log; then by time, where a calendar set back must not overtake the chain."""
    keys: dict[str, tuple[int, int]] = {}
    latest_us: dict[str, int] = {}
    own = sorted(own, key=lambda item: (item.entry.stream_id, item.entry.seq))
    for item in own:
        entry = item.entry
        latest_us[entry.stream_id] = max(entry.t_hub_us, latest_us.get(entry.stream_id, 0))
        position = positions.get(entry.leaf)
        keys[entry.leaf] = (0, position) if position is not None else (1, latest_us[entry.stream_id])
    return sorted(own, key=lambda item: keys[item.entry.leaf])


def _positions(data: Path, origin: str, start: int) -> dict[str, int]:
    """Where leaves lie in the log's file, from ``start`` on."""
    path = log_folder(data, origin) / LEAVES_FILE
    if not path.exists():
        return {}
    leaves = LeafFile(path)
    try:
        blocks = leaves.blocks(start, leaves.size)
        return {leaf.hex(): at for at, leaf in enumerate(leaf for block in blocks for leaf in block)}
    finally:
        leaves.close()


def _align_leaves(data: Path, index: Index, row: LogRow) -> None:
    """Make the log's leaves those that the database has, where they differ at the end."""
    following = [other.first_entry for other in index.logs() if other.id > row.id]
    count = min(following, default=index.next_entry) - row.first_entry
    leaves = LeafFile(log_folder(data, row.origin) / LEAVES_FILE)
    try:
        # What may have been lost lies behind what was flushed, and that is no more than half a minute.
        start = max(0, min(leaves.size, count, index.first_unflushed() - row.first_entry))
        known = index.leaves(row.first_entry + start, count - start)
        if leaves.size != count or leaves.read(start, count) != known:
            leaves.rewrite(start, known)
        leaves.sync()
    finally:
        leaves.close()


# ----------------------------------------------------------------------------------- quarantine


def quarantine(data: Path, path: str, offset: int) -> Quarantined:
    """Copy a file's bytes from ``offset`` on into the quarantine folder; not durable before :func:`flush_kept`."""
    kept_as = f"{QUARANTINE}/{path.replace('/', '__')}.{offset}"
    target = data / kept_as
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with (data / path).open("rb") as source, target.open("wb") as copy:
        source.seek(offset)
        while block := source.read(1 << 20):
            copy.write(block)
            digest.update(block)
            size += len(block)
    return Quarantined(path, offset, size, digest.hexdigest(), kept_as)


def flush_kept(data: Path, kept: Iterable[Quarantined]) -> None:
    """What is in quarantine is durable; only then may it be cut off where it was."""
    names = [one.kept_as for one in kept]
    flush(data, names, names)
