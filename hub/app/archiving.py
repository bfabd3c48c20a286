"""The archive, and the one way to read reels wherever they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from hub.app.ground import Ground
from hub.app.meanwhile import Work
from hub.archive.book import Book
from hub.retention.files import Files
from hub.shelf import LocalShelf, Shelf, Shelves

if TYPE_CHECKING:
    from hub.app.hub import Hub
    from hub.archive.archive import Archive


class Archiving:
    """What a hub has of it: without ``archive_url`` the disk alone. ``files`` is what retention deletes from."""

    def __init__(self, hub: Hub, stack: AsyncExitStack, ground: Ground) -> None:
        """Raises SettingsError for an address that is none."""
        settings, clock = hub.settings, hub.clock
        self.files: Files = ground.files
        self.archive: Archive | None = None
        self._among_others = bool(ground.shelves)
        near = (LocalShelf(settings.data), *ground.shelves)
        self.shelf: Shelf = Shelves(near) if ground.shelves else near[0]
        self.beside: Shelf = self.shelf
        """Where pictures of alarms, photographs and originals lie: of a hub that is alone all of them lie here."""
        if not settings.archive_url:
            return
        from hub.archive.archive import Archive  # only here: most hubs need no object store
        from hub.archive.files import EitherFiles
        from hub.archive.store import store_at

        store = store_at(settings.archive_url, settings)
        book = Book(ground.engine, settings.node_name)
        self.files = EitherFiles(settings.data, ground.files, store, book, clock)
        self.shelf = Shelves((*near, store))
        self.beside = self.shelf if ground.shelves else near[0]

        def open_reels() -> Collection[str]:
            return hub.disk.open_reels()

        self.archive = Archive(
            settings, clock, store, book, ground.own_files,
            open_reels=open_reels,
            is_gone=ground.ledger.reader.is_gone,
            bytes_per_s=lambda: hub.retention.status.bytes_per_s,
            tell=hub.telling.publish,
        )  # fmt: skip
        stack.push_async_callback(self.archive.close)
        self._reader = ground.ledger.reader

    async def away(self, reels: Collection[str]) -> None:
        """Of a cluster: whoever leads next has another disk, so what was just written to this one goes at once."""
        if self._among_others and self.archive is not None:
            await self.archive.take(reels, self._reader.reel_end_us)

    def works(self) -> tuple[Work, ...]:
        """What goes on in the background."""
        return () if self.archive is None else (self.archive.run,)

    def ready(self) -> Mapping[str, str]:
        """For /readyz, and the alarm that follows from it."""
        return {} if self.archive is None else {"archive": self.archive.problem}
