"""How far a log is whole in a folder that was put together, and what reaches beyond it. Blocking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hub.errors import LedgerError
from hub.ledger.entries import Entry, read_entry
from hub.ledger.files import CHECKPOINT_FILE, CHECKPOINTS_FILE, LEAVES_FILE, SUFFIX, log_folder
from hub.ledger.merkle import HASH_SIZE
from hub.ledger.notes import parse_checkpoint, parse_note

TAIL = 1 << 21
"""Leaves that are held in memory at once: the newest, of some days of a county. What lacks before them stays as it is,
and is for a verification to tell."""


@dataclass
class Prefix:
    """``leaves``: of the newest log; ``last``: by stream, the number of its newest entry in there. ``trimmed``: reels
    of which some entries were dropped."""

    folder: Path
    leaves: int
    note: str
    last: dict[str, int] = field(default_factory=dict)
    everything: bool = True
    """Every leaf was looked at: a stream that is not in ``last`` has no entry in the log."""
    trimmed: set[str] = field(default_factory=set)


def prefix_of(out: Path) -> Prefix:
    """The newest checkpoint under which every entry is there; where there is none, nothing is cut. Raises OSError."""
    origin = (out / "log" / "origin").read_text(encoding="utf-8").strip()
    folder = log_folder(out, origin)
    path = folder / LEAVES_FILE
    size = path.stat().st_size // HASH_SIZE
    start = max(0, size - TAIL)
    with path.open("rb") as file:
        file.seek(start * HASH_SIZE)
        data = file.read((size - start) * HASH_SIZE)
    wanted = {data[at : at + HASH_SIZE]: start + at // HASH_SIZE for at in range(0, len(data), HASH_SIZE)}
    missing = set(wanted.values())
    found: list[tuple[int, str, int]] = []
    for _, entry in _entries(out):
        index = wanted.get(bytes.fromhex(entry.leaf))
        if index is not None:
            missing.discard(index)
            found.append((index, entry.stream_id, entry.seq))
    whole = min(missing, default=size)
    leaves, note = _checkpoint_within(folder, whole)
    prefix = Prefix(folder, leaves or size, note, everything=start == 0)
    for index, stream, seq in found:
        if index < prefix.leaves:
            prefix.last[stream] = max(seq, prefix.last.get(stream, -1))
    return prefix


def trim(out: Path, prefix: Prefix) -> int:
    """Cut log and entries to it; how many entries were dropped."""
    _cut_log(prefix)
    dropped = 0
    for path in sorted(out.rglob(f"*{SUFFIX}")):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if _is_kept(line, prefix)]
        if len(kept) == len(lines):
            continue
        dropped += len(lines) - len(kept)
        prefix.trimmed.add(path.relative_to(out).as_posix().removesuffix(SUFFIX))
        if kept:
            path.write_bytes(b"".join(kept))
        else:
            path.unlink()
    return dropped


def _is_kept(line: bytes, prefix: Prefix) -> bool:
    if not line.endswith(b"\n"):
        return False  # a running hub was in the middle of it
    try:
        entry = read_entry(line[:-1])
    except LedgerError:
        return True  # for the verification to tell
    last = prefix.last.get(entry.stream_id, -1 if prefix.everything else entry.seq)
    return entry.seq <= last


def _entries(out: Path) -> Iterator[tuple[Path, Entry]]:
    for path in sorted(out.rglob(f"*{SUFFIX}")):
        with path.open("rb") as file:
            for line in file:
                try:
                    yield path, read_entry(line.rstrip(b"\n"))
                except LedgerError:
                    continue


def _notes(folder: Path) -> list[tuple[int, str]]:
    """Size and text of each whole note."""
    try:
        text = (folder / CHECKPOINTS_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    found = []
    for one in _split(text):
        try:
            found.append((parse_checkpoint(parse_note(one).text).size, one))
        except LedgerError:
            continue
    return found


def _split(text: str) -> Iterator[str]:
    """A note holds an empty line before its signatures; another one stands behind each note."""
    parts = text.split("\n\n")
    for at in range(0, len(parts) - 1, 2):
        yield f"{parts[at]}\n\n{parts[at + 1]}\n"


def _checkpoint_within(folder: Path, size: int) -> tuple[int, str]:
    return max((one for one in _notes(folder) if one[0] <= size), default=(0, ""), key=lambda one: one[0])


def _cut_log(prefix: Prefix) -> None:
    path = prefix.folder / LEAVES_FILE
    with path.open("r+b") as file:
        file.truncate(prefix.leaves * HASH_SIZE)
    if not prefix.note:
        return
    kept = "".join(f"{note}\n" for size, note in _notes(prefix.folder) if size <= prefix.leaves)
    (prefix.folder / CHECKPOINTS_FILE).write_text(kept, encoding="utf-8")
    (prefix.folder / CHECKPOINT_FILE).write_text(prefix.note, encoding="utf-8")
