"""A ledger with footage, and its archive: a folder, or a real object store."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.archive.archive import Archive
from hub.archive.book import Book
from hub.archive.files import EitherFiles
from hub.archive.store import Store, open_store
from hub.clock import ManualClock
from hub.database import Database, create_tables, open_engine
from hub.ledger.bodies import chunk_body, close_body, open_body
from hub.ledger.entries import EntryType
from hub.ledger.ledger import Ledger
from hub.ledger.retained import Retained
from hub.ledger.verdict import Verdict
from hub.retention.retention import Retention
from hub.settings import Settings
from hub.shelf import LocalShelf, Shelves
from tests.ledger_folder import START_US, Folder, Reel, scan_fake, session
from tests.retention_support import FakeDisk, settings_of

DAY_S = 86_400


@dataclass
class Place:
    """A running ledger with retention and archive, and what they told. ``open``: reels that are being written to."""

    folder: Folder
    clock: ManualClock
    ledger: Ledger
    retention: Retention
    archive: Archive
    book: Book
    store: Store
    disk: FakeDisk
    open: set[str] = field(default_factory=set)
    told: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    @property
    def shelf(self) -> Shelves:
        return Shelves((LocalShelf(self.folder.data), self.store))

    async def record(
        self, stream: str, reels: int = 1, run: int = 1, at_us: int = START_US, chunks: int = 3
    ) -> list[str]:
        """Reels of 6 s one after the other; their paths."""
        names = []
        self.ledger.append(stream, EntryType.OPEN, open_body(session(self.clock), run))
        rng = random.Random(f"{stream}{run}")
        for number in range(reels):
            reel = Reel(self.folder.data, stream, run, number, at_us + number * 6_000_000, rng)
            names.append(reel.name)
            for index in range(chunks):
                self.ledger.append(stream, EntryType.CHUNK, chunk_body(reel.chunk(number * chunks + index)))
        self.ledger.append(stream, EntryType.CLOSE, close_body("stop", run=run))
        await self.ledger.committed()
        return names

    def days(self, days: float) -> None:
        self.clock.advance(days * DAY_S)

    def local(self) -> list[str]:
        return sorted(self.folder.name(path) for path in self.folder.data.glob("reels/*/*/*.mp4"))

    def archived(self, below: str = "reels", suffix: str = ".mp4") -> list[str]:
        return sorted(name for name, _ in self.store.names(below) if name.endswith(suffix))

    async def sign(self) -> None:
        """A checkpoint over everything, now."""
        await self.ledger.committed()
        await self.ledger._sign()

    async def deleted(self) -> None:
        """Retention does what is due, in all its steps."""
        for _ in range(3):
            await self.retention.one_pass()
            await self.sign()

    def verify(self, **options: Any) -> Verdict:
        return self.folder.verify(archive=self.store, **options)


@asynccontextmanager
async def running(root: Path, clock: ManualClock | None = None, **values: Any) -> AsyncIterator[Place]:
    """``archive_url`` and what belongs to it are among ``values``; without them the archive is a folder of ``root``."""
    folder, clock, disk = Folder(root), clock or ManualClock(START_US + 60_000_000), FakeDisk()
    values = {"archive_url": f"file://{root}/archive", "archive_rate_mb": 10_000.0, **values}
    settings = Settings(**{**dict(settings_of(folder)), **values})
    ledger = await Ledger.open(settings, clock, scan_fake)
    engine = open_engine(Database.of(settings))
    create_tables(engine)
    retained = Retained(Database.of(settings))
    store = open_store(settings)
    assert store is not None
    book = Book(engine, "test")
    told: list[tuple[str, Mapping[str, Any]]] = []
    open_reels: set[str] = set()
    archive = Archive(
        settings, clock, store, book, disk,
        open_reels=lambda: open_reels,
        is_gone=ledger.reader.is_gone,
        tell=lambda kind, data: told.append((kind, data)),
    )  # fmt: skip
    retention = Retention(
        settings, clock, ledger, retained,
        tell=lambda kind, data: told.append((kind, data)),
        files=EitherFiles(folder.data, disk, store, book, clock),
        leaving=archive.leaving_bytes,
    )  # fmt: skip
    await retention.start()
    try:
        yield Place(folder, clock, ledger, retention, archive, book, store, disk, open_reels, told)
    finally:
        await archive.close()
        retained.close()
        engine.dispose()
        await ledger.close()
