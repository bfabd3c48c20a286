"""Step 1 of a verification: what is there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from hub.errors import LedgerError
from hub.ledger.entries import HUB_STREAM, is_stream_id
from hub.ledger.files import LOCK_FILE, SUFFIX
from hub.ledger.verify.context import Context
from hub.ledger.verify.lines import EntryFile
from hub.ledger.verify.log import find_logs

REEL_SUFFIX = ".mp4"


def take(run: Context) -> None:
    """List logs, entry files and reels, in this order, with their sizes at this moment."""
    if not run.data.is_dir():
        raise LedgerError(f"expected a data folder at {run.data}, found none")
    run.live = run.verdict.live = is_live(run.data)
    run.logs = find_logs(run.data)
    _list_entry_files(run)
    if not run.files:
        raise LedgerError(f"expected a hub's data folder at {run.data}, found no entry files in it")
    for stream in (stream for stream in run.files if stream != HUB_STREAM):
        for path in _files_below(run.data / "reels" / stream, REEL_SUFFIX):
            run.reel_files[path.relative_to(run.data).as_posix()] = path.stat().st_size
        if run.options.archive is not None:
            for name, size in run.options.archive.names(f"reels/{stream}"):
                if name.endswith(REEL_SUFFIX):
                    run.archived[name] = size
                    run.newest_archived[stream] = max(name, run.newest_archived.get(stream, ""))
    entry_bytes = sum(file.size for files in run.files.values() for file in files)
    run.total_bytes = entry_bytes + sum((run.archived | run.reel_files).values())
    run.advance(0)


def _list_entry_files(run: Context) -> None:
    folders = {HUB_STREAM: run.data / HUB_STREAM}
    if (run.data / "reels").is_dir():
        for entry in sorted(os.scandir(run.data / "reels"), key=lambda entry: entry.name):
            if is_stream_id(entry.name) and entry.is_dir():
                folders[entry.name] = Path(entry.path)
            else:
                run.unchecked(f"reels/{entry.name}: not a stream's folder")
    for stream, folder in folders.items():
        if folder.is_dir():
            run.files[stream] = [
                EntryFile(path, path.relative_to(run.data).as_posix(), path.stat().st_size)
                for path in _files_below(folder, SUFFIX)
            ]


def is_live(data: Path) -> bool:
    """Whether a hub is running on this folder: it holds the lock."""
    try:
        handle = os.open(data / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system without locks is no hub's
    finally:
        os.close(handle)
    return False


def _files_below(folder: Path, suffix: str) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path), suffix)
        elif entry.name.endswith(suffix) and entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
