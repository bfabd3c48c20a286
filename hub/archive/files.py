"""The disk and the archive as retention sees them: what is deleted goes in both places, or in neither. Blocking."""

from __future__ import annotations

from pathlib import Path

import structlog

from hub.archive.book import Book
from hub.archive.store import Refused, Store
from hub.clock import US_PER_S, Clock, rfc3339
from hub.retention.files import Files, Kept, Usage

ASK_AGAIN_US = 86_400 * US_PER_S
"""A store that refused a deletion is asked again when its lock ends, and not before a day has passed."""
_log = structlog.get_logger(__name__)


class EitherFiles:
    """See :class:`hub.retention.files.Files`. Paths that do not lie in the data folder are the disk's alone."""

    def __init__(self, data: Path, disk: Files, store: Store, book: Book, clock: Clock) -> None:
        self._data = data
        self._disk = disk
        self._store = store
        self._book = book
        self._clock = clock

    def size(self, path: Path) -> int | None:
        """Raises OSError where the disk has none and the store does not answer."""
        found = self._disk.size(path)
        return found if found is not None else self._store.size(self._name(path))

    def remove(self, path: Path) -> None:
        """From the archive first: what it refuses stays here too. Raises Kept, OSError."""
        name = self._name(path)
        now_us = self._clock.now().utc_us
        known = self._book.get(name)
        if known is not None and known.refused_us:
            again_us = max(known.lock_until_us, known.refused_us + ASK_AGAIN_US)
            if now_us < again_us:
                raise Kept(f"the archive refused to delete {name}; it is asked again on {rfc3339(again_us)}")
        # From here on an upload that is under way ends with the object's removal.
        try:
            until_us = self._store.lock_until_us(name)
            if until_us > now_us:
                raise Refused(f"the object store keeps {name} until {rfc3339(until_us)}")
            self._book.gone(name, now_us)
            self._store.remove(name)
        except Refused as error:
            self._refused(name, now_us)
            raise Kept(str(error)) from error
        if self._disk.size(path) is not None:
            self._disk.remove(path)

    def _refused(self, name: str, now_us: int) -> None:
        until_us = self._store.lock_until_us(name)
        self._book.refused(name, until_us, now_us)
        _log.error("the archive refuses a deletion that is due", path=name, lock_until_us=until_us)

    def flush_folder(self, path: Path) -> None:
        if path.is_dir():
            self._disk.flush_folder(path)

    def usage(self, path: Path) -> Usage:
        return self._disk.usage(path)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._data).as_posix()
