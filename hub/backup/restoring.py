"""``hub restore``: a backup becomes a data folder again, and its log is not simply gone on with.

What a backup holds ends before what the hub did afterwards. Going on with its log would be a second history under one
name, which is what the log is there to prevent. So a restored log counts as finished: the next start asks for a new
``log_origin``, and the new log's first entry cites the old head. Only a hub that was stopped for its backup and will
never be started where it was may go on with its log (``moved``).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub.backup.archive import BadBackup, give_to_owner, unpack
from hub.clock import Clock
from hub.errors import LedgerError, StorageError
from hub.ledger.files import DATABASE_FILE, LOCK_FILE, RESTORED_FILE, log_folder, sync_folder
from hub.ledger.startup import lock_folder

STAGING = ".restoring"


@dataclass(frozen=True, slots=True)
class Restored:
    """What is there now. ``origin`` is the name to begin the next log with; empty: the log goes on."""

    manifest: Mapping[str, Any]
    origin: str


def restore(path: Path, data: Path, clock: Clock, *, moved: bool = False) -> Restored:
    """Fill an empty or new folder. Raises BadBackup, StorageError, OSError, and then it is as it was."""
    with staging(data) as folder:
        manifest = unpack(path, folder, "data")
        if not (folder / DATABASE_FILE).exists():
            raise BadBackup(f"{path} holds no {DATABASE_FILE}: it is no backup of a data folder")
        head = _head(manifest)
        if moved and (manifest.get("running") is not False or manifest.get("orderly") is not True):
            raise StorageError(
                "its log can only be gone on with where the hub was stopped in order before the backup was made; "
                "restore it without --moved"
            )
        origin = ""
        if head is not None and not moved:
            origin = next_origin(head, clock.now().utc_us)
            place = log_folder(folder, head)
            place.mkdir(parents=True, exist_ok=True)
            (place / RESTORED_FILE).write_text(f"{origin}\n", encoding="utf-8")
        (folder / DATABASE_FILE).chmod(0o600)
    return Restored(manifest, origin)


def _head(manifest: Mapping[str, Any]) -> str | None:
    head = manifest.get("head")
    if head is None:
        return None
    if not isinstance(head, dict) or not isinstance(head.get("origin"), str) or not isinstance(head.get("size"), int):
        raise BadBackup("its manifest names no log")
    return str(head["origin"])


def next_origin(origin: str, utc_us: int) -> str:
    """A name that no log had: the old one and the moment of the restore."""
    stem = re.sub(r"\.\d{8}T\d{6}Z$", "", origin, flags=re.ASCII)
    return f"{stem}.{datetime.fromtimestamp(utc_us / 1e6, UTC):%Y%m%dT%H%M%SZ}"


@contextmanager
def staging(data: Path) -> Iterator[Path]:
    """A folder in ``data`` whose content becomes that of ``data`` when the block ends well. No hub starts meanwhile."""
    made = not data.exists()
    _refuse_if_used(data)
    data.mkdir(parents=True, exist_ok=True, mode=0o750)
    try:
        lock = lock_folder(data)
    except LedgerError as error:
        raise StorageError(f"{data} is in use: {error}") from error
    folder = data / STAGING
    shutil.rmtree(folder, ignore_errors=True)  # of a restore that was killed
    try:
        folder.mkdir(mode=0o750)
        yield folder
        for path in (data / LOCK_FILE, folder, *folder.rglob("*")):
            give_to_owner(path, data)
        os.sync()
        for entry in sorted(folder.iterdir()):
            entry.rename(data / entry.name)
        folder.rmdir()
        sync_folder(data)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        (data / LOCK_FILE).unlink(missing_ok=True)
        if made:
            data.rmdir()
        raise
    finally:
        os.close(lock)


def _refuse_if_used(data: Path) -> None:
    if not data.exists():
        return
    if not data.is_dir():
        raise StorageError(f"expected an empty or new folder at {data}, found a file")
    found = sorted(entry.name for entry in os.scandir(data) if entry.name not in (STAGING, LOCK_FILE, "lost+found"))
    if found:
        raise StorageError(f"expected an empty or new folder at {data}, found {found[0]} in it; nothing was changed")
